"""Values of storage slots, keyed so that nobody can choose slots that slow the table down.

Owns: `word_key`, the form in which slots are keys of tables, and the mapping that shows such a table by numbers.
Never does: read or write a store.
Why: Python hashes a number by its remainder modulo 2**61 - 1, so a contract, which chooses its slots, can make as many
as it pays for fall together; each access then compares them all, and a block of them takes minutes. The hash of bytes
has a secret that each process draws anew (PEP 456).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

SLOT_BYTES: Final = 32


def word_key(slot: int) -> bytes:
    """The key of a slot, which is below 2**256."""
    return slot.to_bytes(SLOT_BYTES)


class SlotMap(Mapping[int, int]):
    """Slot -> value over `table`, word_key(slot) -> value, which it shares. Iterates in the order of the table."""

    __slots__ = ("table",)

    def __init__(self, table: dict[bytes, int]) -> None:
        self.table = table

    def __getitem__(self, slot: int) -> int:
        return self.table[slot.to_bytes(SLOT_BYTES)]

    def __iter__(self) -> Iterator[int]:
        return map(int.from_bytes, self.table)

    def __len__(self) -> int:
        return len(self.table)

    def __repr__(self) -> str:
        return f"SlotMap({dict(self)})"


def table_of(slots: Mapping[int, int]) -> dict[bytes, int]:
    """The table of any mapping of slots; that of a SlotMap itself."""
    if isinstance(slots, SlotMap):
        return slots.table
    return {word_key(slot): value for slot, value in slots.items()}
