"""The OpenRPC document of the methods that a listener answers (`rpc.discover`).

Owns the reading of the description files and the shape of the document. Never invents: a method without an entry
is not in the document, and a test keeps the description complete.
Specification: OpenRPC 1.2.6 (the version that the tools of the field read).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from chain.errors import InvariantViolation
from rpc.openrpc.notation import Schema, Signature, read_signature, read_type

OPENRPC_VERSION: Final = "1.2.6"


@dataclass(frozen=True, slots=True)
class Description:
    """What a reader is told about one method. `example` are JSON parameters; `reply` is shown where the true one
    differs from node to node."""

    name: str
    summary: str
    call: str
    signature: Signature
    example: list[Any] | None
    reply: Any


@cache
def descriptions() -> Mapping[str, Description]:
    """The entries of all files by method name. Raises InvariantViolation when one is wrong."""
    found: dict[str, Description] = {}
    for file in sorted(files("rpc.openrpc").joinpath("methods").iterdir(), key=lambda entry: entry.name):
        if not file.name.endswith(".toml"):
            continue
        for name, entry in tomllib.loads(file.read_text("utf-8")).items():
            if name in found:
                raise InvariantViolation(f"{name} is described twice")
            found[name] = Description(
                name,
                entry["summary"],
                entry["call"],
                read_signature(entry["call"]),
                entry.get("example"),
                entry.get("reply"),
            )
    return found


@cache
def types() -> Mapping[str, Schema]:
    """The named types. Raises InvariantViolation when one is wrong."""
    document = tomllib.loads(files("rpc.openrpc").joinpath("types.toml").read_text("utf-8"))
    found: dict[str, Schema] = {
        name: {"type": "string", "pattern": pattern} for name, pattern in document["patterns"].items()
    }
    for name, notation in document["types"].items():
        if name in found:
            raise InvariantViolation(f"type {name} is described twice")
        found[name] = read_type(notation)
    return found


def openrpc_document(method_names: Iterable[str], client_version: str) -> dict[str, Any]:
    """The document of those of `method_names` that are described, in alphabetical order."""
    known = descriptions()
    return {
        "openrpc": OPENRPC_VERSION,
        "info": {
            "title": "Aurigraph node JSON-RPC",
            "version": client_version,
            "license": {"name": "Apache-2.0"},
        },
        "methods": [_method(known[name]) for name in sorted(method_names) if name in known],
        "components": {"schemas": dict(types())},
    }


def _method(entry: Description) -> dict[str, Any]:
    return {
        "name": entry.name,
        "summary": entry.summary,
        "paramStructure": "by-position",
        "params": [
            {"name": parameter.name, "required": parameter.required, "schema": parameter.schema}
            for parameter in entry.signature.parameters
        ],
        "result": {"name": "result", "schema": entry.signature.result},
    }
