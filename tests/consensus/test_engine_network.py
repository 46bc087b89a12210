"""Agreement and progress of several engines under loss, delay, reordering and equivocation."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.consensus.cluster import Cluster, Links

SEEDS = st.integers(0, 2**32)
BOUNDED = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def test_four_engines_decide_one_block_per_interval_in_round_zero() -> None:
    cluster = Cluster((1, 1, 1, 1), frozenset(), 1, Links())
    cluster.run(until_ms=60_000, height=20)
    assert len(cluster.agreed) >= 20
    for node in cluster.nodes.values():
        assert {commit.round for _, commit in node.decided.values()} == {0}
        assert not node.evidence


def test_a_single_engine_decides_alone() -> None:
    cluster = Cluster((1,), frozenset(), 1, Links())
    cluster.run(until_ms=30_000, height=10)
    assert len(cluster.agreed) >= 10


@BOUNDED
@given(SEEDS)
def test_four_engines_agree_on_bad_links_and_go_on_when_they_are_good(seed: int) -> None:
    cluster = Cluster((1, 1, 1, 1), frozenset(), seed, Links(stable_ms=20_000, lost=0.4, late_ms=3_000))
    cluster.run(until_ms=20_000, height=1_000)
    reached = max((0, *cluster.agreed))
    cluster.run(until_ms=50_000, height=reached + 3)
    assert all(reached + 3 in node.decided for node in cluster.nodes.values())


@BOUNDED
@given(SEEDS)
def test_seven_engines_agree_and_progress_with_two_equivocators(seed: int) -> None:
    cluster = Cluster((1,) * 7, frozenset({1, 4}), seed, Links(stable_ms=8_000, lost=0.3, late_ms=2_000))
    cluster.run(until_ms=8_000, height=1_000)
    reached = max((0, *cluster.agreed))
    cluster.run(until_ms=68_000, height=reached + 3)
    assert all(reached + 3 in node.decided for node in cluster.nodes.values())
    for node in cluster.nodes.values():
        assert node.largest < 2_000


@BOUNDED
@given(SEEDS, st.lists(st.integers(1, 9), min_size=4, max_size=6))
def test_agreement_and_progress_hold_for_any_powers_with_a_byzantine_minority(
    seed: int, powers: list[int]
) -> None:
    byzantine = min(range(len(powers)), key=lambda i: (powers[i], i))
    if 3 * powers[byzantine] >= sum(powers):
        powers[(byzantine + 1) % len(powers)] += 3 * powers[byzantine]
    cluster = Cluster(
        tuple(powers), frozenset({byzantine}), seed, Links(stable_ms=4_000, lost=0.3, late_ms=1_000)
    )
    cluster.run(until_ms=64_000, height=4)
    assert all(4 in node.decided for node in cluster.nodes.values())


@pytest.mark.parametrize("seed", range(4))
def test_without_a_majority_nothing_is_decided_and_a_healed_split_decides_at_once(seed: int) -> None:
    cluster = Cluster((1,) * 4, frozenset(), seed, Links(stable_ms=300_000, group=frozenset({0, 1})))
    cluster.run(until_ms=300_000, height=1)
    assert not cluster.agreed
    cluster.run(until_ms=320_000, height=2)
    assert all(2 in node.decided for node in cluster.nodes.values())


@pytest.mark.parametrize("seed", range(4))
def test_a_minority_that_was_cut_off_catches_up_with_a_moving_chain(seed: int) -> None:
    cluster = Cluster((1,) * 4, frozenset(), seed, Links(stable_ms=30_000, group=frozenset({2})))
    cluster.run(until_ms=30_000, height=1_000)
    reached = max(cluster.agreed)
    assert reached > 5
    assert not cluster.nodes[2].decided
    cluster.run(until_ms=60_000, height=reached + 2)
    assert all(reached + 2 in node.decided for node in cluster.nodes.values())


def test_every_equivocator_is_found_out() -> None:
    cluster = Cluster((1,) * 7, frozenset({1, 4}), 5, Links())
    cluster.run(until_ms=60_000, height=8)
    assert len(set().union(*(node.evidence for node in cluster.nodes.values()))) == 2


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(150))
def test_many_seeds(seed: int) -> None:
    cluster = Cluster((1,) * 7, frozenset({1, 4}), seed, Links(stable_ms=15_000, lost=0.5, late_ms=4_000))
    cluster.run(until_ms=15_000, height=1_000)
    reached = max((0, *cluster.agreed))
    cluster.run(until_ms=90_000, height=reached + 3)
    assert all(reached + 3 in node.decided for node in cluster.nodes.values())


def test_the_same_seed_gives_the_same_run() -> None:
    def trace() -> tuple[object, ...]:
        cluster = Cluster((1,) * 4, frozenset({2}), 11, Links(stable_ms=3_000, lost=0.3, late_ms=500))
        cluster.run(until_ms=30_000, height=5)
        return cluster.now_ms, cluster.delivered, tuple(cluster.agreed.items())

    assert trace() == trace()
