"""callTracer: the tree of calls.

Owns: the frames of the tree and their JSON. Never does: look at instructions, but for logs and self-destruction.
Specification: go-ethereum eth/tracers/native/call.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from state.world import WorldState
from vm.evm.frame import Frame
from vm.evm.instruction import Instruction
from vm.message import CallKind, Message, Outcome, Status
from vm.revert_reason import revert_reason
from vm.tracing.interface import Budget, Scene, address_of, hex_bytes, hex_word
from vm.transaction import TransactionResult

FRAME_BYTES = 1_500
OPTIONS = ("onlyTopCall", "withLog")


class CallTracer:
    """go-ethereum's callTracer."""

    def __init__(self, options: Mapping[str, bool]) -> None:
        self._only_top = options["onlyTopCall"]
        self._with_log = options["withLog"]
        self._open: list[dict[str, Any]] = []
        self._top: dict[str, Any] = {}
        self._pending: dict[str, Any] | None = None  # a log or self-destruction that has not succeeded yet
        self._logs = 0
        self._gas_limit = 0
        self._budget = Budget()

    def begin(self, scene: Scene) -> None:
        self._gas_limit = scene.transaction.gas_limit

    def enter(self, message: Message) -> None:
        self._commit()
        payload = message.input[:]
        self._budget.take(FRAME_BYTES + 2 * len(payload))
        own = message.kind in (CallKind.DELEGATECALL, CallKind.CALLCODE)
        frame: dict[str, Any] = {
            "from": hex_bytes(message.target if own else message.caller),
            "gas": hex(message.gas),
            "gasUsed": "0x0",
            "to": hex_bytes(message.code_address),
            "input": hex_bytes(payload),
        }
        if message.kind is not CallKind.STATICCALL:
            frame["value"] = hex(message.value)
        frame["type"] = message.kind.name
        self._open.append(frame)

    def leave(self, message: Message, outcome: Outcome) -> None:
        self._commit()
        frame = self._open.pop()
        frame["gasUsed"] = hex(message.gas - outcome.gas_left)
        self._note_outcome(frame, message, outcome)
        if not self._open:
            self._top = frame
        elif not self._only_top:
            self._open[-1].setdefault("calls", []).append(frame)

    def _note_outcome(self, frame: dict[str, Any], message: Message, outcome: Outcome) -> None:
        if outcome.status is Status.SUCCESS:
            if outcome.output:
                frame["output"] = hex_bytes(outcome.output)
            return
        frame["error"] = outcome.error or "execution failed"
        _drop_logs(frame)
        if message.kind.is_create:
            del frame["to"]
        if outcome.status is Status.REVERT and outcome.output:
            frame["output"] = hex_bytes(outcome.output)
            reason = revert_reason(outcome.output)
            if reason:
                frame["revertReason"] = reason

    def step(self, frame: Frame, position: int, instruction: Instruction) -> None:  # noqa: ARG002
        self._commit()
        if len(frame.stack) < instruction.pops or (self._only_top and frame.depth > 0):
            return
        if instruction.name == "SELFDESTRUCT" and not self._only_top:
            self._pending = {
                "from": hex_bytes(frame.address),
                "gas": "0x0",
                "gasUsed": "0x0",
                "to": hex_bytes(address_of(frame.stack[-1])),
                "input": "0x",
                "value": hex(frame.world.get_balance(frame.address)),
                "type": "SELFDESTRUCT",
            }
        elif self._with_log and instruction.name.startswith("LOG"):
            self._pending = self._log(frame, instruction)

    def _log(self, frame: Frame, instruction: Instruction) -> dict[str, Any] | None:
        start, size = frame.stack[-1], frame.stack[-2]
        if size > len(frame.memory) + (1 << 20):
            return None  # nobody can pay for it
        content = bytes(frame.memory[start : start + size]).ljust(size, b"\0") if size else b""
        topics = frame.stack[-3 : -1 - instruction.pops : -1]
        self._budget.take(FRAME_BYTES + 2 * size)
        return {
            "address": hex_bytes(frame.address),
            "topics": [hex_word(topic) for topic in topics],
            "data": hex_bytes(content),
            "position": hex(len(self._open[-1].get("calls", ()))),
        }

    def fault(self, frame: Frame, position: int, instruction: Instruction, error: str) -> None:  # noqa: ARG002
        self._pending = None

    def _commit(self) -> None:
        """The instruction before has succeeded."""
        pending, self._pending = self._pending, None
        if pending is None:
            return
        if "type" in pending:
            self._open[-1].setdefault("calls", []).append(pending)
        else:
            pending["index"] = hex(self._logs)
            self._logs += 1
            self._open[-1].setdefault("logs", []).append(pending)

    def finish(self, world: WorldState, result: TransactionResult) -> None:  # noqa: ARG002
        self._top["gas"] = hex(self._gas_limit)
        self._top["gasUsed"] = hex(result.gas_used)

    def result(self) -> Any:
        return self._top


def _drop_logs(frame: dict[str, Any]) -> None:
    """A failed call leaves no logs, and neither do the calls it made."""
    frame.pop("logs", None)
    for call in frame.get("calls", ()):
        _drop_logs(call)
