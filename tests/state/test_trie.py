import random
from collections.abc import Container, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trie.hexary import HexaryTrie

from chain.errors import InvariantViolation
from chain.keccak import EMPTY_TRIE_ROOT, keccak256
from state.trie import (
    TrieNode,
    TrieUpdate,
    decode_node,
    encode_node,
    leaf_root,
    node_root,
    path_of,
    update_trie,
)


class StoredTrie:
    """A trie as the store keeps it: encoded nodes by path, leaves in a flat dictionary."""

    def __init__(self) -> None:
        self.flat: dict[bytes, bytes] = {}
        self.nodes: dict[bytes, bytes] = {}
        self.root = EMPTY_TRIE_ROOT

    def node_at(self, path: bytes) -> TrieNode | None:
        raw = self.nodes.get(path)
        return decode_node(raw) if raw is not None else None

    def leaf_below(self, path: bytes, excluded: Container[bytes]) -> tuple[bytes, bytes] | None:
        for key in sorted(self.flat):
            if path_of(key).startswith(path) and key not in excluded:
                return key, self.flat[key]
        return None

    def update(self, batch: Mapping[bytes, bytes]) -> TrieUpdate:
        changes = [(key, value, key in self.flat) for key, value in batch.items()]
        return update_trie(self.root, changes, self.node_at, self.leaf_below)

    def commit(self, batch: Mapping[bytes, bytes]) -> None:
        update = self.update(batch)
        for path, new in update.nodes.items():
            if new is None:
                self.nodes.pop(path, None)
            else:
                self.nodes[path] = new[1]
        for key, value in batch.items():
            if value:
                self.flat[key] = value
            else:
                self.flat.pop(key, None)
        self.root = update.root

    def check_nodes(self) -> None:
        """A trie built anew from the leaves has the same nodes: none is stale, missing or left over."""
        fresh = StoredTrie()
        fresh.commit(self.flat)
        assert fresh.root == self.root
        assert fresh.nodes == self.nodes


def apply_to_reference(reference: HexaryTrie, batch: Mapping[bytes, bytes]) -> None:
    for key, value in batch.items():
        if value:
            reference[key] = value
        elif key in reference:
            reference.delete(key)  # type: ignore[no-untyped-call]


def random_key(rng: random.Random, crowded: bool) -> bytes:
    """A hash; or a key whose few different bytes make long shared prefixes and leaves deep enough to be embedded."""
    if not crowded:
        return rng.randbytes(32)
    return bytes(rng.choice((0x00, 0x01, 0x10, 0x11)) if i < 3 or i > 28 else 7 for i in range(32))


def random_batch(
    rng: random.Random, flat: Mapping[bytes, bytes], size: int, crowded: bool
) -> dict[bytes, bytes]:
    batch: dict[bytes, bytes] = {}
    present = list(flat)
    for _ in range(size):
        kind = rng.random()
        if present and kind < 0.35:
            batch[rng.choice(present)] = b""
        elif present and kind < 0.6:
            batch[rng.choice(present)] = rng.randbytes(rng.choice((1, 5, 33, 70, 110, 300)))
        elif kind < 0.65:
            batch[random_key(rng, crowded)] = b""  # most likely absent: deleting it changes nothing
        else:
            batch[random_key(rng, crowded)] = rng.randbytes(rng.choice((1, 5, 33, 70)))
    return batch


def run_rounds(seed: int, sizes: tuple[int, ...], rounds: int, crowded: bool) -> None:
    rng = random.Random(seed)
    trie = StoredTrie()
    reference = HexaryTrie({})
    for index in range(rounds):
        batch = random_batch(rng, trie.flat, rng.choice(sizes), crowded)
        if index == rounds - 2:
            batch = dict.fromkeys(trie.flat, b"")
        trie.commit(batch)
        apply_to_reference(reference, batch)
        assert trie.root == reference.root_hash, f"seed {seed}, round {index}, {len(trie.flat)} leaves"
        trie.check_nodes()


@pytest.mark.parametrize("crowded", [False, True], ids=["hashes", "shared prefixes"])
@pytest.mark.parametrize("seed", range(5))
def test_root_is_that_of_py_trie_after_random_rounds(seed: int, crowded: bool) -> None:
    run_rounds(seed, (1, 2, 5, 40), 14, crowded)


@pytest.mark.slow
@pytest.mark.parametrize("crowded", [False, True], ids=["hashes", "shared prefixes"])
@pytest.mark.parametrize("seed", range(100, 106))
def test_root_is_that_of_py_trie_after_many_random_rounds(seed: int, crowded: bool) -> None:
    run_rounds(seed, (1, 2, 5, 40, 200, 1000), 40, crowded)


@pytest.mark.slow
def test_root_is_that_of_py_trie_with_ten_thousand_keys() -> None:
    rng = random.Random(7)
    trie = StoredTrie()
    reference = HexaryTrie({})
    leaves = {rng.randbytes(32): rng.randbytes(70) for _ in range(10_000)}
    for batch in (leaves, dict.fromkeys(rng.sample(sorted(leaves), 9_000), b""), leaves):
        trie.commit(batch)
        apply_to_reference(reference, batch)
        assert trie.root == reference.root_hash
    trie.check_nodes()


