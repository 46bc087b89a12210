import pytest

from chain.block import Block
from chain.errors import InvariantViolation
from chain.receipt import EMPTY_BLOOM, Receipt
from chain.transaction import TransactionType
from chain.types import ZERO_HASH
from state.block_store import BlockStore, TransactionLocation, block_rows
from state.columns import Column, number_key
from state.kv import DatabaseDamaged, MemoryStore
from tests.state.chain_builder import CHAIN_ID, make_header, make_transaction

TRANSACTIONS = tuple(make_transaction(nonce) for nonce in range(3))
RECEIPTS = tuple(
    Receipt(TransactionType.DYNAMIC_FEE, True, 21_000 * (index + 1), EMPTY_BLOOM, ()) for index in range(3)
)
BLOCK = Block(make_header(7, ZERO_HASH, ZERO_HASH), TRANSACTIONS)


def stored(rows: MemoryStore) -> BlockStore:
    """A store with cold caches."""
    return BlockStore(rows, CHAIN_ID, 10_000, 10_000, 10_000)


@pytest.fixture
def rows() -> MemoryStore:
    store = MemoryStore()
    store.write(block_rows(BLOCK, RECEIPTS, b"certificate", b"record"), sync=True)
    return store


@pytest.mark.parametrize("warm", [False, True])
def test_every_part_of_a_block_reads_back(rows: MemoryStore, warm: bool) -> None:
    blocks = stored(rows)
    if warm:
        blocks.remember(BLOCK, RECEIPTS)
    for _ in range(2):
        assert blocks.header(7) == BLOCK.header
        assert blocks.canonical_hash(7) == BLOCK.hash
        assert blocks.block(7) == BLOCK
        assert blocks.receipts(7) == RECEIPTS
        assert blocks.block_number(BLOCK.hash) == 7
        assert blocks.certificate(7) == b"certificate"
        assert blocks.consensus_record(7) == b"record"
        for index, transaction in enumerate(TRANSACTIONS):
            assert blocks.transaction_location(transaction.hash) == TransactionLocation(7, index)


@pytest.mark.parametrize("number", [6, 8, -1, 2**64, 10**30])
def test_a_block_that_is_not_there_is_none(rows: MemoryStore, number: int) -> None:
    blocks = stored(rows)
    assert blocks.header(number) is None
    assert blocks.canonical_hash(number) is None
    assert blocks.block(number) is None
    assert blocks.receipts(number) is None
    assert blocks.certificate(number) is None
    assert blocks.consensus_record(number) is None
    assert blocks.block_number(ZERO_HASH) is None
    assert blocks.transaction_location(ZERO_HASH) is None


def test_an_empty_certificate_is_not_stored() -> None:
    assert number_key(Column.CERTIFICATE, 7) not in block_rows(BLOCK, RECEIPTS, b"", b"")
    assert number_key(Column.CONSENSUS, 7) not in block_rows(BLOCK, RECEIPTS, b"", b"")


def test_another_number_of_receipts_than_transactions_is_a_bug() -> None:
    with pytest.raises(InvariantViolation, match="2 receipts for 3 transactions"):
        block_rows(BLOCK, RECEIPTS[:2], b"", b"")


@pytest.mark.parametrize("column", [Column.HEADER, Column.BODY, Column.RECEIPTS])
@pytest.mark.parametrize("spoil", [lambda raw: raw[:-1], lambda raw: b"\xff" + raw[1:], lambda raw: b""])
def test_a_garbled_record_is_damage(rows: MemoryStore, column: Column, spoil: object) -> None:
    assert callable(spoil)
    key = number_key(column, 7)
    raw = rows.get(key)
    rows.write({key: spoil(raw)}, sync=True)
    blocks = stored(rows)
    with pytest.raises(DatabaseDamaged, match="block 7"):
        {Column.HEADER: blocks.header, Column.BODY: blocks.block, Column.RECEIPTS: blocks.receipts}[column](7)


def test_a_header_under_a_wrong_number_is_damage(rows: MemoryStore) -> None:
    rows.write({number_key(Column.HEADER, 8): rows.get(number_key(Column.HEADER, 7))}, sync=True)
    with pytest.raises(DatabaseDamaged):
        stored(rows).header(8)
