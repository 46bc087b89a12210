"""What blocks tell their hooks of consensus: votes, and evidence that is judged, enters a block and is dropped."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from chain.secp256k1 import PrivateKey
from chain.types import Address, Hash32
from chain.validator_update import ValidatorUpdate
from consensus.types import BlockIdFlag, CommitSignature, Evidence
from consensus.validator_set import new_validator_set, validator_of
from node.chain_rules import consensus_report
from node.payload import ConsensusRecord, decode_payload, encode_payload
from tests.node.chain_fixture import OPERATOR, VALIDATOR, HandDrivenChain, commit_of
from tests.node.double_signing import (
    CHAIN_ID,
    MAX_AGE_BLOCKS,
    WrittenRegistry,
    double_vote,
    tampered,
)
from vm.environment import CommitVote, Misbehaviour

STRANGER = PrivateKey(b"\x05" * 32)


@pytest.fixture
def written() -> WrittenRegistry:
    return WrittenRegistry()


@pytest.fixture
def chain(tmp_path: Path, written: WrittenRegistry) -> Iterator[HandDrivenChain]:
    driven = HandDrivenChain(tmp_path, registry=written.registry())
    yield driven
    driven.close()


async def proposed_with(
    chain: HandDrivenChain, *evidence: Evidence, beneficiary: Address | None = None
) -> tuple[int, bytes]:
    """The next block with this evidence, by a proposer that checks nothing."""
    head, executor = chain.application._head, chain.application._executor
    record = ConsensusRecord(head.parent.timestamp_ms + 1000, head.commit, evidence)
    environment = executor.environment(head, record, OPERATOR if beneficiary is None else beneficiary)
    executed, _ = executor.build(head, environment, record, [], math.inf)
    return executed.block.number, executed.encoded


async def test_reported_evidence_is_in_the_next_block_once_and_its_hooks_hear_of_it(
    chain: HandDrivenChain, written: WrittenRegistry
) -> None:
    chain.update_validators(1, ValidatorUpdate(VALIDATOR.public_key, 9))
    await chain.decide()
    piece = double_vote(1)
    chain.application.report_evidence(piece)
    pending = chain.application.pending_environment()
    await chain.decide()
    for environment in (pending, chain.application.environment_of(2)):
        assert environment is not None
        assert environment.misbehaviour == (Misbehaviour(VALIDATOR.address, 1, 1),), "power at that height"
        assert environment.votes == (CommitVote(VALIDATOR.address, 1, signed=True),)
    await chain.decide()
    third = chain.application.environment_of(3)
    assert third is not None
    assert third.misbehaviour == ()
    chain.application.report_evidence(double_vote(3))
    await chain.decide()
    fourth = chain.application.environment_of(4)
    assert fourth is not None
    assert fourth.misbehaviour == (Misbehaviour(VALIDATOR.address, 3, 9),)
    written.tombstoned.add(VALIDATOR.address)
    chain.application.report_evidence(double_vote(4))
    await chain.decide()
    assert len(chain.application._evidence) == 0


async def test_consensus_gets_the_commit_that_a_valid_block_carries(chain: HandDrivenChain) -> None:
    height, _, payload = await chain.build()
    assert (await chain.application.validate(height, payload)).parent_commit is None
    await chain.decide()
    height, _, payload = await chain.build()
    validation = await chain.application.validate(height, payload)
    assert validation.parent_commit == chain.application.position().last_commit is not None


async def test_the_first_block_has_no_votes(chain: HandDrivenChain) -> None:
    await chain.decide()
    for number in (0, 1):
        environment = chain.application.environment_of(number)
        assert environment is not None
        assert (environment.votes, environment.misbehaviour) == ((), ())
    assert chain.application.environment_of(2) is None


async def test_a_block_with_good_evidence_of_somebody_else_is_valid(chain: HandDrivenChain) -> None:
    await chain.decide()
    height, payload = await proposed_with(chain, double_vote(1))
    validation = await chain.application.validate(height, payload)
    assert validation.valid, validation.reason


@pytest.mark.parametrize(
    ("evidence", "reason"),
    [
        (double_vote(2), "evidence about height 2 in block 2"),
        (double_vote(9), "evidence about height 9 in block 2"),
        (double_vote(0), "evidence about height 0 in block 2"),
        (double_vote(1, STRANGER), "unknown or was punished"),
        (tampered(double_vote(1)), "does not verify"),
        (double_vote(1, chain_id=CHAIN_ID + 1), "does not verify"),
    ],
    ids=["of this height", "of the future", "of genesis", "stranger", "forged", "other chain"],
)
async def test_a_block_with_bad_evidence_is_refused(
    chain: HandDrivenChain, evidence: Evidence, reason: str
) -> None:
    await chain.decide()
    height, payload = await proposed_with(chain, evidence)
    validation = await chain.application.validate(height, payload)
    assert not validation.valid
    assert validation.block_id is not None, "the header commits to the evidence: the block itself is bad"
    assert reason in validation.reason


async def test_evidence_of_one_who_was_no_validator_at_that_height_is_refused(
    chain: HandDrivenChain, written: WrittenRegistry
) -> None:
    written.operators[STRANGER.address] = OPERATOR
    await chain.decide()
    height, payload = await proposed_with(chain, double_vote(1, STRANGER))
    validation = await chain.application.validate(height, payload)
    assert "not a validator of this height" in validation.reason


async def test_evidence_is_refused_when_it_is_too_old_or_its_validator_is_tombstoned(
    chain: HandDrivenChain, written: WrittenRegistry
) -> None:
    for _ in range(MAX_AGE_BLOCKS):
        await chain.decide()
    height, payload = await proposed_with(chain, double_vote(1))
    assert (await chain.application.validate(height, payload)).valid
    written.tombstoned.add(VALIDATOR.address)
    assert "was punished before" in (await chain.application.validate(height, payload)).reason
    written.tombstoned.clear()
    await chain.decide()
    height, payload = await proposed_with(chain, double_vote(1))
    assert "evidence about height 1 in block 7" in (await chain.application.validate(height, payload)).reason


async def test_evidence_that_the_header_does_not_commit_to_says_nothing_about_the_block(
    chain: HandDrivenChain,
) -> None:
    await chain.decide()
    height, _, payload = await chain.build()
    decoded = decode_payload(payload, CHAIN_ID, 10**7, chain.pool.known)
    added = replace(decoded, record=replace(decoded.record, evidence=(double_vote(1),)))
    validation = await chain.application.validate(height, encode_payload(added))
    assert (validation.valid, validation.block_id) == (False, None)


async def test_the_beneficiary_must_be_the_operator_of_a_validator_on_the_state_of_the_parent(
    chain: HandDrivenChain, written: WrittenRegistry
) -> None:
    await chain.decide()
    elsewhere = Address(b"\x33" * 20)
    height, payload = await proposed_with(chain, beneficiary=elsewhere)
    validation = await chain.application.validate(height, payload)
    assert "is no validator's operator" in validation.reason
    written.operators[STRANGER.address] = elsewhere
    assert "is no validator's operator" in (await chain.application.validate(height, payload)).reason
    written.operators[VALIDATOR.address] = elsewhere
    await chain.decide()
    head = chain.store.header(2)
    assert head is not None
    assert head.beneficiary == elsewhere


async def test_a_validator_that_staking_forgot_names_another_one(
    chain: HandDrivenChain, written: WrittenRegistry
) -> None:
    other = Address(b"\x33" * 20)
    chain.update_validators(
        1, ValidatorUpdate(STRANGER.public_key, 1), ValidatorUpdate(VALIDATOR.public_key, 9)
    )
    for _ in range(2):
        await chain.decide()
    del written.operators[VALIDATOR.address]
    written.operators[STRANGER.address] = other
    _, _, payload = await chain.build()
    decoded = decode_payload(payload, CHAIN_ID, 10**7, chain.pool.known)
    assert decoded.block.header.beneficiary == other
    validation = await chain.application.validate(3, payload)
    assert validation.valid, validation.reason


async def test_double_signing_by_one_who_left_is_still_of_use(
    chain: HandDrivenChain, written: WrittenRegistry
) -> None:
    """Its stake unbonds for a while. The set of the height of the deed counts, not the present one."""
    written.operators[STRANGER.address] = OPERATOR
    chain.update_validators(
        1, ValidatorUpdate(STRANGER.public_key, 1), ValidatorUpdate(VALIDATOR.public_key, 9)
    )
    chain.update_validators(2, ValidatorUpdate(STRANGER.public_key, 0))
    for _ in range(3):
        await chain.decide()
    assert STRANGER.address not in chain.application.position().validators
    assert STRANGER.address in (chain.application.position().last_validators or ())
    chain.application.report_evidence(double_vote(3, STRANGER))
    await chain.decide()
    environment = chain.application.environment_of(4)
    assert environment is not None
    assert environment.misbehaviour == (Misbehaviour(STRANGER.address, 3, 1),)
    assert environment.votes == (
        CommitVote(VALIDATOR.address, 9, signed=True),
        CommitVote(STRANGER.address, 1, signed=False),
    )


def test_a_vote_for_nil_shows_that_its_validator_was_there() -> None:
    keys = [PrivateKey(bytes([number]) * 32) for number in range(1, 4)]
    validators = new_validator_set([validator_of(key.public_key, 4 - n) for n, key in enumerate(keys)])
    flags = (BlockIdFlag.COMMIT, BlockIdFlag.NIL, BlockIdFlag.ABSENT)
    slots = tuple(CommitSignature(key.address, flag, b"") for key, flag in zip(keys, flags, strict=True))
    commit = replace(commit_of(CHAIN_ID, 1, Hash32(b"\x01" * 32)), signatures=slots)
    told = consensus_report(ConsensusRecord(0, commit), validators, lambda _: None)
    assert told.votes == tuple(CommitVote(key.address, 4 - n, signed=n < 2) for n, key in enumerate(keys))
