"""Checks replies against the official OpenRPC document: the part of JSON Schema (draft 7) that it uses.

Owns: the schemas of results, and what every JSON-RPC reply looks like. tests/rpc/wire.py asks for every reply that a
test gets; others call `reply_complaints`. Methods that the document does not know are checked for the envelope only.
Specification: JSON Schema draft 7, JSON-RPC 2.0 section 5, ethereum/execution-apis.
"""

import json
import os
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from rpc.errors import Code

_VECTORS: Final = Path(
    os.environ.get("AURIGRAPH_VECTORS") or Path(__file__).resolve().parent.parent / "vectors"
)
_REFERENCE: Final = "#/components/schemas/"
_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "null": (type(None),),
    "integer": (int,),
    "number": (int, float),
}


_OF_A_DECIDED_BLOCK: Final = {"hash": "0x" + "00" * 32, "nonce": "0x" + "00" * 8, "miner": "0x" + "00" * 20}


class UnknownKeyword(Exception):
    """The schema uses a keyword that nothing here checks."""


class OpenRpc:
    """Checks results of methods against their schemas. Raises UnknownKeyword for a document that says more."""

    def __init__(self, path: Path) -> None:
        document = json.loads(path.read_text())
        self.schemas: dict[str, Any] = document["components"]["schemas"]
        self.methods: dict[str, Any] = {method["name"]: method for method in document["methods"]}
        for schema in self.schemas.values():
            _refuse_unknown(schema)
        for method in self.methods.values():
            _refuse_unknown(method["result"]["schema"])

    def complaints(self, method: str, result: object) -> list[str]:
        """What is wrong with a result; empty when nothing is, or when the document has no such method."""
        known = self.methods.get(method)
        if known is None:
            return []
        return self._check(known["result"]["schema"], _as_if_decided(result), "result")

    def reply_complaints(self, request: Any, reply: Any) -> list[str]:
        """What is wrong with the reply to a call, or with the replies to a batch, both decoded JSON."""
        if not isinstance(reply, list):
            return self._one_reply(request, reply)
        batch = request if isinstance(request, list) else []
        calls = {json.dumps(call.get("id")): call for call in batch if isinstance(call, dict)}
        return [
            complaint
            for one in reply
            for complaint in self._one_reply(calls.get(json.dumps(one.get("id"))), one)
        ]

    def _one_reply(self, call: Any, reply: Any) -> list[str]:
        found = _envelope_complaints(reply)
        if not found and "result" in reply and isinstance(call, dict):
            found = self.complaints(call["method"], reply["result"])
        return found

    def _check(self, schema: dict[str, Any], value: Any, place: str) -> list[str]:
        if "$ref" in schema:  # what stands beside it does not count
            return self._check(self.schemas[schema["$ref"].removeprefix(_REFERENCE)], value, place)
        found: list[str] = []
        for keyword, check in _CHECKS.items():
            if keyword in schema:
                found += check(schema[keyword], value, place)
        found += self._check_combined(schema, value, place)
        if isinstance(value, dict):
            found += self._check_object(schema, value, place)
        if isinstance(value, list) and "items" in schema:
            for index, item in enumerate(value):
                found += self._check(schema["items"], item, f"{place}[{index}]")
        return found

    def _check_combined(self, schema: dict[str, Any], value: Any, place: str) -> list[str]:
        found: list[str] = []
        for part in schema.get("allOf", []):
            found += self._check(part, value, place)
        if "not" in schema and not self._check(schema["not"], value, place):
            found.append(f"{place}: fits what it must not")
        for keyword in ("oneOf", "anyOf"):
            if keyword not in schema:
                continue
            # The document says oneOf for forms that overlap: an empty array is a list of hashes and one of logs.
            attempts: list[list[str]] = [self._check(part, value, place) for part in schema[keyword]]
            if all(attempts):
                found += sorted(attempts, key=len)[0]
        return found

    def _check_object(self, schema: dict[str, Any], value: dict[str, Any], place: str) -> list[str]:
        properties = schema.get("properties", {})
        patterns = schema.get("patternProperties", {})
        others = schema.get("additionalProperties", True)
        found = [f"{place}: no {name}" for name in schema.get("required", []) if name not in value]
        for name, member in value.items():
            member_place = f"{place}.{name}"
            fitting = [part for pattern, part in patterns.items() if re.search(pattern, name)]
            if name in properties:
                fitting.append(properties[name])
            if not fitting and others is False:
                found.append(f"{member_place} should not be there")
            elif not fitting and isinstance(others, dict):
                fitting.append(others)
            for part in fitting:
                found += self._check(part, member, member_place)
        return found


def _check_type(kind: str, value: object, place: str) -> list[str]:
    fits = isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))
    return [] if fits else [f"{place}: {_short(value)} is no {kind}"]


def _check_enum(allowed: list[Any], value: object, place: str) -> list[str]:
    return [] if value in allowed else [f"{place}: {_short(value)} is none of {allowed}"]


