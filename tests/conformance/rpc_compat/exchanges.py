"""The files of the official suite: requests with the replies that are expected for them.

Owns the format of a file and how a reply is compared. Never sends anything.
Specification: ethereum/execution-apis, tests/README.md: `// comment`, `>> request`, `<< reply`; a comment that begins
with `speconly:` says that only the form of the reply counts.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.rpc.json_schema import OpenRpc


class MalformedFile(Exception):
    """Not requests and replies in turn."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request, as the bytes of the wire, and the reply to it."""

    request: bytes
    expected: Any

    @property
    def method(self) -> str:
        method: str = json.loads(self.request)["method"]
        return method


@dataclass(frozen=True, slots=True)
class ExchangeFile:
    """A file of exchanges that build on each other."""

    path: Path
    only_form_counts: bool
    exchanges: tuple[Exchange, ...]

    @property
    def label(self) -> str:
        """Folder and name, which is how the suite calls it."""
        return f"{self.path.parent.name}/{self.path.name}"

    @property
    def method(self) -> str:
        """The folder is named for the method; a file elsewhere counts for the method that it asks last."""
        folder = self.path.parent.name
        return folder if "_" in folder else self.exchanges[-1].method


def read_file(path: Path) -> ExchangeFile:
    """Raises MalformedFile."""
    only_form_counts = False
    exchanges: list[Exchange] = []
    request: bytes | None = None
    for line in path.read_text().splitlines():
        mark, content = line[:3], line[3:].strip()
        try:
            if mark.startswith("//"):
                only_form_counts |= line[2:].strip().startswith("speconly:")
            elif mark == ">> " and request is None:
                json.loads(content)["method"]
                request = content.encode()
            elif mark == "<< " and request is not None:
                exchanges.append(Exchange(request, json.loads(content)))
                request = None
            elif line.strip():
                raise MalformedFile(f"{path}: {line[:80]!r} is out of place")
        except (ValueError, KeyError, TypeError) as error:
            raise MalformedFile(f"{path}: {line[:80]!r}: {error}") from None
    if request is not None or not exchanges:
        raise MalformedFile(f"{path}: requests and replies do not pair")
    return ExchangeFile(path, only_form_counts, tuple(exchanges))


@dataclass(frozen=True, slots=True)
class Comparison:
    """`faults`: why the reply is wrong; empty when it is right. `text`: how the text of a right error differs."""

    faults: tuple[str, ...] = ()
    text: str | None = None


def compare(exchange: Exchange, reply: Any, openrpc: OpenRpc, *, only_form_counts: bool) -> Comparison:
    """A result must be equal and valid by the schema, an error have the same code and data.

    Where only the form counts, a result must be valid by the schema, and an error still have the same code. A
    complaint of the schema that holds for the expected result too is the schema's fault.
    """
    expected = exchange.expected
    if "result" not in expected:
        return _compare_errors(expected["error"], reply, only_form_counts)
    if "result" not in reply:
        return Comparison((f"error instead of a result: {_short(reply.get('error', reply))}",))
    found = openrpc.complaints(exchange.method, reply["result"])
    known = openrpc.complaints(exchange.method, expected["result"])
    faults = [f"schema: {complaint}" for complaint in found if complaint not in known]
    if not only_form_counts:
        faults += differences(expected, reply, "")
    return Comparison(tuple(faults))


def _compare_errors(expected: Any, reply: Any, only_form_counts: bool) -> Comparison:
    found = reply.get("error")
    if found is None:
        return Comparison((f"result instead of error {_short(expected)}: {_short(reply.get('result'))}",))
    faults = []
    if found["code"] != expected["code"]:
        faults.append(f"error {_short(found)} instead of {_short(expected)}")
    if not only_form_counts and found.get("data") != expected.get("data"):
        faults.append(f"data {_short(found.get('data'))} instead of {_short(expected.get('data'))}")
    text = f"{found['message']!r} instead of {expected['message']!r}"
    return Comparison(tuple(faults), text if found["message"] != expected["message"] else None)


def differences(expected: Any, found: Any, place: str) -> list[str]:
    """Where two JSON values differ; the order of members does not count, and 1, 1.0 and true are not the same."""
    return list(_differences(expected, found, place))


def _differences(expected: Any, found: Any, place: str) -> Iterator[str]:
    if isinstance(expected, dict) and isinstance(found, dict):
        for name in expected.keys() - found.keys():
            yield f"{place}.{name} is missing, expected {_short(expected[name])}"
        for name in found.keys() - expected.keys():
            yield f"{place}.{name} is not expected: {_short(found[name])}"
        for name in expected.keys() & found.keys():
            yield from _differences(expected[name], found[name], f"{place}.{name}")
    elif isinstance(expected, list) and isinstance(found, list):
        if len(expected) != len(found):
            yield f"{place} has {len(found)} elements, expected {len(expected)}"
        for index, (left, right) in enumerate(zip(expected, found, strict=False)):
            yield from _differences(left, right, f"{place}[{index}]")
    elif type(expected) is not type(found) or expected != found:
        yield f"{place} is {_short(found)}, expected {_short(expected)}"


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 200 else text[:200] + "…"
