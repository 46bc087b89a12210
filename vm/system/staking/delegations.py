"""Delegating, and moving stake between validators.

Owns: delegate, redelegate, and the views of redelegations.
Never does: pay anything out (unbonding.py).
Specification: StakingI.sol of cosmos/evm; x/staking (keeper/delegation.go).

Coins to stake come with the call, as value: a contract of this chain cannot take what nobody sent.
"""

from __future__ import annotations

from collections.abc import Iterator

from chain.types import Address
from vm.system.framework import ZERO_ADDRESS, address, external, i64, require, revert, u256, view
from vm.system.staking.ledger import Ledger
from vm.system.staking.pages import key_from, limit_of, start_of
from vm.system.staking.records import DelegationRecord, RedelegationRecord
from vm.system.staking.shares import worth
from vm.system.staking.texts import address_of_text, text_of_address
from vm.system.staking.types import (
    BondStatus,
    PageRequest,
    PageResponse,
    Redelegation,
    RedelegationEntry,
    RedelegationEntryResponse,
    RedelegationOutput,
    RedelegationResponse,
)


class DelegationFunctions(Ledger):
    """Delegations."""

    @external(payable=True, returns=("success",), work=800)
    def delegate(self, delegatorAddress: address, validatorAddress: str, amount: u256) -> bool:
        """Stakes `amount` wei of the caller, which come with the call, with a validator."""
        require(self.sender == delegatorAddress, "caller is not the delegator")
        require(self.value == amount, "coins sent are not the amount")
        operator = address_of_text(validatorAddress)
        shares = self._add_stake(operator, self._existing(operator), delegatorAddress, amount)
        self.emit(self.Delegate(delegatorAddress, operator, amount, shares))
        return True

    @external(returns=("completionTime",), work=1_500)
    def redelegate(
        self, delegatorAddress: address, validatorSrcAddress: str, validatorDstAddress: str, amount: u256
    ) -> i64:
        """Moves `amount` wei of the caller's stake to another validator at once. Until the completion time they are
        still slashed if the old one signed twice, and cannot move on from the new one."""
        require(self.sender == delegatorAddress, "caller is not the delegator")
        source, destination = address_of_text(validatorSrcAddress), address_of_text(validatorDstAddress)
        require(source != destination, "redelegation to the same validator")
        record, target = self._existing(source), self._existing(destination)
        from_held = self.delegations[source][delegatorAddress]
        require(not self._has_arriving(from_held), "stake that has just arrived cannot move on")
        arriving = list(self._arriving(self.delegations[destination][delegatorAddress]))
        require(len(arriving) < self.rules.max_entries, "too many redelegations to this validator")
        was_free = self._status(record) is BondStatus.UNBONDED
        self._take_stake(source, record, delegatorAddress, amount)
        shares = self._add_stake(destination, target, delegatorAddress, amount)
        completion = self.timestamp
        if not was_free:
            completion += self.rules.unbonding_time_s
            self._remember_move(
                RedelegationRecord(
                    delegatorAddress,
                    self.block_number,
                    0,
                    source,
                    completion,
                    record.last_leaving,
                    destination,
                    self.last_move_of[delegatorAddress],
                    False,
                    amount,
                    shares,
                )
            )
        self.emit(self.Redelegate(delegatorAddress, source, destination, amount, completion))
        return completion

    def _remember_move(self, move: RedelegationRecord) -> None:
        held = self.delegations[move.destination][move.delegator]
        move.previous_arriving = held.last_arriving
        number = self.last_redelegation + 1
        self.last_redelegation = number
        self.moves[number] = move
        held.last_arriving = number
        self.records[move.source].last_leaving = number
        self.last_move_of[move.delegator] = number

    def _arriving(self, held: DelegationRecord) -> Iterator[tuple[int, RedelegationRecord]]:
        """Redelegations into a delegation that are not forgotten yet, the newest first: at most max_entries."""
        number = held.last_arriving
        while number:  # bounded: max_entries, which redelegate keeps
            move = self.moves[number]
            if move.delegator == ZERO_ADDRESS:
                return
            yield number, move
            number = move.previous_arriving

    def _has_arriving(self, held: DelegationRecord) -> bool:
        """Whether some of the stake still answers for another validator; the newest does longest."""
        newest = held.last_arriving
        return newest != 0 and self.moves[newest].completion_time > self.timestamp

    # --- questions ----------------------------------------------------------------------------------------

    @view(returns=("redelegation",), work=1_000)
    def redelegation(
        self, delegatorAddress: address, srcValidatorAddress: str, dstValidatorAddress: str
    ) -> RedelegationOutput:
        """The redelegations of a delegator between two validators that are not complete, the oldest first."""
        source, destination = address_of_text(srcValidatorAddress), address_of_text(dstValidatorAddress)
        entries = [
            _entry(move)
            for _, move in self._arriving(self.delegations[destination][delegatorAddress])
            if move.source == source and move.completion_time > self.timestamp
        ]
        return RedelegationOutput(
            text_of_address(delegatorAddress),
            text_of_address(source),
            text_of_address(destination),
            entries[::-1],
        )

    @view(returns=("response", "pageResponse"), work=1_000)
    def redelegations(
        self,
        delegatorAddress: address,
        srcValidatorAddress: str,
        dstValidatorAddress: str,
        pageRequest: PageRequest,
    ) -> tuple[list[RedelegationResponse], PageResponse]:
        """Redelegations that are not complete, the newest first: those of a delegator, or, with the zero address as
        delegator, those away from a validator. An empty string stands for any validator. `reverse` and `countTotal` are
        not served; each redelegation counts for the limit, and those of one delegator between the same two validators
        stand in one response."""
        source = address_of_text(srcValidatorAddress) if srcValidatorAddress else None
        destination = address_of_text(dstValidatorAddress) if dstValidatorAddress else None
        require(
            not pageRequest.reverse and not pageRequest.countTotal, "page: reverse, countTotal not served"
        )
        if delegatorAddress != ZERO_ADDRESS:
            first = self.last_move_of[delegatorAddress]
        elif source is not None:
            first = self.records[source].last_leaving
        else:
            revert("a delegator or a source validator is needed")
        limit, offset = limit_of(pageRequest), pageRequest.offset
        groups: dict[tuple[Address, Address, Address], RedelegationResponse] = {}
        count, next_key = 0, b""
        for number, move in self._moves(delegatorAddress, start_of(pageRequest) or first):
            if source not in (None, move.source) or destination not in (None, move.destination):
                continue
            if delegatorAddress not in (ZERO_ADDRESS, move.delegator):
                revert("page: no such key")
            count += 1
            if count > offset + limit:
                next_key = key_from(number)
                break
            if count > offset:
                self._add_response(groups, move)
        return list(groups.values()), PageResponse(next_key, 0)

    def _moves(self, delegator: Address, number: int) -> Iterator[tuple[int, RedelegationRecord]]:
        """From `number` backwards along the chain of the delegator, or, for nobody, of the source validator."""
        while 0 < number < 1 << 48:  # bounded: each step reads a record of its own, which it pays for
            move = self.moves[number].copy()
            if move.delegator == ZERO_ADDRESS or move.completion_time <= self.timestamp:
                return
            yield number, move
            number = move.previous_leaving if delegator == ZERO_ADDRESS else move.previous_of_delegator

    def _add_response(
        self,
        groups: dict[tuple[Address, Address, Address], RedelegationResponse],
        move: RedelegationRecord,
    ) -> None:
        key = (move.delegator, move.source, move.destination)
        if key not in groups:
            self.charge(1_000)
            texts = [text_of_address(account) for account in key]
            groups[key] = RedelegationResponse(Redelegation(texts[0], texts[1], texts[2], []), [])
        target = self.records[move.destination]
        balance = worth(move.shares, target.tokens, target.shares)
        groups[key].redelegation.entries.append(_entry(move))
        groups[key].entries.append(RedelegationEntryResponse(_entry(move), balance))


def _entry(move: RedelegationRecord) -> RedelegationEntry:
    return RedelegationEntry(move.height, move.completion_time, move.initial_balance, move.shares)
