"""ots_* and erigon_getHeaderByNumber: what the block explorer Otterscan asks a node for, level 8 of its interface.

Owns: the shapes of blocks, pages of their transactions, and the calls inside a transaction. Searches are in
rpc/methods/otterscan_search.py.
Never keeps an index.
Specification: Otterscan 2.10 docs/custom-jsonrpc.md and src/useErigonHooks.ts; erigon turbo/jsonrpc otterscan_*.go.
Two differences from erigon: an unknown block is null however it is named, and operations that were undone are not
among the internal operations, because they did not happen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from chain.block import Block
from chain.header import Header
from chain.keccak import EMPTY_KECCAK
from chain.transaction import recover_sender
from chain.types import Address, Hash32
from rpc.config import CallLimits
from rpc.dispatch.deferred import OffLoop
from rpc.errors import RpcFault
from rpc.params.method import MalformedArgument, Method, Parameter, constant
from rpc.params.values import (
    ADDRESS,
    COUNT,
    HASH,
    MAX_BLOCK_NUMBER,
    BlockReference,
    block_number_or_tag,
    block_reference,
)
from rpc.reading.block_replay import Replays, TraceClock, recovered
from rpc.reading.chain_view import ChainView, here_or_off_loop
from rpc.reading.rendering import (
    JsonObject,
    Place,
    block_json,
    header_json,
    receipt_json,
    receipts_with_offsets,
    text,
    transaction_json,
)
from rpc.reading.reply_cache import ReplyCache
from rpc.services import Services
from state.reader import StateReader
from vm.tracing.call_list import CallList, ListedCall
from vm.tracing.interface import Budget, TraceTooLarge

API_LEVEL: Final = 8

MAX_BLOCK_PAGE: Final = 255
"""Transactions of one page of a block; erigon's number is a byte too."""

SELECTOR_BYTES: Final = 4
"""What is left of the input of a transaction in a page."""

OPERATION_TYPES: Final = {"CALL": 0, "SELFDESTRUCT": 1, "CREATE": 2, "CREATE2": 3}


def _number_too(decode: Callable[[object], BlockReference]) -> Callable[[object], BlockReference]:
    """Otterscan sends block numbers as JSON numbers."""

    def decode_block(value: object) -> BlockReference:
        if type(value) is int:
            if not 0 <= value <= MAX_BLOCK_NUMBER:
                raise MalformedArgument("block number larger than int64")
            return value
        return decode(value)

    return decode_block


OTS_BLOCK: Final = Parameter(_number_too(block_number_or_tag))
OTS_STATE: Final = Parameter(_number_too(block_reference))


def methods(services: Services) -> tuple[Method, ...]:
    """All but the searches."""
    handlers = OtterscanMethods(services.view, services.limits, services.replies)
    return (
        constant("ots_getApiLevel", API_LEVEL),
        Method("erigon_getHeaderByNumber", handlers.header, (OTS_BLOCK,)),
        Method("ots_hasCode", handlers.has_code, (ADDRESS, OTS_STATE)),
        Method("ots_getBlockDetails", handlers.block_details, (OTS_BLOCK,)),
        Method("ots_getBlockDetailsByHash", handlers.block_details, (HASH,)),
        Method("ots_getBlockTransactions", handlers.block_transactions, (OTS_BLOCK, COUNT, COUNT)),
        Method("ots_getTransactionError", handlers.transaction_error, (HASH,)),
        Method("ots_getInternalOperations", handlers.internal_operations, (HASH,)),
        Method("ots_traceTransaction", handlers.trace_transaction, (HASH,)),
    )


