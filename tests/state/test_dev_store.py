"""The store of a development chain: changes between blocks, going back, starting over, and being opened again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from chain.block import Block
from chain.errors import InvariantViolation
from chain.keccak import keccak256
from chain.types import ZERO_HASH, Address
from genesis import GenesisValidator, dev_genesis, genesis_block, genesis_state
from genesis.presets import DEV_OPERATOR
from state.account import Account
from state.chain_store import STATE_VIEWS_KEPT, ChainStore, StateUnavailable
from state.changes import StateChanges
from state.dev_store import DevChainStore
from state.kv import DatabaseDamaged, KeyValueStore, MemoryStore
from state.proofs import prove_account
from state.undo_store import UndoStore
from tests.node.chain_fixture import VALIDATOR

SOMEBODY = Address(b"\x51" * 20)
OTHER = Address(b"\x52" * 20)
CODE = b"\x60\x00"


def initialise(store: ChainStore) -> None:
    genesis = dev_genesis([GenesisValidator("one", VALIDATOR.public_key, 1, DEV_OPERATOR)])
    changes = genesis_state(genesis)
    store.initialise(genesis_block(genesis, store.compute_root(changes).root, ZERO_HASH), changes, b"id")


def open_store(rows: Path | KeyValueStore) -> DevChainStore:
    store = DevChainStore.open_dev(rows, chain_id=1337, genesis_id=b"id")
    if not store.is_initialised:
        initialise(store)
    return store


def append(store: DevChainStore, changes: StateChanges) -> Block:
    """An empty block with these changes."""
    parent = store.header(store.head.number)
    assert parent is not None
    update = store.compute_root(changes)
    block = Block(
        replace(parent, number=parent.number + 1, parent_hash=parent.hash, state_root=update.root), ()
    )
    store.commit_block(block, (), update, b"commit", b"record")
    return block


def paid(address: Address, balance: int) -> StateChanges:
    return StateChanges({address: Account(0, balance)})


def balance(store: DevChainStore, address: Address) -> int:
    account = store.latest_state().account(address)
    return 0 if account is None else account.balance


def test_a_change_between_blocks_is_part_of_the_next_block_and_of_a_new_start(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    old_view, old_root = store.latest_state(), store.head.state_root
    store.amend(
        StateChanges({SOMEBODY: Account(0, 5, code_hash=keccak256(CODE))}, code={keccak256(CODE): CODE})
    )
    assert (store.head.number, balance(store, SOMEBODY)) == (0, 5)
    assert old_view.account(SOMEBODY) is None
    assert store.head.state_root != old_root
    store.close()
    store = open_store(tmp_path)
    assert balance(store, SOMEBODY) == 5
    assert store.latest_state().code(keccak256(CODE)) == CODE
    block = append(store, paid(OTHER, 6))
    assert block.header.state_root == store.head.state_root
    proof = prove_account(store.latest_state().rows, block.header.state_root, SOMEBODY, [])
    assert proof.account is not None
    store.close()


def test_a_reader_of_the_state_before_a_change_does_not_spoil_the_one_after() -> None:
    store = open_store(MemoryStore())
    before = store.latest_state()
    store.amend(paid(SOMEBODY, 5))
    assert before.account(SOMEBODY) is None  # read after the change, and offered to the caches of its time
    assert balance(store, SOMEBODY) == 5
    store.amend(StateChanges({SOMEBODY: None}))
    assert balance(store, SOMEBODY) == 0


def test_going_back_restores_blocks_state_and_history() -> None:
    store = open_store(MemoryStore())
    append(store, paid(SOMEBODY, 1))
    kept = append(store, paid(SOMEBODY, 2))
    mark = store.mark()
    store.amend(paid(OTHER, 9))
    gone = [append(store, paid(SOMEBODY, 3 + number)) for number in range(20)]
    view_of_gone = store.latest_state()
    store.meta_put(b"x", b"1")

    assert store.go_back(mark)

    assert (store.head.number, store.head.hash) == (2, kept.hash)
    assert (balance(store, SOMEBODY), balance(store, OTHER)) == (2, 0)
    assert store.header(3) is None
    assert store.block_number(gone[0].hash) is None
    assert store.meta_get(b"x") is None
    account = store.state_at(1).account(SOMEBODY)
    assert account is not None
    assert account.balance == 1
    with pytest.raises(StateUnavailable):
        store.state_at(3)
    held = view_of_gone.account(SOMEBODY)  # whoever still reads it sees what was
    assert held is not None
    assert held.balance == 22
    assert not store.go_back(mark)
    again = append(store, paid(SOMEBODY, 100))
    assert store.block(3) == again
    assert balance(store, SOMEBODY) == 100


def test_states_are_kept_for_longer_than_elsewhere() -> None:
    store = open_store(MemoryStore())
    for number in range(1, STATE_VIEWS_KEPT + 10):
        append(store, paid(SOMEBODY, number))
    account = store.state_at(3).account(SOMEBODY)
    assert account is not None
    assert account.balance == 3


def test_starting_over_leaves_the_genesis_only(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    genesis = store.head
    mark = store.mark()
    append(store, paid(SOMEBODY, 1))
    store.start_over(initialise)
    assert store.head == genesis
    assert not store.go_back(mark)
    store.close()
    store = open_store(tmp_path)
    assert (store.head, store.header(1), balance(store, SOMEBODY)) == (genesis, None, 0)
    store.close()


def test_another_store_does_not_take_a_changed_state(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.amend(paid(SOMEBODY, 5))
    store.close()
    with pytest.raises(DatabaseDamaged, match="is not the one after block 0"):
        ChainStore.open(tmp_path, chain_id=1337, genesis_id=b"id")


def test_it_needs_a_store_that_can_go_back() -> None:
    with pytest.raises(InvariantViolation, match="go back"):
        DevChainStore.open(MemoryStore(), chain_id=1337)
    assert DevChainStore.open(UndoStore(MemoryStore()), chain_id=1337).is_initialised is False
