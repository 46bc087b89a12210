"""Blocks: one encoding, empty ommers and withdrawals, transactions in the right envelope."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.block import MAX_BLOCK_BYTES, Block, BlockError, decode_block
from chain.header import Header
from chain.keccak import EMPTY_OMMERS_HASH, EMPTY_REQUESTS_HASH, EMPTY_TRIE_ROOT
from chain.ordered_trie import ordered_root
from chain.receipt import EMPTY_BLOOM
from chain.rlp import decode, encode
from chain.secp256k1 import PrivateKey
from chain.transaction import Transaction, TransactionType, UnsignedTransaction, sign_transaction
from chain.types import ZERO_ADDRESS, ZERO_HASH, Address

CHAIN_ID = 1337
KEY = PrivateKey(b"\x46" * 32)


def transfer(kind: TransactionType, nonce: int, chain_id: int | None = CHAIN_ID) -> Transaction:
    request = UnsignedTransaction(kind, chain_id, nonce, 10**9, 10**9, 21_000, Address(b"\x35" * 20), 1)
    return sign_transaction(request, KEY)


TRANSACTIONS = (
    transfer(TransactionType.LEGACY, 0),
    transfer(TransactionType.ACCESS_LIST, 1),
    transfer(TransactionType.DYNAMIC_FEE, 2),
    transfer(TransactionType.SET_CODE, 3),
)


def block_of(*transactions: Transaction) -> Block:
    header = Header(
        parent_hash=ZERO_HASH,
        ommers_hash=EMPTY_OMMERS_HASH,
        beneficiary=ZERO_ADDRESS,
        state_root=EMPTY_TRIE_ROOT,
        transactions_root=ordered_root([transaction.raw for transaction in transactions]),
        receipts_root=EMPTY_TRIE_ROOT,
        logs_bloom=EMPTY_BLOOM,
        difficulty=0,
        number=5,
        gas_limit=30_000_000,
        gas_used=0,
        timestamp=1,
        extra_data=b"",
        prev_randao=ZERO_HASH,
        nonce=bytes(8),
        base_fee_per_gas=10**9,
        withdrawals_root=EMPTY_TRIE_ROOT,
        blob_gas_used=0,
        excess_blob_gas=0,
        parent_beacon_block_root=ZERO_HASH,
        requests_hash=EMPTY_REQUESTS_HASH,
    )
    return Block(header, transactions)


BLOCK = block_of(*TRANSACTIONS)


def test_a_block_round_trips_with_transactions_of_every_type() -> None:
    encoded = BLOCK.encode()
    decoded = decode_block(encoded, CHAIN_ID)
    assert decoded == BLOCK
    assert decoded.encode() == encoded
    assert (decoded.hash, decoded.number, decoded.size_bytes) == (BLOCK.header.hash, 5, len(encoded))
    assert decode_block(block_of().encode(), CHAIN_ID) == block_of()


def test_the_body_follows_eip_2718_and_eip_4895() -> None:
    _, transactions, ommers, withdrawals = decode(BLOCK.encode())
    assert isinstance(transactions, list)
    assert isinstance(transactions[0], list)
    assert transactions[1:] == [transaction.raw for transaction in TRANSACTIONS[1:]]
    assert (ommers, withdrawals) == ([], [])


@given(st.data())
def test_a_changed_byte_is_refused_or_makes_another_block(data: st.DataObject) -> None:
    changed = bytearray(BLOCK.encode())
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        assert decode_block(bytes(changed), CHAIN_ID).encode() == changed
    except BlockError:
        pass


def parts() -> list[Any]:
    decoded: Any = decode(BLOCK.encode())
    return list(decoded)


@pytest.mark.parametrize("position", [2, 3])
def test_ommers_and_withdrawals_must_be_empty_lists(position: int) -> None:
    wrong: Any
    for wrong in ([b""], b"", [[]]):
        changed = parts()
        changed[position] = wrong
        with pytest.raises(BlockError, match="must be empty"):
            decode_block(encode(changed), CHAIN_ID)


def test_a_block_has_four_parts() -> None:
    for changed in (parts()[:3], [*parts(), []], []):
        with pytest.raises(BlockError, match="4 parts"):
            decode_block(encode(changed), CHAIN_ID)


def test_transactions_in_the_wrong_envelope_are_refused() -> None:
    legacy, typed = TRANSACTIONS[0].raw, TRANSACTIONS[2].raw
    body: Any
    for body in ([legacy], [decode(typed[1:])], [b""], [[]], b"", [typed + b"\x00"]):
        changed = parts()
        changed[1] = body
        with pytest.raises(BlockError):
            decode_block(encode(changed), CHAIN_ID)


def test_the_bad_transaction_is_named() -> None:
    changed = parts()
    changed[1] = [TRANSACTIONS[1].raw, TRANSACTIONS[2].raw[:-1]]
    with pytest.raises(BlockError, match="transaction 1"):
        decode_block(encode(changed), CHAIN_ID)
    with pytest.raises(BlockError, match="transaction 0: invalid chain id"):
        decode_block(BLOCK.encode(), 1)


def test_unprotected_transactions_follow_the_rule_of_the_chain() -> None:
    block = block_of(transfer(TransactionType.LEGACY, 0, chain_id=None))
    assert decode_block(block.encode(), CHAIN_ID, allow_unprotected=True) == block
    with pytest.raises(BlockError, match="EIP-155"):
        decode_block(block.encode(), CHAIN_ID)


def test_a_bad_header_is_a_bad_block() -> None:
    changed = parts()
    changed[0] = changed[0][:-2]
    with pytest.raises(BlockError, match="fields"):
        decode_block(encode(changed), CHAIN_ID)


def test_trailing_bytes_and_other_items_are_refused() -> None:
    for raw in (BLOCK.encode() + b"\x00", BLOCK.encode()[:-1], b"", b"\x80", b"\xc0"):
        with pytest.raises(BlockError):
            decode_block(raw, CHAIN_ID)


def test_the_size_is_bounded() -> None:
    with pytest.raises(BlockError, match="at most"):
        decode_block(bytes(MAX_BLOCK_BYTES + 1), CHAIN_ID)


def test_a_body_of_many_wrong_items_is_refused_at_its_first() -> None:
    changed = parts()
    changed[1] = [b""] * 500_000
    with pytest.raises(BlockError, match="transaction 0"):
        decode_block(encode(changed), CHAIN_ID)
