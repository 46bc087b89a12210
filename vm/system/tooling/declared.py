"""What a contract class or an interface declares, for everything that is made from it.

Owns: the collection of functions, events and errors over the base classes, and their ABI as JSON and as Solidity.
Never does: write files (publish.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vm.system.abi.description import (
    constructor_item,
    error_item,
    event_item,
    function_item,
    receive_item,
)
from vm.system.abi.solidity import HEADER, Entry, interface_text
from vm.system.contract import Contract, ReentrancyGuardReentrantCall
from vm.system.events import ContractError, Event
from vm.system.functions import Function
from vm.system.interface import Interface, functions_of

Declared = type[Contract] | type[Interface]


def events_of(declared: Declared) -> list[type[Event]]:
    """Its events, those of base classes first; one of the same name replaces that of a base."""
    return list(_members(declared, Event))


def errors_of(declared: Declared) -> list[type[ContractError]]:
    """Its custom errors, as for events; at last those of guards that it does not declare, and that of the lock, if a
    function takes it."""
    functions = functions_of(declared).values()
    of_guards = [guard.error for one in functions for guard in (one.only, one.when) if guard is not None]
    found = list(
        dict.fromkeys((*_members(declared, ContractError), *[error for error in of_guards if error]))
    )
    if any(function.is_locked for function in functions):
        found.append(ReentrancyGuardReentrantCall)
    return found


def takes_coins(declared: Declared) -> bool:
    """Whether plain coins without call data reach it."""
    return hasattr(declared, "receive")


def first_paragraph(text: str | None) -> str:
    """Of a docstring, as one line; empty if there is none."""
    return " ".join((text or "").strip().partition("\n\n")[0].split())


def paragraphs(text: str | None) -> list[str]:
    """Of a docstring, each as one line."""
    return [" ".join(part.split()) for part in (text or "").split("\n\n") if part.strip()]


def own_documentation(declared: type) -> str:
    """The docstring that stands in the class itself: not that of a base."""
    return "\n\n".join(paragraphs(vars(declared).get("__doc__")))


def abi_of(contract: type[Contract]) -> list[dict[str, object]]:
    """The ABI as JSON has it: constructor, receive, functions, events, errors."""
    items = [
        constructor_item(contract.constructing.signature.inputs, is_payable=contract.constructor_takes_coins)
    ]
    if takes_coins(contract):
        items.append(receive_item())
    items += [function_item(function.signature) for function in contract.functions.values()]
    items += [event_item(event.signature) for event in events_of(contract)]
    items += [error_item(error.signature) for error in errors_of(contract)]
    return items


def solidity_of(contract: type[Contract]) -> str:
    """A file with the interface `I<name>`."""
    entries = [
        *[Entry(event.signature, own_documentation(event)) for event in events_of(contract)],
        *[Entry(error.signature, own_documentation(error)) for error in errors_of(contract)],
        *[_function_entry(function) for function in contract.functions.values()],
    ]
    text = interface_text(
        f"I{contract.__name__}",
        entries,
        documentation=own_documentation(contract),
        takes_coins=takes_coins(contract),
    )
    return f"{HEADER}\n{text}"


def _function_entry(function: Function[..., Any]) -> Entry:
    return Entry(function.signature, "\n\n".join(paragraphs(function.__doc__)))


def _members(declared: Declared, kind: type) -> Iterator[Any]:
    found: dict[str, type] = {}
    for base in reversed(declared.__mro__):
        for name, value in vars(base).items():
            if isinstance(value, type) and issubclass(value, kind) and not name.startswith("_"):
                found[name] = value
    yield from found.values()
