"""Accounts: the value, its compact form in the flat state, and its form as a leaf of the state trie.

Owns both encodings. Never reads or writes the store.
Specification: Ethereum yellow paper, section 4.1 (world state): the leaf is RLP([nonce, balance, storageRoot,
codeHash]).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from chain.errors import InvariantViolation
from chain.keccak import EMPTY_KECCAK, EMPTY_TRIE_ROOT
from chain.rlp import encode_uint
from chain.types import Hash32

MAX_BALANCE: Final = 2**256 - 1
MAX_NONCE: Final = 2**64 - 1  # EIP-2681

_HAS_STORAGE: Final = 0x40
_HAS_CODE: Final = 0x80
_LENGTH_MASK: Final = 0x3F


@dataclass(frozen=True, slots=True)
class Account:
    """One account of the committed state. `balance` is in wei."""

    nonce: int
    balance: int
    storage_root: Hash32 = EMPTY_TRIE_ROOT
    code_hash: Hash32 = EMPTY_KECCAK

    @property
    def is_empty(self) -> bool:
        """No nonce, no balance, no code (EIP-161)."""
        return self.nonce == 0 and self.balance == 0 and self.code_hash == EMPTY_KECCAK


EMPTY_ACCOUNT: Final = Account(0, 0)


def _check(account: Account) -> None:
    if not (0 <= account.nonce <= MAX_NONCE and 0 <= account.balance <= MAX_BALANCE):
        raise InvariantViolation(f"account out of range: nonce {account.nonce}, balance {account.balance}")
    if len(account.storage_root) != 32 or len(account.code_hash) != 32:
        raise InvariantViolation("account with a root or code hash that is not 32 bytes long")


def encode_flat_account(account: Account) -> bytes:
    """Value of the flat state: flags and nonce length, balance length, nonce, balance, then root and code
    hash unless empty.

    Raises InvariantViolation for numbers out of range.
    """
    _check(account)
    nonce_length = (account.nonce.bit_length() + 7) >> 3
    balance_length = (account.balance.bit_length() + 7) >> 3
    flags = nonce_length
    tail = b""
    if account.storage_root != EMPTY_TRIE_ROOT:
        flags |= _HAS_STORAGE
        tail = account.storage_root
    if account.code_hash != EMPTY_KECCAK:
        flags |= _HAS_CODE
        tail += account.code_hash
    return (
        bytes((flags, balance_length))
        + account.nonce.to_bytes(nonce_length, "big")
        + account.balance.to_bytes(balance_length, "big")
        + tail
    )


def decode_flat_account(raw: bytes) -> Account:
    """Inverse of `encode_flat_account`. Raises ValueError if `raw` is not what that function writes."""
    if len(raw) < 2:
        raise ValueError("flat account too short")
    flags = raw[0]
    nonce_length = flags & _LENGTH_MASK
    if nonce_length > 8 or raw[1] > 32:
        raise ValueError("flat account with a number out of range")
    nonce_end = 2 + nonce_length
    balance_end = nonce_end + raw[1]
    at = balance_end
    storage_root = EMPTY_TRIE_ROOT
    code_hash = EMPTY_KECCAK
    if flags & _HAS_STORAGE:
        storage_root = Hash32(raw[at : at + 32])
        at += 32
    if flags & _HAS_CODE:
        code_hash = Hash32(raw[at : at + 32])
        at += 32
    if at != len(raw):
        raise ValueError("flat account of a wrong length")
    nonce = int.from_bytes(raw[2:nonce_end], "big")
    balance = int.from_bytes(raw[nonce_end:balance_end], "big")
    return Account(nonce, balance, storage_root, code_hash)


def trie_leaf_value(account: Account) -> bytes:
    """RLP([nonce, balance, storageRoot, codeHash]), the value of the account's leaf in the state trie.

    Raises InvariantViolation for numbers out of range.
    """
    _check(account)
    payload = b"".join(
        (
            encode_uint(account.nonce),
            encode_uint(account.balance),
            b"\xa0",
            account.storage_root,
            b"\xa0",
            account.code_hash,
        )
    )
    return b"\xf8" + bytes((len(payload),)) + payload  # 68 to 108 bytes: always the one-byte long form
