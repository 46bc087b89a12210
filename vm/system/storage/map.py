"""Mappings: `balances: Map[address, u256]`.

Owns: the type that contracts declare, and the class that reads and writes, made once for each pair of types.
Never does: know which keys were used: as in Solidity, a mapping cannot be listed.
Specification: Solidity documentation, "Mappings and Dynamic Arrays".
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Generic, Never, TypeVar

from vm.system.errors import Panic, PanicCode
from vm.system.storage.access import StorageAccess
from vm.system.storage.element import Element, refusal
from vm.system.storage.hashing import locator
from vm.system.storage.layout import KeyType
from vm.system.storage.words import WORD_LIMIT, plain_int

K = TypeVar("K")
V = TypeVar("V")


class Map(Generic[K, V]):
    """`m[key]` reads, `m[key] = value` writes, `del m[key]` sets to zero. A key never written has the zero value.

    A value that is a struct, mapping or array is a reference into the storage.
    Raises Panic(0x11) for a number that the type of key or value cannot hold.
    """

    __slots__ = ("_frame", "_slot")

    __contains__: None = None
    __iter__: None = None

    def __init__(self, frame: StorageAccess, slot: int) -> None:
        self._frame = frame
        self._slot = slot

    if TYPE_CHECKING:

        def __set__(self, instance: object, value: Never) -> None: ...

    def __getitem__(self, key: K) -> V:
        raise NotImplementedError

    def __setitem__(self, key: K, value: V) -> None:
        raise NotImplementedError

    def __delitem__(self, key: K) -> None:
        raise NotImplementedError


def map_class(key_type: KeyType, value: Element, *, is_number: bool) -> type[Map[Any, Any]]:
    """The class for mappings of these types. is_number: the values are uint256."""
    return _number_map(key_type) if is_number else _element_map(key_type, value)


@cache
def _number_map(key_type: KeyType) -> type[Map[Any, int]]:
    """As `_element_map`, without the steps that uint256 does not need: these are the balances of tokens."""
    locate = locator(key_type)

    class NumberMap(Map[Any, int]):
        __slots__ = ()

        def __getitem__(self, key: Any) -> int:
            frame = self._frame
            return frame.sload(locate(frame, key, self._slot))

        def __setitem__(self, key: Any, value: int) -> None:
            if value.__class__ is not int:
                value = plain_int(value)
            if not 0 <= value < WORD_LIMIT:
                raise Panic(PanicCode.OVERFLOW)
            frame = self._frame
            frame.sstore(locate(frame, key, self._slot), value)

        def __delitem__(self, key: Any) -> None:
            frame = self._frame
            frame.sstore(locate(frame, key, self._slot), 0)

    return NumberMap


def _element_map(key_type: KeyType, value_element: Element) -> type[Map[Any, Any]]:
    locate = locator(key_type)
    at, put, clear = value_element.at, value_element.put, value_element.clear

    class ElementMap(Map[Any, Any]):
        __slots__ = ()

        def __getitem__(self, key: Any) -> Any:
            frame = self._frame
            return at(frame, locate(frame, key, self._slot))

        def __setitem__(self, key: Any, value: Any) -> None:
            frame = self._frame
            put(frame, locate(frame, key, self._slot), value)

        def __delitem__(self, key: Any) -> None:
            frame = self._frame
            clear(frame, locate(frame, key, self._slot))

    return ElementMap


def map_element(made: type[Map[Any, Any]]) -> Element:
    """A mapping inside a mapping, an array or a struct."""
    return Element(
        made,
        refusal("a mapping cannot be assigned: assign to its keys"),
        _keep,
        refusal("what holds a mapping cannot be copied"),
    )


def _keep(_frame: StorageAccess, _slot: int) -> None:
    """Solidity's `delete` leaves mappings as they are: nobody knows their keys."""
