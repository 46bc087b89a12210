"""What an access costs, and what a type checker sees."""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_type

import pytest

from chain.types import Address
from tests.vm.system.storage.kinds import A, Account, B, Kinds, Point
from tests.vm.system.storage.memory import SLOAD, SSTORE, MemoryStorage
from vm.system.errors import Panic
from vm.system.storage import Array, Map

HASH = 36


def cost_of(
    action: Callable[[Kinds], object], prepare: Callable[[Kinds], object] = lambda kinds: None
) -> int:
    frame = MemoryStorage()
    kinds = Kinds(frame)
    prepare(kinds)
    frame.gas_used = 0
    action(kinds)
    return frame.gas_used


def fill(kinds: Kinds) -> None:
    kinds.arrays()
    kinds.long_texts()


def set_whole(kinds: Kinds) -> None:
    kinds.whole = 1


def set_small(kinds: Kinds) -> None:
    kinds.small = 1


def set_name(kinds: Kinds) -> None:
    kinds.name = "x" * 70


def shorten_name(kinds: Kinds) -> None:
    kinds.name = "x"


@pytest.mark.parametrize(
    ("action", "gas"),
    [
        (lambda kinds: kinds.whole, SLOAD),
        (lambda kinds: kinds.small, SLOAD),
        (set_whole, SSTORE),
        (set_small, SLOAD + SSTORE),
        (lambda kinds: len(kinds.numbers), SLOAD),
        (lambda kinds: kinds.numbers[1], 2 * SLOAD + HASH),
        (lambda kinds: kinds.numbers.append(1), HASH + 2 * SLOAD + 2 * SSTORE),
        (lambda kinds: kinds.people.append(A), HASH + SLOAD + 2 * SSTORE),
        (lambda kinds: kinds.one_each.append(bytes(17)), HASH + SLOAD + 2 * SSTORE),
        (lambda kinds: kinds.numbers.clear(), HASH + SLOAD + (1 + 3) * SSTORE),
        (lambda kinds: list(kinds.people.values()), SLOAD + 2 * (HASH + 2 * SLOAD)),
        (lambda kinds: kinds.name, HASH + 2 * SLOAD),
        (set_name, HASH + SLOAD + (1 + 3) * SSTORE),
        (shorten_name, HASH + SLOAD + (1 + 1) * SSTORE),
        (lambda kinds: kinds.deep[A], 42),
        (lambda kinds: kinds.deep[A][1].v, 84 + SLOAD),
    ],
)
def test_an_access_costs_its_slots_and_its_hashes(action: Callable[[Kinds], object], gas: int) -> None:
    assert cost_of(action, fill) == gas


def test_the_cost_does_not_depend_on_what_was_asked_before() -> None:
    kinds = Kinds(MemoryStorage())
    fill(kinds)
    frame = kinds.frame
    assert isinstance(frame, MemoryStorage)
    costs = []
    for _ in range(3):
        before = frame.gas_used
        list(kinds.texts.values()), kinds.points[1].y, kinds.name, kinds.balances[B], kinds.nested[1][0]
        costs.append(frame.gas_used - before)
    assert len(set(costs)) == 1


def test_an_array_that_shrinks_under_a_loop_panics() -> None:
    kinds = Kinds(MemoryStorage())
    fill(kinds)
    with pytest.raises(Panic):
        [kinds.numbers.pop() for _ in kinds.numbers.values()]


def test_nothing_asks_for_the_length_of_an_array_behind_the_scenes() -> None:
    kinds = Kinds(MemoryStorage())
    with pytest.raises(TypeError, match=r"values\(\)"):
        list(kinds.numbers)  # type: ignore[call-overload]
    with pytest.raises(TypeError):
        assert 1 in kinds.numbers  # type: ignore[misc]
    with pytest.raises(TypeError):
        reversed(kinds.numbers)


def test_fields_have_the_types_that_their_annotations_say() -> None:
    kinds = Kinds(MemoryStorage())
    kinds.arrays()
    assert_type(kinds.whole, int)
    assert_type(kinds.owner, Address)
    assert_type(kinds.name, str)
    assert_type(kinds.yes, bool)
    assert_type(kinds.balances[A], int)
    assert_type(kinds.allowances[A], Map[Address, int])
    assert_type(kinds.allowances[A][B], int)
    assert_type(kinds.point, Point)
    assert_type(kinds.point.copy(), Point)
    assert_type(kinds.point_of[A].x, int)
    assert_type(kinds.account_of[A], Account)
    assert_type(kinds.account_of[A].shares[B], int)
    assert_type(kinds.account_of[A].place.w, Address)
    assert_type(kinds.list_of[A], Array[int])
    assert_type(kinds.numbers[0], int)
    assert_type(kinds.numbers.pop(), int)
    assert_type(list(kinds.points.values()), list[Point])


def test_the_wrong_type_is_a_mistake_for_the_type_checker_and_at_run_time() -> None:
    kinds = Kinds(MemoryStorage())
    with pytest.raises(TypeError):
        kinds.whole = "text"  # type: ignore[assignment]
    with pytest.raises(TypeError):
        kinds.owner = "0x00"  # type: ignore[assignment]
    with pytest.raises(TypeError):
        kinds.yes = 2  # type: ignore[assignment]
    with pytest.raises(TypeError):
        kinds.blob = "text"  # type: ignore[assignment]
    with pytest.raises(TypeError):
        kinds.point = (1, 2, True, A, 3)  # type: ignore[assignment]
    with pytest.raises(TypeError):
        kinds.point = Point(1, 2, True, A)  # type: ignore[call-arg]
