"""What tests of the store share: chains to build, and a check that a database makes sense as a whole."""

from collections.abc import Sequence

from chain.block import Block
from chain.header import Header
from chain.keccak import EMPTY_TRIE_ROOT
from chain.receipt import EMPTY_BLOOM, Receipt
from chain.secp256k1 import PrivateKey
from chain.transaction import Transaction, TransactionType, UnsignedTransaction, sign_transaction
from chain.types import ZERO_ADDRESS, ZERO_HASH, Address, Hash32
from state.account import Account, decode_flat_account, trie_leaf_value
from state.chain_store import ChainStore
from state.changes import StateChanges
from state.columns import Column
from state.kv import KeyValueReader
from state.trie import encode_node, update_trie

CHAIN_ID = 1337
GENESIS_ID = b"genesis one"


def make_header(number: int, parent_hash: Hash32, state_root: Hash32) -> Header:
    """A header whose other fields are all the same."""
    return Header(
        parent_hash=parent_hash,
        ommers_hash=ZERO_HASH,
        beneficiary=ZERO_ADDRESS,
        state_root=state_root,
        transactions_root=ZERO_HASH,
        receipts_root=ZERO_HASH,
        logs_bloom=EMPTY_BLOOM,
        difficulty=0,
        number=number,
        gas_limit=30_000_000,
        gas_used=0,
        timestamp=1_700_000_000 + number,
        extra_data=b"",
        prev_randao=ZERO_HASH,
        nonce=bytes(8),
        base_fee_per_gas=7,
        withdrawals_root=ZERO_HASH,
        blob_gas_used=0,
        excess_blob_gas=0,
        parent_beacon_block_root=ZERO_HASH,
        requests_hash=ZERO_HASH,
    )


def make_address(index: int) -> Address:
    return Address(index.to_bytes(20, "big"))


def make_transaction(nonce: int) -> Transaction:
    return sign_transaction(
        UnsignedTransaction(
            type=TransactionType.DYNAMIC_FEE,
            chain_id=CHAIN_ID,
            nonce=nonce,
            max_priority_fee_per_gas=1,
            max_fee_per_gas=10,
            gas_limit=21_000,
            to=make_address(9),
            value=5,
            data=b"",
        ),
        PrivateKey(b"\x01" * 32),
    )


class ChainBuilder:
    """Commits blocks with given changes on a store."""

    def __init__(self, store: ChainStore) -> None:
        self.store = store

    def start(self, changes: StateChanges | None = None) -> None:
        """Write the genesis block."""
        changes = changes if changes is not None else StateChanges({make_address(1): Account(0, 1000)})
        root = self.store.compute_root(changes).root
        self.store.initialise(Block(make_header(0, ZERO_HASH, root), ()), changes, GENESIS_ID)

    def commit(
        self,
        changes: StateChanges,
        transactions: Sequence[Transaction] = (),
        receipts: Sequence[Receipt] = (),
    ) -> Block:
        """Write the next block."""
        update = self.store.compute_root(changes)
        head = self.store.head
        block = Block(make_header(head.number + 1, head.hash, update.root), tuple(transactions))
        number = str(block.number).encode()
        self.store.commit_block(block, receipts, update, b"certificate " + number, b"record " + number)
        return block


def check_tries(rows: KeyValueReader, root: Hash32) -> None:
    """Build every trie anew from the flat state and compare: no node may differ, be missing or be left over."""
    nodes: dict[bytes, bytes] = {}
    slots: dict[bytes, list[tuple[bytes, bytes, bool]]] = {}
    for key, value in rows.iterate(Column.STORAGE.value):
        leaf = value if len(value) == 1 and value[0] < 0x80 else bytes((0x80 + len(value),)) + value
        slots.setdefault(key[1:33], []).append((key[33:], leaf, False))
    accounts = []
    for key, value in rows.iterate(Column.ACCOUNT.value):
        account = decode_flat_account(value)
        accounts.append((key[1:], trie_leaf_value(account), False))
        update = update_trie(EMPTY_TRIE_ROOT, slots.pop(key[1:], []), lambda _: None, lambda *_: None)
        assert update.root == account.storage_root
        for path, new in update.nodes.items():
            assert new is not None
            nodes[Column.STORAGE_NODE.value + key[1:] + path] = encode_node(new[0])
    assert slots == {}, "slots of accounts that do not exist"
    update = update_trie(EMPTY_TRIE_ROOT, accounts, lambda _: None, lambda *_: None)
    assert update.root == root
    for path, new in update.nodes.items():
        assert new is not None
        nodes[Column.ACCOUNT_NODE.value + path] = encode_node(new[0])
    stored = dict(rows.iterate(Column.ACCOUNT_NODE.value)) | dict(rows.iterate(Column.STORAGE_NODE.value))
    assert stored == nodes
