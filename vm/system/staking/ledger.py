"""The storage of the staking contract, and the few changes that everything else is made of.

Owns: the fields, the events, and how stake is added to and taken from a validator.
Never does: move coins in from users, or decide who may; validators.py, delegations.py, unbonding.py, redelegations.py
and bonded_set.py do, each for its part. Specification: x/staking of the Cosmos SDK; docs/adr, "Staking without
loops".

What always holds: the balance of the contract is the tokens of all validators and the balances of all unbondings, and
tokens <= shares for each validator (shares.py).
"""

from __future__ import annotations

from typing import Final

from chain.secp256k1 import address_of_public_key
from chain.types import Address
from vm.system.addresses import DISTRIBUTION
from vm.system.framework import (
    Array,
    Contract,
    Event,
    Indexed,
    Map,
    Slot,
    address,
    i256,
    require,
    u16,
    u32,
    u48,
    u64,
    u256,
)
from vm.system.staking.interfaces import IRewards
from vm.system.staking.parameters import MAX_TOTAL_POWER, WEI_PER_POWER
from vm.system.staking.ranking import Heap, key_of
from vm.system.staking.records import (
    DelegationRecord,
    RedelegationRecord,
    StakingRules,
    Sweep,
    UnbondingRecord,
    ValidatorRecord,
)
from vm.system.staking.shares import shares_of_deposit, shares_of_withdrawal, worth
from vm.system.staking.types import BondStatus, Description

MAX_STAKED: Final = MAX_TOTAL_POWER * WEI_PER_POWER
"""Wei with all validators together, so that no set of them has more power than consensus can count."""

UPDATES_GAS: Final = 12_000_000
"""The end of a block keeps this for the updates: 200 validators that lose or change their power."""

SEATS_GAS: Final = UPDATES_GAS + 4_000_000
"""The end of a block keeps this for seats and updates, whatever debts and payments cost."""

DEBT_GAS: Final = 2_000_000
"""The most that one delegation costs that is settled: 32 redelegations into it, each taken from 32 unbondings."""

KEY_GAS: Final = 400
"""The address of a public key: a hash, and a point that is mostly remembered."""


