"""The reference of all system contracts, as Markdown.

Owns: what is told about a class and in which order.
Never does: write files (publish.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from chain.types import checksum_address
from vm.system.abi.signature import Parameter
from vm.system.abi.types import AbiType, ArrayType, TupleType
from vm.system.contract import Contract
from vm.system.events import ContractError, Event
from vm.system.functions import Function
from vm.system.registry import Registry
from vm.system.storage.bind import layout_of
from vm.system.storage.description import type_label
from vm.system.tooling.declared import (
    errors_of,
    events_of,
    first_paragraph,
    own_documentation,
    paragraphs,
    takes_coins,
)

HEAD = """# Reference of the system contracts

Made from the classes by `python -m vm.system.tooling.publish`; do not edit by hand. How to write one:
[system-contracts.md](system-contracts.md). Interfaces and ABI files: `contracts/interfaces/`.

Gas is what a call costs besides its call data (6 per word) and what it does: storage, logs, calls and hashes cost what
they cost in the EVM. "Locked" functions cannot be entered while another locked function of the contract runs.
"""

HOOKS = ("genesis", "begin_block", "end_block")


def reference(registry: Registry) -> str:
    """The whole page."""
    classes = newest(registry.classes)
    lines = [HEAD]
    rows = [
        [
            f"[{contract.__name__}](#{contract.__name__.lower()})",
            _where(registry, contract),
            f"`0x{contract.class_id or 0:08x}`",
            str(contract.version),
            first_paragraph(own_documentation(contract)),
        ]
        for contract in classes
    ]
    lines += [*_table(["contract", "address", "class id", "version", "what it is"], rows), ""]
    return "\n".join(lines) + "\n" + "\n".join(chapter(registry, contract) for contract in classes)


def newest(classes: Iterable[type[Contract]]) -> list[type[Contract]]:
    """The last version of each class, where it was first named."""
    found: dict[int | None, type[Contract]] = {}
    for contract in classes:
        known = found.get(contract.class_id)
        if known is None or contract.version > known.version:
            found[contract.class_id] = contract
    return list(found.values())


def chapter(registry: Registry, contract: type[Contract]) -> str:
    """What is told about one class."""
    inputs = contract.constructing.signature.inputs
    lines = [f"## {contract.__name__}", ""]
    for paragraph in paragraphs(own_documentation(contract)):
        lines += [paragraph, ""]
    which = f"class `0x{contract.class_id or 0:08x}`, version {contract.version}"
    lines += [f"Address: {_where(registry, contract)}. Code: `0x{contract.code.hex()}` ({which}).", ""]
    if inputs:
        lines += [
            f"Constructor: `constructor({_parameters(inputs)})`. {_constructor_text(contract)}".rstrip(),
            "",
        ]
    if takes_coins(contract):
        lines += ["Takes plain coins.", ""]
    hooks = [name for name in HOOKS if hasattr(contract, name)]
    if hooks:
        lines += [f"Hooks: {', '.join(f'`{name}`' for name in hooks)}.", ""]
    lines += [
        *_section(
            "Functions",
            ["function", "selector", "kind", "gas", "who and when", "what it does"],
            [_function_row(function) for function in contract.functions.values()],
        ),
        *_section(
            "Events",
            ["event", "topic", "meaning"],
            [_member_row(event, event.signature.topic) for event in events_of(contract)],
        ),
        *_section(
            "Errors",
            ["error", "selector", "meaning"],
            [_member_row(error, error.signature.selector) for error in errors_of(contract)],
        ),
        *_section(
            "Storage",
            ["slot", "offset", "field", "type"],
            [
                [
                    str(variable.slot),
                    str(variable.offset),
                    f"`{variable.name}`",
                    f"`{type_label(variable.type)}`",
                ]
                for variable in layout_of(contract).variables
            ],
        ),
    ]
    return "\n".join(lines)


def _member_row(member: type[Event] | type[ContractError], mark: bytes) -> list[str]:
    signature = member.signature
    return [
        f"`{signature.name}({_parameters(signature.inputs)})`",
        f"`0x{mark.hex()}`",
        first_paragraph(own_documentation(member)),
    ]


def _function_row(function: Function[..., Any]) -> list[str]:
    signature = function.signature
    outputs = f" → ({_parameters(signature.outputs)})" if signature.outputs else ""
    kind = [signature.mutability.value] if signature.mutability.value != "nonpayable" else []
    if not function.is_view:
        kind.append("locked" if function.is_locked else "not locked")
    return [
        f"`{signature.name}({_parameters(signature.inputs)}){outputs}`",
        f"`0x{signature.selector.hex()}`",
        ", ".join(kind),
        str(function.base_gas),
        _conditions(function),
        first_paragraph(function.__doc__),
    ]


def _conditions(function: Function[..., Any]) -> str:
    if function.is_view:
        return ""
    who = function.only.description if function.only is not None else "anybody"
    return f"{who}, while {function.when.description}" if function.when is not None else who


def _where(registry: Registry, contract: type[Contract]) -> str:
    places = [
        f"`{checksum_address(entry.address)}`"
        for entry in registry.chain_contracts
        if entry.contract.class_id == contract.class_id
    ]
    return ", ".join(places) if places else "each instance its own"


def _constructor_text(contract: type[Contract]) -> str:
    return first_paragraph(getattr(contract, "constructor", None).__doc__)


def _parameters(parameters: Sequence[Parameter]) -> str:
    shown = []
    for parameter in parameters:
        indexed = " indexed" if parameter.indexed else ""
        shown.append(f"{_type(parameter.type)}{indexed} {parameter.name}".rstrip())
    return ", ".join(shown)


def _type(abi_type: AbiType) -> str:
    match abi_type:
        case ArrayType(element, length):
            return f"{_type(element)}[{'' if length is None else length}]"
        case TupleType(name, _, _) if name:
            return name
        case _:
            return abi_type.canonical


def _section(title: str, heads: list[str], rows: list[list[str]]) -> list[str]:
    return [f"### {title}", "", *_table(heads, rows), ""] if rows else []


def _table(heads: list[str], rows: list[list[str]]) -> list[str]:
    return [_row(heads), _row(["---"] * len(heads)), *[_row(row) for row in rows]]


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"
