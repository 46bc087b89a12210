"""When round 0 may begin."""

import pytest

from consensus.pacing import round_0_delay_ms
from consensus.params import ConsensusParams


@pytest.mark.parametrize(
    ("empty_ms", "since_last_ms", "has_transactions", "delay_ms"),
    [
        (0, 0, False, 1000),
        (0, 400, False, 600),
        (0, 1000, False, 0),
        (0, 9000, True, 0),
        (5000, 1000, False, 4000),
        (5000, 1000, True, 0),
        (5000, 400, True, 600),
        (300, 400, False, 600),
        (None, 999_999, False, None),
        (None, 999_999, True, 0),
        (None, 200, True, 800),
        (0, -60_000, True, 1000),
        (5000, -60_000, False, 5000),
    ],
)
def test_the_delay_counts_from_the_time_of_the_last_block(
    empty_ms: int | None, since_last_ms: int, has_transactions: bool, delay_ms: int | None
) -> None:
    params = ConsensusParams(block_interval_ms=1000, empty_block_interval_ms=empty_ms)
    last_ms = 1_700_000_000_000
    assert (
        round_0_delay_ms(
            params, last_block_ms=last_ms, now_ms=last_ms + since_last_ms, has_transactions=has_transactions
        )
        == delay_ms
    )