class OtterscanMethods:
    """Handlers over committed blocks."""

    def __init__(self, view: ChainView, limits: CallLimits, cache: ReplyCache) -> None:
        self._view = view
        self._chain = view.chain
        self._limits = limits
        self._cache = cache
        self._replays = Replays(view)

    def header(self, reference: BlockReference) -> JsonObject | None:
        """erigon_getHeaderByNumber."""
        header = self._view.header(reference)
        return header_json(header) if header is not None else None

    def has_code(self, address: Address, reference: BlockReference) -> object:
        """ots_hasCode."""

        def use(state: StateReader) -> bool:
            account = state.account(address)
            return account is not None and account.code_hash != EMPTY_KECCAK

        return self._view.with_state(reference, use)

    def block_details(self, reference: BlockReference) -> object:
        """ots_getBlockDetails and ByHash: a block without its transactions, with what they paid together."""
        header = self._view.header(reference)
        if header is None:
            return None
        key = ("ots_details", header.hash)

        def render() -> object:
            block, receipts = self._chain.block(header.number), self._chain.receipts(header.number)
            if block is None or receipts is None:
                return None
            base_fee = header.base_fee_per_gas
            fees = sum(
                transaction.effective_gas_price(base_fee) * gas_used
                for transaction, (_, gas_used, _) in zip(
                    block.transactions, receipts_with_offsets(receipts), strict=True
                )
            )
            # Nothing is issued: validators live on fees.
            issuance = {"blockReward": "0x0", "uncleReward": "0x0", "issuance": "0x0"}
            details = {"block": _slim_block(block), "issuance": issuance, "totalFees": hex(fees)}
            return self._cache.put(key, details)

        return self._cache.get(key) or here_or_off_loop(header, render)

    def block_transactions(self, reference: BlockReference, page: int, size: int) -> object:
        """ots_getBlockTransactions: page 0 has the last transactions of the block."""
        if size > MAX_BLOCK_PAGE:
            raise RpcFault.PAGE_TOO_LARGE.error(limit=MAX_BLOCK_PAGE)
        header = self._view.header(reference)
        if header is None:
            return None
        return here_or_off_loop(header, lambda: self._block_page(header, page, size))

    def _block_page(self, header: Header, page: int, size: int) -> JsonObject | None:
        block, receipts = self._chain.block(header.number), self._chain.receipts(header.number)
        if block is None or receipts is None:
            return None
        end = max(0, len(block.transactions) - page * size)
        place = Place.of(header)
        transactions: list[JsonObject] = []
        shown: list[JsonObject] = []
        with_offsets = list(receipts_with_offsets(receipts))
        for index in range(max(0, end - size), end):
            transaction = block.transactions[index]
            receipt, gas_used, first_log_index = with_offsets[index]
            sender = recover_sender(transaction)
            rendered = transaction_json(transaction, sender, place, index)
            rendered["input"] = text(transaction.data[:SELECTOR_BYTES])
            transactions.append(rendered)
            short = receipt_json(
                receipt,
                transaction,
                sender,
                place,
                index,
                gas_used=gas_used,
                first_log_index=first_log_index,
            )
            shown.append(short | {"logs": None, "logsBloom": None})
        return {"fullblock": _slim_block(block) | {"transactions": transactions}, "receipts": shown}

    def transaction_error(self, transaction_hash: Hash32) -> OffLoop:
        """ots_getTransactionError: the bytes with which a transaction reverted, `0x` when it did not."""

        def run() -> str:
            block, index = self._replays.transaction(transaction_hash)
            receipts = self._chain.receipts(block.number)
            if receipts is not None and receipts[index].succeeded:
                return "0x"
            clock = TraceClock(self._limits, None)
            result = self._replays.begin_before(block, index, clock).apply(recovered(block, index))
            return text(result.output)

        return OffLoop(lambda _deadline: run(), is_long=True)

    def internal_operations(self, transaction_hash: Hash32) -> OffLoop:
        """ots_getInternalOperations: transfers, creations and self-destructions by contracts."""

        def run() -> list[JsonObject]:
            lasting = self._calls_of(transaction_hash).lasting()
            return [_operation(call) for call in lasting if _is_operation(call)]

        return OffLoop(lambda _deadline: run(), is_long=True)

    def trace_transaction(self, transaction_hash: Hash32) -> OffLoop:
        """ots_traceTransaction: all calls, in the order in which they begin."""
        return OffLoop(
            lambda _deadline: msgspec.Raw(self._bounded(self._calls_of(transaction_hash).encoded())),
            is_long=True,
        )

    def _calls_of(self, transaction_hash: Hash32) -> CallList:
        block, index = self._replays.transaction(transaction_hash)
        tracer = CallList(Budget(self._limits.max_trace_bytes))
        replay = self._replays.begin_before(block, index, TraceClock(self._limits, None))
        replay.trace(recovered(block, index), tracer)
        return tracer

    def _bounded(self, encoded: bytes) -> bytes:
        if len(encoded) > self._limits.max_trace_bytes:
            raise TraceTooLarge
        return encoded


def _slim_block(block: Block) -> JsonObject:
    """A block without transactions and bloom filter, with the members that Otterscan reads besides."""
    rendered = block_json(block, None)
    del rendered["transactions"]
    rendered["logsBloom"] = None
    rendered["totalDifficulty"] = "0x0"
    rendered["transactionCount"] = len(block.transactions)
    return rendered


def _is_operation(call: ListedCall) -> bool:
    """A transfer of nothing is none, and the transaction itself is not internal."""
    return call.depth > 0 and call.kind in OPERATION_TYPES and (call.kind != "CALL" or bool(call.value))


def _operation(call: ListedCall) -> JsonObject:
    return {
        "type": OPERATION_TYPES[call.kind],
        "from": text(call.caller),
        "to": text(call.target),
        "value": hex(call.value or 0),
    }
