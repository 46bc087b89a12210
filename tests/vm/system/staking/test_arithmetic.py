"""Shares, sums, windows, ranks and keys: the parts that need no chain."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.secp256k1 import PrivateKey, recover_address
from chain.types import Address
from vm.system.staking.accumulators import earned, per_unit
from vm.system.staking.consensus_key import key_from_text, key_to_text, proof_digest, prove_possession
from vm.system.staking.parameters import BPS
from vm.system.staking.ranking import Heap, key_of, member_of, power_of
from vm.system.staking.shares import part_of, shares_of_deposit, shares_of_withdrawal, worth
from vm.system.staking.signed_blocks import counted_blocks, most_missed, place_of

WEI = st.integers(1, 10**30)
STEPS = st.lists(
    st.tuples(st.sampled_from(["in", "out", "all", "slash"]), WEI, st.integers(0, BPS - 1)), max_size=30
)


@given(STEPS)
def test_a_share_is_never_worth_more_than_a_wei_and_nobody_takes_more_than_its_part(
    steps: list[tuple[str, int, int]],
) -> None:
    tokens = shares = held = 0
    others = 10**18
    tokens = shares = others
    for kind, wei, bps in steps:
        before = Fraction(tokens, shares) if shares else Fraction(1)
        if kind == "in" and (tokens or not shares):
            got = shares_of_deposit(wei, tokens, shares)
            assert got >= wei
            tokens, shares, held = tokens + wei, shares + got, held + got
            assert Fraction(tokens, shares) >= before, "a deposit does not cost the others anything"
        elif kind in ("out", "all"):
            most = worth(held, tokens, shares)
            wei = most if kind == "all" else min(wei, most)
            if wei:
                gone = shares_of_withdrawal(wei, held, tokens, shares)
                assert gone <= held
                tokens, shares, held = tokens - wei, shares - gone, held - gone
                assert not shares or Fraction(tokens, shares) >= before, "nor does a withdrawal"
        elif kind == "slash":
            tokens -= part_of(tokens, bps)
        assert 0 <= tokens <= shares


def test_the_last_delegator_takes_everything() -> None:
    assert shares_of_withdrawal(worth(7, 5, 7), 7, 5, 7) == 7
    assert worth(7, 5, 7) == 5
    assert worth(0, 0, 0) == 0


def test_a_part_is_rounded_up() -> None:
    assert part_of(1, 1) == 1
    assert part_of(10_000, 500) == 500
    assert part_of(5, 0) == 0
    assert part_of(7, BPS) == 7


@given(st.lists(st.tuples(WEI, st.lists(st.integers(1, 10**27), min_size=1, max_size=5)), max_size=10))
def test_all_units_together_never_get_more_than_was_added(rounds: list[tuple[int, list[int]]]) -> None:
    total = 0
    added = paid = 0
    for wei, units in rounds:
        before = total
        total += per_unit(wei, sum(units))
        added += wei
        paid += sum(earned(each, before, total) for each in units)
        assert paid <= added
        assert added - paid <= 2 * sum(len(units) for _, units in rounds)


# --- ranks ---


def heap_of(highest_first: bool) -> tuple[Heap, list[int]]:
    words: list[int] = []
    return Heap(words, defaultdict(int), highest_first=highest_first), words


@given(
    st.booleans(),
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 4)), max_size=60),
)
def test_a_heap_is_a_sorted_list_from_which_one_sees_the_top(
    highest_first: bool, steps: list[tuple[int, int]]
) -> None:
    heap, words = heap_of(highest_first)
    model: dict[Address, int] = {}
    for number, power in steps:
        member = Address(number.to_bytes(20))
        if not power:
            if member in model:
                heap.remove(member)
                del model[member]
        else:
            key = key_of(power, member)
            if member in model:
                heap.replace(key)
            else:
                heap.push(key)
            model[member] = key
        assert sorted(words) == sorted(model.values())
        assert len(heap) == len(model)
        if model:
            assert heap.top == (max if highest_first else min)(model.values())
        for index in range(10):
            other = Address(index.to_bytes(20))
            assert (other in heap) == (other in model)


def test_of_equal_powers_the_lower_address_is_higher() -> None:
    low, high = Address(bytes(20)), Address(b"\xff" * 20)
    assert key_of(5, low) > key_of(5, high) > key_of(4, low)
    assert (power_of(key_of(5, high)), member_of(key_of(5, high))) == (5, high)
    assert (power_of(key_of(5, low)), member_of(key_of(5, low))) == (5, low)


# --- windows ---


def test_each_block_of_a_window_has_its_own_bit_and_each_epoch_other_words() -> None:
    window = 600
    places = [place_of(counted, window, 3) for counted in range(window)]
    assert len(set(places)) == window
    assert place_of(window, window, 3) == places[0]
    assert not {place.key for place in places} & {place_of(n, window, 4).key for n in range(window)}
    assert all(0 < place.mask < 2**256 and place.mask.bit_count() == 1 for place in places)


def test_the_widest_window_stays_in_its_epoch() -> None:
    assert place_of(999_999, 1_000_000, 1).key < place_of(0, 1_000_000, 2).key


def test_skipped_blocks_do_not_count() -> None:
    assert counted_blocks(10, 3, 0) == 7
    assert counted_blocks(10, 3, 4) == 3
    assert most_missed(10_000, 500) == 9_500
    assert most_missed(3, 5_000) == 2
    assert most_missed(10, 0) == 10


# --- keys ---


def test_a_proof_recovers_the_key_for_one_chain_and_operator_only() -> None:
    key = PrivateKey((7).to_bytes(32))
    operator = Address(b"\x11" * 20)
    proof = prove_possession(key, 1337, operator)
    r, s = int.from_bytes(proof[:32]), int.from_bytes(proof[32:64])
    assert recover_address(proof_digest(1337, operator), proof[64] - 27, r, s) == key.address
    assert (
        len({proof_digest(1337, operator), proof_digest(1, operator), proof_digest(1337, key.address)}) == 3
    )


def test_a_proof_is_no_vote() -> None:
    from consensus.sign_bytes import sign_bytes
    from consensus.types import Vote, VoteKind

    voted = sign_bytes(1337, Vote(VoteKind.PREVOTE, 1, 0, None, Address(bytes(20))))
    assert not voted.startswith(b"aurigraph-consensus-key-proof")


def test_keys_are_read_as_base64_and_as_hex() -> None:
    key = PrivateKey((7).to_bytes(32)).public_key
    assert key_from_text(key_to_text(key)) == key
    assert key_from_text("0x" + key.hex()) == key
    assert len(key_to_text(key)) == 44


@pytest.mark.parametrize(
    "text", ["", "0x", "0x" + "0" * 64, "0" * 66, "=" * 44, "A" * 43, "A" * 45, "Ä" * 44, "A" * 43 + "\n"]
)
def test_other_texts_are_no_keys(text: str) -> None:
    assert key_from_text(text) is None
