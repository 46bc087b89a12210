"""Who validates: seats, and what consensus is told at the end of a block.

Owns: the seats, the changes of a block, and the first validators.
Never does: rank validators: that happens where their stake changes, and they pay for it (ledger.py).
Specification: x/staking (keeper/val_state_change.go). Of validators with equal power, who has the seat keeps it; among
others the lower address is first.

The end of a block costs for what changed in it, not for how many validators there are.
"""

from __future__ import annotations

from typing import Final

from chain.secp256k1 import address_of_public_key
from chain.types import Address
from chain.validator_update import ValidatorUpdate
from vm.system.addresses import SLASHING
from vm.system.framework import address, external, require, u256, view
from vm.system.staking.interfaces import ISeats, slashing_only
from vm.system.staking.ledger import UPDATES_GAS
from vm.system.staking.parameters import WEI_PER_POWER, GenesisStaker, StakingGenesis
from vm.system.staking.ranking import key_of, member_of, power_of
from vm.system.staking.records import StakingRules, ValidatorRecord
from vm.system.staking.slashes import SlashFunctions
from vm.system.staking.types import ONE, Description
from vm.system.staking.validators import ValidatorFunctions

MAX_SEAT_CHANGES: Final = 16
"""Seats that one block gives away, so that its end is bounded; the others follow in the next blocks. Each costs about
400,000 gas of the hook."""

SEAT_GAS: Final = 1_000_000
"""The most that one seat costs to give away, before its update; with a million validators that wait."""

GENESIS_RATE: Final = ONE // 10
GENESIS_MAX_RATE: Final = ONE // 5
GENESIS_MAX_CHANGE_RATE: Final = ONE // 100
"""Commission of the first validators: the values that Cosmos' `gentx` proposes."""


class SeatFunctions(ValidatorFunctions, SlashFunctions):
    """Seats."""

    @external(only=slashing_only)
    def releaseFromJail(self, validator: address) -> bool:
        """Lets a validator hold a seat again. Returns whether it has kept its old one, as the last of all may."""
        record = self._existing(validator)
        require(record.jailed, "validator is not jailed")
        require(not record.tombstoned, "validator is tombstoned")
        require(self._has_own_stake(validator, record), "own stake is below minSelfDelegation")
        record.jailed = False
        self._rank(validator, record, record.tokens // WEI_PER_POWER)
        return record.power != 0

    @view
    def bondedPower(self) -> u256:
        """The power of all validators with a seat."""
        return self.bonded_power

    @view
    def totalStaked(self) -> u256:
        """Wei that are staked with all validators."""
        return self.total_staked

    def _fill_seats(self) -> None:
        """Gives free seats to those who wait, and the weakest one's to somebody stronger, up to MAX_SEAT_CHANGES."""
        seats, waiting = self._seats(), self._waiting()
        most = self.rules.max_validators
        for _ in range(MAX_SEAT_CHANGES):
            if not len(waiting) or not self._can_spend(SEAT_GAS, UPDATES_GAS):
                return
            best = waiting.top
            if len(seats) >= most:
                worst = seats.top
                if power_of(best) <= power_of(worst):
                    return
                loser = member_of(worst)
                seats.remove(loser)
                waiting.push(worst)
                self._note_change(loser, self.records[loser])
            winner = member_of(best)
            waiting.remove(winner)
            seats.push(best)
            self._note_change(winner, self.records[winner])

    def _updates(self) -> tuple[ValidatorUpdate, ...]:
        """What is different from what consensus was last told. Nothing at all where nobody would be left."""
        members = list(self.changed.values())
        if not members:
            return ()
        records = [self.records[operator] for operator in members]
        powers = [self._power_in_seat(operator) for operator in members]
        total = self.bonded_power + sum(powers) - sum([record.power for record in records])
        if total == 0:
            return ()
        self.changed.clear()
        self.bonded_power = total
        updates = []
        for operator, record, power in zip(members, records, powers, strict=True):
            record.changed = False
            if power != record.power:
                self._tell(operator, record, power)
                updates.append(ValidatorUpdate(self._public_key(record), power))
        return tuple(updates)

    def _power_in_seat(self, operator: Address) -> int:
        place = self.seat_places[operator]
        return power_of(self.seats[place - 1]) if place else 0

    def _tell(self, operator: Address, record: ValidatorRecord, power: int) -> None:
        """Tells the other contracts of a new power, before it counts."""
        old = record.power
        self._rewards().beforeValidatorChange(operator, old, power, record.commission_rate, record.shares)
        record.power = power
        if old == 0:
            record.unbonding_height = record.unbonding_time = 0
            self.at(SLASHING, ISeats).seatGained(self._consensus_address(record))
        elif power == 0:
            record.unbonding_height = self.block_number
            record.unbonding_time = self.timestamp + self.rules.unbonding_time_s
            self.at(SLASHING, ISeats).seatLost(self._consensus_address(record))

    # --- hooks --------------------------------------------------------------------------------------------

    def end_block(self) -> tuple[ValidatorUpdate, ...]:
        """Debts, payments, then seats: each bounded."""
        self._sweep()
        self._forget_moves()
        self._pay_matured()
        self._fill_seats()
        return self._updates()

    def genesis(self, config: StakingGenesis) -> None:
        """The first validators have their seats before block 1; the coins of their stake are made here."""
        parameters = config.parameters
        self.rules = StakingRules(
            parameters.unbonding_time_s,
            parameters.max_validators,
            parameters.max_entries,
            parameters.min_commission_bps,
        )
        for staker in config.validators:
            self._insert_first(staker)
        power = sum([staker.power for staker in config.validators])
        self.bonded_power = power
        self.total_staked = power * WEI_PER_POWER
        self.mint_coins(self.address, power * WEI_PER_POWER)

    def _insert_first(self, staker: GenesisStaker) -> None:
        operator, stake = staker.operator, staker.power * WEI_PER_POWER
        rate = max(GENESIS_RATE, self._least_rate())
        self.operators_by_key[address_of_public_key(staker.public_key)] = operator
        self.records[operator] = ValidatorRecord(
            tokens=stake,
            shares=stake,
            power=staker.power,
            unbonding_height=0,
            unbonding_time=0,
            jailed=False,
            tombstoned=False,
            changed=False,
            key_parity=staker.public_key[0],
            slash_height=0,
            slash_time=0,
            infraction_height=0,
            slash_number=0,
            slash_bps=0,
            last_leaving=0,
            key_x=staker.public_key[1:],
            commission_rate=rate,
            max_rate=max(GENESIS_MAX_RATE, rate),
            max_change_rate=GENESIS_MAX_CHANGE_RATE,
            rate_time=self.timestamp,
            min_self_delegation=1,
        )
        self.descriptions[operator] = Description(staker.name, "", "", "", "")
        self.operators.append(operator)
        self.delegations[operator][operator].shares = stake
        self._seats().push(key_of(staker.power, operator))
