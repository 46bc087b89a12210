"""The state of a simulated block, and what a simulation sees of it that a block does not: numbers of logs, transfers.

Owns: numbers that wrap around where pretended ones overflow, the numbering of logs, and transfers shown as logs.
Never does: execute, or put a transfer into a receipt.
Specification: go-ethereum 1.17 internal/ethapi/logtracer.go; ERC-7528 (the address that stands for the coin).
"""

from __future__ import annotations

from typing import Final

from chain.receipt import Log
from chain.types import Address, Hash32
from state.account import MAX_BALANCE, MAX_NONCE
from state.reader import StateReader
from state.world import WorldState
from vm.evm.frame import Frame
from vm.evm.instruction import Instruction
from vm.message import CallKind, Message, Outcome

COIN_ADDRESS: Final = Address(b"\xee" * 20)
TRANSFER_TOPIC: Final = Hash32(
    bytes.fromhex("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef")
)
"""keccak-256 of Transfer(address,address,uint256)."""

NumberedLog = tuple[int, Log]
"""Number within the block, and the log. A log that is undone leaves its number unused."""


class SimulatedWorld(WorldState):
    """A WorldState whose balances and nonces wrap around at their limits, as those of go-ethereum do.

    No real balance or nonce gets there, but pretended ones do, and a real state takes that for a bug of the node.
    """

    __slots__ = ("_log_numbers", "_next_log_number")

    def __init__(self, reader: StateReader) -> None:
        super().__init__(reader)
        self._log_numbers: dict[int, int] = {}  # by position in the transaction
        self._next_log_number = 0

    def set_balance(self, address: Address, balance: int) -> None:
        super().set_balance(address, balance & MAX_BALANCE)

    def set_nonce(self, address: Address, nonce: int) -> None:
        super().set_nonce(address, nonce & MAX_NONCE)

    def add_log(self, log: Log) -> None:
        self._log_numbers[len(self._logs)] = self.number_log()
        super().add_log(log)

    def number_log(self) -> int:
        """The next unused number."""
        number = self._next_log_number
        self._next_log_number += 1
        return number

    def numbered_logs(self) -> list[NumberedLog]:
        """The logs of this transaction, in order."""
        return [(self._log_numbers[position], log) for position, log in enumerate(self.logs)]


class TransferTracer:
    """Shows every movement of the coin within one transaction as a log. Implements vm.tracer.Tracer."""

    def __init__(self, world: SimulatedWorld) -> None:
        self._world = world
        self._transfers: list[NumberedLog] = []
        self._kept: list[int] = []  # for each open message, how many transfers there were before it
        self._destruction: tuple[Address, Address, int] | None = None  # that has not succeeded yet

    def logs(self) -> list[NumberedLog]:
        """The logs of the transaction with the transfers among them, where they happened; to be asked at its end."""
        return sorted([*self._world.numbered_logs(), *self._transfers], key=lambda numbered: numbered[0])

    def enter(self, message: Message) -> None:
        self._settle()
        self._kept.append(len(self._transfers))
        if message.value and message.kind not in (CallKind.DELEGATECALL, CallKind.CALLCODE):
            self._note(message.caller, message.target, message.value)

    def leave(self, message: Message, outcome: Outcome) -> None:  # noqa: ARG002
        self._settle()
        kept = self._kept.pop()
        if not outcome.succeeded:
            del self._transfers[kept:]

    def step(self, frame: Frame, position: int, instruction: Instruction) -> None:  # noqa: ARG002
        if instruction.name == "SELFDESTRUCT" and frame.stack:
            beneficiary = Address((frame.stack[-1] & (1 << 160) - 1).to_bytes(20, "big"))
            balance = self._world.get_balance(frame.address)
            if balance:
                self._destruction = frame.address, beneficiary, balance

    def fault(self, frame: Frame, position: int, instruction: Instruction, error: str) -> None:  # noqa: ARG002
        self._destruction = None

    def _settle(self) -> None:
        """A self-destruction ends its frame, so nothing happens between its step and this."""
        if self._destruction is not None:
            self._note(*self._destruction)
            self._destruction = None

    def _note(self, sender: Address, recipient: Address, value: int) -> None:
        topics = (TRANSFER_TOPIC, _as_topic(sender), _as_topic(recipient))
        log = Log(COIN_ADDRESS, topics, value.to_bytes(32, "big"))
        self._transfers.append((self._world.number_log(), log))


def _as_topic(address: Address) -> Hash32:
    return Hash32(bytes(12) + address)
