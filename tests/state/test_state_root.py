import random
from dataclasses import dataclass, field

import pytest
import rlp
from trie.hexary import HexaryTrie

from chain.errors import InvariantViolation
from chain.keccak import EMPTY_KECCAK, EMPTY_TRIE_ROOT, keccak256
from chain.types import ZERO_HASH, Address, Hash32
from state.account import Account
from state.caches import ByteBoundedCache, VersionedCache
from state.changes import StateChanges
from state.kv import MemoryStore
from state.state_root import StateRoots, StateUpdate, committed_root
from state.views import StateCaches, StateView
from tests.state.chain_builder import check_tries, make_address


@dataclass
class NaiveState:
    """Accounts and storage in dictionaries, the root by py-trie."""

    accounts: dict[Address, Account] = field(default_factory=dict)
    storage: dict[Address, dict[int, int]] = field(default_factory=dict)

    def apply(self, changes: StateChanges) -> None:
        for address in changes.wiped:
            self.storage.pop(address, None)
        for address, slots in changes.storage.items():
            merged = self.storage.get(address, {}) | dict(slots)
            self.storage[address] = {slot: value for slot, value in merged.items() if value}
        for address, account in changes.accounts.items():
            if account is None:
                self.accounts.pop(address, None)
                self.storage.pop(address, None)
            else:
                self.accounts[address] = account

    def storage_root(self, address: Address) -> Hash32:
        trie = HexaryTrie({})
        for slot, value in self.storage.get(address, {}).items():
            trie[keccak256(slot.to_bytes(32, "big"))] = rlp.encode(value)
        return Hash32(trie.root_hash)

    def root(self) -> Hash32:
        trie = HexaryTrie({})
        for address, account in self.accounts.items():
            fields = [account.nonce, account.balance, self.storage_root(address), account.code_hash]
            trie[keccak256(address)] = rlp.encode(fields)
        return Hash32(trie.root_hash)


class Committer:
    """A state in memory to which updates are committed as ChainStore does."""

    def __init__(self, cached_nodes: int = 1000) -> None:
        self.rows = MemoryStore()
        self.roots = StateRoots(self.rows, cached_nodes)
        self.number = 0
        self.root = EMPTY_TRIE_ROOT
        self.caches = StateCaches(VersionedCache(100, 0), VersionedCache(100, 0), ByteBoundedCache(1000))

    @property
    def view(self) -> StateView:
        return StateView(self.number, self.rows, self.caches)

    def compute(self, changes: StateChanges) -> StateUpdate:
        return self.roots.compute(self.view, self.root, ZERO_HASH, changes)

    def commit(self, update: StateUpdate) -> None:
        self.rows.write(update.rows, sync=False)
        self.roots.committed(update)
        self.number += 1
        self.root = update.root
        self.caches = StateCaches(
            VersionedCache(100, self.number), VersionedCache(100, self.number), ByteBoundedCache(1000)
        )


def random_changes(rng: random.Random, state: NaiveState) -> StateChanges:
    """Creations, updates, deletions, wipes and slots, in every combination that a block can bring."""
    accounts: dict[Address, Account | None] = {}
    storage: dict[Address, dict[int, int]] = {}
    wiped: list[Address] = []
    for _ in range(rng.randrange(1, 8)):
        address = make_address(rng.randrange(12))
        exists = address in state.accounts
        kind = rng.randrange(6)
        if kind == 0 and exists and address not in storage:
            accounts[address] = None
            continue
        if accounts.get(address, 0) is None:
            continue
        if kind <= 2 or not exists:
            accounts[address] = Account(rng.randrange(3), rng.randrange(10**20))
        if kind == 3 and exists and address not in wiped:
            wiped.append(address)
        if kind >= 3:
            slots = {
                rng.randrange(20): rng.choice((0, 1, 127, 128, 2**256 - 1))
                for _ in range(rng.randrange(1, 6))
            }
            storage[address] = storage.get(address, {}) | slots
    return StateChanges(accounts, storage, tuple(wiped))


