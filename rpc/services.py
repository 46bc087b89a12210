"""What the methods of one listener share: the node behind them, their limits, and what is derived from both.

Owns the bundle only. Never answers anything.
"""

from __future__ import annotations

from dataclasses import dataclass

from rpc.admin_backend import AdminBackend
from rpc.backend import ChainBackend, NodeBackend, PoolBackend
from rpc.config import CallLimits
from rpc.dev_backend import DevBackend
from rpc.notify.filters import FilterTable
from rpc.reading.chain_view import ChainView
from rpc.reading.fees import FeeStatistics
from rpc.reading.reply_cache import ReplyCache


@dataclass(frozen=True, slots=True)
class Services:
    """`view` resolves block parameters; `replies` keeps encoded answers about committed blocks, `fees` what was paid in
    them; `filters` are those that clients poll."""

    chain: ChainBackend
    pool: PoolBackend
    node: NodeBackend
    limits: CallLimits
    view: ChainView
    replies: ReplyCache
    filters: FilterTable
    fees: FeeStatistics
    dev: DevBackend | None = None
    admin: AdminBackend | None = None  # on the operator's own listener only

    @classmethod
    def of(
        cls,
        chain: ChainBackend,
        pool: PoolBackend,
        node: NodeBackend,
        limits: CallLimits,
        dev: DevBackend | None = None,
    ) -> Services:
        """The bundle over the back ends; `dev` is there on a development chain only."""
        view = ChainView(chain)
        replies, filters = ReplyCache(limits.reply_cache_bytes), FilterTable(view, limits)
        return cls(chain, pool, node, limits, view, replies, filters, FeeStatistics(chain), dev)
