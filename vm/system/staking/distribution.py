"""The chain contract DISTRIBUTION: who earned what, with the same few steps however many they are.

Owns: rewards, commissions, the community pool, and the coins of all three.
Never does: know stake; STAKING tells it before a stake or a power changes, and answers its questions.
Specification: DistributionI.sol of cosmos/evm; x/distribution; accumulators.py.

Two sums run: wei per unit of power over all validators, and for each validator wei per share. A block adds to the
first one only. Before the power or the shares of a validator change, what it earned since the last time moves from
the first sum to the second one; before the shares of a delegator change, and when it withdraws, what it earned moves
to what it is owed.

Unlike in Cosmos, a change of stake pays nothing out: what was earned until then waits to be withdrawn.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from chain.types import Address
from vm.system.addresses import STAKING, is_reserved
from vm.system.framework import (
    Array,
    Contract,
    Event,
    Indexed,
    Map,
    Slot,
    Struct,
    address,
    external,
    require,
    u16,
    u32,
    u48,
    u64,
    u128,
    u256,
    view,
)
from vm.system.staking.accumulators import earned, per_unit
from vm.system.staking.interfaces import IStake, staking_only
from vm.system.staking.pages import page_of
from vm.system.staking.parameters import WEI_PER_POWER, StakingGenesis
from vm.system.staking.shares import part_of
from vm.system.staking.texts import address_of_text, text_of_address
from vm.system.staking.types import (
    DENOMINATION,
    ONE,
    Coin,
    DecCoin,
    DelegationDelegatorReward,
    PageRequest,
    PageResponse,
    ValidatorDistributionInfo,
    ValidatorSlashEvent,
    coins,
    decimal_coins,
    decimal_of_bps,
)

MAX_SHARED_WEI: Final = 1 << 100
"""Most that one block shares out, so that no gift can make a sum overflow; the rest waits for the next blocks."""

MAX_DEPOSIT_WEI: Final = 1 << 96
"""Most that one deposit gives to a validator, for the same reason."""

MAX_VALIDATORS_OF_DELEGATOR: Final = 200
"""Validators from which one delegator earns or is owed something: a loop over them is bounded."""

REWARD_GAS: Final = 600
"""Making the texts of one validator's rewards in a view."""


class RewardSettings(Struct):
    """What the contract needs of the parameters (parameters.py)."""

    block_reward_wei: u128
    community_tax_bps: u16


class ValidatorRewards(Struct):
    """per_power: the common sum when the validator last took its part. per_share: its own sum.

    commission: owed to the operator. outstanding: that, and what is owed to delegators.
    """

    per_power: u256
    per_share: u256
    commission: u128
    outstanding: u128


class DelegatorRewards(Struct):
    """per_share: the validator's sum when the delegator last took its part. place: in its list of validators, from
    1."""

    per_share: u256
    owed: u128
    place: u32


class SlashRecord(Struct):
    height: u48
    bps: u16


class Stake(NamedTuple):
    """STAKING's answer: power, commission rate and shares of a validator, and the shares of one delegator."""

    power: int
    rate: int
    shares: int
    held: int


