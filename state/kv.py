"""The key-value store under everything: one interface, LevelDB on disk, and a store in memory.

Owns opening, locking, damage detection and closing of the database, and the translation of its errors. Never
knows what a key or value means (state.columns does) and never caches.

Threads: every method of both stores and of their snapshots may be called from any thread. Writes are atomic
and ordered; `close` waits for running calls, later calls raise DatabaseUnavailable.
References: LevelDB 1.22 doc/index.md and doc/impl.md; plyvel 1.5.
"""

from __future__ import annotations

import os
import threading
import time
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias
from weakref import WeakSet

import plyvel

from chain.errors import EnvironmentFault

# Key -> new value, or None to delete it. A dict, so one key has one last word, and the order is the caller's.
WriteBatch: TypeAlias = dict[bytes, bytes | None]

# Memory of the LevelDB instance: two memtables of this size at most, and one block cache.
WRITE_BUFFER_BYTES: Final = 16 * 2**20
BLOCK_CACHE_BYTES: Final = 32 * 2**20
MAX_OPEN_FILES: Final = (
    512  # stays well below the usual limit of 1024 descriptors, leaving the rest to sockets
)
TABLE_FILE_BYTES: Final = 8 * 2**20
BLOOM_BITS: Final = 10  # about 1 % false positives for reads of absent keys (LevelDB doc/index.md)
CLOSE_WAIT_MS: Final = 60_000  # a call can wait for a compaction; no call waits a minute

_Identity: TypeAlias = tuple[int, int]
"""Inode and time of the last change: tells a file from a later one with its name."""

_TABLE_MAGIC: Final = 0xDB4775248B80FB57.to_bytes(8, "little")  # the last 8 bytes of every table file


class DatabaseLocked(EnvironmentFault):
    """Another process (or this one) has the database open."""


class DatabaseDamaged(EnvironmentFault):
    """Files or records of the database are missing, truncated or garbled."""


class DatabaseUnavailable(EnvironmentFault):
    """The database cannot be opened, read or written: permissions, disk full, closed already."""


