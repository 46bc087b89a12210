"""callTracer: the tree of calls.

Owns: the frames of the tree and their JSON. Never does: look at instructions, but for logs and self-destruction.
Specification: go-ethereum 1.17.6 eth/tracers/native/call.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from state.world import WorldState
from vm.evm.frame import Frame
from vm.evm.instruction import Instruction
from vm.message import CallKind, Message, Outcome, Status
from vm.revert_reason import revert_reason
from vm.tracing.interface import Budget, Scene, address_of, hex_bytes, hex_word
from vm.transaction import TransactionResult

FRAME_BYTES = 160  # of JSON, at least; also of a log
OPTIONS = ("onlyTopCall", "withLog")


class CallTracer:
    """go-ethereum's callTracer."""

    def __init__(self, options: Mapping[str, bool], budget: Budget) -> None:
        self._only_top = options["onlyTopCall"]
        self._with_log = options["withLog"]
        # The frames not yet left, each with the index that its first log has.
        self._open: list[tuple[dict[str, Any], int]] = []
        self._top: dict[str, Any] = {}
        # LOGn or SELFDESTRUCT that has not succeeded yet; what is behind a log is read when it has.
        self._pending: tuple[Frame, Instruction, list[int]] | None = None
        self._next_log = 0
        self._gas_limit = 0
        self._budget = budget

    def begin(self, scene: Scene) -> None:
        self._gas_limit = scene.transaction.gas_limit
        self._next_log = scene.first_log_index

    def enter(self, message: Message) -> None:
        self._commit()
        if self._only_top and self._open:
            self._open.append(({}, self._next_log))
            return
        size = len(message.input)
        self._budget.take(FRAME_BYTES + 2 * size)
        own = message.kind in (CallKind.DELEGATECALL, CallKind.CALLCODE)
        frame: dict[str, Any] = {
            "from": hex_bytes(message.target if own else message.caller),
            "gas": hex(message.gas if self._open else self._gas_limit),
            "gasUsed": "0x0",
            "to": hex_bytes(message.code_address),
            "input": hex_bytes(message.input[:]),
        }
        if message.kind is not CallKind.STATICCALL:
            frame["value"] = hex(message.value)
        frame["type"] = message.kind.name
        self._open.append((frame, self._next_log))

    def leave(self, message: Message, outcome: Outcome) -> None:
        self._commit()
        frame, first_log = self._open.pop()
        if outcome.status is not Status.SUCCESS:
            self._next_log = first_log  # the next log has the number of the one that is undone
        if not frame:
            return
        frame["gasUsed"] = hex(message.gas - outcome.gas_left)
        self._budget.take(2 * len(outcome.output))
        _note_outcome(frame, message, outcome)
        if self._open:
            self._open[-1][0].setdefault("calls", []).append(frame)
        else:
            self._top = frame

    def step(self, frame: Frame, position: int, instruction: Instruction) -> None:  # noqa: ARG002
        if self._pending is not None:
            self._commit()
        name = instruction.name
        is_wanted = (
            not self._only_top if name == "SELFDESTRUCT" else self._with_log and name.startswith("LOG")
        )
        if is_wanted and len(frame.stack) >= instruction.pops:
            self._pending = (frame, instruction, frame.stack[: -instruction.pops - 1 : -1])
            if name == "SELFDESTRUCT":
                self._pending[2].append(frame.world.get_balance(frame.address))

    def fault(self, frame: Frame, position: int, instruction: Instruction, error: str) -> None:  # noqa: ARG002
        self._pending = None

    def _commit(self) -> None:
        """The instruction before has succeeded."""
        pending, self._pending = self._pending, None
        if pending is None:
            return
        frame, instruction, arguments = pending
        if instruction.name == "SELFDESTRUCT":
            beneficiary, balance = arguments
            gone = {
                "from": hex_bytes(frame.address),
                "gas": "0x0",
                "gasUsed": "0x0",
                "to": hex_bytes(address_of(beneficiary)),
                "input": "0x",
                "value": hex(balance),
                "type": "SELFDESTRUCT",
            }
            self._budget.take(FRAME_BYTES)
            self._open[-1][0].setdefault("calls", []).append(gone)
            return
        index = self._next_log
        self._next_log += 1
        opened = self._open[-1][0]
        if opened:
            start, size, *topics = arguments
            self._budget.take(FRAME_BYTES + 2 * size)
            log = {
                "address": hex_bytes(frame.address),
                "topics": [hex_word(topic) for topic in topics],
                "data": hex_bytes(frame.read_memory(start, size)),
                "index": hex(index),
                "position": hex(len(opened.get("calls", ()))),
            }
            opened.setdefault("logs", []).append(log)

    def finish(self, world: WorldState, result: TransactionResult) -> None:  # noqa: ARG002
        self._top["gasUsed"] = hex(result.gas_used)
        _drop_undone_logs(self._top)

    def result(self) -> Any:
        return self._top

    def encoded(self) -> bytes:
        return msgspec.json.encode(self._top)


def _note_outcome(frame: dict[str, Any], message: Message, outcome: Outcome) -> None:
    if outcome.status is Status.SUCCESS:
        if outcome.output:
            frame["output"] = hex_bytes(outcome.output)
        return
    frame["error"] = outcome.error or "execution failed"
    if message.kind.is_create:
        del frame["to"]
    if outcome.status is Status.REVERT and outcome.output:
        frame["output"] = hex_bytes(outcome.output)
        reason = revert_reason(outcome.output)
        if reason:
            frame["revertReason"] = reason


def _drop_undone_logs(top: dict[str, Any]) -> None:
    """A failed call leaves no logs, and neither do the calls it made. Once over the finished tree, so that its size
    alone decides what this costs."""
    waiting = [(top, False)]
    while waiting:
        call, is_undone = waiting.pop()
        is_undone = is_undone or "error" in call
        if is_undone:
            call.pop("logs", None)
        waiting += [(inner, is_undone) for inner in call.get("calls", ())]
