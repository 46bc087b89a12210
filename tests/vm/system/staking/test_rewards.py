"""Who earns what, and who is paid."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chain.keccak import keccak256
from chain.types import ZERO_ADDRESS, checksum_address
from tests.vm.system.staking.network import DAY, TENTH, Network, text
from vm.system.addresses import DISTRIBUTION, SLASHING, STAKING
from vm.system.staking.distribution import MAX_DEPOSIT_WEI, Distribution
from vm.system.staking.parameters import StakingParameters
from vm.system.staking.types import Coin, Description, PageRequest
from vm.system.testing import COIN, address_of, reverts

REWARD = 100 * COIN
PARAMETERS = StakingParameters(block_reward_wei=REWARD, community_tax_bps=0, unbonding_time_s=1_000)


@pytest.fixture
def network() -> Network:
    """Two validators with equal power, a reward of 100 coins, no tax, a commission of a tenth."""
    return Network(powers=(50, 50), parameters=PARAMETERS)


def commission(network: Network, name: str) -> int:
    found = network.distribution.validatorCommission(text(address_of(name)))
    wei: int = sum(coin.amount for coin in found) // 10**18
    return wei


def pool(network: Network) -> int:
    wei: int = sum(coin.amount for coin in network.distribution.communityPool()) // 10**18
    return wei


def about(wei: int) -> object:
    """Sums are rounded down by less than a few wei."""
    return pytest.approx(wei, abs=4)


# --- sharing ---


def test_a_block_shares_its_reward_by_power_after_commission(network: Network) -> None:
    network.mine()
    assert network.distribution.balance == REWARD
    for name in ("v0", "v1"):
        assert network.reward(address_of(name), name) == about(45 * COIN)
        assert commission(network, name) == about(5 * COIN)
    info = network.distribution.validatorDistributionInfo(text(address_of("v0")))
    assert info.operatorAddress == checksum_address(address_of("v0"))
    assert info.commission[0].amount == commission(network, "v0") * 10**18
    assert info.commission[0].precision == 18
    assert info.selfBondRewards[0].amount == network.reward(address_of("v0"), "v0") * 10**18


def test_the_community_pool_has_its_part() -> None:
    network = Network(powers=(1,), parameters=replace(PARAMETERS, community_tax_bps=2_500))
    network.mine(2)
    assert pool(network) == 50 * COIN
    assert network.reward(address_of("v0"), "v0") == about(135 * COIN)


def test_fees_and_gifts_are_shared_with_the_next_block(network: Network) -> None:
    network.chain.fund(DISTRIBUTION, 60 * COIN)
    network.mine()
    assert network.reward(address_of("v0"), "v0") == about(72 * COIN)


def test_a_gift_of_any_size_overflows_nothing(network: Network) -> None:
    network.chain.fund(DISTRIBUTION, 2**255)
    network.mine(3)
    assert network.reward(address_of("v0"), "v0") == pytest.approx(3 * 2**100 * 0.45)
    network.chain.fund(network.person("rich"), 2**200)
    network.delegate(address_of("rich"), "v0", COIN)
    network.mine()


def test_delegators_share_by_stake_from_the_moment_of_their_stake(network: Network) -> None:
    first, second = network.person("first"), network.person("second")
    network.delegate(first, "v0", 50 * COIN)
    assert network.reward(first, "v0") == 0
    network.mine()  # 100 : 50, counted at the end of the block that the next block's reward is shared by
    assert network.reward(first, "v0") == about(REWARD * 2 // 3 * 9 // 10 // 2)
    network.delegate(second, "v0", 100 * COIN)
    before = network.reward(first, "v0")
    network.mine()  # 200 : 50
    assert network.reward(second, "v0") == about(REWARD * 4 // 5 * 9 // 10 // 2)
    assert network.reward(first, "v0") - before == about(REWARD * 4 // 5 * 9 // 10 // 4)


def test_who_leaves_keeps_what_was_earned_and_earns_no_more(network: Network) -> None:
    who = network.person("d", 100)
    network.delegate(who, "v0", 50 * COIN)
    network.mine()
    network.undelegate(who, "v0", 50 * COIN)
    earned = network.reward(who, "v0")
    assert earned > 29 * COIN
    network.mine(3)
    assert network.reward(who, "v0") == earned
    assert network.distribution.delegatorValidators(who) == [checksum_address(address_of("v0"))]
    assert network.withdraw(who, "v0") == earned
    assert network.chain.balance(who) == 50 * COIN + earned
    assert network.distribution.delegatorValidators(who) == []
    with reverts("no delegation to this validator"):
        network.withdraw(who, "v0")


def test_a_validator_without_a_seat_earns_nothing(network: Network) -> None:
    tight = Network(powers=(50, 50), parameters=replace(PARAMETERS, max_validators=2))
    tight.create("weak", 10)
    tight.mine(2)
    assert tight.reward(address_of("weak"), "weak") == 0
    tight.delegate(address_of("v0"), "weak", 41 * COIN)
    tight.mine()
    assert tight.reward(address_of("weak"), "weak") == about(REWARD * 51 // 101 * 9 // 10 * 10 // 51)


def test_a_new_rate_does_not_reach_back(network: Network) -> None:
    operator = address_of("v0")
    network.mine()
    network.chain.warp(DAY)
    keep = Description(*["[do-not-modify]"] * 5)
    network.staking.editValidator(keep, operator, 0, -1, sender=operator)
    assert commission(network, "v0") == about(5 * COIN)
    network.mine()
    assert commission(network, "v0") == about(5 * COIN)
    assert network.reward(operator, "v0") == about(95 * COIN)


def test_what_the_last_validator_earns_without_stake_goes_to_the_pool() -> None:
    network = Network(powers=(5,), parameters=PARAMETERS)
    network.undelegate(address_of("v0"), "v0", 5 * COIN)
    network.mine(2)
    network.delegate(address_of("v0"), "v0", 5 * COIN)
    assert pool(network) == about(2 * REWARD)
    network.mine()
    assert network.reward(address_of("v0"), "v0") == about(90 * COIN)


# --- withdrawing ---


def test_rewards_are_paid_to_the_delegator_or_whom_it_named(network: Network) -> None:
    operator, other = address_of("v0"), address_of("other")
    network.mine()
    before = network.chain.balance(operator)
    paid = network.withdraw(operator, "v0")
    assert paid == about(45 * COIN)
    assert network.chain.logs == [Distribution.WithdrawDelegatorReward(operator, operator, paid)]
    assert network.chain.balance(operator) == before + paid
    assert network.withdraw(operator, "v0") == 0
    assert network.distribution.withdrawDelegatorRewards.call(operator, text(operator), sender=operator) == []
    network.distribution.setWithdrawAddress(operator, text(other), sender=operator)
    assert network.chain.logs == [Distribution.SetWithdrawerAddress(operator, checksum_address(other))]
    assert network.distribution.delegatorWithdrawAddress(operator) == checksum_address(other)
    network.mine()
    paid = network.withdraw(operator, "v0")
    assert network.chain.balance(other) == paid == about(45 * COIN)


def test_a_commission_is_paid_to_its_operator_only(network: Network) -> None:
    operator = address_of("v0")
    with reverts("no commission to withdraw"):
        network.distribution.withdrawValidatorCommission(text(operator), sender=operator)
    network.mine()
    with reverts("caller is not the validator"):
        network.distribution.withdrawValidatorCommission(text(operator), sender=address_of("v1"))
    outstanding = network.distribution.validatorOutstandingRewards(text(operator))
    assert outstanding[0].amount // 10**18 == about(50 * COIN)
    (coin,) = network.distribution.withdrawValidatorCommission(text(operator), sender=operator)
    assert (coin.denom, coin.amount) == ("wei", about(5 * COIN))
    (log,) = network.chain.logs
    assert log.validatorAddress == keccak256(checksum_address(operator).encode())
    assert log.commission == coin.amount
    network.withdraw(operator, "v0")
    left = network.distribution.validatorOutstandingRewards(text(operator))
    assert sum(each.amount for each in left) <= 2 * 10**18


def test_the_wrong_caller_is_paid_nothing(network: Network) -> None:
    network.mine()
    stranger, operator = network.person("stranger"), address_of("v0")
    for call in (
        lambda: network.distribution.withdrawDelegatorRewards(operator, text(operator), sender=stranger),
        lambda: network.distribution.claimRewards(operator, 5, sender=stranger),
        lambda: network.distribution.setWithdrawAddress(operator, text(stranger), sender=stranger),
    ):
        with reverts("caller is not the delegator"):
            call()  # type: ignore[no-untyped-call]
    for refused in (ZERO_ADDRESS, STAKING, DISTRIBUTION, SLASHING):
        with reverts("this account cannot receive rewards"):
            network.distribution.setWithdrawAddress(stranger, text(refused), sender=stranger)


def test_rewards_of_many_validators_are_claimed_together() -> None:
    network = Network(powers=(10, 10, 10, 10), parameters=PARAMETERS)
    who = network.person("d")
    for name in ("v0", "v1", "v2"):
        network.delegate(who, name, 10 * COIN)
    network.mine()
    network.undelegate(who, "v0", 10 * COIN)
    rewards, total = network.distribution.delegationTotalRewards(who)
    assert [one.validatorAddress for one in rewards] == [
        checksum_address(address_of(name)) for name in ("v0", "v1", "v2")
    ]
    each = REWARD * 20 // 70 * 9 // 10 // 2
    assert total[0].amount // 10**18 == about(3 * each)
    before = network.chain.balance(who)
    network.distribution.claimRewards(who, 2, sender=who)
    assert network.chain.logs[-1] == Distribution.ClaimRewards(who, network.chain.balance(who) - before)
    assert network.chain.balance(who) - before == about(2 * each)
    assert network.distribution.delegatorValidators(who) == [
        checksum_address(address_of(name)) for name in ("v2", "v1")
    ]
    network.distribution.claimRewards(who, 200, sender=who)
    assert network.chain.balance(who) - before == about(3 * each)
    for wrong in (0, 201):
        with reverts("maxRetrieve: from 1 to 200"):
            network.distribution.claimRewards(who, wrong, sender=who)


def test_one_delegator_has_a_bounded_number_of_validators() -> None:
    network = Network(powers=(1,) * 200, parameters=replace(PARAMETERS, max_validators=200))
    who = network.person("d")
    for index in range(200):
        network.delegate(who, f"v{index}", 1)
    network.create("one more", 1)
    with reverts("too many validators: withdraw from those without stake"):
        network.delegate(who, "one more", 1)
    network.undelegate(who, "v7", 1)
    network.withdraw(who, "v7")
    network.delegate(who, "one more", 1)
    network.mine()
    network.distribution.claimRewards(who, 200, sender=who, gas=30_000_000)


# --- giving ---


def test_gifts_to_the_pool_and_to_a_validator(network: Network) -> None:
    who, v0 = network.person("giver"), text(address_of("v0"))
    gift = [Coin("wei", 10 * COIN)]
    network.distribution.fundCommunityPool(who, gift, sender=who, value=10 * COIN)
    assert network.chain.logs == [Distribution.FundCommunityPool(who, "wei", 10 * COIN)]
    assert pool(network) == 10 * COIN
    network.distribution.depositValidatorRewardsPool(who, v0, gift, sender=who, value=10 * COIN)
    assert network.reward(address_of("v0"), "v0") == about(9 * COIN)
    assert commission(network, "v0") == about(COIN)
    network.check_coins()
    for amount, value, problem in (
        ([Coin("atom", 1)], 1, 'amount: one coin, "wei"'),
        ([], 0, 'amount: one coin, "wei"'),
        ([Coin("wei", 1), Coin("wei", 1)], 2, 'amount: one coin, "wei"'),
        ([Coin("wei", 2)], 1, "coins sent are not the amount"),
        ([Coin("wei", 0)], 0, "amount is zero"),
    ):
        with reverts(problem):
            network.distribution.fundCommunityPool(who, amount, sender=who, value=value)
        with reverts(problem):
            network.distribution.depositValidatorRewardsPool(who, v0, amount, sender=who, value=value)
    with reverts("caller is not the depositor"):
        network.distribution.fundCommunityPool(address_of("v0"), gift, sender=who, value=10 * COIN)
    network.chain.fund(who, 2 * MAX_DEPOSIT_WEI)
    with reverts("amount is too great"):
        wei = MAX_DEPOSIT_WEI + 1
        network.distribution.depositValidatorRewardsPool(who, v0, [Coin("wei", wei)], sender=who, value=wei)
    network.undelegate(address_of("v0"), "v0", 50 * COIN - 1)
    with reverts("validator has less than one coin at stake"):
        network.distribution.depositValidatorRewardsPool(who, v0, gift, sender=who, value=10 * COIN)


# --- flat ---


def test_withdrawing_costs_the_same_however_many_delegators_there_are(network: Network) -> None:
    def gas() -> int:
        network.mine()
        network.withdraw(address_of("v0"), "v0")
        return network.chain.gas_used

    gas()  # the first one writes slots that were zero
    alone = gas()
    for index in range(200):
        network.delegate(network.person(f"d{index}"), "v0", COIN)
    assert gas() == alone


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["in", "out", "mine", "withdraw", "commission", "gift"]),
            st.integers(0, 2),
            st.sampled_from(["v0", "v1"]),
            st.integers(1, 10**20),
        ),
        max_size=25,
    )
)
def test_everybody_can_always_be_paid(steps: list[tuple[str, int, str, int]]) -> None:
    network = Network(powers=(3, 7), parameters=replace(PARAMETERS, community_tax_bps=123))
    people = [network.person(f"d{index}") for index in range(3)]
    everybody = [*people, address_of("v0"), address_of("v1")]
    for kind, index, name, wei in steps:
        who, stake = people[index], network.stake(people[index], name)
        if kind == "in":
            network.delegate(who, name, wei)
        elif kind == "out" and stake and len(network.leaving(who, name)) < 7:
            network.undelegate(who, name, min(wei, stake))
        elif kind == "mine":
            network.mine()
        elif kind == "withdraw" and network.distribution.delegatorValidators(who):
            network.distribution.claimRewards(who, 10, sender=who)
        elif kind == "commission" and commission(network, name):
            operator = address_of(name)
            network.distribution.withdrawValidatorCommission(text(operator), sender=operator)
        elif kind == "gift":
            network.chain.fund(DISTRIBUTION, wei)
    network.mine()
    owed = pool(network)
    for name in ("v0", "v1"):
        owed += commission(network, name)
        owed += sum(network.reward(who, name) for who in everybody)
    balance = network.distribution.balance
    assert owed <= balance
    assert balance - owed <= 100, "rounding loses a few wei"
    for who in everybody:
        network.distribution.claimRewards(who, 10, sender=who)
    for name in ("v0", "v1"):
        operator = address_of(name)
        network.distribution.withdrawValidatorCommission(text(operator), sender=operator)
    assert pool(network) <= network.distribution.balance <= pool(network) + 100


def test_slashes_are_listed() -> None:
    network = Network(powers=(5, 5, 5, 5), parameters=PARAMETERS)
    network.mine(2)
    network.mine(double=[("v0", 1)])
    (events, page) = network.distribution.validatorSlashes(
        text(address_of("v0")), 0, 100, PageRequest(b"", 0, 0, True, False)
    )
    assert [(event.validatorPeriod, event.fraction.value) for event in events] == [
        (network.height, TENTH // 2)
    ]
    assert page.total == 1
    assert (
        network.distribution.validatorSlashes(
            text(address_of("v0")), 0, network.height - 1, PageRequest(b"", 0, 0, True, False)
        )[0]
        == []
    )
