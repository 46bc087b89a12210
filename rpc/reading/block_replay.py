"""Committed blocks for methods that run them again: which block is meant, and the state it started from.

Owns go-ethereum's errors for blocks that cannot be traced, and the time limits of a trace. Never traces
(vm/tracing/), never renders.
Specification: go-ethereum eth/tracers/api.go (blockByNumber, traceBlock, traceTx).
"""

from __future__ import annotations

from dataclasses import dataclass

from chain.block import Block
from chain.transaction import RecoveredTransaction, recover_sender
from chain.types import Hash32
from rpc.config import CallLimits
from rpc.dispatch.deferred import Deadline
from rpc.errors import RpcFault, quoted
from rpc.params.values import BlockReference, BlockTag
from rpc.reading.chain_view import ChainView
from state.chain_store import STATE_VIEWS_KEPT, StateUnavailable
from state.reader import StateReader
from vm.tracing.block import BlockReplay


class TraceClock:
    """The time that a trace may take: so long for each traced transaction, and so long altogether."""

    def __init__(self, limits: CallLimits, seconds: float | None) -> None:
        self._each_s = limits.trace_timeout_s if seconds is None else seconds
        self._all = Deadline(limits.max_trace_timeout_s)
        self._this = self._all

    def next_transaction(self) -> None:
        """A transaction begins that is traced."""
        self._this = self._all.within(self._each_s)

    def check(self) -> None:
        """Raises RpcError once the time is over."""
        self._this.check()


@dataclass(frozen=True, slots=True)
class Replays:
    """Blocks to run again. Any thread may use it."""

    view: ChainView

    def block(self, reference: BlockReference) -> Block:
        """The block that is meant, which is not the first one.

        Raises RpcError: no such block, `genesis is not traceable`, or pending.
        """
        if reference is BlockTag.PENDING:
            raise RpcFault.PENDING_NOT_TRACEABLE.error()
        number = self.view.number(reference)
        block = self.view.chain.block(number) if number is not None else None
        if block is None:
            raise not_found(reference)
        if block.number == 0:
            raise RpcFault.GENESIS_NOT_TRACEABLE.error()
        return block

    def transaction(self, transaction_hash: Hash32) -> tuple[Block, int]:
        """The block of a transaction, and its place there. Raises RpcError `transaction not found`."""
        location = self.view.chain.transaction_location(transaction_hash)
        block = self.view.chain.block(location.block_number) if location is not None else None
        if location is None or block is None:
            raise RpcFault.TRANSACTION_NOT_FOUND.error()
        return block, location.index

    def state_before(self, block: Block) -> StateReader:
        """The state that the block started from. Raises RpcError when it is not kept any more."""
        try:
            return self.view.chain.state_at(block.number - 1)
        except StateUnavailable:
            raise RpcFault.TRACE_STATE_UNAVAILABLE.error(
                number=block.number - 1, kept=STATE_VIEWS_KEPT
            ) from None

    def begin(self, block: Block, clock: TraceClock) -> BlockReplay:
        """The block before its first transaction. Raises RpcError as `state_before` does."""
        environment = self.view.chain.environment_for(block.number)
        return BlockReplay(self.state_before(block), environment, clock.check)

    def begin_before(self, block: Block, index: int, clock: TraceClock) -> BlockReplay:
        """The block before the transaction with this index; those before it are run."""
        replay = self.begin(block, clock)
        for earlier in range(index):
            replay.apply(recovered(block, earlier))
        clock.next_transaction()
        return replay


def not_found(reference: BlockReference) -> Exception:
    """go-ethereum's error for a block that does not exist, where a method cannot answer null."""
    if isinstance(reference, bytes):
        return RpcFault.BLOCK_HASH_NOT_FOUND.error(hash="0x" + reference.hex())
    shown = reference.value if isinstance(reference, BlockTag) else reference
    return RpcFault.BLOCK_NUMBER_NOT_FOUND.error(number=quoted(shown))


def recovered(block: Block, index: int) -> RecoveredTransaction:
    """A transaction of a block with its sender, which costs about 70 µs to find."""
    transaction = block.transactions[index]
    return RecoveredTransaction(transaction, recover_sender(transaction))
