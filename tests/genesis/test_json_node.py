"""Every wrong place in a JSON document is named."""

import json
from typing import Any

import pytest

from genesis.errors import GenesisError
from genesis.json_node import MAX_DOCUMENT_BYTES, parse_document


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "not JSON"),
        (b"{", "line 1 column 2"),
        (b"{}{}", "not JSON"),
        (b"\xff", "not UTF-8 at byte 0"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b"9" * 5_000, "too many digits"),
        (b"[" * 200_000, "nested deeper than 16"),
    ],
)
def test_what_is_no_document_is_refused(raw: bytes, reason: str) -> None:
    with pytest.raises(GenesisError, match=reason) as caught:
        parse_document(raw)
    assert caught.value.path == "$"


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"\\"]}":'])
def test_nesting_is_bounded_before_parsing(opening: bytes) -> None:
    with pytest.raises(GenesisError, match="nested deeper"):
        parse_document(opening * 200_000)


def test_brackets_in_strings_do_not_nest() -> None:
    text = "[{" * 100 + '\\"' + "[" * 100
    assert parse_document(json.dumps([text, {text: []}]).encode()).elements()[0].text() == text


def test_an_endless_string_is_scanned_once() -> None:
    with pytest.raises(GenesisError, match="not JSON"):
        parse_document(b'"' + b'\\"' * 1_000_000)


def test_the_size_of_a_document_is_bounded() -> None:
    with pytest.raises(GenesisError, match="at most"):
        parse_document(b" " * (MAX_DOCUMENT_BYTES + 1))


@pytest.mark.parametrize("number", ["1.0", "1.5", "1e3", "NaN", "Infinity", "-Infinity"])
def test_numbers_that_are_not_whole_are_refused_where_they_stand(number: str) -> None:
    root = parse_document(f'{{"outer": [1, {number}]}}'.encode()).members(["outer"])
    with pytest.raises(GenesisError, match=r"\$\.outer\[1\]: a whole number is expected, not a fraction"):
        root["outer"].elements()[1].integer()


@pytest.mark.parametrize("value", [True, None, "5", [], {}])
def test_only_numbers_are_numbers(value: Any) -> None:
    with pytest.raises(GenesisError, match="a whole number is expected"):
        parse_document(json.dumps(value).encode()).integer()


@pytest.mark.parametrize(
    ("reader", "value", "kind"),
    [
        ("text", 5, "a string is expected, not a number"),
        ("elements", {}, "a list is expected, not an object"),
        ("entries", [], "an object is expected, not a list"),
        ("hex_bytes", True, "a string is expected, not true or false"),
        ("quantity", 5, "a string is expected, not a number"),
        ("integer", None, "a whole number is expected, not null"),
    ],
)
def test_the_wrong_kind_of_value_is_named(reader: str, value: Any, kind: str) -> None:
    with pytest.raises(GenesisError, match=kind):
        getattr(parse_document(json.dumps(value).encode()), reader)()


def test_an_unknown_key_suggests_the_nearest() -> None:
    node = parse_document(b'{"chain_idd": 1}')
    with pytest.raises(GenesisError, match=r"\$\.chain_idd: unknown key; did you mean 'chain_id'\?"):
        node.members(["chain_id"], ["name"])


def test_an_unknown_key_that_is_like_no_other_lists_the_known() -> None:
    with pytest.raises(GenesisError, match="known keys are alpha, beta"):
        parse_document(b'{"zzz": 1}').members(["beta"], ["alpha"])


def test_a_missing_key_is_named() -> None:
    with pytest.raises(GenesisError, match=r"\$\.b: missing"):
        parse_document(b'{"a": 1}').members(["a", "b"])


def test_a_repeated_key_is_named_also_inside() -> None:
    outer = parse_document(b'{"a": {"x": 1, "y": 2, "x": 3}}').members(["a"])
    with pytest.raises(GenesisError, match=r"\$\.a\.x: the key stands here twice"):
        outer["a"].entries()


def test_keys_that_are_no_words_are_quoted_in_paths() -> None:
    with pytest.raises(GenesisError) as caught:
        parse_document(b'{"a b\\n": 1}').members(["c"])
    assert caught.value.path == '$["a b\\n"]'


@pytest.mark.parametrize(("text", "value"), [("0x", b""), ("0x00aB", b"\x00\xab")])
def test_hex_bytes(text: str, value: bytes) -> None:
    assert parse_document(json.dumps(text).encode()).hex_bytes() == value


@pytest.mark.parametrize("text", ["", "00", "0x0", "0xzz", "0X00", "0x00 ", "0x00\n"])
def test_other_texts_are_no_hex_bytes(text: str) -> None:
    with pytest.raises(GenesisError, match="hex digits"):
        parse_document(json.dumps(text).encode()).hex_bytes()


@pytest.mark.parametrize(
    ("text", "value"), [("0", 0), ("10", 10), ("0x0", 0), ("0xff", 255), (str(2**256 - 1), 2**256 - 1)]
)
def test_quantities(text: str, value: int) -> None:
    assert parse_document(json.dumps(text).encode()).quantity() == value


@pytest.mark.parametrize(
    "text", ["", "-1", "01", "1.0", "1_000", "１", "0x", "0x" + "f" * 65, str(2**256), "9" * 79, "1\n"]
)
def test_other_texts_are_no_quantities(text: str) -> None:
    with pytest.raises(GenesisError, match=r"must be"):
        parse_document(json.dumps(text).encode()).quantity()
