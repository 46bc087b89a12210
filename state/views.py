"""StateView: the committed state after one block, read from the flat state.

Owns reading accounts, slots and code of one committed version, from a snapshot of the store and the caches
that all versions share. Never writes and never walks the trie.

Threads: a view may be used from any number of threads while later blocks are committed. After the store is
closed, reads raise DatabaseUnavailable.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from chain.errors import InvariantViolation
from chain.keccak import EMPTY_KECCAK, EMPTY_TRIE_ROOT
from chain.types import Address, Hash32
from state.account import Account, decode_flat_account
from state.caches import ByteBoundedCache, VersionedCache
from state.flat import account_key, code_key, decode_slot_value, slot_key
from state.kv import DatabaseDamaged, KeyValueReader
from state.slot_map import SLOT_BYTES

CODE_OVERHEAD_BYTES: Final = 200  # of a cache entry besides the code itself


@dataclass(frozen=True, slots=True)
class StateCaches:
    """What is remembered of the newest committed state; see VersionedCache for how older views share it."""

    accounts: VersionedCache[Address, Account | None]
    slots: VersionedCache[tuple[Address, bytes], int]
    codes: ByteBoundedCache[Hash32, bytes]  # by content, so true for every version


class StateView:
    """A StateReader over the state after block `number`."""

    __slots__ = ("_accounts", "_codes", "_rows", "_slots", "number")

    def __init__(self, number: int, rows: KeyValueReader, caches: StateCaches) -> None:
        self.number = number
        self._rows = rows
        self._accounts = caches.accounts
        self._slots = caches.slots
        self._codes = caches.codes

    @property
    def rows(self) -> KeyValueReader:
        """The store as it was after that block; its trie nodes too."""
        return self._rows

    def account(self, address: Address) -> Account | None:
        entry = self._accounts.young.get(address)
        if entry is not None and entry[1] <= self.number:
            return entry[0]
        return self._find_account(address)

    def _find_account(self, address: Address) -> Account | None:
        entry = self._accounts.find(address, self.number)
        if entry is not None:
            return entry[0]
        raw = self._rows.get(account_key(address))
        try:
            account = decode_flat_account(raw) if raw is not None else None
        except ValueError as error:
            raise DatabaseDamaged(f"account 0x{address.hex()}: {error}") from error
        self._accounts.offer(address, account, self.number)
        return account

    def storage(self, address: Address, slot: int) -> int:
        entry = self._slots.young.get((address, slot.to_bytes(SLOT_BYTES)))
        if entry is not None and entry[1] <= self.number:
            return entry[0]
        # Most slots that nobody has read before belong to accounts without storage: no need to look for them.
        return self._find_slot(address, slot) if self.has_storage(address) else 0

    def _find_slot(self, address: Address, slot: int) -> int:
        key = (address, slot.to_bytes(SLOT_BYTES))
        entry = self._slots.find(key, self.number)
        if entry is not None:
            return entry[0]
        raw = self._rows.get(slot_key(address, slot))
        try:
            value = decode_slot_value(raw) if raw is not None else 0
        except ValueError as error:
            raise DatabaseDamaged(f"slot {slot} of 0x{address.hex()}: {error}") from error
        self._slots.offer(key, value, self.number)
        return value

    def code(self, code_hash: Hash32) -> bytes:
        if code_hash == EMPTY_KECCAK:
            return b""
        code = self._codes.get(code_hash)
        if code is None:
            code = self._rows.get(code_key(code_hash))
            if code is None:
                raise InvariantViolation(f"code 0x{code_hash.hex()} is not in the state")
            self._codes.put(code_hash, code, len(code) + CODE_OVERHEAD_BYTES)
        return code

    def has_storage(self, address: Address) -> bool:
        account = self.account(address)
        return account is not None and account.storage_root != EMPTY_TRIE_ROOT
