"""Random histories: the contracts, which never loop over delegators, against a model that does nothing else."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from chain.types import Address
from tests.vm.system.staking.naive import Naive, Pool
from tests.vm.system.staking.network import FIRST_PAGE, Network, consensus_key, text
from vm.system.staking.parameters import StakingParameters
from vm.system.testing import COIN, address_of, reverts

VALIDATORS = ("v0", "v1", "v2", "v3")
PEOPLE = ("a", "b", "c")
TIME = 12
TOLERANCE = 200
"""Wei: each step may round by one or two."""

PARAMETERS = StakingParameters(
    unbonding_time_s=TIME,
    max_validators=3,
    max_entries=3,
    block_reward_wei=10 * COIN + 7,
    community_tax_bps=100,
    signed_blocks_window=4,
    min_signed_bps=5_000,
    downtime_jail_s=3,
    slash_double_sign_bps=1_111,
    slash_downtime_bps=313,
)

validator = st.sampled_from(VALIDATORS)
person = st.sampled_from(PEOPLE)
part = st.integers(1, 100)


def near(one: Fraction | int, other: Fraction | int) -> bool:
    return -TOLERANCE <= Fraction(one) - Fraction(other) <= TOLERANCE


class History(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.network = Network(powers=(5, 4, 3, 2)[:3], parameters=PARAMETERS)
        self.network.create("v3", 2)
        self.accounts: dict[str, Address] = {name: self.network.person(name, 100) for name in PEOPLE}
        self.model = Naive({})
        for name, power in zip(VALIDATORS, (5, 4, 3, 2), strict=True):
            stake = Fraction(power * COIN)
            self.model.pools[name] = Pool(stake, stake)
            self.model.held[name, name] = stake
        self.spent = dict.fromkeys(PEOPLE, 0)
        self.earned: dict[tuple[str, str], Fraction] = {}
        self.commissions = dict.fromkeys(VALIDATORS, Fraction(0))
        self.withdrawn: dict[str, int] = dict.fromkeys((*PEOPLE, *VALIDATORS), 0)
        self.absent: set[str] = set()

    # --- what people do ---

    @rule(who=person, name=validator, wei=st.integers(1, 3 * COIN))
    def delegate(self, who: str, name: str, wei: int) -> None:
        pool = self.model.pools[name]
        if self.spent[who] + wei > 90 * COIN:
            return
        if pool.tombstoned:
            with reverts("validator is tombstoned"):
                self.network.delegate(self.accounts[who], name, wei)
            return
        self.network.delegate(self.accounts[who], name, wei)
        self.spent[who] += wei
        self.model.deposit(who, name, wei)

    @rule(who=person, name=validator, percent=part)
    def undelegate(self, who: str, name: str, percent: int) -> None:
        wei = self._some(who, name, percent)
        entries = [e for e in self.model.leaving if (e.who, e.pool) == (who, name)]
        heights = {e.height for e in entries}
        if not wei or (len(heights) >= 3 and self.network.height not in heights):
            return
        completion = self.network.undelegate(self.accounts[who], name, wei)
        self.model.unbond(who, name, wei, self.network.height, completion, self.network.now)

    @rule(who=person, name=validator, percent=part, index=st.integers(0, 2))
    def cancel(self, who: str, name: str, percent: int, index: int) -> None:
        network = self.network
        entries = [
            e
            for e in self.model.leaving
            if (e.who, e.pool) == (who, name) and e.completion > network.now and e.balance > TOLERANCE
        ]
        if index >= len(entries) or network.staking.validator(address_of(name)).jailed:
            return
        height = entries[index].height
        chosen = [e for e in entries if e.height == height]
        wei = int(sum(e.balance for e in chosen) - TOLERANCE // 2) * percent // 100
        if not wei:
            return
        network.staking.cancelUnbondingDelegation(
            self.accounts[who], text(address_of(name)), wei, height, sender=self.accounts[who]
        )
        left = Fraction(wei)
        for entry in chosen:
            cut = min(left, entry.balance)
            entry.balance -= cut
            left -= cut
        self.model.deposit(who, name, wei)

    @rule(who=person, source=validator, destination=validator, percent=part)
    def redelegate(self, who: str, source: str, destination: str, percent: int) -> None:
        wei, now = self._some(who, source, percent), self.network.now
        arriving = [m for m in self.model.moves if m.who == who and m.destination == source]
        if source == destination or not wei or self.model.pools[destination].tombstoned:
            return
        if any(move.completion > now for move in arriving):
            with reverts("stake that has just arrived cannot move on"):
                self.network.redelegate(self.accounts[who], source, destination, wei)
            return
        if len([m for m in self.model.moves if (m.who, m.destination) == (who, destination)]) >= 3:
            return
        completion = self.network.redelegate(self.accounts[who], source, destination, wei)
        self.model.move(who, source, destination, wei, self.network.height, completion, now)

    @rule(who=person, name=validator)
    def withdraw(self, who: str, name: str) -> None:
        listed = self.network.distribution.delegatorValidators(self.accounts[who])
        if text(address_of(name)) in [each.lower() for each in listed]:
            self.withdrawn[who] += self.network.withdraw(self.accounts[who], name)

    def _some(self, who: str, name: str, percent: int) -> int:
        """A part of a stake; sometimes nearly all."""
        return max(int(self.model.worth(who, name)) - TOLERANCE // 2, 0) * percent // 100

    # --- what the chain does ---

    @rule(blocks=st.integers(1, 3))
    def mine(self, blocks: int) -> None:
        for _ in range(blocks):
            self._block()

    @rule(seconds=st.integers(1, TIME))
    def wait(self, seconds: int) -> None:
        self.network.chain.warp(seconds)

    @rule(name=validator, back=st.integers(1, 10))
    def sign_twice(self, name: str, back: int) -> None:
        fault = self.network.height - back
        if fault > 0 and sum(not pool.tombstoned for pool in self.model.pools.values()) > 1:
            self._block((name, fault))

    @rule(name=validator)
    def go_away_or_come_back(self, name: str) -> None:
        self.absent ^= {name}

    @rule(name=validator)
    def unjail(self, name: str) -> None:
        network = self.network
        found = network.slashing.getSigningInfo(consensus_key(name).address) if self._is_known(name) else None
        if found is None or found.jailedUntil > network.now:
            return
        if network.staking.validator(address_of(name)).jailed:
            network.slashing.unjail(address_of(name), sender=address_of(name))

    def _is_known(self, name: str) -> bool:
        infos, _ = self.network.slashing.getSigningInfos(FIRST_PAGE)
        return consensus_key(name).address in [info.validatorAddress for info in infos]

    def _block(self, double: tuple[str, int] | None = None) -> bool:
        """Returns whether somebody was jailed."""
        network = self.network
        self.model.end_block(network.now)
        (block,) = network.mine(absent=self.absent, double=[double] if double else [])
        for event in block.events:
            if event.name == "Slash":
                name = next(each for each in VALIDATORS if address_of(each) == event.validatorAddress)
                if event.bps == PARAMETERS.slash_downtime_bps:
                    self.model.slash(name, event.bps)
                else:
                    self.model.slash_double_sign(
                        name, event.infractionHeight, network.height, network.now, event.bps
                    )
        self._earn()
        return any(event.name == "Jail" for event in block.events)

    def _earn(self) -> None:
        """What DISTRIBUTION shared when the block began, by the powers and shares that it began with."""
        staking, total = self.network.staking, self.network.staking.bondedPower()
        tax = -(-PARAMETERS.block_reward_wei * PARAMETERS.community_tax_bps // 10_000)
        wei = PARAMETERS.block_reward_wei - tax
        for name in VALIDATORS:
            power, rate, shares, _ = staking.stakeOf(address_of(name), address_of(name))
            if not power or not shares:
                continue
            mine = Fraction(wei * power, total)
            self.commissions[name] += mine * Fraction(rate, 10**18)
            mine *= 1 - Fraction(rate, 10**18)
            for who in (*PEOPLE, name):
                held = staking.stakeOf(address_of(name), address_of(who))[3]
                key = (who, name)
                self.earned[key] = self.earned.get(key, Fraction(0)) + mine * Fraction(held, shares)

    # --- what must hold ---

    @invariant()
    def coins_are_where_they_should_be(self) -> None:
        if hasattr(self, "network"):
            self.network.check_coins()

    @invariant()
    def rewards_are_those_of_the_model(self) -> None:
        if not hasattr(self, "network"):
            return
        for who in PEOPLE:
            waiting = sum(self.network.reward(self.accounts[who], name) for name in VALIDATORS)
            total = sum((self.earned.get((who, name), Fraction(0)) for name in VALIDATORS), Fraction(0))
            assert 0 <= total - waiting - self.withdrawn[who] <= TOLERANCE

    @invariant()
    def stake_is_that_of_the_model(self) -> None:
        if not hasattr(self, "network"):
            return
        read = self.network.chain.read
        if read(self.network.staking, "first_sweep") != read(self.network.staking, "last_sweep"):
            return
        for name in VALIDATORS:
            assert near(self.network.tokens(name), self.model.pools[name].tokens)
            for who in (*PEOPLE, name):
                assert near(self.network.stake(address_of(who), name), self.model.worth(who, name))
            for who in PEOPLE:
                by_height: dict[int, Fraction] = {}
                for entry in self.model.leaving:
                    if (entry.who, entry.pool) == (who, name):
                        by_height[entry.height] = by_height.get(entry.height, Fraction(0)) + entry.balance
                output = self.network.staking.unbondingDelegation(address_of(who), text(address_of(name)))
                found = {entry.creationHeight: entry.balance for entry in output.entries}
                for height in by_height.keys() | found.keys():
                    assert near(found.get(height, 0), by_height.get(height, Fraction(0)))

    @invariant()
    def people_were_paid(self) -> None:
        if not hasattr(self, "network"):
            return
        for who in PEOPLE:
            expected = 100 * COIN - self.spent[who] + self.withdrawn[who] + self.model.paid.get(who, 0)
            assert near(self.network.chain.balance(self.accounts[who]), expected)

    @precondition(lambda self: hasattr(self, "network"))
    @rule()
    def seats_are_those_of_the_strongest(self) -> None:
        self._block()
        while self._block():  # whoever was jailed when a block began loses the seat at its end
            pass
        candidates = []
        for name in VALIDATORS:
            found = self.network.staking.validator(address_of(name))
            power = found.tokens // COIN
            if not found.jailed and power:
                candidates.append((power, name))
        active = self.network.active
        if candidates:
            strongest = sorted((power for power, _ in candidates), reverse=True)[: PARAMETERS.max_validators]
            assert sorted(active.values(), reverse=True) == strongest
            assert all((power, name) in candidates for name, power in active.items())


def _settings(examples: int, steps: int) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


def test_short_histories() -> None:
    run_state_machine_as_test(History, settings=_settings(8, 25))


@pytest.mark.slow
@pytest.mark.extra
def test_long_histories() -> None:
    run_state_machine_as_test(History, settings=_settings(60, 60))
