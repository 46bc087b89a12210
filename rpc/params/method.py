"""One JSON-RPC method: its name, its handler, and how its positional parameters are read.

Owns the binding of parameters with go-ethereum's texts for missing, surplus and malformed ones. Never runs
a handler.
Specification: JSON-RPC 2.0 section 4.2 (by position only), go-ethereum rpc/json.go parsePositionalArguments.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from rpc.errors import RpcFault


class MalformedArgument(Exception):
    """Raised by a codec; its text completes `invalid argument N: …`."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A positional parameter. `decode` turns a JSON value into the handler's value or raises MalformedArgument.

    A parameter that is not `required` is `default` when it is missing or null.
    """

    decode: Callable[[object], object]
    required: bool = True
    default: object = None


def optional(parameter: Parameter, default: object = None) -> Parameter:
    """The same parameter, but it may be missing or null."""
    return Parameter(parameter.decode, required=False, default=default)


@dataclass(frozen=True, slots=True)
class Method:
    """`handler` gets the decoded parameters in order and returns a JSON value, finished JSON
    (`msgspec.Raw`), or a deferred answer (rpc/dispatch/deferred.py). `constant` answers without a call. `submits`: the
    handler returns a Submission, so neighbours in a batch may be collected before the pool is asked."""

    name: str
    handler: Callable[..., object]
    parameters: tuple[Parameter, ...] = ()
    constant: msgspec.Raw | None = None
    submits: bool = False


def constant(name: str, value: object) -> Method:
    """A method without parameters whose answer never changes: it is encoded once."""
    return Method(name, lambda: value, constant=msgspec.Raw(msgspec.json.encode(value)))


def bind(parameters: tuple[Parameter, ...], values: list[object]) -> list[object]:
    """The handler's arguments for the JSON values of `params`.

    Surplus nulls are dropped: some clients send one for every optional parameter they know.
    Raises RpcError -32602.
    """
    count = len(values)
    if count > len(parameters):
        if any(value is not None for value in values[len(parameters) :]):
            raise RpcFault.TOO_MANY_ARGUMENTS.error(count=len(parameters))
        count = len(parameters)
    arguments: list[object] = []
    for position, parameter in enumerate(parameters):
        value = values[position] if position < count else None
        if value is None:
            if parameter.required:
                raise RpcFault.MISSING_ARGUMENT.error(position=position)
            arguments.append(parameter.default)
            continue
        try:
            arguments.append(parameter.decode(value))
        except MalformedArgument as error:
            raise RpcFault.INVALID_ARGUMENT.error(position=position, detail=error) from None
    return arguments
