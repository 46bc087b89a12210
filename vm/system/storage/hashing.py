"""Where the values of mappings and the elements of arrays are: hashes, which are remembered.

Owns: the slots behind keys and locations, and their prices. A remembered hash costs the same gas as a new one, so
what this process remembers is nowhere to be seen.
Never does: read or write a slot.
Specification: Solidity documentation, "Mappings and Dynamic Arrays".
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Final, TypeVar, assert_never

from chain.keccak import keccak256
from vm.system.abi.types import (
    AddressType,
    BoolType,
    BytesType,
    FixedBytesType,
    IntType,
    StringType,
    UintType,
)
from vm.system.errors import Panic, PanicCode
from vm.system.storage.access import WORD_KEY_GAS, StorageAccess, long_key_gas
from vm.system.storage.layout import KeyType, value_bytes
from vm.system.storage.words import encode_text, exact_bytes, word_of

MAX_REMEMBERED: Final = 1 << 16
"""Hashes of each type of key: about 20 MB when full, and the accounts that a busy token sees within some blocks."""

Locate = Callable[[StorageAccess, Any, int], int]
"""(frame, key, slot of the mapping) -> slot of the value."""

K = TypeVar("K")

_locations: Final[dict[int, int]] = {}


def location_of(slot: int) -> int:
    """The slot at which the elements of the array, or the bytes of the long string, at `slot` begin."""
    location = _locations.get(slot)
    return _remember(_locations, slot, keccak256(slot.to_bytes(32))) if location is None else location


@cache
def locator(key_type: KeyType) -> Locate:
    """How the values behind keys of this type are found. A number out of the type's range is Panic(0x11)."""
    match key_type:
        case UintType():
            return _by_number(key_type, _unsigned_word)
        case IntType():
            return _by_number(key_type, _signed_word)
        case BoolType():
            return _by_flag(key_type)
        case AddressType():
            return _by_value(_padded(key_type, in_front=bytes(12)))
        case FixedBytesType(size):
            return _by_value(_padded(key_type, behind=bytes(32 - size)))
        case StringType():
            return _by_text(encode_text)
        case BytesType():
            return _by_text(exact_bytes)
    assert_never(key_type)


def _by_value(pad: Callable[[Any], bytes]) -> Locate:
    """The key itself finds the remembered slot; it is checked when it is new."""
    known: dict[tuple[Any, int], int] = {}
    lookup = known.get

    def locate(frame: StorageAccess, key: Any, base: int) -> int:
        frame.charge(WORD_KEY_GAS)
        slot = lookup((key, base))
        if slot is None:
            return _remember(known, (key, base), keccak256(pad(key) + base.to_bytes(32)))
        return slot

    return locate


def _by_number(key_type: UintType | IntType, word_of_key: Callable[[int], bytes]) -> Locate:
    """As bytes: whoever chooses numbers can make ints collide in a dict, but not bytes, whose hash has a secret."""
    known: dict[tuple[bytes, int], int] = {}
    lookup = known.get
    encode = word_of(key_type).encode

    def locate(frame: StorageAccess, key: int, base: int) -> int:
        frame.charge(WORD_KEY_GAS)
        try:
            padded = word_of_key(key)
        except OverflowError:
            raise Panic(PanicCode.OVERFLOW) from None
        slot = lookup((padded, base))
        if slot is None:
            encode(key)  # refuses what only a wider type can hold
            return _remember(known, (padded, base), keccak256(padded + base.to_bytes(32)))
        return slot

    return locate


def _by_flag(key_type: BoolType) -> Locate:
    """Checked each time: 1 would find what was remembered for True, on some machines, and be refused on others."""
    encode = word_of(key_type).encode

    def locate(frame: StorageAccess, key: bool, base: int) -> int:
        frame.charge(WORD_KEY_GAS)
        return int.from_bytes(keccak256(encode(key).to_bytes(32) + base.to_bytes(32)))

    return locate


def _by_text(raw_of: Callable[[Any], bytes]) -> Locate:
    """Long keys are not remembered: they would have no bound in bytes."""

    def locate(frame: StorageAccess, key: Any, base: int) -> int:
        raw = raw_of(key)
        frame.charge(long_key_gas(len(raw)))
        return int.from_bytes(keccak256(raw + base.to_bytes(32)))

    return locate


def _unsigned_word(key: int) -> bytes:
    return key.to_bytes(32)


def _signed_word(key: int) -> bytes:
    return key.to_bytes(32, signed=True)


def _padded(
    key_type: AddressType | FixedBytesType, *, in_front: bytes = b"", behind: bytes = b""
) -> Callable[[bytes], bytes]:
    size = value_bytes(key_type)

    def pad(key: bytes) -> bytes:
        if len(exact_bytes(key)) != size:
            raise TypeError(f"a key of {size} bytes cannot be {len(key)}")
        return in_front + key + behind

    return pad


def _remember(known: dict[K, int], key: K, digest: bytes) -> int:
    if len(known) >= MAX_REMEMBERED:
        known.clear()
    slot = int.from_bytes(digest)
    known[key] = slot
    return slot
