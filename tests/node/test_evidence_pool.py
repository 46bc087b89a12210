"""Evidence waits for a block of this node: bounded, kept across restarts, and no longer than it is of use."""

from __future__ import annotations

from typing import Any, cast

import msgpack
import pytest

from chain.errors import InvariantViolation
from chain.secp256k1 import PrivateKey
from consensus.evidence import accused_of
from consensus.types import DuplicateVoteEvidence
from node.chain_rules import is_of_age
from node.evidence_pool import MAX_PENDING, EvidencePool
from node.payload import MAX_EVIDENCE_PER_BLOCK
from state.reader import DictReader
from tests.node.chain_fixture import OPERATOR, VALIDATOR
from tests.node.double_signing import MAX_AGE_BLOCKS, WrittenRegistry, double_vote

STATE = DictReader()


class Meta:
    """The small records of a store, and its state."""

    def __init__(self) -> None:
        self.rows: dict[bytes, bytes] = {}

    def meta_get(self, key: bytes) -> bytes | None:
        return self.rows.get(key)

    def meta_put(self, key: bytes, value: bytes) -> None:
        self.rows[key] = value

    def latest_state(self) -> DictReader:
        return STATE


class Bench:
    def __init__(self) -> None:
        self.store, self.written = Meta(), WrittenRegistry()
        self.pool = self.opened()

    def opened(self) -> EvidencePool:
        return EvidencePool(cast(Any, self.store), self.written.registry())

    def knows(self, *keys: PrivateKey) -> None:
        for key in keys:
            self.written.operators[key.address] = OPERATOR


def keys(count: int) -> list[PrivateKey]:
    return [PrivateKey((number + 1).to_bytes(32)) for number in range(count)]


def test_a_piece_is_offered_from_the_next_height_until_it_is_too_old() -> None:
    bench = Bench()
    piece = double_vote(7)
    bench.pool.add(piece)
    offered = [number for number in range(1, 30) if bench.pool.offer(STATE, number) == (piece,)]
    assert offered == [number for number in range(1, 30) if is_of_age(7, number, MAX_AGE_BLOCKS)]
    assert offered == list(range(8, 8 + MAX_AGE_BLOCKS))


def test_the_messages_are_put_in_order_and_the_first_piece_about_a_validator_stays() -> None:
    bench = Bench()
    piece = double_vote(7)
    assert isinstance(piece, DuplicateVoteEvidence)
    bench.pool.add(DuplicateVoteEvidence(piece.second, piece.first))
    bench.pool.add(double_vote(8))
    assert bench.pool.offer(STATE, 9) == (piece,)


def test_it_survives_a_restart_and_leaves_with_its_block() -> None:
    bench = Bench()
    piece = double_vote(7)
    bench.pool.add(piece)
    again = bench.opened()
    assert again.offer(STATE, 8) == (piece,)
    again.follow(STATE, 8, [piece])
    assert again.offer(STATE, 9) == ()
    assert len(bench.opened()) == 0


def test_what_nobody_can_use_any_more_is_dropped() -> None:
    bench = Bench()
    bench.pool.add(double_vote(7))
    bench.pool.follow(STATE, 6 + MAX_AGE_BLOCKS, [])
    assert len(bench.pool) == 1
    bench.pool.follow(STATE, 7 + MAX_AGE_BLOCKS, [])
    assert len(bench.pool) == 0

    bench.pool.add(double_vote(7))
    bench.written.tombstoned.add(VALIDATOR.address)
    assert bench.pool.offer(STATE, 8) == ()
    bench.pool.follow(STATE, 7, [])
    assert len(bench.pool) == 0
    bench.pool.add(double_vote(7))
    assert len(bench.pool) == 0, "punished already"
    bench.pool.add(double_vote(7, PrivateKey(b"\x09" * 32)))
    assert len(bench.pool) == 0, "unknown to staking"


def test_a_block_gets_no_more_than_it_may_carry_and_the_rest_waits() -> None:
    bench = Bench()
    many = keys(MAX_EVIDENCE_PER_BLOCK + 3)
    bench.knows(*many)
    for key in many:
        bench.pool.add(double_vote(1, key))
    offered = bench.pool.offer(STATE, 2)
    accused = [accused_of(piece) for piece in offered]
    assert accused == sorted(key.address for key in many)[:MAX_EVIDENCE_PER_BLOCK]
    bench.pool.follow(STATE, 2, offered)
    assert len(bench.pool.offer(STATE, 3)) == 3


def test_it_is_bounded() -> None:
    bench = Bench()
    many = keys(MAX_PENDING + 2)
    bench.knows(*many)
    for key in many:
        bench.pool.add(double_vote(1, key))
    assert len(bench.pool) == MAX_PENDING


@pytest.mark.parametrize("raw", [b"", b"\x01", msgpack.packb([b"x"]), msgpack.packb(["x"])])
def test_a_damaged_row_is_a_broken_invariant(raw: bytes) -> None:
    bench = Bench()
    bench.store.rows[b"consensus/evidence"] = raw
    with pytest.raises(InvariantViolation, match="stored evidence"):
        bench.opened()
