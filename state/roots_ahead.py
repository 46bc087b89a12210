"""State roots of blocks that nobody commits: root after root on top of one committed state.

Owns: the rows and trie nodes that such blocks would have written, in memory. The work for a block is that for its
own changes, however many blocks are below it. Never writes the store.

Threads: one at a time; commits may run beside it, because the rows below are a snapshot.
Specification: yellow paper, section 4.1 (world state).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from chain.types import HASH_BYTES, ZERO_HASH, Hash32
from state.changed_reader import ChangedReader
from state.changes import StateChanges
from state.columns import Column
from state.flat import hashed_address
from state.kv import KeyValueReader, WriteBatch, prefix_end
from state.reader import StateReader
from state.state_root import StateRoots, committed_root

CACHED_NODES: Final = 4_096
"""Decoded trie nodes (about 650 bytes each): those near the root, which every block of a simulation changes."""

_STORAGE: Final = Column.STORAGE.value
_STORAGE_NODE: Final = Column.STORAGE_NODE.value
_STORAGE_PREFIX_BYTES: Final = 1 + HASH_BYTES  # of all keys of one account in either column

Checkpoint = Callable[[], None]


class CommittedState(StateReader, Protocol):
    """A committed state that also shows the rows it is read from."""

    @property
    def rows(self) -> KeyValueReader:
        """A snapshot of the store, trie nodes included."""
        ...


class RootsAhead:
    """`advance` takes what one block after the other changes.

    `checkpoint` is called for every row that is read and may raise to give up.
    """

    def __init__(self, state: CommittedState, checkpoint: Checkpoint) -> None:
        self._root = committed_root(state.rows)
        self._rows = _RowsAhead(state.rows, checkpoint)
        self._roots = StateRoots(self._rows, CACHED_NODES)
        self._state = ChangedReader(state)

    def advance(self, changes: StateChanges) -> Hash32:
        """The root after `changes` on top of all that came before.

        Raises InvariantViolation if the changes contradict the state, and what `checkpoint` raises; the object is of
        no use then.
        """
        gone = [address for address, account in changes.accounts.items() if account is None]
        for address in dict.fromkeys((*changes.wiped, *gone)):
            # A commit would delete row after row, of which there can be any number.
            self._rows.hide(hashed_address(address))
            self._roots = StateRoots(self._rows, CACHED_NODES)  # the old one remembers nodes of that storage
        update = self._roots.compute(self._state, self._root, ZERO_HASH, changes)
        self._rows.write(update.rows)
        self._roots.committed(update)
        self._state.absorb(update.changes)
        self._root = update.root
        return update.root


class _RowsAhead:
    """Rows of a snapshot with others on top. Implements KeyValueReader.

    Of storage, only prefixes that name an account are iterated.
    """

    def __init__(self, below: KeyValueReader, checkpoint: Checkpoint) -> None:
        self._below = below
        self._checkpoint = checkpoint
        self._written: WriteBatch = {}
        self._sorted: list[bytes] | None = []
        self._hidden: set[bytes] = set()  # prefixes of keys for which the snapshot does not count

    def hide(self, hashed: Hash32) -> None:
        """Drop the storage of an account, slots and trie nodes."""
        for prefix in (_STORAGE + hashed, _STORAGE_NODE + hashed):
            self._hidden.add(prefix)
            for key in self._own_keys(prefix, b"", reverse=False):
                del self._written[key]
            self._sorted = None

    def write(self, batch: WriteBatch) -> None:
        self._written.update(batch)
        self._sorted = None

    def get(self, key: bytes) -> bytes | None:
        self._checkpoint()
        if key in self._written:
            return self._written[key]
        return None if key[:_STORAGE_PREFIX_BYTES] in self._hidden else self._below.get(key)

    def iterate(
        self, prefix: bytes, *, start: bytes = b"", reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        own = self._own_keys(prefix, start, reverse)
        below: Iterator[tuple[bytes, bytes]] = iter(())
        if prefix[:_STORAGE_PREFIX_BYTES] not in self._hidden:
            below = self._below.iterate(prefix, start=start, reverse=reverse)
        row = next(below, None)
        while own or row is not None:
            self._checkpoint()
            if row is not None and (not own or (row[0] != own[-1] and (row[0] < own[-1]) is not reverse)):
                yield row
                row = next(below, None)
                continue
            key = own.pop()
            if row is not None and row[0] == key:
                row = next(below, None)
            value = self._written[key]
            if value is not None:
                yield key, value

    def _own_keys(self, prefix: bytes, start: bytes, reverse: bool) -> list[bytes]:
        """The written keys that an iteration meets, the first of them last."""
        if self._sorted is None:
            self._sorted = sorted(self._written)
        keys, end = self._sorted, prefix_end(prefix)
        low, high = bisect_left(keys, prefix), len(keys) if end is None else bisect_left(keys, end)
        if start and reverse:
            high = min(high, bisect_right(keys, prefix + start))
        elif start:
            low = max(low, bisect_left(keys, prefix + start))
        found = keys[low:high]
        return found if reverse else found[::-1]
