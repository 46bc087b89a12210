"""ChainStore: the committed chain on disk — its head, its state, its blocks.

Owns the database from opening to closing, the one atomic write by which a block is committed, and the views of the
last committed states. Never executes and never judges a block: whoever commits one has executed it and has a
certificate for it.

Threads: `compute_root` and `commit_block` (and `initialise`) belong to one worker thread at a time, and they refuse to
run at the same time. Everything else may be called from any thread at any time, also during a commit, and sees
either all of a block or nothing of it. `close` waits for running reads.

Crashes: a commit is one LevelDB batch, written with sync, that also moves the head. A process killed at any moment
finds at its next start the last block whose commit had returned, or the one whose commit was running.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final, Self

from chain.block import Block
from chain.errors import CallerError, EnvironmentFault, InvariantViolation
from chain.header import Header
from chain.keccak import EMPTY_TRIE_ROOT
from chain.receipt import Receipt
from chain.types import ZERO_HASH, Address, Hash32
from state.block_store import BlockStore, TransactionLocation, block_rows
from state.caches import ByteBoundedCache, VersionedCache
from state.changes import StateChanges
from state.columns import (
    META_FOREIGN_PREFIX,
    META_GENESIS,
    META_HEAD,
    META_SCHEMA,
    SCHEMA_VERSION,
    Column,
)
from state.kv import DatabaseDamaged, KeyValueStore, LevelStore
from state.log_index import LogIndex
from state.log_terms import LocatedLog, LogTerms, blocks_by_bloom
from state.proofs import AccountProof, Checkpoint, prove_account
from state.reader import DictReader
from state.slot_map import table_of
from state.state_root import StateRoots, StateUpdate, committed_root
from state.views import StateCaches, StateView

__all__ = [
    "ChainStore",
    "Head",
    "StateUnavailable",
    "StateUpdate",
    "StoreLimits",
    "TransactionLocation",
    "WrongGenesis",
    "WrongSchema",
]

# As many as geth keeps in memory, so that tools which read a little behind the head find what they expect.
STATE_VIEWS_KEPT: Final = 128
MAX_META_KEY_BYTES: Final = 128

_META: Final = Column.META.value
_HEAD_KEY: Final = _META + META_HEAD
_GENESIS_KEY: Final = _META + META_GENESIS
_SCHEMA_KEY: Final = _META + META_SCHEMA


class WrongSchema(EnvironmentFault):
    """The database was written by another version of this program, or by another program."""


class WrongGenesis(EnvironmentFault):
    """The database belongs to a chain with another genesis."""


class StateUnavailable(CallerError):
    """The state after that block is not kept."""


@dataclass(frozen=True, slots=True)
class Head:
    """The last committed block."""

    number: int
    hash: Hash32
    state_root: Hash32


@dataclass(frozen=True, slots=True)
class StoreLimits:
    """Bounds of the caches. The memory behind the defaults is about 260 MB when all are full."""

    cached_accounts: int = 131_072  # about 290 bytes each, 430 for contracts
    cached_slots: int = 262_144  # about 260 bytes each
    cached_trie_nodes: int = 131_072  # about 650 bytes each; three accounts make one node
    code_bytes: int = 16 * 2**20
    header_bytes: int = 4 * 2**20
    block_bytes: int = 32 * 2**20
    receipt_bytes: int = 16 * 2**20


DEFAULT_LIMITS: Final = StoreLimits()


class ChainStore:
    """The committed chain. Made by `open`; see the module docstring for threads and crashes."""

    views_kept: ClassVar[int] = STATE_VIEWS_KEPT

    def __init__(self, rows: KeyValueStore, chain_id: int, limits: StoreLimits) -> None:
        """Use `open`: this does not check the database."""
        self._rows = rows
        self._limits = limits
        self._blocks = BlockStore(
            rows, chain_id, limits.header_bytes, limits.block_bytes, limits.receipt_bytes
        )
        self._log_index = LogIndex(rows)
        self._roots = StateRoots(rows, limits.cached_trie_nodes)
        self._writing = threading.Lock()
        self._views: dict[int, StateView] = {}
        self._caches: StateCaches | None = None
        self._latest: StateView | None = None
        self._head: Head | None = None

    @classmethod
    def open(
        cls,
        source: Path | KeyValueStore,
        *,
        chain_id: int,
        genesis_id: bytes | None = None,
        limits: StoreLimits = DEFAULT_LIMITS,
    ) -> Self:
        """Open the database in a directory (made if missing), or take over a key-value store, and check it.

        chain_id is what stored transactions are decoded for. With `genesis_id`, an initialised database must have it.
        Raises DatabaseLocked, DatabaseDamaged, DatabaseUnavailable, WrongSchema or WrongGenesis.
        """
        rows = LevelStore(source) if isinstance(source, Path) else source
        store = cls(rows, chain_id, limits)
        try:
            store._check_schema()
            if genesis_id is not None and store.is_initialised:
                store._check_genesis(genesis_id)
            raw_head = rows.get(_HEAD_KEY)
            if raw_head is not None:
                store._publish_first(store._checked_head(raw_head))
        except BaseException:
            rows.close()
            raise
        return store

    def close(self) -> None:
        """Close the database and all views; idempotent. Later calls raise DatabaseUnavailable."""
        self._rows.close()
        self._views = {}

    # --- opening ---------------------------------------------------------------------------------------------

    def _check_schema(self) -> None:
        raw = self._rows.get(_SCHEMA_KEY)
        if raw is None:
            if next(self._rows.iterate(b""), None) is not None:
                raise WrongSchema("the database was not written by this program: it has no schema version")
            self._rows.write({_SCHEMA_KEY: SCHEMA_VERSION.to_bytes(4, "big")}, sync=True)
        elif int.from_bytes(raw, "big") != SCHEMA_VERSION:
            found = int.from_bytes(raw, "big")
            raise WrongSchema(f"the database has schema version {found}, this program needs {SCHEMA_VERSION}")

    def _check_genesis(self, genesis_id: bytes) -> None:
        stored = self._rows.get(_GENESIS_KEY)
        if stored != genesis_id:
            found = stored.hex() if stored is not None else "none"
            raise WrongGenesis(
                f"the database belongs to the chain with genesis id {found}, not {genesis_id.hex()}"
            )

    def _checked_head(self, raw: bytes) -> Head:
        """The head record, checked against what it refers to. Raises DatabaseDamaged."""
        if len(raw) != 72:
            raise DatabaseDamaged("the head record is garbled")
        head = Head(int.from_bytes(raw[:8], "big"), Hash32(raw[8:40]), Hash32(raw[40:]))
        header = self._blocks.header(head.number)
        if header is None or header.hash != head.hash:
            raise DatabaseDamaged(
                f"the head is block {head.number}, but its header is missing or another one"
            )
        if head.number and self._blocks.canonical_hash(head.number - 1) != header.parent_hash:
            raise DatabaseDamaged(
                f"the parent of the head, block {head.number - 1}, is missing or another one"
            )
        self._check_head_root(head, header.state_root)
        return head

    def _check_head_root(self, head: Head, root_in_header: Hash32) -> None:
        if not root_in_header == head.state_root == committed_root(self._rows):
            raise DatabaseDamaged(f"the state in the database is not the one after block {head.number}")

    def _publish_first(self, head: Head) -> None:
        self._log_index.open_section(head.number)
        limits = self._limits
        self._caches = StateCaches(
            VersionedCache(limits.cached_accounts, head.number),
            VersionedCache(limits.cached_slots, head.number),
            ByteBoundedCache(limits.code_bytes),
        )
        self._publish(head, self._caches)

    def _publish(self, head: Head, caches: StateCaches) -> None:
        """Let readers see a head whose rows are written."""
        view = StateView(head.number, self._rows.snapshot(), caches)
        self._views[head.number] = view
        # Not closed here: a reader may still use it. The snapshot goes when the last reader drops the view.
        self._views.pop(head.number - self.views_kept, None)
        self._latest = view
        self._head = head

    # --- first block -----------------------------------------------------------------------------------------

    @property
    def is_initialised(self) -> bool:
        """Whether the database has a genesis block."""
        return self._rows.get(_GENESIS_KEY) is not None

    def initialise(
        self, genesis_block: Block, changes: StateChanges, genesis_id: bytes, consensus_record: bytes = b""
    ) -> None:
        """Write the first block and its state, which starts from nothing. `genesis_id` is what `open` will compare.

        Raises WrongGenesis if there is another genesis already; InvariantViolation if there is this one, if the state
        root in the header is not that of `changes`, or if the block is not number 0 and empty.
        """
        with self._one_writer():
            if self.is_initialised:
                self._check_genesis(genesis_id)
                raise InvariantViolation("the database is initialised already")
            if genesis_block.number or genesis_block.transactions:
                raise InvariantViolation("a genesis block has number 0 and no transactions")
            update = self._compute(changes)
            header = genesis_block.header
            if update.root != header.state_root:
                raise InvariantViolation(
                    f"genesis state root {update.root.hex()}, the header says {header.state_root.hex()}"
                )
            head = Head(header.number, header.hash, header.state_root)
            batch = block_rows(genesis_block, (), b"", consensus_record)
            batch.update(update.rows)
            batch[_GENESIS_KEY] = genesis_id
            batch[_HEAD_KEY] = encode_head(head)
            self._rows.write(batch, sync=True)
            self._roots.committed(update)
            self._publish_first(head)

    # --- state -----------------------------------------------------------------------------------------------

    @property
    def head(self) -> Head:
        """The last committed block. Raises InvariantViolation before `initialise`."""
        head = self._head
        if head is None:
            raise InvariantViolation("the database has no genesis block yet")
        return head

    def latest_state(self) -> StateView:
        """The state after the last committed block. Costs nothing; stays the same when later blocks are committed."""
        view = self._latest
        if view is None:
            raise InvariantViolation("the database has no genesis block yet")
        return view

    def state_at(self, number: int) -> StateView:
        """The state after block `number`: the head or one of the blocks before it that were committed since the
        database was opened, `views_kept` in all. Raises StateUnavailable.
        """
        view = self._views.get(number)
        if view is None:
            # "missing trie node" and "is not available" are what clients look for to take another node (go-ethereum).
            raise StateUnavailable(
                f"missing trie node: historical state of block {number} is not available, this node keeps that "
                f"of the last {self.views_kept} blocks since its start"
            )
        return view

    def oldest_state(self) -> int:
        """The number of the first block whose state is kept; all from there to the head are."""
        return min(list(self._views))

    def prove(
        self, number: int, address: Address, slots: Sequence[int], checkpoint: Checkpoint | None = None
    ) -> AccountProof:
        """Merkle proofs of an account and some of its slots under the state root of block `number`.

        `checkpoint` is called for each slot and may raise to give up. Raises StateUnavailable, as `state_at` does.
        """
        rows = self.state_at(number).rows
        return prove_account(rows, committed_root(rows), address, slots, checkpoint)

    def state_root_after(self, view: StateView, changes: StateChanges) -> Hash32:
        """The state root after `changes` on top of `view`, for a block that nobody commits.

        Unlike `compute_root` it may run beside anything, because it shares no cache; it is slower. Raises
        InvariantViolation if the changes contradict themselves.
        """
        roots = StateRoots(view.rows, self._limits.cached_trie_nodes)
        return roots.compute(view, committed_root(view.rows), ZERO_HASH, changes).root

    def compute_root(self, changes: StateChanges) -> StateUpdate:
        """The state root after `changes` on top of the head, or of nothing before `initialise`. No visible effect.

        Raises InvariantViolation if the changes contradict themselves, or the store itself.
        """
        with self._one_writer():
            return self._compute(changes)

    def _compute(self, changes: StateChanges) -> StateUpdate:
        head = self._head
        if head is None:
            return self._roots.compute(DictReader(), EMPTY_TRIE_ROOT, ZERO_HASH, changes)
        return self._roots.compute(self.latest_state(), head.state_root, head.hash, changes)

    def commit_block(
        self,
        block: Block,
        receipts: Sequence[Receipt],
        update: StateUpdate,
        certificate: bytes,
        consensus_record: bytes,
    ) -> None:
        """Make `block` the head, with its state: one atomic write, on the disk when this returns.

        Raises InvariantViolation, having written nothing, if the block is not the child of the head, or `update` was
        computed on another block or has another root than the header.
        """
        with self._one_writer():
            head = self.head
            header = block.header
            if header.number != head.number + 1 or header.parent_hash != head.hash:
                raise InvariantViolation(
                    f"block {header.number} is not a child of the head, block {head.number}"
                )
            if update.parent_hash != head.hash:
                raise InvariantViolation(f"the state of block {header.number} was computed on another parent")
            if update.root != header.state_root:
                raise InvariantViolation(
                    f"block {header.number} has state root {update.root.hex()}, "
                    f"its header says {header.state_root.hex()}"
                )
            new_head = Head(header.number, header.hash, header.state_root)
            batch = block_rows(block, receipts, certificate, consensus_record)
            batch.update(update.rows)
            batch[_HEAD_KEY] = encode_head(new_head)
            indexed = self._log_index.block(header.number, receipts)
            if indexed is not None:
                batch.update(indexed.rows)
            self._rows.write(batch, sync=True)
            self._log_index.committed(indexed)
            self._blocks.remember(block, receipts)
            self._roots.committed(update)
            self._advance(new_head, update)

    def _advance(self, head: Head, update: StateUpdate) -> None:
        caches = self._caches
        if caches is None:
            raise InvariantViolation("the database has no genesis block yet")
        changes = update.changes
        caches.accounts.advance(head.number, changes.accounts.items())
        caches.slots.advance(
            head.number,
            (
                ((address, key), value)
                for address, slots in changes.storage.items()
                for key, value in table_of(slots).items()
            ),
            # Slots of a wiped account may be in the cache, and nobody knows which. Hardly ever happens, because since
            # EIP-6780 a contract is only destroyed in the transaction that creates it.
            forget=update.wipes_storage,
        )
        self._publish(head, caches)

    # --- blocks ----------------------------------------------------------------------------------------------

    def canonical_hash(self, number: int) -> Hash32 | None:
        """Hash of block `number`, or None."""
        return self._blocks.canonical_hash(number)

    def header(self, number: int) -> Header | None:
        """Header of block `number`, or None. Raises DatabaseDamaged, as all of the following do."""
        return self._blocks.header(number)

    def header_by_hash(self, block_hash: Hash32) -> Header | None:
        """Header of the block with this hash, or None."""
        number = self._blocks.block_number(block_hash)
        return self._blocks.header(number) if number is not None else None

    def block(self, number: int) -> Block | None:
        """Block `number`, or None."""
        return self._blocks.block(number)

    def block_by_hash(self, block_hash: Hash32) -> Block | None:
        """The block with this hash, or None."""
        number = self._blocks.block_number(block_hash)
        return self._blocks.block(number) if number is not None else None

    def block_number(self, block_hash: Hash32) -> int | None:
        """Number of the block with this hash, or None."""
        return self._blocks.block_number(block_hash)

    def receipts(self, number: int) -> tuple[Receipt, ...] | None:
        """Receipts of block `number`, one for each transaction, or None."""
        return self._blocks.receipts(number)

    def transaction_location(self, transaction_hash: Hash32) -> TransactionLocation | None:
        """Where the transaction with this hash stands, or None."""
        return self._blocks.transaction_location(transaction_hash)

    def certificate(self, number: int) -> bytes | None:
        """The commit certificate that was given with block `number`, or None."""
        return self._blocks.certificate(number)

    def consensus_record(self, number: int) -> bytes | None:
        """The consensus record that was given with block `number`, or None."""
        return self._blocks.consensus_record(number)

    # --- logs ------------------------------------------------------------------------------------------------

    def log_candidates(
        self, terms: LogTerms, first: int, last: int, check: Callable[[], None]
    ) -> Iterator[int]:
        """The committed blocks from `first` to `last` that may hold a log which `terms` accept, ascending; none that
        holds one is left out.

        Lazy. `check` is called every few milliseconds at least; what it raises ends the search. Raises DatabaseDamaged.
        """
        first, last = max(first, 0), min(last, self.head.number)
        indexed_to = self._log_index.next_number
        yield from self._log_index.candidates(terms, first, min(last, indexed_to - 1), check)
        yield from blocks_by_bloom(terms, range(max(first, indexed_to), last + 1), self._bloom, check)

    def _bloom(self, number: int) -> bytes | None:
        header = self._blocks.header(number)
        return header.logs_bloom if header is not None else None

    def matching_logs(self, number: int, terms: LogTerms) -> Sequence[LocatedLog] | None:
        """The logs of block `number` that `terms` accept, in order, or None. Decodes no more than it must."""
        return self._blocks.matching_logs(number, terms)

    @property
    def logs_indexed_to(self) -> int:
        """All blocks below this one are in the log index."""
        return self._log_index.next_number

    def extend_log_index(self) -> bool:
        """Take stored blocks into the log index that are not there yet: a step of about 20 ms. Returns whether there
        are more, which only happens after a database was written by a version without this index.

        From one thread at a time, which may be another one than that of the commits.
        """
        return self._log_index.catch_up(self.head.number)

    # --- small records ---------------------------------------------------------------------------------------

    def meta_get(self, key: bytes) -> bytes | None:
        """The small record under this name, or None."""
        return self._rows.get(_meta_key(key))

    def meta_put(self, key: bytes, value: bytes) -> None:
        """Keep a small record under this name; on the disk when this returns."""
        self._rows.write({_meta_key(key): value}, sync=True)

    @contextmanager
    def _one_writer(self) -> Iterator[None]:
        if not self._writing.acquire(blocking=False):
            raise InvariantViolation("two threads compute or commit state at the same time")
        try:
            yield
        finally:
            self._writing.release()


def head_key() -> bytes:
    """Key of the head record."""
    return _HEAD_KEY


def encode_head(head: Head) -> bytes:
    """The head record."""
    return head.number.to_bytes(8, "big") + head.hash + head.state_root


def _meta_key(key: bytes) -> bytes:
    if not 0 < len(key) <= MAX_META_KEY_BYTES:
        raise InvariantViolation(f"record name of {len(key)} bytes, 1 to {MAX_META_KEY_BYTES} are allowed")
    return _META + META_FOREIGN_PREFIX + key
