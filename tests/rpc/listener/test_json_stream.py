"""Values are cut out of a stream wherever its pieces end."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpc.listener.json_stream import JsonStream, NoJsonRequest

LEAVES = st.none() | st.booleans() | st.integers() | st.text()
CONTAINERS: st.SearchStrategy[Any] = st.recursive(
    st.lists(LEAVES) | st.dictionaries(st.text(), LEAVES),
    lambda inner: st.lists(inner | LEAVES) | st.dictionaries(st.text(), inner | LEAVES),
)


@given(
    st.lists(st.tuples(CONTAINERS, st.booleans(), st.text(" \t\r\n")), max_size=5),
    st.lists(st.integers(1, 40), min_size=1, max_size=10),
)
def test_values_are_found_in_any_pieces(values: list[tuple[Any, bool, str]], sizes: list[int]) -> None:
    raw = b"".join(
        json.dumps(value, ensure_ascii=is_ascii, indent=1 if is_ascii else None).encode() + space.encode()
        for value, is_ascii, space in values
    )
    stream = JsonStream(1_000_000)
    found: list[bytes] = []
    position, turn = 0, 0
    while position < len(raw):
        size = sizes[turn % len(sizes)]
        found += stream.feed(raw[position : position + size])
        position, turn = position + size, turn + 1

    assert [json.loads(value) for value in found] == [value for value, _, _ in values]
    assert stream.held_bytes == 0


def test_brackets_and_quotes_in_texts_end_nothing() -> None:
    tricky = rb'{"a}":"]\"}{","b":["\\"]}'

    assert JsonStream(100).feed(tricky * 2) == [tricky] * 2


@pytest.mark.parametrize("garbage", [b"x", b"1 ", b'"text"', b"}", b"POST / HTTP/1.1", b"\x00"])
def test_what_is_no_request_is_refused(garbage: bytes) -> None:
    with pytest.raises(NoJsonRequest, match="object or array"):
        JsonStream(100).feed(b"{}" + garbage)


def test_a_value_may_not_be_longer_than_allowed() -> None:
    stream = JsonStream(10)

    assert stream.feed(b"[1,2,3,4,5,6]\n" * 2)  # complete ones are bounded by the piece
    stream.feed(b'["12345678')
    with pytest.raises(NoJsonRequest, match="too large"):
        stream.feed(b"9")
