"""A contract in three versions, and what its migrations do, good and bad."""

from __future__ import annotations

from vm.system.framework import Contract, Slot, external, require, u256, view


class ProbeV1(Contract, class_id=0xC1_0001, version=1):
    """Counts by one."""

    total: Slot[u256]
    refuses: Slot[bool]
    spends: Slot[bool]

    @external
    def add(self) -> None:
        self.total += 1

    @external
    def refuse(self) -> None:
        """Lets every migration fail."""
        self.refuses = True

    @external
    def spend(self) -> None:
        """Lets every migration take all gas that it has."""
        self.spends = True

    @view
    def count(self) -> u256:
        return self.total

    def begin_block(self) -> None:
        self.total += 100


class ProbeV2(ProbeV1, class_id=0xC1_0001, version=2):
    """Counts by two, and remembers since when."""

    since: Slot[u256]

    @external
    def add(self) -> None:
        self.total += 2

    @view
    def sinceBlock(self) -> u256:
        return self.since

    def begin_block(self) -> None:
        self.total += 200

    def migrate_v2(self) -> None:
        self.since = self.block_number
        require(not self.refuses, "migration refused")
        while self.spends:
            self.charge(1_000)


class ProbeV3(ProbeV2, class_id=0xC1_0001, version=3):
    """Counts from a million on."""

    def migrate_v3(self) -> None:
        self.total += 1_000_000


class StrangerV2(Contract, class_id=0xC1_0002, version=2):
    """Another class, which has no version 3."""
