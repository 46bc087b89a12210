"""A key-value store that can go back: it keeps what each batch overwrote while somebody holds a mark.

Owns the marks, what was there before them, and the bound on that memory. Never knows what a key means. Going back is
one atomic batch. Marks live in memory: a store that was opened again has none.

Threads: reads and snapshots from any thread, as in the store below; writes, marks and going back from one at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from state.kv import KeyValueSnapshot, KeyValueStore, WriteBatch

MAX_UNDO_BYTES: Final = 512 * 2**20
"""Old rows kept for all marks together, with ROW_OVERHEAD_BYTES for each; beyond it the oldest marks are given up."""

MAX_MARKS: Final = 10_000
"""Test suites set a mark for each test and some never go back; the oldest of more than these is given up."""

ROW_OVERHEAD_BYTES: Final = 200


@dataclass(slots=True)
class _Mark:
    """`before`: what the keys written since this mark, and before the next one, held when it was set."""

    number: int
    before: WriteBatch = field(default_factory=dict)
    size_bytes: int = 0


class UndoStore:
    """Implements KeyValueStore over another one, which it owns from now on. With `syncs` False no batch is synced:
    the system decides when it reaches the disk."""

    def __init__(self, rows: KeyValueStore, *, syncs: bool = True, max_bytes: int = MAX_UNDO_BYTES) -> None:
        self._rows = rows
        self._syncs = syncs
        self._max_bytes = max_bytes
        self._marks: list[_Mark] = []  # the oldest first
        self._held_bytes = 0
        self._last = 0

    @property
    def held_bytes(self) -> int:
        """What the marks keep now."""
        return self._held_bytes

    def mark(self) -> int:
        """Remember the store as it is now; numbers count up from 1."""
        self._last += 1
        self._marks.append(_Mark(self._last))
        if len(self._marks) > MAX_MARKS:
            self._give_up_oldest()
        return self._last

    def has_mark(self, number: int) -> bool:
        """Whether one can go back to it."""
        return any(mark.number == number for mark in self._marks)

    def go_back(self, number: int) -> bool:
        """Restore the rows as they were at mark `number`, which is used up, as are all later ones.

        False, with nothing changed, if there is no such mark (any more).
        """
        position = next((at for at, mark in enumerate(self._marks) if mark.number == number), None)
        if position is None:
            return False
        batch: WriteBatch = {}
        for mark in reversed(self._marks[position:]):  # the oldest mark has the last word
            batch.update(mark.before)
        self._rows.write(batch, sync=self._syncs)
        for mark in self._marks[position:]:
            self._held_bytes -= mark.size_bytes
        del self._marks[position:]
        return True

    def forget_marks(self) -> None:
        """Give up all marks."""
        self._marks.clear()
        self._held_bytes = 0

    # --- KeyValueStore ------------------------------------------------------------------------------------

    def get(self, key: bytes) -> bytes | None:
        return self._rows.get(key)

    def iterate(
        self, prefix: bytes, *, start: bytes = b"", reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        return self._rows.iterate(prefix, start=start, reverse=reverse)

    def write(self, batch: WriteBatch, *, sync: bool) -> None:
        if self._marks:
            self._note(self._marks[-1], batch)
        self._rows.write(batch, sync=sync and self._syncs)

    def snapshot(self) -> KeyValueSnapshot:
        return self._rows.snapshot()

    def close(self) -> None:
        self._rows.close()

    # ------------------------------------------------------------------------------------------------------

    def _note(self, mark: _Mark, batch: WriteBatch) -> None:
        before = mark.before
        added = 0
        for key in batch:
            if key not in before:
                old = before[key] = self._rows.get(key)
                added += len(key) + (len(old) if old is not None else 0) + ROW_OVERHEAD_BYTES
        mark.size_bytes += added
        self._held_bytes += added
        while self._held_bytes > self._max_bytes:
            self._give_up_oldest()

    def _give_up_oldest(self) -> None:
        self._held_bytes -= self._marks.pop(0).size_bytes
