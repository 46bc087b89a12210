"""One heap for every deadline of a driver.

Owns: which keys are due when. Never does: read a clock or sleep; times are seconds of a monotonic clock that the
caller passes in, so a simulation runs the same code on virtual time.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)

_STALE_ENTRIES: Final = 64
"""Cancelled entries stay in the heap until they surface, or until this many more than live ones are there."""


class Timers(Generic[K]):
    """Deadlines by key; scheduling a key again replaces its deadline. Equal deadlines fire in schedule order."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, K]] = []
        self._live: dict[K, int] = {}
        self._sequence = count()

    def schedule(self, key: K, at_s: float) -> None:
        """Let `key` be due at `at_s`."""
        number = next(self._sequence)
        self._live[key] = number
        heappush(self._heap, (at_s, number, key))
        if len(self._heap) > 2 * len(self._live) + _STALE_ENTRIES:
            self._heap = [entry for entry in self._heap if self._live.get(entry[2]) == entry[1]]
            heapify(self._heap)

    def cancel(self, key: K) -> None:
        """Forget `key` if it is scheduled."""
        self._live.pop(key, None)

    def cancel_where(self, matches: Callable[[K], bool]) -> None:
        """Forget every key that `matches`."""
        for key in [key for key in self._live if matches(key)]:
            del self._live[key]

    def is_scheduled(self, key: K) -> bool:
        """Whether `key` waits."""
        return key in self._live

    def next_at_s(self) -> float | None:
        """The earliest deadline, None if nothing waits."""
        while self._heap and self._live.get(self._heap[0][2]) != self._heap[0][1]:
            heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now_s: float) -> K | None:
        """Remove and return the earliest key whose deadline has come, None if there is none."""
        at_s = self.next_at_s()
        if at_s is None or at_s > now_s:
            return None
        _, _, key = heappop(self._heap)
        del self._live[key]
        return key
