"""When round 0 of a height may begin: block interval and empty-block policy.

Owns: the one rule, as a pure function. Never does: wait.

The interval counts from the time that the last block states, not from when this node saw it, so a slow node does
not slow the chain, and no validator can shorten the interval by a local setting (CometBFT ADR-115). Clocks differ:
a last block from the future delays by one interval at most.
"""

from __future__ import annotations

from consensus.params import ConsensusParams


def round_0_delay_ms(
    params: ConsensusParams, *, last_block_ms: int, now_ms: int, has_transactions: bool
) -> int | None:
    """Milliseconds from now until round 0 may begin; None: not before there are transactions.

    `last_block_ms` and `now_ms` are wall times. Ask again when transactions arrive.
    """
    interval_ms = params.block_interval_ms
    if not has_transactions:
        if params.empty_block_interval_ms is None:
            return None
        interval_ms = max(interval_ms, params.empty_block_interval_ms)
    return min(max(last_block_ms + interval_ms - now_ms, 0), interval_ms)
