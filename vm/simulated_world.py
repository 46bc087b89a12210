"""The state of a simulated block, and what a simulation sees of it that a block does not: numbers of logs, transfers.

Owns: numbers that wrap around where pretended ones overflow, the numbering of logs, and transfers shown as logs.
Never does: execute, or let a transfer into a receipt.
Specification: go-ethereum 1.17 internal/ethapi/logtracer.go; ERC-7528 (the address that stands for the coin).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from chain.receipt import Log
from chain.types import Address, Hash32
from state.account import MAX_BALANCE, MAX_NONCE
from state.reader import StateReader
from state.world import WorldState

COIN_ADDRESS: Final = Address(b"\xee" * 20)
TRANSFER_TOPIC: Final = Hash32(
    bytes.fromhex("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef")
)
"""keccak-256 of Transfer(address,address,uint256)."""

NumberedLog = tuple[int, Log]
"""Number within the block, and the log. A log that is undone leaves its number unused."""


@dataclass(frozen=True, slots=True)
class TransferLog(Log):
    """A movement of the coin in the form of an event of a token (ERC-20); no contract emitted it."""

    @classmethod
    def of(cls, sender: Address, recipient: Address, amount: int) -> TransferLog:
        """`amount` wei went from one account to another."""
        topics = (TRANSFER_TOPIC, _as_topic(sender), _as_topic(recipient))
        return cls(COIN_ADDRESS, topics, amount.to_bytes(32, "big"))


class SimulatedWorld(WorldState):
    """A WorldState whose balances and nonces wrap around at their limits, as those of go-ethereum do.

    No real balance or nonce gets there, but pretended ones do, and a real state takes that for a bug of the node.
    shows_transfers: every movement of the coin within a transaction is a TransferLog among its logs, undone with it.
    """

    __slots__ = ("_log_numbers", "_next_log_number", "_shows_transfers")

    def __init__(self, reader: StateReader, *, shows_transfers: bool) -> None:
        super().__init__(reader)
        self._shows_transfers = shows_transfers
        self._log_numbers: dict[int, int] = {}  # by position in the transaction
        self._next_log_number = 0

    def set_balance(self, address: Address, balance: int) -> None:
        super().set_balance(address, balance & MAX_BALANCE)

    def set_nonce(self, address: Address, nonce: int) -> None:
        super().set_nonce(address, nonce & MAX_NONCE)

    def move_balance(self, sender: Address, recipient: Address, amount: int) -> None:
        super().move_balance(sender, recipient, amount)
        if self._shows_transfers:
            self.add_log(TransferLog.of(sender, recipient, amount))

    def add_log(self, log: Log) -> None:
        self._log_numbers[len(self._logs)] = self._next_log_number
        self._next_log_number += 1
        super().add_log(log)

    def numbered_logs(self) -> list[NumberedLog]:
        """The logs of this transaction, in order."""
        return [(self._log_numbers[position], log) for position, log in enumerate(self.logs)]


def _as_topic(address: Address) -> Hash32:
    return Hash32(bytes(12) + address)
