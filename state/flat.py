"""The flat state: keys and values of accounts, storage slots and code in the store.

Owns how an address and a slot become keys, and how a slot's value is written. Never reads or writes the
store; it remembers the hashes of recent addresses and slots, nothing else.
Threads: safe from any thread.
Specification: yellow paper, appendix D: both tries are keyed by keccak-256, of the address and of the 32-byte
slot.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from chain.errors import InvariantViolation
from chain.keccak import keccak256
from chain.types import Address, Hash32
from state.columns import Column
from state.slot_map import SLOT_BYTES

# About 250 bytes an entry. A hash costs 0.5 µs, a hit 0.1 µs; a block touches some ten thousand of each.
REMEMBERED_HASHES: Final = 32_768

_ACCOUNT: Final = Column.ACCOUNT.value
_STORAGE: Final = Column.STORAGE.value
_CODE: Final = Column.CODE.value


@lru_cache(maxsize=REMEMBERED_HASHES)
def hashed_address(address: Address) -> Hash32:
    """Key of the account in the state trie."""
    return keccak256(address)


@lru_cache(maxsize=REMEMBERED_HASHES)
def _hashed_key(key: bytes) -> Hash32:
    return keccak256(key)


def hashed_slot(slot: int) -> Hash32:
    """Key of the slot in a storage trie. Raises InvariantViolation if `slot` does not fit 256 bits."""
    try:
        return _hashed_key(slot.to_bytes(SLOT_BYTES))
    except OverflowError:
        raise InvariantViolation(f"storage slot {slot} is out of range") from None


def account_key(address: Address) -> bytes:
    """Key of the flat account."""
    return _ACCOUNT + hashed_address(address)


def slot_key(address: Address, slot: int) -> bytes:
    """Key of the flat slot."""
    return _STORAGE + hashed_address(address) + hashed_slot(slot)


def code_key(code_hash: Hash32) -> bytes:
    """Key of a code."""
    return _CODE + code_hash


def encode_slot_value(value: int) -> bytes:
    """Minimal big-endian bytes; b"" for 0. Raises InvariantViolation if `value` does not fit 256 bits."""
    length = (value.bit_length() + 7) >> 3
    if value < 0 or length > 32:
        raise InvariantViolation(f"storage value {value} is out of range")
    return value.to_bytes(length, "big")


def decode_slot_value(raw: bytes) -> int:
    """Inverse of `encode_slot_value`. Raises ValueError if `raw` is longer than 32 bytes."""
    if len(raw) > 32:
        raise ValueError("storage value too long")
    return int.from_bytes(raw, "big")
