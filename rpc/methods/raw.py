"""debug_getRaw* and eth_getRawTransaction*: records of the chain in the bytes that their hashes are of.

Owns nothing but the encoding. Never decodes.
Specification: ethereum/execution-apis src/debug/getters.yaml, go-ethereum internal/ethapi (DebugAPI, TransactionAPI).
"""

from __future__ import annotations

from collections.abc import Sequence

from chain.header import Header
from chain.transaction import Transaction
from chain.types import Hash32
from rpc.backend import PoolBackend
from rpc.params.method import Method
from rpc.params.values import BLOCK, BLOCK_NUMBER, HASH, INDEX, BlockReference, BlockTag
from rpc.reading.block_replay import not_found
from rpc.reading.chain_view import ChainView, here_or_off_loop
from rpc.reading.rendering import text
from rpc.services import Services


def methods(services: Services) -> tuple[Method, ...]:
    """Encoded headers, blocks, receipts and transactions."""
    handlers = RawMethods(services.view, services.pool)
    return (
        Method("debug_getRawHeader", handlers.header, (BLOCK,)),
        Method("debug_getRawBlock", handlers.block, (BLOCK,)),
        Method("debug_getRawReceipts", handlers.receipts, (BLOCK,)),
        Method("debug_getRawTransaction", handlers.transaction, (HASH,)),
        Method("eth_getRawTransactionByHash", handlers.transaction, (HASH,)),
        Method("eth_getRawTransactionByBlockHashAndIndex", handlers.transaction_in_block, (HASH, INDEX)),
        Method(
            "eth_getRawTransactionByBlockNumberAndIndex",
            handlers.transaction_in_block,
            (BLOCK_NUMBER, INDEX),
        ),
    )


class RawMethods:
    """Handlers over stored records."""

    def __init__(self, view: ChainView, pool: PoolBackend) -> None:
        self._view = view
        self._chain = view.chain
        self._pool = pool

    def header(self, reference: BlockReference) -> object:
        """debug_getRawHeader."""
        if reference is BlockTag.PENDING:
            return self._view.with_pending(lambda pending: text(pending.block.header.encode()))
        return text(self._header(reference).encode())

    def block(self, reference: BlockReference) -> object:
        """debug_getRawBlock."""
        if reference is BlockTag.PENDING:
            return self._view.with_pending(
                lambda pending: here_or_off_loop(pending.block.header, lambda: text(pending.block.encode()))
            )
        header = self._header(reference)

        def render() -> str:
            block = self._chain.block(header.number)
            if block is None:
                raise not_found(reference)
            return text(block.encode())

        return here_or_off_loop(header, render)

    def receipts(self, reference: BlockReference) -> object:
        """debug_getRawReceipts: with their type, as they stand in the trie of receipts."""
        if reference is BlockTag.PENDING:
            return self._view.with_pending(
                lambda pending: here_or_off_loop(
                    pending.block.header, lambda: [text(receipt.encode()) for receipt in pending.receipts]
                )
            )
        header = self._header(reference)

        def render() -> list[str]:
            receipts = self._chain.receipts(header.number)
            if receipts is None:
                raise not_found(reference)
            return [text(receipt.encode()) for receipt in receipts]

        return here_or_off_loop(header, render)

    def transaction(self, transaction_hash: Hash32) -> object:
        """debug_getRawTransaction and eth_getRawTransactionByHash, also from the pool; `0x` when it is unknown."""
        place = self._view.place_of(transaction_hash)
        if place is not None:
            return self._transaction(*place)
        pending = self._pool.get(transaction_hash)
        return text(pending.transaction.raw) if pending is not None else "0x"

    def transaction_in_block(self, reference: BlockReference, index: int) -> object:
        """eth_getRawTransactionByBlockHashAndIndex and ByBlockNumberAndIndex; `0x` when there is none."""
        if reference is BlockTag.PENDING:
            return self._view.with_pending(
                lambda pending: _raw_transaction(pending.block.transactions, index)
            )
        header = self._view.header(reference)
        return "0x" if header is None else self._transaction(header, index)

    def _transaction(self, header: Header, index: int) -> object:
        def render() -> str:
            block = self._chain.block(header.number)
            return _raw_transaction(block.transactions if block is not None else (), index)

        return here_or_off_loop(header, render)

    def _header(self, reference: BlockReference) -> Header:
        header = self._view.header(reference)
        if header is None:
            raise not_found(reference)
        return header


def _raw_transaction(transactions: Sequence[Transaction], index: int) -> str:
    return text(transactions[index].raw) if index < len(transactions) else "0x"
