from collections import Counter
from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.keccak import keccak256
from chain.types import Address
from chain.validator_update import ValidatorUpdate
from consensus.proposer import ProposerSchedule, next_height, proposer_at
from consensus.validator_set import (
    Validator,
    ValidatorSet,
    apply_updates,
    new_validator_set,
    with_priorities,
)
from tests.consensus.committee import committee, key, plain_address, plain_committee

# CometBFT types/validator_set_test.go, TestProposerSelection1.
COMETBFT_SEQUENCE = """
foo baz foo bar foo foo baz foo bar foo foo baz foo foo bar foo baz foo foo bar
foo foo baz foo bar foo foo baz foo bar foo foo baz foo foo bar foo baz foo foo bar
foo baz foo foo bar foo baz foo foo bar foo baz foo foo foo baz bar foo foo foo baz
foo bar foo foo baz foo bar foo foo baz foo bar foo foo baz foo bar foo foo baz foo
foo bar foo baz foo foo bar foo baz foo foo bar foo baz foo foo
"""


def _named(**powers: int) -> ValidatorSet:
    return new_validator_set(
        Validator(Address(name.encode().ljust(20, b"\0")), b"\x02" * 33, power)
        for name, power in powers.items()
    )


def _sequence(validators: ValidatorSet, heights: int) -> list[Validator]:
    chosen = []
    for _ in range(heights):
        chosen.append(proposer_at(validators, 0))
        validators = next_height(validators)
    return chosen


def test_heights_follow_the_published_sequence_of_cometbft() -> None:
    names = [v.address.rstrip(b"\0").decode() for v in _sequence(_named(foo=1000, bar=300, baz=330), 99)]
    assert names == COMETBFT_SEQUENCE.split()


def test_equal_powers_go_in_order_of_addresses() -> None:
    chosen = _sequence(plain_committee(100, 100, 100), 15)
    assert [v.address for v in chosen] == [plain_address(i % 3) for i in range(15)]


def test_four_times_the_power_proposes_first_but_not_twice_in_a_row() -> None:
    chosen = _sequence(plain_committee(100, 100, 400), 2)
    assert [v.address for v in chosen] == [plain_address(2), plain_address(0)]


def test_a_little_more_than_four_times_proposes_twice_in_a_row() -> None:
    chosen = _sequence(plain_committee(100, 100, 401), 3)
    assert [v.address for v in chosen] == [plain_address(2), plain_address(2), plain_address(0)]


@given(st.lists(st.integers(1, 50), min_size=1, max_size=12))
def test_over_one_cycle_everybody_proposes_in_proportion_to_power(powers: list[int]) -> None:
    validators = plain_committee(*powers)
    turns = Counter(v.address for v in _sequence(validators, validators.total_power))
    assert turns == {v.address: v.power for v in validators.validators}


@given(st.lists(st.integers(1, 1_000), min_size=1, max_size=12), st.integers(1, 300))
def test_at_any_time_a_share_of_turns_is_off_by_less_than_the_number_of_validators(
    powers: list[int], heights: int
) -> None:
    validators = plain_committee(*powers)
    turns = Counter(v.address for v in _sequence(validators, heights))
    for member in validators.validators:
        assert abs(turns[member.address] - heights * member.power / validators.total_power) < len(powers)


def test_rounds_rotate_on_a_copy_as_heights_do() -> None:
    validators = plain_committee(7, 3, 2)
    by_round = [proposer_at(validators, at_round) for at_round in range(12)]
    assert by_round == _sequence(validators, 12)
    assert proposer_at(validators, 0) == by_round[0]


@given(st.lists(st.integers(1, 1_000), min_size=1, max_size=8), st.permutations(range(10)))
def test_the_proposer_of_a_round_does_not_depend_on_the_order_of_asking(
    powers: list[int], order: list[int]
) -> None:
    validators = plain_committee(*powers)
    schedule = ProposerSchedule(validators)
    asked = {at_round: schedule.at(at_round) for at_round in order}
    assert asked == {at_round: proposer_at(validators, at_round) for at_round in range(10)}


def test_a_newcomer_does_not_propose_at_once() -> None:
    validators = committee(10, 10, 10)
    grown = apply_updates(next_height(validators), [ValidatorUpdate(key(9).public_key, 10)])
    first_turns = [v.address for v in _sequence(grown, 8)]
    assert key(9).address in first_turns[3:]
    assert key(9).address not in first_turns[:3]


