import pytest
import rlp
from hypothesis import given
from hypothesis import strategies as st

from chain.errors import InvariantViolation
from chain.keccak import EMPTY_KECCAK, EMPTY_TRIE_ROOT
from chain.types import Hash32
from state.account import (
    EMPTY_ACCOUNT,
    MAX_BALANCE,
    MAX_NONCE,
    Account,
    decode_flat_account,
    encode_flat_account,
    trie_leaf_value,
)

hashes = st.binary(min_size=32, max_size=32).map(Hash32)
accounts = st.builds(
    Account,
    nonce=st.integers(0, MAX_NONCE),
    balance=st.integers(0, MAX_BALANCE),
    storage_root=st.just(EMPTY_TRIE_ROOT) | hashes,
    code_hash=st.just(EMPTY_KECCAK) | hashes,
)


@given(accounts)
def test_flat_form_reads_back_as_the_same_account(account: Account) -> None:
    assert decode_flat_account(encode_flat_account(account)) == account


@given(accounts)
def test_trie_leaf_is_the_rlp_list_of_the_yellow_paper(account: Account) -> None:
    fields = [account.nonce, account.balance, account.storage_root, account.code_hash]
    assert trie_leaf_value(account) == rlp.encode(fields)


@given(st.binary(max_size=120))
def test_foreign_bytes_are_refused_or_read_as_something_valid(raw: bytes) -> None:
    try:
        account = decode_flat_account(raw)
    except ValueError:
        return
    assert 0 <= account.nonce <= MAX_NONCE
    assert 0 <= account.balance <= MAX_BALANCE
    assert len(account.storage_root) == len(account.code_hash) == 32


@given(accounts, st.data())
def test_a_cut_off_account_is_refused(account: Account, data: st.DataObject) -> None:
    raw = encode_flat_account(account)
    with pytest.raises(ValueError):
        decode_flat_account(raw[: data.draw(st.integers(0, len(raw) - 1))])


@pytest.mark.parametrize(
    "account",
    [
        Account(-1, 0),
        Account(MAX_NONCE + 1, 0),
        Account(0, -1),
        Account(0, MAX_BALANCE + 1),
        Account(0, 0, storage_root=Hash32(b"short")),
        Account(0, 0, code_hash=Hash32(b"")),
    ],
)
def test_an_account_out_of_range_is_never_written(account: Account) -> None:
    with pytest.raises(InvariantViolation):
        encode_flat_account(account)
    with pytest.raises(InvariantViolation):
        trie_leaf_value(account)


def test_only_an_account_without_nonce_balance_and_code_is_empty() -> None:
    assert EMPTY_ACCOUNT.is_empty
    assert Account(0, 0, storage_root=Hash32(b"r" * 32)).is_empty
    assert not Account(1, 0).is_empty
    assert not Account(0, 1).is_empty
    assert not Account(0, 0, code_hash=Hash32(b"c" * 32)).is_empty
