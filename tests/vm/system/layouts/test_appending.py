"""A new version of a contract only appends to its storage."""

from __future__ import annotations

import json

import pytest

from tests.vm.system.storage.contracts import Bound
from tests.vm.system.storage.kinds import Kinds
from vm.system.abi.annotations import address, u8, u64, u128, u256
from vm.system.layouts import appends_only, changes
from vm.system.storage import Array, Map, Slot, Struct
from vm.system.storage.bind import layout_of
from vm.system.storage.description import LayoutDescription, describe


def described(contract: type) -> LayoutDescription:
    """By way of a file."""
    read: LayoutDescription = json.loads(json.dumps(describe(layout_of(contract))))
    return read


def make_position(extra: bool) -> type[Struct]:
    if extra:

        class Position(Struct):
            shares: u256
            since: u64
            locked: bool

        return Position

    class Position(Struct):  # type: ignore[no-redef]
        shares: u256
        since: u64

    return Position


class Old(Bound):
    total: Slot[u256]
    paused: Slot[bool]
    owner: Slot[address]
    balances: Map[address, u256]
    history: Array[u64]


def test_the_same_layout_and_a_longer_one_are_fine() -> None:
    class Longer(Old):
        step: Slot[u8]
        delegates: Map[address, address]

    assert appends_only(described(Kinds), described(Kinds))
    assert changes(described(Old), described(Longer)) == ()
    assert not appends_only(described(Longer), described(Old))


class Renamed(Bound):
    supply: Slot[u256]
    paused: Slot[bool]
    owner: Slot[address]
    balances: Map[address, u256]
    history: Array[u64]


class Inserted(Bound):
    total: Slot[u256]
    locked: Slot[bool]
    paused: Slot[bool]
    owner: Slot[address]
    balances: Map[address, u256]
    history: Array[u64]


class Wider(Bound):
    total: Slot[u256]
    paused: Slot[u8]
    owner: Slot[address]
    balances: Map[address, u128]
    history: Array[u8]


class OtherKey(Bound):
    total: Slot[u256]
    paused: Slot[bool]
    owner: Slot[address]
    balances: Map[u256, u256]
    history: Array[u64]


class Shorter(Bound):
    total: Slot[u256]
    paused: Slot[bool]
    owner: Slot[address]
    balances: Map[address, u256]


class Moved(Bound):
    total: Slot[u128]
    paused: Slot[bool]
    owner: Slot[address]
    balances: Map[address, u256]
    history: Array[u64]


@pytest.mark.parametrize(
    ("new", "found"),
    [
        (Renamed, ("total has become supply, or something stands in front of it",)),
        (
            Wider,
            (
                "paused was bool and is uint8",
                "balances[] was uint256 and is uint128",
                "history[] was uint64 and is uint8",
            ),
        ),
        (OtherKey, ("balances was mapping(address => uint256) and is mapping(uint256 => uint256)",)),
        (Shorter, ("history is gone",)),
    ],
)
def test_a_change_is_named(new: type, found: tuple[str, ...]) -> None:
    assert changes(described(Old), described(new)) == found
    assert not appends_only(described(Old), described(new))


def test_what_moves_is_named() -> None:
    assert changes(described(Old), described(Inserted))[0].startswith("paused has become locked")
    assert "paused moved from slot 1 offset 0 to slot 0 offset 16" in changes(
        described(Old), described(Moved)
    )


def test_a_field_of_a_base_class_is_an_insertion_too() -> None:
    class Base(Bound):
        owner: Slot[address]

    class Grown(Bound):
        owner: Slot[address]
        pending: Slot[address]

    class First(Base):
        total: Slot[u256]

    class Second(Grown):
        total: Slot[u256]

    assert changes(described(First), described(Second)) == (
        "total has become pending, or something stands in front of it",
    )


@pytest.mark.parametrize(
    ("declared", "fine"),
    [("Map[address, Position]", True), ("Slot[Position]", False), ("Array[Position]", False)],
)
def test_a_struct_grows_only_where_nothing_lies_behind_it(declared: str, fine: bool) -> None:
    def contract(position: type[Struct]) -> type:
        scope = {"__annotations__": {"field": declared}, "Position": position, "__module__": __name__}
        return type("Holder", (Bound,), scope)

    old, new = described(contract(make_position(False))), described(contract(make_position(True)))
    assert appends_only(old, new) is fine
    assert not appends_only(new, old)
