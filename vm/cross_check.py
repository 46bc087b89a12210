"""One block, two engines: what each of them makes of it, and what differs.

Owns: the execution that keeps all that an engine says, the comparison of two of them, and the record of the state that
they looked at.
Never does: decide what follows from a difference (the node stops), or write files. Texts of errors are for people and
not compared: of two errors that coincide in one instruction each engine may name another.
Specification: there is one machine, so engines must agree on all that a block or a caller can see of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import islice, zip_longest
from typing import TypeAlias, TypeVar

from chain.errors import EnvironmentFault
from chain.receipt import Log, Receipt
from chain.transaction import RecoveredTransaction
from chain.types import Address, Hash32
from state.account import Account
from state.changes import StateChanges
from state.reader import StateReader
from state.slot_map import word_key
from vm.block import BlockBuilder, BlockResult
from vm.engines import Engine
from vm.environment import BlockEnvironment
from vm.errors import InvalidBlock, TransactionRejected
from vm.message import Status
from vm.transaction import TransactionResult

MAX_DIFFERENCES = 32
"""Named one by one. After the first, the rest mostly follows from it."""

UNCHANGED = "unchanged"

Key = TypeVar("Key", bytes, Address, Hash32, int)
Entry = TypeVar("Entry")


@dataclass(frozen=True, slots=True)
class Crash:
    """An engine ended in an exception that no contract may cause."""

    error: Exception


Verdict: TypeAlias = BlockResult | InvalidBlock | Crash
"""What an engine made of a block: its result, why it may not be, or that the engine has a fault."""


@dataclass(frozen=True, slots=True)
class Execution:
    """A verdict, and what the transactions before it did: all of them if it is a result."""

    verdict: Verdict
    outcomes: tuple[TransactionResult, ...] = ()

    def result(self) -> BlockResult:
        """The result. Raises InvalidBlock, or what the engine crashed with."""
        if isinstance(self.verdict, InvalidBlock):
            raise self.verdict
        if isinstance(self.verdict, Crash):
            raise self.verdict.error
        return self.verdict

    @property
    def ending(self) -> str:
        """How it ended, in a form that is equal for engines that agree."""
        if isinstance(self.verdict, InvalidBlock):
            return f"refused: {self.verdict}"
        return "crashed" if isinstance(self.verdict, Crash) else "finished"


@dataclass(frozen=True, slots=True)
class Difference:
    """`what` is `first` to the one engine and `second` to the other. Values are texts for people.

    transaction: the index of the one that it is about, None for the block as a whole.
    """

    what: str
    first: str
    second: str
    transaction: int | None = None


class WatchedBuilder(BlockBuilder):
    """A BlockBuilder that keeps what each transaction did."""

    def __init__(self, reader: StateReader, env: BlockEnvironment, *, max_bytes: int | None = None) -> None:
        self.outcomes: list[TransactionResult] = []
        super().__init__(reader, env, max_bytes=max_bytes)

    def try_add(self, recovered: RecoveredTransaction) -> TransactionResult:
        """As BlockBuilder.try_add."""
        outcome = super().try_add(recovered)
        self.outcomes.append(outcome)
        return outcome

    def changes(self) -> StateChanges:
        """What the block has changed so far."""
        return self._world.changes()


class ReadState:
    """A StateReader that remembers what it was asked: the part of the state that a block needs."""

    def __init__(self, reader: StateReader) -> None:
        self._reader = reader
        self.accounts: dict[Address, Account | None] = {}
        self.slots: dict[tuple[Address, bytes], int] = {}  # slots by their keys, see state.slot_map
        self.codes: dict[Hash32, bytes] = {}
        self.has_slots: dict[Address, bool] = {}
        self.block_hashes: dict[int, Hash32 | None] = {}

    def account(self, address: Address) -> Account | None:
        told = self.accounts[address] = self._reader.account(address)
        return told

    def storage(self, address: Address, slot: int) -> int:
        told = self.slots[address, word_key(slot)] = self._reader.storage(address, slot)
        return told

    def code(self, code_hash: Hash32) -> bytes:
        told = self.codes[code_hash] = self._reader.code(code_hash)
        return told

    def has_storage(self, address: Address) -> bool:
        told = self.has_slots[address] = self._reader.has_storage(address)
        return told

    def remembering(self, block_hash: Callable[[int], Hash32 | None]) -> Callable[[int], Hash32 | None]:
        """`block_hash`, whose answers are remembered too."""

        def ask(number: int) -> Hash32 | None:
            told = self.block_hashes[number] = block_hash(number)
            return told

        return ask


def execute_watched(
    reader: StateReader, env: BlockEnvironment, transactions: Sequence[RecoveredTransaction]
) -> Execution:
    """As vm.block.execute_block, but whatever comes of it is an answer. Raises EnvironmentFault only."""
    outcomes: list[TransactionResult] = []
    try:
        builder = WatchedBuilder(reader, env)
        outcomes = builder.outcomes
        for index, recovered in enumerate(transactions):
            try:
                builder.try_add(recovered)
            except TransactionRejected as rejection:
                return Execution(InvalidBlock(str(rejection), index), tuple(outcomes))
        return Execution(builder.finish(), tuple(outcomes))
    except EnvironmentFault:
        raise
    except Exception as error:  # a fault of an engine is what this is here to find
        return Execution(Crash(error), tuple(outcomes))


def differences(first: Execution, second: Execution) -> tuple[Difference, ...]:
    """At most MAX_DIFFERENCES, in the order in which they came about."""
    return tuple(islice(_differences(first, second), MAX_DIFFERENCES))


def first_with_other_effects(
    reader: StateReader, env: BlockEnvironment, engine: Engine, transactions: Sequence[RecoveredTransaction]
) -> int | None:
    """The index of the first transaction after which `engine` has another state than `env.evm`.

    Both execute the block again, slowly. None if they agree this time, or do not get through.
    """
    try:
        builders = [WatchedBuilder(reader, each) for each in (env, replace(env, evm=engine))]
        for index, recovered in enumerate(transactions):
            for builder in builders:
                builder.try_add(recovered)
            if any(_change_differences(builders[0].changes(), builders[1].changes())):
                return index
    except EnvironmentFault:
        raise
    except Exception:
        return None
    return None


def text_of(value: object) -> str:
    """A value for people: bytes in hex, numbers in decimal."""
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, Status):
        return value.name.lower()
    if isinstance(value, tuple):
        return f"[{', '.join(text_of(entry) for entry in value)}]"
    if isinstance(value, Account):
        return f"nonce {value.nonce}, balance {value.balance}, code {text_of(value.code_hash)}"
    if isinstance(value, Log):
        return f"{text_of(value.address)} {text_of(value.topics)} {text_of(value.data)}"
    return str(value)


def _differences(first: Execution, second: Execution) -> Iterator[Difference]:
    for index, (one, two) in enumerate(zip(first.outcomes, second.outcomes, strict=False)):
        yield from _field_differences(index, one, two, leave_out="error")
    if first.ending != second.ending or len(first.outcomes) != len(second.outcomes):
        index = min(len(first.outcomes), len(second.outcomes))
        yield Difference("the end", _end(first), _end(second), index)
    own, other = first.verdict, second.verdict
    if not isinstance(own, BlockResult) or not isinstance(other, BlockResult):
        return
    for index, (left, right) in enumerate(zip_longest(own.receipts, other.receipts)):
        if left is None or right is None:
            yield Difference("receipt", text_of(left), text_of(right), index)
        else:
            yield from _field_differences(index, left, right)
    yield from _change_differences(own.changes, other.changes)
    for name in ("gas_used", "logs_bloom", "receipts_root", "transactions_root", "requests_hash"):
        if getattr(own, name) != getattr(other, name):
            yield Difference(name, text_of(getattr(own, name)), text_of(getattr(other, name)))


def _end(execution: Execution) -> str:
    if isinstance(execution.verdict, Crash):
        return f"crashed with {execution.verdict.error!r}"
    return execution.ending


def _field_differences(
    index: int,
    first: TransactionResult | Receipt,
    second: TransactionResult | Receipt,
    leave_out: str = "",
) -> Iterator[Difference]:
    for entry in fields(first):
        own, other = getattr(first, entry.name), getattr(second, entry.name)
        if own != other and entry.name != leave_out:
            yield Difference(entry.name, text_of(own), text_of(other), index)


def _change_differences(first: StateChanges, second: StateChanges) -> Iterator[Difference]:
    yield from _map_differences("account", first.accounts, second.accounts)
    for address in sorted({**first.storage, **second.storage}):
        place = f"slot of 0x{address.hex()}"
        yield from _map_differences(place, first.storage.get(address, {}), second.storage.get(address, {}))
    yield from _map_differences("code", first.code, second.code)
    if sorted(first.wiped) != sorted(second.wiped):
        yield Difference("wiped accounts", text_of(first.wiped), text_of(second.wiped))


def _map_differences(
    place: str, first: Mapping[Key, Entry], second: Mapping[Key, Entry]
) -> Iterator[Difference]:
    for key in sorted({**first, **second}):
        own, other = first.get(key, UNCHANGED), second.get(key, UNCHANGED)
        if own != other:
            yield Difference(f"{place} {text_of(key)}", text_of(own), text_of(other))
