"""How bodies and receipts are written in the store.

Owns the two record formats: a version byte and msgpack. They are this node's own and leave out what can be
computed: transactions are their canonical wire bytes, receipts come without their blooms (256 bytes each, and
zero for most). Never touches the store; the formats that peers and wallets see are in chain.block and
chain.receipt.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, TypeAlias

import msgpack

from chain.receipt import Log, Receipt, logs_bloom
from chain.transaction import Transaction, TransactionError, TransactionType, decode_transaction
from chain.types import Address, Hash32

_VERSION: Final = b"\x01"

RawLog: TypeAlias = tuple[Address, list[Hash32], bytes]
"""A stored log: address, topics, data. (A list, really, but with these members.)"""


def encode_body(transactions: Iterable[Transaction]) -> bytes:
    """[wire bytes of each transaction]."""
    return _VERSION + _pack([transaction.raw for transaction in transactions])


def decode_body(raw: bytes, chain_id: int) -> tuple[Transaction, ...]:
    """Inverse of `encode_body`. Raises ValueError if `raw` is not what that function writes.

    Whether unprotected transactions are allowed was decided when the block was accepted, so they are here.
    """
    try:
        return tuple(
            [decode_transaction(item, chain_id, allow_unprotected=True) for item in _unpack(raw, "body")]
        )
    except (TransactionError, TypeError) as error:
        raise ValueError(f"stored transaction: {error}") from error


def encode_receipts(receipts: Iterable[Receipt]) -> bytes:
    """[[type, succeeded, cumulative gas, [[address, [topic, …], data], …]], …]."""
    return _VERSION + _pack(
        [
            (
                int(receipt.type),
                receipt.succeeded,
                receipt.cumulative_gas_used,
                [(log.address, log.topics, log.data) for log in receipt.logs],
            )
            for receipt in receipts
        ]
    )


def decode_receipts(raw: bytes) -> tuple[Receipt, ...]:
    """Inverse of `encode_receipts`. Raises ValueError if `raw` is not what that function writes."""
    receipts = []
    try:
        for kind, succeeded, gas, stored_logs in _unpack(raw, "receipts"):
            logs = tuple(
                [
                    Log(Address(address), tuple([Hash32(topic) for topic in topics]), payload)
                    for address, topics, payload in stored_logs
                ]
            )
            receipts.append(Receipt(TransactionType(kind), succeeded, gas, logs_bloom(logs), logs))
    except TypeError as error:
        raise ValueError(f"stored receipt: {error}") from error
    return tuple(receipts)


def decode_logs(raw: bytes) -> list[list[RawLog]]:
    """The logs of each transaction out of what `encode_receipts` writes, without making receipts of it: 5 times as
    fast. Raises ValueError if `raw` is not what that function writes.
    """
    try:
        return [logs for _, _, _, logs in _unpack(raw, "receipts")]
    except TypeError as error:
        raise ValueError(f"stored receipt: {error}") from error


def decode_raw_transactions(raw: bytes) -> list[bytes]:
    """The wire bytes of each transaction out of what `encode_body` writes. Raises ValueError."""
    return _unpack(raw, "body")


def _pack(record: list[Any]) -> bytes:
    packed: bytes = msgpack.packb(record, use_bin_type=True)
    return packed


def _unpack(raw: bytes, what: str) -> list[Any]:
    if raw[:1] != _VERSION:
        raise ValueError(f"stored {what} of an unknown version")
    try:
        record = msgpack.unpackb(raw[1:], raw=False, use_list=True, max_ext_len=0)
    except (ValueError, msgpack.UnpackException) as error:
        raise ValueError(f"stored {what}: {error}") from error
    if not isinstance(record, list):
        raise ValueError(f"stored {what} is not a list")
    return record
