"""Stake comes, moves and goes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chain.types import ZERO_ADDRESS
from tests.vm.system.staking.network import Network, text
from vm.system.addresses import STAKING
from vm.system.staking.staking import Staking
from vm.system.staking.types import PageRequest
from vm.system.staking.unbonding import MAX_MATURED
from vm.system.testing import COIN, address_of, fails, reverts

TIME = 1_000
"""Seconds that an unbonding takes here."""


@pytest.fixture
def network() -> Network:
    return Network()


# --- delegating ---


def test_delegated_coins_are_stake(network: Network) -> None:
    who = network.person("d", 100)
    network.delegate(who, "v0", 7 * COIN)
    assert network.chain.logs[-1] == Staking.Delegate(who, address_of("v0"), 7 * COIN, 7 * COIN)
    assert network.chain.balance(who) == 93 * COIN
    assert network.stake(who, "v0") == 7 * COIN
    network.mine()
    assert network.active["v0"] == 47
    network.check_coins()


def test_coins_must_come_with_the_call_from_the_delegator(network: Network) -> None:
    who, v0 = network.person("d"), text(address_of("v0"))
    delegate = network.staking.delegate
    with reverts("coins sent are not the amount"):
        delegate(who, v0, COIN, sender=who, value=COIN - 1)
    with reverts("coins sent are not the amount"):
        delegate(who, v0, COIN, sender=who)
    with reverts("caller is not the delegator"):
        delegate(who, v0, COIN, sender=address_of("v1"), value=COIN)
    with reverts("amount is zero"):
        delegate(who, v0, 0, sender=who)
    with reverts("validator does not exist"):
        delegate(who, text(who), COIN, sender=who, value=COIN)
    with fails("balance"):
        delegate(who, v0, 2000 * COIN, sender=who, value=2000 * COIN)
    with reverts(data=b""):
        network.staking.undelegate(who, v0, 1, sender=who, value=1)
    with reverts(data=b""):
        network.chain.transact(STAKING, b"", sender=who, value=1)


def test_stake_has_an_upper_bound(network: Network) -> None:
    who = network.person("d")
    network.chain.fund(who, 2**130)
    room = (2**60 - 1) * COIN - network.staking.totalStaked()
    with reverts("more stake than consensus can count"):
        network.delegate(who, "v0", room + 1)
    network.delegate(who, "v0", room)
    network.mine()
    assert sum(network.active.values()) == 2**60 - 1


# --- unbonding ---


def test_stake_that_leaves_waits_and_is_paid(network: Network) -> None:
    who = network.person("d", 10)
    network.delegate(who, "v0", 5 * COIN)
    completion = network.undelegate(who, "v0", 2 * COIN)
    assert completion == network.now + TIME
    assert network.chain.logs[-1] == Staking.Unbond(who, address_of("v0"), 2 * COIN, completion)
    (entry,) = network.staking.unbondingDelegation(who, text(address_of("v0"))).entries
    assert (entry.creationHeight, entry.completionTime) == (network.height, completion)
    assert (entry.initialBalance, entry.balance, entry.unbondingId) == (2 * COIN, 2 * COIN, 1)
    network.check_coins()
    network.skip(TIME - 1)
    network.mine()
    assert network.chain.balance(who) == 5 * COIN
    (block,) = network.mine()
    assert Staking.CompleteUnbonding(who, address_of("v0"), 2 * COIN) in block.events
    assert network.chain.balance(who) == 7 * COIN
    assert network.leaving(who, "v0") == []
    network.check_coins()


def test_more_than_the_stake_cannot_leave(network: Network) -> None:
    who = network.person("d")
    with reverts("delegation is worth less than the amount"):
        network.undelegate(who, "v0", 1)
    network.delegate(who, "v0", COIN)
    with reverts("delegation is worth less than the amount"):
        network.undelegate(who, "v0", COIN + 1)
    with reverts("amount is zero"):
        network.undelegate(who, "v0", 0)
    with reverts("caller is not the delegator"):
        network.staking.undelegate(who, text(address_of("v0")), COIN, sender=address_of("v0"))
    network.undelegate(who, "v0", COIN)
    assert network.staking.delegation(who, text(address_of("v0")))[0] == 0


def test_unbondings_of_one_block_are_one_and_their_number_is_bounded(network: Network) -> None:
    who = network.person("d")
    network.delegate(who, "v0", 100 * COIN)
    network.undelegate(who, "v0", COIN)
    network.undelegate(who, "v0", COIN)
    assert network.leaving(who, "v0") == [2 * COIN]
    for _ in range(6):
        network.mine()
        network.undelegate(who, "v0", COIN)
    network.mine()
    with reverts("too many unbondings from this validator"):
        network.undelegate(who, "v0", COIN)
    network.undelegate(address_of("v0"), "v0", COIN)
    network.skip(TIME)
    network.mine()
    network.undelegate(who, "v0", COIN)
    network.check_coins()


def test_a_validator_that_had_no_seat_for_the_unbonding_time_holds_nobody(network: Network) -> None:
    alone = Network(parameters=replace(network.parameters, max_validators=4))
    alone.create("weak", 5)
    who = alone.person("d", 10)
    alone.delegate(who, "weak", COIN)
    assert alone.undelegate(who, "weak", COIN) == alone.now
    assert alone.chain.logs[-1] == Staking.CompleteUnbonding(who, address_of("weak"), COIN)
    assert alone.chain.balance(who) == 10 * COIN
    # Stake that came from elsewhere answers for the other validator first.
    alone.delegate(who, "v0", COIN)
    alone.redelegate(who, "v0", "weak", COIN)
    assert alone.undelegate(who, "weak", COIN) == alone.now + TIME
    alone.check_coins()


def test_one_block_pays_a_bounded_number_and_the_next_one_the_rest() -> None:
    network = Network()
    count = MAX_MATURED + 20
    people = [network.person(f"d{index}", 10) for index in range(count)]
    for who in people:
        network.delegate(who, "v0", COIN)
        network.undelegate(who, "v0", COIN)
    network.skip(TIME)
    paid = [len(network.mine()[0].events) for _ in range(3)]
    assert paid == [MAX_MATURED, 20, 0]
    assert {network.chain.balance(who) for who in people} == {10 * COIN}
    network.check_coins()


def test_a_receiver_without_room_for_coins_cannot_stop_the_block(network: Network) -> None:
    # CALLER PUSH0 SELFDESTRUCT and the like do not matter: no code of the receiver runs.
    trap = network.chain.run_evm(bytes.fromhex("fe"), value=10 * COIN)
    network.delegate(trap, "v0", COIN)
    network.undelegate(trap, "v0", COIN)
    network.skip(TIME)
    network.mine()
    assert network.chain.balance(trap) == 10 * COIN


# --- cancelling ---


def test_an_unbonding_can_be_cancelled_in_parts(network: Network) -> None:
    who, v0 = network.person("d"), text(address_of("v0"))
    network.delegate(who, "v0", 10 * COIN)
    heights = []
    for wei in (1, 2, 3):
        heights.append(network.height)
        network.undelegate(who, "v0", wei * COIN)
        network.mine()

    def cancel(wei: int, height: int) -> None:
        network.staking.cancelUnbondingDelegation(who, v0, wei, height, sender=who)

    cancel(COIN, heights[1])
    assert network.chain.logs[-1] == Staking.CancelUnbondingDelegation(
        who, address_of("v0"), COIN, heights[1]
    )
    assert network.leaving(who, "v0") == [COIN, COIN, 3 * COIN]
    assert network.stake(who, "v0") == 5 * COIN
    for wei, height, problem in (
        (COIN + 1, heights[1], "unbonding has less than the amount"),
        (0, heights[1], "amount is zero"),
        (1, heights[0] - 1, "no unbonding of that height"),
        (1, 2**255, "no unbonding of that height"),
    ):
        with reverts(problem):
            cancel(wei, height)
    cancel(COIN, heights[1])
    assert network.leaving(who, "v0") == [COIN, 3 * COIN]
    cancel(3 * COIN, heights[2])
    assert network.leaving(who, "v0") == [COIN]
    network.check_coins()
    network.skip(TIME)
    with reverts("unbonding is complete"):
        cancel(COIN, heights[0])
    network.mine(2)
    assert network.leaving(who, "v0") == []
    assert network.stake(who, "v0") == 9 * COIN
    assert network.chain.balance(who) == (1_000 - 9) * COIN
    network.check_coins()


# --- redelegating ---


def page(
    network: Network, who: object, source: str, destination: str, key: bytes = b"", limit: int = 0
) -> tuple[list[int], bytes]:
    found, response = network.staking.redelegations(
        who, source, destination, PageRequest(key, 0, limit, False, False)
    )
    return [entry.initialBalance for one in found for entry in one.redelegation.entries], response.nextKey


def test_stake_moves_at_once_and_answers_for_the_old_validator(network: Network) -> None:
    who = network.person("d")
    network.delegate(who, "v0", 10 * COIN)
    completion = network.redelegate(who, "v0", "v1", 4 * COIN)
    assert completion == network.now + TIME
    assert network.chain.logs[-1] == Staking.Redelegate(
        who, address_of("v0"), address_of("v1"), 4 * COIN, completion
    )
    assert (network.stake(who, "v0"), network.stake(who, "v1")) == (6 * COIN, 4 * COIN)
    network.mine()
    assert (network.active["v0"], network.active["v1"]) == (46, 34)
    (entry,) = network.staking.redelegation(who, text(address_of("v0")), text(address_of("v1"))).entries
    assert (entry.creationHeight, entry.completionTime) == (network.height - 1, completion)
    assert (entry.initialBalance, entry.sharesDst) == (4 * COIN, 4 * COIN)
    with reverts("stake that has just arrived cannot move on"):
        network.redelegate(who, "v1", "v2", COIN)
    network.skip(TIME)
    network.redelegate(who, "v1", "v2", COIN)
    network.mine()
    assert network.staking.redelegation(who, text(address_of("v0")), text(address_of("v1"))).entries == []
    network.check_coins()


def test_redelegations_that_are_refused(network: Network) -> None:
    who = network.person("d")
    network.delegate(who, "v0", 10 * COIN)
    with reverts("redelegation to the same validator"):
        network.redelegate(who, "v0", "v0", COIN)
    with reverts("validator does not exist"):
        network.redelegate(who, "v0", "nobody", COIN)
    with reverts("delegation is worth less than the amount"):
        network.redelegate(who, "v0", "v1", 11 * COIN)
    with reverts("amount is zero"):
        network.redelegate(who, "v0", "v1", 0)
    with reverts("caller is not the delegator"):
        v0, v1 = text(address_of("v0")), text(address_of("v1"))
        network.staking.redelegate(who, v0, v1, COIN, sender=address_of("v0"))
    for _ in range(7):
        network.redelegate(who, "v0", "v1", COIN)
    with reverts("too many redelegations to this validator"):
        network.redelegate(who, "v0", "v1", COIN)
    network.redelegate(who, "v0", "v2", COIN)


def test_pages_of_redelegations(network: Network) -> None:
    one, two = network.person("one"), network.person("two")
    v0, v1, v2 = (text(address_of(name)) for name in ("v0", "v1", "v2"))
    for who in (one, two):
        network.delegate(who, "v0", 10 * COIN)
        network.delegate(who, "v3", 10 * COIN)
    for wei, who, source, destination in (
        (1, one, "v0", "v1"),
        (2, two, "v0", "v1"),
        (3, one, "v0", "v2"),
        (4, one, "v3", "v1"),
        (5, one, "v0", "v1"),
    ):
        network.redelegate(who, source, destination, wei)
    assert page(network, one, "", "") == ([5, 1, 4, 3], b"")
    assert page(network, one, v0, "") == ([5, 1, 3], b"")
    assert page(network, one, v0, v1) == ([5, 1], b"")
    assert page(network, ZERO_ADDRESS, v0, "") == ([5, 1, 3, 2], b"")
    assert page(network, ZERO_ADDRESS, v0, v1) == ([5, 1, 2], b"")
    some, key = page(network, ZERO_ADDRESS, v0, "", limit=2)
    assert some == [5, 3]
    assert page(network, ZERO_ADDRESS, v0, "", key, 2) == ([2, 1], b"")
    assert page(network, one, v1, v2) == ([], b"")
    with reverts("a delegator or a source validator is needed"):
        page(network, ZERO_ADDRESS, "", v1)
    with reverts("page: no such key"):
        page(network, two, "", "", (1).to_bytes(8))
    with reverts("page: reverse, countTotal not served"):
        network.staking.redelegations(one, "", "", PageRequest(b"", 0, 0, True, False))
    assert page(network, one, "", "", b"\xff" * 8) == ([], b"")
    network.skip(TIME)
    network.mine()
    assert page(network, one, "", "") == ([], b"")


def test_a_move_from_a_validator_without_a_seat_leaves_no_debt(network: Network) -> None:
    alone = Network(parameters=replace(network.parameters, max_validators=4))
    alone.create("weak", 5)
    who = alone.person("d")
    alone.delegate(who, "weak", 2 * COIN)
    assert alone.redelegate(who, "weak", "v0", COIN) == alone.now
    assert page(alone, who, "", "") == ([], b"")
    alone.redelegate(who, "v0", "v1", COIN)
