"""Finds what a block parameter means, in one place for all methods.

Owns the resolution of tags, numbers and hashes, and go-ethereum's two ways to say "no such block": null for
methods that return a block, an error for methods that read state. Never renders.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from chain.header import Header
from chain.types import Hash32
from rpc.backend import ChainBackend, PendingBlock
from rpc.dispatch.deferred import Deadline, OffLoop, OnLoop
from rpc.errors import RpcFault
from rpc.params.values import BlockReference, BlockTag
from state.reader import StateReader
from vm.block import state_of_begun_block
from vm.environment import BlockEnvironment

LARGE_BLOCK_GAS: Final = 1_500_000
"""A block that used more gas holds so many transactions (about 70) or logs that decoding and rendering them
would hold the event loop for milliseconds."""


class ChainView:
    """Block parameters over the committed chain. Any thread may use it."""

    def __init__(self, chain: ChainBackend) -> None:
        self.chain = chain

    def head_number(self) -> int:
        """The number of the last committed block."""
        return self.chain.head().number

    def number(self, reference: BlockReference) -> int | None:
        """The number of a committed block, or None when there is no such block."""
        if isinstance(reference, BlockTag):
            return 0 if reference is BlockTag.EARLIEST else self.head_number()
        if isinstance(reference, bytes):
            return self.chain.block_number(reference)
        return reference if reference <= self.head_number() else None

    def header(self, reference: BlockReference) -> Header | None:
        """The header of a committed block; None when there is no such block or it is pruned."""
        number = self.number(reference)
        return self.chain.header(number) if number is not None else None

    def state_number(self, reference: BlockReference) -> int:
        """The block whose state is meant.

        Raises RpcError -32000 `header not found` (or its form for hashes), as go-ethereum does.
        """
        number = self.number(reference)
        if number is None:
            if isinstance(reference, bytes):
                raise RpcFault.HEADER_FOR_HASH_NOT_FOUND.error()
            raise RpcFault.HEADER_NOT_FOUND.error()
        return number

    def place_of(self, transaction_hash: Hash32) -> tuple[Header, int] | None:
        """The block of a transaction, and its index there; None for one that is in no block up to the head.

        A block that is just being committed may be in the store before it is the head; until then its transactions
        are still in the pool.
        """
        location = self.chain.transaction_location(transaction_hash)
        header = None if location is None else self.header(location.block_number)
        return None if location is None or header is None else (header, location.index)

    def state(self, reference: BlockReference) -> StateReader:
        """The state after a committed block, which for `pending` is the head; see `with_state`.

        Raises RpcError when there is no such block, StateUnavailable when its state is not kept.
        """
        return self.chain.state_at(self.state_number(reference))

    def environment(self, reference: BlockReference) -> BlockEnvironment:
        """The environment a call against that block runs in: the block's own, or the next one's for pending."""
        if reference is BlockTag.PENDING:
            return self.chain.pending_environment()
        return self.chain.environment_for(self.state_number(reference))

    def environment_of_next(self, number: int) -> BlockEnvironment:
        """The environment of the block after `number`, in which a transaction that is sent now may first run.

        Estimates are for that block. In the one before, a contract that already ran in it may take a shorter way: a
        Uniswap pair writes its price accumulators only when time has passed, so that an estimate under the time of
        the head is too low by the price of two slots whenever the head traded in that pair. The time is later than
        that of `number` even where the next block may repeat it, because what takes time into account costs more
        when some has passed. The base fee is not higher than in `number` itself: an offer that was enough there is
        no reason to refuse an estimate (go-ethereum estimates in `number` itself).
        """
        base = self.chain.environment_for(number)
        following = self._environment_behind(number, base)
        return replace(
            following,
            timestamp=max(following.timestamp, base.timestamp + 1),
            base_fee_per_gas=min(following.base_fee_per_gas, base.base_fee_per_gas),
        )

    def _environment_behind(self, number: int, base: BlockEnvironment) -> BlockEnvironment:
        if number < self.head_number():
            return self.chain.environment_for(number + 1)
        following = self.chain.pending_environment()
        if following.number == number + 1:
            return following
        # A block is being committed in another thread: the store has it, and who builds blocks has not followed yet,
        # or it came while this was asked.
        if number < self.head_number():
            return self.chain.environment_for(number + 1)
        return _a_second_later(replace(base, number=number + 1))

    def with_state(self, reference: BlockReference, use: Callable[[StateReader], object]) -> object:
        """The answer of `use` on the state after a block, which for `pending` has to be built first.

        `use` may return what a method may, but for `pending` only a value or an OffLoop. Raises as `state` does.
        """
        if reference is BlockTag.PENDING:
            return self.with_pending(lambda pending: use(pending.state))
        return use(self.state(reference))

    def with_execution(
        self, reference: BlockReference, use: Callable[[StateReader, BlockEnvironment], object]
    ) -> object:
        """As `with_state`, with the environment of the block too."""
        if reference is BlockTag.PENDING:
            return self.with_pending(lambda pending: use(pending.state, pending.environment))
        number = self.state_number(reference)  # once: the head may move between two looks
        return use(self.chain.state_at(number), self.chain.environment_for(number))

    def with_next(
        self, reference: BlockReference, run: Callable[[StateReader, BlockEnvironment, Deadline], object]
    ) -> object:
        """What `run` says in a worker thread, for a transaction that is still to be sent: see `environment_of_next`.

        It finds the state that the first transaction of that block would: rewards of stakers, for example, change
        with every block before any transaction runs, and with them what a transaction has to write.
        """
        if reference is BlockTag.PENDING:
            return self.with_pending(
                lambda pending: OffLoop(
                    lambda deadline: run(pending.state, _a_second_later(pending.environment), deadline)
                )
            )
        number = self.state_number(reference)
        state, environment = self.chain.state_at(number), self.environment_of_next(number)
        return OffLoop(lambda deadline: run(state_of_begun_block(state, environment), environment, deadline))

    def with_pending(self, use: Callable[[PendingBlock], object]) -> OnLoop:
        """The answer of `use` on the pending block: a value, or an OffLoop."""

        async def job() -> object:
            pending = await self.chain.pending_block()
            if pending is None:
                raise RpcFault.PENDING_UNAVAILABLE.error()
            return use(pending)

        return OnLoop(job)


def _a_second_later(environment: BlockEnvironment) -> BlockEnvironment:
    return replace(environment, timestamp=environment.timestamp + 1)


def is_large(header: Header) -> bool:
    """The block is too large to be rendered on the event loop."""
    return header.gas_used > LARGE_BLOCK_GAS


def here_or_off_loop(header: Header, render: Callable[[], object]) -> object:
    """What `render` makes of that block: now, or in a worker thread when the block is large."""
    return OffLoop(lambda _deadline: render()) if is_large(header) else render()
