"""What the staking contract stores, entry by entry.

Owns: the storage structs, packed so that what is used together shares a slot.
Never does: change one; the modules beside this one do.

Amounts in wei and shares are below 2**128; heights, times (seconds) and numbers of entries below 2**48.
"""

from __future__ import annotations

from vm.system.framework import Struct, address, bytes32, u8, u16, u32, u48, u64, u128


class ValidatorRecord(Struct):
    """A validator, by its operator. It is never deleted, so that its consensus key is never used again.

    tokens, shares: see shares.py. power: that which consensus was last told, 0 without a seat. unbonding_height, _time:
    where and until when a lost seat makes its stake wait. changed: it stands in the list that the block's end looks at.
    slash_*, infraction_height: the one slash for double signing; number orders it among all of them. last_leaving: the
    newest redelegation away from it. Rates have 18 decimals.
    """

    tokens: u128
    shares: u128
    power: u64
    unbonding_height: u48
    unbonding_time: u48
    jailed: bool
    tombstoned: bool
    changed: bool
    key_parity: u8
    slash_height: u48
    slash_time: u48
    infraction_height: u48
    slash_number: u32
    slash_bps: u16
    last_leaving: u48
    key_x: bytes32
    commission_rate: u64
    max_rate: u64
    max_change_rate: u64
    rate_time: u48
    min_self_delegation: u128


class DelegationRecord(Struct):
    """The shares of one delegator in one validator, with its newest unbonding from there and redelegation to there."""

    shares: u128
    last_unbonding: u48
    last_arriving: u48


class UnbondingRecord(Struct):
    """Stake on its way out. previous: the one before it of the same delegator and validator.

    balance: what is left of initial_balance. slashed: the slash of its validator is in the balance.
    """

    delegator: address
    height: u48
    previous: u48
    validator: address
    completion_time: u48
    slashed: bool
    initial_balance: u128
    balance: u128


class RedelegationRecord(Struct):
    """Stake that changed its validator, and answers for the old one until the completion time.

    The three links lead to the one before it: to the same validator, from the same one, of the same delegator.
    settled: the slash of its source was taken from it.
    """

    delegator: address
    height: u48
    previous_arriving: u48
    source: address
    completion_time: u48
    previous_leaving: u48
    destination: address
    previous_of_delegator: u48
    settled: bool
    initial_balance: u128
    shares: u128


class StakingRules(Struct):
    """What the staking contract needs of the parameters (parameters.py)."""

    unbonding_time_s: u48
    max_validators: u16
    max_entries: u8
    min_commission_bps: u16


class Sweep(Struct):
    """Work that is left after a slash: redelegations away from its validator, from number `next` backwards."""

    infraction_height: u48
    next: u48
