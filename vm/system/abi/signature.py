"""What a function, event or error looks like from outside, read from the Python that declares it.

Owns: signatures with selectors and topics, and their derivation from annotations.
Never does: decide which functions a contract has (vm/system/contract.py), or encode their values (codec.py).
Specification: Solidity documentation, "Function Selector" and "Events" of the contract ABI.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import NoneType
from typing import Any, ClassVar, Final, TypeVar, get_args, get_origin, get_type_hints

from chain.keccak import keccak256
from vm.system.abi.types import AbiType, IndexedMark, abi_type_of
from vm.system.abi.types import Parameter as Parameter
from vm.system.errors import InvalidDeclaration

SELECTOR_BYTES: Final = 4
MAX_INDEXED: Final = 3  # LOG4 has four topics, of which the first is the event's

_S = TypeVar("_S", bound="FunctionSignature | EventSignature | ErrorSignature")


class Mutability(StrEnum):
    """`stateMutability` of a function, in Solidity's words."""

    VIEW = "view"
    NONPAYABLE = "nonpayable"
    PAYABLE = "payable"


@dataclass(frozen=True, slots=True)
class FunctionSignature:
    """A function: its selector is the first four bytes of the hash of its canonical text."""

    name: str
    inputs: tuple[Parameter, ...]
    outputs: tuple[Parameter, ...]
    mutability: Mutability
    canonical: str = field(init=False)
    selector: bytes = field(init=False)

    def __post_init__(self) -> None:
        hashed = _with_canonical(self)
        object.__setattr__(self, "selector", hashed[:SELECTOR_BYTES])

    @property
    def input_types(self) -> tuple[AbiType, ...]:
        return types_of(self.inputs)

    @property
    def output_types(self) -> tuple[AbiType, ...]:
        return types_of(self.outputs)


@dataclass(frozen=True, slots=True)
class EventSignature:
    """An event: its first topic is the hash of its canonical text."""

    name: str
    inputs: tuple[Parameter, ...]
    canonical: str = field(init=False)
    topic: bytes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "topic", _with_canonical(self))
        if len(self.indexed) > MAX_INDEXED:
            raise InvalidDeclaration(f"the event {self.name} has more than {MAX_INDEXED} indexed fields")

    @property
    def indexed(self) -> tuple[Parameter, ...]:
        """The fields that are topics."""
        return tuple(parameter for parameter in self.inputs if parameter.indexed)

    @property
    def unindexed(self) -> tuple[Parameter, ...]:
        """The fields whose encoding is the log's data."""
        return tuple(parameter for parameter in self.inputs if not parameter.indexed)


@dataclass(frozen=True, slots=True)
class ErrorSignature:
    """A custom error: revert data is its selector and the encoding of its fields."""

    name: str
    inputs: tuple[Parameter, ...]
    canonical: str = field(init=False)
    selector: bytes = field(init=False)

    def __post_init__(self) -> None:
        hashed = _with_canonical(self)
        object.__setattr__(self, "selector", hashed[:SELECTOR_BYTES])

    @property
    def input_types(self) -> tuple[AbiType, ...]:
        return types_of(self.inputs)


def types_of(parameters: tuple[Parameter, ...]) -> tuple[AbiType, ...]:
    """The types alone, as a codec takes them."""
    return tuple(parameter.type for parameter in parameters)


def abi_name(python_name: str) -> str:
    """The ABI's name: without the trailing underscore that keeps it apart from a word of Python."""
    return python_name.removesuffix("_")


def function_signature(
    function: Callable[..., Any],
    *,
    name: str | None = None,
    mutability: Mutability,
    returns: tuple[str, ...] = (),
    scope: Mapping[str, object] | None = None,
) -> FunctionSignature:
    """The signature of a method, whose first argument is the contract.

    A tuple as the result is several outputs; `returns` names them. `scope` has the names that the annotations
    use beside those of the module: the classes inside the contract class.

    Raises:
        InvalidDeclaration: an argument without an ABI type, with a default, or by keyword only; no result annotation.
    """
    hints = _hints(function, scope)
    if "return" not in hints:
        raise InvalidDeclaration(f"{function.__qualname__} does not say what it returns (None for nothing)")
    return FunctionSignature(
        abi_name(function.__name__) if name is None else name,
        _inputs(function, hints),
        _outputs(function, hints["return"], returns),
        mutability,
    )


