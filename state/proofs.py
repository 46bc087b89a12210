"""Merkle proofs of accounts and storage slots, read from the path-keyed trie nodes of one committed state.

Owns the walk from a root to a key, and the rule which nodes a proof lists. Every node is checked against the
reference that leads to it, so that a proof is never wrong: a damaged store is an error. Never writes.

Threads: safe from any thread, if the rows are.
Specification: EIP-1186; which nodes are listed, and in which order, is go-ethereum's trie.Prove: from the root down,
without those that their parent embeds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from chain.keccak import EMPTY_TRIE_ROOT, keccak256
from chain.rlp import encode_bytes
from chain.types import Address, Hash32
from state.account import Account, decode_flat_account
from state.columns import Column
from state.flat import account_key, decode_slot_value, hashed_address, hashed_slot, slot_key
from state.kv import DatabaseDamaged, KeyValueReader
from state.state_root import account_leaf, leaf_source
from state.trie import (
    LeafSource,
    NodeSource,
    TrieNode,
    decode_node,
    leaf_encoding,
    node_encodings,
    path_of,
)

_ACCOUNT: Final = Column.ACCOUNT.value
_STORAGE: Final = Column.STORAGE.value
_ACCOUNT_NODE: Final = Column.ACCOUNT_NODE.value
_STORAGE_NODE: Final = Column.STORAGE_NODE.value
_EMBEDDED_BELOW: Final = 32  # bytes: a shorter node stands in its parent (yellow paper, appendix D)
_EMPTY_REFERENCE: Final = b"\x80"

Checkpoint = Callable[[], None]


@dataclass(frozen=True, slots=True)
class StorageProof:
    """The value of a slot, 0 if it was never written, and the nodes that prove it or that it is absent."""

    slot: int
    value: int
    nodes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class AccountProof:
    """An account, None if it does not exist, the nodes that prove that, and proofs of some of its slots.

    nodes: RLP, from the root down. storage: one for each slot that was asked for, in that order.
    """

    account: Account | None
    nodes: tuple[bytes, ...]
    storage: tuple[StorageProof, ...]


def prove_account(
    rows: KeyValueReader,
    state_root: Hash32,
    address: Address,
    slots: Sequence[int],
    checkpoint: Checkpoint | None = None,
) -> AccountProof:
    """The proof of an account and of some of its slots under `state_root`, which must be the root of `rows`.

    `checkpoint` is called for each slot and may raise to give up. Raises DatabaseDamaged.
    """
    hashed = hashed_address(address)
    nodes = prove(
        state_root, hashed, _node_source(rows, _ACCOUNT_NODE), leaf_source(rows, _ACCOUNT, account_leaf)
    )
    raw = rows.get(account_key(address))
    account = decode_flat_account(raw) if raw is not None else None
    root = account.storage_root if account is not None else EMPTY_TRIE_ROOT
    node_at = _node_source(rows, _STORAGE_NODE + hashed)
    leaf_below = leaf_source(rows, _STORAGE + hashed, encode_bytes)
    proofs: list[StorageProof] = []
    for slot in slots:
        if checkpoint is not None:
            checkpoint()
        written = rows.get(slot_key(address, slot)) if root != EMPTY_TRIE_ROOT else None
        value = decode_slot_value(written) if written is not None else 0
        proofs.append(StorageProof(slot, value, prove(root, hashed_slot(slot), node_at, leaf_below)))
    return AccountProof(account, nodes, tuple(proofs))


def prove(root: Hash32, key: Hash32, node_at: NodeSource, leaf_below: LeafSource) -> tuple[bytes, ...]:
    """The nodes on the way from `root` to `key`, or to where it would stand; none for an empty trie.

    Raises DatabaseDamaged if nodes and leaves are not those of `root`.
    """
    if root == EMPTY_TRIE_ROOT:
        return ()
    walk = _Walk(b"\xa0" + root)
    nibbles = path_of(key)
    path = b""
    while True:
        node = node_at(path)
        if node is None:
            break  # the root is a leaf, or nothing is where a node should be
        *extension, branch = node_encodings(node)
        for encoding in extension:
            walk.take(encoding, path)
            if not nibbles.startswith(node.prefix, len(path)):
                return tuple(walk.nodes)
            walk.expected = _reference(branch)
        walk.take(branch, path)
        fork = len(path) + len(node.prefix)
        path = nibbles[: fork + 1]
        walk.expected = node.children[nibbles[fork]]
        if walk.expected == _EMPTY_REFERENCE:
            return tuple(walk.nodes)
        if node.leaves >> nibbles[fork] & 1:
            break
    leaf = leaf_below(path, ())
    if leaf is None:
        raise DatabaseDamaged(
            f"nothing is below {path.hex()[1::2] or 'the root'} of a trie that has leaves there"
        )
    walk.take(leaf_encoding(leaf[0], len(path), leaf[1]), path)
    return tuple(walk.nodes)


class _Walk:
    """The proof so far, and the reference that the next node must have."""

    __slots__ = ("expected", "nodes")

    def __init__(self, expected: bytes) -> None:
        self.expected = expected
        self.nodes: list[bytes] = []

    def take(self, encoding: bytes, path: bytes) -> None:
        """List a node, unless its parent embeds it. The root is always listed."""
        if not self.nodes or len(encoding) >= _EMBEDDED_BELOW:
            self.nodes.append(encoding)
            found = b"\xa0" + keccak256(encoding)
        else:
            found = encoding
        if found != self.expected:
            raise DatabaseDamaged(
                f"trie node at {path.hex()[1::2] or 'the root'} is not the one that is referred to"
            )


def _reference(encoding: bytes) -> bytes:
    return encoding if len(encoding) < _EMBEDDED_BELOW else b"\xa0" + keccak256(encoding)


def _node_source(rows: KeyValueReader, prefix: bytes) -> NodeSource:
    def node_at(path: bytes) -> TrieNode | None:
        raw = rows.get(prefix + path)
        if raw is None:
            return None
        try:
            return decode_node(raw)
        except ValueError as error:
            raise DatabaseDamaged(f"trie node {(prefix + path).hex()}: {error}") from error

    return node_at
