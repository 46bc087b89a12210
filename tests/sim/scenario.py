"""One seeded run: the seed chooses network size, link quality, validator changes and a schedule of faults.

Owns: `run_seed`. A run ends when every node has committed `heights` blocks; the faults never stop, so reaching
the end under them is the liveness check.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

from chain.validator_update import ValidatorUpdate
from consensus.params import ConsensusParams
from tests.sim.chain import HashChain, Updates, genesis_set, key_of, no_updates
from tests.sim.checker import Violation
from tests.sim.world import Counters, Links, World

TIME_LIMIT_S: Final = 3_000.0
"""Virtual seconds for 30 heights: about a hundred times what an undisturbed network needs."""


@dataclass(frozen=True)
class Outcome:
    """What a run came to; equal seeds give equal outcomes. `heights` are those of the honest nodes."""

    seed: int
    heights: tuple[int, ...]
    virtual_s: float
    trace_hash: str
    counters: Counters
    syncs: tuple[int, ...]


def run_seed(
    seed: int, heights: int = 30, *, calm: bool = False, trace: Callable[[str], None] | None = None
) -> Outcome:
    """Run one seed; raises Violation (or the product's InvariantViolation) when something is wrong."""
    choice = Random(seed)
    count = 4 if calm else choice.choice((4, 4, 4, 5, 7))
    params = ConsensusParams(block_interval_ms=choice.choice((50, 200, 1000)) if not calm else 1000)
    updates = no_updates if calm or choice.random() < 0.5 else changing_powers(count)
    world = World(seed, [HashChain(genesis_set(count), updates) for _ in range(count)], params, trace=trace)
    honest = count if calm else add_guests(world, choice, updates)
    if not calm:
        disturb(world, choice)
    for node in world.nodes:
        node.boot()
    reached = world.run(lambda: min(world.heights()[:honest]) >= heights, TIME_LIMIT_S)
    if not reached:
        raise Violation(
            f"I13 liveness: seed {seed} stands at heights {world.heights()} after {world.now_s:.0f} s"
        )
    return Outcome(
        seed,
        tuple(world.heights()[:honest]),
        world.now_s,
        world.trace_hash(),
        world.counters,
        tuple(node.disk.syncs for node in world.nodes),
    )


def add_guests(world: World, choice: Random, updates: Updates) -> int:
    """Sometimes a follower, sometimes a second machine with the first one's key; gives the number of honest nodes."""
    count = len(world.nodes)
    if choice.random() < 0.2:
        world.add_node(HashChain(genesis_set(count), updates)).is_follower = True
    honest = len(world.nodes)
    if choice.random() < 0.1:
        twin = world.add_node(HashChain(genesis_set(count), updates), key_index=0)
        world.checker.byzantine.add(twin.key.address)
    return honest


def changing_powers(count: int) -> Updates:
    """Every third block changes somebody's power; in networks of five and more the last one leaves and returns."""

    def updates(height: int) -> tuple[ValidatorUpdate, ...]:
        if height % 3:
            return ()
        turn = height // 3
        last = key_of(count - 1).public_key
        if count > 4 and turn % 3 != 2:
            return (ValidatorUpdate(last, 9),) if turn % 3 == 1 else ()
        if count > 4 and turn % 6 == 5:
            return (ValidatorUpdate(last, 0),)
        return (ValidatorUpdate(key_of(turn % (count - 1)).public_key, 8 + height % 5),)

    return updates


def disturb(world: World, choice: Random) -> None:
    """Imperfect links for the whole run, and a fault every few seconds."""
    world.links = Links(
        delay_s=choice.choice(((0.001, 0.01), (0.005, 0.06), (0.02, 0.2))),
        slow=choice.choice((0.0, 0.02, 0.1)),
        drop=choice.choice((0.0, 0.02, 0.1, 0.2)),
        duplicate=choice.choice((0.0, 0.1)),
    )
    for node in world.nodes:
        node.skew_ms = choice.randrange(-300, 300)
        node.job_s = choice.choice(((0.001, 0.02), (0.001, 0.02), (0.05, 0.4)))
        node.rebuilds_same = choice.random() < 0.5
        node.validate_s = choice.choice((None, None, None, None, None, None, 0.3, 1.5))
    faults = (_power_cut_at_an_operation, _kill, _power_cut, _kill_all, _partition, _one_way, _nothing)

    def next_fault() -> None:
        choice.choice(faults)(world, choice)
        world.after(choice.uniform(0.5, 6.0), next_fault)

    world.after(choice.uniform(0.5, 6.0), next_fault)


def _up(world: World) -> list[int]:
    return [node.index for node in world.nodes if node.replica is not None]


def _power_cut_at_an_operation(world: World, choice: Random) -> None:
    if up := _up(world):
        world.nodes[choice.choice(up)].disk.cut_in = choice.randrange(40)


def _kill(world: World, choice: Random) -> None:
    if up := _up(world):
        world.nodes[choice.choice(up)].crash(power=False, restart_s=choice.uniform(0.05, 4.0))


def _power_cut(world: World, choice: Random) -> None:
    if up := _up(world):
        world.nodes[choice.choice(up)].crash(power=True, restart_s=choice.uniform(0.05, 4.0))


def _kill_all(world: World, choice: Random) -> None:
    power = choice.random() < 0.5
    for index in _up(world):
        world.nodes[index].crash(power=power, restart_s=choice.uniform(0.05, 2.0))


def _partition(world: World, choice: Random) -> None:
    count = len(world.nodes)
    left = set(choice.sample(range(count), choice.randrange(1, count)))
    cut = {(a, b) for a in range(count) for b in range(count) if (a in left) != (b in left)}
    world.links.cut |= cut
    world.after(choice.uniform(0.5, 4.0), lambda: world.links.cut.difference_update(cut))


def _one_way(world: World, choice: Random) -> None:
    sender, receiver = choice.sample(range(len(world.nodes)), 2)
    cut = {(sender, receiver)}
    world.links.cut |= cut
    world.after(choice.uniform(0.5, 6.0), lambda: world.links.cut.difference_update(cut))


def _nothing(_world: World, _choice: Random) -> None:
    pass
