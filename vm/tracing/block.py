"""Traces of the transactions of a block, each on the state that those before it have left.

Owns: the order, the numbers of logs, and the state between two transactions. Never does: judge the block.
Specification: go-ethereum 1.17.6 eth/tracers/api.go (traceBlock, and traceTx on the state of its block).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from chain.transaction import RecoveredTransaction
from state.changed_reader import ChangedReader
from state.reader import StateReader
from state.world import WorldState
from vm.block import begin_block
from vm.engines import NATIVE
from vm.environment import BlockEnvironment
from vm.tracing.interface import Scene, TransactionTracer
from vm.tracing.run import run_traced
from vm.transaction import TransactionResult, apply_transaction

__all__ = ["BlockReplay", "ChangedReader", "trace_block"]


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
