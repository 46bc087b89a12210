"""Tips at percentiles of a block's gas, and the suggestion that recent blocks give."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpc.reading.fees import SUGGESTION_LIMIT_WEI, BlockTips, FeeStatistics
from tests.rpc.dev_chain import GWEI, DevChain, FakeNode, build_dev_chain, signed

TIPS = st.lists(st.tuples(st.integers(0, 100), st.integers(21_000, 1_000_000)), min_size=1, max_size=20).map(
    sorted
)


def test_rewards_at_percentiles() -> None:
    tips = BlockTips(((1, 100), (5, 100), (9, 200)))

    assert tips.at_percentiles([0, 25, 26, 50, 51, 100], 400) == [1, 1, 5, 5, 9, 9]
    assert BlockTips(()).at_percentiles([0, 100], 0) == [0, 0]


@given(TIPS, st.lists(st.floats(0, 100), min_size=1, max_size=6).map(sorted))
def test_rewards_rise_with_the_percentile_and_were_paid(
    tips: list[tuple[int, int]], percentiles: list[float]
) -> None:
    rewards = BlockTips(tuple(tips)).at_percentiles(percentiles, sum(gas for _, gas in tips))

    assert rewards == sorted(rewards)
    assert set(rewards) <= {tip for tip, _ in tips}


def test_a_quiet_chain_suggests_the_minimum() -> None:
    chain = build_dev_chain()
    for _ in range(20):
        chain.append()

    assert FeeStatistics(FakeNode(chain)).suggested_tip(chain.store.head.number, 7) == 7


def test_a_busy_chain_suggests_what_was_paid_within_limits(dev_chain: DevChain) -> None:
    statistics = FeeStatistics(FakeNode(dev_chain))

    assert statistics.suggested_tip(5, 1) == GWEI
    assert statistics.suggested_tip(5, 50 * GWEI) == 50 * GWEI


def test_absurd_tips_are_not_suggested() -> None:
    chain = build_dev_chain()
    for nonce in range(11, 31):
        chain.append(signed(nonce, fee=10**15, tip=10**13))

    assert FeeStatistics(FakeNode(chain)).suggested_tip(chain.store.head.number, 1) == SUGGESTION_LIMIT_WEI


def test_blocks_are_read_once(monkeypatch: pytest.MonkeyPatch, dev_chain: DevChain) -> None:
    node = FakeNode(dev_chain)
    statistics = FeeStatistics(node)
    reads = 0
    original = node.block

    def counted(number: int) -> object:
        nonlocal reads
        reads += 1
        return original(number)

    monkeypatch.setattr(node, "block", counted)
    statistics.suggested_tip(5, 1)
    first = reads
    statistics.suggested_tip(5, 1)

    assert first == reads == 4  # the empty ones are not read


def test_the_cache_is_bounded(monkeypatch: pytest.MonkeyPatch, dev_chain: DevChain) -> None:
    monkeypatch.setattr("rpc.reading.fees.CACHED_TIPS", 5)
    statistics = FeeStatistics(FakeNode(dev_chain))
    statistics.suggested_tip(5, 1)

    assert sum(len(tips.tips) for tips in statistics._cache.values()) <= 6
    assert statistics._cached_tips == sum(len(tips.tips) for tips in statistics._cache.values())
