"""The root of a list is that of the trie from rlp(index) to value."""

import random

import pytest
import rlp as reference
from hypothesis import given
from hypothesis import strategies as st
from trie.hexary import HexaryTrie

from chain.errors import InvariantViolation
from chain.keccak import EMPTY_TRIE_ROOT
from chain.ordered_trie import ordered_root


def reference_root(values: list[bytes]) -> bytes:
    trie = HexaryTrie({})
    for index, value in enumerate(values):
        trie[reference.encode(index)] = value
    root: bytes = trie.root_hash
    return root


@given(st.lists(st.binary(min_size=1, max_size=80), max_size=40))
def test_short_lists_agree_with_py_trie(values: list[bytes]) -> None:
    assert ordered_root(values) == reference_root(values)


@pytest.mark.parametrize("count", [1, 16, 17, 127, 128, 129, 130, 144, 255, 256, 257, 300])
@pytest.mark.parametrize("longest", [1, 40, 200])  # short values are embedded in their parents
def test_lists_around_the_key_boundaries_agree_with_py_trie(count: int, longest: int) -> None:
    source = random.Random(count * 1000 + longest)
    values = [source.randbytes(source.randint(1, longest)) for _ in range(count)]
    assert ordered_root(values) == reference_root(values)


def test_the_empty_list_has_the_empty_root() -> None:
    assert ordered_root([]) == EMPTY_TRIE_ROOT


def test_the_root_depends_on_order() -> None:
    assert ordered_root([b"a", b"b"]) != ordered_root([b"b", b"a"])


def test_an_empty_value_is_a_bug() -> None:
    with pytest.raises(InvariantViolation):
        ordered_root([b"a", b""])
