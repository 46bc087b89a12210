"""Single stories: who is down, who lies, what was lost, and how the network gets over it."""

from dataclasses import replace

import pytest

from consensus.messages import SyncedBlock, SyncResponse
from consensus.params import ConsensusParams
from consensus.types import BlockIdFlag, Step
from tests.sim.chain import HashChain, genesis_set
from tests.sim.disk import SimDisk
from tests.sim.world import STATE_NAME, World

PARAMS = ConsensusParams(block_interval_ms=200)


def network(count: int, seed: int = 1, params: ConsensusParams = PARAMS) -> World:
    return World(seed, [HashChain(genesis_set(count)) for _ in range(count)], params)


def started(count: int, seed: int = 1, params: ConsensusParams = PARAMS) -> World:
    world = network(count, seed, params)
    for node in world.nodes:
        node.boot()
    return world


def run_to(world: World, height: int, within_s: float, nodes: list[int] | None = None) -> None:
    """Run until the given nodes (all by default) have committed `height`."""
    indices = range(len(world.nodes)) if nodes is None else nodes
    start_s = world.now_s
    reached = world.run(lambda: all(world.heights()[i] >= height for i in indices), start_s + within_s)
    assert reached, f"heights {world.heights()} after {within_s} s"


def run_for(world: World, seconds: float) -> None:
    end_s = world.now_s + seconds
    world.at(end_s, lambda: None)
    world.run(lambda: world.now_s >= end_s, end_s)


def test_a_single_validator_decides_by_itself_at_the_block_interval() -> None:
    world = started(1)
    run_to(world, 20, within_s=20 * 0.2 + 2)
    assert world.now_s >= 19 * 0.2


def test_one_of_four_down_costs_only_its_own_rounds() -> None:
    world = started(4)
    world.nodes[3].crash(power=False, restart_s=None)
    run_to(world, 12, within_s=30, nodes=[0, 1, 2])


def test_nothing_is_decided_without_two_thirds_and_all_go_on_soon_after_they_are_back() -> None:
    world = started(4)
    run_to(world, 3, within_s=10)
    for index in (2, 3):
        world.nodes[index].crash(power=True, restart_s=None)
    run_for(world, 300)
    assert max(world.heights()) <= 4
    world.nodes[2].boot()
    height = max(world.heights())
    run_to(world, height + 1, within_s=25, nodes=[0, 1, 2])
    run_to(world, height + 6, within_s=15, nodes=[0, 1, 2])


def test_two_validators_that_cannot_reach_each_other_decide_through_a_third() -> None:
    """With one of four down every vote counts, so the third node must pass on votes and proposals."""
    world = network(4)
    world.links.cut = {(0, 1), (1, 0)}
    for index in (0, 1, 2):
        world.nodes[index].boot()
    run_to(world, 8, within_s=120, nodes=[0, 1, 2])


def test_a_late_node_fetches_what_it_missed_while_the_chain_moves_on() -> None:
    world = network(4)
    for index in (0, 1, 2):
        world.nodes[index].boot()
    run_to(world, 60, within_s=200, nodes=[0, 1, 2])
    world.nodes[3].boot()
    run_to(world, 60, within_s=8)


def test_peers_that_never_answer_do_not_cost_their_whole_timeout() -> None:
    world = network(4)
    for index in (0, 1, 2):
        world.nodes[index].boot()
    run_to(world, 30, within_s=100, nodes=[0, 1, 2])
    for index in (0, 1):
        world.nodes[index].serves = False
    world.nodes[3].boot()
    run_to(world, 30, within_s=7)


def test_a_restarted_validator_signs_again_within_ten_seconds_of_reaching_the_head() -> None:
    world = started(4)
    run_to(world, 5, within_s=20)
    world.nodes[3].crash(power=True, restart_s=15)
    run_to(world, 12, within_s=60, nodes=[0, 1, 2])
    run_for(world, 16)
    reached_s = world.now_s
    address = world.nodes[3].key.address

    def signed_lately() -> bool:
        _, commit = world.nodes[0].chain.blocks[-1]
        return any(
            s.validator == address and s.block_id_flag is BlockIdFlag.COMMIT for s in commit.signatures
        )

    assert world.run(signed_lately, reached_s + 10)


def test_a_follower_without_a_key_follows_and_never_signs() -> None:
    world = network(4)
    follower = world.add_node(HashChain(genesis_set(4)))
    follower.is_follower = True
    for node in world.nodes:
        node.boot()
    run_to(world, 15, within_s=30)
    assert STATE_NAME not in follower.disk.files
    assert follower.replica is not None
    status = follower.replica.status()
    assert status.own_address is None
    assert not status.is_validator


def test_a_follower_that_hears_only_one_validator_keeps_up() -> None:
    world = network(4)
    follower = world.add_node(HashChain(genesis_set(4)))
    follower.is_follower = True
    world.links.cut = {(i, 4) for i in range(3)} | {(4, i) for i in range(3)}
    for node in world.nodes:
        node.boot()
    run_to(world, 15, within_s=60)


def test_twins_of_one_key_are_found_out_and_harm_nobody() -> None:
    for seed in range(6):
        world = network(4, seed)
        twin = world.add_node(HashChain(genesis_set(4)), key_index=3)
        world.checker.byzantine.add(twin.key.address)
        for node in world.nodes:
            node.boot()
        run_to(world, 15, within_s=200, nodes=[0, 1, 2])
        assert world.checker.evidence_against == {twin.key.address}


