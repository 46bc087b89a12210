from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.validator_update import ValidatorUpdate
from consensus.errors import InvalidValidatorSet
from consensus.validator_set import (
    MAX_TOTAL_POWER,
    MAX_VALIDATORS,
    Validator,
    ValidatorSet,
    apply_updates,
    new_validator_set,
    normalised_priorities,
    with_priorities,
)
from tests.consensus.committee import committee, key, plain_address, plain_committee


def test_members_are_ordered_by_descending_power_then_address() -> None:
    ordered = plain_committee(5, 9, 5, 7).validators
    assert [(v.power, v.address[0]) for v in ordered] == [(9, 2), (7, 4), (5, 1), (5, 3)]


def test_lookups_agree_with_the_order() -> None:
    validators = plain_committee(5, 9, 5)
    assert len(validators) == 3
    assert validators.total_power == 19
    assert validators.index_of(plain_address(1)) == 0
    assert validators.power_of(plain_address(1)) == 9
    assert plain_address(2) in validators
    stranger = plain_address(9)
    assert stranger not in validators
    assert (validators.get(stranger), validators.index_of(stranger)) == (None, None)
    assert validators.power_of(stranger) == 0


@pytest.mark.parametrize(
    ("power", "quorum", "honest"),
    [(33, False, False), (34, False, True), (66, False, True), (67, True, True), (100, True, True)],
)
def test_thresholds_of_a_hundred_are_sixty_seven_and_thirty_four(
    power: int, quorum: bool, honest: bool
) -> None:
    validators = plain_committee(*[10] * 10)
    assert validators.is_quorum(power) is quorum
    assert validators.is_honest(power) is honest


@given(st.integers(1, MAX_TOTAL_POWER), st.integers(0, MAX_TOTAL_POWER))
def test_two_quorums_always_share_more_than_a_third(total: int, power: int) -> None:
    validators = plain_committee(total)
    power = min(power, total)
    if validators.is_quorum(power):
        assert validators.is_honest(2 * power - total)
    else:
        assert 3 * power <= 2 * total


def test_broken_sets_are_refused() -> None:
    one = Validator(plain_address(0), b"\x02" * 33, 1)
    with pytest.raises(InvalidValidatorSet, match="0 validators"):
        new_validator_set([])
    with pytest.raises(InvalidValidatorSet, match="same address"):
        new_validator_set([one, one])
    with pytest.raises(InvalidValidatorSet, match="not positive"):
        new_validator_set([replace(one, power=0)])
    with pytest.raises(InvalidValidatorSet, match="total"):
        new_validator_set([replace(one, power=MAX_TOTAL_POWER), Validator(plain_address(1), b"\x02" * 33, 1)])
    with pytest.raises(InvalidValidatorSet, match="33-byte"):
        new_validator_set([replace(one, public_key33=b"")])
    with pytest.raises(InvalidValidatorSet, match="not ordered"):
        ValidatorSet(tuple(reversed(plain_committee(1, 2).validators)), (0, 0))
    with pytest.raises(InvalidValidatorSet, match="1 priorities"):
        ValidatorSet(plain_committee(1, 2).validators, (0,))
    many = [Validator(i.to_bytes(20, "big"), b"\x02" * 33, 1) for i in range(MAX_VALIDATORS + 1)]  # type: ignore[arg-type]
    with pytest.raises(InvalidValidatorSet, match="201"):
        new_validator_set(many)


def test_the_hash_covers_keys_and_powers_but_not_priorities() -> None:
    validators = plain_committee(3, 2, 1)
    assert validators.hash().hex() == "a23d614ce9082e826b90cd16e9240959f00c1f6ce9ea8e9c6a90c2603e30e95d"
    assert with_priorities(validators, (1, 0, -1)).hash() == validators.hash()
    assert plain_committee(3, 2, 2).hash() != validators.hash()
    assert plain_committee(3, 2).hash() != validators.hash()


def test_priorities_are_part_of_the_value() -> None:
    validators = plain_committee(3, 2, 1)
    assert with_priorities(validators, (1, 0, -1)) != validators


def test_a_newcomer_starts_at_minus_one_and_an_eighth_of_the_total() -> None:
    validators = committee(1_000, 1_000)
    grown = apply_updates(validators, [ValidatorUpdate(key(2).public_key, 1_000)])
    # -(3000 + 375), then centred: the average of (0, 0, -3375) is -1125.
    by_address = {v.address: p for v, p in zip(grown.validators, grown.priorities, strict=True)}
    assert by_address[key(2).address] == -2_250
    assert by_address[key(0).address] == by_address[key(1).address] == 1_125


def test_removal_and_power_change_keep_the_others_priorities_relative() -> None:
    validators = with_priorities(committee(10, 10, 10), (6, 0, -6))
    first, second, third = validators.validators
    changed = apply_updates(
        validators, [ValidatorUpdate(first.public_key33, 0), ValidatorUpdate(third.public_key33, 30)]
    )
    assert [v.address for v in changed.validators] == [third.address, second.address]
    # (-6, 0) centred by its floored average of -3.
    assert changed.priorities == (-3, 3)


def test_removing_somebody_in_the_same_update_does_not_help_a_newcomer() -> None:
    validators = committee(100, 100)
    replaced = apply_updates(
        validators, [ValidatorUpdate(key(0).public_key, 0), ValidatorUpdate(key(2).public_key, 100)]
    )
    # The total before removals is 300: -(300 + 37) against 0, scaled into a distance of 400, centred.
    assert sorted(replaced.priorities) == [-168, 169]


@pytest.mark.parametrize(
    ("updates", "reason"),
    [
        ([(0, 5), (0, 6)], "two updates"),
        ([(0, -1)], "negative"),
        ([(5, 0)], "not in the set"),
        ([(0, 0), (1, 0)], "0 validators"),
        ([(0, MAX_TOTAL_POWER)], "total"),
    ],
)
def test_wrong_updates_are_refused(updates: list[tuple[int, int]], reason: str) -> None:
    with pytest.raises(InvalidValidatorSet, match=reason):
        apply_updates(committee(1, 1), [ValidatorUpdate(key(i).public_key, power) for i, power in updates])


def test_no_updates_change_nothing() -> None:
    validators = committee(3, 4)
    assert apply_updates(validators, []) is validators


@given(st.lists(st.integers(-(2**61), 2**61), min_size=1, max_size=20), st.integers(1, MAX_TOTAL_POWER))
def test_normalised_priorities_are_centred_within_the_window_and_stay(
    priorities: list[int], total: int
) -> None:
    once = normalised_priorities(tuple(priorities), total)
    assert max(once) - min(once) <= 2 * total
    assert 0 <= sum(once) < len(once)
    assert normalised_priorities(once, total) == once


def test_scaling_truncates_toward_zero_as_in_go() -> None:
    # distance 30 over window 10: ratio 3; -14/3 = -4, 16/3 = 5; average 0 (floored).
    assert normalised_priorities((-14, 16), 5) == (-4, 5)
