"""Downtime, double signing, jail, and what a slash takes from whom."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.vm.system.staking.network import FIRST_PAGE, Network, consensus_key, text
from vm.environment import CommitVote, Misbehaviour
from vm.system.addresses import SLASHING
from vm.system.staking.parameters import StakingParameters
from vm.system.staking.slashes import MAX_SWEPT
from vm.system.staking.slashing import FOR_EVER, MAX_PUNISHED, Slashing
from vm.system.staking.staking import Staking
from vm.system.testing import COIN, address_of, reverts

TIME = 1_000
WINDOW = 10
PARAMETERS = StakingParameters(
    unbonding_time_s=TIME,
    signed_blocks_window=WINDOW,
    min_signed_bps=5_000,
    downtime_jail_s=60,
    slash_downtime_bps=100,
    evidence_max_age_blocks=50,
)


@pytest.fixture
def network() -> Network:
    return Network(parameters=PARAMETERS)


def info(network: Network, name: str) -> tuple[int, int, int, bool, int]:
    found = network.slashing.getSigningInfo(consensus_key(name).address)
    assert found.validatorAddress == consensus_key(name).address
    return (
        found.startHeight,
        found.indexOffset,
        found.jailedUntil,
        found.tombstoned,
        found.missedBlocksCounter,
    )


def is_jailed(network: Network, name: str) -> bool:
    jailed: bool = network.staking.validator(address_of(name)).jailed
    return jailed


def unjail(network: Network, name: str) -> None:
    network.slashing.unjail(address_of(name), sender=address_of(name))


# --- downtime ---


def test_who_signs_everything_writes_nothing(network: Network) -> None:
    network.mine(3)
    before = network.chain.storage(SLASHING)
    network.mine(3 * WINDOW)
    assert network.chain.storage(SLASHING) == before
    assert info(network, "v0") == (2, network.height - 1, 0, False, 0)


def test_missed_blocks_are_counted_in_a_window(network: Network) -> None:
    network.mine(4, absent=["v1"])
    assert info(network, "v1")[4] == 4
    network.mine(WINDOW - 4)
    assert info(network, "v1")[4] == 4
    network.mine(3)
    assert info(network, "v1")[4] == 1
    network.mine(1)
    assert info(network, "v1")[4] == 0
    assert not is_jailed(network, "v1")


def test_nobody_is_down_before_a_whole_window_has_passed(network: Network) -> None:
    network.mine(WINDOW, absent=["v3"])
    assert not is_jailed(network, "v3")
    network.mine(1, absent=["v3"])
    assert is_jailed(network, "v3")


def test_who_is_down_is_slashed_jailed_and_comes_back(network: Network) -> None:
    network.mine(WINDOW)
    network.mine(5, absent=["v3"])
    assert not is_jailed(network, "v3"), "half of the window may be missed"
    (block,) = network.mine(absent=["v3"])
    cons, operator = consensus_key("v3").address, address_of("v3")
    assert Slashing.ValidatorDown(cons, 6, network.now + 60) in block.events
    assert Staking.Slash(operator, network.height, 100, COIN // 10) in block.events
    assert Staking.Jail(operator) in block.events
    assert network.tokens("v3") == 10 * COIN - COIN // 10
    assert network.stake(operator, "v3") == 10 * COIN - COIN // 10
    network.check_coins()
    assert info(network, "v3") == (2, 0, network.now + 60, False, 0)
    jailed_at = network.now
    (block,) = network.mine(absent=["v3"])
    assert [(u.public_key, u.power) for u in block.validator_updates] == [(consensus_key("v3").public_key, 0)]
    network.mine(3, absent=["v3"])
    with reverts("validator is still jailed"):
        unjail(network, "v3")
    network.chain.warp(jailed_at + 60 - network.now)
    with reverts("caller is not the validator"):
        network.slashing.unjail(operator, sender=address_of("v0"))
    unjail(network, "v3")
    assert network.chain.logs[-1] == Slashing.ValidatorUnjailed(operator)
    network.mine()
    assert network.active["v3"] == 9
    started = network.height - 1 + 3
    assert info(network, "v3")[0] == started
    network.mine(WINDOW + 2)
    assert info(network, "v3") == (started, WINDOW + 1, jailed_at + 60, False, 0)
    with reverts("validator is not jailed"):
        unjail(network, "v3")


def test_votes_of_somebody_who_is_being_removed_do_not_count(network: Network) -> None:
    network.mine(WINDOW)
    network.mine(6, absent=["v3"])
    assert is_jailed(network, "v3")
    tokens = network.tokens("v3")
    network.mine(5, absent=["v3"])
    assert network.tokens("v3") == tokens
    assert info(network, "v3")[4] == 0


def test_votes_from_before_the_jail_do_not_count_after_it() -> None:
    network = Network(parameters=replace(PARAMETERS, downtime_jail_s=0))
    network.mine(WINDOW)
    while not is_jailed(network, "v3"):
        network.mine(absent=["v3"])
    network.mine(absent=["v3"])
    unjail(network, "v3")
    start = network.height + 3
    network.mine(2, absent=["v3"])
    assert consensus_key("v3").public_key in network.sets[network.height - 2], "its vote was asked for"
    assert info(network, "v3") == (start, 0, network.now - 3, False, 0)
    network.mine(2, absent=["v3"])
    assert info(network, "v3")[4] == 2


def test_blocks_without_a_seat_do_not_count(network: Network) -> None:
    tight = Network(parameters=replace(PARAMETERS, max_validators=4))
    tight.mine(3, absent=["v3"])
    assert info(tight, "v3")[:2] == (2, 3)
    tight.create("strong", 50)
    tight.mine(3, absent=["v3"])  # the update takes two blocks
    assert info(tight, "v3")[4] == 5
    tight.mine(20, absent=["v3"])
    assert (info(tight, "v3")[1], info(tight, "v3")[4]) == (5, 5)
    tight.delegate(tight.person("d"), "v3", 100 * COIN)
    tight.mine(1)
    assert "v3" in tight.active
    tight.mine(1)
    assert (info(tight, "v3")[1], info(tight, "v3")[4]) == (5, 5)
    tight.mine(5)
    assert info(tight, "v3")[4] == 5, "the five blocks of the window that were not seen yet"
    tight.mine(1)
    assert info(tight, "v3")[4] == 4, "now the first missed one is overwritten"


def test_many_are_punished_some_at_a_time() -> None:
    names = [f"v{index}" for index in range(MAX_PUNISHED + 15)]
    network = Network(powers=(1,) * len(names), parameters=replace(PARAMETERS, max_validators=100))
    network.mine(WINDOW, absent=names[1:])
    assert sum(is_jailed(network, name) for name in names) == 0
    network.mine(absent=names[1:])
    assert sum(is_jailed(network, name) for name in names) == MAX_PUNISHED
    network.mine(absent=names[1:])
    assert sum(is_jailed(network, name) for name in names) == len(names) - 1
    network.mine()
    assert network.active == {"v0": 1}


def test_if_everybody_is_down_everybody_keeps_the_seat(network: Network) -> None:
    names = ["v0", "v1", "v2", "v3"]
    blocks = network.mine(WINDOW + 3, absent=names)
    assert all(is_jailed(network, name) for name in names)
    assert all(not block.validator_updates for block in blocks)
    assert set(network.active) == set(names)
    network.chain.warp(60)
    unjail(network, "v2")
    assert info(network, "v2")[0] == network.height + 1
    (block,) = network.mine()
    assert len(block.validator_updates) == 4
    assert network.active == {"v2": 19}
    network.mine(WINDOW + 1, absent=["v2"])
    assert is_jailed(network, "v2"), "its votes count again"


# --- double signing ---


def test_who_signs_twice_loses_a_part_and_never_comes_back(network: Network) -> None:
    network.mine(5)
    who = network.person("d")
    network.delegate(who, "v1", 10 * COIN)
    (block,) = network.mine(double=[("v1", 3)])
    assert Slashing.ValidatorEquivocated(consensus_key("v1").address, 3) in block.events
    assert Staking.Slash(address_of("v1"), 3, 500, 2 * COIN) in block.events
    assert network.tokens("v1") == 38 * COIN
    assert network.stake(who, "v1") == 10 * COIN * 95 // 100
    network.check_coins()
    network.mine(double=[("v1", 3)])
    assert "v1" not in network.active
    assert network.tokens("v1") == 38 * COIN, "once"
    assert info(network, "v1")[2:4] == (FOR_EVER, True)
    network.chain.warp(10**9)
    with reverts("validator is tombstoned"):
        unjail(network, "v1")
    with reverts("validator is tombstoned"):
        network.delegate(who, "v1", COIN)
    with reverts("validator is tombstoned"):
        network.delegate(who, "v0", COIN)
        network.redelegate(who, "v0", "v1", COIN)
    network.undelegate(who, "v1", network.stake(who, "v1"))
    network.mine(2)
    assert "v1" not in network.active


def test_stale_and_strange_evidence_is_ignored(network: Network) -> None:
    network.mine(60)
    tokens = network.tokens("v0")
    network.mine(double=[("v0", network.height - 50)])
    assert network.tokens("v0") == tokens
    network.chain.mine(misbehaviour=[Misbehaviour(address_of("stranger"), network.height, 1)])
    network.chain.mine(votes=[CommitVote(address_of("stranger"), 1, False)])


def test_evidence_against_many_is_kept_until_its_turn() -> None:
    names = [f"v{index}" for index in range(MAX_PUNISHED + 15)]
    network = Network(powers=(1,) * len(names), parameters=replace(PARAMETERS, max_validators=100))
    network.mine(3)
    network.mine(double=[(name, 2) for name in names[1:]])
    assert sum(is_jailed(network, name) for name in names) == MAX_PUNISHED
    network.mine()
    assert sum(is_jailed(network, name) for name in names) == len(names) - 1
    network.mine(2)
    assert network.active == {"v0": 1}
    network.check_coins()


def test_only_SLASHING_orders_slashes(network: Network) -> None:
    cons, operator = consensus_key("v0").address, address_of("v0")
    for call in (
        lambda: network.staking.slashForDoubleSign(cons, 1, 500, sender=operator),
        lambda: network.staking.slashForDowntime(cons, 500, sender=operator),
        lambda: network.staking.releaseFromJail(operator, sender=operator),
        lambda: network.slashing.seatGained(cons, sender=operator),
        lambda: network.slashing.seatLost(cons, sender=operator),
        lambda: network.distribution.recordSlash(operator, 1, sender=operator),
        lambda: network.distribution.beforeStakeChange(operator, operator, 1, 0, 1, 1, sender=operator),
        lambda: network.distribution.beforeValidatorChange(operator, 1, 2, 0, 1, sender=operator),
    ):
        with reverts(data=bytes.fromhex("8e4a23d6") + bytes(12) + operator):
            call()  # type: ignore[no-untyped-call]


# --- stake that has left ---


def test_unbondings_since_the_fault_lose_their_part_and_earlier_ones_do_not(network: Network) -> None:
    who = network.person("d")
    network.delegate(who, "v1", 100 * COIN)
    network.mine(5)
    network.undelegate(who, "v1", 10 * COIN)  # before the fault, and no longer behind the votes
    network.mine(2)
    fault = network.height
    network.undelegate(who, "v1", 20 * COIN)  # in the block of the fault
    network.mine()
    network.undelegate(who, "v1", 30 * COIN)  # after it
    network.mine(double=[("v1", fault)])
    network.undelegate(who, "v1", 10 * COIN)  # after the slash
    assert network.leaving(who, "v1") == [10 * COIN, 19 * COIN, 57 * COIN // 2, 10 * COIN]
    assert network.stake(who, "v1") == 28 * COIN - 1
    before = network.chain.balance(who)
    network.skip(TIME)
    network.mine(2)
    assert network.chain.balance(who) - before == (10 + 19 + 10) * COIN + 57 * COIN // 2
    network.check_coins()


def test_who_takes_its_stake_out_cannot_sign_twice_with_the_power_that_is_left_for_a_block(
    network: Network,
) -> None:
    operator = address_of("v1")
    network.mine(5)
    network.undelegate(operator, "v1", 20 * COIN)
    network.redelegate(operator, "v1", "v2", 10 * COIN)
    left = network.height
    network.mine(3)
    powers = [network.sets[left + blocks].get(consensus_key("v1").public_key) for blocks in range(3)]
    assert powers == [30, 30, None], "the height after is decided with stake that has left"
    network.mine(double=[("v1", left + 1)])
    network.mine()
    assert network.leaving(operator, "v1") == [19 * COIN]
    assert network.stake(operator, "v2") == 19 * COIN // 2
    network.check_coins()


def test_what_was_complete_before_the_slash_is_free(network: Network) -> None:
    who = network.person("d")
    network.delegate(who, "v1", 10 * COIN)
    network.mine(5)
    network.undelegate(who, "v1", 10 * COIN)
    network.chain.warp(TIME)
    network.mine(double=[("v1", 3)])
    network.mine()
    assert network.chain.balance(who) == 1_000 * COIN


def test_stake_that_moved_on_pays_at_its_new_validator(network: Network) -> None:
    who, other = network.person("d"), network.person("other")
    network.delegate(who, "v1", 100 * COIN)
    network.delegate(other, "v2", 100 * COIN)
    network.mine(5)
    network.redelegate(who, "v1", "v2", 40 * COIN)
    network.mine(double=[("v1", 4)])
    (block,) = network.mine()
    assert Staking.SlashLeavingStake(who, address_of("v1"), 2 * COIN) in block.events
    assert network.stake(who, "v2") == 38 * COIN
    assert network.stake(other, "v2") == 100 * COIN
    assert network.tokens("v2") == 158 * COIN
    assert network.active["v2"] == 158
    network.check_coins()


def test_moved_stake_that_leaves_again_pays_from_its_unbonding(network: Network) -> None:
    who = network.person("d")
    network.delegate(who, "v1", 100 * COIN)
    network.mine(5)
    network.redelegate(who, "v1", "v2", 40 * COIN)
    network.undelegate(who, "v2", 39 * COIN)
    network.mine(double=[("v1", 4)])
    network.undelegate(address_of("v2"), "v2", COIN)  # somebody else's stays whole
    network.mine()
    assert network.stake(who, "v2") == 0
    assert network.leaving(who, "v2") == [38 * COIN]
    assert network.leaving(address_of("v2"), "v2") == [COIN]
    network.check_coins()


def test_debts_of_early_moves_leave_enough_for_those_of_late_ones() -> None:
    network = Network(parameters=replace(PARAMETERS, slash_double_sign_bps=10_000))
    who = network.person("d")
    network.delegate(who, "v1", 100 * COIN)
    network.mine(5)
    fault = network.height
    for _ in range(3):
        network.redelegate(who, "v1", "v2", 10 * COIN)
        network.undelegate(who, "v2", 10 * COIN)
        network.mine()
    network.mine(double=[("v1", fault)])
    network.mine()
    assert network.leaving(who, "v2") == [0, 0, 0]
    network.check_coins()


def test_a_debt_is_settled_before_its_delegator_can_act(network: Network) -> None:
    who = network.person("d")
    network.delegate(who, "v1", 100 * COIN)
    network.mine(5)
    network.redelegate(who, "v1", "v2", 40 * COIN)
    network.mine(double=[("v1", 4)])
    assert network.stake(who, "v2") == 40 * COIN, "not swept yet"
    with reverts("delegation is worth less than the amount"):
        network.undelegate(who, "v2", 39 * COIN)
    network.undelegate(who, "v2", 38 * COIN)
    network.mine()
    assert network.leaving(who, "v2") == [38 * COIN]
    network.check_coins()


def test_moves_before_the_fault_are_free(network: Network) -> None:
    who = network.person("d")
    network.delegate(who, "v1", 100 * COIN)
    network.mine(5)
    network.redelegate(who, "v1", "v2", 40 * COIN)
    network.mine(5)
    network.mine(double=[("v1", network.height - 1)])
    network.mine(2)
    assert network.stake(who, "v2") == 40 * COIN
    assert network.stake(who, "v1") == 57 * COIN


def test_many_moves_are_swept_some_at_a_time() -> None:
    network = Network(parameters=PARAMETERS)
    count = MAX_SWEPT + 30
    people = [network.person(f"d{index}") for index in range(count)]
    for who in people:
        network.delegate(who, "v1", 20 * COIN)
        network.redelegate(who, "v1", "v2", 20 * COIN)
    network.mine(2)
    network.mine(double=[("v1", 1)])
    network.mine()
    assert sum(network.stake(who, "v2") == 19 * COIN for who in people) == MAX_SWEPT
    network.mine()
    assert sum(network.stake(who, "v2") == 19 * COIN for who in people) == count
    network.check_coins()
    network.skip(TIME)
    network.mine(2)
    assert network.chain.read(network.staking, "first_redelegation") == count
    network.check_coins()


def test_a_debt_is_not_forgotten_when_its_time_is_over_before_the_sweep(network: Network) -> None:
    who = network.person("d")
    network.delegate(who, "v1", 20 * COIN)
    network.mine(5)
    network.redelegate(who, "v1", "v2", 20 * COIN)
    network.mine(double=[("v1", 4)])
    network.chain.warp(10 * TIME)
    network.mine(3)
    assert network.stake(who, "v2") == 19 * COIN
    network.check_coins()


def test_all_of_a_validators_stake_can_be_lost() -> None:
    network = Network(parameters=replace(PARAMETERS, slash_downtime_bps=10_000))
    who = network.person("d")
    network.delegate(who, "v3", COIN)
    network.mine(WINDOW + 1, absent=["v3"])
    assert (network.tokens("v3"), network.stake(who, "v3")) == (0, 0)
    with reverts("validator has lost all its stake"):
        network.delegate(who, "v3", COIN)
    with reverts("delegation is worth less than the amount"):
        network.undelegate(who, "v3", 1)
    network.mine(2)
    assert "v3" not in network.active
    network.chain.warp(60)
    with reverts("own stake is below minSelfDelegation"):
        unjail(network, "v3")
    network.withdraw(who, "v3")
    network.check_coins()


# --- questions ---


def test_signing_infos_and_parameters(network: Network) -> None:
    network.mine(3)
    infos, page = network.slashing.getSigningInfos(FIRST_PAGE)
    assert [one.validatorAddress for one in infos] == [consensus_key(f"v{i}").address for i in range(4)]
    assert page.total == 4
    with reverts("no signing info for this consensus address"):
        network.slashing.getSigningInfo(address_of("v0"))
    parameters = network.slashing.getParams()
    assert parameters.signedBlocksWindow == WINDOW
    assert (parameters.minSignedPerWindow.value, parameters.minSignedPerWindow.precision) == (10**18 // 2, 18)
    assert parameters.downtimeJailDuration == 60
    assert parameters.slashFractionDoubleSign.value == 5 * 10**16
    assert parameters.slashFractionDowntime.value == 10**16


def test_texts_of_unknown_validators_are_answered(network: Network) -> None:
    with reverts("validator does not exist"):
        network.distribution.validatorCommission(text(address_of("stranger")))
    with reverts("validator does not exist"):
        network.slashing.unjail(address_of("stranger"), sender=address_of("stranger"))
