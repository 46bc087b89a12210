"""What hooks and functions cost at most, and that a call without enough gas leaves nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from chain.types import Address
from tests.vm.system.staking.network import Network, consensus_key, text
from vm.call import new_context
from vm.environment import CommitVote, Misbehaviour, TransactionContext
from vm.system.addresses import DISTRIBUTION, SLASHING, STAKING, SYSTEM_ADDRESS
from vm.system.contract import Contract
from vm.system.gas import HOOK_GAS
from vm.system.runtime.frame import Frame
from vm.system.staking.bonded_set import MAX_SEAT_CHANGES
from vm.system.staking.consensus_key import key_to_text, prove_possession
from vm.system.staking.distribution import Distribution
from vm.system.staking.parameters import StakingParameters
from vm.system.staking.slashes import MAX_FORGOTTEN, MAX_SWEPT
from vm.system.staking.slashing import MAX_PUNISHED, Slashing
from vm.system.staking.staking import Staking
from vm.system.staking.types import Coin, CommissionRates, Description
from vm.system.staking.unbonding import MAX_MATURED
from vm.system.testing import COIN, BoundFunction, TestChain, address_of

HOOKS: dict[Address, type[Contract]] = {
    STAKING: Staking,
    DISTRIBUTION: Distribution,
    SLASHING: Slashing,
}
MOST = 200
"""Validators with a seat, at most."""


def hook_gas(
    chain: TestChain,
    target: Address,
    stage: str,
    votes: Sequence[CommitVote] = (),
    misbehaviour: Sequence[Misbehaviour] = (),
) -> int:
    """What a hook would cost now; nothing stays."""
    world = chain.world
    world.begin_transaction()
    block = replace(chain.block, votes=tuple(votes), misbehaviour=tuple(misbehaviour))
    context = new_context(world, block, TransactionContext(SYSTEM_ADDRESS, 0))
    world.warm_address(target)
    frame = Frame(context, target, SYSTEM_ADDRESS, 0, HOOK_GAS, 0, False, {})
    getattr(HOOKS[target](frame), stage)()
    return HOOK_GAS - frame.gas


def names(count: int) -> list[str]:
    return [f"v{index}" for index in range(count)]


def votes_of(names: Sequence[str], *, signed: bool) -> list[CommitVote]:
    return [CommitVote(consensus_key(name).address, 1, signed) for name in names]


@pytest.fixture(scope="module")
def full() -> Network:
    """As many validators as there can be, with a short window."""
    parameters = StakingParameters(
        max_validators=MOST, signed_blocks_window=2, min_signed_bps=10_000, unbonding_time_s=100
    )
    network = Network(powers=(10,) * MOST, parameters=parameters)
    network.mine(4)
    return network


def test_a_quiet_block_costs_little_with_any_number_of_validators(full: Network) -> None:
    assert hook_gas(full.chain, STAKING, "end_block") < 40_000
    assert hook_gas(full.chain, DISTRIBUTION, "begin_block") < 60_000
    signed = votes_of(names(MOST), signed=True)
    assert hook_gas(full.chain, SLASHING, "begin_block", signed) < MOST * 2_500


def test_the_worst_begin_of_a_block_is_within_the_budget(full: Network) -> None:
    with full.chain.anchor():
        absent = votes_of(names(MOST), signed=False)
        cost = hook_gas(full.chain, SLASHING, "begin_block", absent)
        assert HOOK_GAS // 8 < cost < HOOK_GAS // 2
        faults = [Misbehaviour(consensus_key(name).address, full.height - 1, 1) for name in names(MOST)]
        assert hook_gas(full.chain, SLASHING, "begin_block", absent, faults) < HOOK_GAS * 3 // 4
        full.chain.mine(votes=absent)
        assert sum(full.staking.validator(address_of(name)).jailed for name in names(MOST)) == MAX_PUNISHED


def test_the_worst_end_of_a_block_is_within_the_budget(full: Network) -> None:
    with full.chain.anchor():
        for index in range(max(MAX_MATURED, MAX_FORGOTTEN, MAX_SWEPT)):
            who = full.person(f"d{index}")
            full.delegate(who, "v0", 5 * COIN)
            full.delegate(who, "v1", 5 * COIN)
            full.redelegate(who, "v0", f"v{2 + index % (MOST - 2)}", COIN)
            full.undelegate(who, "v1", COIN)
        full.chain.mine(2)
        fault = Misbehaviour(consensus_key("v0").address, 1, 1)
        for index in range(MAX_SEAT_CHANGES):
            full.create(f"strong{index}", 50)
        full.chain.mine(misbehaviour=[fault])
        full.chain.warp(200)
        for name in names(MOST)[1:]:
            full.delegate(full.person("rich"), name, 2 * COIN)
        cost = hook_gas(full.chain, STAKING, "end_block")
        (block,) = full.chain.mine()
        assert len(block.validator_updates) >= MOST - MAX_SEAT_CHANGES
        assert HOOK_GAS // 4 < cost < HOOK_GAS * 3 // 4


def test_the_end_of_a_block_costs_for_what_changed_in_it() -> None:
    small, large = Network(powers=(10,) * 5), Network(powers=(10,) * 100)
    for network in (small, large):
        network.mine()
        for index in range(300 if network is large else 3):
            network.delegate(network.person(f"d{index}"), f"v{index % 5}", COIN)
        network.mine(2)
        network.delegate(address_of("v1"), "v1", COIN)
    costs = [hook_gas(network.chain, STAKING, "end_block") for network in (small, large)]
    assert costs[1] - costs[0] < 3_000


# --- prices of functions ---


def price(network: Network, call: BoundFunction, *arguments: object, sender: Address, value: int = 0) -> int:
    call(*arguments, sender=sender, value=value)
    return network.chain.gas_used


def test_what_the_functions_cost() -> None:
    network = Network(powers=(10,) * 20)
    who, v0, v1 = network.person("d"), text(address_of("v0")), text(address_of("v1"))
    staking, distribution = network.staking, network.distribution
    network.mine(3)
    costs = {}
    costs["first delegate"] = price(network, staking.delegate, who, v0, COIN, sender=who, value=COIN)
    network.mine()
    costs["delegate"] = price(network, staking.delegate, who, v0, COIN, sender=who, value=COIN)
    network.mine()
    costs["withdraw"] = price(network, distribution.withdrawDelegatorRewards, who, v0, sender=who)
    costs["undelegate"] = price(network, staking.undelegate, who, v0, COIN // 2, sender=who)
    costs["redelegate"] = price(network, staking.redelegate, who, v0, v1, COIN // 2, sender=who)
    limits = {
        "first delegate": 280_000,
        "delegate": 160_000,
        "withdraw": 130_000,
        "undelegate": 240_000,
        "redelegate": 480_000,
    }
    assert all(costs[name] < limits[name] for name in limits), costs


# --- too little gas ---


def test_a_call_that_runs_out_of_gas_leaves_nothing() -> None:
    network = Network()
    who, operator = network.person("d"), address_of("v0")
    v0, v1 = text(operator), text(address_of("v1"))
    network.delegate(who, "v0", 10 * COIN)
    network.undelegate(who, "v0", COIN)
    height = network.height
    network.mine(2)
    staking, distribution = network.staking, network.distribution
    new = network.person("new")
    proof = prove_possession(consensus_key("new"), network.chain.block.chain_id, new)
    key = consensus_key("new").public_key
    starve = network.chain.starve
    starve(staking.registerConsensusKey, key, proof, sender=new, levels=60)
    network.register("new")
    description, rates = Description("new", "", "", "", ""), CommissionRates(0, 1, 1)
    starve(
        staking.createValidator,
        description,
        rates,
        1,
        new,
        key_to_text(key),
        COIN,
        sender=new,
        value=COIN,
        levels=60,
    )
    calls: list[tuple[BoundFunction, tuple[object, ...], Address, int]] = [
        (staking.delegate, (who, v0, COIN), who, COIN),
        (staking.undelegate, (who, v0, COIN), who, 0),
        (staking.redelegate, (who, v0, v1, COIN), who, 0),
        (staking.cancelUnbondingDelegation, (who, v0, COIN, height), who, 0),
        (staking.editValidator, (description, operator, -1, 5), operator, 0),
        (distribution.withdrawDelegatorRewards, (who, v0), who, 0),
        (distribution.withdrawValidatorCommission, (v0,), operator, 0),
        (distribution.claimRewards, (who, 5), who, 0),
        (distribution.setWithdrawAddress, (who, v1), who, 0),
        (distribution.fundCommunityPool, (who, [Coin("wei", 5)]), who, 5),
        (distribution.depositValidatorRewardsPool, (who, v0, [Coin("wei", 5)]), who, 5),
    ]
    for function, arguments, sender, value in calls:
        starve(function, *arguments, sender=sender, value=value, levels=60)


def test_debts_that_cost_much_wait_and_do_not_stop_the_end_of_a_block() -> None:
    entries, count = 32, 30
    network = Network(parameters=StakingParameters(max_entries=entries, unbonding_time_s=10_000))
    people = [network.person(f"d{index}") for index in range(count)]
    network.mine(3)
    fault = network.height
    for who in people:
        network.delegate(who, "v1", 50 * COIN)
    for _ in range(entries):
        for who in people:
            network.redelegate(who, "v1", "v0", COIN)
            network.undelegate(who, "v0", COIN - 1)
        network.mine()
    network.mine(double=[("v1", fault)])
    assert hook_gas(network.chain, STAKING, "end_block") < HOOK_GAS // 2
    first, last = "first_sweep", "last_sweep"
    while network.chain.read(network.staking, first) != network.chain.read(network.staking, last):
        network.mine()
    for who in people:
        assert 0 <= entries * COIN * 95 // 100 - sum(network.leaving(who, "v0")) <= 3 * entries
    network.check_coins()
