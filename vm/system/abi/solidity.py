"""The Solidity interface of a contract, for contracts that call it.

Owns: the text of `interface … { }` with its structs, events, errors, functions and NatSpec.
Never does: collect what a contract has, or write files (vm/system/tooling/).
Specification: Solidity documentation, "Interfaces" and "NatSpec Format".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from inspect import cleandoc
from typing import Final, assert_never

from vm.system.abi.signature import ErrorSignature, EventSignature, FunctionSignature, Mutability, Parameter
from vm.system.abi.types import AbiType, ArrayType, BytesType, StringType, TupleType
from vm.system.errors import InvalidDeclaration

Signature = FunctionSignature | EventSignature | ErrorSignature

HEADER: Final = "// SPDX-License-Identifier: Apache-2.0\npragma solidity >=0.8.4;\n"

_INDENT: Final = "    "
_LINE: Final = 110

# Names of the ABI that are words of Solidity; parameters get an underscore, which changes no selector.
_WORDS: Final = (
    "abstract address after alias anonymous apply as assembly auto bool break byte bytes calldata case catch constant "
    "constructor continue contract copyof default define delete do else enum event external fallback false final "
    "fixed for function hex if immutable implements import in indexed inline int interface internal is let library "
    "macro mapping match memory modifier mutable new null of override partial payable pragma private promise public "
    "pure receive reference relocatable return returns sealed sizeof static storage string struct supports switch this "
    "throw true try type typedef typeof ufixed uint unchecked unicode using var view virtual while "
    "ether wei gwei seconds minutes hours days weeks "
)
_RESERVED: Final = frozenset(_WORDS.split())
_SIZED: Final = re.compile(r"(u?int|bytes)[0-9]+")


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that an interface declares, with its docstring."""

    signature: Signature
    documentation: str = ""


def interface_text(
    name: str,
    entries: Iterable[Entry],
    *,
    documentation: str = "",
    bases: tuple[str, ...] = (),
    takes_coins: bool = False,
) -> str:
    """The interface alone, without HEADER. Structs come first, then events, errors and functions in the order given.

    Raises:
        InvalidDeclaration: two structs of one name, a struct without a name, a function named like a word of Solidity.
    """
    every = list(entries)
    signatures = [entry.signature for entry in every]
    blocks = [[_INDENT + line for line in _struct_lines(struct)] for struct in _structs(signatures)]
    for kind in (EventSignature, ErrorSignature, FunctionSignature):
        for entry in every:
            if isinstance(entry.signature, kind):
                lines = [*_natspec(entry.documentation), *_declaration(entry.signature)]
                blocks.append([_INDENT + line for line in lines])
    if takes_coins:
        blocks.append([f"{_INDENT}receive() external payable;"])
    heading = f"interface {_checked(name)}{' is ' if bases else ''}{', '.join(bases)} {{"
    body = "\n\n".join("\n".join(block) for block in blocks)
    return "\n".join([*_natspec(documentation), heading, *([body] if body else []), "}", ""])


def _structs(signatures: Iterable[Signature]) -> Iterator[TupleType]:
    """Each struct once, those that others contain before them."""
    known: dict[str, TupleType] = {}
    for signature in signatures:
        outputs = signature.outputs if isinstance(signature, FunctionSignature) else ()
        for parameter in (*signature.inputs, *outputs):
            yield from _structs_in(parameter.type, known)


def _structs_in(abi_type: AbiType, known: dict[str, TupleType]) -> Iterator[TupleType]:
    if isinstance(abi_type, ArrayType):
        yield from _structs_in(abi_type.element, known)
    elif isinstance(abi_type, TupleType):
        if not abi_type.name:
            raise InvalidDeclaration(f"{abi_type.canonical} has no name in Solidity: use a Struct")
        if abi_type.name in known:
            if known[abi_type.name] != abi_type:
                raise InvalidDeclaration(f"two structs are named {abi_type.name}")
            return
        known[abi_type.name] = abi_type
        for component in abi_type.components:
            yield from _structs_in(component.type, known)
        yield abi_type


def _struct_lines(struct: TupleType) -> list[str]:
    fields = [f"{_INDENT}{_type_text(each.type)} {_parameter_name(each.name)};" for each in struct.components]
    return [f"struct {_checked(struct.name)} {{", *fields, "}"]


def _declaration(signature: Signature) -> list[str]:
    """The lines of an event, error or function."""
    match signature:
        case EventSignature(name, inputs):
            fields = [_field(each, " indexed" if each.indexed else "") for each in inputs]
            return _wrapped(f"event {_checked(name)}", fields, ";")
        case ErrorSignature(name, inputs):
            return _wrapped(f"error {_checked(name)}", [_field(each) for each in inputs], ";")
        case FunctionSignature(name, inputs, outputs, mutability):
            arguments = [_field(each, _location(each.type, "calldata")) for each in inputs]
            ending = " external" if mutability is Mutability.NONPAYABLE else f" external {mutability}"
            if outputs:
                taken = {each.name for each in inputs}
                results = [
                    _field(each, _location(each.type, "memory"), is_named=each.name not in taken)
                    for each in outputs
                ]
                ending += f" returns ({', '.join(results)})"
            return _wrapped(f"function {_checked(name)}", arguments, f"{ending};")
    assert_never(signature)


def _field(parameter: Parameter, between: str = "", *, is_named: bool = True) -> str:
    name = _parameter_name(parameter.name) if is_named and parameter.name else ""
    return f"{_type_text(parameter.type)}{between}{' ' if name else ''}{name}"


def _type_text(abi_type: AbiType) -> str:
    match abi_type:
        case ArrayType(element, length):
            return f"{_type_text(element)}[{'' if length is None else length}]"
        case TupleType():
            return abi_type.name
        case _:
            return abi_type.canonical


def _location(abi_type: AbiType, location: str) -> str:
    return f" {location}" if isinstance(abi_type, ArrayType | TupleType | BytesType | StringType) else ""


def _wrapped(start: str, items: list[str], ending: str) -> list[str]:
    """One line, or one for each item where that is too long."""
    line = f"{start}({', '.join(items)}){ending}"
    if not items or len(_INDENT) + len(line) <= _LINE:
        return [line]
    return [f"{start}(", *[f"{_INDENT}{item}," for item in items[:-1]], f"{_INDENT}{items[-1]}", f"){ending}"]


def _natspec(documentation: str) -> list[str]:
    """The first paragraph of a docstring as the notice to users, the others for developers."""
    # An @ anywhere would begin a tag.
    paragraphs = [each for each in cleandoc(documentation).replace("@", "(at)").split("\n\n") if each.strip()]
    lines: list[str] = []
    for index, paragraph in enumerate(paragraphs):
        first, *others = [line.strip() for line in paragraph.strip().splitlines()]
        lines.append(f"/// {('@notice', '@dev')[index]} {first}" if index < 2 else f"/// {first}")
        lines += [f"/// {line}" for line in others]
    return lines


def _parameter_name(name: str) -> str:
    return f"{name}_" if _is_reserved(name) else name


def _checked(name: str) -> str:
    """The name of a declaration, which cannot be changed."""
    if _is_reserved(name):
        raise InvalidDeclaration(f"{name} is a word of Solidity")
    return name


def _is_reserved(name: str) -> bool:
    return name in _RESERVED or _SIZED.fullmatch(name) is not None
