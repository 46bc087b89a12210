"""callTracer: the tree of calls.

Owns: the frames of the tree and their JSON. Never does: look at instructions, but for logs and self-destruction.
Specification: go-ethereum 1.17.6 eth/tracers/native/call.go. The order of members is another one: a frame is written as
it goes, its calls before what is known at its end. As objects the tree would take five times the memory, and turning
it into JSON at the end, or looking through it for garbage, would stop all other threads for some hundred milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from chain.receipt import Log
from chain.types import Address
from state.world import WorldState
from vm.evm.frame import Frame
from vm.evm.instruction import Instruction
from vm.message import CallKind, Message, Outcome, Status, SystemCreation
from vm.revert_reason import revert_reason
from vm.tracing.interface import Budget, Scene, address_of, hex_bytes, hex_word
from vm.transaction import TransactionResult

LOG_BYTES = 100  # of JSON, at least
OPTIONS = ("onlyTopCall", "withLog")


class _Open:
    """A frame that has not ended. calls: how many it has made. first_log: the number that its first log has, or had.
    taken: of the budget for its logs. pieces: how many were written before it."""

    __slots__ = ("calls", "first_log", "logs", "pieces", "taken")

    def __init__(self, pieces: int, first_log: int) -> None:
        self.pieces = pieces
        self.first_log = first_log
        self.calls = 0
        self.taken = 0
        self.logs: list[dict[str, Any]] = []


class CallTracer:
    """go-ethereum's callTracer."""

    def __init__(self, options: Mapping[str, bool], budget: Budget) -> None:
        self._only_top = options["onlyTopCall"]
        self._with_log = options["withLog"]
        self._pieces: list[bytes] = []
        self._log_pieces: list[int] = []  # where logs stand among them, which a failure may still undo
        # None: a frame that is left out.
        self._open: list[_Open | None] = []
        # LOGn or SELFDESTRUCT that has not succeeded yet; what is behind a log is read when it has.
        self._pending: tuple[Frame, Instruction, list[int]] | None = None
        self._next_log = 0
        self._gas_limit = 0
        self._budget = budget
        self._top_end: dict[str, Any] = {}

    def begin(self, scene: Scene) -> None:
        self._gas_limit = scene.transaction.gas_limit
        self._next_log = scene.first_log_index

    def enter(self, message: Message) -> None:
        self._commit()
        if self._only_top and self._open:
            self._open.append(None)
            return
        given = (
            message.system_code + message.input[:] if isinstance(message, SystemCreation) else message.input
        )
        size = len(given)
        self._budget.take(2 * size)  # before the copy is made
        own = message.kind in (CallKind.DELEGATECALL, CallKind.CALLCODE)
        begun: dict[str, Any] = {
            "from": hex_bytes(message.target if own else message.caller),
            "gas": hex(message.gas if self._open else self._gas_limit),
            "input": hex_bytes(given[:]),
            "type": message.kind.name,
        }
        if message.kind is not CallKind.STATICCALL:
            begun["value"] = hex(message.value)
        self._begin_call()
        self._open.append(_Open(len(self._pieces), self._next_log))
        encoded = msgspec.json.encode(begun)
        self._write(encoded[:-1], 2 * size)

    def leave(self, message: Message, outcome: Outcome) -> None:
        self._commit()
        opened = self._open.pop()
        has_failed = outcome.status is not Status.SUCCESS
        if opened is None:
            return
        if has_failed:
            self._next_log = opened.first_log  # the next log has the number of the one that is undone
            self._undo_logs(opened)
        if opened.calls:
            self._write(b"]")
        if opened.logs:
            self._log_pieces.append(len(self._pieces))
            self._write(b',"logs":' + msgspec.json.encode(opened.logs), opened.taken)
        end = _end_of(message, outcome)
        if self._open:
            self._write(b"," + msgspec.json.encode(end)[1:])
        else:
            self._top_end = end  # what it used is known later

    def _begin_call(self) -> None:
        """What stands before a call in the list of the frame that makes it."""
        caller = self._open[-1] if self._open else None
        if caller is not None:
            self._write(b"," if caller.calls else b',"calls":[')
            caller.calls += 1

    def _write(self, piece: bytes, taken: int = 0) -> None:
        """taken: what of the budget has been taken for it already."""
        self._budget.take(len(piece) - taken)
        self._pieces.append(piece)

    def _undo_logs(self, opened: _Open) -> None:
        """A failed call leaves no logs, and neither do the calls it made."""
        opened.logs.clear()
        self._budget.take(-opened.taken)
        while self._log_pieces and self._log_pieces[-1] >= opened.pieces:
            place = self._log_pieces.pop()
            self._budget.take(-len(self._pieces[place]))
            self._pieces[place] = b""

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
            self._begin_call()
            self._write(msgspec.json.encode(gone))
            return
        start, size, *topics = arguments
        self._add_log(
            frame.address, [hex_word(topic) for topic in topics], size, lambda: frame.read_memory(start, size)
        )

    def touch(self, address: Address, slot: int | None) -> None:
        """Nothing to note."""

    def log(self, log: Log) -> None:
        if self._with_log:
            self._add_log(
                log.address, [hex_bytes(topic) for topic in log.topics], len(log.data), lambda: log.data
            )

    def _add_log(self, own: Address, topics: list[str], size: int, read: Callable[[], bytes]) -> None:
        """size: of what `read` will give."""
        index = self._next_log
        self._next_log += 1
        opened = self._open[-1]
        if opened is None:
            return
        self._budget.take(LOG_BYTES + 2 * size)  # before the copy is made
        opened.taken += LOG_BYTES + 2 * size
        log = {
            "address": hex_bytes(own),
            "topics": topics,
            "data": hex_bytes(read()),
            "index": hex(index),
            "position": hex(opened.calls),
        }
        opened.logs.append(log)

    def finish(self, world: WorldState, result: TransactionResult) -> None:  # noqa: ARG002
        self._top_end["gasUsed"] = hex(result.gas_used)
        self._write(b"," + msgspec.json.encode(self._top_end)[1:])

    def result(self) -> Any:
        return msgspec.json.decode(self.encoded())

    def encoded(self) -> bytes:
        return b"".join(self._pieces) or b"{}"


def _end_of(message: Message, outcome: Outcome) -> dict[str, Any]:
    """The members of a frame that are known at its end."""
    end: dict[str, Any] = {"gasUsed": hex(message.gas - outcome.gas_left)}
    if outcome.status is Status.SUCCESS or not message.kind.is_create:
        end["to"] = hex_bytes(message.code_address)
    if outcome.status is Status.SUCCESS:
        if outcome.output:
            end["output"] = hex_bytes(outcome.output)
        return end
    end["error"] = outcome.error or "execution failed"
    if outcome.status is Status.REVERT and outcome.output:
        end["output"] = hex_bytes(outcome.output)
        reason = revert_reason(outcome.output)
        if reason:
            end["revertReason"] = reason
    return end
