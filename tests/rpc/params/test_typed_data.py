"""EIP-712 digests against eth-account's, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from eth_account.messages import _hash_eip191_message, encode_typed_data
from hypothesis import given, settings
from hypothesis import strategies as st

from chain.keccak import keccak256
from rpc.params.method import MalformedArgument
from rpc.params.typed_data import MAX_DEPTH, MAX_TEXT_CHARS, MAX_TYPES, typed_data_digest

MAIL: dict[str, Any] = {
    "types": {
        "EIP712Domain": [
            {"name": "name", "type": "string"},
            {"name": "version", "type": "string"},
            {"name": "chainId", "type": "uint256"},
            {"name": "verifyingContract", "type": "address"},
        ],
        "Person": [{"name": "name", "type": "string"}, {"name": "wallet", "type": "address"}],
        "Mail": [
            {"name": "from", "type": "Person"},
            {"name": "to", "type": "Person"},
            {"name": "contents", "type": "string"},
        ],
    },
    "primaryType": "Mail",
    "domain": {
        "name": "Ether Mail",
        "version": "1",
        "chainId": 1,
        "verifyingContract": "0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC",
    },
    "message": {
        "from": {"name": "Cow", "wallet": "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"},
        "to": {"name": "Bob", "wallet": "0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB"},
        "contents": "Hello, Bob!",
    },
}
"""The example of EIP-712, whose digest stands there."""

KINDS: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text(max_size=8),
    "bool": st.booleans(),
    "uint8": st.integers(0, 255),
    "uint256": st.integers(0, 2**256 - 1).map(str),
    "int16": st.integers(-(2**15), 2**15 - 1),
    "int256": st.integers(-(2**255), 2**255 - 1).map(str),
    "bytes": st.binary(max_size=40).map(lambda raw: "0x" + raw.hex()),
    "bytes4": st.binary(min_size=4, max_size=4).map(lambda raw: "0x" + raw.hex()),
    "bytes32": st.binary(min_size=32, max_size=32).map(lambda raw: "0x" + raw.hex()),
    "address": st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex()),
}


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Messages of atoms, arrays, structs, and arrays of structs."""
    inner = draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=4))
    outer = draw(st.lists(st.sampled_from(sorted(KINDS)), max_size=4))
    suffixes = [draw(st.sampled_from(["", "[]", "[2]"])) for _ in outer]

    def value(kind: str, suffix: str) -> Any:
        if not suffix:
            return draw(KINDS[kind])
        count = 2 if suffix == "[2]" else draw(st.integers(0, 3))
        return [draw(KINDS[kind]) for _ in range(count)]

    def struct() -> dict[str, Any]:
        return {f"m{index}": draw(KINDS[kind]) for index, kind in enumerate(inner)}

    members = [
        {"name": f"a{index}", "type": kind + suffix}
        for index, (kind, suffix) in enumerate(zip(outer, suffixes, strict=True))
    ]
    return {
        "types": {
            "EIP712Domain": [{"name": "name", "type": "string"}, {"name": "chainId", "type": "uint256"}],
            "Inner": [{"name": f"m{index}", "type": kind} for index, kind in enumerate(inner)],
            "Outer": [*members, {"name": "one", "type": "Inner"}, {"name": "many", "type": "Inner[]"}],
        },
        "primaryType": "Outer",
        "domain": {"name": draw(st.text(max_size=5)), "chainId": draw(st.integers(0, 2**64))},
        "message": {
            **{
                f"a{index}": value(kind, suffix)
                for index, (kind, suffix) in enumerate(zip(outer, suffixes, strict=True))
            },
            "one": struct(),
            "many": [struct() for _ in range(draw(st.integers(0, 2)))],
        },
    }


def test_the_example_of_the_specification() -> None:
    expected = "be609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2"
    assert typed_data_digest(MAIL).hex() == expected
    assert typed_data_digest(json.dumps(MAIL)).hex() == expected


@settings(max_examples=100, deadline=None)
@given(documents())
def test_it_agrees_with_eth_account(document: dict[str, Any]) -> None:
    expected = bytes(_hash_eip191_message(encode_typed_data(full_message=document)))
    assert typed_data_digest(document).hex() == expected.hex()


def test_the_type_of_the_domain_may_be_left_out() -> None:
    types = {name: members for name, members in MAIL["types"].items() if name != "EIP712Domain"}
    assert typed_data_digest({**MAIL, "types": types}) == typed_data_digest(MAIL)


def test_a_domain_alone_is_signed_without_a_message() -> None:
    separator = bytes.fromhex(
        "f2cee375fa42b42143804025fc449deafd50cc031ca257e0b194a650a912090f"
    )  # as in EIP-712
    document = {**MAIL, "primaryType": "EIP712Domain"}
    assert typed_data_digest(document) == keccak256(b"\x19\x01" + separator)


def test_a_null_struct_is_a_zero_word() -> None:
    message = {**MAIL["message"], "to": None}
    assert typed_data_digest({**MAIL, "message": message}) != typed_data_digest(MAIL)


def deep() -> dict[str, Any]:
    message: dict[str, Any] = {"next": []}
    for _ in range(2 * MAX_DEPTH):
        message = {"next": [message]}
    return {
        "types": {"EIP712Domain": [], "Node": [{"name": "next", "type": "Node[]"}]},
        "primaryType": "Node",
        "domain": {},
        "message": message,
    }


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (5, "typed data must be an object"),
        ("{", "neither an object nor its JSON"),
        ("[" * 100_000, "neither an object nor its JSON"),
        ({**MAIL, "primaryType": "Letter"}, "'Letter' is not among the types"),
        ({**MAIL, "types": {f"T{i}": [] for i in range(MAX_TYPES + 1)}}, "more than 256 types"),
        ({**MAIL, "types": {"Mail": [{"name": "x"}]}}, "a name and a type"),
        ({**MAIL, "message": {}}, "lacks its member"),
        ({**MAIL, "message": {**MAIL["message"], "contents": 5}}, "5 is no string"),
        ({**MAIL, "domain": {**MAIL["domain"], "chainId": "0xzz"}}, "no whole number"),
        ({**MAIL, "domain": {**MAIL["domain"], "chainId": 2**256}}, "does not fit uint256"),
        ({**MAIL, "domain": {**MAIL["domain"], "verifyingContract": "0x12"}}, "no address"),
        (deep(), "nested more than"),
        ("[" + "1," * MAX_TEXT_CHARS + "1]", "longer than 131072 characters"),
        (json.dumps({"types": {"T": [{"name": "x", "type": "\ud800"}]}}), "unknown type"),
        (json.dumps({"types": {"\ud800": []}}), "is no name"),
        (
            {"domain": {}, "types": {"T": [{"name": "x" * 200 + str(i), "type": "T"} for i in range(99)]}},
            "types are longer",
        ),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_no_typed_data_is_refused(value: object, words: str) -> None:
    with pytest.raises(MalformedArgument, match=words):
        typed_data_digest(value)


@pytest.mark.parametrize("kind", ["uint7", "uint264", "int0", "bytes0", "bytes33", "float", "Person[", "[]"])
def test_unknown_types_are_refused(kind: str) -> None:
    document = {
        "types": {"EIP712Domain": [], "T": [{"name": "x", "type": kind}]},
        "primaryType": "T",
        "domain": {},
        "message": {"x": 1 if "int" in kind else "0x"},
    }
    with pytest.raises(MalformedArgument):
        typed_data_digest(document)
