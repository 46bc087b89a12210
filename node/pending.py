"""The pending block: what this node would put into the next block now, for readers only.

Owns its making, in a worker thread of its own under a budget of time, and how long it is shown. A reader waits for it,
consensus never does: it has no lock, thread or cache in common with the making of real blocks, and the work stops when
the head moves. Never offers, stores or remembers a block beyond the next one, and never changes the pool.

What is shown may differ from what a proposer builds a moment later: other transactions, another time, other nodes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog
import trio

from chain.block import Block
from chain.errors import EnvironmentFault, InvariantViolation
from chain.transaction import RecoveredTransaction
from node.chain_rules import ExecutionRoots, make_header
from node.pool import TransactionPool
from node.production import ExecutionCrashed, fill_block, most_transactions
from rpc.backend import PendingBlock
from state.chain_store import ChainStore
from state.changed_reader import ChangedReader
from state.views import StateView
from vm.block import BlockBuilder
from vm.environment import BlockEnvironment

SHOWN_AT_LEAST_S: Final = 0.5
"""A new transaction is seen in the pending block after this time at most; asking more often costs nothing more."""

CHEAP_BUILD_S: Final = 0.02
"""A block that took no longer is built again as soon as anything changes, so that whoever sends a transaction and asks
sees it: some hundred transfers, or what test suites do. It costs about what a call does."""

BUILD_BUDGET_S: Final = 0.15
"""Time to run transactions, about half of what a proposer takes. With SHOWN_AT_LEAST_S this bounds what readers of
`pending` can take from this machine."""

MAX_ATTEMPTS: Final = 4
"""Heads that may come while a block is built; after them a block without transactions is shown."""

FOLLOW_HEAD_S: Final = 0.005
"""The store knows a new head a little before the application has followed it."""

log = structlog.get_logger(__name__)


class _Stop(Exception):
    """The time is over, or the head has moved."""


@dataclass(frozen=True, slots=True)
class _Shown:
    """A pending block, the state that it stands on, the pool and the clock when its making began, and its duration."""

    block: PendingBlock
    parent: StateView
    pool_version: int
    made_s: float
    took_s: float


class PendingBlocks:
    """One event loop owns it. It listens to the pool (rpc.backend.EventListener).

    environment: that of a block built now; see ChainApplication.pending_environment. shown_at_least_s: 0 where nothing
    but readers uses the machine.
    """

    def __init__(
        self,
        store: ChainStore,
        pool: TransactionPool,
        environment: Callable[[], BlockEnvironment],
        max_block_bytes: int,
        *,
        shown_at_least_s: float = SHOWN_AT_LEAST_S,
        build_budget_s: float = BUILD_BUDGET_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._pool = pool
        self._environment = environment
        self._max_block_bytes = max_block_bytes
        self._shown_at_least_s = shown_at_least_s
        self._build_budget_s = build_budget_s
        self._monotonic = monotonic
        self._thread = trio.CapacityLimiter(1)
        self._making = trio.Lock()
        self._shown: _Shown | None = None
        pool.events.listen(self)

    @property
    def wants_transactions(self) -> bool:
        """The version of the pool says enough."""
        return False

    def head_changed(self) -> None:
        """Lets go of the block on the old head: it holds a snapshot of the store, and nobody may ask for long."""
        self._shown = None

    def transactions_accepted(self, accepted: Sequence[RecoveredTransaction]) -> None:
        """Nothing to do: see `wants_transactions`."""

    async def current(self) -> PendingBlock:
        """The pending block on the head; all who ask at the same time wait for the same one."""
        async with self._making:
            shown = self._shown
            if shown is None or not self._is_good(shown):
                shown = self._shown = await self._make()
            return shown.block

    def _is_good(self, shown: _Shown) -> bool:
        environment = self._environment()
        if shown.parent is not self._parent(environment):
            return False
        if shown.took_s > CHEAP_BUILD_S and self._monotonic() - shown.made_s < self._shown_at_least_s:
            return True
        is_same_block = _visible(environment) == _visible(shown.block.environment)
        return is_same_block and shown.pool_version == self._pool.version

    def _parent(self, environment: BlockEnvironment) -> StateView:
        return self._store.state_at(environment.number - 1)

    async def _make(self) -> _Shown:
        for attempt in range(MAX_ATTEMPTS + 1):
            environment = self._environment()
            parent = self._parent(environment)
            version, began_s = self._pool.version, self._monotonic()
            most = most_transactions(environment.gas_limit) if attempt < MAX_ATTEMPTS else 0
            candidates = self._pool.candidates(environment.base_fee_per_gas, most) if most else []
            block = await trio.to_thread.run_sync(
                self._build, environment, parent, candidates, limiter=self._thread
            )
            if block is not None:
                return _Shown(block, parent, version, began_s, self._monotonic() - began_s)
            await trio.sleep(FOLLOW_HEAD_S)
        raise InvariantViolation("a pending block without transactions was not made")

    def _build(
        self, environment: BlockEnvironment, parent: StateView, candidates: Sequence[RecoveredTransaction]
    ) -> PendingBlock | None:
        """The block (worker thread); None if the head moved and there were transactions to run."""
        deadline = self._monotonic() + self._build_budget_s

        def checkpoint() -> None:
            if self._store.latest_state() is not parent or self._monotonic() >= deadline:
                raise _Stop

        builder = BlockBuilder(parent, environment, max_bytes=self._max_block_bytes, checkpoint=checkpoint)
        try:
            fill_block(builder, candidates, math.inf)
        except ExecutionCrashed as crash:
            if isinstance(crash.error, InvariantViolation | EnvironmentFault):
                raise crash.error from crash
            if not isinstance(crash.error, _Stop):
                # Block production meets it too and takes the transaction out of the pool.
                log.exception("pending_block_crashed", transaction=str(crash), height=environment.number)
        if candidates and self._store.latest_state() is not parent:
            return None
        return self._finish(environment, parent, builder)

    def _finish(
        self, environment: BlockEnvironment, parent: StateView, builder: BlockBuilder
    ) -> PendingBlock:
        result = builder.finish()
        state = ChangedReader(parent)
        state.absorb(result.changes)
        roots = ExecutionRoots(
            state_root=self._store.state_root_after(parent, result.changes),
            transactions_root=result.transactions_root,
            receipts_root=result.receipts_root,
            logs_bloom=result.logs_bloom,
            gas_used=result.gas_used,
            requests_hash=result.requests_hash,
        )
        included = builder.included
        return PendingBlock(
            Block(make_header(environment, roots), tuple(item.transaction for item in included)),
            tuple(item.sender for item in included),
            result.receipts,
            state,
            environment,
        )


def _visible(environment: BlockEnvironment) -> tuple[object, ...]:
    """What contracts and clients see of it, except for the consensus root, which depends on the millisecond."""
    return (
        environment.timestamp,
        environment.beneficiary,
        environment.gas_limit,
        environment.base_fee_per_gas,
        environment.prev_randao,
    )
