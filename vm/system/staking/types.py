"""The structs of the staking ABI, as wallets and explorers of Cosmos EVM chains know them.

Owns: their fields and order. Never does: hold chain state (records.py does).
Specification: cosmos/evm, precompiles/{common,staking,distribution,slashing}: Types.sol, StakingI.sol,
DistributionI.sol, ISlashing.sol.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

from vm.system.framework import Struct, address, i64, u8, u64, u256

DENOMINATION: Final = "wei"
"""The only coin of the staking contracts is the native one, counted in wei."""

DECIMALS: Final = 18
"""Digits behind the point in rates and in `DecCoin`."""

ONE: Final = 10**DECIMALS
"""The rate of 100 %."""

DO_NOT_MODIFY: Final = "[do-not-modify]"
"""A description field that `editValidator` keeps."""

UNCHANGED: Final = -1
"""A number that `editValidator` keeps."""


class BondStatus(IntEnum):
    """Whether a validator has a seat, has lost it within the unbonding time, or neither."""

    UNSPECIFIED = 0
    UNBONDED = 1
    UNBONDING = 2
    BONDED = 3


STATUS_BY_NAME: Final[Mapping[str, BondStatus]] = {
    "": BondStatus.UNSPECIFIED,
    "BOND_STATUS_UNSPECIFIED": BondStatus.UNSPECIFIED,
    "BOND_STATUS_UNBONDED": BondStatus.UNBONDED,
    "BOND_STATUS_UNBONDING": BondStatus.UNBONDING,
    "BOND_STATUS_BONDED": BondStatus.BONDED,
}


class Coin(Struct):
    denom: str
    amount: u256


class DecCoin(Struct):
    denom: str
    amount: u256
    precision: u8


class Dec(Struct):
    value: u256
    precision: u8


class PageRequest(Struct):
    key: bytes
    offset: u64
    limit: u64
    countTotal: bool
    reverse: bool


class PageResponse(Struct):
    nextKey: bytes
    total: u64


class Description(Struct):
    moniker: str
    identity: str
    website: str
    securityContact: str
    details: str


class CommissionRates(Struct):
    rate: u256
    maxRate: u256
    maxChangeRate: u256


class Validator(Struct):
    operatorAddress: str
    consensusPubkey: str
    jailed: bool
    status: u8
    tokens: u256
    delegatorShares: u256
    description: Description
    unbondingHeight: i64
    unbondingTime: i64
    commission: u256
    minSelfDelegation: u256


class UnbondingDelegationEntry(Struct):
    creationHeight: i64
    completionTime: i64
    initialBalance: u256
    balance: u256
    unbondingId: u64
    unbondingOnHoldRefCount: i64


class UnbondingDelegationOutput(Struct):
    delegatorAddress: str
    validatorAddress: str
    entries: list[UnbondingDelegationEntry]


class RedelegationEntry(Struct):
    creationHeight: i64
    completionTime: i64
    initialBalance: u256
    sharesDst: u256


class RedelegationOutput(Struct):
    delegatorAddress: str
    validatorSrcAddress: str
    validatorDstAddress: str
    entries: list[RedelegationEntry]


class RedelegationEntryResponse(Struct):
    redelegationEntry: RedelegationEntry
    balance: u256


class Redelegation(Struct):
    delegatorAddress: str
    validatorSrcAddress: str
    validatorDstAddress: str
    entries: list[RedelegationEntry]


class RedelegationResponse(Struct):
    redelegation: Redelegation
    entries: list[RedelegationEntryResponse]


class ValidatorSlashEvent(Struct):
    validatorPeriod: u64
    fraction: Dec


class ValidatorDistributionInfo(Struct):
    operatorAddress: str
    selfBondRewards: list[DecCoin]
    commission: list[DecCoin]


class DelegationDelegatorReward(Struct):
    validatorAddress: str
    reward: list[DecCoin]


class SigningInfo(Struct):
    validatorAddress: address
    startHeight: i64
    indexOffset: i64
    jailedUntil: i64
    tombstoned: bool
    missedBlocksCounter: i64


class Params(Struct):
    signedBlocksWindow: i64
    minSignedPerWindow: Dec
    downtimeJailDuration: i64
    slashFractionDoubleSign: Dec
    slashFractionDowntime: Dec


def coins(wei: int) -> list[Coin]:
    """An amount as Cosmos lists coins: nothing is an empty list."""
    return [Coin(DENOMINATION, wei)] if wei else []


def decimal_coins(wei: int) -> list[DecCoin]:
    """As `coins`, with decimals, which are zeros here."""
    return [DecCoin(DENOMINATION, wei * ONE, DECIMALS)] if wei else []


def decimal_of_bps(bps: int) -> Dec:
    """Basis points as a rate."""
    return Dec(bps * (ONE // 10_000), DECIMALS)
