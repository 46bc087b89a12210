"""What can be done at the place of a value, whatever its type.

Owns: Element, and how value types fill or share a slot.
Never does: know what the place belongs to: a variable, a mapping, an array or a struct.
Specification: Solidity documentation, "Layout of State Variables in Storage and Transient Storage".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from vm.system.abi.types import UintType
from vm.system.errors import Panic, PanicCode
from vm.system.storage.access import StorageAccess
from vm.system.storage.layout import ValueType
from vm.system.storage.words import WORD_LIMIT, plain_int, word_of


@dataclass(frozen=True, slots=True)
class Element:
    """Each function takes the frame and the slot where the value begins.

    at: the value, or for structs, mappings and arrays a reference through which they are read and written.
    put: writes a value. clear: as Solidity's `delete`: all zero, but what is in mappings stays.
    copy: a value that the storage has no part in any more.
    """

    at: Callable[[StorageAccess, int], Any]
    put: Callable[[StorageAccess, int, Any], None]
    clear: Callable[[StorageAccess, int], None]
    copy: Callable[[StorageAccess, int], Any]


def refusal(text: str) -> Callable[..., Any]:
    """For what an element cannot do. That is a mistake of the contract, not of its caller, so it is no Revert."""

    def refuse(*_: object) -> Any:
        raise TypeError(text)

    return refuse


def clear_slot(frame: StorageAccess, slot: int) -> None:
    frame.sstore(slot, 0)


def whole_slot(value_type: ValueType) -> Element:
    """A value that shares its slot with no other."""
    if value_type == UintType(256):
        return Element(_read_word, _write_word, clear_slot, _read_word)
    word = word_of(value_type)
    mask, decode, encode = word.mask, word.decode, word.encode

    def read(frame: StorageAccess, slot: int) -> Any:
        return decode(frame.sload(slot) & mask)

    def write(frame: StorageAccess, slot: int, value: Any) -> None:
        frame.sstore(slot, encode(value))

    return Element(read, write, clear_slot, read)


def part_of_slot(value_type: ValueType, shift: int) -> Element:
    """A value whose lowest bit is `shift` bits up in a slot that holds others too; they are kept."""
    word = word_of(value_type)
    mask, decode, encode = word.mask, word.decode, word.encode
    others = (WORD_LIMIT - 1) ^ (mask << shift)

    def read(frame: StorageAccess, slot: int) -> Any:
        return decode(frame.sload(slot) >> shift & mask)

    def write(frame: StorageAccess, slot: int, value: Any) -> None:
        bits = encode(value) << shift
        frame.sstore(slot, frame.sload(slot) & others | bits)

    def clear(frame: StorageAccess, slot: int) -> None:
        frame.sstore(slot, frame.sload(slot) & others)

    return Element(read, write, clear, read)


def _read_word(frame: StorageAccess, slot: int) -> int:
    return frame.sload(slot)


def _write_word(frame: StorageAccess, slot: int, value: int) -> None:
    if value.__class__ is not int:
        value = plain_int(value)
    if not 0 <= value < WORD_LIMIT:
        raise Panic(PanicCode.OVERFLOW)
    frame.sstore(slot, value)