class Distribution(Contract, class_id=0x0002, version=1):
    """Rewards, commissions and the community pool, in the ABI of cosmos/evm's DistributionI.

    Each block shares the block reward and the fees that are not burnt among the validators with a seat, by power,
    after the part of the community pool. What is earned waits until it is withdrawn. The only denomination is "wei";
    coins to give come with the call. Payments run no code of the receiver.
    """

    is_privileged = True

    class ClaimRewards(Event):
        """The delegator withdrew `amount` wei from several validators."""

        delegatorAddress: Indexed[address]
        amount: u256

    class SetWithdrawerAddress(Event):
        """Rewards of the caller go to another account."""

        caller: Indexed[address]
        withdrawerAddress: str

    class WithdrawDelegatorReward(Event):
        """The delegator withdrew `amount` wei."""

        delegatorAddress: Indexed[address]
        validatorAddress: Indexed[address]
        amount: u256

    class WithdrawValidatorCommission(Event):
        """The operator withdrew its commission, in wei. The topic is the hash of the operator's text."""

        validatorAddress: Indexed[str]
        commission: u256

    class FundCommunityPool(Event):
        """The depositor gave to the community pool."""

        depositor: Indexed[address]
        denom: str
        amount: u256

    class DepositValidatorRewardsPool(Event):
        """The depositor gave to a validator and its delegators."""

        depositor: Indexed[address]
        validatorAddress: Indexed[address]
        denom: str
        amount: u256

    settings: Slot[RewardSettings]
    per_power: Slot[u256]
    bonded_power: Slot[u64]
    promised: Slot[u256]
    community_pool: Slot[u256]
    rewards: Map[address, ValidatorRewards]
    claims: Map[address, Map[address, DelegatorRewards]]
    validators_of: Map[address, Array[address]]
    withdrawers: Map[address, address]
    slashes: Map[address, Array[SlashRecord]]

    # --- sharing ------------------------------------------------------------------------------------------

    def begin_block(self) -> None:
        """Shares the block reward, and whatever else has come since the last block: fees, and gifts."""
        settings = self.settings
        self.mint_coins(self.address, settings.block_reward_wei)
        promised, power = self.promised, self.bonded_power
        fresh = min(self.balance_of(self.address) - promised, MAX_SHARED_WEI)
        if fresh <= 0 or not power:
            return
        tax = part_of(fresh, settings.community_tax_bps)
        self.promised = promised + fresh
        if tax:
            self.community_pool += tax
        self.per_power += per_unit(fresh - tax, power)

    def genesis(self, config: StakingGenesis) -> None:
        """Nothing was earned yet."""
        parameters = config.parameters
        self.settings = RewardSettings(parameters.block_reward_wei, parameters.community_tax_bps)
        self.bonded_power = sum([staker.power for staker in config.validators])
        for staker in config.validators:
            self._list(staker.operator, staker.operator, self.claims[staker.operator][staker.operator])

    @external(only=staking_only)
    def beforeStakeChange(
        self,
        validator: address,
        delegator: address,
        power: u64,
        rate: u64,
        shares: u128,
        delegatorShares: u128,
    ) -> None:
        """STAKING is about to change the shares of a delegator."""
        per_share = self._update(validator, Stake(power, rate, shares, delegatorShares))
        claim = self.claims[delegator][validator]
        self._accrue(claim, per_share, delegatorShares)
        if not claim.place:
            self._list(delegator, validator, claim)

    @external(only=staking_only)
    def beforeValidatorChange(
        self, validator: address, power: u64, newPower: u64, rate: u64, shares: u128
    ) -> None:
        """STAKING is about to change the power of a validator, or its rate."""
        self._update(validator, Stake(power, rate, shares, 0))
        if newPower != power:
            self.bonded_power = self.bonded_power + newPower - power

    @external(only=staking_only)
    def recordSlash(self, validator: address, bps: u16) -> None:
        """STAKING has slashed a validator."""
        self.slashes[validator].append(SlashRecord(self.block_number, bps))

    def _update(self, validator: Address, stake: Stake) -> int:
        """Moves what a validator earned to its own sum; returns that sum."""
        record = self.rewards[validator]
        since, until = record.per_power, self.per_power
        if since != until:
            record.per_power = until
            if stake.power:
                self._credit(record, stake, earned(stake.power, since, until))
        return record.per_share

    def _credit(self, record: ValidatorRewards, stake: Stake, wei: int) -> None:
        """Shares wei that are promised already between the operator and all delegators."""
        if not stake.shares:  # the last validator of all keeps its seat without any stake
            self.community_pool += wei
            return
        commission = -(-wei * stake.rate // ONE)
        record.commission += commission
        record.outstanding += wei
        record.per_share += per_unit(wei - commission, stake.shares)

    def _accrue(self, claim: DelegatorRewards, per_share: int, held: int) -> None:
        since = claim.per_share
        if since != per_share:
            claim.per_share = per_share
            claim.owed += earned(held, since, per_share)

    def _list(self, delegator: Address, validator: Address, claim: DelegatorRewards) -> None:
        validators = self.validators_of[delegator]
        place = len(validators) + 1
        require(
            place <= MAX_VALIDATORS_OF_DELEGATOR, "too many validators: withdraw from those without stake"
        )
        validators.append(validator)
        claim.place = place

    def _unlist(self, delegator: Address, claim: DelegatorRewards) -> None:
        validators = self.validators_of[delegator]
        place = claim.place
        last = validators.pop()
        if place <= len(validators):
            validators[place - 1] = last
            self.claims[delegator][last].place = place
        claim.place = 0

    def _stake(self, validator: Address, delegator: Address) -> Stake:
        return Stake(*self.at(STAKING, IStake).stakeOf(validator, delegator))

    # --- withdrawing --------------------------------------------------------------------------------------

    @external(returns=("amount",), work=800)
    def withdrawDelegatorRewards(self, delegatorAddress: address, validatorAddress: str) -> list[Coin]:
        """Pays what the caller earned with one validator."""
        require(self.sender == delegatorAddress, "caller is not the delegator")
        validator = address_of_text(validatorAddress)
        require(self.claims[delegatorAddress][validator].place, "no delegation to this validator")
        wei = self._withdraw(delegatorAddress, validator)
        self._pay(self._withdrawer(delegatorAddress), wei)
        return coins(wei)

    @external(returns=("success",))
    def claimRewards(self, delegatorAddress: address, maxRetrieve: u32) -> bool:
        """Pays what the caller earned with its first `maxRetrieve` validators."""
        require(self.sender == delegatorAddress, "caller is not the delegator")
        require(0 < maxRetrieve <= MAX_VALIDATORS_OF_DELEGATOR, "maxRetrieve: from 1 to 200")
        listed = self.validators_of[delegatorAddress]
        chosen = [listed[index] for index in range(min(maxRetrieve, len(listed)))]
        total = sum([self._withdraw(delegatorAddress, validator) for validator in chosen])
        self._pay(self._withdrawer(delegatorAddress), total)
        self.emit(self.ClaimRewards(delegatorAddress, total))
        return True

    def _withdraw(self, delegator: Address, validator: Address) -> int:
        stake = self._stake(validator, delegator)
        claim = self.claims[delegator][validator]
        self._accrue(claim, self._update(validator, stake), stake.held)
        wei = claim.owed
        claim.owed = 0
        self.rewards[validator].outstanding -= wei
        if not stake.held:
            self._unlist(delegator, claim)
        self.emit(self.WithdrawDelegatorReward(delegator, validator, wei))
        return wei

    @external(returns=("amount",), work=800)
    def withdrawValidatorCommission(self, validatorAddress: str) -> list[Coin]:
        """Pays the caller the commission of its validator."""
        validator = address_of_text(validatorAddress)
        require(self.sender == validator, "caller is not the validator")
        self._update(validator, self._stake(validator, validator))
        record = self.rewards[validator]
        wei = record.commission
        require(wei, "no commission to withdraw")
        record.commission = 0
        record.outstanding -= wei
        self._pay(self._withdrawer(validator), wei)
        self.emit(self.WithdrawValidatorCommission(text_of_address(validator), wei))
        return coins(wei)

    @external(returns=("success",), work=600)
    def setWithdrawAddress(self, delegatorAddress: address, withdrawerAddress: str) -> bool:
        """From now on what the caller earns is paid to another account, which cannot be a chain contract."""
        require(self.sender == delegatorAddress, "caller is not the delegator")
        withdrawer = address_of_text(withdrawerAddress)
        require(any(withdrawer) and not is_reserved(withdrawer), "this account cannot receive rewards")
        self.withdrawers[delegatorAddress] = withdrawer
        self.emit(self.SetWithdrawerAddress(delegatorAddress, text_of_address(withdrawer)))
        return True

    def _withdrawer(self, delegator: Address) -> Address:
        chosen = self.withdrawers[delegator]
        return chosen if any(chosen) else delegator

    def _pay(self, to: Address, wei: int) -> None:
        self.promised -= wei
        self.burn_coins(wei)
        self.mint_coins(to, wei)

    # --- giving -------------------------------------------------------------------------------------------

    @external(payable=True, returns=("success",), work=600)
    def fundCommunityPool(self, depositor: address, amount: list[Coin]) -> bool:
        """Gives coins to the community pool; they come with the call."""
        wei = self._gift(depositor, amount)
        self.promised += wei
        self.community_pool += wei
        self.emit(self.FundCommunityPool(depositor, DENOMINATION, wei))
        return True

    @external(payable=True, returns=("success",), work=800)
    def depositValidatorRewardsPool(
        self, depositor: address, validatorAddress: str, amount: list[Coin]
    ) -> bool:
        """Gives coins to a validator and its delegators, as if they were earned; they come with the call."""
        wei = self._gift(depositor, amount)
        require(wei <= MAX_DEPOSIT_WEI, "amount is too great")
        validator = address_of_text(validatorAddress)
        stake = self._stake(validator, validator)
        require(stake.shares >= WEI_PER_POWER, "validator has less than one coin at stake")
        self._update(validator, stake)
        self.promised += wei
        self._credit(self.rewards[validator], stake, wei)
        self.emit(self.DepositValidatorRewardsPool(depositor, validator, DENOMINATION, wei))
        return True

    def _gift(self, depositor: Address, amount: list[Coin]) -> int:
        require(self.sender == depositor, "caller is not the depositor")
        require(len(amount) == 1 and amount[0].denom == DENOMINATION, 'amount: one coin, "wei"')
        wei = amount[0].amount
        require(wei == self.value, "coins sent are not the amount")
        require(wei, "amount is zero")
        return wei

    # --- questions ----------------------------------------------------------------------------------------

    def _earned_by_validator(self, validator: Address, stake: Stake) -> tuple[int, int, int]:
        """Outstanding wei, commission and the sum per share, as `_update` would make them."""
        record = self.rewards[validator]
        outstanding, commission, per_share = record.outstanding, record.commission, record.per_share
        wei = earned(stake.power, record.per_power, self.per_power)
        if not wei or not stake.shares:
            return outstanding, commission, per_share
        part = -(-wei * stake.rate // ONE)
        return outstanding + wei, commission + part, per_share + per_unit(wei - part, stake.shares)

    def _reward(self, delegator: Address, validator: Address) -> int:
        stake = self._stake(validator, delegator)
        _, _, per_share = self._earned_by_validator(validator, stake)
        claim = self.claims[delegator][validator]
        return claim.owed + earned(stake.held, claim.per_share, per_share)

    @view(returns=("distributionInfo",), work=1_000)
    def validatorDistributionInfo(self, validatorAddress: str) -> ValidatorDistributionInfo:
        """The commission of a validator, and what its own stake earned."""
        validator = address_of_text(validatorAddress)
        _, commission, _ = self._earned_by_validator(validator, self._stake(validator, validator))
        own = self._reward(validator, validator)
        return ValidatorDistributionInfo(
            text_of_address(validator), decimal_coins(own), decimal_coins(commission)
        )

    @view(returns=("rewards",), work=600)
    def validatorOutstandingRewards(self, validatorAddress: str) -> list[DecCoin]:
        """What a validator and its delegators earned and have not withdrawn."""
        validator = address_of_text(validatorAddress)
        outstanding, _, _ = self._earned_by_validator(validator, self._stake(validator, validator))
        return decimal_coins(outstanding)

    @view(returns=("commission",), work=600)
    def validatorCommission(self, validatorAddress: str) -> list[DecCoin]:
        """The commission of a validator that was not withdrawn."""
        validator = address_of_text(validatorAddress)
        _, commission, _ = self._earned_by_validator(validator, self._stake(validator, validator))
        return decimal_coins(commission)

    @view(returns=("slashes", "pageResponse"))
    def validatorSlashes(
        self, validatorAddress: str, startingHeight: u64, endingHeight: u64, pageRequest: PageRequest
    ) -> tuple[list[ValidatorSlashEvent], PageResponse]:
        """The slashes of a validator in blocks from `startingHeight` to `endingHeight`; `validatorPeriod` is the
        height."""
        records = self.slashes[address_of_text(validatorAddress)]
        indices, page = page_of(
            pageRequest, len(records), lambda index: startingHeight <= records[index].height <= endingHeight
        )
        events = [
            ValidatorSlashEvent(records[index].height, decimal_of_bps(records[index].bps))
            for index in indices
        ]
        return events, page

    @view(returns=("rewards",), work=600)
    def delegationRewards(self, delegatorAddress: address, validatorAddress: str) -> list[DecCoin]:
        """What a delegator earned with one validator and has not withdrawn."""
        return decimal_coins(self._reward(delegatorAddress, address_of_text(validatorAddress)))

    @view(returns=("rewards", "total"))
    def delegationTotalRewards(
        self, delegatorAddress: address
    ) -> tuple[list[DelegationDelegatorReward], list[DecCoin]]:
        """What a delegator earned with each of its validators and has not withdrawn, and the sum."""
        found, total = [], 0
        for validator in self.validators_of[delegatorAddress].values():
            self.charge(REWARD_GAS)
            wei = self._reward(delegatorAddress, validator)
            found.append(DelegationDelegatorReward(text_of_address(validator), decimal_coins(wei)))
            total += wei
        return found, decimal_coins(total)

    @view(returns=("validators",))
    def delegatorValidators(self, delegatorAddress: address) -> list[str]:
        """The validators from which a delegator earns, or has something to withdraw."""
        found = []
        for validator in self.validators_of[delegatorAddress].values():
            self.charge(REWARD_GAS)
            found.append(text_of_address(validator))
        return found

    @view(returns=("withdrawAddress",), work=600)
    def delegatorWithdrawAddress(self, delegatorAddress: address) -> str:
        """Who is paid what the delegator earns."""
        return text_of_address(self._withdrawer(delegatorAddress))

    @view(returns=("coins",))
    def communityPool(self) -> list[DecCoin]:
        """What the community pool has."""
        return decimal_coins(self.community_pool)
