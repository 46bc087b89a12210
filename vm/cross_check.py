"""One block, two engines: executes a block again with another engine, and says what differs.

Owns: the second execution and the comparison of everything that a block commits to.
Never does: decide what follows from a difference (the node stops), or write files. Texts of errors are for people, and
not compared.
Specification: there is one machine, so engines must agree on every receipt and every change of the state.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import zip_longest
from typing import TypeAlias, TypeVar

from chain.receipt import Receipt
from chain.transaction import RecoveredTransaction
from chain.types import Address, Hash32
from state.changes import StateChanges
from state.reader import StateReader
from vm.block import BlockResult, execute_block
from vm.engines import Engine
from vm.environment import BlockEnvironment
from vm.errors import InvalidBlock

MAX_DIFFERENCES = 32
"""Named one by one. After the first, the rest mostly follows from it."""

UNCHANGED = "unchanged"

Key = TypeVar("Key", bytes, Address, Hash32, int)
Entry = TypeVar("Entry")

Verdict: TypeAlias = BlockResult | InvalidBlock
"""What an engine made of a block: its result, or why it may not be."""


@dataclass(frozen=True, slots=True)
class Difference:
    """`what` is `first` to the one engine and `second` to the other. Values are texts for people."""

    what: str
    first: str
    second: str


def differences_with(
    engine: Engine,
    reader: StateReader,
    env: BlockEnvironment,
    transactions: Sequence[RecoveredTransaction],
    first: Verdict,
) -> tuple[Difference, ...]:
    """Executes the block with `engine` too. At most MAX_DIFFERENCES from `first`, in the order of the block."""
    second: Verdict
    try:
        second = execute_block(reader, replace(env, evm=engine), transactions)
    except InvalidBlock as refusal:
        second = refusal
    except Exception as crash:  # a fault of the second engine is what this is here to find
        return (Difference("the execution", "finished", f"crashed: {crash!r}"),)
    found = []
    for difference in _differences(first, second):
        found.append(difference)
        if len(found) == MAX_DIFFERENCES:
            break
    return tuple(found)


def _differences(first: Verdict, second: Verdict) -> Iterator[Difference]:
    if isinstance(first, InvalidBlock) or isinstance(second, InvalidBlock):
        texts = [f"refused: {v}" if isinstance(v, InvalidBlock) else "valid" for v in (first, second)]
        if texts[0] != texts[1]:
            yield Difference("the block", *texts)
        return
    for index, (own, other) in enumerate(zip_longest(first.receipts, second.receipts)):
        yield from _receipt_differences(f"transaction {index}", own, other)
    yield from _change_differences(first.changes, second.changes)
    for name in ("gas_used", "receipts_root", "transactions_root", "requests_hash"):
        if getattr(first, name) != getattr(second, name):
            yield Difference(name, _text(getattr(first, name)), _text(getattr(second, name)))


def _receipt_differences(place: str, first: Receipt | None, second: Receipt | None) -> Iterator[Difference]:
    if first is None or second is None:
        if first is not second:
            yield Difference(place, _text(first), _text(second))
        return
    for entry in fields(Receipt):
        own, other = getattr(first, entry.name), getattr(second, entry.name)
        if own != other:
            yield Difference(f"{place}, {entry.name}", _text(own), _text(other))


def _change_differences(first: StateChanges, second: StateChanges) -> Iterator[Difference]:
    yield from _map_differences("account", first.accounts, second.accounts)
    for address in sorted({**first.storage, **second.storage}):
        place = f"slot of 0x{address.hex()}"
        yield from _map_differences(place, first.storage.get(address, {}), second.storage.get(address, {}))
    yield from _map_differences("code", first.code, second.code)
    if sorted(first.wiped) != sorted(second.wiped):
        yield Difference("wiped accounts", _text(first.wiped), _text(second.wiped))


def _map_differences(
    place: str, first: Mapping[Key, Entry], second: Mapping[Key, Entry]
) -> Iterator[Difference]:
    for key in sorted({**first, **second}):
        own, other = first.get(key, UNCHANGED), second.get(key, UNCHANGED)
        if own != other:
            yield Difference(f"{place} {_text(key)}", _text(own), _text(other))


def _text(value: object) -> str:
    """A value for people: bytes and whole numbers of storage in hex."""
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, tuple):
        return f"[{', '.join(_text(entry) for entry in value)}]"
    return str(value)
