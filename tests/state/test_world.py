import copy
from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from chain.errors import InvariantViolation
from chain.keccak import EMPTY_KECCAK, keccak256
from chain.receipt import Log
from chain.types import Address, Hash32
from state.account import MAX_BALANCE, MAX_NONCE, Account
from state.changes import StateChanges
from state.reader import DictReader
from state.world import InsufficientBalance, WorldState

POOR, RICH, CONTRACT, HOLLOW, NOBODY = (Address(bytes((index,)) * 20) for index in range(5))
ADDRESSES = (POOR, RICH, CONTRACT, HOLLOW, NOBODY)
CODE = b"\x60\x00"
SOME_ROOT = Hash32(b"r" * 32)
BASE_ACCOUNTS = {
    POOR: Account(0, 0),  # an empty account, as only a genesis can have
    RICH: Account(3, 1000),
    CONTRACT: Account(1, 5, SOME_ROOT, keccak256(CODE)),
    HOLLOW: Account(0, 7, SOME_ROOT),
}
BASE_STORAGE = {CONTRACT: {0: 10, 1: 11}, HOLLOW: {1: 12}}
BASE = DictReader(BASE_ACCOUNTS, BASE_STORAGE, {keccak256(CODE): CODE})


@dataclass
class Model:
    """The same behaviour by copying everything for each snapshot."""

    accounts: dict[Address, tuple[int, int, bytes]]
    storage: dict[tuple[Address, int], int]
    wiped: set[Address] = field(default_factory=set)
    touched: set[Address] = field(default_factory=set)
    transient: dict[tuple[Address, int], int] = field(default_factory=dict)
    warm: set[object] = field(default_factory=set)
    logs: list[Log] = field(default_factory=list)
    refund: int = 0
    created: set[Address] = field(default_factory=set)
    destroyed: list[Address] = field(default_factory=list)

    def remove(self, address: Address) -> None:
        self.accounts.pop(address, None)
        self.wiped.add(address)
        for key in [key for key in self.storage if key[0] == address]:
            del self.storage[key]


def fresh_model() -> Model:
    code_of = {EMPTY_KECCAK: b"", keccak256(CODE): CODE}
    return Model(
        {address: (a.nonce, a.balance, code_of[a.code_hash]) for address, a in BASE_ACCOUNTS.items()},
        {(address, slot): v for address, slots in BASE_STORAGE.items() for slot, v in slots.items()},
    )


addresses = st.sampled_from(ADDRESSES)
slots = st.integers(0, 2)
values = st.integers(0, 3)


class WorldAgainstModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world = WorldState(BASE)
        self.model = fresh_model()
        self.at_start = copy.deepcopy(self.model.storage)
        self.snapshots: list[tuple[int, Model]] = []

    @rule(address=addresses, balance=st.integers(0, 3))
    def set_balance(self, address: Address, balance: int) -> None:
        self.world.set_balance(address, balance)
        nonce, _, code = self.model.accounts.get(address, (0, 0, b""))
        self.model.accounts[address] = (nonce, balance, code)
        self.model.touched.add(address)

    @rule(address=addresses, amount=st.integers(0, 10))
    def move_balance(self, address: Address, amount: int) -> None:
        _, balance, _ = self.model.accounts.get(address, (0, 0, b""))
        if balance < amount:
            with pytest.raises(InsufficientBalance):
                self.world.sub_balance(address, amount)
            self.world.add_balance(address, amount)
            balance += amount
        else:
            self.world.sub_balance(address, amount)
            balance -= amount
        nonce, _, code = self.model.accounts.get(address, (0, 0, b""))
        self.model.accounts[address] = (nonce, balance, code)
        self.model.touched.add(address)

    @rule(address=addresses, nonce=st.integers(0, 2))
    def set_nonce(self, address: Address, nonce: int) -> None:
        self.world.set_nonce(address, nonce)
        _, balance, code = self.model.accounts.get(address, (0, 0, b""))
        self.model.accounts[address] = (nonce, balance, code)
        self.model.touched.add(address)

    @rule(address=addresses, code=st.sampled_from([b"", CODE, b"other"]))
    def set_code(self, address: Address, code: bytes) -> None:
        self.world.set_code(address, code)
        nonce, balance, _ = self.model.accounts.get(address, (0, 0, b""))
        self.model.accounts[address] = (nonce, balance, code)
        self.model.touched.add(address)

    @rule(address=addresses)
    def touch(self, address: Address) -> None:
        self.world.touch(address)
        self.model.touched.add(address)

    @rule(address=addresses, slot=slots, value=values)
    def set_storage(self, address: Address, slot: int, value: int) -> None:
        self.world.set_storage(address, slot, value)
        self.model.storage[address, slot] = value
        assert self.world.get_original_storage(address, slot) == self.at_start.get((address, slot), 0)

    @rule(address=addresses)
    def delete(self, address: Address) -> None:
        self.world.delete(address)
        self.model.remove(address)

    @rule(address=addresses, slot=slots)
    def read_storage(self, address: Address, slot: int) -> None:
        assert self.world.get_storage(address, slot) == self.model.storage.get((address, slot), 0)
        assert self.world.get_original_storage(address, slot) == self.at_start.get((address, slot), 0)

    @rule(address=addresses, slot=slots, value=values)
    def set_transient(self, address: Address, slot: int, value: int) -> None:
        self.world.set_transient(address, slot, value)
        self.model.transient[address, slot] = value

    @rule(address=addresses, slot=slots)
    def warm(self, address: Address, slot: int) -> None:
        assert self.world.warm_address(address) == (address not in self.model.warm)
        assert self.world.warm_slot(address, slot) == ((address, slot) not in self.model.warm)
        self.model.warm |= {address, (address, slot)}

    @rule(address=addresses)
    def log(self, address: Address) -> None:
        log = Log(address, (), b"")
        self.world.add_log(log)
        self.model.logs.append(log)

    @rule(amount=st.integers(1, 5))
    def change_refund(self, amount: int) -> None:
        if self.model.refund >= amount:
            self.world.sub_refund(amount)
            self.model.refund -= amount
        else:
            self.world.add_refund(amount)
            self.model.refund += amount

    @rule(address=addresses)
    def create(self, address: Address) -> None:
        self.world.mark_created(address)
        self.model.created.add(address)

    @rule(address=addresses)
    def destroy(self, address: Address) -> None:
        self.world.mark_destroyed(address)
        if address not in self.model.destroyed:
            self.model.destroyed.append(address)

    @rule()
    def snapshot(self) -> None:
        self.snapshots.append((self.world.snapshot(), copy.deepcopy(self.model)))

    @precondition(lambda self: self.snapshots)
    @rule(data=st.data())
    def revert(self, data: st.DataObject) -> None:
        index = data.draw(st.integers(0, len(self.snapshots) - 1))
        mark, model = self.snapshots[index]
        del self.snapshots[index:]
        self.world.revert(mark)
        self.model = model

    @rule()
    def next_transaction(self) -> None:
        self.world.end_transaction()
        assert list(self.world.logs) == self.model.logs
        self.world.begin_transaction()
        model = self.model
        for address in model.destroyed:
            model.remove(address)
        for address in model.touched:
            if model.accounts.get(address) == (0, 0, b""):
                model.remove(address)
        self.model = Model(model.accounts, model.storage, model.wiped)
        self.at_start = copy.deepcopy(model.storage)
        self.snapshots = []

    @invariant()
    def accounts_agree(self) -> None:
        for address in ADDRESSES:
            fields = self.model.accounts.get(address)
            nonce, balance, code = fields or (0, 0, b"")
            assert self.world.exists(address) == (fields is not None)
            assert self.world.get_nonce(address) == nonce
            assert self.world.get_balance(address) == balance
            assert self.world.get_code(address) == code
            assert self.world.get_code_hash(address) == keccak256(code)
            assert self.world.is_empty(address) == ((nonce, balance, code) == (0, 0, b""))
            assert self.world.account_has_code_or_nonce(address) == (nonce > 0 or code != b"")
            written = any(v for (owner, _), v in self.model.storage.items() if owner == address)
            committed = address in BASE_STORAGE and address not in self.model.wiped
            assert self.world.has_storage(address) == (written or committed)

    @invariant()
    def substate_agrees(self) -> None:
        model = self.model
        assert list(self.world.logs) == model.logs
        assert self.world.refund == model.refund
        assert list(self.world.destroyed()) == model.destroyed
        for address in ADDRESSES:
            assert self.world.was_created_in_transaction(address) == (address in model.created)
            assert self.world.is_warm_address(address) == (address in model.warm)
            for slot in range(3):
                assert self.world.is_warm_slot(address, slot) == ((address, slot) in model.warm)
                assert self.world.get_transient(address, slot) == model.transient.get((address, slot), 0)

    @invariant()
    def changes_lead_from_the_base_to_the_model_and_hold_nothing_else(self) -> None:
        changes = self.world.changes()
        assert applied_accounts(changes) == self.model.accounts
        expected = {
            key: value for key, value in self.model.storage.items() if value and key[0] in self.model.accounts
        }
        assert applied_storage(changes) == expected
        for address, account in changes.accounts.items():
            base = BASE_ACCOUNTS.get(address)
            assert (account is None) != (base is None) or _fields(account) != _fields(base)
        for address, written in changes.storage.items():
            before = {} if address in changes.wiped else BASE_STORAGE.get(address, {})
            assert written
            assert all(value != before.get(slot, 0) for slot, value in written.items())
        assert all(address in BASE_STORAGE for address in changes.wiped)


