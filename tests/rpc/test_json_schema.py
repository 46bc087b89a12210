"""The check of replies must be able to fail, in each thing that it checks."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.rpc.json_schema import OpenRpc, UnknownKeyword, assert_valid_reply, official_openrpc


def document(path: Path, schema: Any) -> OpenRpc:
    methods = [{"name": "it", "result": {"schema": schema}}]
    schemas = {"hex": {"type": "string", "pattern": "^0x[0-9a-f]+$"}}
    file = path / "openrpc.json"
    file.write_text(json.dumps({"methods": methods, "components": {"schemas": schemas}}))
    return OpenRpc(file)


HEX = {"$ref": "#/components/schemas/hex"}


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"type": "integer"}, 1, True),
        ({"type": "integer"}, 1, 1.5),
        ({"type": "number"}, 1.5, "1"),
        ({"type": "boolean"}, True, 1),
        ({"type": "null"}, None, 0),
        (HEX, "0xab", "ab"),
        (HEX, "0xab", 5),
        ({"enum": ["a"]}, "a", "b"),
        ({"const": 3}, 3, 4),
        ({"minimum": 0, "maximum": 1}, 0.5, 1.5),
        ({"minimum": 0, "maximum": 1}, 1, -1),
        ({"type": "array", "items": HEX}, ["0x1"], ["0x1", "x"]),
        ({"allOf": [HEX, {"enum": ["0x1", "x"]}]}, "0x1", "x"),
        ({"oneOf": [HEX, {"type": "null"}]}, None, "x"),
        ({"anyOf": [HEX, {"type": "null"}]}, "0x1", 1),
        ({"not": {"required": ["a"]}}, {"b": 1}, {"a": 1}),
        ({"required": ["a"]}, {"a": 1}, {"b": 1}),
        ({"properties": {"a": HEX}}, {"a": "0x1", "b": 1}, {"a": "x"}),
        ({"properties": {"a": HEX}, "additionalProperties": False}, {"a": "0x1"}, {"b": "0x1"}),
        ({"properties": {"a": HEX}, "additionalProperties": {"type": "null"}}, {"b": None}, {"b": "0x1"}),
        ({"patternProperties": {"^k": HEX}, "additionalProperties": False}, {"k1": "0x1"}, {"k1": 1}),
    ],
)
def test_each_keyword_refuses_what_it_must(schema: Any, good: Any, bad: Any, tmp_path: Path) -> None:
    openrpc = document(tmp_path, schema)

    assert openrpc.complaints("it", good) == []
    assert openrpc.complaints("it", bad) != []


def test_a_keyword_that_nothing_checks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownKeyword, match="uniqueItems"):
        document(tmp_path, {"oneOf": [{"items": {"uniqueItems": True}}]})


def test_the_official_document_is_understood() -> None:
    assert len(official_openrpc().methods) == 86
    assert official_openrpc().complaints("eth_getBlockByNumber", {"number": 5})
    assert official_openrpc().complaints("eth_chainId", "1")
    assert not official_openrpc().complaints("eth_chainId", "0x1")


CALL = b'{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}'


@pytest.mark.parametrize(
    ("request_bytes", "reply"),
    [
        (CALL, b'{"jsonrpc":"2.0","id":1,"result":"1"}'),
        (b"[%b]" % CALL, b'[{"jsonrpc":"2.0","id":1,"result":"1"}]'),
        (CALL, b'{"jsonrpc":"1.0","id":1,"result":"0x1"}'),
        (CALL, b'{"jsonrpc":"2.0","result":"0x1"}'),
        (CALL, b'{"jsonrpc":"2.0","id":1}'),
        (CALL, b'{"jsonrpc":"2.0","id":1,"result":"0x1","error":{"code":1,"message":""}}'),
        (CALL, b'{"jsonrpc":"2.0","id":1,"error":{"code":"1","message":""}}'),
        (CALL, b'{"jsonrpc":"2.0","id":1,"error":{"code":1}}'),
        (b"{", b'{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"","more":0}}'),
        (b"{", b'"no"'),
    ],
)
def test_a_reply_that_is_wrong_is_noticed(request_bytes: bytes, reply: bytes) -> None:
    with pytest.raises(AssertionError):
        assert_valid_reply(request_bytes, reply)


@pytest.mark.parametrize(
    ("request_bytes", "reply"),
    [
        (CALL, b'{"jsonrpc":"2.0","id":1,"result":"0x1"}'),
        (CALL, b'{"jsonrpc":"2.0","id":1,"error":{"code":3,"message":"execution reverted","data":"0x"}}'),
        (b"[%b]" % CALL, b'[{"jsonrpc":"2.0","id":1,"result":"0x1"}]'),
        (b"{", b'{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"parse error"}}'),
        (b'{"id":1,"method":"own"}', b'{"jsonrpc":"2.0","id":1,"result":[1]}'),
    ],
)
def test_a_reply_that_is_right_passes(request_bytes: bytes, reply: bytes) -> None:
    assert_valid_reply(request_bytes, reply)