def parameters_of(
    function: Callable[..., Any], *, scope: Mapping[str, object] | None = None
) -> tuple[Parameter, ...]:
    """The arguments of a method after the contract itself: those of a constructor.

    Raises:
        InvalidDeclaration: as for `function_signature`.
    """
    return _inputs(function, _hints(function, scope))


def fields_of(declaring: type, *, scope: Mapping[str, object] | None = None) -> tuple[Parameter, ...]:
    """The fields that a class annotates itself, in order. A ClassVar is no field.

    Raises:
        InvalidDeclaration: a field without an ABI type.
    """
    fields = []
    hints = _hints(declaring, scope)
    for name in vars(declaring).get("__annotations__", {}):
        hint = hints[name]
        if hint is ClassVar or get_origin(hint) is ClassVar:
            continue
        fields.append(_parameter(f"{declaring.__qualname__}.{name}", name, hint))
    return tuple(fields)


def event_signature(declaring: type, *, scope: Mapping[str, object] | None = None) -> EventSignature:
    """The event that a class with annotated fields declares."""
    return EventSignature(abi_name(declaring.__name__), fields_of(declaring, scope=scope))


def error_signature(declaring: type, *, scope: Mapping[str, object] | None = None) -> ErrorSignature:
    """The custom error that a class with annotated fields declares."""
    return ErrorSignature(abi_name(declaring.__name__), fields_of(declaring, scope=scope))


def _with_canonical(signature: _S) -> bytes:
    """Sets the canonical text and returns its hash."""
    text = f"{signature.name}({','.join(parameter.type.canonical for parameter in signature.inputs)})"
    if not text.isascii():
        raise InvalidDeclaration(f"{text}: names of the ABI are ASCII")
    object.__setattr__(signature, "canonical", text)
    return keccak256(text.encode())


def _hints(declaring: type | Callable[..., Any], scope: Mapping[str, object] | None) -> dict[str, object]:
    local = None if scope is None else dict(scope)
    try:
        return get_type_hints(declaring, localns=local, include_extras=True)
    except (NameError, AttributeError, TypeError, SyntaxError) as error:
        raise InvalidDeclaration(f"annotations of {declaring.__qualname__}: {error}") from error


def _inputs(function: Callable[..., Any], hints: Mapping[str, object]) -> tuple[Parameter, ...]:
    inputs = []
    for parameter in list(inspect.signature(function).parameters.values())[1:]:
        place = f"{function.__qualname__}.{parameter.name}"
        if parameter.kind is not parameter.POSITIONAL_OR_KEYWORD or parameter.default is not parameter.empty:
            raise InvalidDeclaration(f"{place}: an argument of the ABI is plain and has no default")
        if parameter.name not in hints:
            raise InvalidDeclaration(f"{place} has no annotation")
        inputs.append(_parameter(place, parameter.name, hints[parameter.name]))
    return tuple(inputs)


def _outputs(function: Callable[..., Any], hint: object, names: tuple[str, ...]) -> tuple[Parameter, ...]:
    if hint is None or hint is NoneType:
        hints: tuple[object, ...] = ()
    elif get_origin(hint) is tuple:
        hints = get_args(hint)
        if len(hints) < 2 or Ellipsis in hints:
            raise InvalidDeclaration(f"{function.__qualname__}: a tuple of results has two or more")
    else:
        hints = (hint,)
    if names and len(names) != len(hints):
        raise InvalidDeclaration(f"{function.__qualname__}: {len(names)} names for {len(hints)} results")
    return tuple(
        Parameter(name, _parameter(f"the result of {function.__qualname__}", name, each).type)
        for each, name in zip(hints, names or ("",) * len(hints), strict=True)
    )


def _parameter(place: str, name: str, hint: object) -> Parameter:
    try:
        abi_type = abi_type_of(hint)
    except InvalidDeclaration as error:
        raise InvalidDeclaration(f"{place}: {error}") from error
    indexed = any(isinstance(mark, IndexedMark) for mark in getattr(hint, "__metadata__", ()))
    known_as = abi_name(name)
    return Parameter(known_as, abi_type, indexed, "" if known_as == name else name)
