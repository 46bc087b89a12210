"""How the three staking contracts call each other, and who may.

Owns: the functions that only another chain contract calls, with their guards.
Never does: name a class; the contracts know each other by address alone.

STAKING calls DISTRIBUTION before stake or power changes, and SLASHING when a seat was given or lost. DISTRIBUTION
only asks STAKING (views are never locked). SLASHING tells STAKING to slash, jail and unjail; nothing of that calls
SLASHING back before the end of the block. So no call meets a lock.
"""

from __future__ import annotations

from typing import Final

from vm.system.addresses import SLASHING, STAKING
from vm.system.framework import Interface, address, external, only_address, u16, u64, u128, view

staking_only: Final = only_address(STAKING, "STAKING")
slashing_only: Final = only_address(SLASHING, "SLASHING")


class IStake(Interface):
    """STAKING, for the other two."""

    @view
    def stakeOf(self, validator: address, delegator: address) -> tuple[u64, u64, u128, u128]:
        """Power, commission rate, shares, and those of the delegator; reverts without such a validator."""
        raise NotImplementedError

    @view
    def consensusAddressOf(self, validator: address) -> address:
        raise NotImplementedError

    @external
    def slashForDoubleSign(self, consensusAddress: address, infractionHeight: u64, bps: u16) -> None:
        raise NotImplementedError

    @external
    def slashForDowntime(self, consensusAddress: address, bps: u16) -> None:
        raise NotImplementedError

    @external
    def releaseFromJail(self, validator: address) -> bool:
        raise NotImplementedError


class IRewards(Interface):
    """DISTRIBUTION, for STAKING."""

    @external
    def beforeStakeChange(
        self,
        validator: address,
        delegator: address,
        power: u64,
        rate: u64,
        shares: u128,
        delegatorShares: u128,
    ) -> None:
        raise NotImplementedError

    @external
    def beforeValidatorChange(
        self, validator: address, power: u64, newPower: u64, rate: u64, shares: u128
    ) -> None:
        raise NotImplementedError

    @external
    def recordSlash(self, validator: address, bps: u16) -> None:
        raise NotImplementedError


class ISeats(Interface):
    """SLASHING, for STAKING."""

    @external
    def seatGained(self, consensusAddress: address) -> None:
        raise NotImplementedError

    @external
    def seatLost(self, consensusAddress: address) -> None:
        raise NotImplementedError
