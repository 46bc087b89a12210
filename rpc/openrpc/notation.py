"""The notation of signatures and types, read into JSON Schema.

    (address: Address, block?: BlockReference) -> Quantity | null
    {hash: Hash, topics: Hash[], removed?: Boolean}        an object with exactly these members
    {from?: Address, ...}                                  an object that may have others
    {[Address]: Account}                                   an object whose member names are of a type
    "latest" | "pending" | Quantity                        alternatives; literals are in quotes

Owns the grammar. Never knows which types exist: a name becomes a reference, except those of BUILT_IN.
Specification: JSON Schema draft 7, OpenRPC 1.2.6 (content descriptors).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from chain.errors import InvariantViolation

Schema = Mapping[str, Any]

BUILT_IN: Final[Mapping[str, Schema]] = {
    "null": {"type": "null"},
    "Any": {},
    "Boolean": {"type": "boolean"},
    "Integer": {"type": "integer"},
    "Number": {"type": "number"},
    "String": {"type": "string"},
}

_TOKEN: Final = re.compile(r'\s*(?:(->|\.\.\.|\[\]|[()\[\]{},:?|])|"([^"]*)"|([A-Za-z_$0-9]+))')


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a signature."""

    name: str
    schema: Schema
    required: bool


@dataclass(frozen=True, slots=True)
class Signature:
    """What a method takes, in order, and gives."""

    parameters: tuple[Parameter, ...]
    result: Schema


def read_type(text: str) -> Schema:
    """The schema of a type. Raises InvariantViolation for what is not of the grammar."""
    reader = _Reader(text)
    schema = reader.alternatives()
    reader.end()
    return schema


def read_signature(text: str) -> Signature:
    """A signature. Raises InvariantViolation for what is not of the grammar."""
    reader = _Reader(text)
    reader.expect("(")
    parameters: list[Parameter] = []
    while not reader.take(")"):
        if parameters:
            reader.expect(",")
        name = reader.name()
        required = not reader.take("?")
        reader.expect(":")
        parameters.append(Parameter(name, reader.alternatives(), required))
    reader.expect("->")
    result = reader.alternatives()
    reader.end()
    return Signature(tuple(parameters), result)


class _Reader:
    """Recursive descent over the tokens of one text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[tuple[str, str]] = []  # kind: symbol, literal or name
        position = 0
        while text[position:].strip():
            match = _TOKEN.match(text, position)
            if match is None:
                raise InvariantViolation(
                    f"notation: unexpected {text[position : position + 20]!r} in {text!r}"
                )
            symbol, literal, name = match.groups()
            kind = "symbol" if symbol is not None else "literal" if literal is not None else "name"
            self._tokens.append(
                (kind, symbol if symbol is not None else literal if literal is not None else name)
            )
            position = match.end()
        self._next = 0

    def take(self, symbol: str) -> bool:
        """Step over `symbol` if it is next."""
        if self._next < len(self._tokens) and self._tokens[self._next] == ("symbol", symbol):
            self._next += 1
            return True
        return False

    def expect(self, symbol: str) -> None:
        """Step over `symbol`, which must be next."""
        if not self.take(symbol):
            raise self._wrong(f"expected {symbol}")

    def name(self) -> str:
        """Step over a name."""
        if self._next >= len(self._tokens) or self._tokens[self._next][0] != "name":
            raise self._wrong("expected a name")
        self._next += 1
        return self._tokens[self._next - 1][1]

    def end(self) -> None:
        """Nothing may be left."""
        if self._next != len(self._tokens):
            raise self._wrong("expected the end")

    def alternatives(self) -> Schema:
        """Types separated by bars."""
        found = [self._arrays()]
        while self.take("|"):
            found.append(self._arrays())
        return found[0] if len(found) == 1 else {"anyOf": found}

    def _arrays(self) -> Schema:
        schema = self._single()
        while self.take("[]"):
            schema = {"type": "array", "items": schema}
        return schema

    def _single(self) -> Schema:
        if self.take("("):
            schema = self.alternatives()
            self.expect(")")
            return schema
        if self.take("{"):
            return self._object()
        if self._next < len(self._tokens) and self._tokens[self._next][0] == "literal":
            self._next += 1
            return {"type": "string", "enum": [self._tokens[self._next - 1][1]]}
        name = self.name()
        return BUILT_IN.get(name, {"$ref": f"#/components/schemas/{name}"})

    def _object(self) -> Schema:
        properties: dict[str, Schema] = {}
        required: list[str] = []
        schema: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
        first = True
        while not self.take("}"):
            if not first:
                self.expect(",")
            first = False
            if self.take("..."):
                schema["additionalProperties"] = True
            elif self.take("["):
                schema["propertyNames"] = self.alternatives()
                self.expect("]")
                self.expect(":")
                schema["additionalProperties"] = self.alternatives()
            else:
                member = self.name()
                if not self.take("?"):
                    required.append(member)
                self.expect(":")
                properties[member] = self.alternatives()
        return {**schema, "required": required} if required else schema

    def _wrong(self, what: str) -> InvariantViolation:
        rest = " ".join(token for _, token in self._tokens[self._next : self._next + 5])
        return InvariantViolation(f"notation: {what} before {rest!r} in {self._text!r}")
