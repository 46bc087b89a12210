"""The net effect of a block on the state, as the executor hands it to the store.

Owns the value only. Never reads or writes the store.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from chain.types import Address, Hash32
from state.account import Account


@dataclass(frozen=True, slots=True)
class StateChanges:
    """What differs from the parent state. Applied in this order: wiped, storage, accounts, code.

    accounts: new value, or None for a deleted account. `storage_root` inside is not read: the trie step fills
    it. storage:  new value of every changed slot, 0 deletes it. An address here needs no entry in `accounts`.
    wiped:    accounts whose whole earlier storage is gone; entries of `storage` come after the wipe.
              A deleted account loses its storage whether it is listed here or not.
    code:     code that some account refers to and the store may not have yet, by its keccak-256.
    """

    accounts: Mapping[Address, Account | None] = field(default_factory=dict)
    storage: Mapping[Address, Mapping[int, int]] = field(default_factory=dict)
    wiped: tuple[Address, ...] = ()
    code: Mapping[Hash32, bytes] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether nothing changes at all."""
        return not (self.accounts or self.storage or self.wiped)
