"""Proofs against py-trie, which shares no code with this project: every proof is checked under the header's root."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import rlp
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st
from trie.exceptions import BadTrieProof
from trie.hexary import HexaryTrie

from chain.keccak import EMPTY_KECCAK, EMPTY_TRIE_ROOT, keccak256
from chain.types import Address, Hash32
from state.account import Account
from state.chain_store import STATE_VIEWS_KEPT, ChainStore, StateUnavailable
from state.changes import StateChanges
from state.columns import Column
from state.kv import DatabaseDamaged, MemoryStore
from state.proofs import AccountProof, prove, prove_account
from state.trie import decode_node, path_of, update_trie
from tests.state.chain_builder import CHAIN_ID, ChainBuilder, make_address

CODE = b"\x60\x00"


def new_chain() -> ChainBuilder:
    return ChainBuilder(ChainStore.open(MemoryStore(), chain_id=CHAIN_ID))


def proven_value(root: bytes, key: bytes, nodes: tuple[bytes, ...]) -> bytes:
    """What py-trie says that the nodes prove; b"" is absence. Raises BadTrieProof if they prove nothing."""
    if root == EMPTY_TRIE_ROOT:
        assert nodes == (), "an empty trie has no nodes"
        return b""
    for node in nodes[1:]:
        assert len(node) >= 32, "a node that its parent embeds is not listed"
    return by_py_trie(root, keccak(key), nodes)


def by_py_trie(root: bytes, hashed_key: bytes, nodes: tuple[bytes, ...]) -> bytes:
    decoded = [rlp.decode(node) for node in nodes]
    value: bytes = HexaryTrie.get_from_proof(root, hashed_key, decoded)  # type: ignore[no-untyped-call]
    return value


def check(root: bytes, address: Address, expected: Account | None, proof: AccountProof) -> None:
    """The proof is of `expected`, which says nothing of the storage root, and no node of it can be left out."""
    leaf = proven_value(root, address, proof.nodes)
    if expected is None:
        assert (proof.account, leaf) == (None, b"")
    else:
        assert proof.account is not None
        assert leaf == rlp.encode(
            [expected.nonce, expected.balance, proof.account.storage_root, expected.code_hash]
        )
    if proof.nodes:
        with pytest.raises(BadTrieProof):
            proven_value(root, address, proof.nodes[:-1])


def check_storage(proof: AccountProof, expected: dict[int, int], asked: list[int]) -> None:
    root = proof.account.storage_root if proof.account is not None else EMPTY_TRIE_ROOT
    assert [item.slot for item in proof.storage] == asked
    for item in proof.storage:
        value = expected.get(item.slot, 0)
        assert item.value == value
        leaf = proven_value(root, item.slot.to_bytes(32, "big"), item.nodes)
        assert leaf == (rlp.encode(value) if value else b"")


@st.composite
def states(draw: st.DrawFn) -> list[dict[int, dict[int, int] | None]]:
    """For each block what it sets: account -> slots, or None to delete it."""
    indices = st.integers(0, draw(st.sampled_from([2, 8, 60])))
    values = st.one_of(st.integers(0, 200), st.integers(0, 2**256 - 1))
    slots = st.dictionaries(st.integers(0, 20), values, max_size=20)
    return draw(
        st.lists(st.dictionaries(indices, st.one_of(slots, st.none()), max_size=25), min_size=1, max_size=4)
    )


@settings(max_examples=40, deadline=None)
@given(states())
def test_every_account_and_slot_of_every_kept_block_is_proved(
    blocks: list[dict[int, dict[int, int] | None]],
) -> None:
    chain = new_chain()
    chain.start(StateChanges())
    accounts: dict[int, Account] = {}
    storage: dict[int, dict[int, int]] = {}
    history = [(accounts.copy(), storage.copy())]
    for number, block in enumerate(blocks, 1):
        changed: dict[Address, Account | None] = {}
        written: dict[Address, dict[int, int]] = {}
        wiped: tuple[Address, ...] = ()
        for index, slots in block.items():
            address = make_address(index)
            if slots is None:
                if accounts.pop(index, None) is not None:
                    changed[address] = None
                    wiped += (address,)
                storage.pop(index, None)
                continue
            accounts[index] = changed[address] = Account(
                number, index * 10**18, EMPTY_TRIE_ROOT, keccak256(CODE) if slots else EMPTY_KECCAK
            )
            written[address] = slots
            merged = storage.get(index, {}) | slots
            storage[index] = {slot: value for slot, value in merged.items() if value}
        chain.commit(StateChanges(changed, written, wiped, {keccak256(CODE): CODE}))
        history.append((accounts.copy(), storage.copy()))
    for number, (then_accounts, then_storage) in enumerate(history):
        header = chain.store.header(number)
        assert header is not None
        for index in {0, 1, 2, 61, *list(then_accounts)[:6]}:
            asked = [0, 3, 3, 20, 2**255, *list(then_storage.get(index, {}))[:5]]
            proof = chain.store.prove(number, make_address(index), asked)
            check(header.state_root, make_address(index), then_accounts.get(index), proof)
            check_storage(proof, then_storage.get(index, {}), asked)


def test_an_empty_state_proves_absence_with_no_nodes() -> None:
    chain = new_chain()
    chain.start(StateChanges())

    assert chain.store.prove(0, make_address(5), [1]) == AccountProof(
        None, (), (chain.store.prove(0, make_address(5), [1]).storage[0],)
    )
    assert chain.store.prove(0, make_address(5), [1]).storage[0].nodes == ()


def mined_keys(count: int) -> Iterator[bytes]:
    """Keys that share all but the last byte: their leaves are so short that branches embed them."""
    for last in range(count):
        yield bytes(31) + bytes((last * 17 & 255,))


def test_nodes_that_their_parent_embeds_are_not_listed() -> None:
    leaves = [(key, b"\x05", False) for key in mined_keys(16)]
    update = update_trie(EMPTY_TRIE_ROOT, leaves, lambda _: None, lambda *_: None)
    nodes = {path: decode_node(new[1]) for path, new in update.nodes.items() if new is not None}

    def leaf_below(path: bytes, _excluded: object) -> tuple[bytes, bytes] | None:
        return next(((key, value) for key, value, _ in leaves if path_of(key).startswith(path)), None)

    oracle = HexaryTrie({})
    for key, value, _ in leaves:
        oracle[key] = value
    assert oracle.root_hash == update.root
    for key, value, _ in leaves:
        listed = prove(update.root, Hash32(key), nodes.get, leaf_below)
        assert by_py_trie(update.root, key, listed) == value
        nodes_of_oracle = oracle.get_proof(key)  # type: ignore[no-untyped-call]
        assert listed == tuple(raw for raw in map(rlp.encode, nodes_of_oracle) if len(raw) >= 32)


def test_proofs_are_kept_as_long_as_states_and_say_so_beyond() -> None:
    chain = new_chain()
    chain.start()
    for number in range(1, STATE_VIEWS_KEPT + 1):
        chain.commit(StateChanges({make_address(1): Account(number, 1000)}))
    header = chain.store.header(1)
    assert header is not None

    check(header.state_root, make_address(1), Account(1, 1000), chain.store.prove(1, make_address(1), []))
    with pytest.raises(
        StateUnavailable, match=r"^missing trie node: historical state of block 0 is not available"
    ):
        chain.store.prove(0, make_address(1), [])


def test_a_damaged_node_is_an_error_and_never_a_wrong_proof() -> None:
    rows = MemoryStore()
    chain = ChainBuilder(ChainStore.open(rows, chain_id=CHAIN_ID))
    chain.start(StateChanges({make_address(index): Account(0, index + 1) for index in range(64)}))
    root = chain.store.head.state_root
    for key, value in list(rows.iterate(Column.ACCOUNT_NODE.value)):
        rows.write({key: value[:-40] + bytes((value[-40] ^ 1,)) + value[-39:]}, sync=False)

    with pytest.raises(DatabaseDamaged):
        prove_account(rows, root, make_address(1), [])


def test_a_missing_leaf_is_an_error() -> None:
    rows = MemoryStore()
    chain = ChainBuilder(ChainStore.open(rows, chain_id=CHAIN_ID))
    chain.start(StateChanges({make_address(1): Account(0, 1)}))
    root = chain.store.head.state_root
    for key, _ in list(rows.iterate(Column.ACCOUNT.value)):
        rows.write({key: None}, sync=False)

    with pytest.raises(DatabaseDamaged):
        prove_account(rows, root, make_address(1), [])


def test_the_work_can_be_given_up_between_slots() -> None:
    chain = new_chain()
    chain.start()
    asked: list[int] = []

    def checkpoint() -> None:
        asked.append(0)
        if len(asked) == 3:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        chain.store.prove(0, make_address(1), range(10), checkpoint)


def test_a_root_for_a_block_that_nobody_commits_is_the_one_that_a_commit_has() -> None:
    chain = new_chain()
    chain.start(StateChanges({make_address(index): Account(0, index + 1) for index in range(64)}))
    address = make_address(3)
    account = Account(1, 9, EMPTY_TRIE_ROOT, keccak256(CODE))
    changes = StateChanges({address: account}, {address: {1: 2, 3: 4}}, code={keccak256(CODE): CODE})

    genesis = chain.store.state_at(0)
    root = chain.store.state_root_after(genesis, changes)

    assert chain.commit(changes).header.state_root == root
    assert chain.store.state_root_after(genesis, changes) == root
    assert chain.store.state_root_after(chain.store.latest_state(), StateChanges()) == root