def test_leaving_and_coming_back_does_not_bring_more_turns() -> None:
    stayer = committee(10, 10)
    turns = Counter(v.address for v in _sequence(stayer, 100))
    cheater = key(1)
    validators, cheated = stayer, 0
    for _ in range(100):
        proposed = proposer_at(validators, 0).address == cheater.address
        cheated += proposed
        validators = next_height(validators)
        if proposed:
            validators = apply_updates(validators, [ValidatorUpdate(cheater.public_key, 0)])
            validators = apply_updates(validators, [ValidatorUpdate(cheater.public_key, 10)])
    assert cheated <= turns[cheater.address]


class _GoSet:
    """CometBFT's mutable ValidatorSet, written down literally as an oracle: address -> [power, priority]."""

    def __init__(self, powers: dict[bytes, int]) -> None:
        self.rows: dict[bytes, list[int]] = {}
        self.update(powers)
        self.increment(1)

    def total(self) -> int:
        return sum(power for power, _ in self.rows.values())

    def update(self, changes: dict[bytes, int]) -> None:
        removed = sum(self.rows[address][0] for address, power in changes.items() if power == 0)
        grown = {address: row[0] for address, row in self.rows.items()} | changes
        total = sum(grown.values()) + removed
        for address, power in changes.items():
            if power == 0:
                del self.rows[address]
            elif address in self.rows:
                self.rows[address][0] = power
            else:
                self.rows[address] = [power, -(total + (total >> 3))]
        self.normalise()

    def normalise(self) -> None:
        window = 2 * self.total()
        priorities = [priority for _, priority in self.rows.values()]
        distance = max(priorities) - min(priorities)
        if distance > window:
            ratio = (distance + window - 1) // window
            for row in self.rows.values():
                row[1] = abs(row[1]) // ratio * (1 if row[1] >= 0 else -1)
        average = sum(priority for _, priority in self.rows.values()) // len(self.rows)
        for row in self.rows.values():
            row[1] -= average

    def increment(self, times: int) -> None:
        self.normalise()
        for _ in range(times):
            for row in self.rows.values():
                row[1] += row[0]
            self.proposer = sorted(self.rows, key=lambda a: (-self.rows[a][1], a))[0]
            self.rows[self.proposer][1] -= self.total()

    def proposer_at(self, at_round: int) -> bytes:
        if at_round == 0:
            return self.proposer
        scratch = deepcopy(self)
        scratch.increment(at_round)
        return scratch.proposer


@pytest.mark.parametrize(
    ("powers", "priorities"),
    [
        # Here the priorities must be normalised again between round 0 and round 1, and never after that.
        ((1, 5, 50, 5, 1), (43, -13, 57, -65, -19)),
        ((1, 1, 1), (0, 0, 0)),
        ((7, 3, 2), (24, -24, 0)),
    ],
)
def test_rounds_agree_with_cometbft_from_any_priorities(
    powers: tuple[int, ...], priorities: tuple[int, ...]
) -> None:
    validators = with_priorities(plain_committee(*powers), priorities)
    oracle = _GoSet({v.address: v.power for v in validators.validators})
    for member, priority in zip(validators.validators, validators.priorities, strict=True):
        oracle.rows[member.address] = [member.power, priority]
    oracle.increment(1)
    for at_round in range(12):
        assert proposer_at(validators, at_round).address == oracle.proposer_at(at_round)


def test_a_long_sequence_with_updates_agrees_with_cometbft_and_is_pinned() -> None:
    powers = (1000, 300, 330, 7, 7, 1)
    validators = committee(*powers)
    oracle = _GoSet({key(i).address: power for i, power in enumerate(powers)})
    trace = b""
    for height in range(600):
        for at_round in (0, 1, 5):
            proposer = proposer_at(validators, at_round).address
            assert proposer == oracle.proposer_at(at_round)
            trace += proposer
        changes: dict[int, int] = {}
        if height % 10 == 3:
            changes[1] = 1 + (height * 7919) % 2_000
        if height % 100 == 50:
            changes[3] = 0
        if height % 100 == 70:
            changes[3] = 500
        validators = next_height(validators)
        if changes:
            updates = [ValidatorUpdate(key(i).public_key, power) for i, power in changes.items()]
            validators = apply_updates(validators, updates)
            oracle.update({key(i).address: power for i, power in changes.items()})
        oracle.increment(1)
    assert keccak256(trace).hex() == "b5101341f973796e63559506f8bd58cb6c03b55b91c2ab422805f3f9dbdbb6c3"
