"""Arrays of changing length: `history: Array[u64]`.

Owns: the type that contracts declare, and the class that reads and writes, made once for each type of element.
Never does: bound the length: every element pays for its slot. A loop over an array pays for each step.
Specification: Solidity documentation, "Mappings and Dynamic Arrays" and "Array Members".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Generic, Never, TypeVar

from vm.system.errors import Panic, PanicCode
from vm.system.storage.access import LOCATION_GAS, StorageAccess
from vm.system.storage.element import Element, part_of_slot, refusal
from vm.system.storage.hashing import location_of
from vm.system.storage.layout import SLOT_BYTES, ValueType, value_bytes

T = TypeVar("T")


class Array(Generic[T]):
    """`len(a)`, `a[i]`, `a[i] = value`, `append`, `pop`, `for element in a.values()`.

    An element that is a struct, mapping or array is a reference into the storage.
    Raises Panic(0x32) for an index outside (negative ones too), Panic(0x31) for a pop of nothing, and Panic(0x11) for a
    number that the type of the elements cannot hold.
    """

    __slots__ = ("_frame", "_slot")

    def __init__(self, frame: StorageAccess, slot: int) -> None:
        self._frame = frame
        self._slot = slot

    if TYPE_CHECKING:
        __iter__: None
        __contains__: None
        __reversed__: None

        def __set__(self, instance: object, value: Never) -> None: ...

    else:

        def __iter__(self):
            """`list(a)` asks `len(a)` first in some versions of Python and not in others, and that costs gas."""
            raise TypeError("an array is not iterated over: write `for element in array.values()`")

        __contains__ = __reversed__ = None

    def __len__(self) -> int:
        return self._frame.sload(self._slot)

    def __bool__(self) -> bool:
        return self._frame.sload(self._slot) != 0

    def __getitem__(self, index: int) -> T:
        element, slot = self._place(self._checked(index))
        value: T = element.at(self._frame, slot)
        return value

    def __setitem__(self, index: int, value: T) -> None:
        element, slot = self._place(self._checked(index))
        element.put(self._frame, slot, value)

    def values(self) -> Iterator[T]:
        """The elements up to the length at the beginning; an array that shrinks meanwhile is Panic(0x32)."""
        for index in range(self._frame.sload(self._slot)):
            yield self[index]

    def append(self, value: T) -> None:
        """Adds `value` at the end."""
        length = self._frame.sload(self._slot)
        self._frame.sstore(self._slot, length + 1)
        element, slot = self._place(length)
        element.put(self._frame, slot, value)

    def append_zero(self) -> T:
        """Adds an element that is all zero, and returns it: a reference, for what holds mappings or arrays."""
        length = self._frame.sload(self._slot)
        self._frame.sstore(self._slot, length + 1)
        element, slot = self._place(length)
        value: T = element.at(self._frame, slot)
        return value

    def pop(self) -> T:
        """Takes the last element away, and returns it as a value."""
        element, slot = self._place(self._last())
        value: T = element.copy(self._frame, slot)
        self._shorten(element, slot)
        return value

    def delete_last(self) -> None:
        """As `pop`, without reading the element: Solidity's pop."""
        self._shorten(*self._place(self._last()))

    def clear(self) -> None:
        """Solidity's `delete`: no elements, all their slots zero."""
        raise NotImplementedError

    def _place(self, index: int) -> tuple[Element, int]:
        """How and where the element lies; pays for the hash."""
        raise NotImplementedError

    def _checked(self, index: int) -> int:
        if 0 <= index < self._frame.sload(self._slot):
            return index
        raise Panic(PanicCode.INDEX_OUT_OF_BOUNDS)

    def _last(self) -> int:
        length = self._frame.sload(self._slot)
        if not length:
            raise Panic(PanicCode.POP_OF_EMPTY)
        return length - 1

    def _shorten(self, element: Element, slot: int) -> None:
        element.clear(self._frame, slot)
        self._frame.sstore(self._slot, self._frame.sload(self._slot) - 1)


def packed_array_class(value_type: ValueType) -> type[Array[Any]]:
    """Several elements in a slot; none goes over its end."""
    size = value_bytes(value_type)
    per_slot = SLOT_BYTES // size
    parts = tuple(part_of_slot(value_type, 8 * size * i) for i in range(per_slot))

    class PackedArray(Array[Any]):
        __slots__ = ()

        def _place(self, index: int) -> tuple[Element, int]:
            self._frame.charge(LOCATION_GAS)
            return parts[index % per_slot], location_of(self._slot) + index // per_slot

        def clear(self) -> None:
            frame = self._frame
            length = frame.sload(self._slot)
            frame.sstore(self._slot, 0)
            frame.charge(LOCATION_GAS)
            start = location_of(self._slot)
            for i in range((length + per_slot - 1) // per_slot):
                frame.sstore(start + i, 0)

    return PackedArray


def wide_array_class(element: Element, slots: int) -> type[Array[Any]]:
    """Each element begins a slot and takes `slots` of them."""

    class WideArray(Array[Any]):
        __slots__ = ()

        def _place(self, index: int) -> tuple[Element, int]:
            self._frame.charge(LOCATION_GAS)
            return element, location_of(self._slot) + index * slots

        def clear(self) -> None:
            frame = self._frame
            length = frame.sload(self._slot)
            frame.sstore(self._slot, 0)
            frame.charge(LOCATION_GAS)
            start = location_of(self._slot)
            for i in range(length):
                element.clear(frame, start + i * slots)

    return WideArray


def array_element(made: type[Array[Any]]) -> Element:
    """An array inside a mapping, an array or a struct."""

    def clear(frame: StorageAccess, slot: int) -> None:
        made(frame, slot).clear()

    return Element(
        made,
        refusal("an array cannot be assigned: clear it and append"),
        clear,
        refusal("what holds an array cannot be copied"),
    )
