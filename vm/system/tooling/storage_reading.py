"""What is stored in a contract, by the names of its fields.

Owns: the way from a path (field, then keys, indexes or members) to a slot, and from slots to values for people.
Never does: fetch a slot; a function handed in does (a node's eth_getStorageAt, a test's state).
Specification: Solidity documentation, "Layout of State Variables in Storage and Transient Storage".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, assert_never

from chain.errors import CallerError
from chain.types import checksum_address, parse_address
from vm.system.abi.types import (
    AddressType,
    BoolType,
    BytesType,
    FixedBytesType,
    IntType,
    StringType,
    UintType,
)
from vm.system.errors import Panic
from vm.system.storage.description import type_label
from vm.system.storage.hashing import location_of, locator
from vm.system.storage.layout import (
    SLOT_BYTES,
    ArrayType,
    KeyType,
    MapType,
    StorageType,
    StructType,
    Variable,
    size_bytes,
    slots_of,
)
from vm.system.storage.words import decode_text, word_of

MAX_ELEMENTS: Final = 32
"""Elements of an array that are shown at once: each may be a request to a node."""

MAX_TEXT_BYTES: Final = 4_096
"""Of a string or bytes that is shown, for the same reason."""

SLOTS: Final = 1 << 256

Load = Callable[[int], int]
"""The word in a slot."""


class InvalidPath(CallerError):
    """No such field, key, index or member."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value begins. offset: bytes from the low end of the slot."""

    type: StorageType
    slot: int
    offset: int = 0


class _Free:
    """Hashing costs nothing when nothing runs."""

    def sload(self, slot: int) -> int:  # noqa: ARG002
        return 0

    def sstore(self, slot: int, value: int) -> None:
        """Nothing is written."""

    def charge(self, gas: int) -> None:
        """Nothing is charged."""


_FREE: Final = _Free()


def find(variables: Sequence[Variable], path: Sequence[str], load: Load) -> Place:
    """The place that `path` names: a field, then a key for each mapping, an index for each array, a member for each
    struct. Raises InvalidPath."""
    if not path:
        raise InvalidPath("name a field")
    place = _member(variables, path[0], Place(UintType(256), 0))
    for word in path[1:]:
        place = _step(place, word, load)
    return place


def show(place: Place, load: Load) -> Any:
    """The value as JSON has it: addresses and bytes in hex, structs as objects, arrays with their first elements.

    A mapping shows its type only, because nobody can list its keys.
    """
    kind = place.type
    match kind:
        case UintType() | IntType() | BoolType() | AddressType() | FixedBytesType():
            word = word_of(kind)
            return _readable(word.decode((load(place.slot) >> 8 * place.offset) & word.mask), kind)
        case BytesType() | StringType():
            raw = _text(place.slot, load)
            return decode_text(raw) if isinstance(kind, StringType) else f"0x{raw.hex()}"
        case MapType():
            return type_label(kind)
        case ArrayType():
            length = load(place.slot)
            shown = [show(_element(place, index), load) for index in range(min(length, MAX_ELEMENTS))]
            return {"length": length, "elements": shown}
        case StructType(_, members):
            return {member.name: show(_inside(place, member), load) for member in members}
    assert_never(kind)


def _step(place: Place, word: str, load: Load) -> Place:
    match place.type:
        case MapType(key, value):
            try:
                return Place(value, locator(key)(_FREE, read_key(word, key), place.slot))
            except Panic as error:
                raise InvalidPath(f"{word!r} is no {key.canonical}") from error
        case ArrayType():
            index, length = _number(word), load(place.slot)
            if not 0 <= index < length:
                raise InvalidPath(f"there is no element {word}: the array has {length}")
            return _element(place, index)
        case StructType(_, members):
            return _member(members, word, place)
        case _:
            raise InvalidPath(f"{word!r} leads nowhere: {type_label(place.type)} has no parts")


def read_key(word: str, kind: KeyType) -> Any:
    """The key of a mapping from text. Raises InvalidPath, and Panic for a number out of range."""
    try:
        match kind:
            case UintType() | IntType():
                return int(word, 0)
            case BoolType():
                return {"true": True, "false": False}[word]
            case AddressType():
                return parse_address(word)
            case StringType():
                return word
            case BytesType():
                return _hex(word)
            case FixedBytesType(size):
                raw = _hex(word)
                if len(raw) == size:
                    return raw
    except (CallerError, KeyError, ValueError) as error:
        raise InvalidPath(f"{word!r} is no {kind.canonical}") from error
    raise InvalidPath(f"{word!r} is no {kind.canonical}")


def _member(variables: Sequence[Variable], name: str, start: Place) -> Place:
    for variable in variables:
        if variable.name == name:
            return _inside(start, variable)
    known = ", ".join(variable.name for variable in variables)
    raise InvalidPath(f"there is no {name!r}; there are: {known or 'no fields at all'}")


def _inside(start: Place, variable: Variable) -> Place:
    return Place(variable.type, (start.slot + variable.slot) % SLOTS, variable.offset)


def _element(array: Place, index: int) -> Place:
    if not isinstance(array.type, ArrayType):
        raise InvalidPath(f"{type_label(array.type)} is no array")
    element, base = array.type.element, location_of(array.slot)
    size = size_bytes(element)
    if isinstance(element, StructType):
        return Place(element, (base + index * slots_of(element.members)) % SLOTS)
    each = SLOT_BYTES // size
    return Place(element, (base + index // each) % SLOTS, index % each * size)


def _text(slot: int, load: Load) -> bytes:
    word = load(slot)
    if not word & 1:
        return word.to_bytes(SLOT_BYTES)[: (word & 0xFF) // 2]
    length = min(word // 2, MAX_TEXT_BYTES)
    start = location_of(slot)
    raw = b"".join(
        load((start + index) % SLOTS).to_bytes(SLOT_BYTES) for index in range((length + 31) // SLOT_BYTES)
    )
    return raw[:length]


def _readable(value: Any, kind: StorageType) -> Any:
    if isinstance(kind, AddressType):
        return checksum_address(value)
    return f"0x{value.hex()}" if isinstance(value, bytes) else value


def _hex(word: str) -> bytes:
    if not word.startswith("0x"):
        raise ValueError(word)
    return bytes.fromhex(word[2:])


def _number(word: str) -> int:
    try:
        return int(word, 0)
    except ValueError as error:
        raise InvalidPath(f"{word!r} is no index") from error
