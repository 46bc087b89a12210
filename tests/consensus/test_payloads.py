"""Payloads and copies of undecided blocks stay bounded and honest."""

from chain.types import Hash32
from consensus.payloads import CANDIDATES_PER_BLOCK, MAX_CANDIDATES, MAX_PAYLOADS, Candidate, PayloadStore


def block(number: int) -> Hash32:
    return Hash32(number.to_bytes(32, "big"))


def copy(number: int, peer: bytes = b"peer") -> Candidate:
    return Candidate(peer, b"payload %d" % number)


def test_a_copy_becomes_a_payload_only_when_confirmed() -> None:
    store = PayloadStore()
    assert store.add_candidate(1, block(1), copy(1))
    assert store.get(block(1)) is None
    assert store.candidate(1, block(1)) == copy(1)
    store.confirm(block(1), copy(1).payload, frozenset())
    assert store.get(block(1)) == copy(1).payload
    assert store.candidate(1, block(1)) is None
    assert not store.add_candidate(1, block(1), copy(2))


def test_a_broken_copy_does_not_keep_out_the_right_one() -> None:
    store = PayloadStore()
    store.add_candidate(1, block(1), copy(66, b"liar"))
    assert store.add_candidate(1, block(1), copy(1))
    store.reject(1, block(1), copy(66).payload)
    assert store.candidate(1, block(1)) == copy(1)


def test_copies_are_bounded_per_block_and_in_all() -> None:
    store = PayloadStore()
    taken = [store.add_candidate(1, block(1), copy(number)) for number in range(5)]
    assert sum(taken) == CANDIDATES_PER_BLOCK
    assert not store.add_candidate(1, block(1), copy(0, b"another peer"))
    for number in range(100):
        store.add_candidate(1, block(number), copy(number))
    held = [number for number in range(100) if store.candidate(1, block(number))]
    assert held == list(range(100 - MAX_CANDIDATES, 100))


def test_named_payloads_outlive_the_bound() -> None:
    store = PayloadStore()
    locked = block(0)
    for number in range(MAX_PAYLOADS * 3):
        store.confirm(block(number), b"x", frozenset({locked}))
    assert store.get(locked) == b"x"
    assert store.get(block(MAX_PAYLOADS * 3 - 1)) == b"x"
    assert store.get(block(1)) is None
    assert store.size_bytes() == MAX_PAYLOADS


def test_a_new_height_keeps_only_copies_that_came_early_for_it() -> None:
    store = PayloadStore()
    store.confirm(block(1), b"x", frozenset())
    store.add_candidate(1, block(2), copy(2))
    store.add_candidate(2, block(3), copy(3))
    store.start_height(2)
    assert store.get(block(1)) is None
    assert store.candidate(1, block(2)) is None
    assert store.candidate(2, block(3)) == copy(3)
