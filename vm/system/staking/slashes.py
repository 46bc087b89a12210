"""What a slash takes, without visiting everybody it concerns.

Owns: the slash of a validator's stake, and the debts of stake that has left it.
Never does: decide that somebody is at fault (slashing.py).
Specification: x/staking (keeper/slash.go).

A validator signs twice at height i, and is slashed at height s. What it has at stake then loses its part at once: the
shares stay, their worth falls. What left it from i - 1 on (liability.py), and before s, owes the same part, and there
can be many of those:

- An unbonding keeps its height. As a validator is slashed for double signing once in its life, the record of that one
  slash tells of every unbonding whether it owes. It is taken when the unbonding is paid, cancelled or touched.
- A redelegation has become shares of another validator. Whenever its delegator touches these, the debt is settled
  first, and a sweep at the end of each block settles the rest, some at a time. What the delegator holds there no
  longer is taken from its unbondings there.

A slash for downtime takes from the stake of the moment only.
"""

from __future__ import annotations

from typing import Final

from chain.types import Address
from vm.system.framework import ZERO_ADDRESS, address, external, u16, u64
from vm.system.staking.interfaces import slashing_only
from vm.system.staking.ledger import DEBT_GAS, SEATS_GAS
from vm.system.staking.liability import first_liable_block, is_liable
from vm.system.staking.records import DelegationRecord, RedelegationRecord, Sweep, ValidatorRecord
from vm.system.staking.shares import part_of, worth
from vm.system.staking.unbonding import UnbondingFunctions

MAX_SWEPT: Final = 50
"""Redelegations that the end of one block settles after slashes. Each costs about 100,000 gas of the hook; fewer are
settled where it is much more."""

MAX_FORGOTTEN: Final = 100
"""Redelegations whose time is over that one block deletes."""


class SlashFunctions(UnbondingFunctions):
    """Slashes, ordered by SLASHING."""

    @external(only=slashing_only)
    def slashForDoubleSign(self, consensusAddress: address, infractionHeight: u64, bps: u16) -> None:
        """Slashes what a validator has and what left it since the height of its fault, and jails it for ever."""
        operator = self.operators_by_key[consensusAddress]
        record = self._existing(operator)
        if record.tombstoned:
            return
        record.tombstoned = True
        number = self.slash_count + 1
        self.slash_count = number
        record.slash_number, record.slash_bps = number, bps
        record.slash_height, record.slash_time = self.block_number, self.timestamp
        record.infraction_height = infractionHeight
        self._slash(operator, record, infractionHeight, bps)
        newest = record.last_leaving
        if newest:
            sweep = self.last_sweep + 1
            self.last_sweep = sweep
            self.sweeps[sweep] = Sweep(infractionHeight, newest)

    @external(only=slashing_only)
    def slashForDowntime(self, consensusAddress: address, bps: u16) -> None:
        """Slashes what a validator has, and jails it."""
        operator = self.operators_by_key[consensusAddress]
        self._slash(operator, self._existing(operator), self.block_number, bps)

    def _slash(self, operator: Address, record: ValidatorRecord, infraction_height: int, bps: int) -> None:
        cut = part_of(record.tokens, bps)
        self._change_stake(operator, record, -cut, 0)
        self.burn_coins(cut)
        self.emit(self.Slash(operator, infraction_height, bps, cut))
        self._rewards().recordSlash(operator, bps)
        if not record.jailed:
            self._jail(operator, record)

    # --- debts of stake that has left ---------------------------------------------------------------------

    def _settled(self, operator: Address, delegator: Address) -> DelegationRecord:
        """The delegation, after everything was taken that its redelegations owe for slashes of their sources."""
        held = self.delegations[operator][delegator]
        if held.last_arriving:
            owing = []
            for number, move in self._arriving(held):
                if not move.settled:
                    source = self.records[move.source]
                    if is_liable(move.height, move.completion_time, source):
                        owing.append((source.slash_number, -number))
            # As they would have been taken at the time of each slash; of one slash the newest move first, because the
            # older ones can be taken from everything that it can.
            for _, negated in sorted(owing):
                self._settle_move(operator, held, self.moves[-negated])
        return held

    def _settle_move(self, operator: Address, held: DelegationRecord, move: RedelegationRecord) -> None:
        delegator = move.delegator
        source, record = self.records[move.source], self.records[operator]
        owed = part_of(move.shares, source.slash_bps)
        shares = held.shares
        taken = min(owed, shares)
        burnt = 0
        if taken:
            self._before_change(operator, record, delegator, shares)
            burnt = worth(taken, record.tokens, record.shares)
            held.shares = shares - taken
            self._change_stake(operator, record, -burnt, -taken)
        if owed > taken:
            wei = part_of(move.initial_balance, source.slash_bps) * (owed - taken) // owed
            burnt += self._take_from_leaving(held, record, source, move.height, wei)
        move.settled = True
        self.burn_coins(burnt)
        self.emit(self.SlashLeavingStake(delegator, move.source, burnt))

    def _take_from_leaving(
        self, held: DelegationRecord, record: ValidatorRecord, source: ValidatorRecord, since: int, wei: int
    ) -> int:
        """Lowers unbondings that began since that height by `wei` together, or by what they have; returns how much."""
        left = wei
        for _, entry in self._leaving(held):
            if entry.height < since or entry.completion_time <= source.slash_time:
                continue
            if record.slash_number < source.slash_number:
                self._slash_leaving(entry, record)  # their own validator's slash came before this one
            cut = min(left, entry.balance)
            entry.balance -= cut
            left -= cut
        return wei - left

    def _sweep(self) -> None:
        """At the end of a block: settles redelegations away from slashed validators, in MAX_SWEPT steps."""
        for _ in range(MAX_SWEPT):
            number = self.first_sweep + 1
            if number > self.last_sweep or not self._can_spend(DEBT_GAS, SEATS_GAS + 2 * DEBT_GAS):
                return
            sweep = self.sweeps[number]
            move = self.moves[sweep.next]
            delegator = move.delegator
            if delegator == ZERO_ADDRESS or move.height < first_liable_block(sweep.infraction_height):
                del self.sweeps[number]
                self.first_sweep = number
            else:
                self._settled(move.destination, delegator)
                sweep.next = move.previous_leaving  # the record of number 0 is nobody's

    def _forget_moves(self) -> None:
        """At the end of a block: deletes redelegations whose time is over, the oldest first, up to MAX_FORGOTTEN."""
        start = number = self.first_redelegation
        last, now = self.last_redelegation, self.timestamp
        while number < last and number - start < MAX_FORGOTTEN:  # bounded: MAX_FORGOTTEN
            move = self.moves[number + 1]
            if move.completion_time > now or not self._can_spend(DEBT_GAS, SEATS_GAS + DEBT_GAS):
                break
            held = self._settled(move.destination, move.delegator)
            number += 1
            if held.last_arriving == number:
                held.last_arriving = 0
            del self.moves[number]
        if number != start:
            self.first_redelegation = number
