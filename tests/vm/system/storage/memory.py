"""A storage in a dict, which counts gas as the EVM would for slots that are warm."""

from __future__ import annotations

from collections.abc import Mapping

SLOAD = 100
SSTORE = 2_900
GAS_LIMIT = 10**9


class MemoryStorage:
    """Implements StorageAccess. `slots` has no zeros, as a trie has none."""

    def __init__(self, slots: Mapping[int, int] | None = None) -> None:
        self.slots = dict(slots or {})
        self.gas_used = 0
        self.charged = 0

    def sload(self, slot: int) -> int:
        assert type(slot) is int
        assert 0 <= slot < 1 << 256
        self.gas_used += SLOAD
        return self.slots.get(slot, 0)

    def sstore(self, slot: int, value: int) -> None:
        assert type(slot) is int
        assert type(value) is int
        assert 0 <= slot < 1 << 256
        assert 0 <= value < 1 << 256
        self.gas_used += SSTORE
        assert self.gas_used < GAS_LIMIT, "a loop without an end"
        if value:
            self.slots[slot] = value
        else:
            self.slots.pop(slot, None)

    def charge(self, gas: int) -> None:
        self.gas_used += gas
        self.charged += gas
