"""Rewards without loops: running sums of what one unit has earned since the beginning.

Owns: the scale of the sums and the two steps of every reward: adding, and taking a difference.
Never does: know what the units are. There are two kinds of sums: per unit of voting power over all validators, and per
share of one validator.
Specification: "F1 Fee Distribution" (Ojha, Goes; Cosmos). Shares do not shrink when a validator is slashed, so that the
slashes between two withdrawals need not be visited.

Sums are rounded down and differences too, so that all units together never get more than was added.
"""

from __future__ import annotations

from typing import Final

SCALE: Final = 1 << 128
"""A sum of wei per share is exact to this fraction of a wei: with 2**128 shares, less than one wei in each step is
lost."""


def per_unit(wei: int, units: int) -> int:
    """How much the sum grows when `units`, above 0, share `wei`."""
    return wei * SCALE // units


def earned(units: int, since: int, until: int) -> int:
    """Wei that `units` got while the sum went from `since` to `until`."""
    return units * (until - since) // SCALE
