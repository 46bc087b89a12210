"""debug_trace*: what happens inside the transactions of a committed block, and inside a call.

Owns: which block, transaction and state a trace is of, and the bounds on its time and size. Everything runs in a
worker thread. Never listens to execution itself (vm/tracing/).
Specification: go-ethereum eth/tracers/api.go, ethereum/execution-apis src/debug. A trace starts from the state of the
parent block, and only those of the last blocks are kept: `reexec` does not help.
"""

from __future__ import annotations

from typing import Final

import msgspec

from chain.block import Block, decode_block
from chain.errors import NodeError
from chain.types import Hash32
from rpc.config import CallLimits
from rpc.dispatch.deferred import OffLoop
from rpc.errors import RpcFault
from rpc.params.call_params import CALL, CallObject, check_chain, with_block_overrides
from rpc.params.method import Method, constant
from rpc.params.trace_params import CALL_TRACE, TRACE, CallTraceConfig, TraceConfig
from rpc.params.values import BLOCK_NUMBER, BLOCK_OR_LATEST, BYTES, HASH, BlockReference, BlockTag
from rpc.reading.block_replay import Replays, TraceClock, not_found, recovered
from rpc.services import Services
from state.reader import StateReader
from vm.errors import TransactionRejected
from vm.tracing.interface import Budget, TraceTooLarge
from vm.tracing.run import run_traced_call

NO_BAD_BLOCKS: Final[list[object]] = []
"""debug_getBadBlocks: a block that is refused here is never kept."""


def methods(services: Services) -> tuple[Method, ...]:
    """Traces, and debug_getBadBlocks."""
    handlers = DebugMethods(Replays(services.view), services.limits)
    return (
        Method("debug_traceTransaction", handlers.trace_transaction, (HASH, TRACE)),
        Method("debug_traceCall", handlers.trace_call, (CALL, BLOCK_OR_LATEST, CALL_TRACE)),
        Method("debug_traceBlockByNumber", handlers.trace_block, (BLOCK_NUMBER, TRACE)),
        Method("debug_traceBlockByHash", handlers.trace_block, (HASH, TRACE)),
        Method("debug_traceBlock", handlers.trace_encoded_block, (BYTES, TRACE)),
        constant("debug_getBadBlocks", NO_BAD_BLOCKS),
    )


class DebugMethods:
    """Handlers over committed blocks that are run again."""

    def __init__(self, replays: Replays, limits: CallLimits) -> None:
        self._replays = replays
        self._view = replays.view
        self._limits = limits

    def trace_transaction(self, transaction_hash: Hash32, config: TraceConfig) -> OffLoop:
        """debug_traceTransaction."""

        def run() -> msgspec.Raw:
            block, index = self._replays.transaction(transaction_hash)
            clock = TraceClock(self._limits, config.timeout_s)
            tracer = config.new_tracer(Budget(self._limits.max_trace_bytes))
            replay = self._replays.begin_before(block, index, clock)
            replay.trace(recovered(block, index), tracer)
            return msgspec.Raw(self._bounded(tracer.encoded()))

        return OffLoop(lambda _deadline: run(), is_long=True)

    def trace_block(self, reference: BlockReference, config: TraceConfig) -> OffLoop:
        """debug_traceBlockByNumber and ByHash."""
        return OffLoop(
            lambda _deadline: self._trace_block(self._replays.block(reference), config), is_long=True
        )

    def trace_encoded_block(self, raw: bytes, config: TraceConfig) -> OffLoop:
        """debug_traceBlock: of a block of this chain."""

        def run() -> msgspec.Raw:
            try:
                block = decode_block(raw, self._view.chain.chain_id)
            except NodeError as error:
                raise RpcFault.UNDECODABLE_BLOCK.error(detail=error) from None
            return self._trace_block(self._replays.block(block.hash), config)

        return OffLoop(lambda _deadline: run(), is_long=True)

    def _trace_block(self, block: Block, config: TraceConfig) -> msgspec.Raw:
        clock = TraceClock(self._limits, config.timeout_s)
        budget = Budget(self._limits.max_trace_bytes)
        replay = self._replays.begin(block, clock)
        parts: list[bytes] = []
        size = 0
        for index, transaction in enumerate(block.transactions):
            clock.next_transaction()
            tracer = config.new_tracer(budget)
            replay.trace(recovered(block, index), tracer)
            parts.append(
                b'{"txHash":"0x%b","result":%b}' % (transaction.hash.hex().encode(), tracer.encoded())
            )
            size += len(parts[-1]) + 1
            if size > self._limits.max_trace_bytes:
                raise TraceTooLarge
        return msgspec.Raw(b"[%b]" % b",".join(parts))

    def trace_call(self, call: CallObject, reference: BlockReference, config: CallTraceConfig) -> OffLoop:
        """debug_traceCall: on the state behind a block, or on the one that a transaction of it found."""
        check_chain(call.chain_id, self._view.chain.chain_id)
        if reference is BlockTag.PENDING:
            raise RpcFault.PENDING_NOT_TRACEABLE.error()

        def run() -> msgspec.Raw:
            clock = TraceClock(self._limits, config.trace.timeout_s)
            tracer = config.trace.new_tracer(Budget(self._limits.max_trace_bytes))
            number = self._view.number(reference)
            if number is None:
                raise not_found(reference)
            state = self._state_of_call(number, config.transaction_index, clock)
            environment = with_block_overrides(self._view.chain.environment_for(number), config.block)
            clock.next_transaction()
            try:
                run_traced_call(
                    state,
                    environment,
                    call.request,
                    tracer,
                    gas_cap=self._limits.gas_cap,
                    overrides=config.overrides,
                    checkpoint=clock.check,
                )
            except TransactionRejected as error:
                raise RpcFault.TRACING_FAILED.error(detail=error) from None
            return msgspec.Raw(self._bounded(tracer.encoded()))

        return OffLoop(lambda _deadline: run(), is_long=True)

    def _state_of_call(self, number: int, index: int | None, clock: TraceClock) -> StateReader:
        if index is None:
            return self._view.chain.state_at(number)
        block = self._replays.block(number)
        if index >= max(1, len(block.transactions)):
            raise RpcFault.TRANSACTION_INDEX_OUT_OF_RANGE.error(index=index, hash="0x" + block.hash.hex())
        return self._replays.begin_before(block, index, clock).state

    def _bounded(self, encoded: bytes) -> bytes:
        if len(encoded) > self._limits.max_trace_bytes:
            raise TraceTooLarge
        return encoded