def _check_const(wanted: object, value: object, place: str) -> list[str]:
    return [] if value == wanted else [f"{place}: {_short(value)} is not {wanted}"]


def _check_pattern(pattern: str, value: object, place: str) -> list[str]:
    if not isinstance(value, str) or re.search(pattern, value):
        return []
    return [f"{place}: {_short(value)} does not match {pattern}"]


def _check_minimum(least: float, value: object, place: str) -> list[str]:
    low = isinstance(value, int | float) and value < least
    return [f"{place}: {value} is less than {least}"] if low else []


def _check_maximum(most: float, value: object, place: str) -> list[str]:
    high = isinstance(value, int | float) and value > most
    return [f"{place}: {value} is more than {most}"] if high else []


_CHECKS: Final[Mapping[str, Callable[[Any, object, str], list[str]]]] = {
    "type": _check_type,
    "enum": _check_enum,
    "const": _check_const,
    "pattern": _check_pattern,
    "minimum": _check_minimum,
    "maximum": _check_maximum,
}
_SUBSCHEMAS: Final = ("items", "not", "additionalProperties")
_LISTS_OF_SUBSCHEMAS: Final = ("allOf", "oneOf", "anyOf")
_MAPS_OF_SUBSCHEMAS: Final = ("properties", "patternProperties")
_KNOWN: Final = {
    *_CHECKS,
    *_SUBSCHEMAS,
    *_LISTS_OF_SUBSCHEMAS,
    *_MAPS_OF_SUBSCHEMAS,
    "$ref",
    "required",
    "title",
    "description",
}


def _refuse_unknown(schema: object) -> None:
    if not isinstance(schema, dict):  # additionalProperties may be true or false
        return
    unknown = schema.keys() - _KNOWN
    if unknown:
        raise UnknownKeyword(f"{sorted(unknown)} in {_short(schema)}")
    for keyword in _SUBSCHEMAS:
        _refuse_unknown(schema.get(keyword))
    for keyword in _LISTS_OF_SUBSCHEMAS:
        for part in schema.get(keyword, []):
            _refuse_unknown(part)
    for keyword in _MAPS_OF_SUBSCHEMAS:
        for part in schema.get(keyword, {}).values():
            _refuse_unknown(part)


def _envelope_complaints(reply: Any) -> list[str]:
    """What JSON-RPC 2.0 asks of every reply."""
    if not isinstance(reply, dict):
        return [f"{_short(reply)} is no reply"]
    found = []
    if reply.get("jsonrpc") != "2.0" or "id" not in reply:
        found.append(f"{_short(reply)} lacks version or id")
    if reply.keys() - {"jsonrpc", "id"} not in ({"result"}, {"error"}):
        found.append(f"{_short(reply)} has not exactly one of result and error")
    error = reply.get("error", {"code": 0, "message": ""})
    code, message, more = error.get("code"), error.get("message"), error.keys() - {"code", "message", "data"}
    if type(code) is not int or not isinstance(message, str) or more:
        found.append(f"{_short(error)} is no error object")
    return found


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:80] + "…"


@lru_cache(maxsize=1)
def official_openrpc() -> OpenRpc:
    """The document of ethereum/execution-apis, with what it forgets."""
    openrpc = OpenRpc(_VECTORS / "execution-apis" / "openrpc.json")
    _allow_pending_transactions(openrpc.schemas)
    _allow_other_texts_of_failed_calls(openrpc.schemas)
    return openrpc


def _allow_pending_transactions(schemas: dict[str, Any]) -> None:
    """The document has no form for a transaction that is not in a block yet. Every client answers null for its
    place, and the libraries rely on it."""
    place = schemas["TransactionInfo"]["allOf"][0]["properties"]
    for name in ("blockHash", "blockNumber", "blockTimestamp", "transactionIndex"):
        place[name] = {"anyOf": [{"type": "null"}, place[name]]}


def _allow_other_texts_of_failed_calls(schemas: dict[str, Any]) -> None:
    """The document itself calls these texts suggestions; go-ethereum, which made its examples, has others."""
    for error in schemas["CallResultFailure"]["properties"]["error"]["oneOf"]:
        if error["properties"]["code"]["const"] == Code.EXECUTION_FAILED:
            del error["properties"]["message"]["pattern"]


def assert_valid_reply(request: bytes, reply: bytes) -> None:
    """The reply to a request, both as they stood on the wire, is one that JSON-RPC and the document allow.

    The request may be anything; a malformed one has no method whose result could be checked.
    """
    try:
        asked = json.loads(request)
    except (ValueError, RecursionError):
        asked = None
    complaints = official_openrpc().reply_complaints(asked, json.loads(reply))
    assert complaints == [], (request[:200], complaints)


def _as_if_decided(result: object) -> object:
    """The document has no form for the pending block, which in go-ethereum and its clients lacks these three: all of
    them or none."""
    if not isinstance(result, dict) or "transactionsRoot" not in result:
        return result
    if any(result.get(name) is not None for name in _OF_A_DECIDED_BLOCK):
        return result
    return result | _OF_A_DECIDED_BLOCK
