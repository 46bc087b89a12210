"""Headers, blocks, receipts and everything else that is stored by block.

Owns the rows of a block and their caches. Writes nothing itself: `block_rows` gives a commit what belongs into its one
batch. Never looks at the state and never judges a block.

Threads: safe from any thread; `remember` from the one that commits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final, TypeVar

from chain.block import Block
from chain.errors import InvariantViolation
from chain.header import Header, HeaderError, decode_header
from chain.keccak import keccak256
from chain.receipt import Receipt
from chain.transaction import Transaction
from chain.types import Hash32
from state.block_codec import (
    RawLog,
    decode_body,
    decode_logs,
    decode_raw_transactions,
    decode_receipts,
    encode_body,
    encode_receipts,
)
from state.caches import ByteBoundedCache
from state.columns import Column, number_key
from state.kv import DatabaseDamaged, KeyValueStore, WriteBatch
from state.log_terms import LocatedLog, LogTerms, accepts, select_logs

T = TypeVar("T")

# Rough sizes of the decoded objects, so that the bounds of the caches mean memory and not only wire bytes.
HEADER_BYTES: Final = 2_500
TRANSACTION_BYTES: Final = 1_200
RECEIPT_BYTES: Final = 700
LOG_BYTES: Final = 600
MAX_NUMBER: Final = 2**64 - 1


@dataclass(frozen=True, slots=True)
class TransactionLocation:
    """Where a transaction stands: the block, and its position in it from 0."""

    block_number: int
    index: int


def block_rows(block: Block, receipts: Sequence[Receipt], certificate: bytes, record: bytes) -> WriteBatch:
    """All rows that store this block. Empty `certificate` or `record` are not stored.

    Raises InvariantViolation if there are not as many receipts as transactions.
    """
    if len(receipts) != len(block.transactions):
        raise InvariantViolation(f"{len(receipts)} receipts for {len(block.transactions)} transactions")
    number = block.number.to_bytes(8, "big")
    rows: WriteBatch = {
        Column.HEADER.value + number: block.hash + block.header.encode(),
        Column.HEADER_NUMBER.value + block.hash: number,
        Column.BODY.value + number: encode_body(block.transactions),
        Column.RECEIPTS.value + number: encode_receipts(receipts),
    }
    if certificate:
        rows[Column.CERTIFICATE.value + number] = certificate
    if record:
        rows[Column.CONSENSUS.value + number] = record
    prefix = Column.TRANSACTION.value
    for index, transaction in enumerate(block.transactions):
        rows[prefix + transaction.hash] = number + index.to_bytes(4, "big")
    return rows


class BlockStore:
    """Reads of what `block_rows` wrote. Every method answers None for what is not there, and raises DatabaseDamaged for
    what cannot be decoded.
    """

    def __init__(
        self, rows: KeyValueStore, chain_id: int, header_bytes: int, block_bytes: int, receipt_bytes: int
    ) -> None:
        self._rows = rows
        self._chain_id = chain_id
        self._headers: ByteBoundedCache[int, Header] = ByteBoundedCache(header_bytes)
        self._blocks: ByteBoundedCache[int, Block] = ByteBoundedCache(block_bytes)
        self._receipts: ByteBoundedCache[int, tuple[Receipt, ...]] = ByteBoundedCache(receipt_bytes)

    def _get(self, column: Column, number: int) -> bytes | None:
        return self._rows.get(number_key(column, number)) if 0 <= number <= MAX_NUMBER else None

    def canonical_hash(self, number: int) -> Hash32 | None:
        """Hash of block `number`."""
        header = self._headers.get(number)
        if header is not None:
            return header.hash
        raw = self._get(Column.HEADER, number)
        return Hash32(raw[:32]) if raw is not None else None

    def header(self, number: int) -> Header | None:
        """Header of block `number`."""
        header = self._headers.get(number)
        if header is not None:
            return header
        raw = self._get(Column.HEADER, number)
        if raw is None:
            return None
        try:
            header = decode_header(raw[32:])
        except HeaderError as error:
            raise DatabaseDamaged(f"header of block {number}: {error}") from error
        if header.hash != raw[:32] or header.number != number:
            raise DatabaseDamaged(f"header of block {number} is not the one that was stored")
        self._headers.put(number, header, HEADER_BYTES)
        return header

    def block(self, number: int) -> Block | None:
        """Block `number`."""
        block = self._blocks.get(number)
        if block is not None:
            return block
        header = self.header(number)
        raw = self._get(Column.BODY, number)
        if header is None or raw is None:
            return None
        transactions = _decoded(lambda: self.decode_body(raw), f"body of block {number}")
        block = Block(header, transactions)
        self._blocks.put(number, block, _block_size(block))
        return block

    def decode_body(self, raw: bytes) -> tuple[Transaction, ...]:
        """The transactions of a stored body; a development chain also knows senders that signed nothing."""
        return decode_body(raw, self._chain_id)

    def receipts(self, number: int) -> tuple[Receipt, ...] | None:
        """Receipts of block `number`, one for each transaction."""
        receipts = self._receipts.get(number)
        if receipts is not None:
            return receipts
        raw = self._get(Column.RECEIPTS, number)
        if raw is None:
            return None
        receipts = _decoded(lambda: decode_receipts(raw), f"receipts of block {number}")
        self._receipts.put(number, receipts, _receipts_size(receipts))
        return receipts

    def matching_logs(self, number: int, terms: LogTerms) -> list[LocatedLog] | None:
        """The logs of block `number` that `terms` accept, in order.

        Decodes neither receipts nor transactions that are not in the caches: a query reads many blocks for few logs.
        """
        receipts = self._receipts.get(number)
        raw = self._get(Column.RECEIPTS, number) if receipts is None else None
        hash_of = self._transaction_hashes(number)
        try:
            if receipts is not None:
                return select_logs(receipts, hash_of, terms)
            if raw is None:
                return None
            return _decoded(
                lambda: _select_raw_logs(decode_logs(raw), hash_of, terms), f"receipts of block {number}"
            )
        except IndexError as error:
            raise DatabaseDamaged(f"block {number} has more receipts than transactions") from error

    def _transaction_hashes(self, number: int) -> Callable[[int], Hash32]:
        """A function for the hash of a transaction of the block; it reads the body when it is first asked."""
        block = self._blocks.get(number)
        if block is not None:
            transactions = block.transactions
            return lambda index: transactions[index].hash
        wire: list[bytes] = []

        def hash_of(index: int) -> Hash32:
            if not wire:
                raw = self._get(Column.BODY, number)
                if raw is None:
                    raise DatabaseDamaged(f"block {number} has receipts but no body")
                wire.extend(_decoded(lambda: decode_raw_transactions(raw), f"body of block {number}"))
            return keccak256(wire[index])

        return cache(hash_of)

    def block_number(self, block_hash: Hash32) -> int | None:
        """Number of the block with this hash."""
        raw = self._rows.get(Column.HEADER_NUMBER.value + block_hash)
        return int.from_bytes(raw, "big") if raw is not None else None

    def transaction_location(self, transaction_hash: Hash32) -> TransactionLocation | None:
        """Where the transaction with this hash stands."""
        raw = self._rows.get(Column.TRANSACTION.value + transaction_hash)
        if raw is None:
            return None
        return TransactionLocation(int.from_bytes(raw[:8], "big"), int.from_bytes(raw[8:], "big"))

    def certificate(self, number: int) -> bytes | None:
        """Commit certificate of block `number`, as the consensus layer wrote it."""
        return self._get(Column.CERTIFICATE, number)

    def consensus_record(self, number: int) -> bytes | None:
        """Consensus record of block `number`, as the consensus layer wrote it."""
        return self._get(Column.CONSENSUS, number)

    def remember(self, block: Block, receipts: Sequence[Receipt]) -> None:
        """Put a block that was just committed into the caches: wallets ask for the newest ones."""
        stored = tuple(receipts)
        self._headers.put(block.number, block.header, HEADER_BYTES)
        self._blocks.put(block.number, block, _block_size(block))
        self._receipts.put(block.number, stored, _receipts_size(stored))


def _select_raw_logs(
    stored: Sequence[Sequence[RawLog]], hash_of: Callable[[int], Hash32], terms: LogTerms
) -> list[LocatedLog]:
    """What `select_logs` does, out of a record. Raises ValueError if the record holds something else."""
    found: list[LocatedLog] = []
    addresses, accepted = terms.addresses, terms.topics
    log_index = -1
    try:
        for index, logs in enumerate(stored):
            for address, topics, payload in logs:
                log_index += 1
                if addresses and address not in addresses:
                    continue  # most logs of a block, and cheaper than the whole rule
                if accepts(addresses, accepted, address, topics):
                    found.append(
                        LocatedLog(address, tuple(topics), payload, index, hash_of(index), log_index)
                    )
    except TypeError as error:
        raise ValueError(f"stored log: {error}") from error
    return found


def _decoded(decode: Callable[[], T], what: str) -> T:
    try:
        return decode()
    except ValueError as error:
        raise DatabaseDamaged(f"{what}: {error}") from error


def _block_size(block: Block) -> int:
    return HEADER_BYTES + sum(
        [len(transaction.raw) + TRANSACTION_BYTES for transaction in block.transactions]
    )


def _receipts_size(receipts: Sequence[Receipt]) -> int:
    return sum(
        [RECEIPT_BYTES + sum([len(log.data) + LOG_BYTES for log in receipt.logs]) for receipt in receipts]
    )
