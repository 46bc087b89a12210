"""The hexary Merkle Patricia trie of Ethereum, updated with all changed keys of a block in one pass.

Owns the shape of the trie: which nodes a set of changed leaves makes new, and the root. Pure: committed nodes
and leaves come in through two functions and are never changed; new nodes go out in the result. Never touches
the store.

Three things differ from a textbook trie; none of them is visible in the root:
  * Leaves are not nodes. The flat state, keyed by the same hashes, holds them; a branch only knows by one bit
  that a
    child is a leaf, and holds the reference to it (its hash, or its encoding if that is shorter than 32
    bytes).
  * Internal nodes are keyed by their path from the root, not by their hash, so a newer node replaces the
  older one
    and nothing has to be collected later. An extension node is stored with the branch below it.
  * All changes are sorted by key and applied by one recursion over slices of that list, so that every new
  node is
    encoded and hashed once, however many leaves below it change.

Keys are 32-byte hashes. A path is a byte string with one nibble in each byte.
Threads: an update uses nothing but its arguments; the two functions must be safe for the calling thread.
Specification: yellow paper, appendix D (modified Merkle Patricia tree) and appendix C (hex-prefix encoding).
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from operator import itemgetter
from typing import Final, TypeAlias

from chain.errors import InvariantViolation
from chain.keccak import EMPTY_TRIE_ROOT, keccak256
from chain.rlp import encode_bytes, list_header
from chain.types import Hash32

MAX_DEPTH: Final = 64  # nibbles in a key

_EMPTY: Final = b"\x80"  # reference to nothing
_HASHED: Final = b"\xa0"  # RLP header of a 32-byte string
_EMPTY_BRANCH: Final = [_EMPTY] * 17
_FULL_BRANCH_BYTES: Final = 16 * 33 + 1
_NIBBLE: Final = tuple(bytes((value,)) for value in range(16))
_HEX_TO_NIBBLES: Final = bytes.maketrans(b"0123456789abcdef", bytes(range(16)))
_LIST_HEADER: Final = tuple(list_header(length) for length in range(_FULL_BRANCH_BYTES + 1))
_STRING_HEADER: Final = tuple(bytes((0x80 + length,)) for length in range(56))
_ODD_LEAF: Final = tuple(bytes((0x30 | value,)) for value in range(16))


class TrieNode:
    """An internal node: an optional extension and the branch below it. Immutable once made.

    prefix: nibbles of the extension, empty if there is none.
    children: 17 references as they stand in the RLP of the branch; the last one, a branch's own value, is
    always
        empty because all keys are equally long.
    leaves: bit i is set if child i is a leaf.
    """

    __slots__ = ("children", "leaves", "prefix")

    def __init__(self, prefix: bytes, children: list[bytes], leaves: int) -> None:
        self.prefix = prefix
        self.children = children
        self.leaves = leaves


# Path -> committed node, or None if the trie has no internal node there.
NodeSource: TypeAlias = Callable[[bytes], TrieNode | None]
# (path, excluded) -> first committed leaf (key, value) below the path whose key is not in `excluded`.
LeafSource: TypeAlias = Callable[[bytes, Container[bytes]], tuple[bytes, bytes] | None]
# (key, value, existed): value b"" deletes the leaf; `existed` says whether the committed trie has the leaf.
LeafChange: TypeAlias = tuple[bytes, bytes, bool]
# The same with the path of the key in front.
_Item: TypeAlias = tuple[bytes, bytes, bytes, bool]


@dataclass(frozen=True, slots=True)
class TrieUpdate:
    """Result of an update: the new root, and what each path holds now (None: nothing any more).

    nodes: path -> (node, encoding for the store).
    """

    root: Hash32
    nodes: dict[bytes, tuple[TrieNode, bytes] | None]


def path_of(key: bytes) -> bytes:
    """The nibbles of a key, one in each byte."""
    return key.hex().encode().translate(_HEX_TO_NIBBLES)


def update_trie(
    root: Hash32, changes: Iterable[LeafChange], node_at: NodeSource, leaf_below: LeafSource
) -> TrieUpdate:
    """Apply `changes`, one for each key, to the committed trie with this `root`.

    Raises InvariantViolation if nodes, leaves and `existed` marks contradict each other.
    """
    items = [
        (key.hex().encode().translate(_HEX_TO_NIBBLES), key, value, existed)
        for key, value, existed in changes
        if value or existed
    ]
    if not items:
        return TrieUpdate(root, {})
    items.sort(key=itemgetter(0))
    return _Update(items, node_at, leaf_below).run(root)


def encode_node(node: TrieNode) -> bytes:
    """Encoding for the store: leaf bits (2 bytes), length of the prefix (1), prefix, payload of the branch."""
    return _encode_node(node, b"".join(node.children))


def _encode_node(node: TrieNode, branch: bytes) -> bytes:
    prefix = node.prefix
    return node.leaves.to_bytes(2, "big") + bytes((len(prefix),)) + prefix + branch


def decode_node(raw: bytes) -> TrieNode:
    """Inverse of `encode_node`. Raises ValueError if `raw` is not what that function writes."""
    if len(raw) < 3:
        raise ValueError("trie node too short")
    start = 3 + raw[2]
    if len(raw) - start == _FULL_BRANCH_BYTES:
        children = [raw[at : at + 33] for at in range(start, start + 528, 33)]
        children.append(_EMPTY)
    else:
        children = _split_children(raw, start)
    return TrieNode(raw[3:start], children, raw[0] << 8 | raw[1])


def _split_children(raw: bytes, start: int) -> list[bytes]:
    children = []
    at = start
    while at < len(raw):
        first = raw[at]
        if first == 0x80:
            children.append(_EMPTY)
            at += 1
            continue
        length = 33 if first == 0xA0 else first - 0xC0 + 1
        if length < 1 or at + length > len(raw):
            raise ValueError("trie node with a garbled child")
        children.append(raw[at : at + length])
        at += length
    if len(children) != 17:
        raise ValueError("trie node with a wrong number of children")
    return children


def node_root(node: TrieNode) -> Hash32:
    """Root of the trie whose root node is `node`."""
    return _root_of(_reference(node.prefix, b"".join(node.children)))


def leaf_root(key: bytes, value: bytes) -> Hash32:
    """Root of the trie that holds this one leaf."""
    return _root_of(_leaf_reference(key, 0, value))


def node_encodings(node: TrieNode) -> list[bytes]:
    """The RLP of the nodes that `node` stands for: its extension, if it has one, and its branch."""
    payload = b"".join(node.children)
    branch = list_header(len(payload)) + payload
    if not node.prefix:
        return [branch]
    reference = branch if len(branch) < 32 else _HASHED + keccak256(branch)
    payload = encode_bytes(_compact(node.prefix, 0x00)) + reference
    return [list_header(len(payload)) + payload, branch]


def leaf_encoding(key: bytes, depth: int, value: bytes) -> bytes:
    """The RLP of the leaf of `key`, of whose path `depth` nibbles lie above it."""
    payload = encode_bytes(_compact(path_of(key)[depth:], 0x20)) + encode_bytes(value)
    return list_header(len(payload)) + payload


def _root_of(reference: bytes) -> Hash32:
    # A root node is never shorter than 32 bytes, so the reference is its hash: keys are 32 bytes long and so the leaves
    # right below the root are longer than that, and a root with an extension or a single leaf holds such a path.
    return Hash32(reference[1:])


def _compact(nibbles: bytes, flag: int) -> bytes:
    """Hex-prefix encoding; `flag` is 0x00 for extensions, 0x20 for leaves."""
    if len(nibbles) & 1:
        return bytes((flag | 0x10 | nibbles[0],)) + bytes.fromhex(nibbles[1:].hex()[1::2])
    return bytes((flag,)) + bytes.fromhex(nibbles.hex()[1::2])


def _reference(prefix: bytes, branch: bytes) -> bytes:
    """How the parent refers to a branch with this payload below an extension by `prefix`."""
    encoded = _LIST_HEADER[len(branch)] + branch
    reference = encoded if len(encoded) < 32 else _HASHED + keccak256(encoded)
    if not prefix:
        return reference
    payload = encode_bytes(_compact(prefix, 0x00)) + reference
    encoded = _LIST_HEADER[len(payload)] + payload
    return encoded if len(encoded) < 32 else _HASHED + keccak256(encoded)


def _leaf_reference(key: bytes, depth: int, value: bytes) -> bytes:
    """How the parent refers to the leaf of `key`, of whose path `depth` nibbles lie above it."""
    at = depth >> 1
    path = _ODD_LEAF[key[at] & 15] + key[at + 1 :] if depth & 1 else b"\x20" + key[at:]
    length = len(path)
    if length > 1:  # a single byte is below 0x40 and stands for itself
        path = _STRING_HEADER[length] + path
    length = len(value)
    if 55 < length < 256:
        payload = path + b"\xb8" + bytes((length,)) + value
    else:
        payload = path + encode_bytes(value)
    length = len(payload)
    if length < 31:
        return _LIST_HEADER[length] + payload
    header = _LIST_HEADER[length] if length <= _FULL_BRANCH_BYTES else list_header(length)
    return _HASHED + keccak256(header + payload)


def _children_count(children: list[bytes]) -> int:
    return 17 - children.count(_EMPTY)


class _Update:
    """One pass over the trie. Each method that returns a reference also says whether it refers to a leaf."""

    __slots__ = ("_items", "_keys", "_leaf_below", "_node_at", "_nodes")

    def __init__(self, items: list[_Item], node_at: NodeSource, leaf_below: LeafSource) -> None:
        self._items = items
        self._node_at = node_at
        self._leaf_below = leaf_below
        self._nodes: dict[bytes, tuple[TrieNode, bytes] | None] = {}
        self._keys: frozenset[bytes] | None = None

    def run(self, root: Hash32) -> TrieUpdate:
        count = len(self._items)
        if root == EMPTY_TRIE_ROOT:
            reference, _ = self._fill(b"", 0, 0, count)
        else:
            node = self._node_at(b"")
            if node is None:
                reference, _ = self._replace_leaf(b"", 0, 0, count)
            else:
                reference, _ = self._update(b"", 0, node, 0, count)
        return TrieUpdate(EMPTY_TRIE_ROOT if reference == _EMPTY else _root_of(reference), self._nodes)

    def _seal(self, path: bytes, node: TrieNode) -> bytes:
        """Note `node` as the new one at `path`; returns the reference to it."""
        branch = b"".join(node.children)
        self._nodes[path] = (node, _encode_node(node, branch))
        return _reference(node.prefix, branch)

    def _update(self, path: bytes, depth: int, node: TrieNode, low: int, high: int) -> tuple[bytes, bool]:
        """Apply items[low:high] to `node`, which stands at `path`, `depth` nibbles long."""
        items = self._items
        prefix = node.prefix
        if prefix:
            fork = depth + len(prefix)
            if items[low][0][depth:fork] != prefix or items[high - 1][0][depth:fork] != prefix:
                return self._split(path, depth, node, low, high)
            depth = fork
        children = node.children.copy()
        leaves = node.leaves
        removed = False
        at = low
        while at < high:
            item = items[at]
            nibble = item[0][depth]
            end = at + 1
            while end < high and items[end][0][depth] == nibble:
                end += 1
            child = children[nibble]
            bit = 1 << nibble
            if leaves & bit:
                if end - at == 1 and item[3]:
                    value = item[2]
                    reference = _leaf_reference(item[1], depth + 1, value) if value else _EMPTY
                    is_leaf = bool(value)
                else:
                    reference, is_leaf = self._replace_leaf(item[0][: depth + 1], depth + 1, at, end)
            elif child == _EMPTY:
                reference, is_leaf = self._fill(item[0][: depth + 1], depth + 1, at, end)
            else:
                below = item[0][: depth + 1]
                reference, is_leaf = self._update(below, depth + 1, self._committed(below), at, end)
            children[nibble] = reference
            if is_leaf:
                leaves |= bit
            else:
                leaves &= ~bit
                removed = removed or reference == _EMPTY
            at = end
        changed = TrieNode(prefix, children, leaves)
        if removed and _children_count(children) < 2:
            return self._collapse(path, items[low][0][:depth], changed, low, high)
        return self._seal(path, changed), False

    def _committed(self, path: bytes) -> TrieNode:
        node = self._node_at(path)
        if node is None:
            raise InvariantViolation(f"trie node at {path.hex()[1::2] or 'the root'} is missing")
        return node

    def _fill(self, path: bytes, depth: int, low: int, high: int) -> tuple[bytes, bool]:
        """Apply items[low:high] where nothing is."""
        for item in self._items[low:high]:
            if item[3]:
                raise InvariantViolation(f"leaf {item[1].hex()} is in the flat state but not in the trie")
        if high - low == 1:
            item = self._items[low]
            return _leaf_reference(item[1], depth, item[2]), True
        return self._build(path, depth, self._items, low, high)

    def _replace_leaf(self, path: bytes, depth: int, low: int, high: int) -> tuple[bytes, bool]:
        """Apply items[low:high] where one leaf is, which may be among them."""
        group = self._items[low:high]
        there = any(item[3] for item in group)
        group = [item for item in group if item[2]]
        if not there:
            key, value = self._untouched_leaf(path)
            insort(group, (path_of(key), key, value, True))
        return self._build(path, depth, group, 0, len(group))

    def _untouched_leaf(self, path: bytes) -> tuple[bytes, bytes]:
        """The one committed leaf below `path` that no item changes."""
        if self._keys is None:
            self._keys = frozenset(item[1] for item in self._items)
        leaf = self._leaf_below(path, self._keys)
        if leaf is None:
            raise InvariantViolation(f"the leaf below {path.hex()[1::2]} is not in the flat state")
        return leaf

    def _build(self, path: bytes, depth: int, items: list[_Item], low: int, high: int) -> tuple[bytes, bool]:
        """A new subtree of the leaves items[low:high], none of them a deletion."""
        if low == high:
            return _EMPTY, False
        first = items[low][0]
        if high - low == 1:
            return _leaf_reference(items[low][1], depth, items[low][2]), True
        last = items[high - 1][0]
        fork = depth
        while first[fork] == last[fork]:
            fork += 1
        children = _EMPTY_BRANCH.copy()
        leaves = 0
        at = low
        while at < high:
            item = items[at]
            nibble = item[0][fork]
            end = at + 1
            while end < high and items[end][0][fork] == nibble:
                end += 1
            if end - at == 1:
                children[nibble] = _leaf_reference(item[1], fork + 1, item[2])
                leaves |= 1 << nibble
            else:
                children[nibble], _ = self._build(item[0][: fork + 1], fork + 1, items, at, end)
            at = end
        return self._seal(path, TrieNode(first[depth:fork], children, leaves)), False

    def _split(self, path: bytes, depth: int, node: TrieNode, low: int, high: int) -> tuple[bytes, bool]:
        """Apply items[low:high] to `node`, some of which leave the path within its prefix.

        A branch comes to stand where the first of them leaves; the rest of `node` moves below it. Items that
        leave are insertions, because the committed trie has no such keys.
        """
        items = self._items
        prefix = node.prefix
        common = len(prefix)
        for nibbles in (items[low][0], items[high - 1][0]):
            shared = 0
            while shared < common and nibbles[depth + shared] == prefix[shared]:
                shared += 1
            common = shared
        fork = depth + common
        way = prefix[common]
        rest = TrieNode(prefix[common + 1 :], node.children, node.leaves)
        rest_path = path + prefix[: common + 1]
        children = _EMPTY_BRANCH.copy()
        leaves = 0
        at = low
        while at < high:
            nibble = items[at][0][fork]
            end = at + 1
            while end < high and items[end][0][fork] == nibble:
                end += 1
            if nibble == way:
                children[nibble], is_leaf = self._update(rest_path, fork + 1, rest, at, end)
            else:
                children[nibble], is_leaf = self._fill(items[at][0][: fork + 1], fork + 1, at, end)
            leaves |= is_leaf << nibble
            at = end
        if rest_path not in self._nodes:
            children[way] = self._seal(rest_path, rest)
        branch = TrieNode(prefix[:common], children, leaves)
        if _children_count(children) < 2:
            return self._collapse(path, path + prefix[:common], branch, low, high)
        return self._seal(path, branch), False

    def _collapse(
        self, path: bytes, fork_path: bytes, node: TrieNode, low: int, high: int
    ) -> tuple[bytes, bool]:
        """Do away with the branch of `node`, which has at most one child; `fork_path` is where it branches."""
        self._nodes[path] = None
        nibble = next((i for i in range(16) if node.children[i] != _EMPTY), None)
        if nibble is None:
            return _EMPTY, False
        child_path = fork_path + _NIBBLE[nibble]
        if node.leaves >> nibble & 1:
            key, value = self._only_leaf(child_path, low, high)
            return _leaf_reference(key, len(path), value), True
        new = self._nodes.get(child_path)
        child = new[0] if new is not None else self._committed(child_path)
        self._nodes[child_path] = None
        prefix = node.prefix + _NIBBLE[nibble] + child.prefix
        return self._seal(path, TrieNode(prefix, child.children, child.leaves)), False

    def _only_leaf(self, path: bytes, low: int, high: int) -> tuple[bytes, bytes]:
        """The leaf that is left at `path`: one of items[low:high], or an untouched one."""
        fork = len(path) - 1
        for item in self._items[low:high]:
            if item[2] and item[0][fork] == path[fork]:
                return item[1], item[2]
        return self._untouched_leaf(path)
