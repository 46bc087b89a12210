"""The transactions that the pool accepted lately, for readers that follow at their own pace.

Owns a bounded, numbered stretch of them; each reader keeps its own position. Never renders, never asks the pool.
A reader that is so slow that its position has fallen off is told, so that nothing is lost silently.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import islice
from typing import Final

from chain.transaction import RecoveredTransaction

ENTRY_OVERHEAD_BYTES: Final = 500
"""Charged to each transaction for its decoded form."""


class FellBehind(Exception):
    """The reader's position is older than what is kept."""


class TransactionFeed:
    """Bounded by number and bytes. It keeps nothing while it has no reader."""

    def __init__(self, max_transactions: int, max_bytes: int) -> None:
        self._max_transactions = max_transactions
        self._max_bytes = max_bytes
        self._kept: deque[RecoveredTransaction] = deque()
        self._held_bytes = 0
        self._end = 0
        self._readers = 0

    @property
    def end(self) -> int:
        """The position of the next transaction; a new reader begins here."""
        return self._end

    @property
    def has_readers(self) -> bool:
        """Somebody wants to know."""
        return self._readers > 0

    def add_reader(self) -> int:
        """Count a reader; returns its first position."""
        self._readers += 1
        return self._end

    def remove_reader(self) -> None:
        """A reader is done."""
        self._readers -= 1
        if not self._readers:
            self._kept.clear()
            self._held_bytes = 0

    def append(self, accepted: Iterable[RecoveredTransaction]) -> None:
        """Take in transactions in the order of their acceptance."""
        if not self._readers:
            return
        for recovered in accepted:
            self._kept.append(recovered)
            self._held_bytes += _cost(recovered)
            self._end += 1
        while len(self._kept) > self._max_transactions or self._held_bytes > self._max_bytes:
            self._held_bytes -= _cost(self._kept.popleft())

    def since(self, position: int, most: int) -> list[RecoveredTransaction]:
        """At most that many transactions from `position` on. Raises FellBehind."""
        skipped = position - (self._end - len(self._kept))
        if skipped < 0:
            raise FellBehind
        return list(islice(self._kept, skipped, skipped + most))


def _cost(recovered: RecoveredTransaction) -> int:
    return ENTRY_OVERHEAD_BYTES + len(recovered.transaction.raw)
