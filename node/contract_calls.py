"""Questions to contracts over JSON-RPC with the types of their Python classes, and their answers in words.

Owns: typed calls, and the text of what contracts of this program revert with and log.
Never does: send a transaction; node.commands.tx does.
Specification: Solidity's contract ABI; JSON-RPC eth_call, whose error for a revert has code 3 and the data as hex.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, ParamSpec, TypeVar

from chain.errors import CallerError
from chain.types import Address, checksum_address
from node.abi import InvalidCall
from node.rpc_client import NodeUnreachable, RpcCallFailed, RpcClient
from vm.system.abi.codec import AbiDecodeError, decoder
from vm.system.abi.signature import ErrorSignature, EventSignature, Parameter, types_of
from vm.system.abi.types import (
    AbiType,
    AddressType,
    ArrayType,
    BytesType,
    FixedBytesType,
    IntType,
    StringType,
    TupleType,
    UintType,
)
from vm.system.errors import Panic
from vm.system.functions import SELECTOR_BYTES, Function
from vm.system.registry import CHAIN_CONTRACTS
from vm.system.tooling.declared import errors_of, events_of

P = ParamSpec("P")
R = TypeVar("R")

REVERT_CODE: Final = 3
"""JSON-RPC's code for a reverted call, as in go-ethereum."""

MAX_SHOWN_BYTES: Final = 64
"""Of revert data that nobody can read."""

MAX_JSON_NUMBER_BITS: Final = 53
"""JavaScript reads wider ones wrongly."""

_ERROR_STRING: Final = ErrorSignature("Error", (Parameter("", StringType()),))
_PANIC: Final = ErrorSignature("Panic", (Parameter("", UintType(256)),))
_PANICS: Final[Mapping[int, str]] = {
    0x01: "assertion failed",
    0x11: "arithmetic overflow or underflow",
    0x12: "division by zero",
    0x21: "no member of the enum",
    0x31: "pop of an empty array",
    0x32: "array index out of bounds",
    0x41: "out of memory",
    0x51: "call of an uninitialised function",
}


class ContractCallFailed(CallerError):
    """A contract did not answer a question; the text says which and why."""