def _fields(account: Account | None) -> tuple[int, int, bytes]:
    assert account is not None
    return account.nonce, account.balance, account.code_hash


def applied_accounts(changes: StateChanges) -> dict[Address, tuple[int, int, bytes]]:
    accounts: dict[Address, Account | None] = {**BASE_ACCOUNTS, **changes.accounts}
    codes = {EMPTY_KECCAK: b"", keccak256(CODE): CODE, **changes.code}
    return {
        address: (account.nonce, account.balance, codes[account.code_hash])
        for address, account in accounts.items()
        if account is not None
    }


def applied_storage(changes: StateChanges) -> dict[tuple[Address, int], int]:
    storage = {
        (address, slot): value
        for address, written in BASE_STORAGE.items()
        if address not in changes.wiped
        for slot, value in written.items()
    }
    for address, written in changes.storage.items():
        storage.update({(address, slot): value for slot, value in written.items()})
    return {key: value for key, value in storage.items() if value}


TestWorldAgainstModel = WorldAgainstModel.TestCase
TestWorldAgainstModel.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)


@pytest.fixture
def world() -> WorldState:
    return WorldState(BASE)


def test_reads_alone_change_nothing(world: WorldState) -> None:
    world.get_balance(RICH)
    world.get_code(CONTRACT)
    world.get_storage(CONTRACT, 0)
    world.get_storage(NOBODY, 0)
    world.end_transaction()
    assert world.changes().is_empty


def test_what_ends_where_it_began_is_no_change(world: WorldState) -> None:
    world.sub_balance(RICH, 100)
    world.add_balance(RICH, 100)
    world.set_storage(CONTRACT, 0, 99)
    world.set_storage(CONTRACT, 0, 10)
    world.end_transaction()
    assert world.changes().is_empty


def test_original_storage_is_that_of_the_transaction_not_of_the_block(world: WorldState) -> None:
    world.set_storage(CONTRACT, 0, 20)
    world.end_transaction()
    world.begin_transaction()
    world.set_storage(CONTRACT, 0, 30)
    assert world.get_original_storage(CONTRACT, 0) == 20
    assert world.get_storage(CONTRACT, 0) == 30


def test_original_storage_is_not_the_value_before_the_last_write(world: WorldState) -> None:
    world.set_storage(CONTRACT, 0, 20)
    world.set_storage(CONTRACT, 0, 30)
    assert world.get_original_storage(CONTRACT, 0) == 10


@pytest.mark.parametrize("read_before", [False, True])
def test_original_storage_outlives_a_deletion_and_its_revert(world: WorldState, read_before: bool) -> None:
    if read_before:
        world.get_storage(CONTRACT, 0)
    mark = world.snapshot()
    world.delete(CONTRACT)
    assert (world.get_storage(CONTRACT, 0), world.get_original_storage(CONTRACT, 0)) == (0, 10)
    world.set_storage(CONTRACT, 0, 5)
    assert world.get_original_storage(CONTRACT, 0) == 10
    world.revert(mark)
    assert (world.get_storage(CONTRACT, 0), world.get_original_storage(CONTRACT, 0)) == (10, 10)
    world.set_storage(CONTRACT, 1, 5)
    assert world.get_original_storage(CONTRACT, 1) == 11


def test_a_revert_keeps_the_original_of_a_slot(world: WorldState) -> None:
    mark = world.snapshot()
    world.set_storage(CONTRACT, 0, 20)
    world.revert(mark)
    assert world.get_original_storage(CONTRACT, 0) == world.get_storage(CONTRACT, 0) == 10


