"""Finished replies are kept within a bound of bytes, the least recently used first out."""

import json

from hypothesis import given
from hypothesis import strategies as st

from rpc.reading.reply_cache import ENTRY_OVERHEAD_BYTES, ReplyCache


def test_a_reply_is_returned_as_finished_json() -> None:
    cache = ReplyCache(100_000)

    assert cache.get("a") is None
    assert bytes(cache.put("a", {"x": [1]})) == b'{"x":[1]}'
    assert bytes(cache.get("a") or b"") == b'{"x":[1]}'


def test_the_least_recently_used_reply_goes_first() -> None:
    cache = ReplyCache(5 * (ENTRY_OVERHEAD_BYTES + 102))
    for key in "abcde":
        cache.put(key, "x" * 100)
    cache.get("a")

    cache.put("f", "x" * 100)

    assert cache.get("b") is None
    assert cache.get("a") is not None
    assert cache.get("f") is not None


def test_a_giant_reply_is_not_kept() -> None:
    cache = ReplyCache(10_000)
    cache.put("small", 1)

    assert len(bytes(cache.put("giant", "x" * 5_000))) == 5_002
    assert cache.get("giant") is None
    assert cache.get("small") is not None


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 3_000)), max_size=40))
def test_the_bound_holds_and_the_books_are_right(puts: list[tuple[int, int]]) -> None:
    cache = ReplyCache(8_000)
    for key, size in puts:
        cache.put(key, "x" * size)

        assert cache.held_bytes <= 8_000
    kept = [json.loads(bytes(reply)) for key in range(9) if (reply := cache.get(key)) is not None]
    assert cache.held_bytes == sum(len(value) + 2 + ENTRY_OVERHEAD_BYTES for value in kept)
