"""Seeded runs under delay, drop, duplication, reordering, partitions, kills and power cuts."""

import pytest

from tests.sim.scenario import run_seed


@pytest.mark.parametrize("seed", range(10))
def test_a_disturbed_network_reaches_thirty_heights_in_agreement(seed: int) -> None:
    outcome = run_seed(seed)
    assert min(outcome.heights) >= 30
    assert outcome.counters.penalties == 0, "honest nodes were penalised"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 200))
def test_a_hundred_networks_reach_thirty_heights_in_agreement(seed: int) -> None:
    outcome = run_seed(seed)
    assert min(outcome.heights) >= 30
    assert outcome.counters.penalties == 0, "honest nodes were penalised"


def test_the_same_seed_gives_the_same_trace() -> None:
    first, second = run_seed(4, 10), run_seed(4, 10)
    assert first == second
    assert run_seed(7, 10).trace_hash != first.trace_hash


def test_a_calm_network_sends_no_more_than_it_must() -> None:
    """Per height and node: one proposal by one node, two votes, and a status at height, round and each second."""
    outcome = run_seed(0, 30, calm=True)
    kinds = outcome.counters.by_kind
    assert kinds["ProposalMessage"] <= 31 * 2
    assert kinds["Vote"] <= 31 * 8 * 1.5
    assert max(outcome.syncs) <= 31 * 7
    assert outcome.virtual_s < 31
