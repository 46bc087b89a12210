"""RLP is canonical in both directions: one encoding per item, one item per encoding."""

from collections.abc import Callable
from typing import Any

import pytest
import rlp as reference
from hypothesis import given
from hypothesis import strategies as st
from rlp.exceptions import DecodingError

from chain import rlp
from chain.rlp import RlpError, RlpItem

items: st.SearchStrategy[RlpItem] = st.recursive(
    st.binary(max_size=70), lambda children: st.lists(children, max_size=6), max_leaves=30
)

LOREM = b"Lorem ipsum dolor sit amet, consectetur adipisicing elit"

GOLDEN: list[tuple[RlpItem, str]] = [
    (b"dog", "83646f67"),
    ([b"cat", b"dog"], "c88363617483646f67"),
    (b"", "80"),
    ([], "c0"),
    (b"\x00", "00"),
    (b"\x0f", "0f"),
    (b"\x7f", "7f"),
    (b"\x80", "8180"),
    (b"\x04\x00", "820400"),
    ([[], [[]], [[], [[]]]], "c7c0c1c0c3c0c1c0"),
    (LOREM, "b838" + LOREM.hex()),
    (bytes(1024), "b90400" + "00" * 1024),
    ([bytes(55)], "f838b7" + "00" * 55),
]  # fmt: skip


@pytest.mark.parametrize(("item", "encoding"), GOLDEN)
def test_golden_encodings(item: RlpItem, encoding: str) -> None:
    assert rlp.encode(item).hex() == encoding
    assert rlp.decode(bytes.fromhex(encoding)) == item


@given(items)
def test_every_item_round_trips_and_agrees_with_the_reference(item: RlpItem) -> None:
    encoded = rlp.encode(item)
    assert encoded == reference.encode(item)
    assert rlp.decode(encoded) == item


@given(st.binary(max_size=40))
def test_any_bytes_are_judged_like_the_reference_does(raw: bytes) -> None:
    try:
        expected = reference.decode(raw)
    except DecodingError:
        with pytest.raises(RlpError):
            rlp.decode(raw)
    else:
        assert rlp.decode(raw) == _as_lists(expected)
        assert rlp.encode(rlp.decode(raw)) == raw


def _as_lists(item: object) -> RlpItem:
    return item if isinstance(item, bytes) else [_as_lists(part) for part in item]  # type: ignore[attr-defined]


@given(items, st.data())
def test_a_changed_byte_never_decodes_to_the_same_item(item: RlpItem, data: st.DataObject) -> None:
    encoded = rlp.encode(item)
    position = data.draw(st.integers(0, len(encoded) - 1))
    changed = bytearray(encoded)
    changed[position] ^= data.draw(st.integers(1, 255))
    try:
        assert rlp.decode(bytes(changed)) != item
    except RlpError:
        pass


@pytest.mark.parametrize(
    "encoding",
    [
        "",
        "8000",  # trailing byte
        "c000",
        "8100",  # prefix before a single byte
        "817f",
        "c28100",
        "b800",  # long form for short items
        "b837" + "00" * 37,
        "f800",
        "f837" + "c0" * 55,
        "b90038" + "00" * 56,  # leading zero in the length
        "f90038" + "c0" * 56,
        "83646f",  # truncated
        "b8",
        "b838",
        "b9ff",
        "bf",
        "ff",
        "c1",
        "f838",
        "c28363",  # item runs out of its list
        "c1c1",
        "bfffffffffffffffff",
        "ffffffffffffffffff",
    ],
)
def test_other_encodings_are_refused(encoding: str) -> None:
    with pytest.raises(RlpError):
        rlp.decode(bytes.fromhex(encoding))


def test_nesting_is_bounded() -> None:
    deepest = b"\xc0"
    for _ in range(rlp.MAX_DEPTH - 1):
        deepest = rlp.encode_list_payload(deepest)
    rlp.decode(deepest)
    with pytest.raises(RlpError, match="nested deeper"):
        rlp.decode(rlp.encode_list_payload(deepest))
    for _ in range(5_000):
        deepest = rlp.encode_list_payload(deepest)
    with pytest.raises(RlpError, match="nested deeper"):
        rlp.decode(deepest)


def test_size_is_bounded() -> None:
    with pytest.raises(RlpError, match="at most"):
        rlp.decode(bytes(rlp.MAX_DECODE_BYTES + 1))


@given(st.integers(0, 2**600))
def test_numbers_have_one_shortest_form(value: int) -> None:
    payload = rlp.uint(value)
    assert not payload.startswith(b"\x00")
    assert rlp.decode_uint(payload, max_bytes=80) == value
    assert rlp.encode_uint(value) == rlp.encode(payload) == reference.encode(value)


@pytest.mark.parametrize("payload", [b"\x00", b"\x00\x01", bytes(32)])
def test_numbers_with_leading_zeros_are_refused(payload: bytes) -> None:
    with pytest.raises(RlpError, match="leading zero"):
        rlp.decode_uint(payload)


def test_numbers_are_bounded_in_width() -> None:
    assert rlp.decode_uint(b"\xff" * 8, max_bytes=8) == 2**64 - 1
    with pytest.raises(RlpError, match="at most 8"):
        rlp.decode_uint(b"\x01" + bytes(8), max_bytes=8)
    with pytest.raises(RlpError, match="at most 32"):
        rlp.decode_uint(b"\x01" * 33)


@pytest.mark.parametrize("item", [5, "text", None, [b"", 5]])
def test_only_bytes_and_lists_have_an_encoding(item: Any) -> None:
    with pytest.raises(RlpError, match="cannot encode"):
        rlp.encode(item)


@pytest.mark.parametrize("encoder", [rlp.uint, rlp.encode_uint])
def test_negative_numbers_have_no_encoding(encoder: Callable[[int], bytes]) -> None:
    with pytest.raises(RlpError, match="negative"):
        encoder(-1)


@given(st.lists(items, max_size=5))
def test_a_list_can_be_read_item_by_item_without_decoding_it(parts: list[RlpItem]) -> None:
    raw = rlp.encode(parts)
    start, stop = rlp.list_payload_span(raw)
    read = list(rlp.iterate_encoded_items(raw, start, stop))
    assert [rlp.decode(encoding) for _, encoding, _ in read] == parts
    assert [is_list for is_list, _, _ in read] == [isinstance(part, list) for part in parts]
    assert [payload for is_list, _, payload in read if not is_list] == [
        part for part in parts if isinstance(part, bytes)
    ]


@pytest.mark.parametrize("raw", [b"", b"\x80", b"\xc0\x00", b"\xc1"])
def test_only_one_whole_list_has_a_payload(raw: bytes) -> None:
    with pytest.raises(RlpError):
        rlp.list_payload_span(raw)


@pytest.mark.parametrize("raw", [b"\x81\x00", b"\x82\x01", b"\xb8\x37" + bytes(55), b"\xc2\x01", b"\xb9\x01"])
def test_reading_item_by_item_is_as_strict(raw: bytes) -> None:
    with pytest.raises(RlpError):
        list(rlp.iterate_encoded_items(raw, 0, len(raw)))