@pytest.mark.parametrize("cached_nodes", [2, 1000])
@pytest.mark.parametrize("seed", range(4))
def test_root_and_rows_follow_every_kind_of_change(seed: int, cached_nodes: int) -> None:
    rng = random.Random(seed)
    committer = Committer(cached_nodes)
    state = NaiveState()
    for _ in range(40):
        changes = random_changes(rng, state)
        committer.compute(random_changes(rng, state))  # of a proposal that is never committed
        update = committer.compute(changes)
        committer.commit(update)
        state.apply(changes)
        assert update.root == state.root() == committed_root(committer.rows)
        check_tries(committer.rows, update.root)
        for address in map(make_address, range(12)):
            account = committer.view.account(address)
            assert committer.view.has_storage(address) == bool(state.storage.get(address))
            if account is not None:
                assert account.storage_root == state.storage_root(address)
            for slot in range(20):
                assert committer.view.storage(address, slot) == state.storage.get(address, {}).get(slot, 0)


def test_the_update_states_the_storage_roots_and_leaves_the_changes_alone() -> None:
    address = make_address(1)
    changes = StateChanges({address: Account(1, 2)}, {address: {1: 1}})
    update = Committer().compute(changes)
    account = update.changes.accounts[address]
    assert account is not None
    assert account.storage_root != EMPTY_TRIE_ROOT
    assert changes.accounts[address] == Account(1, 2)


def test_a_storage_change_alone_changes_the_account() -> None:
    committer = Committer()
    address = make_address(1)
    committer.commit(committer.compute(StateChanges({address: Account(1, 2)})))
    update = committer.compute(StateChanges(storage={address: {1: 1}}))
    assert set(update.changes.accounts) == {address}
    assert update.root != committer.root


def test_changes_that_change_nothing_write_nothing() -> None:
    committer = Committer()
    address = make_address(1)
    base = StateChanges({address: Account(1, 2)}, {address: {1: 1}})
    committer.commit(committer.compute(base))
    update = committer.compute(base)
    assert update.root == committer.root
    assert update.changes.accounts == {}
    assert committer.compute(StateChanges({make_address(9): None})).rows == {}


def test_a_wipe_tells_that_committed_slots_are_gone() -> None:
    committer = Committer()
    address, other = make_address(1), make_address(2)
    base = StateChanges({address: Account(1, 2), other: Account(1, 2)}, {address: {1: 1}})
    committer.commit(committer.compute(base))
    assert committer.compute(StateChanges({address: None})).wipes_storage
    assert committer.compute(StateChanges(wiped=(address,))).wipes_storage
    assert not committer.compute(StateChanges({other: None}, wiped=(other,))).wipes_storage


def test_storage_of_an_account_that_does_not_exist_is_a_bug() -> None:
    committer = Committer()
    with pytest.raises(InvariantViolation, match="does not exist"):
        committer.compute(StateChanges(storage={make_address(1): {1: 1}}))
    with pytest.raises(InvariantViolation, match="does not exist"):
        committer.compute(StateChanges({make_address(1): None}, {make_address(1): {1: 1}}))


def test_code_under_a_wrong_hash_is_a_bug() -> None:
    with pytest.raises(InvariantViolation, match="hash"):
        Committer().compute(StateChanges(code={EMPTY_KECCAK: b"code"}))


def test_root_of_the_empty_state_is_the_well_known_one() -> None:
    assert committed_root(MemoryStore()) == EMPTY_TRIE_ROOT
    committer = Committer()
    committer.commit(committer.compute(StateChanges({make_address(1): Account(1, 2)})))
    committer.commit(committer.compute(StateChanges({make_address(1): None})))
    assert committer.root == EMPTY_TRIE_ROOT
    assert list(committer.rows.iterate(b"")) == []
