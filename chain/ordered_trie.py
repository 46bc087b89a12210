"""The root of a list: the Merkle Patricia trie from rlp(index) to value.

Owns the transactions, receipts and withdrawals roots. Builds the trie once, bottom up, from keys in order,
and keeps nothing: proofs over such a list are made where they are served. Never touches the state trie.
Specification: yellow paper section 4.4.1 and appendix D.
"""

from collections.abc import Sequence
from typing import Final

from chain.errors import InvariantViolation
from chain.keccak import EMPTY_TRIE_ROOT, keccak256
from chain.rlp import EMPTY_BYTES, encode_bytes, encode_uint, list_header
from chain.types import Hash32

_NIBBLES: Final = bytes.maketrans(b"0123456789abcdef", bytes(range(16)))
_BRANCH_SLOTS: Final = 17


def ordered_root(values: Sequence[bytes]) -> Hash32:
    """Return the root of the trie that maps rlp(0), rlp(1), ... to `values`, none of which may be empty.

    Raises:
        InvariantViolation: a value is empty, which a trie cannot hold.
    """
    if not values:
        return EMPTY_TRIE_ROOT
    if not all(values):
        raise InvariantViolation("an empty value cannot stand in a trie")
    # The keys in ascending order: 0x01..0x7f, then 0x80 (index 0), then 0x8180...
    order = [*range(1, min(len(values), 128)), 0, *range(128, len(values))]
    paths = [encode_uint(index).hex().encode("ascii").translate(_NIBBLES) for index in order]
    root = _reference(paths, [values[index] for index in order], 0, len(paths), 0)
    # A trie whose only node is shorter than a hash is embedded everywhere but at its root.
    return Hash32(root[1:]) if len(root) == 33 else keccak256(root)


def _reference(paths: list[bytes], values: list[bytes], low: int, high: int, depth: int) -> bytes:
    """Return how a parent refers to the node over `paths[low:high]`, of which `depth` nibbles are used up."""
    first = paths[low]
    if high - low == 1:
        return _node_reference(encode_bytes(_compact(first[depth:], 0x20)) + encode_bytes(values[low]))
    last = paths[high - 1]
    fork = depth
    while first[fork] == last[fork]:
        fork += 1
    children = [EMPTY_BYTES] * _BRANCH_SLOTS
    start = low
    while start < high:
        nibble = paths[start][fork]
        stop = start + 1
        while stop < high and paths[stop][fork] == nibble:
            stop += 1
        children[nibble] = _reference(paths, values, start, stop, fork + 1)
        start = stop
    reference = _node_reference(b"".join(children))
    if fork > depth:
        return _node_reference(encode_bytes(_compact(first[depth:fork], 0)) + reference)
    return reference


def _node_reference(payload: bytes) -> bytes:
    """Return the node itself when it is shorter than a hash, else its hash as an RLP item."""
    node = list_header(len(payload)) + payload
    return node if len(node) < 32 else b"\xa0" + keccak256(node)


def _compact(nibbles: bytes, flag: int) -> bytes:
    """Hex-prefix encoding: two nibbles a byte after a flag nibble that tells leaf and odd length."""
    if len(nibbles) & 1:
        head = bytes((flag | 0x10 | nibbles[0],))
        nibbles = nibbles[1:]
    else:
        head = bytes((flag,))
    return head + bytes([high << 4 | low for high, low in zip(nibbles[::2], nibbles[1::2], strict=True)])
