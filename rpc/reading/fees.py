"""What recent blocks say about fees: suggested tips and the fee history.

Owns the reading of tips from committed blocks, kept by block hash in a bounded cache. Never predicts anything:
the suggestion is go-ethereum's percentile over the last blocks, the base fee is the chain's own rule.
Specification: go-ethereum eth/gasprice (Oracle, feehistory.go), EIP-1559.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from chain.header import Header
from chain.types import Hash32
from rpc.backend import ChainBackend

SUGGESTION_BLOCKS: Final = 20
"""Blocks that a suggested tip looks back; go-ethereum's default."""

SUGGESTION_TIPS_PER_BLOCK: Final = 3
"""Lowest tips of each block that count; go-ethereum's default."""

SUGGESTION_PERCENTILE: Final = 60
"""go-ethereum's default."""

SUGGESTION_LIMIT_WEI: Final = 500 * 10**9
"""No suggestion exceeds it, whatever others pay; go-ethereum's default."""

CACHED_TIPS: Final = 200_000
"""(tip, gas) pairs kept, about 30 MB: some minutes of full blocks."""


@dataclass(frozen=True, slots=True)
class BlockTips:
    """The tips paid in one block, ascending: (tip in wei per gas, gas of the transaction)."""

    tips: tuple[tuple[int, int], ...]

    def at_percentiles(self, percentiles: Sequence[float], gas_used: int) -> list[int]:
        """For each percentile of the block's gas the tip that was paid there; 0 in an empty block."""
        if not self.tips:
            return [0] * len(percentiles)
        rewards: list[int] = []
        position, reached = 0, self.tips[0][1]
        for percentile in percentiles:
            threshold = int(gas_used * percentile / 100)
            while reached < threshold and position < len(self.tips) - 1:
                position += 1
                reached += self.tips[position][1]
            rewards.append(self.tips[position][0])
        return rewards


class FeeStatistics:
    """Tips of committed blocks. Any thread may use it."""

    def __init__(self, chain: ChainBackend) -> None:
        self._chain = chain
        self._cache: OrderedDict[Hash32, BlockTips] = OrderedDict()
        self._cached_tips = 0
        self._lock = threading.Lock()

    def of_block(self, header: Header) -> BlockTips:
        """The tips of one block; none when its body is pruned."""
        if not header.gas_used:
            return BlockTips(())
        with self._lock:
            known = self._cache.get(header.hash)
            if known is not None:
                self._cache.move_to_end(header.hash)
                return known
        tips = self._read(header)
        with self._lock:
            if header.hash not in self._cache:
                self._cache[header.hash] = tips
                self._cached_tips += len(tips.tips)
            while self._cached_tips > CACHED_TIPS and len(self._cache) > 1:
                self._cached_tips -= len(self._cache.popitem(last=False)[1].tips)
        return tips

    def is_cached(self, header: Header) -> bool:
        """`of_block` would answer at once."""
        return not header.gas_used or header.hash in self._cache

    def _read(self, header: Header) -> BlockTips:
        block, receipts = self._chain.block(header.number), self._chain.receipts(header.number)
        if block is None or receipts is None:
            return BlockTips(())
        base_fee = header.base_fee_per_gas
        tips: list[tuple[int, int]] = []
        gas_before = 0
        for transaction, receipt in zip(block.transactions, receipts, strict=True):
            gas = receipt.cumulative_gas_used - gas_before
            tips.append((transaction.effective_gas_price(base_fee) - base_fee, gas))
            gas_before = receipt.cumulative_gas_used
        return BlockTips(tuple(sorted(tips)))

    def suggested_tip(self, head_number: int, minimum_tip: int) -> int:
        """The tip in wei per gas that recent blocks suggest, at least `minimum_tip`.

        Blocks without transactions suggest the minimum: nobody competes for their space.
        """
        samples: list[int] = []
        for number in range(max(0, head_number - SUGGESTION_BLOCKS + 1), head_number + 1):
            header = self._chain.header(number)
            if header is None:
                continue
            lowest = self.of_block(header).tips[:SUGGESTION_TIPS_PER_BLOCK]
            samples.extend(tip for tip, _ in lowest)
            if not lowest:
                samples.append(minimum_tip)
        samples.sort()
        chosen = samples[(len(samples) - 1) * SUGGESTION_PERCENTILE // 100] if samples else minimum_tip
        return max(minimum_tip, min(chosen, SUGGESTION_LIMIT_WEI))