# Keys that differ in few places: every way of sharing a prefix, down to the last nibble.
close_keys = st.lists(st.sampled_from([0x00, 0x01, 0x10]), min_size=4, max_size=4).map(
    lambda tail: bytes(tail[:2]) + bytes(28) + bytes(tail[2:])
)
close_batches = st.dictionaries(
    close_keys, st.binary(max_size=3) | st.binary(min_size=31, max_size=33), max_size=8
)


@given(st.lists(close_batches, min_size=1, max_size=5))
def test_root_is_that_of_py_trie_for_keys_that_hardly_differ(rounds: list[dict[bytes, bytes]]) -> None:
    trie = StoredTrie()
    reference = HexaryTrie({})
    for batch in rounds:
        trie.commit(batch)
        apply_to_reference(reference, batch)
        assert trie.root == reference.root_hash
        trie.check_nodes()


@given(close_batches, close_batches, close_batches)
def test_an_update_that_is_not_committed_leaves_no_trace(
    base: dict[bytes, bytes], first: dict[bytes, bytes], second: dict[bytes, bytes]
) -> None:
    trie = StoredTrie()
    trie.commit(base)
    nodes = {path: decode_node(raw) for path, raw in trie.nodes.items()}
    trie.node_at = lambda path: nodes.get(path)  # type: ignore[method-assign]  # shares nodes as a cache does
    expected = trie.update(second).root
    trie.update(first)
    assert trie.update(second).root == expected
    assert {path: encode_node(node) for path, node in nodes.items()} == trie.nodes


def test_the_order_of_the_changes_does_not_matter() -> None:
    rng = random.Random(4)
    changes = [(rng.randbytes(32), rng.randbytes(9), False) for _ in range(100)]
    expected = update_trie(EMPTY_TRIE_ROOT, changes, lambda _: None, lambda *_: None)
    rng.shuffle(changes)
    assert update_trie(EMPTY_TRIE_ROOT, changes, lambda _: None, lambda *_: None).root == expected.root


def test_nothing_to_do_is_nothing_done() -> None:
    root = keccak256(b"some root")
    absent = [(bytes(32), b"", False)]
    for changes in ([], absent):
        update = update_trie(root, changes, lambda _: None, lambda *_: None)
        assert (update.root, update.nodes) == (root, {})


def test_each_changed_node_is_read_once_and_an_update_in_place_asks_for_no_leaf() -> None:
    rng = random.Random(5)
    trie = StoredTrie()
    trie.commit({rng.randbytes(32): rng.randbytes(60) for _ in range(300)})
    reads: list[bytes] = []

    def node_at(path: bytes) -> TrieNode | None:
        reads.append(path)
        return trie.node_at(path)

    def no_leaf(path: bytes, excluded: Container[bytes]) -> tuple[bytes, bytes] | None:
        raise AssertionError("a leaf is looked for")

    changes = [(key, b"new", True) for key in sorted(trie.flat)[::3]]
    update = update_trie(trie.root, changes, node_at, no_leaf)
    assert len(reads) == len(set(reads)) == len(update.nodes)


@pytest.mark.parametrize("count", [1, 2, 40])
def test_root_of_the_stored_root_node_is_the_root(count: int) -> None:
    trie = StoredTrie()
    trie.commit({bytes((index,)) * 32: b"value" for index in range(count)})
    node = trie.node_at(b"")
    if node is None:
        assert leaf_root(*next(iter(trie.flat.items()))) == trie.root
    else:
        assert node_root(node) == trie.root


def test_a_trie_that_lacks_a_leaf_of_the_flat_state_is_a_bug() -> None:
    trie = StoredTrie()
    trie.commit({bytes((index,)) * 32: b"value" for index in (0x00, 0x10, 0x20)})
    with pytest.raises(InvariantViolation, match="not in the trie"):
        update_trie(trie.root, [(b"\x30" * 32, b"new", True)], trie.node_at, trie.leaf_below)


def test_flat_state_that_lacks_a_leaf_of_the_trie_is_a_bug() -> None:
    trie = StoredTrie()
    trie.commit({b"\x00" * 32: b"value", b"\x10" * 32: b"value"})
    del trie.flat[b"\x00" * 32]
    with pytest.raises(InvariantViolation, match="not in the flat state"):
        update_trie(trie.root, [(b"\x01" * 32, b"new", False)], trie.node_at, trie.leaf_below)


def test_a_missing_node_is_a_bug() -> None:
    trie = StoredTrie()
    trie.commit({bytes((index // 4, index)) + bytes(30): b"value" for index in range(0, 256, 4)})
    inner = next(path for path in trie.nodes if path)
    del trie.nodes[inner]
    with pytest.raises(InvariantViolation, match="missing"):
        trie.update(dict.fromkeys(trie.flat, b"new"))


@given(st.binary(max_size=700))
def test_foreign_bytes_are_no_node_or_read_back_the_same(raw: bytes) -> None:
    try:
        node = decode_node(raw)
    except ValueError:
        return
    assert encode_node(node) == raw
    assert len(node.children) == 17


def test_paths_hold_one_nibble_in_each_byte() -> None:
    assert path_of(bytes.fromhex("00f1a5")) == bytes((0, 0, 15, 1, 10, 5))
