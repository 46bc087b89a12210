"""The state of a TestChain: what was committed, a fresh WorldState for each transaction, copies to return to.

Owns: the dictionaries. Never does: execute, or compute roots.
"""

from __future__ import annotations

from dataclasses import dataclass

from chain.types import Address, Hash32
from state.account import Account
from state.changes import StateChanges
from state.reader import DictReader
from state.world import WorldState


@dataclass(frozen=True, slots=True)
class StateCopy:
    """The whole state at one moment."""

    accounts: dict[Address, Account]
    storage: dict[Address, dict[int, int]]
    codes: dict[Hash32, bytes]


class TestState:
    """What all transactions so far have left."""

    __test__ = False

    def __init__(self) -> None:
        self._now = StateCopy({}, {}, {})

    def world(self) -> WorldState:
        """A view to execute on; what it changes counts only after `commit`."""
        now = self._now
        return WorldState(DictReader(now.accounts, now.storage, now.codes))

    def commit(self, changes: StateChanges) -> None:
        """Takes over what a world changed."""
        now = self._now
        for address in changes.wiped:
            now.storage.pop(address, None)
        for address, slots in changes.storage.items():
            kept = now.storage.setdefault(address, {})
            for slot, value in slots.items():
                if value:
                    kept[slot] = value
                else:
                    kept.pop(slot, None)
            if not kept:
                del now.storage[address]
        for address, account in changes.accounts.items():
            if account is None:
                now.accounts.pop(address, None)
                now.storage.pop(address, None)
            else:
                now.accounts[address] = account
        now.codes.update(changes.code)

    def storage_of(self, address: Address) -> dict[int, int]:
        """The slots of an account that are not zero, a copy."""
        return dict(self._now.storage.get(address, {}))

    def copy(self) -> StateCopy:
        """To return to later."""
        now = self._now
        storage = {address: dict(slots) for address, slots in now.storage.items()}
        return StateCopy(dict(now.accounts), storage, dict(now.codes))

    def restore(self, copy: StateCopy) -> None:
        """Returns to a copy, which can be used again."""
        storage = {address: dict(slots) for address, slots in copy.storage.items()}
        self._now = StateCopy(dict(copy.accounts), storage, dict(copy.codes))
