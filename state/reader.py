"""What every user of the state may ask: the read interface over one fixed version of it.

Owns the protocol only; state.views and tests implement it. Never writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from chain.errors import InvariantViolation
from chain.keccak import EMPTY_KECCAK, EMPTY_TRIE_ROOT
from chain.types import Address, Hash32
from state.account import Account


class StateReader(Protocol):
    """Read access to one version of the state. Implementations say whether threads may share them."""

    def account(self, address: Address) -> Account | None:
        """The account, or None if it does not exist."""
        ...

    def storage(self, address: Address, slot: int) -> int:
        """Value of `slot` (both 256-bit numbers); 0 if never written."""
        ...

    def code(self, code_hash: Hash32) -> bytes:
        """Code by its keccak-256. Raises InvariantViolation if no such code was ever stored."""
        ...

    def has_storage(self, address: Address) -> bool:
        """Whether the account has any non-zero slot (EIP-7610)."""
        ...


class DictReader:
    """A StateReader over plain dictionaries: an empty state for genesis, or a small state in tests.

    The dictionaries are read, never written; `storage` must not hold zeros. Safe to share between threads as
    long as nobody changes them.
    """

    __slots__ = ("_accounts", "_codes", "_storage")

    def __init__(
        self,
        accounts: Mapping[Address, Account] | None = None,
        storage: Mapping[Address, Mapping[int, int]] | None = None,
        codes: Mapping[Hash32, bytes] | None = None,
    ) -> None:
        self._accounts = accounts if accounts is not None else {}
        self._storage = storage if storage is not None else {}
        self._codes = codes if codes is not None else {}

    def account(self, address: Address) -> Account | None:
        return self._accounts.get(address)

    def storage(self, address: Address, slot: int) -> int:
        slots = self._storage.get(address)
        return slots.get(slot, 0) if slots is not None else 0

    def code(self, code_hash: Hash32) -> bytes:
        if code_hash == EMPTY_KECCAK:
            return b""
        code = self._codes.get(code_hash)
        if code is None:
            raise InvariantViolation(f"code 0x{code_hash.hex()} is not in the state")
        return code

    def has_storage(self, address: Address) -> bool:
        account = self._accounts.get(address)
        stated = account is not None and account.storage_root != EMPTY_TRIE_ROOT
        return stated or bool(self._storage.get(address))
