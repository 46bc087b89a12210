"""Validators that come and go while the chain runs, without a restart of anybody, and with many."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

import pytest

from chain.validator_update import ValidatorUpdate
from consensus.params import ConsensusParams
from consensus.types import BlockIdFlag
from tests.sim.chain import HashChain, Updates, genesis_set, key_of
from tests.sim.scenario import disturb
from tests.sim.world import World

PARAMS = ConsensusParams(block_interval_ms=200)


def planned(plan: Mapping[int, Mapping[int, int]]) -> Updates:
    """Block height -> validator index -> new power."""

    def updates(height: int) -> tuple[ValidatorUpdate, ...]:
        return tuple(
            ValidatorUpdate(key_of(index).public_key, power) for index, power in plan.get(height, {}).items()
        )

    return updates


def network(genesis: int, machines: int, updates: Updates, seed: int = 1) -> World:
    """Machines of which the first `genesis` are validators of height 1; all have a key."""
    return World(seed, [HashChain(genesis_set(genesis), updates) for _ in range(machines)], PARAMS)


def boot(world: World, indices: list[int] | None = None) -> None:
    for index in range(len(world.nodes)) if indices is None else indices:
        world.nodes[index].boot()


def run_to(world: World, height: int, within_s: float, nodes: list[int] | None = None) -> None:
    indices = range(len(world.nodes)) if nodes is None else nodes
    until_s = world.now_s + within_s
    reached = world.run(lambda: all(world.heights()[i] >= height for i in indices), until_s)
    assert reached, f"heights {world.heights()} after {within_s} s"


def signed_at(world: World, height: int, index: int) -> bool:
    _, commit = world.nodes[0].chain.blocks[height - 1]
    address = key_of(index).address
    return any(
        slot.validator == address and slot.block_id_flag is BlockIdFlag.COMMIT for slot in commit.signatures
    )


def has_slot(world: World, height: int, index: int) -> bool:
    _, commit = world.nodes[0].chain.blocks[height - 1]
    return key_of(index).address in {slot.validator for slot in commit.signatures}


def proposed(world: World, first: int, last: int, index: int) -> int:
    """How many of these blocks the machine made: the filler names it."""
    blocks = world.nodes[0].chain.blocks[first - 1 : last]
    return sum(b"%d/" % index in payload[48:] for payload, _ in blocks)


def is_validator(world: World, index: int) -> bool:
    replica = world.nodes[index].replica
    return replica is not None and replica.status().is_validator


def test_a_follower_whose_key_enters_the_set_votes_and_proposes_without_a_restart() -> None:
    world = network(4, 5, planned({5: {4: 10}}))
    boot(world)
    run_to(world, 4, within_s=10)
    assert not is_validator(world, 4)
    run_to(world, 40, within_s=60)
    assert not has_slot(world, 6, 4)
    assert all(has_slot(world, height, 4) for height in range(7, 41))
    share = [sum(signed_at(world, height, index) for height in range(8, 41)) for index in range(5)]
    assert share[4] >= min(share[:4]) / 2, "it votes as the others do"
    assert proposed(world, 1, 6, 4) == 0
    assert proposed(world, 7, 40, 4) >= 5
    assert is_validator(world, 4)
    assert world.counters.penalties == 0


def test_a_validator_that_leaves_follows_in_silence_and_may_come_back() -> None:
    world = network(4, 4, planned({6: {2: 0}, 20: {2: 10}}))
    boot(world)
    run_to(world, 40, within_s=60)
    assert has_slot(world, 7, 2)
    assert not any(has_slot(world, height, 2) for height in range(8, 22))
    assert proposed(world, 8, 21, 2) == 0
    assert all(has_slot(world, height, 2) for height in range(22, 41))
    assert proposed(world, 22, 40, 2) >= 2
    assert sum(signed_at(world, height, 2) for height in range(23, 41)) >= 9
    assert world.counters.penalties == 0


def test_who_leaves_is_not_missed_as_proposer() -> None:
    """Not a single round is lost, whoever goes and whenever: all know the set two blocks before it decides."""
    for leaver in range(4):
        for height in range(4, 8):
            world = network(4, 4, planned({height: {leaver: 0}}), seed=leaver * 10 + height)
            boot(world)
            run_to(world, height + 8, within_s=15)
            assert all(commit.round == 0 for _, commit in world.nodes[0].chain.blocks)


def test_a_set_is_replaced_one_by_one_and_the_old_machines_are_switched_off() -> None:
    steps = {4 + 3 * step: {step: 0, 4 + step: 10} for step in range(4)}
    world = network(4, 8, planned(steps))
    boot(world)
    run_to(world, 18, within_s=60)
    for index in range(4):
        world.nodes[index].crash(power=True, restart_s=None)
    run_to(world, 40, within_s=60, nodes=[4, 5, 6, 7])
    assert world.counters.penalties == 0


def test_the_whole_set_is_replaced_in_one_block() -> None:
    plan = {5: dict.fromkeys(range(4), 0) | dict.fromkeys(range(4, 8), 10)}
    world = network(4, 8, planned(plan))
    boot(world)
    run_to(world, 9, within_s=20)
    for index in range(4):
        world.nodes[index].crash(power=True, restart_s=None)
    run_to(world, 30, within_s=60, nodes=[4, 5, 6, 7])
    assert world.counters.penalties == 0


def test_a_set_shrinks_to_one_and_grows_again() -> None:
    plan = {4: {1: 0}, 6: {2: 0}, 8: {3: 0}, 16: {1: 10}, 18: {2: 10, 3: 10, 4: 10}}
    world = network(4, 5, planned(plan))
    boot(world)
    run_to(world, 32, within_s=60)
    assert len(world.nodes[0].chain.validators_of(12)) == 1
    assert len(world.nodes[0].chain.validators_of(32)) == 5
    assert world.counters.penalties == 0


def test_a_late_machine_follows_through_all_changes_and_then_votes() -> None:
    """Block sync verifies each commit with the set of its height, though the set at both ends has nobody in common."""
    plan = {5: {4: 10}, 7: {0: 0, 5: 10}, 9: {1: 0, 6: 10}, 11: {2: 0}, 13: {3: 0}, 40: {7: 10}}
    world = network(4, 8, planned(plan))
    boot(world, [0, 1, 2, 3, 4, 5, 6])
    run_to(world, 60, within_s=100, nodes=[0, 4, 5, 6])
    boot(world, [7])
    run_to(world, 60, within_s=10)
    height = max(world.heights())
    run_to(world, height + 15, within_s=30)
    assert proposed(world, height, height + 15, 7) >= 2


def test_the_newcomer_is_down_when_its_power_begins_to_count() -> None:
    """Four of five are still more than two thirds; it comes back and votes."""
    world = network(4, 5, planned({5: {4: 10}}))
    boot(world)
    run_to(world, 6, within_s=20)
    world.nodes[4].crash(power=True, restart_s=None)
    run_to(world, 20, within_s=60, nodes=[0, 1, 2, 3])
    boot(world, [4])
    run_to(world, 35, within_s=40)
    assert signed_at(world, 35, 4) or signed_at(world, 34, 4) or signed_at(world, 33, 4)


def test_a_newcomer_that_reaches_one_validator_only_is_heard_through_it() -> None:
    world = network(4, 5, planned({5: {4: 10}}))
    world.links.cut = {(index, 4) for index in range(1, 4)} | {(4, index) for index in range(1, 4)}
    boot(world)
    run_to(world, 40, within_s=200)
    assert world.now_s < 60, "about a second for each of its rounds"
    assert world.counters.penalties == 0


def test_power_cuts_at_every_disk_operation_while_the_set_changes() -> None:
    plan = {4: {4: 10, 0: 0}, 6: {0: 10}, 7: {1: 25}}
    for operation in range(24):
        world = network(4, 5, planned(plan), seed=operation)
        boot(world)
        run_to(world, 4 + operation % 4, within_s=20)
        for node in world.nodes:
            node.disk.cut_in = operation
        run_to(world, 14, within_s=80)
        assert world.counters.crashes >= 4


def test_a_wiped_machine_whose_key_left_and_came_back_never_signs_twice() -> None:
    world = network(4, 4, planned({5: {2: 0}, 9: {2: 10}}))
    boot(world)
    run_to(world, 5, within_s=20)
    node = world.nodes[2]
    node.crash(power=False, restart_s=None)
    node.chain = HashChain(node.chain.genesis, node.chain.updates)
    for name in [name for name in node.disk.files if name.startswith("wal")]:
        del node.disk.files[name]
    node.boot()
    run_to(world, 25, within_s=60)
    assert signed_at(world, 24, 2) or signed_at(world, 23, 2)


def whirling(seed: int, machines: int, every: int) -> Updates:
    """Every few blocks somebody comes, somebody goes, somebody's power changes; at least four stay in the set."""
    random = Random(seed)
    powers = dict.fromkeys(range(4), 10)
    plan: dict[int, dict[int, int]] = {}
    for height in range(2, 400, every):
        changes: dict[int, int] = {}
        outside = [index for index in range(machines) if index not in powers]
        if outside and random.random() < 0.6:
            changes[random.choice(outside)] = random.randrange(5, 20)
        if len(powers) > 4 and random.random() < 0.5:
            changes[random.choice(sorted(powers))] = 0
        if random.random() < 0.5:
            changes.setdefault(random.choice(sorted(powers)), random.randrange(5, 20))
        for index, power in changes.items():
            if power:
                powers[index] = power
            else:
                powers.pop(index)
        plan[height] = changes
    return planned(plan)


def whirl(seed: int) -> None:
    choice = Random(seed)
    machines, every = choice.choice((5, 6, 7)), choice.choice((1, 1, 2, 5))
    world = network(4, machines, whirling(seed, machines, every), seed=seed)
    disturb(world, choice)
    boot(world)
    run_to(world, 40, within_s=3_000)
    assert world.counters.penalties == 0, "honest nodes were penalised"
    sets = {world.nodes[0].chain.validators_of(height).hash() for height in range(1, 41)}
    assert len(sets) >= 5


@pytest.mark.parametrize("seed", range(8))
def test_a_set_that_changes_every_few_blocks_in_a_disturbed_network(seed: int) -> None:
    whirl(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 160))
def test_sixty_whirling_networks(seed: int) -> None:
    whirl(seed)