class KeyValueReader(Protocol):
    """Reads of the store or of a snapshot of it."""

    def get(self, key: bytes) -> bytes | None:
        """Value of `key`, or None. Raises DatabaseDamaged or DatabaseUnavailable."""
        ...

    def iterate(
        self, prefix: bytes, *, start: bytes = b"", reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """All (key, value) whose key begins with `prefix`, in ascending order of the keys, or descending if
        `reverse`.

        With `start`, the first key is `prefix + start`, or the next one in the direction of travel.
        Raises as `get` does. Rows written meanwhile may or may not appear, except on a snapshot, where they
        do not.
        """
        ...


class KeyValueSnapshot(KeyValueReader, Protocol):
    """The store as it was at one moment. Holds resources until closed or dropped."""

    def close(self) -> None:
        """Let go of the resources; idempotent. Later reads raise DatabaseUnavailable."""
        ...


class KeyValueStore(KeyValueReader, Protocol):
    """An ordered map from bytes to bytes."""

    def write(self, batch: WriteBatch, *, sync: bool) -> None:
        """Apply `batch` atomically; with `sync` it is on the disk when this returns.

        Raises DatabaseUnavailable or DatabaseDamaged; then nothing of the batch is visible.
        """
        ...

    def snapshot(self) -> KeyValueSnapshot:
        """The store as it is now, unaffected by later writes."""
        ...

    def close(self) -> None:
        """Close the store and all its snapshots; idempotent."""
        ...


def prefix_end(prefix: bytes) -> bytes | None:
    """The smallest key behind all keys that begin with `prefix`; None if there is no such key."""
    stripped = prefix.rstrip(b"\xff")
    return stripped[:-1] + bytes((stripped[-1] + 1,)) if stripped else None


def _translated(error: Exception, what: str) -> EnvironmentFault:
    """The error of this project for an error of plyvel."""
    text = error.args[0] if error.args else ""
    reason = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    if isinstance(error, plyvel.CorruptionError):
        return DatabaseDamaged(f"{what}: {reason}")
    if isinstance(error, plyvel.IOError):
        if reason.startswith("IO error: lock "):
            return DatabaseLocked(f"{what}: another process is using it ({reason})")
        if "No such file or directory" in reason or "is too short" in reason:
            return DatabaseDamaged(f"{what}: a file is missing or cut off ({reason})")
    return DatabaseUnavailable(f"{what}: {reason}")


# RuntimeError is plyvel's answer on a closed database, snapshot or iterator.
_PLYVEL_ERRORS: Final = (plyvel.Error, RuntimeError)


class _Gate:
    """Counts running calls into LevelDB.

    plyvel releases the GIL inside a call, and closing frees the C++ object, so a close during a call in
    another thread would crash the process. One list of marks serves as the counter, because append and pop
    are atomic.
    """

    __slots__ = ("closed", "marks")

    def __init__(self) -> None:
        self.marks: list[None] = []
        self.closed = False

    def shut(self) -> None:
        """Refuse new calls and wait for the running ones. Raises DatabaseUnavailable if one does not end."""
        self.closed = True
        for _ in range(CLOSE_WAIT_MS):
            if not self.marks:
                return
            time.sleep(0.001)
        raise DatabaseUnavailable(f"closing the database: a call is still running after {CLOSE_WAIT_MS} ms")

    def run(self, call: Callable[[], Any], what: str) -> Any:
        """`call()` while the gate is open, with errors translated."""
        self.marks.append(None)
        try:
            if self.closed:
                raise DatabaseUnavailable(f"{what}: the database is closed")
            return call()
        except _PLYVEL_ERRORS as error:
            raise _translated(error, what) from error
        finally:
            self.marks.pop()


class _LevelReader:
    """Reads through a plyvel DB or Snapshot."""

    __slots__ = ("_gate", "_get", "_source", "_what")

    def __init__(self, source: Any, gate: _Gate, what: str) -> None:
        self._source = source
        self._get = source.get
        self._gate = gate
        self._what = what

    def get(self, key: bytes) -> bytes | None:
        # _Gate.run written out: this is the hot read, and the indirection would cost a tenth of it.
        gate = self._gate
        gate.marks.append(None)
        try:
            if gate.closed:
                raise DatabaseUnavailable(f"{self._what}: the database is closed")
            value: bytes | None = self._get(key, verify_checksums=True)
            return value
        except _PLYVEL_ERRORS as error:
            raise _translated(error, self._what) from error
        finally:
            gate.marks.pop()

    def iterate(
        self, prefix: bytes, *, start: bytes = b"", reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        bounds: dict[str, Any]
        if reverse:
            # No lower bound: plyvel 1.5.1 answers nothing at all if the first row that it meets lies on that bound.
            bounds = {
                "stop": prefix + start if start else prefix_end(prefix),
                "include_stop": bool(start),
            }
        else:
            bounds = {"start": prefix + start, "stop": prefix_end(prefix)}
        rows = self._gate.run(
            lambda: self._source.iterator(reverse=reverse, verify_checksums=True, **bounds), self._what
        )
        try:
            while True:
                row: tuple[bytes, bytes] | None = self._gate.run(lambda: next(rows, None), self._what)
                if row is None or not row[0].startswith(prefix):
                    return
                yield row
        finally:
            rows.close()


class _LevelSnapshot(_LevelReader):
    __slots__ = ("__weakref__",)

    def close(self) -> None:
        self._source.close()


class LevelStore(_LevelReader):
    """LevelDB in a directory, opened by one process at a time. See the module docstring for threads."""

    __slots__ = ("_snapshots",)

    def __init__(self, path: Path, *, create: bool = True) -> None:
        """Open the database in `path`, creating it if `create`.

        Raises DatabaseLocked, DatabaseDamaged or DatabaseUnavailable.
        """
        what = f"database {path}"
        try:
            if create:
                path.mkdir(parents=True, exist_ok=True)
            before = _files(path)
        except OSError as error:
            raise DatabaseUnavailable(f"{what}: {error.strerror or error}") from error
        if "CURRENT" not in before and any(_belongs_to_leveldb(name) for name in before):
            # LevelDB would take the directory for a new one and delete what is left of the old.
            raise DatabaseDamaged(f"{what}: file CURRENT is missing")
        if "CURRENT" not in before and not create:
            raise DatabaseUnavailable(f"{what}: there is no database")
        try:
            source = plyvel.DB(
                str(path),
                create_if_missing=create,
                paranoid_checks=True,
                write_buffer_size=WRITE_BUFFER_BYTES,
                max_open_files=MAX_OPEN_FILES,
                lru_cache_size=BLOCK_CACHE_BYTES,
                max_file_size=TABLE_FILE_BYTES,
                bloom_filter_bits=BLOOM_BITS,
            )
        except plyvel.Error as error:
            raise _translated(error, what) from error
        try:
            _check_tables(path, before)
        except EnvironmentFault:
            source.close()
            raise
        super().__init__(source, _Gate(), what)
        self._snapshots: WeakSet[_LevelSnapshot] = WeakSet()

    def write(self, batch: WriteBatch, *, sync: bool) -> None:
        self._gate.run(lambda: self._write(batch, sync), self._what)

    def _write(self, batch: WriteBatch, sync: bool) -> None:
        with self._source.write_batch(sync=sync) as rows:
            put = rows.put
            delete = rows.delete
            for key, value in batch.items():
                if value is None:
                    delete(key)
                else:
                    put(key, value)

    def snapshot(self) -> KeyValueSnapshot:
        snapshot = _LevelSnapshot(self._gate.run(self._source.snapshot, self._what), self._gate, self._what)
        self._snapshots.add(snapshot)
        return snapshot

    def close(self) -> None:
        self._gate.shut()
        for snapshot in list(self._snapshots):
            snapshot.close()
        self._source.close()


def _files(path: Path) -> dict[str, _Identity]:
    return {entry.name: _identity(entry.stat()) for entry in path.iterdir()} if path.is_dir() else {}


def _identity(status: os.stat_result) -> _Identity:
    return status.st_ino, status.st_mtime_ns


def _belongs_to_leveldb(name: str) -> bool:
    return name.startswith("MANIFEST-") or name.endswith((".ldb", ".sst", ".log"))


def _check_tables(path: Path, before: Mapping[str, _Identity]) -> None:
    """Look at the last bytes of every table, which LevelDB itself would only read when it first needs the
    file.

    Opening deletes tables that are not part of the database, such as one whose writing was interrupted, so a
    table that was there before and is there still is a complete one. The compaction that begins at once may write
    another file under the same name, though: its number was never used. Raises DatabaseDamaged.
    """
    for name, identity in sorted(before.items()):
        if not name.endswith((".ldb", ".sst")):
            continue
        try:
            with (path / name).open("rb") as table:
                if _identity(os.fstat(table.fileno())) != identity:
                    continue
                size = table.seek(0, 2)
                table.seek(max(0, size - len(_TABLE_MAGIC)))
                magic = table.read()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise DatabaseUnavailable(f"database {path}: file {name}: {error.strerror or error}") from error
        if magic != _TABLE_MAGIC:
            raise DatabaseDamaged(f"database {path}: file {name} is cut off or garbled")


class MemoryStore:
    """A store in memory with the same behaviour, for tests and throw-away chains. `sync` has no meaning here.

    Keeps for every key the values that some live snapshot can still see, newest last.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._versions: dict[bytes, list[tuple[int, bytes | None]]] = {}
        self._sorted_keys: list[bytes] = []
        self._sorted_stale = False
        self._version = 0
        self._snapshots: dict[int, int] = {}  # version -> number of live snapshots of it
        self._released: deque[int] = deque()  # versions whose snapshots are gone, counted at the next write
        self._closed = False

    def get(self, key: bytes) -> bytes | None:
        return self.get_at(key, None)

    def iterate(
        self, prefix: bytes, *, start: bytes = b"", reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        return self.iterate_at(prefix, start, reverse, None)

    def get_at(self, key: bytes, version: int | None) -> bytes | None:
        """Value at `version` (of a live snapshot), or now."""
        with self._lock:
            self._check_open()
            return self._visible(key, version)

    def _check_open(self) -> None:
        if self._closed:
            raise DatabaseUnavailable("database in memory: the database is closed")

    def _visible(self, key: bytes, version: int | None) -> bytes | None:
        values = self._versions.get(key)
        if values is None:
            return None
        if version is None:
            return values[-1][1]
        return next((value for since, value in reversed(values) if since <= version), None)

    def iterate_at(
        self, prefix: bytes, start: bytes, reverse: bool, version: int | None
    ) -> Iterator[tuple[bytes, bytes]]:
        """Rows at `version` (of a live snapshot), or as they are when each is reached."""
        for key in self._keys(prefix, start, reverse):
            value = self.get_at(key, version)
            if value is not None:
                yield key, value

    def _keys(self, prefix: bytes, start: bytes, reverse: bool) -> list[bytes]:
        with self._lock:
            self._check_open()
            if self._sorted_stale:
                self._sorted_keys = sorted(self._versions)
                self._sorted_stale = False
            keys = self._sorted_keys
            end = prefix_end(prefix)
            low = bisect_left(keys, prefix)
            high = bisect_left(keys, end) if end is not None else len(keys)
            if start and reverse:
                high = min(high, bisect_right(keys, prefix + start))
            elif start:
                low = max(low, bisect_left(keys, prefix + start))
            found = keys[low:high]
        return found[::-1] if reverse else found

    def write(self, batch: WriteBatch, *, sync: bool) -> None:  # noqa: ARG002 - memory knows no sync
        with self._lock:
            self._check_open()
            self._version += 1
            self._forget_released()
            oldest = min(self._snapshots, default=self._version)
            for key, value in batch.items():
                values = self._versions.get(key)
                if values is None:
                    values = self._versions[key] = []
                    self._sorted_stale = True
                values.append((self._version, value))
                while len(values) > 1 and values[1][0] <= oldest:
                    del values[0]
                if values[0][1] is None and len(values) == 1:
                    del self._versions[key]
                    self._sorted_stale = True

    def snapshot(self) -> KeyValueSnapshot:
        with self._lock:
            self._check_open()
            self._snapshots[self._version] = self._snapshots.get(self._version, 0) + 1
            return _MemorySnapshot(self, self._version)

    def release(self, version: int) -> None:
        """One snapshot of `version` is gone. Takes no lock: the garbage collector calls this any time."""
        self._released.append(version)

    def _forget_released(self) -> None:
        while self._released:
            version = self._released.popleft()
            self._snapshots[version] -= 1
            if not self._snapshots[version]:
                del self._snapshots[version]

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._versions.clear()
            self._sorted_keys = []


class _MemorySnapshot:
    __slots__ = ("_closed", "_store", "_version")

    def __init__(self, store: MemoryStore, version: int) -> None:
        self._store = store
        self._version = version
        self._closed = False

    def get(self, key: bytes) -> bytes | None:
        self._check_open()
        return self._store.get_at(key, self._version)

    def iterate(
        self, prefix: bytes, *, start: bytes = b"", reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        self._check_open()
        return self._store.iterate_at(prefix, start, reverse, self._version)

    def _check_open(self) -> None:
        if self._closed:
            raise DatabaseUnavailable("database in memory: the snapshot is closed")

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._store.release(self._version)

    def __del__(self) -> None:
        self.close()
