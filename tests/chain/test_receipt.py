"""Receipts, logs and blooms have Ethereum's bytes."""

from typing import Any

import pytest
import rlp as reference
from eth.rlp.logs import Log as ReferenceLog
from eth.rlp.receipts import Receipt as ReferenceReceipt
from eth_bloom.bloom import BloomFilter
from hypothesis import given
from hypothesis import strategies as st

from chain.receipt import (
    EMPTY_BLOOM,
    Log,
    Receipt,
    ReceiptError,
    bloom_may_contain,
    decode_receipt,
    logs_bloom,
    merge_blooms,
)
from chain.rlp import decode, encode
from chain.transaction import TransactionType
from chain.types import Address, Hash32

addresses = st.binary(min_size=20, max_size=20).map(Address)
topics = st.binary(min_size=32, max_size=32).map(Hash32)
logs = st.builds(Log, addresses, st.lists(topics, max_size=4).map(tuple), st.binary(max_size=100))


@st.composite
def receipts(draw: st.DrawFn) -> Receipt:
    entries = tuple(draw(st.lists(logs, max_size=4)))
    return Receipt(
        draw(st.sampled_from(TransactionType)),
        draw(st.booleans()),
        draw(st.integers(0, 2**64 - 1)),
        logs_bloom(entries),
        entries,
    )


LOG = Log(Address(b"\x11" * 20), (Hash32(b"\x22" * 32), Hash32(b"\x33" * 32)), b"data")
RECEIPT = Receipt(TransactionType.DYNAMIC_FEE, True, 54_321, logs_bloom((LOG,)), (LOG,))


@given(receipts())
def test_every_receipt_round_trips_and_agrees_with_py_evm(receipt: Receipt) -> None:
    encoded = receipt.encode()
    assert decode_receipt(encoded) == receipt
    expected = ReferenceReceipt(
        state_root=b"\x01" if receipt.succeeded else b"",
        gas_used=receipt.cumulative_gas_used,
        logs=[
            ReferenceLog(log.address, tuple(int.from_bytes(topic, "big") for topic in log.topics), log.data)
            for log in receipt.logs
        ],
    )
    prefix = b"" if receipt.type is TransactionType.LEGACY else bytes((receipt.type,))
    assert encoded == prefix + reference.encode(expected)
    assert int.from_bytes(receipt.logs_bloom, "big") == expected.bloom


@given(st.data())
def test_a_changed_byte_is_refused_or_makes_another_receipt(data: st.DataObject) -> None:
    changed = bytearray(RECEIPT.encode())
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        receipt = decode_receipt(bytes(changed))
    except ReceiptError:
        return
    assert receipt != RECEIPT
    assert receipt.encode() == changed


@given(st.binary(max_size=100))
def test_any_bytes_give_a_receipt_error(raw: bytes) -> None:
    with pytest.raises(ReceiptError):
        decode_receipt(raw)


def change(position: int, value: Any) -> bytes:
    fields: Any = decode(RECEIPT.encode()[1:])
    fields[position] = value
    return b"\x02" + encode(fields)


def change_log(position: int, value: Any) -> bytes:
    entry: list[Any] = [LOG.address, list(LOG.topics), LOG.data]
    entry[position] = value
    return change(3, [entry])


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (change(0, b"\x02"), "status"),
        (change(0, b"\x00"), "status"),
        (change(0, b"\x11" * 32), "status"),  # the state root of receipts before EIP-658
        (change(0, []), "status"),
        (change(1, b"\x00\x01"), "cumulative gas"),
        (change(1, b"\x01" * 9), "cumulative gas"),
        (change(1, []), "cumulative gas"),
        (change(2, EMPTY_BLOOM), "bloom"),
        (change(2, b""), "bloom"),
        (change(2, []), "bloom"),
        (change(3, b""), "logs"),
        (change(3, []), "bloom"),
        (change(3, [b""]), "log: 3 fields"),
        (change(3, [[b"", []]]), "log: 3 fields"),
        (change_log(0, bytes(19)), "address"),
        (change_log(0, []), "address"),
        (change_log(1, b""), "topics"),
        (change_log(1, [bytes(32)] * 5), "topics"),
        (change_log(1, [bytes(31)]), "topic is not 32"),
        (change_log(1, [[]]), "topic is not 32"),
        (change_log(2, []), "data is a list"),
        (RECEIPT.encode() + b"\x00", "after the end"),
        (b"\x00" + RECEIPT.encode()[1:], "no type byte"),
        (b"\x05" + RECEIPT.encode()[1:], "unknown type"),
        (b"\x80", "unknown type"),
        (b"", "empty"),
        (b"\xc0", "4 fields"),
        (b"\x02\x80", "4 fields"),
    ],
)
def test_malformed_receipts_are_refused_with_the_reason(raw: bytes, reason: str) -> None:
    with pytest.raises(ReceiptError, match=reason):
        decode_receipt(raw)


@given(st.lists(logs, max_size=5))
def test_the_bloom_agrees_with_the_reference_and_finds_every_entry(entries: list[Log]) -> None:
    expected = BloomFilter()
    for log in entries:
        expected.add(log.address)
        expected.extend(log.topics)
    bloom = logs_bloom(entries)
    assert len(bloom) == 256
    assert int.from_bytes(bloom, "big") == int(expected)
    for log in entries:
        assert all(bloom_may_contain(bloom, entry) for entry in (log.address, *log.topics))


def test_a_bloom_excludes_what_was_not_added() -> None:
    bloom = logs_bloom((LOG,))
    assert not bloom_may_contain(bloom, bytes(20))
    assert not bloom_may_contain(EMPTY_BLOOM, LOG.address)


@given(st.lists(logs, max_size=5))
def test_the_bloom_of_a_block_is_the_union_of_those_of_its_receipts(entries: list[Log]) -> None:
    assert merge_blooms([logs_bloom((log,)) for log in entries]) == logs_bloom(entries)
    assert merge_blooms([]) == EMPTY_BLOOM
