"""The default tracer: one entry for each instruction.

Owns: the entries and their JSON. Never does: follow anything but what the loop tells.
Specification: go-ethereum 1.17.6 eth/tracers/logger/logger.go, and `debug_traceTransaction` of ethereum/execution-apis.
gasCost is the whole price: for a call with the gas that is passed on, for a creation without. One thing is more than
go-ethereum tells: an entry has `error` whatever made its instruction fail, not only for lack of gas or stack items.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from chain.receipt import Log
from chain.types import Address
from state.world import WorldState
from vm.evm.frame import Frame
from vm.evm.instruction import Instruction
from vm.message import Message, Outcome
from vm.tracing.interface import Budget, InvalidTracer, Scene, hex_bytes, hex_word
from vm.transaction import TransactionResult

OPTIONS = ("disableStorage", "disableStack", "enableMemory", "enableReturnData")

_GO_ETHEREUM_NAMES = {"PREVRANDAO": "DIFFICULTY"}
_CHANGES_REFUND = ("SSTORE", "SELFDESTRUCT")


class StructLogger:
    """go-ethereum's struct logger. limit: no entry is added after so many bytes of JSON, 0 for no limit.

    An entry is kept as JSON as soon as it is complete: as objects a long trace would be six times as large, and
    turning them into JSON at the end would stop all other threads for some hundred milliseconds.
    """

    def __init__(self, options: Mapping[str, bool], limit: int, budget: Budget) -> None:
        if limit < 0:
            raise InvalidTracer("option limit must not be negative")
        self._options = options
        self._limit = limit
        self._json_bytes = 0
        self._entries: list[bytes] = []
        self._budget = budget
        self._storage: dict[Address, dict[str, str]] = {}
        # By depth: the entry whose price is not known yet. Only the last one can be there.
        self._open: list[tuple[Frame, dict[str, Any]] | None] = []
        self._result: TransactionResult | None = None

    def begin(self, scene: Scene) -> None:
        """Nothing to note."""

    def enter(self, message: Message) -> None:
        if self._open:
            self._settle(message.gas if message.kind.is_create else 0)
        self._open.append(None)

    def leave(self, message: Message, outcome: Outcome) -> None:  # noqa: ARG002
        self._settle()
        self._open.pop()

    def step(self, frame: Frame, position: int, instruction: Instruction) -> None:
        self._settle()
        if self._limit and self._json_bytes > self._limit:
            return
        entry: dict[str, Any] = {
            "pc": position,
            "op": _GO_ETHEREUM_NAMES.get(instruction.name, instruction.name),
            "gas": frame.gas,
            "gasCost": instruction.gas,
            "depth": frame.depth + 1,
        }
        if not self._options["disableStack"]:
            entry["stack"] = [hex(item) for item in frame.stack]
        if self._options["enableReturnData"] and frame.return_data:
            entry["returnData"] = hex_bytes(frame.return_data)
        if self._options["enableMemory"] and frame.memory:
            memory = frame.memory.hex()
            entry["memory"] = ["0x" + memory[start : start + 64] for start in range(0, len(memory), 64)]
        self._note_storage(frame, instruction, entry)
        if frame.world.refund:
            entry["refund"] = frame.world.refund
        self._open[-1] = (frame, entry)

    def touch(self, address: Address, slot: int | None) -> None:
        """Nothing to note."""

    def log(self, log: Log) -> None:
        """Nothing to note."""

    def fault(self, frame: Frame, position: int, instruction: Instruction, error: str) -> None:  # noqa: ARG002
        opened = self._open[-1]
        if opened is not None:
            opened[1]["error"] = error
            self._settle()  # of what failed the price is known as far as it was charged

    def _settle(self, passed_on: int = 0) -> None:
        """The instruction before has ended or calls, so its price is known."""
        opened = self._open[-1]
        if opened is None:
            return
        frame, entry = opened
        self._open[-1] = None
        entry["gasCost"] = entry["gas"] - frame.gas - passed_on
        # go-ethereum notes the counter when the price is known, which for these two is when it changes.
        if entry["op"] in _CHANGES_REFUND and frame.world.refund:
            entry["refund"] = frame.world.refund
        encoded = msgspec.json.encode(entry)
        self._json_bytes += len(encoded)
        self._budget.take(len(encoded) + 1)
        self._entries.append(encoded)

    def _note_storage(self, frame: Frame, instruction: Instruction, entry: dict[str, Any]) -> None:
        """Slots of this contract seen so far, with SLOAD and SSTORE only."""
        if self._options["disableStorage"] or instruction.name not in ("SLOAD", "SSTORE"):
            return
        if len(frame.stack) < instruction.pops:
            return
        slot = frame.stack[-1]
        value = (
            frame.stack[-2] if instruction.name == "SSTORE" else frame.world.get_storage(frame.address, slot)
        )
        seen = self._storage.setdefault(frame.address, {})
        seen[hex_word(slot)] = hex_word(value)
        entry["storage"] = dict(seen)

    def finish(self, world: WorldState, result: TransactionResult) -> None:  # noqa: ARG002
        self._result = result

    def result(self) -> Any:
        return msgspec.json.decode(self.encoded())

    def encoded(self) -> bytes:
        result = self._result
        head = msgspec.json.encode(
            {
                "gas": 0 if result is None else result.gas_used,
                "failed": result is None or not result.succeeded,
                "returnValue": hex_bytes(b"" if result is None else result.output),
            }
        )
        return b'%b,"structLogs":[%b]}' % (head[:-1], b",".join(self._entries))
