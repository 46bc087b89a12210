"""The calls of a transaction as a list, with those that were undone.

Owns: the entries, in the order in which they begin, self-destructions among them. Never does: look at other
instructions, or render (rpc/methods/otterscan.py).
Specification: erigon turbo/jsonrpc otterscan_trace_transaction.go, whose list it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from chain.receipt import Log
from chain.types import Address
from state.world import WorldState
from vm.evm.frame import Frame
from vm.evm.instruction import Instruction
from vm.message import CallKind, Message, Outcome, Status
from vm.tracing.interface import Budget, Scene, address_of, hex_bytes
from vm.transaction import TransactionResult

SELFDESTRUCT = "SELFDESTRUCT"
ENTRY_BYTES = 180  # of JSON, at least

_WITHOUT_VALUE = (CallKind.DELEGATECALL, CallKind.STATICCALL)


@dataclass(slots=True)
class ListedCall:
    """kind: the instruction, CALL for a transaction. depth: 0 for the transaction itself. value in wei, None for the
    kinds that have none. failed: by itself; what failed has also undone the calls that it made."""

    kind: str
    depth: int
    caller: Address
    target: Address
    value: int | None
    input: bytes
    output: bytes = b""
    failed: bool = False


class CallList:
    """A tracer for one transaction; `calls` afterwards."""

    def __init__(self, budget: Budget) -> None:
        self.calls: list[ListedCall] = []
        self._open: list[ListedCall] = []
        self._pending: ListedCall | None = None  # a self-destruction that may still fail
        self._budget = budget

    def begin(self, scene: Scene) -> None:
        """Nothing to note."""

    def enter(self, message: Message) -> None:
        self._commit()
        self._budget.take(ENTRY_BYTES + 2 * len(message.input))
        own = message.kind in (CallKind.DELEGATECALL, CallKind.CALLCODE)
        entry = ListedCall(
            message.kind.name,
            len(self._open),
            message.target if own else message.caller,
            message.code_address,
            None if message.kind in _WITHOUT_VALUE else message.value,
            message.input[:],
        )
        self.calls.append(entry)
        self._open.append(entry)

    def leave(self, message: Message, outcome: Outcome) -> None:  # noqa: ARG002
        self._commit()
        entry = self._open.pop()
        self._budget.take(2 * len(outcome.output))
        entry.output = outcome.output
        entry.failed = outcome.status is not Status.SUCCESS

    def step(self, frame: Frame, position: int, instruction: Instruction) -> None:  # noqa: ARG002
        if self._pending is not None:
            self._commit()
        if instruction.name == SELFDESTRUCT and frame.stack:
            heir, balance = address_of(frame.stack[-1]), frame.world.get_balance(frame.address)
            self._pending = ListedCall(SELFDESTRUCT, len(self._open), frame.address, heir, balance, b"")

    def touch(self, address: Address, slot: int | None) -> None:
        """Nothing to note."""

    def log(self, log: Log) -> None:
        """Nothing to note."""

    def fault(self, frame: Frame, position: int, instruction: Instruction, error: str) -> None:  # noqa: ARG002
        self._pending = None

    def _commit(self) -> None:
        """The instruction before has succeeded."""
        if self._pending is not None:
            self._budget.take(ENTRY_BYTES)
            self.calls.append(self._pending)
            self._pending = None

    def finish(self, world: WorldState, result: TransactionResult) -> None:
        """Nothing to note."""

    def lasting(self) -> list[ListedCall]:
        """The calls whose effects are still there."""
        found: list[ListedCall] = []
        undone_below: int | None = None  # the depth of the failed call whose inner calls come now
        for call in self.calls:
            if undone_below is not None and call.depth > undone_below:
                continue
            undone_below = call.depth if call.failed else None
            if not call.failed:
                found.append(call)
        return found

    def result(self) -> Any:
        return [
            {
                "type": call.kind,
                "depth": call.depth,
                "from": hex_bytes(call.caller),
                "to": hex_bytes(call.target),
                "value": None if call.value is None else hex(call.value),
                "input": hex_bytes(call.input),
                "output": hex_bytes(call.output),
            }
            for call in self.calls
        ]

    def encoded(self) -> bytes:
        return msgspec.json.encode(self.result())