class Ledger(Contract):
    """What the parts of the staking contract share."""

    is_privileged = True

    class CreateValidator(Event):
        """A new validator with this much stake of its own."""

        validatorAddress: Indexed[address]
        value: u256

    class EditValidator(Event):
        """The validator changed its description, commission rate or least own stake; -1 stands for what stays."""

        validatorAddress: Indexed[address]
        commissionRate: i256
        minSelfDelegation: i256

    class Delegate(Event):
        """`amount` wei became `newShares` shares of the validator."""

        delegatorAddress: Indexed[address]
        validatorAddress: Indexed[address]
        amount: u256
        newShares: u256

    class Unbond(Event):
        """`amount` wei leave the validator, and are paid at the completion time."""

        delegatorAddress: Indexed[address]
        validatorAddress: Indexed[address]
        amount: u256
        completionTime: u256

    class Redelegate(Event):
        """`amount` wei went from one validator to the other."""

        delegatorAddress: Indexed[address]
        validatorSrcAddress: Indexed[address]
        validatorDstAddress: Indexed[address]
        amount: u256
        completionTime: u256

    class CancelUnbondingDelegation(Event):
        """`amount` wei that were on their way out are staked again."""

        delegatorAddress: Indexed[address]
        validatorAddress: Indexed[address]
        amount: u256
        creationHeight: u256

    class CompleteUnbonding(Event):
        """The delegator got `amount` wei at the end of an unbonding."""

        delegatorAddress: Indexed[address]
        validatorAddress: Indexed[address]
        amount: u256

    class RegisterConsensusKey(Event):
        """The operator proved that it has this consensus key."""

        operator: Indexed[address]
        consensusAddress: Indexed[address]
        publicKey: bytes

    class Slash(Event):
        """`burnt` wei of the validator's stake are gone; what is leaving it since `infractionHeight` follows."""

        validatorAddress: Indexed[address]
        infractionHeight: u64
        bps: u16
        burnt: u256

    class SlashLeavingStake(Event):
        """`burnt` wei of a delegator are gone that left `validatorAddress` after it signed twice."""

        delegatorAddress: Indexed[address]
        validatorAddress: Indexed[address]
        burnt: u256

    class Jail(Event):
        """The validator may hold no seat until it is released."""

        validatorAddress: Indexed[address]

    operators_by_key: Map[address, address]
    rules: Slot[StakingRules]
    records: Map[address, ValidatorRecord]
    descriptions: Map[address, Description]
    registered_keys: Map[address, bytes]
    operators: Array[address]
    delegations: Map[address, Map[address, DelegationRecord]]
    total_staked: Slot[u256]
    seats: Array[u256]
    seat_places: Map[address, u256]
    waiting: Array[u256]
    waiting_places: Map[address, u256]
    changed: Array[address]
    bonded_power: Slot[u64]
    slash_count: Slot[u32]
    first_unbonding: Slot[u48]
    last_unbonding: Slot[u48]
    first_sweep: Slot[u48]
    last_sweep: Slot[u48]
    first_redelegation: Slot[u48]
    last_redelegation: Slot[u48]
    unbondings: Map[u48, UnbondingRecord]
    moves: Map[u48, RedelegationRecord]
    last_move_of: Map[address, u48]
    sweeps: Map[u48, Sweep]

    # --- validators ---------------------------------------------------------------------------------------

    def _existing(self, operator: Address) -> ValidatorRecord:
        record = self.records[operator]
        require(record.key_parity, "validator does not exist")
        return record

    def _status(self, record: ValidatorRecord) -> BondStatus:
        if record.power:
            return BondStatus.BONDED
        return BondStatus.UNBONDING if record.unbonding_time > self.timestamp else BondStatus.UNBONDED

    def _public_key(self, record: ValidatorRecord) -> bytes:
        return bytes((record.key_parity,)) + record.key_x

    def _consensus_address(self, record: ValidatorRecord) -> Address:
        self.charge(KEY_GAS)
        return address_of_public_key(self._public_key(record))

    def _can_spend(self, gas: int, keeping: int) -> bool:
        """Whether the block's end has gas for one more step and what comes after it; else the rest waits for the
        next block. A step that is too much would fail the whole hook, and again in each block."""
        return self.frame.gas >= gas + keeping

    def _rewards(self) -> IRewards:
        return self.at(DISTRIBUTION, IRewards)

    # --- stake --------------------------------------------------------------------------------------------

    def _settled(self, operator: Address, delegator: Address) -> DelegationRecord:
        """The delegation, after slashes that its redelegations still owe (redelegations.py)."""
        raise NotImplementedError

    def _add_stake(self, operator: Address, record: ValidatorRecord, delegator: Address, wei: int) -> int:
        """Stakes coins that the contract has already; returns the new shares."""
        require(wei, "amount is zero")
        require(not record.tombstoned, "validator is tombstoned")
        require(self.total_staked + wei <= MAX_STAKED, "more stake than consensus can count")
        delegation = self._settled(operator, delegator)
        tokens, shares = record.tokens, record.shares
        require(tokens or not shares, "validator has lost all its stake")
        self._before_change(operator, record, delegator, delegation.shares)
        added = shares_of_deposit(wei, tokens, shares)
        delegation.shares += added
        self._change_stake(operator, record, wei, added)
        return added

    def _take_stake(self, operator: Address, record: ValidatorRecord, delegator: Address, wei: int) -> None:
        """Takes `wei` out of a delegation; the coins stay in the contract."""
        require(wei, "amount is zero")
        delegation = self._settled(operator, delegator)
        held, tokens, shares = delegation.shares, record.tokens, record.shares
        require(wei <= worth(held, tokens, shares), "delegation is worth less than the amount")
        self._before_change(operator, record, delegator, held)
        taken = shares_of_withdrawal(wei, held, tokens, shares)
        delegation.shares = held - taken
        self._change_stake(operator, record, -wei, -taken)
        if delegator == operator and not record.jailed and not self._has_own_stake(operator, record):
            self._jail(operator, record)

    def _before_change(
        self, operator: Address, record: ValidatorRecord, delegator: Address, held: int
    ) -> None:
        self._rewards().beforeStakeChange(
            operator, delegator, record.power, record.commission_rate, record.shares, held
        )

    def _change_stake(self, operator: Address, record: ValidatorRecord, wei: int, shares: int) -> None:
        before = record.tokens
        after = before + wei
        record.tokens = after
        record.shares += shares
        self.total_staked += wei
        power = after // WEI_PER_POWER
        if power != before // WEI_PER_POWER and not record.jailed:
            self._rank(operator, record, power)

    def _has_own_stake(self, operator: Address, record: ValidatorRecord) -> bool:
        """Whether the operator itself has as much at stake as it promised."""
        held = self.delegations[operator][operator].shares
        return worth(held, record.tokens, record.shares) >= record.min_self_delegation

    def _pay(self, to: Address, wei: int) -> None:
        """Gives coins without running code of the receiver, as Cosmos does: it could otherwise stop a block's end."""
        self.burn_coins(wei)
        self.mint_coins(to, wei)

    # --- rank ---------------------------------------------------------------------------------------------

    def _seats(self) -> Heap:
        """Who has a seat; the weakest is on top."""
        return Heap(self.seats, self.seat_places, highest_first=False)

    def _waiting(self) -> Heap:
        """Who would have a seat if there were more; the strongest is on top."""
        return Heap(self.waiting, self.waiting_places, highest_first=True)

    def _rank(self, operator: Address, record: ValidatorRecord, power: int) -> None:
        """Puts a validator where `power` belongs; 0 takes it out."""
        for heap in (self._seats(), self._waiting()):
            if operator in heap:
                if power:
                    heap.replace(key_of(power, operator))
                else:
                    heap.remove(operator)
                break
        else:
            if power:
                self._waiting().push(key_of(power, operator))
        if record.power or self.seat_places[operator]:
            self._note_change(operator, record)

    def _note_change(self, operator: Address, record: ValidatorRecord) -> None:
        """The end of the block looks at this validator."""
        if not record.changed:
            record.changed = True
            self.changed.append(operator)

    def _jail(self, operator: Address, record: ValidatorRecord) -> None:
        record.jailed = True
        self._rank(operator, record, 0)
        self.emit(self.Jail(operator))
