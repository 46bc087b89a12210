"""Nothing that a delegator does between a double signing and its punishment saves any of its stake."""

from __future__ import annotations

from random import Random

import pytest

from chain.types import Address
from tests.vm.system.staking.network import Network, text
from vm.system.staking import slashes, unbonding
from vm.system.staking.parameters import StakingParameters
from vm.system.testing import COIN, CallReverted, address_of

VALIDATORS = ("v0", "v1", "v2", "v3")
TOLERANCE = 200
"""Wei: each step may round by one or two."""


class Runaway:
    """One delegator that tries everything, at random. Nothing is paid out or earned, so that its wealth shows all."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.bps = self.random.choice((100, 500, 5_000, 10_000))
        self.network = Network(
            parameters=StakingParameters(
                unbonding_time_s=10**6,
                max_entries=self.random.choice((1, 2, 7, 32)),
                block_reward_wei=0,
                slash_double_sign_bps=self.bps,
            )
        )
        self.who: Address = self.network.person("runaway")
        self.network.mine(3)
        for name in VALIDATORS[:3]:
            self.network.delegate(self.who, name, self.random.randrange(COIN, 20 * COIN))

    @property
    def wealth(self) -> int:
        network, who = self.network, self.who
        staked = sum(network.stake(who, name) + sum(network.leaving(who, name)) for name in VALIDATORS)
        return network.chain.balance(who) + staked

    def act(self, steps: int) -> None:
        for _ in range(steps):
            try:
                self._step()
            except CallReverted:
                pass

    def _step(self) -> None:
        random, network, who = self.random, self.network, self.who
        name, other = random.choice(VALIDATORS), random.choice(VALIDATORS)
        stake = network.stake(who, name)
        wei = random.choice((stake, stake // 2, max(1, stake - 1), random.randrange(1, stake + 2), 1))
        match random.randrange(8):
            case 0 | 1:
                network.undelegate(who, name, wei)
            case 2 | 3:
                network.redelegate(who, name, other, wei)
            case 4 | 5:
                entries = network.staking.unbondingDelegation(who, text(address_of(name))).entries
                if entries:
                    entry = random.choice(entries)
                    back = random.choice((entry.balance, entry.balance // 2, 1))
                    network.staking.cancelUnbondingDelegation(
                        who, text(address_of(name)), back, entry.creationHeight, sender=who
                    )
            case 6:
                network.delegate(who, name, random.randrange(1, 5 * COIN))
            case _:
                network.mine()


def flee(seed: int) -> None:
    runaway = Runaway(seed)
    network, random = runaway.network, runaway.random
    runaway.act(random.choice((0, 5, 15)))
    network.mine()
    behind_the_votes, before, fault = network.stake(runaway.who, "v1"), runaway.wealth, network.height + 1
    runaway.act(random.choice((1, 5, 20, 40)))
    while network.height < fault:
        network.mine()
        runaway.act(2)
    network.mine(double=[("v1", fault)])
    runaway.act(random.choice((0, 10)))
    network.mine(5)
    read = network.chain.read
    while read(network.staking, "first_sweep") != read(network.staking, "last_sweep"):
        network.mine()
    must_lose = behind_the_votes * runaway.bps // 10_000
    assert before - runaway.wealth >= must_lose - TOLERANCE, f"seed {seed}"
    network.check_coins()


@pytest.mark.parametrize("seeds", [range(start, start + 10) for start in range(0, 60, 10)])
def test_whoever_moves_its_stake_around_loses_as_much(seeds: range) -> None:
    for seed in seeds:
        flee(seed)


def test_nor_does_it_help_that_debts_are_settled_one_in_each_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slashes, "MAX_SWEPT", 1)
    monkeypatch.setattr(slashes, "MAX_FORGOTTEN", 1)
    monkeypatch.setattr(unbonding, "MAX_MATURED", 1)
    for seed in range(100, 120):
        flee(seed)
