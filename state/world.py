"""WorldState: the journaled overlay through which everything that executes reads and writes the state.

Owns what a block has changed so far and how to undo it: accounts, storage, transient storage (EIP-1153), warm
sets (EIP-2929), logs, the refund counter, and the marks of created and destroyed accounts (EIP-6780). Never
touches the store: it reads through a StateReader and ends in a StateChanges. Knows no gas and no opcode.

How undo works: every journaled thing lives in some dictionary, and every write first appends
(dictionary, key, previous value) to one list. A snapshot is the length of that list; reverting pops entries
and puts the previous values back. Values that were only read are kept too, but need no entry.

Threads: one WorldState belongs to one thread at a time.
Specification: yellow paper sections 4.1 and 6.1 (substate), EIP-161, 1153, 2200, 2929, 6780, 7610.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from chain.errors import CallerError, InvariantViolation
from chain.keccak import EMPTY_KECCAK, keccak256
from chain.receipt import Log
from chain.types import Address, Hash32
from state.account import MAX_BALANCE, MAX_NONCE, Account
from state.changes import StateChanges
from state.reader import StateReader
from state.slot_map import SLOT_BYTES, SlotMap

# nonce, balance, code hash. A plain tuple, because one is made for every write.
_Fields: TypeAlias = tuple[int, int, Hash32]
_NEW: Final[_Fields] = (0, 0, EMPTY_KECCAK)
_ABSENT: Final = object()
_REFUND: Final = "refund"


class InsufficientBalance(CallerError):
    """An account holds less than what is to be taken from it."""


class WorldState:
    """The state as the running block sees it. Amounts are in wei; slots and values are 256-bit numbers."""

    __slots__ = (
        "_accounts",
        "_base_accounts",
        "_base_storage",
        "_before_wipe",
        "_codes",
        "_counters",
        "_created",
        "_destroyed",
        "_journal",
        "_logs",
        "_originals",
        "_reader",
        "_storage",
        "_transient",
        "_warm_addresses",
        "_warm_slots",
        "_wiped",
    )

    def __init__(self, reader: StateReader) -> None:
        self._reader = reader
        self._accounts: dict[Address, _Fields | None] = {}
        self._base_accounts: dict[Address, _Fields | None] = {}  # as the reader has them
        self._storage: dict[Address, dict[bytes, int]] = {}  # slots are keys as state.slot_map says
        self._base_storage: dict[Address, dict[bytes, int]] = {}  # as the reader has it
        self._wiped: dict[Address, bool] = {}  # storage that the reader has no longer counts
        self._codes: dict[Hash32, bytes] = {}  # by content, so an entry can stay when its writer is reverted
        self._journal: list[tuple[dict[Any, Any], Any, Any]] = []
        self._reset_transaction()

    def _reset_transaction(self) -> None:
        self._journal = []
        self._originals: dict[tuple[Address, bytes], int] = {}  # of slots that were written
        self._before_wipe: dict[Address, tuple[dict[bytes, int], bool]] = {}
        self._transient: dict[tuple[Address, bytes], int] = {}
        self._warm_addresses: dict[Address, None] = {}
        self._warm_slots: dict[tuple[Address, bytes], None] = {}
        self._logs: dict[int, Log] = {}
        self._counters: dict[str, int] = {_REFUND: 0}
        self._created: dict[Address, None] = {}
        self._destroyed: dict[Address, None] = {}

    # --- undo -------------------------------------------------------------------------------------

    def snapshot(self) -> int:
        """A mark to which `revert` can return until the transaction ends."""
        return len(self._journal)

    def revert(self, snapshot_id: int) -> None:
        """Undo everything since `snapshot_id`. Raises InvariantViolation if that mark is gone."""
        journal = self._journal
        if not 0 <= snapshot_id <= len(journal):
            raise InvariantViolation(
                f"revert to mark {snapshot_id}, but the journal has {len(journal)} entries"
            )
        while len(journal) > snapshot_id:
            mapping, key, previous = journal.pop()
            if previous is _ABSENT:
                del mapping[key]
            else:
                mapping[key] = previous

    # --- accounts ---------------------------------------------------------------------------------

    def _load(self, address: Address) -> _Fields | None:
        account = self._reader.account(address)
        fields = (account.nonce, account.balance, account.code_hash) if account is not None else None
        self._base_accounts[address] = fields
        self._accounts[address] = fields
        return fields

    def _fields(self, address: Address) -> _Fields | None:
        try:
            return self._accounts[address]
        except KeyError:
            return self._load(address)

    def _write(self, address: Address, previous: _Fields | None, fields: _Fields | None) -> None:
        self._journal.append((self._accounts, address, previous))
        self._accounts[address] = fields

    def get_balance(self, address: Address) -> int:
        """Balance in wei; 0 for an account that does not exist."""
        try:
            fields = self._accounts[address]
        except KeyError:
            fields = self._load(address)
        return fields[1] if fields is not None else 0

    def set_balance(self, address: Address, balance: int) -> None:
        """Raises InvariantViolation if `balance` does not fit 256 bits: total supply is far below that."""
        if not 0 <= balance <= MAX_BALANCE:
            raise InvariantViolation(f"balance {balance} of 0x{address.hex()} is out of range")
        previous = self._fields(address)
        nonce, _, code_hash = previous or _NEW
        self._write(address, previous, (nonce, balance, code_hash))

    def add_balance(self, address: Address, amount: int) -> None:
        """Credit `amount` >= 0. Crediting 0 touches the account (EIP-161)."""
        if amount < 0:
            raise InvariantViolation(f"credit of {amount}")
        self.set_balance(address, self.get_balance(address) + amount)

    def sub_balance(self, address: Address, amount: int) -> None:
        """Debit `amount` >= 0. Raises InsufficientBalance, having changed nothing."""
        balance = self.get_balance(address)
        if amount < 0:
            raise InvariantViolation(f"debit of {amount}")
        if balance < amount:
            raise InsufficientBalance(f"0x{address.hex()} has {balance} wei, needs {amount}")
        self.set_balance(address, balance - amount)

    def move_balance(self, sender: Address, recipient: Address, amount: int) -> None:
        """Debit one account and credit another, which may be the same. Raises InsufficientBalance, having changed
        nothing."""
        self.sub_balance(sender, amount)
        self.add_balance(recipient, amount)

    def get_nonce(self, address: Address) -> int:
        """Nonce; 0 for an account that does not exist."""
        fields = self._fields(address)
        return fields[0] if fields is not None else 0

    def set_nonce(self, address: Address, nonce: int) -> None:
        """Raises InvariantViolation if `nonce` does not fit 64 bits (EIP-2681: callers check before)."""
        if not 0 <= nonce <= MAX_NONCE:
            raise InvariantViolation(f"nonce {nonce} of 0x{address.hex()} is out of range")
        previous = self._fields(address)
        _, balance, code_hash = previous or _NEW
        self._write(address, previous, (nonce, balance, code_hash))

    def increment_nonce(self, address: Address) -> None:
        """Add one to the nonce. Raises InvariantViolation at the limit, as `set_nonce` does."""
        self.set_nonce(address, self.get_nonce(address) + 1)

    def get_code_hash(self, address: Address) -> Hash32:
        """keccak-256 of the code, that of nothing for accounts without code, also if they do not exist.

        EXTCODEHASH answers 0 for a dead account (EIP-1052): ask `is_empty` first.
        """
        fields = self._fields(address)
        return fields[2] if fields is not None else EMPTY_KECCAK

    def get_code(self, address: Address) -> bytes:
        """The account's code; empty if it has none or does not exist."""
        code_hash = self.get_code_hash(address)
        if code_hash == EMPTY_KECCAK:
            return b""
        code = self._codes.get(code_hash)
        if code is None:
            code = self._codes[code_hash] = self._reader.code(code_hash)
        return code

    def set_code(self, address: Address, code: bytes) -> None:
        """Give the account this code; empty code takes it away (EIP-7702)."""
        code_hash = keccak256(code) if code else EMPTY_KECCAK
        self._codes[code_hash] = code
        previous = self._fields(address)
        nonce, balance, _ = previous or _NEW
        self._write(address, previous, (nonce, balance, code_hash))

    def exists(self, address: Address) -> bool:
        """Whether there is an account, even an empty one that this transaction will remove at its end."""
        return self._fields(address) is not None

    def is_empty(self, address: Address) -> bool:
        """Whether the account is dead: missing, or no nonce, no balance and no code (EIP-161)."""
        fields = self._fields(address)
        return fields is None or fields == _NEW

    def account_has_code_or_nonce(self, address: Address) -> bool:
        """Whether no contract can be created here (EIP-684); `has_storage` is the other half (EIP-7610)."""
        fields = self._fields(address)
        return fields is not None and (fields[0] != 0 or fields[2] != EMPTY_KECCAK)

    def touch(self, address: Address) -> None:
        """Have the account removed at the end of the transaction if it is empty then (EIP-161)."""
        fields = self._fields(address)
        self._write(address, fields, fields)

    def delete(self, address: Address) -> None:
        """Remove the account with its storage at once. Its code stays available by hash.

        Meant for the end of a transaction: `get_original_storage` then answers 0 for slots that nobody read
        before.
        """
        self._write(address, self._fields(address), None)
        self._wipe(address)

    # --- storage ----------------------------------------------------------------------------------

    def _wipe(self, address: Address) -> None:
        # What get_original_storage needs if this happens within a transaction. Stays through a revert, because the
        # first wipe of a transaction knows the values from its begin either way.
        self._before_wipe.setdefault(address, (self._storage.get(address, {}), address in self._wiped))
        journal = self._journal
        journal.append((self._storage, address, self._storage.get(address, _ABSENT)))
        self._storage[address] = {}
        journal.append((self._wiped, address, self._wiped.get(address, _ABSENT)))
        self._wiped[address] = True

    def _load_slot(self, address: Address, slot: int) -> int:
        key = slot.to_bytes(SLOT_BYTES)
        slots = self._storage.get(address)
        if slots is None:
            slots = self._storage[address] = {}
        if address in self._wiped:
            value = 0
        else:
            value = self._reader.storage(address, slot)
            base = self._base_storage.get(address)
            if base is None:
                base = self._base_storage[address] = {}
            base[key] = value
        slots[key] = value
        return value

    def get_storage(self, address: Address, slot: int) -> int:
        """Value of the slot; 0 if never written."""
        try:
            return self._storage[address][slot.to_bytes(SLOT_BYTES)]
        except KeyError:
            return self._load_slot(address, slot)

    def access_storage(self, address: Address, slot: int) -> tuple[int, bool]:
        """Value of the slot, and whether it was cold; it is warm now. `get_storage` and `warm_slot` in one."""
        key = slot.to_bytes(SLOT_BYTES)
        place = (address, key)
        was_cold = place not in self._warm_slots
        if was_cold:
            self._journal.append((self._warm_slots, place, _ABSENT))
            self._warm_slots[place] = None
        try:
            return self._storage[address][key], was_cold
        except KeyError:
            return self._load_slot(address, slot), was_cold

    def get_original_storage(self, address: Address, slot: int) -> int:
        """Value of the slot when the transaction began (EIP-2200)."""
        original = self._originals.get((address, slot.to_bytes(SLOT_BYTES)))
        return original if original is not None else self._unwritten_storage(address, slot)

    def _unwritten_storage(self, address: Address, slot: int) -> int:
        """Value when the transaction began, of a slot that it has not written."""
        before = self._before_wipe.get(address)
        if before is None:
            return self.get_storage(address, slot)
        slots, was_wiped = before
        value = slots.get(slot.to_bytes(SLOT_BYTES))
        if value is not None:
            return value
        return 0 if was_wiped else self._reader.storage(address, slot)

    def set_storage(self, address: Address, slot: int, value: int) -> None:
        """Write the slot; 0 clears it. `value` is below 2**256."""
        key = slot.to_bytes(SLOT_BYTES)
        try:
            slots = self._storage[address]
            previous = slots[key]
        except KeyError:
            previous = self._load_slot(address, slot)
            slots = self._storage[address]
        place = (address, key)
        if place not in self._originals:
            self._originals[place] = self._unwritten_storage(address, slot) if self._before_wipe else previous
        self._journal.append((slots, key, previous))
        slots[key] = value

    def exchange_storage(self, address: Address, slot: int, value: int) -> tuple[int, int, bool]:
        """Write the slot, which is warm then: its value when the transaction began, its value until now, whether it was
        cold. As `access_storage`, `get_original_storage` and `set_storage`, in less time.

        Whoever has to pay for the write and cannot must have it reverted.
        """
        key = slot.to_bytes(SLOT_BYTES)
        place = (address, key)
        was_cold = place not in self._warm_slots
        if was_cold:
            self._journal.append((self._warm_slots, place, _ABSENT))
            self._warm_slots[place] = None
        try:
            slots = self._storage[address]
            previous = slots[key]
        except KeyError:
            previous = self._load_slot(address, slot)
            slots = self._storage[address]
        original = self._originals.get(place)
        if original is None:
            original = self._unwritten_storage(address, slot) if self._before_wipe else previous
        if value != previous:
            self._originals[place] = original
            self._journal.append((slots, key, previous))
            slots[key] = value
        return original, previous, was_cold

    def has_storage(self, address: Address) -> bool:
        """Whether the account has any non-zero slot (EIP-7610).

        An account whose committed slots were all cleared within this block still counts as having storage:
        only its own code can clear them, and an account with code is no place for a new contract anyway.
        """
        slots = self._storage.get(address)
        if slots is not None and any(slots.values()):
            return True
        return address not in self._wiped and self._reader.has_storage(address)

    def get_transient(self, address: Address, slot: int) -> int:
        """Transient value of the slot (EIP-1153); 0 if not written in this transaction."""
        return self._transient.get((address, slot.to_bytes(SLOT_BYTES)), 0)

    def set_transient(self, address: Address, slot: int, value: int) -> None:
        """Write the transient slot."""
        key = (address, slot.to_bytes(SLOT_BYTES))
        self._journal.append((self._transient, key, self._transient.get(key, _ABSENT)))
        self._transient[key] = value

    # --- substate ---------------------------------------------------------------------------------

    def is_warm_address(self, address: Address) -> bool:
        """Whether the address was accessed in this transaction (EIP-2929)."""
        return address in self._warm_addresses

    def warm_address(self, address: Address) -> bool:
        """Mark the address as accessed; True if it was cold."""
        if address in self._warm_addresses:
            return False
        self._journal.append((self._warm_addresses, address, _ABSENT))
        self._warm_addresses[address] = None
        return True

    def is_warm_slot(self, address: Address, slot: int) -> bool:
        """Whether the slot was accessed in this transaction (EIP-2929)."""
        return (address, slot.to_bytes(SLOT_BYTES)) in self._warm_slots

    def warm_slot(self, address: Address, slot: int) -> bool:
        """Mark the slot as accessed; True if it was cold."""
        key = (address, slot.to_bytes(SLOT_BYTES))
        if key in self._warm_slots:
            return False
        self._journal.append((self._warm_slots, key, _ABSENT))
        self._warm_slots[key] = None
        return True

    def add_log(self, log: Log) -> None:
        """Append a log of this transaction."""
        index = len(self._logs)
        self._journal.append((self._logs, index, _ABSENT))
        self._logs[index] = log

    @property
    def logs(self) -> tuple[Log, ...]:
        """Logs of this transaction, in order."""
        return tuple(self._logs.values())

    def add_refund(self, amount: int) -> None:
        """Raise the refund counter by `amount` gas."""
        refund = self._counters[_REFUND]
        self._journal.append((self._counters, _REFUND, refund))
        self._counters[_REFUND] = refund + amount

    def sub_refund(self, amount: int) -> None:
        """Lower the refund counter. Raises InvariantViolation if it would fall below zero."""
        if amount > self._counters[_REFUND]:
            raise InvariantViolation(f"refund counter at {self._counters[_REFUND]}, {amount} to be taken")
        self.add_refund(-amount)

    @property
    def refund(self) -> int:
        """Refund counter of this transaction, in gas."""
        return self._counters[_REFUND]

    def mark_created(self, address: Address) -> None:
        """Note that a contract was created here in this transaction."""
        self._mark(self._created, address)

    def was_created_in_transaction(self, address: Address) -> bool:
        """Whether this transaction created the contract: only such a one can be destroyed (EIP-6780)."""
        return address in self._created

    def mark_destroyed(self, address: Address) -> None:
        """Have the account removed, with its storage, at the end of the transaction.

        Whether SELFDESTRUCT may do that is a rule of the fork, and so a decision of the caller.
        """
        self._mark(self._destroyed, address)

    def destroyed(self) -> tuple[Address, ...]:
        """Accounts marked as destroyed, in the order of their marks."""
        return tuple(self._destroyed)

    def _mark(self, marks: dict[Address, None], address: Address) -> None:
        if address not in marks:
            self._journal.append((marks, address, _ABSENT))
            marks[address] = None

    # --- transaction and block --------------------------------------------------------------------

    def begin_transaction(self) -> None:
        """Start a transaction: nothing warm, no logs, refund or marks; what was written so far is final."""
        self._reset_transaction()

    def end_transaction(self, *, clears_empty: bool = True) -> None:
        """Finish a transaction: remove destroyed accounts, drop the journal.

        clears_empty: also remove accounts that were touched and are empty (EIP-161).
        Logs, refund and marks can still be read until the next `begin_transaction`.
        """
        accounts = self._accounts
        touched = {key: None for mapping, key, _ in self._journal if mapping is accounts}
        for address in self._destroyed:
            self.delete(address)
        for address in touched if clears_empty else ():
            if accounts[address] == _NEW:
                self.delete(address)
        self._journal = []
        self._originals = {}
        self._before_wipe = {}

    def changes(self) -> StateChanges:
        """What differs from the reader's state now. Writes that ended where they began are left out."""
        accounts: dict[Address, Account | None] = {}
        code: dict[Hash32, bytes] = {}
        for address, fields in self._accounts.items():
            base = self._base_accounts[address]
            if fields == base:
                continue
            if fields is None:
                accounts[address] = None
                continue
            nonce, balance, code_hash = fields
            accounts[address] = Account(nonce, balance, code_hash=code_hash)
            if code_hash != EMPTY_KECCAK and (base is None or base[2] != code_hash):
                code[code_hash] = self._codes[code_hash]
        return StateChanges(accounts, self._changed_storage(), self._wiped_in_store(), code)

    def _wiped_in_store(self) -> tuple[Address, ...]:
        return tuple(address for address in self._wiped if self._reader.has_storage(address))

    def _changed_storage(self) -> dict[Address, SlotMap]:
        changed: dict[Address, SlotMap] = {}
        for address, slots in self._storage.items():
            # Storage may be written without ever looking at the account, so this may ask the reader.
            if self._fields(address) is None:
                continue  # an account that does not exist has no storage; its old slots are wiped
            if address in self._wiped:
                differing = {key: value for key, value in slots.items() if value}
            else:
                base = self._base_storage[address]
                differing = {key: value for key, value in slots.items() if value != base[key]}
            if differing:
                changed[address] = SlotMap(differing)
        return changed
