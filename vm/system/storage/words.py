"""Values of up to 32 bytes as numbers in a slot.

Owns: the pair of functions between a Python value and its bits, for each value type.
Never does: touch a slot. A value that its type cannot hold is Panic(0x11), as Solidity's checked arithmetic raises it;
a value of another Python type is a bug of the contract and raises TypeError.
Specification: Solidity documentation, "Layout of State Variables in Storage": values are at the low end of their bits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, assert_never

from vm.system.abi.types import AddressType, BoolType, FixedBytesType, IntType, UintType
from vm.system.errors import Panic, PanicCode
from vm.system.storage.layout import ValueType, value_bytes

WORD_LIMIT: Final = 1 << 256


@dataclass(frozen=True, slots=True)
class Word:
    """decode: bits below 1 << `bits` to the value. encode: the value to such bits; it may raise Panic(0x11)."""

    bits: int
    decode: Callable[[int], Any]
    encode: Callable[[Any], int]

    @property
    def mask(self) -> int:
        return (1 << self.bits) - 1


@cache
def word_of(value_type: ValueType) -> Word:
    """How values of this type are written."""
    bits = 8 * value_bytes(value_type)
    match value_type:
        case UintType():
            return Word(bits, _same, _unsigned(bits))
        case IntType():
            return Word(bits, *_signed(bits))
        case BoolType():
            return Word(bits, bool, _flag)
        case AddressType() | FixedBytesType():
            return Word(bits, *_bytes(bits // 8))
    assert_never(value_type)


def plain_int(value: object) -> int:
    """An int itself, for a bool or a member of an IntEnum. Raises TypeError for what is no int."""
    if not isinstance(value, int):
        raise TypeError(f"an integer field cannot hold {value!r}")
    return int(value)


def exact_bytes(value: object) -> bytes:
    """Bytes themselves. Raises TypeError for anything else, of which `bytes` would make something."""
    if not isinstance(value, bytes):
        raise TypeError(f"a bytes field cannot hold {value!r}")
    return value


def encode_text(value: str) -> bytes:
    """UTF-8; bytes that were none come back as they were (PEP 383)."""
    return value.encode("utf-8", "surrogateescape")


def decode_text(raw: bytes) -> str:
    """The opposite of encode_text; takes any bytes."""
    return raw.decode("utf-8", "surrogateescape")


def _same(bits: int) -> int:
    return bits


def _unsigned(bits: int) -> Callable[[int], int]:
    limit = 1 << bits

    def encode(value: int) -> int:
        if value.__class__ is not int:
            value = plain_int(value)
        if 0 <= value < limit:
            return value
        raise Panic(PanicCode.OVERFLOW)

    return encode


def _signed(bits: int) -> tuple[Callable[[int], int], Callable[[int], int]]:
    limit, half = 1 << bits, 1 << (bits - 1)

    def decode(value: int) -> int:
        return value - limit if value >= half else value

    def encode(value: int) -> int:
        if value.__class__ is not int:
            value = plain_int(value)
        if -half <= value < half:
            return value if value >= 0 else value + limit
        raise Panic(PanicCode.OVERFLOW)

    return decode, encode


def _flag(value: bool) -> int:
    if value is True:
        return 1
    if value is False:
        return 0
    raise TypeError(f"a bool field cannot hold {value!r}")


def _bytes(size: int) -> tuple[Callable[[int], bytes], Callable[[bytes], int]]:
    def decode(value: int) -> bytes:
        return value.to_bytes(size)

    def encode(value: bytes) -> int:
        if len(value) != size:
            raise TypeError(f"a field of {size} bytes cannot hold {len(value)}")
        return int.from_bytes(value)

    return decode, encode
