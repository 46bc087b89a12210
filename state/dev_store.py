"""The chain store of a development node: it can be changed between blocks, go back, and start over.

Owns what no other node may do: changing the state without a block, restoring an earlier chain, and bodies whose
transactions speak for accounts that signed nothing. The store of a development node carries a mark, so that a node
with consensus refuses it. Never makes blocks.

A change between blocks belongs to the state after the head, whose header keeps its own state root: the next block's
root covers it. Commits are not synced to the disk: the end of the process loses nothing, a power cut may lose the last
seconds, and what is left is a chain that ended a little earlier.

Threads: as ChainStore; `amend`, `mark`, `go_back` and `start_over` belong to the one that commits.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, Self

from chain.errors import InvariantViolation
from chain.impersonation import as_impersonated
from chain.transaction import Transaction
from chain.types import Hash32
from state.block_store import BlockStore
from state.caches import ByteBoundedCache, VersionedCache
from state.chain_store import DEFAULT_LIMITS, ChainStore, Head, StoreLimits, encode_head, head_key
from state.changes import StateChanges
from state.kv import DatabaseDamaged, KeyValueStore, LevelStore, MemoryStore, WriteBatch
from state.state_root import committed_root
from state.undo_store import UndoStore
from state.views import StateCaches

DEV_MARK: Final = b"dev"
"""Name of the small record that says: this chain was changed by hand, or may have been."""

DEV_STATE_VIEWS_KEPT: Final = 4_096
"""A test that makes a thousand blocks may still ask for the state before them. Costs about 1 KB of memory each."""


class _DevBlockStore(BlockStore):
    def decode_body(self, raw: bytes) -> tuple[Transaction, ...]:
        return tuple([as_impersonated(transaction) for transaction in super().decode_body(raw)])


class DevChainStore(ChainStore):
    """Made by `open_dev`. After `go_back` and `start_over` it is another chain; whoever keeps something of the old one
    has to look again."""

    views_kept = DEV_STATE_VIEWS_KEPT

    def __init__(self, rows: KeyValueStore, chain_id: int, limits: StoreLimits) -> None:
        super().__init__(rows, chain_id, limits)
        if not isinstance(rows, UndoStore):
            raise InvariantViolation("a development chain needs a store that can go back")
        self._undo = rows
        self._chain_id = chain_id
        self._blocks = _DevBlockStore(
            rows, chain_id, limits.header_bytes, limits.block_bytes, limits.receipt_bytes
        )

    @classmethod
    def open_dev(
        cls,
        source: Path | KeyValueStore,
        *,
        chain_id: int,
        genesis_id: bytes,
        limits: StoreLimits = DEFAULT_LIMITS,
    ) -> Self:
        """As ChainStore.open."""
        rows = LevelStore(source) if isinstance(source, Path) else source
        return cls.open(UndoStore(rows, syncs=False), chain_id=chain_id, genesis_id=genesis_id, limits=limits)

    def _check_head_root(self, head: Head, root_in_header: Hash32) -> None:  # noqa: ARG002
        """The state after the head may have been changed since, but it is the one that the head record names."""
        if committed_root(self._rows) != head.state_root:
            raise DatabaseDamaged(f"the state in the database is not the one after block {head.number}")

    def amend(self, changes: StateChanges) -> None:
        """Change the state after the head. Raises InvariantViolation if the changes contradict themselves."""
        with self._one_writer():
            update = self._compute(changes)
            head = self.head
            amended = Head(head.number, head.hash, update.root)
            self._rows.write({**update.rows, head_key(): encode_head(amended)}, sync=True)
            self._roots.committed(update)
            # Fresh caches: readers of the state before the change may still offer what they found there.
            limits = self._limits
            self._caches = StateCaches(
                VersionedCache(limits.cached_accounts, head.number),
                VersionedCache(limits.cached_slots, head.number),
                ByteBoundedCache(limits.code_bytes),
            )
            self._publish(amended, self._caches)

    def mark(self) -> int:
        """Remember the chain as it is now; the number is for `go_back`."""
        return self._undo.mark()

    def has_mark(self, number: int) -> bool:
        """Whether one can go back to it."""
        return self._undo.has_mark(number)

    def go_back(self, number: int) -> bool:
        """Restore the chain as it was at a mark, which is used up, as are all later ones; False if there is none."""
        with self._one_writer():
            if not self._undo.go_back(number):
                return False
            self._read_again(keep_views=True)
            return True

    def start_over(self, initialise: Callable[[ChainStore], None]) -> None:
        """Replace the chain by what `initialise` puts into an empty store, in one batch. All marks are given up."""
        rows = MemoryStore()
        fresh = ChainStore.open(rows, chain_id=self._chain_id)
        initialise(fresh)
        fresh.meta_put(DEV_MARK, b"\x01")
        batch: WriteBatch = {key: None for key, _ in self._rows.iterate(b"")}
        batch.update(rows.iterate(b""))
        fresh.close()
        with self._one_writer():
            self._undo.forget_marks()
            self._rows.write(batch, sync=True)
            self._read_again(keep_views=False)

    def _read_again(self, *, keep_views: bool) -> None:
        """Become a store that was opened on the rows as they are now."""
        fresh = type(self)(self._rows, self._chain_id, self._limits)
        raw_head = self._rows.get(head_key())
        if raw_head is None:
            raise InvariantViolation("the database has lost its head")
        head = fresh._checked_head(raw_head)
        if (
            keep_views
        ):  # states below the head are those of this chain too; each view has caches of its own time
            fresh._views = {number: view for number, view in self._views.items() if number < head.number}
        fresh._publish_first(head)
        fresh._writing = self._writing
        # In one step, so that readers in other threads see the old chain or the new one.
        vars(self).update(vars(fresh))
