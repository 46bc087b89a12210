"""A state with further changes on top, kept in memory.

Owns: which of the two answers. Never writes the state below and never computes a root.
"""

from __future__ import annotations

from chain.types import Address, Hash32
from state.account import Account
from state.changes import StateChanges
from state.reader import StateReader
from state.slot_map import table_of, word_key


class ChangedReader:
    """A StateReader over another one, whose changes grow. One thread at a time.

    An account has the storage root that its last change states.
    """

    __slots__ = ("_accounts", "_codes", "_reader", "_storage", "_wiped")

    def __init__(self, reader: StateReader) -> None:
        self._reader = reader
        self._accounts: dict[Address, Account | None] = {}
        self._storage: dict[Address, dict[bytes, int]] = {}
        self._wiped: dict[Address, None] = {}
        self._codes: dict[Hash32, bytes] = {}

    def absorb(self, changes: StateChanges) -> None:
        """Shows `changes`, which must be those of a WorldState on this reader as it was."""
        gone = [address for address, account in changes.accounts.items() if account is None]
        for address in (*changes.wiped, *gone):
            self._wiped[address] = None
            self._storage[address] = {}
        for address, slots in changes.storage.items():
            self._storage.setdefault(address, {}).update(table_of(slots))
        self._accounts.update(changes.accounts)
        self._codes.update(changes.code)

    def account(self, address: Address) -> Account | None:
        if address in self._accounts:
            return self._accounts[address]
        return self._reader.account(address)

    def storage(self, address: Address, slot: int) -> int:
        value = self._storage.get(address, {}).get(word_key(slot))
        if value is not None:
            return value
        return 0 if address in self._wiped else self._reader.storage(address, slot)

    def code(self, code_hash: Hash32) -> bytes:
        code = self._codes.get(code_hash)
        return code if code is not None else self._reader.code(code_hash)

    def has_storage(self, address: Address) -> bool:
        if any(self._storage.get(address, {}).values()):
            return True
        return address not in self._wiped and self._reader.has_storage(address)
