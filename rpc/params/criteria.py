"""What log subscriptions and log filters have in common: the blocks they cover, and the memory they cost.

Owns the rules for the range of a filter that looks at new blocks. Never matches a log (rpc/params/log_filter.py).
Specification: go-ethereum eth/filters/filter_system.go (SubscribeLogs) and filter.go (filterLogs).
"""

from __future__ import annotations

from typing import Final

from rpc.errors import RpcFault
from rpc.params.log_filter import LogFilter
from rpc.params.values import BlockReference, BlockTag

BASE_COST_BYTES: Final = 1_000
TERM_COST_BYTES: Final = 450
"""Memory of one filter or subscription, and of each address or topic in it: the object, its place in a set, and its
bits for the bloom test."""


def cost_bytes(criteria: LogFilter) -> int:
    """What the criteria are charged with."""
    terms = len(criteria.addresses) + sum(len(accepted) for accepted in criteria.topics)
    return BASE_COST_BYTES + TERM_COST_BYTES * terms


def check_range(criteria: LogFilter) -> None:
    """Accept what can be asked of new blocks; raises RpcError for a range that ends before it begins and for
    pending logs."""
    if BlockTag.PENDING in (criteria.first, criteria.last):
        raise RpcFault.LOG_PENDING.error()
    first, last = _bound(criteria.first), _bound(criteria.last)
    if last is not None and (first is None or first > last):
        raise RpcFault.LOG_RANGE_INVALID.error()


def covers(criteria: LogFilter, number: int) -> bool:
    """The new block with this number is in the range."""
    first, last = _bound(criteria.first), _bound(criteria.last)
    return (first is None or first <= number) and (last is None or number <= last)


def _bound(reference: BlockReference) -> int | None:
    """None: the bound is the head, so that every new block is within it."""
    if isinstance(reference, int):
        return reference
    return 0 if reference is BlockTag.EARLIEST else None
