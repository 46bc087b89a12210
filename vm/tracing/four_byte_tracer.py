"""4byteTracer: how often which function was called with how much data.

Owns: the counts.
Specification: go-ethereum 1.17.6 eth/tracers/native/4byte.go: the key is the selector and the number of bytes
behind it; creations and precompiles do not count.
Never does: look at instructions.
"""

from __future__ import annotations

from typing import Any

import msgspec

from chain.receipt import Log
from chain.types import Address
from state.world import WorldState
from vm.evm.frame import Frame
from vm.evm.instruction import Instruction
from vm.message import Message, Outcome
from vm.rules import rules_of
from vm.tracing.interface import Budget, Scene, hex_bytes
from vm.transaction import TransactionResult

SELECTOR_BYTES = 4
ENTRY_BYTES = 16  # of JSON, at least


class FourByteTracer:
    """go-ethereum's 4byteTracer."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._counts: dict[str, int] = {}
        self._precompiles: frozenset[Address] = frozenset()

    def begin(self, scene: Scene) -> None:
        self._precompiles = frozenset(rules_of(scene.env.fork).precompiles)

    def enter(self, message: Message) -> None:
        if message.kind.is_create or message.code_address in self._precompiles:
            return
        size = len(message.input)
        if size >= SELECTOR_BYTES:
            key = f"{hex_bytes(message.input[:SELECTOR_BYTES])}-{size - SELECTOR_BYTES}"
            count = self._counts.get(key, 0)
            if not count:
                self._budget.take(ENTRY_BYTES)
            self._counts[key] = count + 1

    def leave(self, message: Message, outcome: Outcome) -> None:
        """Nothing to note."""

    def step(self, frame: Frame, position: int, instruction: Instruction) -> None:
        """Nothing to note."""

    def touch(self, address: Address, slot: int | None) -> None:
        """Nothing to note."""

    def log(self, log: Log) -> None:
        """Nothing to note."""

    def fault(self, frame: Frame, position: int, instruction: Instruction, error: str) -> None:
        """Nothing to note."""

    def finish(self, world: WorldState, result: TransactionResult) -> None:
        """Nothing to note."""

    def result(self) -> Any:
        return self._counts

    def encoded(self) -> bytes:
        return msgspec.json.encode(self._counts)