def test_a_contract_created_and_destroyed_in_one_transaction_leaves_nothing(world: WorldState) -> None:
    world.begin_transaction()
    world.set_nonce(NOBODY, 1)
    world.set_code(NOBODY, b"code of a short life")
    world.set_storage(NOBODY, 1, 1)
    world.mark_created(NOBODY)
    world.mark_destroyed(NOBODY)
    assert world.get_code(NOBODY) == b"code of a short life"
    world.end_transaction()
    assert not world.exists(NOBODY)
    assert world.get_storage(NOBODY, 1) == 0
    assert world.changes().is_empty


def test_storage_of_a_destroyed_and_recreated_account_starts_from_nothing(world: WorldState) -> None:
    world.begin_transaction()
    world.set_storage(HOLLOW, 0, 5)
    world.mark_destroyed(HOLLOW)
    world.end_transaction()
    world.begin_transaction()
    world.set_nonce(HOLLOW, 1)
    assert (world.get_storage(HOLLOW, 0), world.get_storage(HOLLOW, 1)) == (0, 0)
    assert not world.has_storage(HOLLOW)
    world.set_storage(HOLLOW, 2, 7)
    world.end_transaction()
    changes = world.changes()
    assert changes.wiped == (HOLLOW,)
    assert changes.storage == {HOLLOW: {2: 7}}
    assert changes.accounts == {HOLLOW: Account(1, 0)}


def test_an_account_recreated_as_it_was_still_loses_its_storage(world: WorldState) -> None:
    world.begin_transaction()
    world.mark_destroyed(HOLLOW)
    world.end_transaction()
    world.add_balance(HOLLOW, 7)
    changes = world.changes()
    assert changes.accounts == {}
    assert changes.wiped == (HOLLOW,)


def test_an_empty_account_goes_only_when_touched(world: WorldState) -> None:
    world.begin_transaction()
    world.get_balance(POOR)
    world.end_transaction()
    assert world.exists(POOR)
    world.begin_transaction()
    world.add_balance(POOR, 0)
    world.end_transaction()
    assert not world.exists(POOR)
    assert world.changes().accounts == {POOR: None}


def test_a_reverted_touch_does_not_count(world: WorldState) -> None:
    world.begin_transaction()
    mark = world.snapshot()
    world.touch(POOR)
    world.revert(mark)
    world.end_transaction()
    assert world.exists(POOR)


def test_a_new_account_that_ends_empty_is_not_made(world: WorldState) -> None:
    world.begin_transaction()
    world.add_balance(NOBODY, 0)
    assert world.exists(NOBODY)
    world.end_transaction()
    assert not world.exists(NOBODY)
    assert world.changes().is_empty


def test_code_is_only_handed_over_when_an_account_newly_refers_to_it(world: WorldState) -> None:
    mark = world.snapshot()
    world.set_code(RICH, b"never used")
    world.revert(mark)
    world.set_code(CONTRACT, CODE)
    world.set_code(RICH, b"delegation")
    changes = world.changes()
    assert changes.code == {keccak256(b"delegation"): b"delegation"}


def test_taking_the_code_away_leaves_an_account_without_code(world: WorldState) -> None:
    world.set_code(CONTRACT, b"")
    assert world.get_code_hash(CONTRACT) == EMPTY_KECCAK
    account = world.changes().accounts[CONTRACT]
    assert account is not None
    assert account.code_hash == EMPTY_KECCAK
    assert world.changes().code == {}


def test_a_mark_from_an_ended_transaction_cannot_be_reverted_to(world: WorldState) -> None:
    world.set_balance(RICH, 1)
    mark = world.snapshot()
    world.end_transaction()
    with pytest.raises(InvariantViolation, match="mark"):
        world.revert(mark)


@pytest.mark.parametrize("balance", [-1, MAX_BALANCE + 1])
def test_a_balance_out_of_range_is_a_bug(world: WorldState, balance: int) -> None:
    with pytest.raises(InvariantViolation):
        world.set_balance(RICH, balance)


def test_negative_amounts_and_a_negative_refund_are_bugs(world: WorldState) -> None:
    with pytest.raises(InvariantViolation):
        world.add_balance(RICH, -1)
    with pytest.raises(InvariantViolation):
        world.sub_balance(RICH, -1)
    with pytest.raises(InvariantViolation):
        world.sub_refund(1)


def test_the_nonce_ends_at_64_bits(world: WorldState) -> None:
    world.set_nonce(RICH, MAX_NONCE)
    with pytest.raises(InvariantViolation):
        world.increment_nonce(RICH)


def test_storage_without_an_account_is_not_handed_over(world: WorldState) -> None:
    world.set_storage(NOBODY, 1, 1)
    world.end_transaction()
    assert world.changes().storage == {}