@dataclass(frozen=True, slots=True)
class ContractCalls:
    """The contracts of one block, asked through a node."""

    rpc: RpcClient
    block: str = "latest"

    def ask(self, target: Address, function: Function[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """What `function` of the contract at `target` returns.

        Raises ContractCallFailed for a revert and where another contract stands, InvalidCall for an argument that does
        not fit, NodeUnreachable, RpcCallFailed.
        """
        name = function.signature.name
        request = {
            "to": checksum_address(target),
            "input": "0x" + call_data(function, *args, **kwargs).hex(),
        }
        try:
            answer = self.rpc.call("eth_call", request, self.block)
        except RpcCallFailed as error:
            if error.code != REVERT_CODE:
                raise
            raise ContractCallFailed(f"{name} of {checksum_address(target)}: {explained(error)}") from error
        raw = _hex(answer)
        if raw is None:
            raise NodeUnreachable(
                f"{self.rpc.url} answers eth_call as no node does; is it the right address?"
            )
        try:
            return function.decode(raw)
        except AbiDecodeError:
            raise ContractCallFailed(f"no contract at {checksum_address(target)} answers {name}") from None


def call_data(function: Function[P, Any], *args: P.args, **kwargs: P.kwargs) -> bytes:
    """The call data of a function. Raises InvalidCall for a number that its type does not hold."""
    try:
        return function.encode(*args, **kwargs)
    except Panic:
        raise InvalidCall(f"an argument is out of range: {function.signature.canonical}") from None


def explained(error: RpcCallFailed) -> str:
    """The text of a node's error; that of a revert with the error that the contract declares."""
    raw = _hex(error.data) if error.code == REVERT_CODE else None
    reason = revert_reason(raw) if raw else ""
    return f"execution reverted: {reason}" if reason else str(error)


def revert_reason(raw: bytes) -> str:
    """What revert data says: the text of `Error(string)`, a panic in words, or a custom error with its arguments."""
    signature = _errors().get(raw[:SELECTOR_BYTES])
    try:
        if signature is not None:
            values = decoder(signature.input_types, SELECTOR_BYTES)(raw)
            if signature is _ERROR_STRING:
                return str(values[0])
            if signature is _PANIC:
                return f"panic 0x{values[0]:02x}: {_PANICS.get(values[0], 'unknown code')}"
            return f"{signature.name}({_named(signature.inputs, values)})"
    except AbiDecodeError:
        pass
    rest = "…" if len(raw) > MAX_SHOWN_BYTES else ""
    return f"0x{raw[:MAX_SHOWN_BYTES].hex()}{rest}"


@dataclass(frozen=True, slots=True)
class EventInWords:
    """A log that a class of this program declares. values: as JSON has them, indexed texts as their hash."""

    address: str
    name: str
    values: Mapping[str, Any]


def events_in(logs: Sequence[Any]) -> list[EventInWords]:
    """The logs of a receipt that this program can read, in their order."""
    return [event for event in map(_event_in, logs) if event is not None]


def _event_in(log: Any) -> EventInWords | None:
    try:
        address, topics = str(log["address"]), [_hex(topic) for topic in log["topics"]]
        raw = _hex(log["data"])
    except (KeyError, TypeError):
        return None
    if raw is None or not topics or None in topics:
        return None
    signature = _events().get((topics[0], len(topics) - 1))
    if signature is None:
        return None
    try:
        plain = iter(decoder(types_of(signature.unindexed))(raw))
        indexed = iter(topics[1:])
        values = {
            parameter.name: _of_topic(parameter.type, next(indexed))
            if parameter.indexed
            else readable(parameter.type, next(plain))
            for parameter in signature.inputs
        }
    except AbiDecodeError:
        return None
    return EventInWords(address, signature.name, values)


def _of_topic(kind: AbiType, topic: bytes | None) -> Any:
    topic = topic or b""
    if isinstance(kind, StringType | BytesType | ArrayType | TupleType):
        return "0x" + topic.hex()
    return readable(kind, decoder((kind,))(topic)[0])


def readable(kind: AbiType, value: Any) -> Any:
    """A value as JSON has it: addresses with checksums, bytes in hex, structs as objects, wide numbers as strings."""
    match kind:
        case AddressType():
            return checksum_address(value)
        case FixedBytesType() | BytesType():
            return "0x" + value.hex()
        case ArrayType(element):
            return [readable(element, each) for each in value]
        case TupleType(_, components, python_class):
            fields = (
                value if python_class is None else [getattr(value, each.python_name) for each in components]
            )
            return {
                each.name: readable(each.type, field) for each, field in zip(components, fields, strict=True)
            }
        case UintType(bits) | IntType(bits) if bits > MAX_JSON_NUMBER_BITS:
            return str(value)
        case _:
            return value


def _named(parameters: Sequence[Parameter], values: Sequence[Any]) -> str:
    return ", ".join(
        [
            f"{each.name}: {_word(readable(each.type, value))}"
            for each, value in zip(parameters, values, strict=True)
        ]
    )


def _word(value: Any) -> str:
    return json.dumps(value) if isinstance(value, dict | list | bool) else str(value)


@cache
def _errors() -> Mapping[bytes, ErrorSignature]:
    """Every error that a contract of this program can revert with; one selector has one signature."""
    known = {signature.selector: signature for signature in (_ERROR_STRING, _PANIC)}
    for contract in CHAIN_CONTRACTS.classes:
        known |= {error.signature.selector: error.signature for error in errors_of(contract)}
    return known


@cache
def _events() -> Mapping[tuple[bytes | None, int], EventSignature]:
    """By topic and number of indexed fields, in which the same event of two standards differs."""
    return {
        (event.signature.topic, len(event.signature.indexed)): event.signature
        for contract in CHAIN_CONTRACTS.classes
        for event in events_of(contract)
    }


def _hex(text: Any) -> bytes | None:
    if not isinstance(text, str) or not text.startswith("0x"):
        return None
    try:
        return bytes.fromhex(text[2:])
    except ValueError:
        return None
