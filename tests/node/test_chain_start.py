from dataclasses import replace
from pathlib import Path

import pytest
import trio

from chain.errors import EnvironmentFault
from chain.transaction import MAX_TRANSACTION_BYTES
from chain.types import Address, Hash32
from consensus.codec import encode_evidence
from consensus.types import MAX_HEIGHT, MAX_ROUND, DuplicateProposalEvidence, Proposal
from genesis import ConsensusParameters, Genesis, GenesisValidator, dev_genesis, dump_genesis
from node.chain_start import COMMIT_SLOT_BYTES, RECORD_BYTES, least_block_bytes, open_store, read_chain
from node.errors import ConfigError
from node.payload import MAX_EVIDENCE_BYTES, MAX_EVIDENCE_PER_BLOCK, ConsensusRecord, encode_record
from tests.node.chain_fixture import GENESIS_TIME, OPERATOR, VALIDATOR, HandDrivenChain, commit_of, transfer
from vm.system.staking.parameters import StakingParameters

LEAST = least_block_bytes(StakingParameters().max_validators)


def genesis(**parameters: int) -> Genesis:
    validator = GenesisValidator("one", VALIDATOR.public_key, 1, OPERATOR)
    chosen = replace(ConsensusParameters(), **parameters)
    return dev_genesis([validator], timestamp=GENESIS_TIME, parameters=chosen)


def test_the_chain_follows_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "genesis.json"
    path.write_bytes(dump_genesis(genesis(block_interval_ms=321)))
    chain = read_chain(path)
    assert chain.constants.params.block_interval_ms == 321
    assert [member.address for member in chain.record.validators.validators] == [VALIDATOR.address]
    store = open_store(tmp_path / "db", chain)
    first = store.head
    store.close()
    again = open_store(tmp_path / "db", chain)
    assert again.head == first
    assert first.number == 0
    again.close()


def test_the_database_of_another_chain_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "genesis.json"
    path.write_bytes(dump_genesis(genesis()))
    open_store(tmp_path / "db", read_chain(path)).close()
    path.write_bytes(dump_genesis(genesis(block_interval_ms=2)))
    with pytest.raises(EnvironmentFault, match="genesis"):
        open_store(tmp_path / "db", read_chain(path))


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b"[" * 100_000, b'{"format": 1}'])
def test_a_wrong_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "genesis.json"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"genesis\.json"):
        read_chain(path)
    with pytest.raises(ConfigError, match=r"none\.json"):
        read_chain(tmp_path / "none.json")


def test_blocks_too_small_for_a_transaction_or_a_commit_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "genesis.json"
    path.write_bytes(dump_genesis(genesis(max_block_bytes=LEAST - 1)))
    with pytest.raises(ConfigError, match=r"max_block_bytes.*one transaction of the largest size"):
        read_chain(path)
    path.write_bytes(dump_genesis(genesis(max_block_bytes=LEAST)))
    assert read_chain(path).constants.params.max_block_bytes == LEAST


def test_the_room_for_a_commit_is_enough() -> None:
    one = commit_of(1337, 2**60, Hash32(b"\x01" * 32))
    many = replace(one, signatures=one.signatures * 200)
    signature, address = b"\xff" * 64, Address(b"\xff" * 20)
    proposal = Proposal(MAX_HEIGHT, MAX_ROUND, MAX_ROUND - 1, Hash32(b"\xff" * 32), address, signature)
    piece = DuplicateProposalEvidence(proposal, proposal)
    assert len(encode_evidence(piece)) <= MAX_EVIDENCE_BYTES
    evidence = (piece,) * MAX_EVIDENCE_PER_BLOCK
    assert (
        len(encode_record(ConsensusRecord(2**62, many, evidence))) <= 200 * COMMIT_SLOT_BYTES + RECORD_BYTES
    )


async def test_the_smallest_allowed_block_takes_the_largest_transaction(tmp_path: Path) -> None:
    driven = HandDrivenChain(tmp_path, replace(ConsensusParameters(), max_block_bytes=LEAST))
    await driven.decide()  # so that the next block carries a commit
    largest = transfer(0, 0, data=bytes(MAX_TRANSACTION_BYTES - 120), gas=6_000_000)
    assert MAX_TRANSACTION_BYTES - 10 <= len(largest.raw) <= MAX_TRANSACTION_BYTES
    async with trio.open_nursery() as nursery:
        await nursery.start(driven.pool.run)
        assert await driven.pool.submit([largest.raw]) == [largest.hash]
        nursery.cancel_scope.cancel()
    await driven.decide()
    assert driven.pool.counts()[0] == 0
    driven.close()
