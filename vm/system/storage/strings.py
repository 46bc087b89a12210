"""`bytes` and `string` in storage: up to 31 bytes in their slot, longer ones behind its hash.

Owns: reading, writing and clearing them, so that no slot of a longer text is left behind by a shorter one.
Never does: bound the length: each 32 bytes pay for a slot.
Specification: Solidity documentation, "bytes and string" in "Layout of State Variables in Storage".
"""

from __future__ import annotations

from typing import Any, Final

from vm.gas import words
from vm.system.abi.types import StringType
from vm.system.storage.access import LOCATION_GAS, StorageAccess
from vm.system.storage.element import Element
from vm.system.storage.hashing import location_of
from vm.system.storage.layout import TextType
from vm.system.storage.words import decode_text, encode_text, exact_bytes

LONGEST_SHORT: Final = 31


def text_element(text_type: TextType) -> Element:
    """A `string` as a str, or `bytes` as bytes."""
    if not isinstance(text_type, StringType):
        return Element(read_bytes, _write_exact, clear_bytes, read_bytes)

    def read(frame: StorageAccess, slot: int) -> str:
        return decode_text(read_bytes(frame, slot))

    def write(frame: StorageAccess, slot: int, value: str) -> None:
        write_bytes(frame, slot, encode_text(value))

    return Element(read, write, clear_bytes, read)


def read_bytes(frame: StorageAccess, slot: int) -> bytes:
    """The bytes at `slot`."""
    word = frame.sload(slot)
    if not word & 1:
        return word.to_bytes(32)[: (word & 0xFF) >> 1]
    size = word >> 1
    frame.charge(LOCATION_GAS)
    start = location_of(slot)
    return b"".join([frame.sload(start + i).to_bytes(32) for i in range(words(size))])[:size]


def write_bytes(frame: StorageAccess, slot: int, raw: bytes) -> None:
    """Writes `raw`, and zeros to the slots that only what was there before needs."""
    size = len(raw)
    before = _words_behind(frame.sload(slot))
    needed = words(size) if size > LONGEST_SHORT else 0
    if before or needed:
        frame.charge(LOCATION_GAS)
        start = location_of(slot)
        for i in range(needed, before):
            frame.sstore(start + i, 0)
        for i in range(needed):
            frame.sstore(start + i, int.from_bytes(raw[32 * i : 32 * i + 32].ljust(32, b"\0")))
    frame.sstore(slot, 2 * size + 1 if needed else int.from_bytes(raw.ljust(32, b"\0")) | 2 * size)


def clear_bytes(frame: StorageAccess, slot: int) -> None:
    """Leaves the empty text."""
    write_bytes(frame, slot, b"")


def _write_exact(frame: StorageAccess, slot: int, value: Any) -> None:
    write_bytes(frame, slot, exact_bytes(value))


def _words_behind(word: int) -> int:
    """How many slots behind the hash a text with this word in its slot has."""
    return words(word >> 1) if word & 1 else 0
