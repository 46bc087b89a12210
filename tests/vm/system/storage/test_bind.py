"""Which fields a contract class gets, in which order, and what is refused at import."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest

from tests.vm.system.storage.contracts import Bound
from vm.system.abi.annotations import address, bytes32, u8, u128, u256
from vm.system.errors import InvalidDeclaration
from vm.system.storage import Array, Map, Slot, Struct
from vm.system.storage.bind import bind_storage, layout_of

if TYPE_CHECKING:
    from collections.abc import Callable


class Recursive(Struct):
    inside: Map[u256, Recursive]


def places(contract: type) -> list[tuple[str, int, int]]:
    return [(each.name, each.slot, each.offset) for each in layout_of(contract).variables]


def declare(annotations: dict[str, object], bases: tuple[type, ...] = (Bound,), **more: object) -> type:
    return type("Declared", bases, {"__annotations__": annotations, "__module__": __name__, **more})


class Owned(Bound):
    owner: Slot[address]


class Listing(Bound):
    items: Array[u8]


class Supply(Bound):
    total: Slot[u256]
    cap: Slot[u128]


def test_fields_of_bases_come_first_and_the_last_base_is_the_first() -> None:
    class Both(Owned, Supply):
        step: Slot[u8]

    class Turned(Supply, Owned):
        step: Slot[u8]

    assert places(Both) == [("total", 0, 0), ("cap", 1, 0), ("owner", 2, 0), ("step", 2, 20)]
    assert places(Turned) == [("owner", 0, 0), ("total", 1, 0), ("cap", 2, 0), ("step", 2, 16)]


def test_a_mix_in_works_alone_and_in_a_contract_that_puts_it_elsewhere() -> None:
    class Both(Owned, Supply):
        pass

    alone, together = Owned(), Both()
    alone.owner = together.owner = b"\x01" * 20  # type: ignore[assignment]
    together.total = 5
    assert alone.owner == together.owner
    assert places(Owned) == [("owner", 0, 0)]
    assert places(Both)[-1] == ("owner", 2, 0)


def test_a_shared_base_of_two_mix_ins_counts_once() -> None:
    class Left(Owned):
        left: Slot[u8]

    class Right(Owned):
        right: Slot[u8]

    class Diamond(Left, Right):
        last: Slot[u8]

    assert [name for name, _, _ in places(Diamond)] == ["owner", "right", "left", "last"]


def test_other_annotations_are_no_fields() -> None:
    class Mixed(Bound):
        flag: ClassVar[bool] = True
        callback: Callable[[], None]
        limit: int
        total: Slot[u256]

        class Place(Struct):
            x: u8

        places: Map[u8, Place]

    assert [name for name, _, _ in places(Mixed)] == ["total", "places"]
    mixed = Mixed()
    mixed.places[1] = Mixed.Place(3)
    assert mixed.places[1].x == 3


def test_annotations_need_not_be_strings() -> None:
    assert places(declare({"total": Slot[u256], "seen": Map[bytes32, bool]})) == [
        ("total", 0, 0),
        ("seen", 1, 0),
    ]


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        ("Slot[int]", "int is no ABI type"),
        ("Slot[list[u256]]", "storage holds"),
        ("Slot[tuple[u256, u256]]", "storage holds"),
        ("Slot[Map[u256, u256]]", "needs no Slot"),
        ("Slot[Array[u256]]", "needs no Slot"),
        ("Map[Recursive, u256]", "is no key|no ABI type"),
        ("Map[Array[u8], u256]", "no ABI type"),
        ("Map[u8, list[u8]]", "storage holds"),
        ("Array[Missing]", "Missing"),
        ("Slot[Recursive]", "inside itself"),
        ("Slot[Struct]", "itself"),
        ("Map[u8]", "Map"),
    ],
)
def test_what_storage_cannot_hold_is_refused(annotation: str, text: str) -> None:
    with pytest.raises(InvalidDeclaration, match=text):
        declare({"field": annotation})


def test_a_name_is_used_once() -> None:
    with pytest.raises(InvalidDeclaration, match=r"Declared\.owner is a field of a base class already"):
        declare({"owner": "Slot[u256]"}, (Owned,))
    with pytest.raises(InvalidDeclaration, match="and something else"):
        declare({"owner": "Slot[u256]"}, owner=lambda self: None)
    with pytest.raises(InvalidDeclaration, match="and something else"):
        declare({}, (Owned,), owner=property(lambda self: None))
    for name in ("frame", "sender", "value", "address"):
        with pytest.raises(InvalidDeclaration, match="every contract"):
            declare({name: "Slot[u256]"})


def test_a_class_that_was_not_bound_has_no_layout() -> None:
    class Plain:
        total: Slot[u256]

    with pytest.raises(InvalidDeclaration):
        layout_of(Plain)
    bind_storage(Plain)
    assert places(Plain) == [("total", 0, 0)]
