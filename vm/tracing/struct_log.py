"""The default tracer: one entry for each instruction.

Owns: the entries and their JSON. Never does: follow anything but what the loop tells.
Specification: go-ethereum eth/tracers/logger/logger.go. gasCost is the whole price: for a call with the gas that is
passed on, for a creation without.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chain.types import Address
from state.world import WorldState
from vm.evm.frame import Frame
from vm.evm.instruction import Instruction
from vm.message import Message, Outcome
from vm.tracing.interface import Budget, InvalidTracer, Scene, hex_bytes
from vm.transaction import TransactionResult

ENTRY_BYTES = 700  # of an empty entry
ITEM_BYTES = 90  # of one more stack item, memory word or slot
OPTIONS = ("disableStorage", "disableStack", "enableMemory", "enableReturnData")


class StructLogger:
    """go-ethereum's struct logger. limit: entries kept at most, 0 for all."""

    def __init__(self, options: Mapping[str, bool], limit: int = 0) -> None:
        if limit < 0:
            raise InvalidTracer("option limit must not be negative")
        self._options = options
        self._limit = limit
        self._entries: list[dict[str, Any]] = []
        self._budget = Budget()
        self._storage: dict[Address, dict[str, str]] = {}
        self._open: list[
            tuple[Frame, dict[str, Any]] | None
        ] = []  # by depth: the entry whose price is not known yet
        self._result: TransactionResult | None = None

    def begin(self, scene: Scene) -> None:
        """Nothing to note."""

    def enter(self, message: Message) -> None:
        if self._open and self._open[-1] is not None:
            frame, entry = self._open[-1]
            passed_on = message.gas if message.kind.is_create else 0
            entry["gasCost"] = entry["gas"] - frame.gas - passed_on
            self._open[-1] = None
        self._open.append(None)

    def leave(self, message: Message, outcome: Outcome) -> None:  # noqa: ARG002
        self._settle()
        self._open.pop()

    def step(self, frame: Frame, position: int, instruction: Instruction) -> None:
        self._settle()
        if self._limit and len(self._entries) >= self._limit:
            return
        entry: dict[str, Any] = {
            "pc": position,
            "op": instruction.name,
            "gas": frame.gas,
            "gasCost": instruction.gas,
            "depth": frame.depth + 1,
        }
        size = ENTRY_BYTES
        if not self._options["disableStack"]:
            entry["stack"] = [hex(item) for item in frame.stack]
            size += ITEM_BYTES * len(frame.stack)
        if self._options["enableMemory"]:
            memory = bytes(frame.memory)
            entry["memory"] = [memory[start : start + 32].hex() for start in range(0, len(memory), 32)]
            size += 4 * len(memory)
        if self._options["enableReturnData"] and frame.return_data:
            entry["returnData"] = hex_bytes(frame.return_data)
            size += 2 * len(frame.return_data)
        size += self._note_storage(frame, instruction, entry)
        if frame.world.refund:
            entry["refund"] = frame.world.refund
        self._budget.take(size)
        self._entries.append(entry)
        self._open[-1] = (frame, entry)

    def fault(self, frame: Frame, position: int, instruction: Instruction, error: str) -> None:  # noqa: ARG002
        opened = self._open[-1]
        if opened is not None:
            opened[1]["error"] = error
            self._open[-1] = None  # the price of what failed is the static one

    def _settle(self) -> None:
        """The instruction before has ended, so its price is known."""
        opened = self._open[-1]
        if opened is not None:
            frame, entry = opened
            entry["gasCost"] = entry["gas"] - frame.gas
            self._open[-1] = None

    def _note_storage(self, frame: Frame, instruction: Instruction, entry: dict[str, Any]) -> int:
        """Slots of this contract seen so far, with SLOAD and SSTORE only. Answers about what the entry takes."""
        if self._options["disableStorage"] or instruction.name not in ("SLOAD", "SSTORE"):
            return 0
        if len(frame.stack) < instruction.pops:
            return 0
        slot = frame.stack[-1]
        value = (
            frame.stack[-2] if instruction.name == "SSTORE" else frame.world.get_storage(frame.address, slot)
        )
        seen = self._storage.setdefault(frame.address, {})
        seen[f"{slot:064x}"] = f"{value:064x}"
        entry["storage"] = dict(seen)
        return 2 * ITEM_BYTES * len(seen)

    def finish(self, world: WorldState, result: TransactionResult) -> None:  # noqa: ARG002
        self._result = result

    def result(self) -> Any:
        result = self._result
        return {
            "gas": 0 if result is None else result.gas_used,
            "failed": result is None or not result.succeeded,
            "returnValue": hex_bytes(b"" if result is None else result.output),
            "structLogs": self._entries,
        }
