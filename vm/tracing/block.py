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
from vm.transaction import apply_transaction


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

    reader: the state before the block, which is not changed. `next(trace_block(..., first=index))` traces one
    transaction where it stands. Raises TransactionRejected, TraceTooLarge, and what `checkpoint` raises.
    """
    env = replace(env, evm=NATIVE)
    state = ChangedReader(reader)
    world = WorldState(state)
    begin_block(world, env)
    state.absorb(world.changes())
    gas_left, logs = env.gas_limit, 0
    for index, recovered in enumerate(transactions):
        world = WorldState(state)
        if index < first:
            result = apply_transaction(world, env, recovered, gas_available=gas_left, checkpoint=checkpoint)
        else:
            tracer = new_tracer()
            scene = Scene(state, env, recovered.transaction, recovered.sender, logs)
            result = run_traced(
                world, scene, recovered, tracer, gas_available=gas_left, checkpoint=checkpoint
            )
            yield tracer.result()
        gas_left -= result.gas_used
        logs += len(result.logs)
        state.absorb(world.changes())
