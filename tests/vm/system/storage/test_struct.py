"""Structs as values, as references into storage, and in the ABI."""

from __future__ import annotations

import pytest

from chain.types import Address
from tests.vm.system.storage.contracts import Bound
from tests.vm.system.storage.memory import SLOAD, SSTORE, MemoryStorage
from vm.system.abi.annotations import address, u8, u64, u128, u256
from vm.system.abi.codec import decoder, encoder
from vm.system.abi.types import abi_type_of
from vm.system.errors import InvalidDeclaration, Panic
from vm.system.storage import Array, Map, Slot, Struct
from vm.system.storage.struct import StructClass

ALICE = Address(b"\x0a" * 20)


class Position(Struct):
    """Three slots."""

    shares: u128
    since: u64
    active: bool
    owner: address
    debt: u256


class Pair(Struct):
    left: Position
    note: str


class Book(Struct):
    kind: u8
    entries: Map[address, u256]
    history: Array[u64]


class Shop(Bound):
    positions: Map[address, Position]
    pair: Slot[Pair]
    books: Map[address, Book]


FILLED = Position(1, 2, True, ALICE, 3)


def test_a_value_has_the_methods_of_a_dataclass() -> None:
    value = Position(shares=1, since=2, active=True, owner=ALICE, debt=3)
    assert value == FILLED
    assert repr(value).startswith("Position(shares=1, since=2, active=True")
    value.debt += 1
    assert value != FILLED
    assert value != (1, 2, True, ALICE, 3)
    with pytest.raises(AttributeError):
        value.shares_of = 1  # type: ignore[attr-defined]
    with pytest.raises(TypeError):
        hash(value)
    with pytest.raises(TypeError):
        Position(1, 2, True, ALICE)  # type: ignore[call-arg]
    match value:
        case Position(shares, since):
            assert (shares, since) == (1, 2)


def test_a_copy_of_a_value_shares_nothing_with_it() -> None:
    pair = Pair(FILLED.copy(), "x")
    copied = pair.copy()
    copied.left.debt = 99
    assert pair.left.debt == 3
    assert type(copied) is Pair


def test_a_reference_reads_and_writes_its_part_of_the_storage() -> None:
    shop = Shop()
    shop.positions[ALICE] = FILLED
    reference = shop.positions[ALICE]
    reference.debt += 5
    reference.active = False
    del reference.shares
    assert isinstance(reference, Position)
    assert shop.positions[ALICE] == Position(0, 2, False, ALICE, 8)
    assert Position(0, 2, False, ALICE, 8) == shop.positions[ALICE]
    assert reference != FILLED
    assert "in storage" in repr(reference)


def test_a_copy_of_a_reference_stays_as_it_is() -> None:
    shop = Shop()
    shop.pair = Pair(FILLED, "long" * 20)
    copied = shop.pair.copy()
    shop.pair.left.debt = 7
    shop.pair.note = ""
    assert copied == Pair(FILLED, "long" * 20)
    assert type(copied) is Pair
    assert type(copied.left) is Position


def test_a_reference_is_assigned_as_a_value() -> None:
    shop = Shop()
    shop.pair.left = FILLED
    shop.positions[ALICE] = shop.pair.left
    shop.pair.left.debt = 0
    assert shop.positions[ALICE] == FILLED


def test_a_struct_costs_one_access_for_each_slot() -> None:
    frame = MemoryStorage()
    shop = Shop(frame)
    shop.positions[ALICE] = FILLED
    assert frame.gas_used == 42 + 3 * SSTORE
    frame.gas_used = 0
    shop.positions[ALICE].copy()
    assert frame.gas_used == 42 + 3 * SLOAD
    frame.gas_used = 0
    del shop.positions[ALICE]
    assert frame.gas_used == 42 + 3 * SSTORE
    frame.gas_used = 0
    shop.positions[ALICE]
    assert frame.gas_used == 42, "a reference alone reads nothing"


def test_a_value_out_of_range_writes_no_slot_of_its_part() -> None:
    frame = MemoryStorage()
    with pytest.raises(Panic):
        Shop(frame).positions[ALICE] = Position(1, 2**64, True, ALICE, 3)
    assert frame.slots == {}


def test_mappings_and_arrays_in_a_struct_belong_to_its_place() -> None:
    shop = Shop()
    book = shop.books[ALICE]
    book.kind = 1
    book.entries[ALICE] = 2
    book.history.append(3)
    assert (shop.books[ALICE].entries[ALICE], list(shop.books[ALICE].history.values())) == (2, [3])
    del shop.books[ALICE]
    assert (book.kind, book.entries[ALICE], len(book.history)) == (0, 2, 0), (
        "a mapping survives, as in Solidity"
    )


def test_a_struct_with_a_mapping_is_no_value() -> None:
    shop = Shop()
    with pytest.raises(TypeError, match="cannot be copied"):
        shop.books[ALICE].copy()
    with pytest.raises(TypeError, match="cannot be assigned"):
        shop.books[ALICE] = shop.books[ALICE]
    with pytest.raises(TypeError, match="cannot be assigned"):
        shop.books[ALICE].entries = shop.books[ALICE].entries  # type: ignore[assignment]
    with pytest.raises(InvalidDeclaration):
        abi_type_of(Book)


def test_another_struct_is_not_assigned() -> None:
    shop = Shop()
    with pytest.raises(TypeError):
        shop.positions[ALICE] = Pair(FILLED, "")  # type: ignore[assignment]


def test_values_and_references_cross_the_abi() -> None:
    kinds = (abi_type_of(Position), abi_type_of(Pair))
    assert kinds[0].canonical == "(uint128,uint64,bool,address,uint256)"
    shop = Shop()
    shop.pair = Pair(FILLED, "note")
    raw = encoder(kinds)(FILLED, shop.pair)
    assert decoder(kinds)(raw) == (FILLED, Pair(FILLED, "note"))


@pytest.mark.parametrize(
    "namespace",
    [
        {},
        {"__annotations__": {"_hidden": "u256"}},
        {"__annotations__": {"copy": "u256"}},
        {"__annotations__": {"x": "u256"}, "x": 5},
    ],
)
def test_a_struct_that_means_nothing_is_refused(namespace: dict[str, object]) -> None:
    with pytest.raises(InvalidDeclaration):
        StructClass("Wrong", (Struct,), namespace)


def test_a_struct_has_no_sub_structs() -> None:
    with pytest.raises(InvalidDeclaration):

        class Longer(Position):
            more: u256
