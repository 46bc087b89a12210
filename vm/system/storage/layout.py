"""Where solc puts state variables: a pure function from types to slots and offsets.

Owns: the closed union of storage types, their sizes, and the packing of variables and struct members.
Never does: read annotations (declaration.py) or slots.
Specification: Solidity documentation, "Layout of State Variables in Storage and Transient Storage".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, assert_never

from vm.system.abi.types import (
    AddressType,
    BoolType,
    BytesType,
    FixedBytesType,
    IntType,
    StringType,
    UintType,
    packed_bytes,
)
from vm.system.errors import InvalidDeclaration

SLOT_BYTES: Final = 32

ValueType = UintType | IntType | AddressType | BoolType | FixedBytesType
"""Types of up to 32 bytes, which share a slot when they fit."""

TextType = BytesType | StringType
"""Types whose bytes are in their slot when short, behind its hash when long."""

KeyType = ValueType | TextType


@dataclass(frozen=True, slots=True)
class MapType:
    """`mapping(key => value)`: its slot is empty, each value has a slot of its own behind a hash."""

    key: KeyType
    value: StorageType


@dataclass(frozen=True, slots=True)
class ArrayType:
    """`element[]`: its slot holds the length, the elements lie packed behind the slot's hash."""

    element: StorageType


@dataclass(frozen=True, slots=True)
class StructType:
    """Members placed from slot 0 on, relative to where the struct begins."""

    name: str
    members: tuple[Variable, ...]
    python_class: type[Any]


StorageType = (
    UintType
    | IntType
    | AddressType
    | BoolType
    | FixedBytesType
    | BytesType
    | StringType
    | MapType
    | ArrayType
    | StructType
)


@dataclass(frozen=True, slots=True)
class Variable:
    """A state variable, or a member of a struct, with its place. offset: bytes from the low end of the slot."""

    name: str
    type: StorageType
    slot: int
    offset: int

    @property
    def shift(self) -> int:
        """The offset in bits."""
        return 8 * self.offset


@dataclass(frozen=True, slots=True)
class Layout:
    """The variables of a contract in the order of their declaration, those of its bases first."""

    contract: str
    variables: tuple[Variable, ...]


def value_bytes(value_type: ValueType) -> int:
    """Bytes of a value type in a packed slot."""
    size = packed_bytes(value_type)
    if size is None:
        raise InvalidDeclaration(f"{value_type} is no value type")
    return size


def size_bytes(storage_type: StorageType) -> int:
    """Up to 32 for what may share a slot, else a multiple of 32."""
    match storage_type:
        case UintType() | IntType() | AddressType() | BoolType() | FixedBytesType():
            return value_bytes(storage_type)
        case BytesType() | StringType() | MapType() | ArrayType():
            return SLOT_BYTES
        case StructType(_, members):
            return SLOT_BYTES * slots_of(members)
    assert_never(storage_type)


def slots_of(variables: tuple[Variable, ...]) -> int:
    """How many slots these take, from slot 0 on."""
    if not variables:
        return 0
    last = variables[-1]
    return last.slot + (last.offset + size_bytes(last.type) + SLOT_BYTES - 1) // SLOT_BYTES


def place(fields: Iterable[tuple[str, StorageType]]) -> tuple[Variable, ...]:
    """Packs fields in their order.

    A value goes into the slot of the one before it if it fits there whole; a struct, array, mapping or string begins a
    slot, and so does what follows it.
    """
    placed = []
    position = 0  # in bytes
    for name, storage_type in fields:
        size = size_bytes(storage_type)
        if position % SLOT_BYTES + size > SLOT_BYTES:
            position += -position % SLOT_BYTES
        placed.append(Variable(name, storage_type, *divmod(position, SLOT_BYTES)))
        position += size
    return tuple(placed)


def is_alone(variable: Variable, among: tuple[Variable, ...]) -> bool:
    """Whether no other variable has a part of its slot."""
    return not any(other is not variable and other.slot == variable.slot for other in among)
