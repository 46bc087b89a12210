"""Stake on its way out: a queue in the order of time.

Owns: undelegate, cancelUnbondingDelegation, their view, and the payment at the end.
Never does: decide what a slash takes (slashes.py).
Specification: StakingI.sol of cosmos/evm; x/staking (keeper/delegation.go, keeper/unbonding.go).

All wait equally long, so the queue is first in, first out, and a block looks only at its head. Unlike in Cosmos,
stake that leaves a validator without a seat whose own waiting is not over waits from now on, not with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from chain.types import Address
from vm.system.framework import ZERO_ADDRESS, address, external, i64, require, revert, u256, view
from vm.system.staking.delegations import DelegationFunctions
from vm.system.staking.ledger import DEBT_GAS, SEATS_GAS
from vm.system.staking.liability import owed_by
from vm.system.staking.records import DelegationRecord, UnbondingRecord, ValidatorRecord
from vm.system.staking.texts import address_of_text, text_of_address
from vm.system.staking.types import BondStatus, UnbondingDelegationEntry, UnbondingDelegationOutput

MAX_MATURED: Final = 200
"""Unbondings that one block pays; the others follow in the next. Each costs about 50,000 gas of the hook."""


class UnbondingFunctions(DelegationFunctions):
    """Unbondings."""

    @external(returns=("completionTime",), work=1_000)
    def undelegate(self, delegatorAddress: address, validatorAddress: str, amount: u256) -> i64:
        """Takes `amount` wei of the caller's stake out. They are paid after the unbonding time, at once if the
        validator has had no seat for so long."""
        require(self.sender == delegatorAddress, "caller is not the delegator")
        operator = address_of_text(validatorAddress)
        record = self._existing(operator)
        held = self.delegations[operator][delegatorAddress]
        free = self._status(record) is BondStatus.UNBONDED and not self._has_arriving(held)
        self._take_stake(operator, record, delegatorAddress, amount)
        completion = self.timestamp
        if free:
            self._pay(delegatorAddress, amount)
        else:
            completion += self.rules.unbonding_time_s
            self._enqueue(operator, delegatorAddress, amount, completion)
        self.emit(self.Unbond(delegatorAddress, operator, amount, completion))
        if free:
            self.emit(self.CompleteUnbonding(delegatorAddress, operator, amount))
        return completion

    def _enqueue(self, operator: Address, delegator: Address, wei: int, completion: int) -> None:
        held = self.delegations[operator][delegator]
        entries = list(self._leaving(held))
        if entries and entries[0][1].height == self.block_number:
            newest = entries[0][1]
            newest.initial_balance += wei
            newest.balance += wei
            return
        require(len(entries) < self.rules.max_entries, "too many unbondings from this validator")
        number = self.last_unbonding + 1
        self.last_unbonding = number
        self.unbondings[number] = UnbondingRecord(
            delegator, self.block_number, held.last_unbonding, operator, completion, False, wei, wei
        )
        held.last_unbonding = number

    def _leaving(self, held: DelegationRecord) -> Iterator[tuple[int, UnbondingRecord]]:
        """The unbondings of a delegation, the newest first: at most max_entries."""
        number = held.last_unbonding
        while number:  # bounded: max_entries, which undelegate keeps
            entry = self.unbondings[number]
            if entry.delegator == ZERO_ADDRESS:
                return
            yield number, entry
            number = entry.previous

    @external(returns=("success",), work=1_000)
    def cancelUnbondingDelegation(
        self, delegatorAddress: address, validatorAddress: str, amount: u256, creationHeight: u256
    ) -> bool:
        """Stakes `amount` wei again with the validator that they were leaving since block `creationHeight`."""
        require(self.sender == delegatorAddress, "caller is not the delegator")
        operator = address_of_text(validatorAddress)
        record = self._existing(operator)
        require(not record.jailed, "validator is jailed")
        held = self._settled(operator, delegatorAddress)
        later = 0
        for number, entry in self._leaving(held):
            if entry.height == creationHeight:
                break
            later = number
        else:
            revert("no unbonding of that height")
        require(entry.completion_time > self.timestamp, "unbonding is complete")
        self._slash_leaving(entry, record)
        balance = entry.balance
        require(amount <= balance, "unbonding has less than the amount")
        if amount < balance:
            entry.balance = balance - amount
        else:
            self._unlink(held, later, number, entry)
        self._add_stake(operator, record, delegatorAddress, amount)
        self.emit(self.CancelUnbondingDelegation(delegatorAddress, operator, amount, creationHeight))
        return True

    def _unlink(self, held: DelegationRecord, later: int, number: int, entry: UnbondingRecord) -> None:
        """Takes an unbonding out; the queue steps over its empty number."""
        if later:
            self.unbondings[later].previous = entry.previous
        else:
            held.last_unbonding = entry.previous
        del self.unbondings[number]

    def _slash_leaving(self, entry: UnbondingRecord, record: ValidatorRecord) -> None:
        """Takes from an unbonding what the slash of its validator takes, once."""
        cut = owed_by(entry, record)
        if not cut:
            return
        entry.balance -= cut
        entry.slashed = True
        self.burn_coins(cut)
        self.emit(self.SlashLeavingStake(entry.delegator, entry.validator, cut))

    @view(returns=("unbondingDelegation",), work=1_000)
    def unbondingDelegation(
        self, delegatorAddress: address, validatorAddress: str
    ) -> UnbondingDelegationOutput:
        """The unbondings of a delegator from a validator, the oldest first."""
        operator = address_of_text(validatorAddress)
        record = self.records[operator]
        entries = [
            UnbondingDelegationEntry(
                entry.height,
                entry.completion_time,
                entry.initial_balance,
                entry.balance - owed_by(entry, record),
                number,
                0,
            )
            for number, entry in self._leaving(self.delegations[operator][delegatorAddress])
        ]
        return UnbondingDelegationOutput(
            text_of_address(delegatorAddress), text_of_address(operator), entries[::-1]
        )

    def _pay_matured(self) -> None:
        """At the end of a block: pays the unbondings whose time has come, up to MAX_MATURED."""
        number, last, now = self.first_unbonding, self.last_unbonding, self.timestamp
        start = number
        while number < last and number - start < MAX_MATURED:  # bounded: MAX_MATURED
            entry = self.unbondings[number + 1]
            delegator = entry.delegator
            if delegator != ZERO_ADDRESS:
                if entry.completion_time > now or not self._can_spend(DEBT_GAS, SEATS_GAS):
                    break
                self._complete(number + 1, delegator, entry.validator)
            number += 1
        if number != start:
            self.first_unbonding = number

    def _complete(self, number: int, delegator: Address, operator: Address) -> None:
        held = self._settled(operator, delegator)
        entry = self.unbondings[number]
        self._slash_leaving(entry, self.records[operator])
        wei = entry.balance
        if held.last_unbonding == number:
            held.last_unbonding = 0
        del self.unbondings[number]
        if wei:
            self._pay(delegator, wei)
        self.emit(self.CompleteUnbonding(delegator, operator, wei))