def test_a_proposer_of_invalid_blocks_costs_its_own_rounds_only() -> None:
    world = network(4)
    world.nodes[2].builds_invalid = True
    for node in world.nodes:
        node.boot()
    run_to(world, 10, within_s=60, nodes=[0, 1, 3])
    assert world.counters.penalties > 0


def test_a_lost_log_keeps_a_validator_silent_for_that_height_only() -> None:
    world = started(4)
    run_to(world, 3, within_s=20)
    node = world.nodes[1]
    world.run(lambda: node.replica is not None and node.replica.status().step is Step.PRECOMMIT, 60)
    node.crash(power=False, restart_s=None)
    for name in [name for name in node.disk.files if name.startswith("wal")]:
        del node.disk.files[name]
    node.boot()
    assert node.replica is not None
    height = len(node.chain.blocks) + 1
    assert node.replica.status().silent_through == height
    run_to(world, height + 5, within_s=30)


def test_all_logs_and_blocks_lost_but_not_the_signers_never_signs_twice() -> None:
    """A wiped data directory behind an old key (tendermint issue 3418): silent up to what was signed."""
    world = started(4)
    run_to(world, 6, within_s=20)
    node = world.nodes[0]
    node.crash(power=False, restart_s=None)
    kept = node.disk.files[STATE_NAME]
    node.disk = SimDisk()
    node.disk.files[STATE_NAME] = kept
    node.chain = HashChain(genesis_set(4))
    node.boot()
    run_to(world, 12, within_s=30)


def test_everybody_killed_at_every_disk_operation_of_a_height_goes_on() -> None:
    for operation in range(24):
        world = started(4, seed=operation)
        run_to(world, 2, within_s=20)
        for node in world.nodes:
            node.disk.cut_in = operation
        run_to(world, 6, within_s=60)
        assert world.counters.crashes >= 4


def test_a_single_validator_that_loses_power_at_every_disk_operation_goes_on() -> None:
    for operation in range(24):
        world = started(1, seed=operation)
        run_to(world, 2, within_s=20)
        world.nodes[0].disk.cut_in = operation
        run_to(world, 5, within_s=60)


def _without_signatures(response: SyncResponse) -> SyncResponse:
    def strip(block: SyncedBlock) -> SyncedBlock:
        slots = tuple(
            replace(slot, signature=bytes(64)) for slot in block.commit.signatures if slot.signature
        )
        return replace(block, commit=replace(block.commit, signatures=slots))

    return replace(response, blocks=tuple(strip(block) for block in response.blocks))


def _other_payloads(response: SyncResponse) -> SyncResponse:
    return replace(response, blocks=tuple(replace(b, payload=b.payload + b"x") for b in response.blocks))


def _nothing(response: SyncResponse) -> SyncResponse:
    return SyncResponse(10**9, ())


def _shifted(response: SyncResponse) -> SyncResponse:
    return replace(response, blocks=response.blocks[1:])


@pytest.mark.parametrize("tamper", [_without_signatures, _other_payloads, _nothing, _shifted])
def test_a_lying_sync_peer_delays_but_does_not_mislead(tamper) -> None:  # type: ignore[no-untyped-def]
    world = network(4)
    for index in (0, 1, 2):
        world.nodes[index].boot()
    run_to(world, 30, within_s=100, nodes=[0, 1, 2])
    world.nodes[0].tamper = tamper
    world.nodes[1].tamper = tamper
    world.nodes[3].boot()
    run_to(world, 30, within_s=30)


@pytest.mark.parametrize(("interval_ms", "expected"), [(0, 150), (2000, 15), (None, 0)])
def test_empty_blocks_come_as_the_policy_says(interval_ms: int | None, expected: int) -> None:
    world = network(4, params=ConsensusParams(block_interval_ms=200, empty_block_interval_ms=interval_ms))
    for node in world.nodes:
        node.carries_transactions = False
        node.boot()
    run_for(world, 30)
    height = max(world.heights())
    assert expected * 0.6 <= height <= expected + 1
    for node in world.nodes:
        node.carries_transactions = True
        if node.replica is not None:
            node.act("transactions", node.replica.on_transactions)
    run_to(world, height + 10, within_s=6)


@pytest.mark.parametrize(("validate_s", "height", "within_s"), [(3.0, 6, 30), (15.0, 2, 600)])
def test_blocks_that_take_longer_to_judge_than_the_proposal_timeout_are_decided(
    validate_s: float, height: int, within_s: float
) -> None:
    """3 s is three times the timeout, 15 s is above the longest one: then a block is proposed again, judged."""
    world = network(4, params=ConsensusParams(block_interval_ms=1000))
    for node in world.nodes:
        node.validate_s = validate_s
        node.rebuilds_same = True
        node.boot()
    run_to(world, height, within_s=within_s)
    if validate_s == 3.0:
        assert all(commit.round == 0 for _, commit in world.nodes[0].chain.blocks)


def test_a_node_with_a_slow_clock_refuses_proposals_without_blame_and_follows_by_decided_blocks() -> None:
    world = network(4)
    world.nodes[3].refuses_undecided = True
    for node in world.nodes:
        node.boot()
    run_to(world, 8, within_s=30)
    assert world.counters.penalties == 0


def test_a_commit_that_the_others_know_reaches_a_node_that_lost_every_precommit() -> None:
    world = network(4)
    world.links.cut = {(i, 3) for i in range(3)}
    for node in world.nodes:
        node.boot()
    run_to(world, 5, within_s=60, nodes=[0, 1, 2])
    world.links.cut = set()
    run_to(world, max(world.heights()), within_s=5)
