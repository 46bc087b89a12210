import pytest

from chain.errors import InvariantViolation
from chain.keccak import EMPTY_KECCAK, keccak256
from chain.types import Hash32
from state.account import Account, encode_flat_account
from state.caches import ByteBoundedCache, VersionedCache
from state.flat import account_key, code_key, encode_slot_value, slot_key
from state.kv import DatabaseDamaged, MemoryStore
from state.slot_map import word_key
from state.views import StateCaches, StateView
from tests.state.chain_builder import make_address

WITH_STORAGE, WITHOUT_STORAGE, ABSENT = make_address(1), make_address(2), make_address(3)
ACCOUNT = Account(1, 2, storage_root=Hash32(b"r" * 32))


def caches(version: int = 0) -> StateCaches:
    return StateCaches(VersionedCache(100, version), VersionedCache(100, version), ByteBoundedCache(1000))


@pytest.fixture
def rows() -> MemoryStore:
    store = MemoryStore()
    store.write(
        {
            account_key(WITH_STORAGE): encode_flat_account(ACCOUNT),
            account_key(WITHOUT_STORAGE): encode_flat_account(Account(3, 4)),
            slot_key(WITH_STORAGE, 5): encode_slot_value(6),
            slot_key(WITHOUT_STORAGE, 5): encode_slot_value(
                7
            ),  # cannot be, and so shows whether it is looked for
            code_key(keccak256(b"code")): b"code",
        },
        sync=True,
    )
    return store


def test_a_view_reads_accounts_slots_and_code(rows: MemoryStore) -> None:
    view = StateView(0, rows, caches())
    for _ in range(2):
        assert view.account(WITH_STORAGE) == ACCOUNT
        assert view.account(ABSENT) is None
        assert view.storage(WITH_STORAGE, 5) == 6
        assert view.storage(WITH_STORAGE, 6) == 0
        assert view.code(keccak256(b"code")) == b"code"
        assert view.code(EMPTY_KECCAK) == b""
        assert view.has_storage(WITH_STORAGE)
        assert not view.has_storage(WITHOUT_STORAGE)
        assert not view.has_storage(ABSENT)


def test_slots_of_an_account_without_storage_are_not_looked_for(rows: MemoryStore) -> None:
    view = StateView(0, rows, caches())
    assert view.storage(WITHOUT_STORAGE, 5) == 0
    assert view.storage(ABSENT, 5) == 0


def test_what_was_read_once_is_not_read_again(rows: MemoryStore) -> None:
    shared = caches()
    first = StateView(0, rows, shared)
    first.account(WITH_STORAGE), first.account(ABSENT), first.storage(WITH_STORAGE, 5)
    first.code(keccak256(b"code"))
    rows.close()
    again = StateView(0, rows, shared)
    assert again.account(WITH_STORAGE) == ACCOUNT
    assert again.account(ABSENT) is None
    assert again.storage(WITH_STORAGE, 5) == 6
    assert again.code(keccak256(b"code")) == b"code"


def test_views_of_two_versions_share_caches_without_mixing(rows: MemoryStore) -> None:
    shared = caches()
    old = StateView(0, rows.snapshot(), shared)
    old.account(WITH_STORAGE)
    changed = Account(9, 9, ACCOUNT.storage_root)
    rows.write(
        {
            account_key(WITH_STORAGE): encode_flat_account(changed),
            slot_key(WITH_STORAGE, 5): encode_slot_value(60),
        },
        sync=True,
    )
    shared.accounts.advance(1, [(WITH_STORAGE, changed)])
    shared.slots.advance(1, [((WITH_STORAGE, word_key(5)), 60)])
    new = StateView(1, rows.snapshot(), shared)
    for _ in range(2):
        assert (old.account(WITH_STORAGE), new.account(WITH_STORAGE)) == (ACCOUNT, changed)
        assert (old.storage(WITH_STORAGE, 5), new.storage(WITH_STORAGE, 5)) == (6, 60)
        assert old.account(WITHOUT_STORAGE) == new.account(WITHOUT_STORAGE) == Account(3, 4)


def test_code_that_was_never_stored_is_a_bug(rows: MemoryStore) -> None:
    with pytest.raises(InvariantViolation, match="not in the state"):
        StateView(0, rows, caches()).code(keccak256(b"other"))


def test_a_garbled_row_is_damage(rows: MemoryStore) -> None:
    rows.write({account_key(ABSENT): b"\xff", slot_key(WITH_STORAGE, 5): bytes(33)}, sync=True)
    view = StateView(0, rows, caches())
    with pytest.raises(DatabaseDamaged, match="account"):
        view.account(ABSENT)
    with pytest.raises(DatabaseDamaged, match="slot 5"):
        view.storage(WITH_STORAGE, 5)
