"""eth_* methods about committed blocks, the pending one, and their transactions and receipts.

Owns: which record answers which method, and the cache of encoded replies. Unknown blocks and transactions are
null, not errors. Large blocks are decoded and rendered in a worker thread. `pending` is a block that nobody has agreed
to: as in go-ethereum it has no hash, nonce or miner, but its transactions tell where they would stand.
Never looks into the pool, except for a transaction that is not in a block yet.
Specification: ethereum/execution-apis, go-ethereum internal/ethapi.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

from chain.block import Block
from chain.header import Header
from chain.receipt import Receipt
from chain.transaction import recover_sender
from chain.types import Address, Hash32
from rpc.backend import PendingBlock, PoolBackend
from rpc.params.method import Method
from rpc.params.values import BLOCK, BLOCK_NUMBER, FULL_TRANSACTIONS, HASH, INDEX, BlockReference, BlockTag
from rpc.reading.chain_view import ChainView, here_or_off_loop
from rpc.reading.rendering import (
    JsonObject,
    Place,
    block_json,
    receipt_json,
    receipts_with_offsets,
    transaction_json,
)
from rpc.reading.reply_cache import ReplyCache
from rpc.services import Services


def methods(services: Services) -> tuple[Method, ...]:
    """Blocks, their transactions and receipts."""
    handlers = BlockMethods(services.view, services.pool, services.replies)
    return (
        Method("eth_blockNumber", handlers.block_number),
        Method("eth_getBlockByNumber", handlers.get_block, (BLOCK_NUMBER, FULL_TRANSACTIONS)),
        Method("eth_getBlockByHash", handlers.get_block, (HASH, FULL_TRANSACTIONS)),
        Method("eth_getBlockReceipts", handlers.get_block_receipts, (BLOCK,)),
        Method("eth_getBlockTransactionCountByNumber", handlers.transaction_count, (BLOCK_NUMBER,)),
        Method("eth_getBlockTransactionCountByHash", handlers.transaction_count, (HASH,)),
        Method("eth_getUncleCountByBlockNumber", handlers.uncle_count, (BLOCK_NUMBER,)),
        Method("eth_getUncleCountByBlockHash", handlers.uncle_count, (HASH,)),
        Method("eth_getUncleByBlockNumberAndIndex", handlers.uncle, (BLOCK_NUMBER, INDEX)),
        Method("eth_getUncleByBlockHashAndIndex", handlers.uncle, (HASH, INDEX)),
        Method("eth_getTransactionByHash", handlers.transaction_by_hash, (HASH,)),
        Method(
            "eth_getTransactionByBlockNumberAndIndex", handlers.transaction_in_block, (BLOCK_NUMBER, INDEX)
        ),
        Method("eth_getTransactionByBlockHashAndIndex", handlers.transaction_in_block, (HASH, INDEX)),
        Method("eth_getTransactionReceipt", handlers.transaction_receipt, (HASH,)),
    )


class BlockMethods:
    """Handlers; `cache` is shared by those whose replies are large."""

    def __init__(self, view: ChainView, pool: PoolBackend, cache: ReplyCache) -> None:
        self._view = view
        self._chain = view.chain
        self._pool = pool
        self._cache = cache

    def block_number(self) -> str:
        """eth_blockNumber."""
        return hex(self._view.head_number())

    def get_block(self, reference: BlockReference, full: bool) -> object:
        """eth_getBlockByNumber and eth_getBlockByHash."""
        if reference is BlockTag.PENDING:
            return self._of_pending(("block", full), lambda pending: _pending_json(pending, full))
        header = self._view.header(reference)
        if header is None:
            return None
        key = ("block", full, header.hash)

        def render() -> object:
            block = self._chain.block(header.number)
            if block is None:
                return None
            senders = [recover_sender(transaction) for transaction in block.transactions] if full else None
            return self._cache.put(key, block_json(block, senders))

        return self._cache.get(key) or here_or_off_loop(header, render)

    def get_block_receipts(self, reference: BlockReference) -> object:
        """eth_getBlockReceipts."""
        if reference is BlockTag.PENDING:
            return self._of_pending(
                "receipts", lambda pending: _receipts_json(pending.block, pending.receipts, pending.senders)
            )
        header = self._view.header(reference)
        if header is None:
            return None
        key = ("receipts", header.hash)

        def render() -> object:
            block, receipts = self._chain.block(header.number), self._chain.receipts(header.number)
            if block is None or receipts is None:
                return None
            senders = [recover_sender(transaction) for transaction in block.transactions]
            return self._cache.put(key, _receipts_json(block, receipts, senders))

        return self._cache.get(key) or here_or_off_loop(header, render)

    def transaction_count(self, reference: BlockReference) -> object:
        """eth_getBlockTransactionCountByNumber and ByHash."""
        if reference is BlockTag.PENDING:
            return self._view.with_pending(lambda pending: hex(len(pending.block.transactions)))
        header = self._view.header(reference)
        if header is None:
            return None

        def count() -> object:
            block = self._chain.block(header.number)
            return hex(len(block.transactions)) if block is not None else None

        return here_or_off_loop(header, count)

    def uncle_count(self, reference: BlockReference) -> str | None:
        """eth_getUncleCountByBlockNumber and ByBlockHash: there never are any."""
        return "0x0" if self._view.header(reference) is not None else None

    def uncle(self, _reference: BlockReference, _index: int) -> None:
        """eth_getUncleByBlockNumberAndIndex and ByBlockHashAndIndex."""

    def transaction_in_block(self, reference: BlockReference, index: int) -> object:
        """eth_getTransactionByBlockNumberAndIndex and ByBlockHashAndIndex."""
        if reference is BlockTag.PENDING:
            return self._view.with_pending(lambda pending: _pending_transaction_json(pending, index))
        header = self._view.header(reference)
        if header is None:
            return None
        return here_or_off_loop(header, lambda: self._transaction(header, index))

    def transaction_by_hash(self, transaction_hash: Hash32) -> object:
        """eth_getTransactionByHash; also finds what waits in the pool."""
        place = self._view.place_of(transaction_hash)
        if place is not None:
            header, index = place
            return here_or_off_loop(header, lambda: self._transaction(header, index))
        pending = self._pool.get(transaction_hash)
        if pending is None:
            return None
        return transaction_json(pending.transaction, pending.sender, None, None)

    def transaction_receipt(self, transaction_hash: Hash32) -> object:
        """eth_getTransactionReceipt."""
        location = self._chain.transaction_location(transaction_hash)
        header = self._chain.header(location.block_number) if location is not None else None
        if location is None or header is None:
            return None
        return here_or_off_loop(header, lambda: self._receipt(header, location.index))

    def _of_pending(self, what: Hashable, render: Callable[[PendingBlock], object]) -> object:
        """Rendered once for each pending block; its hash, though nobody is told, is that of all that it holds."""

        def use(pending: PendingBlock) -> object:
            header = pending.block.header
            key = ("pending", what, header.hash)
            return self._cache.get(key) or here_or_off_loop(
                header, lambda: self._cache.put(key, render(pending))
            )

        return self._view.with_pending(use)

    def _transaction(self, header: Header, index: int) -> JsonObject | None:
        block = self._chain.block(header.number)
        if block is None or index >= len(block.transactions):
            return None
        transaction = block.transactions[index]
        return transaction_json(transaction, recover_sender(transaction), Place.of(header), index)

    def _receipt(self, header: Header, index: int) -> JsonObject | None:
        block, receipts = self._chain.block(header.number), self._chain.receipts(header.number)
        if block is None or receipts is None or index >= len(receipts):
            return None
        transaction, receipt = block.transactions[index], receipts[index]
        return receipt_json(
            receipt,
            transaction,
            recover_sender(transaction),
            Place.of(header),
            index,
            gas_used=receipt.cumulative_gas_used - (receipts[index - 1].cumulative_gas_used if index else 0),
            first_log_index=sum(len(earlier.logs) for earlier in receipts[:index]),
        )


def _receipts_json(block: Block, receipts: Sequence[Receipt], senders: Sequence[Address]) -> list[JsonObject]:
    place = Place.of(block.header)
    return [
        receipt_json(
            receipt,
            transaction,
            sender,
            place,
            index,
            gas_used=gas_used,
            first_log_index=first_log_index,
        )
        for index, (transaction, sender, (receipt, gas_used, first_log_index)) in enumerate(
            zip(block.transactions, senders, receipts_with_offsets(receipts), strict=True)
        )
    ]


def _pending_json(pending: PendingBlock, full: bool) -> JsonObject:
    members = block_json(pending.block, pending.senders if full else None)
    return members | dict.fromkeys(("hash", "nonce", "miner"))


def _pending_transaction_json(pending: PendingBlock, index: int) -> JsonObject | None:
    block = pending.block
    if index >= len(block.transactions):
        return None
    return transaction_json(block.transactions[index], pending.senders[index], Place.of(block.header), index)
