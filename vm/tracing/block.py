"""Traces of the transactions of a block, each on the state that those before it have left.

Owns: the order, the numbers of logs, and the state between two transactions. Never does: judge the block.
Specification: go-ethereum 1.17.6 eth/tracers/api.go (traceBlock, and traceTx on the state of its block).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from chain.transaction import RecoveredTransaction
from chain.types import Address, Hash32
from state.account import Account
from state.changes import StateChanges
from state.reader import StateReader
from state.world import WorldState
from vm.block import begin_block
from vm.engines import NATIVE
from vm.environment import BlockEnvironment
from vm.tracing.interface import Scene, TransactionTracer
from vm.tracing.run import run_traced
from vm.transaction import TransactionResult, apply_transaction


class ChangedReader:
    """A state with changes on top, which grow. Implements StateReader."""

    def __init__(self, reader: StateReader) -> None:
        self._reader = reader
        self._accounts: dict[Address, Account | None] = {}
        self._storage: dict[Address, dict[int, int]] = {}
        self._wiped: dict[Address, None] = {}
        self._codes: dict[Hash32, bytes] = {}

    def absorb(self, changes: StateChanges) -> None:
        """Shows `changes`, which must be those of a WorldState on this reader as it was."""
        gone = [address for address, account in changes.accounts.items() if account is None]
        for address in (*changes.wiped, *gone):
            self._wiped[address] = None
            self._storage[address] = {}
        for address, slots in changes.storage.items():
            self._storage.setdefault(address, {}).update(slots)
        self._accounts.update(changes.accounts)
        self._codes.update(changes.code)

    def account(self, address: Address) -> Account | None:
        if address in self._accounts:
            return self._accounts[address]
        return self._reader.account(address)

    def storage(self, address: Address, slot: int) -> int:
        value = self._storage.get(address, {}).get(slot)
        if value is not None:
            return value
        return 0 if address in self._wiped else self._reader.storage(address, slot)

    def code(self, code_hash: Hash32) -> bytes:
        code = self._codes.get(code_hash)
        return code if code is not None else self._reader.code(code_hash)

    def has_storage(self, address: Address) -> bool:
        if any(self._storage.get(address, {}).values()):
            return True
        return address not in self._wiped and self._reader.has_storage(address)


class BlockReplay:
    """The transactions of a block, run again one after the other. `state` is what those so far have left.

    reader: the state before the block, which is not changed. Raises TransactionRejected, TraceTooLarge, and what
    `checkpoint` raises.
    """

    def __init__(
        self, reader: StateReader, env: BlockEnvironment, checkpoint: Callable[[], None] | None = None
    ) -> None:
        self._env = replace(env, evm=NATIVE)
        self._checkpoint = checkpoint
        self._gas_left = env.gas_limit
        self._logs = 0
        self.state = ChangedReader(reader)
        world = WorldState(self.state)
        begin_block(world, self._env)
        self.state.absorb(world.changes())

    def apply(self, recovered: RecoveredTransaction) -> TransactionResult:
        """Runs the next transaction."""
        world = WorldState(self.state)
        result = apply_transaction(
            world, self._env, recovered, gas_available=self._gas_left, checkpoint=self._checkpoint
        )
        self._follow(world, result)
        return result

    def trace(self, recovered: RecoveredTransaction, tracer: TransactionTracer) -> TransactionResult:
        """Runs the next transaction with a tracer, a fresh one."""
        world = WorldState(self.state)
        scene = Scene(self.state, self._env, recovered.transaction, recovered.sender, self._logs)
        result = run_traced(
            world, scene, recovered, tracer, gas_available=self._gas_left, checkpoint=self._checkpoint
        )
        self._follow(world, result)
        return result

    def _follow(self, world: WorldState, result: TransactionResult) -> None:
        self._gas_left -= result.gas_used
        self._logs += len(result.logs)
        self.state.absorb(world.changes())


def trace_block(
    reader: StateReader,
    env: BlockEnvironment,
    transactions: Sequence[RecoveredTransaction],
    new_tracer: Callable[[], TransactionTracer],
    *,
    first: int = 0,
    checkpoint: Callable[[], None] | None = None,
) -> Iterator[Any]:
    """What the tracers find in the transactions of a block, in order, from the one with index `first` on.

    `next(trace_block(..., first=index))` traces one transaction where it stands. See BlockReplay.
    """
    replay = BlockReplay(reader, env, checkpoint)
    for index, recovered in enumerate(transactions):
        if index < first:
            replay.apply(recovered)
        else:
            tracer = new_tracer()
            replay.trace(recovered, tracer)
            yield tracer.result()
