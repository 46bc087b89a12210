"""The three kinds of bounded cache that the store needs.

Owns eviction and, for `VersionedCache`, which version of the state an entry is true for. Knows nothing of
what the entries mean. Each class says which threads may use it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class GenerationCache(Generic[K, V]):
    """At most `max_entries` entries in two generations: a hit moves an entry to the young one; when that is
    half full, the old one is dropped. Costs less than a linked list at each hit. One thread at a time.
    """

    __slots__ = ("_half", "_old", "_young")

    def __init__(self, max_entries: int) -> None:
        self._half = max(1, max_entries // 2)
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def get(self, key: K) -> V | None:
        """The entry, or None."""
        value = self._young.get(key)
        if value is None:
            value = self._old.pop(key, None)
            if value is not None:
                self.put(key, value)
        return value

    def put(self, key: K, value: V) -> None:
        """Add or replace an entry."""
        self._young[key] = value
        if len(self._young) >= self._half:
            self._old = self._young
            self._young = {}

    def discard(self, key: K) -> None:
        """Remove an entry, if there."""
        self._young.pop(key, None)
        self._old.pop(key, None)


class ByteBoundedCache(Generic[K, V]):
    """Entries whose sizes, as stated by whoever puts them, add up to at most `max_bytes`; drops the least
    recently used. Safe from any thread.
    """

    __slots__ = ("_entries", "_lock", "_max_bytes", "_total_bytes")

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._total_bytes = 0
        self._entries: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: K) -> V | None:
        """The entry, or None."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            self._entries.move_to_end(key)
            return entry[0]

    def put(self, key: K, value: V, size_bytes: int) -> None:
        """Add or replace an entry; one that is larger than the whole cache is not kept."""
        with self._lock:
            previous = self._entries.pop(key, None)
            if previous is not None:
                self._total_bytes -= previous[1]
            if size_bytes > self._max_bytes:
                return
            self._entries[key] = (value, size_bytes)
            self._total_bytes += size_bytes
            while self._total_bytes > self._max_bytes:
                _, (_, dropped_bytes) = self._entries.popitem(last=False)
                self._total_bytes -= dropped_bytes


class VersionedCache(Generic[K, V]):
    """Values of the newest version of something, shared by readers of older versions.

    Each entry is (value, since): it is the value of every version from `since` to the newest. So a reader of
    version v may use it if since <= v, and has to look elsewhere otherwise. Only a reader of the newest
    version may add what it found elsewhere, with its own version as `since`, because only then nothing newer
    can exist.

    `young` may be read without the lock, which makes a hit one dictionary look-up; every writer takes the
    lock. Safe from any thread; `advance` from one thread at a time.
    """

    __slots__ = ("_half", "_lock", "_old", "_version", "young")

    def __init__(self, max_entries: int, version: int) -> None:
        self._half = max(1, max_entries // 2)
        self._lock = threading.Lock()
        self._version = version
        self.young: dict[K, tuple[V, int]] = {}
        self._old: dict[K, tuple[V, int]] = {}

    def __len__(self) -> int:
        return len(self.young) + len(self._old)

    def find(self, key: K, version: int) -> tuple[V, int] | None:
        """The entry, if it is true for `version`, also from the old generation."""
        with self._lock:
            entry = self.young.get(key)
            if entry is None:
                entry = self._old.pop(key, None)
                if entry is None:
                    return None
                self._put(key, entry)
            return entry if entry[1] <= version else None

    def offer(self, key: K, value: V, version: int) -> None:
        """Keep a value that a reader of `version` found elsewhere, unless there is a newer version by now."""
        with self._lock:
            if version == self._version:
                self._put(key, (value, version))

    def advance(self, version: int, changed: Iterable[tuple[K, V]], *, forget: bool = False) -> None:
        """Make `version` the newest: `changed` are its new values; with `forget` nothing older is kept."""
        with self._lock:
            if forget:
                self.young = {}
                self._old = {}
            for key, value in changed:
                self._put(key, (value, version))
            self._version = version

    def _put(self, key: K, entry: tuple[V, int]) -> None:
        self.young[key] = entry
        if len(self.young) >= self._half:
            self._old = self.young
            self.young = {}
