"""From the changes of a block to the new state root and to the rows that a commit has to write.

Owns the order of the work: storage tries first, then the state trie whose leaves hold their roots; and the
wiping of storage. Reads the committed state, changes nothing: the result, a StateUpdate, is applied by the
commit of the block.

Threads: `StateRoots` belongs to one thread at a time, the one that also commits; see ChainStore.
Specification: yellow paper, section 4.1 (world state).
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, replace
from typing import Final

from chain.errors import InvariantViolation
from chain.keccak import EMPTY_TRIE_ROOT, keccak256
from chain.rlp import encode_bytes
from chain.types import Address, Hash32
from state.account import Account, decode_flat_account, encode_flat_account, trie_leaf_value
from state.caches import GenerationCache
from state.changes import StateChanges
from state.columns import Column
from state.flat import code_key, encode_slot_value, hashed_address, hashed_slot
from state.kv import DatabaseDamaged, KeyValueReader, WriteBatch
from state.reader import StateReader
from state.trie import (
    LeafChange,
    LeafSource,
    NodeSource,
    TrieNode,
    TrieUpdate,
    decode_node,
    leaf_root,
    node_root,
    update_trie,
)

_ACCOUNT: Final = Column.ACCOUNT.value
_STORAGE: Final = Column.STORAGE.value
_ACCOUNT_NODE: Final = Column.ACCOUNT_NODE.value
_STORAGE_NODE: Final = Column.STORAGE_NODE.value


@dataclass(frozen=True, slots=True)
class StateUpdate:
    """A state root that was computed but not committed.

    root: the state root.
    parent_hash: hash of the block after whose state this was computed; only that block's child can commit it.
    changes: the changes with every account's storage root filled in, and all accounts whose root changed.
    rows: what the commit writes to the flat state and to the tries.
    nodes: the trie nodes of `rows` by their keys, decoded; None where there is none any more.
    wipes_storage: whether an account loses all slots that it has in the committed state.
    """

    root: Hash32
    parent_hash: Hash32
    changes: StateChanges
    rows: WriteBatch
    nodes: dict[bytes, TrieNode | None]
    wipes_storage: bool


def account_leaf(row: bytes) -> bytes:
    """The leaf of the state trie for a flat account row. Raises ValueError."""
    return trie_leaf_value(decode_flat_account(row))


def _node_source(find_node: Callable[[bytes], TrieNode | None], prefix: bytes) -> NodeSource:
    """Nodes of the trie whose nodes have keys of `prefix` and the path."""
    return lambda path: find_node(prefix + path)


def leaf_source(rows: KeyValueReader, prefix: bytes, leaf_value: Callable[[bytes], bytes]) -> LeafSource:
    """Leaves of the trie whose flat rows have keys of `prefix` and the 32-byte hash; they raise DatabaseDamaged."""

    def leaf_below(path: bytes, excluded: Container[bytes]) -> tuple[bytes, bytes] | None:
        digits = path.hex()[1::2]
        below = prefix + bytes.fromhex(digits[: len(digits) & ~1])
        start = bytes((path[-1] << 4,)) if len(path) & 1 else b""
        for key, row in rows.iterate(below, start=start):
            leaf_key = key[-32:]
            if not leaf_key.hex().startswith(digits):
                return None
            if leaf_key not in excluded:
                try:
                    return leaf_key, leaf_value(row)
                except ValueError as error:
                    raise DatabaseDamaged(f"row {key.hex()}: {error}") from error
        return None

    return leaf_below


def committed_root(rows: KeyValueReader) -> Hash32:
    """The root that the committed root node has; costs one read. Raises DatabaseDamaged."""
    raw = rows.get(_ACCOUNT_NODE)
    if raw is not None:
        try:
            return node_root(decode_node(raw))
        except ValueError as error:
            raise DatabaseDamaged(f"root of the state trie: {error}") from error
    leaf = leaf_source(rows, _ACCOUNT, account_leaf)(b"", ())
    return leaf_root(*leaf) if leaf is not None else EMPTY_TRIE_ROOT


class _Step:
    """The work on one set of changes, account by account."""

    __slots__ = (
        "_changes",
        "_find_node",
        "_leaves",
        "_rows",
        "_view",
        "_wiped",
        "accounts",
        "nodes",
        "rows",
        "wipes_storage",
    )

    def __init__(
        self,
        rows: KeyValueReader,
        find_node: Callable[[bytes], TrieNode | None],
        view: StateReader,
        changes: StateChanges,
    ) -> None:
        self._rows = rows
        self._find_node = find_node
        self._view = view
        self._changes = changes
        self._wiped = frozenset(changes.wiped)
        self._leaves: list[LeafChange] = []  # of the state trie
        self.accounts: dict[Address, Account | None] = {}
        self.rows: WriteBatch = {}
        self.nodes: dict[bytes, TrieNode | None] = {}
        self.wipes_storage = False

    def apply(self, address: Address) -> None:
        """Work out the new account, after its storage, and note its rows and its leaf."""
        changes = self._changes
        before = self._view.account(address)
        after = changes.accounts.get(address, before)
        hashed = hashed_address(address)
        storage_root = before.storage_root if before is not None else EMPTY_TRIE_ROOT
        wiped = after is None or address in self._wiped
        if wiped and storage_root != EMPTY_TRIE_ROOT:
            self._wipe_storage(hashed)
            storage_root = EMPTY_TRIE_ROOT
        slots = changes.storage.get(address)
        if slots:
            storage_root = self._update_storage(address, hashed, storage_root, slots)
        if after is None:
            if storage_root != EMPTY_TRIE_ROOT:
                raise InvariantViolation(f"storage of 0x{address.hex()}, which does not exist")
            if before is not None:
                self._note(address, hashed, None, before)
            return
        account = Account(after.nonce, after.balance, storage_root, after.code_hash)
        if account != before:
            self._note(address, hashed, account, before)

    def _note(
        self, address: Address, hashed: Hash32, account: Account | None, before: Account | None
    ) -> None:
        self.accounts[address] = account
        existed = before is not None
        if account is None:
            self.rows[_ACCOUNT + hashed] = None
            self._leaves.append((hashed, b"", existed))
        else:
            self.rows[_ACCOUNT + hashed] = encode_flat_account(account)
            self._leaves.append((hashed, trie_leaf_value(account), existed))

    def _wipe_storage(self, hashed: Hash32) -> None:
        """Note all committed slots and trie nodes of an account as deleted."""
        self.wipes_storage = True
        for prefix in (_STORAGE + hashed, _STORAGE_NODE + hashed):
            for key, _ in self._rows.iterate(prefix):
                self.rows[key] = None
                if key[:1] == _STORAGE_NODE:
                    self.nodes[key] = None

    def _update_storage(
        self, address: Address, hashed: Hash32, root: Hash32, slots: Mapping[int, int]
    ) -> Hash32:
        """Note the new slots and the nodes of the storage trie; returns its root."""
        prefix = _STORAGE + hashed
        rows = self.rows
        fresh = root == EMPTY_TRIE_ROOT
        committed = self._view.storage
        leaves: list[LeafChange] = []
        for slot, number in slots.items():
            key = hashed_slot(slot)
            value = encode_slot_value(number)
            existed = not fresh and committed(address, slot) != 0
            if value:
                rows[prefix + key] = value
                leaves.append((key, encode_bytes(value), existed))
            elif existed:
                rows[prefix + key] = None
                leaves.append((key, b"", True))
        update = update_trie(
            root,
            leaves,
            _node_source(self._find_node, _STORAGE_NODE + hashed),
            leaf_source(self._rows, prefix, encode_bytes),
        )
        self._add_nodes(_STORAGE_NODE + hashed, update)
        return update.root

    def update_account_trie(self, root: Hash32) -> Hash32:
        """Note the nodes of the state trie; returns its root."""
        update = update_trie(
            root,
            self._leaves,
            _node_source(self._find_node, _ACCOUNT_NODE),
            leaf_source(self._rows, _ACCOUNT, account_leaf),
        )
        self._add_nodes(_ACCOUNT_NODE, update)
        return update.root

    def add_code(self) -> None:
        """Note the new code."""
        for code_hash, code in self._changes.code.items():
            if keccak256(code) != code_hash:
                raise InvariantViolation(f"code under 0x{code_hash.hex()} has another hash")
            self.rows[code_key(code_hash)] = code

    def _add_nodes(self, prefix: bytes, update: TrieUpdate) -> None:
        rows = self.rows
        nodes = self.nodes
        for path, new in update.nodes.items():
            key = prefix + path
            if new is None:
                nodes[key] = rows[key] = None
            else:
                nodes[key], rows[key] = new


class StateRoots:
    """Computes state roots on top of the committed state in `rows`, with a bounded cache of committed trie nodes."""

    __slots__ = ("_cache", "_rows")

    def __init__(self, rows: KeyValueReader, cached_nodes: int) -> None:
        self._rows = rows
        self._cache: GenerationCache[bytes, TrieNode] = GenerationCache(cached_nodes)

    def compute(
        self, view: StateReader, root: Hash32, parent_hash: Hash32, changes: StateChanges
    ) -> StateUpdate:
        """The root after `changes` on top of the committed state, which `view` shows and whose root is `root`.

        Changes nothing. Raises InvariantViolation if the changes contradict themselves, or the store itself.
        """
        step = _Step(self._rows, self._find_node, view, changes)
        for address in dict.fromkeys((*changes.accounts, *changes.storage, *changes.wiped)):
            step.apply(address)
        step.add_code()
        root = step.update_account_trie(root)
        changes = replace(changes, accounts=step.accounts)
        return StateUpdate(root, parent_hash, changes, step.rows, step.nodes, step.wipes_storage)

    def committed(self, update: StateUpdate) -> None:
        """Take over the nodes of an update that was just written to the store."""
        for key, node in update.nodes.items():
            if node is None:
                self._cache.discard(key)
            else:
                self._cache.put(key, node)

    def _find_node(self, key: bytes) -> TrieNode | None:
        node = self._cache.get(key)
        if node is None:
            raw = self._rows.get(key)
            if raw is None:
                return None
            try:
                node = decode_node(raw)
            except ValueError as error:
                raise DatabaseDamaged(f"trie node {key.hex()}: {error}") from error
            self._cache.put(key, node)
        return node
