"""Validators join, change and are found."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chain.secp256k1 import PrivateKey
from chain.types import ZERO_ADDRESS, Address, checksum_address
from tests.vm.system.staking.network import DAY, TENTH, Network, consensus_key, text
from vm.system.addresses import STAKING
from vm.system.staking.consensus_key import key_to_text, prove_possession
from vm.system.staking.parameters import StakingParameters
from vm.system.staking.reading import OPERATORS_SLOT, operator_of
from vm.system.staking.staking import Staking
from vm.system.staking.types import CommissionRates, Description, PageRequest
from vm.system.storage.bind import layout_of
from vm.system.testing import COIN, TestChain, address_of, reverts

KEEP = Description(*["[do-not-modify]"] * 5)


@pytest.fixture
def network() -> Network:
    return Network()


def status_of(network: Network, name: str) -> int:
    status: int = network.staking.validator(address_of(name)).status
    return status


# --- joining ---


def test_first_validators_are_stakers_with_seats(network: Network) -> None:
    validator = network.staking.validator(address_of("v1"))
    assert validator.operatorAddress == checksum_address(address_of("v1"))
    assert validator.consensusPubkey == key_to_text(consensus_key("v1").public_key)
    assert (validator.tokens, validator.delegatorShares) == (30 * COIN, 30 * COIN)
    assert (validator.status, validator.jailed) == (3, False)
    assert validator.description.moniker == "v1"
    assert network.stake(address_of("v1"), "v1") == 30 * COIN
    assert network.staking.bondedPower() == 100
    network.check_coins()
    assert network.mine()[0].validator_updates == ()


def test_a_fifth_validator_registers_its_key_stakes_and_gets_a_seat(network: Network) -> None:
    operator = network.create("new", 25)
    assert [event.name for event in network.chain.logs] == ["CreateValidator", "Delegate"]
    assert status_of(network, "new") == 1
    (block,) = network.mine()
    assert [(u.public_key, u.power) for u in block.validator_updates] == [
        (consensus_key("new").public_key, 25)
    ]
    assert status_of(network, "new") == 3
    assert network.staking.bondedPower() == 125
    assert network.chain.balance(operator) == 100 * COIN
    network.check_coins()
    assert network.mine(5)[-1].validator_updates == ()


def test_who_is_not_among_the_strongest_waits(network: Network) -> None:
    small = Network(parameters=replace(network.parameters, max_validators=4))
    small.create("weak", 10)
    assert small.mine()[0].validator_updates == (), "of equals, who has the seat keeps it"
    who = small.person("d")
    small.delegate(who, "weak", COIN)
    updates = {u.public_key: u.power for u in small.mine()[0].validator_updates}
    assert updates == {consensus_key("weak").public_key: 11, consensus_key("v3").public_key: 0}
    assert status_of(small, "v3") == 2
    small.skip(small.parameters.unbonding_time_s)
    assert status_of(small, "v3") == 1


def test_a_seat_that_is_given_back_goes_to_the_strongest_of_those_who_wait() -> None:
    network = Network(parameters=StakingParameters(max_validators=4, unbonding_time_s=100))
    for name, coins in (("a", 3), ("b", 7), ("c", 7)):
        network.create(name, coins)
    network.mine()
    network.undelegate(address_of("v0"), "v0", 35 * COIN)
    network.mine()
    first = min("bc", key=address_of)
    assert set(network.active) == {"v1", "v2", "v3", first}
    assert network.active[first] == 7


def test_a_fraction_of_a_coin_gives_no_power(network: Network) -> None:
    who = network.person("d")
    network.delegate(who, "v0", COIN - 1)
    assert network.mine()[0].validator_updates == ()
    network.delegate(who, "v0", 1)
    assert [u.power for u in network.mine()[0].validator_updates] == [41]


def test_the_last_validator_keeps_its_seat_whatever_it_does() -> None:
    network = Network(powers=(5,))
    operator = address_of("v0")
    network.undelegate(operator, "v0", 5 * COIN)
    assert network.mine(4)[-1].validator_updates == ()
    assert network.active == {"v0": 5}
    network.create("v1", 3)
    network.mine()
    assert network.active == {"v1": 3}
    network.mine(3)
    network.check_coins()


def test_seats_change_some_at_a_time() -> None:
    network = Network(powers=(10,) * 20, parameters=StakingParameters(max_validators=20))
    for index in range(18):
        network.create(f"n{index}", 20)
    changes = [len(block.validator_updates) for block in network.mine(3)]
    assert changes == [32, 4, 0]
    assert sorted(network.active.values()) == [10, 10, *[20] * 18]


# --- refusals ---


def test_a_key_needs_a_proof_for_this_chain_and_this_account(network: Network) -> None:
    key, operator = consensus_key("new"), network.person("new")
    chain_id = network.chain.block.chain_id
    stranger = network.person("stranger")
    good = prove_possession(key, chain_id, operator)
    for proof in (
        prove_possession(key, chain_id + 1, operator),
        prove_possession(key, chain_id, stranger),
        prove_possession(PrivateKey((5).to_bytes(32)), chain_id, operator),
        good[:64] + b"\x00",
        bytes(65),
    ):
        with reverts("proof is not signed by the key for this account"):
            network.staking.registerConsensusKey(key.public_key, proof, sender=operator)
    with reverts("proof: 65 bytes"):
        network.staking.registerConsensusKey(key.public_key, good[:64], sender=operator)
    for bad in (b"", key.public_key[:32], b"\x02" + b"\xff" * 32, b"\x04" + key.public_key[1:]):
        with reverts("key: no compressed secp256k1 point"):
            network.staking.registerConsensusKey(bad, good, sender=operator)
    network.staking.registerConsensusKey(key.public_key, good, sender=operator)


def test_a_consensus_key_is_used_once(network: Network) -> None:
    thief = network.person("thief")
    key = consensus_key("v0")
    proof = prove_possession(key, network.chain.block.chain_id, thief)
    with reverts("key belongs to a validator already"):
        network.staking.registerConsensusKey(key.public_key, proof, sender=thief)
    # Two accounts prove the same new key; the second one comes too late.
    shared = consensus_key("shared")
    for name in ("first", "second"):
        account = network.person(name)
        proof = prove_possession(shared, network.chain.block.chain_id, account)
        network.staking.registerConsensusKey(shared.public_key, proof, sender=account)

    def create(name: str) -> None:
        network.staking.createValidator(
            Description(name, "", "", "", ""),
            CommissionRates(0, 0, 0),
            1,
            address_of(name),
            "0x" + shared.public_key.hex(),
            COIN,
            sender=address_of(name),
            value=COIN,
        )

    create("first")
    with reverts("key belongs to a validator already"):
        create("second")
    with reverts("validator exists already"):
        create("first")
    with reverts("validator has a key already"):
        network.register("first")


def test_createValidator_refuses_what_is_wrong(network: Network) -> None:
    operator = network.person("new")
    key = key_to_text(consensus_key("new").public_key)
    good = [
        Description("new", "", "", "", ""),
        CommissionRates(TENTH, 2 * TENTH, TENTH),
        1,
        operator,
        key,
        2 * COIN,
    ]

    def attempt(value: int = 2 * COIN, **change: object) -> None:
        arguments = list(good)
        for place, argument in change.items():
            arguments[int(place[1:])] = argument
        network.staking.createValidator(*arguments, sender=operator, value=value)

    with reverts("pubkey is not the key that registerConsensusKey was called with"):
        attempt()
    network.register("new")
    with reverts("caller is not the validator"):
        attempt(_3=address_of("other"))
    with reverts("coins sent are not the value"):
        attempt(value=COIN)
    with reverts("a validator begins with at least one coin"):
        attempt(value=COIN - 1, _5=COIN - 1)
    for least in (0, 2 * COIN + 1):
        with reverts("minSelfDelegation: more than 0, at most the value"):
            attempt(_2=least)
    with reverts("moniker is empty"):
        attempt(_0=Description("", "", "", "", ""))
    with reverts("moniker: longer than 70 bytes"):
        attempt(_0=Description("é" * 36, "", "", "", ""))
    with reverts("identity: longer than 3000 bytes"):
        attempt(_0=Description("new", "x" * 3001, "", "", ""))
    for rates, problem in (
        (CommissionRates(0, 10**18 + 1, 0), "maxRate is above 1"),
        (CommissionRates(2, 1, 0), "rate is above maxRate"),
        (CommissionRates(0, 1, 2), "maxChangeRate is above maxRate"),
    ):
        with reverts(problem):
            attempt(_1=rates)
    with reverts("pubkey is not the key that registerConsensusKey was called with"):
        attempt(_4=key_to_text(consensus_key("v0").public_key))
    with reverts("pubkey: too long"):
        attempt(_4="0x" + "0" * 67)
    network.chain.fund(operator, 2**200)
    with reverts("more stake than consensus can count"):
        attempt(value=2**120, _5=2**120)
    attempt()


def test_the_chain_may_ask_for_a_least_commission() -> None:
    network = Network(parameters=StakingParameters(min_commission_bps=500))
    network.person("new")
    network.register("new")
    with reverts("rate is below the chain's least commission"):
        network.create_registered("new", COIN, rate=TENTH // 2 - 1)
    network.create_registered("new", COIN, rate=TENTH // 2)


# --- changing ---


def test_a_description_changes_where_it_is_not_kept(network: Network) -> None:
    operator = address_of("v0")
    changed = Description("new name", "[do-not-modify]", "https://v0", "[do-not-modify]", "long" * 70)
    network.staking.editValidator(changed, operator, -1, -1, sender=operator)
    assert network.chain.logs == [Staking.EditValidator(operator, -1, -1)]
    now = network.staking.validator(operator).description
    assert now == Description("new name", "", "https://v0", "", "long" * 70)
    with reverts("details: longer than 280 bytes"):
        network.staking.editValidator(replace_details(changed, "x" * 281), operator, -1, -1, sender=operator)
    with reverts("caller is not the validator"):
        network.staking.editValidator(changed, operator, -1, -1, sender=address_of("v1"))
    with reverts("validator does not exist"):
        stranger = network.person("stranger")
        network.staking.editValidator(changed, stranger, -1, -1, sender=stranger)


def replace_details(description: Description, details: str) -> Description:
    changed = description.copy()
    changed.details = details
    return changed


def test_a_commission_rate_changes_once_a_day_by_a_little(network: Network) -> None:
    operator = address_of("v0")

    def change(rate: int) -> None:
        network.staking.editValidator(KEEP, operator, rate, -1, sender=operator)

    with reverts("commission changed within the last 24 hours"):
        change(TENTH)
    network.chain.warp(DAY)
    step = TENTH // 10
    with reverts("commission rate rises by more than maxChangeRate"):
        change(TENTH + step + 1)
    for rate in (2 * TENTH + 1, -2, 2**200):
        with reverts("commission rate is out of bounds"):
            change(rate)
    change(TENTH + step)
    assert network.staking.validator(operator).commission == TENTH + step
    with reverts("commission changed within the last 24 hours"):
        change(TENTH)
    network.chain.warp(DAY)
    change(0)
    rates, when = network.staking.commission(operator)
    assert (rates.rate, rates.maxRate, rates.maxChangeRate, when) == (0, 2 * TENTH, step, network.now)


def test_the_least_own_stake_only_rises_and_who_falls_below_is_jailed(network: Network) -> None:
    operator = address_of("v3")

    def promise(wei: int) -> None:
        network.staking.editValidator(KEEP, operator, -1, wei, sender=operator)

    promise(5 * COIN)
    with reverts("minSelfDelegation can only rise"):
        promise(5 * COIN - 1)
    with reverts("minSelfDelegation is above the own stake"):
        promise(10 * COIN + 1)
    network.undelegate(operator, "v3", 5 * COIN)
    assert not network.staking.validator(operator).jailed
    network.undelegate(operator, "v3", 1)
    assert network.staking.validator(operator).jailed
    network.mine()
    assert "v3" not in network.active
    with reverts("own stake is below minSelfDelegation"):
        network.slashing.unjail(operator, sender=operator)
    network.delegate(operator, "v3", COIN)
    network.slashing.unjail(operator, sender=operator)
    network.mine()
    assert network.active["v3"] == 5


# --- finding ---


def test_a_stranger_is_an_empty_validator(network: Network) -> None:
    nobody = network.staking.validator(address_of("nobody"))
    assert (nobody.operatorAddress, nobody.tokens, nobody.status) == ("", 0, 0)
    assert network.staking.delegation(address_of("d"), text(address_of("nobody")))[0] == 0
    assert network.staking.unbondingDelegation(address_of("d"), text(address_of("v0"))).entries == []
    with reverts("validator does not exist"):
        network.staking.consensusAddressOf(address_of("nobody"))
    assert network.staking.operatorOf(address_of("nobody")) == ZERO_ADDRESS


def names(
    network: Network, status: str, key: bytes, offset: int, limit: int, count: bool, reverse: bool
) -> tuple[list[str], bytes, int]:
    found, response = network.staking.validators(status, PageRequest(key, offset, limit, count, reverse))
    return [one.description.moniker for one in found], response.nextKey, response.total


def test_pages_of_validators(network: Network) -> None:
    network.create("weak", 1)
    network.mine()
    network.undelegate(address_of("v1"), "v1", 30 * COIN)
    network.mine()
    everybody = ["v0", "v1", "v2", "v3", "weak"]
    assert names(network, "", b"", 0, 0, True, False) == (everybody, b"", 5)
    assert names(network, "BOND_STATUS_UNSPECIFIED", b"", 0, 0, True, True) == (everybody[::-1], b"", 5)
    first, key, _ = names(network, "", b"", 1, 2, False, False)
    assert first == ["v1", "v2"]
    assert names(network, "", key, 0, 2, False, False) == (["v3", "weak"], b"", 0)
    bonded = ["v0", "v2", "v3", "weak"]
    assert names(network, "BOND_STATUS_BONDED", b"", 0, 0, True, False) == (bonded, b"", 4)
    some, key, total = names(network, "BOND_STATUS_BONDED", b"", 1, 2, True, False)
    assert (some, total) == (["v2", "v3"], 4)
    assert names(network, "BOND_STATUS_BONDED", key, 0, 2, True, False) == (["weak"], b"", 0)
    some, key, _ = names(network, "BOND_STATUS_BONDED", b"", 0, 3, False, True)
    assert some == ["weak", "v3", "v2"]
    assert names(network, "BOND_STATUS_BONDED", key, 0, 3, False, True) == (["v0"], b"", 0)
    assert names(network, "BOND_STATUS_UNBONDING", b"", 0, 0, False, False)[0] == ["v1"]
    assert names(network, "BOND_STATUS_UNBONDED", b"", 0, 0, False, False)[0] == []


@pytest.mark.parametrize(
    ("status", "page", "problem"),
    [
        ("bonded", (b"", 0, 0, False, False), "unknown status"),
        ("", (b"\x00" * 7, 0, 0, False, False), "page: a key has 8 bytes"),
        ("", (b"\x00" * 8, 1, 0, False, False), "page: either a key or an offset"),
        ("", (b"\xff" * 8, 0, 0, False, False), "page: no such key"),
    ],
)
def test_pages_that_do_not_exist(
    network: Network, status: str, page: tuple[bytes, int, int, bool, bool], problem: str
) -> None:
    with reverts(problem):
        names(network, status, *page)
    assert names(network, "", b"", 2**64 - 1, 2**64 - 1, False, False) == ([], b"", 0)


@pytest.mark.parametrize(
    "wrong", ["", "0x", "v0", "cosmosvaloper1xyz", "0x" + "g" * 40, "0x" + "aB" * 20, "\udcff"]
)
def test_a_text_that_is_no_address_is_refused(network: Network, wrong: str) -> None:
    who = network.person("d")
    problem = "not an address: 0x and 40 hex digits"
    with reverts(problem):
        network.staking.delegate(who, wrong, 1, sender=who, value=1)
    with reverts(problem):
        network.staking.undelegate(who, wrong, 1, sender=who)
    with reverts(problem):
        network.staking.redelegate(who, text(who), wrong, 1, sender=who)
    with reverts(problem):
        network.distribution.withdrawDelegatorRewards(who, wrong, sender=who)
    with reverts(problem):
        network.distribution.setWithdrawAddress(who, wrong, sender=who)


def test_the_node_finds_operators_in_storage(network: Network) -> None:
    assert layout_of(Staking).variables[0].name == "operators_by_key"
    assert layout_of(Staking).variables[0].slot == OPERATORS_SLOT
    reader = _StorageOf(network.chain)
    for name in ("v0", "v3"):
        cons = consensus_key(name).address
        assert operator_of(reader, cons) == address_of(name)  # type: ignore[arg-type]
        assert network.staking.operatorOf(cons) == address_of(name)
        assert network.staking.consensusAddressOf(address_of(name)) == cons
    assert operator_of(reader, address_of("v0")) is None  # type: ignore[arg-type]


class _StorageOf:
    def __init__(self, chain: TestChain) -> None:
        self._slots = chain.storage(STAKING)

    def storage(self, address: Address, slot: int) -> int:
        return self._slots.get(slot, 0) if address == STAKING else 0
