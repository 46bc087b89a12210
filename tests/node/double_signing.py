"""Validators that sign twice, and a registry that tests write by hand."""

from __future__ import annotations

from dataclasses import dataclass, field

from chain.keccak import keccak256
from chain.secp256k1 import PrivateKey
from chain.types import Address, Hash32
from consensus.evidence import canonical
from consensus.sign_bytes import sign_digest
from consensus.types import DuplicateVoteEvidence, Evidence, Vote, VoteKind
from node.validator_registry import ValidatorRegistry
from state.reader import StateReader
from tests.node.chain_fixture import OPERATOR, VALIDATOR

CHAIN_ID = 1337
MAX_AGE_BLOCKS = 5


def double_vote(
    height: int, key: PrivateKey = VALIDATOR, *, at_round: int = 0, chain_id: int = CHAIN_ID
) -> Evidence:
    """Two prevotes of `key`, in canonical order."""
    votes = [
        signed(Vote(VoteKind.PREVOTE, height, at_round, block_id, key.address), key, chain_id)
        for block_id in (keccak256(b"one"), keccak256(b"two"))
    ]
    return canonical(DuplicateVoteEvidence(*votes))


def signed(vote: Vote, key: PrivateKey, chain_id: int = CHAIN_ID) -> Vote:
    return vote.signed(key.sign_compact(sign_digest(chain_id, vote)))


def tampered(evidence: Evidence) -> Evidence:
    """With a signature of another vote."""
    assert isinstance(evidence, DuplicateVoteEvidence)
    other = Hash32(b"\xff" * 32)
    return canonical(
        DuplicateVoteEvidence(
            evidence.first,
            Vote(
                evidence.second.kind,
                evidence.second.height,
                evidence.second.round,
                other,
                evidence.second.validator,
                evidence.second.signature,
            ),
        )
    )


@dataclass
class WrittenRegistry:
    """What the state would say."""

    operators: dict[Address, Address] = field(default_factory=lambda: {VALIDATOR.address: OPERATOR})
    tombstoned: set[Address] = field(default_factory=set)
    asked: int = 0

    def registry(self) -> ValidatorRegistry:
        def operator_of(_: StateReader, validator: Address) -> Address | None:
            self.asked += 1
            return self.operators.get(validator)

        return ValidatorRegistry(
            operator_of=operator_of,
            is_tombstoned=lambda _, validator: validator in self.tombstoned,
            evidence_max_age_blocks=lambda _: MAX_AGE_BLOCKS,
        )
