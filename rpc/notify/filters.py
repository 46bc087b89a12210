"""The filters that HTTP clients poll: eth_newFilter and its kin.

Owns the table of filters: ids, positions, idle expiry, and the bounds of number and memory. A filter keeps no
entries: what is new is found on the chain, or in the feed of accepted transactions, when it is polled. A poll
returns at most what one reply may hold, the next one goes on there; nothing is ever left out silently.
Specification: ethereum/execution-apis (filter), go-ethereum eth/filters/api.go.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import msgspec
import trio

from chain.header import Header
from chain.transaction import RecoveredTransaction
from rpc.config import CallLimits
from rpc.dispatch.byte_budget import ByteBudget
from rpc.dispatch.deferred import Deadline, OffLoop
from rpc.errors import RpcFault
from rpc.notify.subscriptions import new_id
from rpc.notify.transaction_feed import FellBehind, TransactionFeed
from rpc.params.criteria import BASE_COST_BYTES, check_range, cost_bytes, covers
from rpc.params.log_filter import LogFilter
from rpc.reading.block_logs import BlockLogs
from rpc.reading.chain_view import ChainView
from rpc.reading.rendering import text, transaction_json

MAX_HASHES_OF_POLL: Final = 10_000
MAX_TRANSACTIONS_OF_POLL: Final = 1_000
"""Entries of one eth_getFilterChanges reply; 0.7 MB of hashes, about 1 MB of transactions."""

INLINE_BLOCKS: Final = 16
"""So many headers are looked at on the event loop (10 µs each); more, and every match, in a worker thread."""


@dataclass(slots=True, eq=False)
class _Filter:
    """`position`: the last block (or the next transaction) that the client has been told. `criteria`: of logs."""

    position: int
    polled_at: float
    cost: int


@dataclass(slots=True, eq=False)
class _BlockFilter(_Filter):
    pass


@dataclass(slots=True, eq=False)
class _LogFilter(_Filter):
    criteria: LogFilter
    may_match: Callable[[bytes], bool]
    told: int = 0  # matching logs of the block behind `position` that the client has been told


@dataclass(slots=True, eq=False)
class _TransactionFilter(_Filter):
    full: bool


class FilterTable:
    """All filters of one listener. Used on the event loop, except for the jobs that it returns."""

    def __init__(self, view: ChainView, limits: CallLimits) -> None:
        self.transactions = TransactionFeed(
            limits.max_remembered_transactions, limits.max_remembered_transaction_bytes
        )
        self.criteria = ByteBudget(limits.max_criteria_bytes)
        self._view = view
        self._chain = view.chain
        self._limits = limits
        self._filters: OrderedDict[str, _Filter] = OrderedDict()  # the longest unpolled first
        self._moving = threading.Lock()

    # Installing.

    def new_block_filter(self) -> str:
        """eth_newBlockFilter."""
        return self._install(_BlockFilter(self._view.head_number(), trio.current_time(), BASE_COST_BYTES))

    def new_log_filter(self, criteria: LogFilter) -> str:
        """eth_newFilter. Raises RpcError for a range that new blocks cannot be in."""
        check_range(criteria)
        return self._install(
            _LogFilter(
                self._view.head_number(),
                trio.current_time(),
                cost_bytes(criteria),
                criteria,
                criteria.bloom_test(),
            )
        )

    def new_transaction_filter(self, full: bool) -> str:
        """eth_newPendingTransactionFilter."""
        kept = _TransactionFilter(self.transactions.end, trio.current_time(), BASE_COST_BYTES, full)
        filter_id = self._install(kept)
        self.transactions.add_reader()
        return filter_id

    def uninstall(self, filter_id: str) -> bool:
        """eth_uninstallFilter: whether there was such a filter."""
        self.forget_idle()
        return self._remove(filter_id)

    def forget_idle(self) -> None:
        """Remove what nobody has polled for long."""
        before = trio.current_time() - self._limits.filter_idle_s
        while self._filters:
            filter_id, kept = next(iter(self._filters.items()))
            if kept.polled_at > before:
                return
            self._remove(filter_id)

    def set_back(self, number: int) -> None:
        """The chain has been set back to that block: what comes after it is new again."""
        with self._moving:
            for kept in self._filters.values():
                if isinstance(kept, _TransactionFilter) or kept.position < number:
                    continue
                kept.position = number
                if isinstance(kept, _LogFilter):
                    kept.told = 0

    def _install(self, kept: _Filter) -> str:
        self.forget_idle()
        if len(self._filters) >= self._limits.max_filters:
            raise RpcFault.FILTERS_TOO_MANY.error()
        if not self.criteria.take(kept.cost):
            raise RpcFault.CRITERIA_TOO_LARGE.error()
        filter_id = new_id()
        self._filters[filter_id] = kept
        return filter_id

    def _remove(self, filter_id: str) -> bool:
        kept = self._filters.pop(filter_id, None)
        if kept is None:
            return False
        self.criteria.give_back(kept.cost)
        if isinstance(kept, _TransactionFilter):
            self.transactions.remove_reader()
        return True

    # Polling.

    def log_criteria(self, filter_id: str) -> LogFilter:
        """What a log filter looks for. Raises RpcError when there is no log filter with that id."""
        kept = self._polled(filter_id)
        if not isinstance(kept, _LogFilter):
            raise RpcFault.FILTER_NOT_FOUND.error()
        return kept.criteria

    def changes(self, filter_id: str) -> object:
        """eth_getFilterChanges: a JSON value or a deferred answer. Raises RpcError."""
        kept = self._polled(filter_id)
        if isinstance(kept, _TransactionFilter):
            return self._new_transactions(filter_id, kept)
        if isinstance(kept, _LogFilter):
            return self._new_logs(kept)
        return self._new_blocks(kept)

    def _polled(self, filter_id: str) -> _Filter:
        self.forget_idle()
        kept = self._filters.get(filter_id)
        if kept is None:
            raise RpcFault.FILTER_NOT_FOUND.error()
        kept.polled_at = trio.current_time()
        self._filters.move_to_end(filter_id)
        return kept

    def _new_blocks(self, kept: _Filter) -> object:
        numbers = self._unseen(kept, MAX_HASHES_OF_POLL)
        if len(numbers) > INLINE_BLOCKS:
            return OffLoop(lambda _deadline: self._hashes(kept, numbers))
        return self._hashes(kept, numbers)

    def _hashes(self, kept: _Filter, numbers: range) -> list[str]:
        hashes = [text(self._header(number).hash) for number in numbers]
        return hashes if self._move(kept, numbers, numbers.stop - 1) else []

    def _move(self, kept: _Filter, numbers: range, reached: int) -> bool:
        """The filter has told the first of these blocks; False when another poll has told them meanwhile, or the
        chain was set back."""
        with self._moving:
            if kept.position != numbers.start - 1:
                return False
            kept.position = max(kept.position, reached)
            return True

    def _unseen(self, kept: _Filter, most: int) -> range:
        first = kept.position + 1
        return range(first, min(self._view.head_number() + 1, first + most))

    def _new_transactions(self, filter_id: str, kept: _TransactionFilter) -> object:
        most = MAX_TRANSACTIONS_OF_POLL if kept.full else MAX_HASHES_OF_POLL
        try:
            accepted = self.transactions.since(kept.position, most)
        except FellBehind:
            self._remove(filter_id)
            raise RpcFault.FILTER_FELL_BEHIND.error() from None
        kept.position += len(accepted)
        if not kept.full:
            return [text(recovered.transaction.hash) for recovered in accepted]
        return (
            OffLoop(lambda _deadline: [_object_of(recovered) for recovered in accepted]) if accepted else []
        )

    # Logs.

    def _new_logs(self, kept: _LogFilter) -> object:
        numbers = self._unseen(kept, self._limits.max_log_blocks)
        if len(numbers) <= INLINE_BLOCKS and not any(self._may_match(kept, number) for number in numbers):
            self._move(kept, numbers, numbers.stop - 1)
            return []
        told = kept.told
        return OffLoop(lambda deadline: self._collect(kept, numbers, told, deadline))

    def _may_match(self, kept: _LogFilter, number: int) -> bool:
        return covers(kept.criteria, number) and kept.may_match(self._header(number).logs_bloom)

    def _header(self, number: int) -> Header:
        header = self._chain.header(number)
        if header is None:
            raise RpcFault.HISTORY_PRUNED.error()
        return header

    def _collect(self, kept: _LogFilter, numbers: range, told: int, deadline: Deadline) -> msgspec.Raw:
        """The logs of these blocks that fit into one reply and its time, without the first `told` (any thread)."""
        page = _Page(self._limits.max_log_results, self._limits.max_log_reply_bytes // 2)
        reached, skipped = numbers.start - 1, told
        for number in numbers:
            if deadline.has_passed and reached >= numbers.start:
                break
            deadline.check()
            fitting, is_all = page.take(self._matches(kept, number, skipped))
            if not is_all:
                skipped += fitting
                break
            reached, skipped = number, 0
        with self._moving:
            if kept.position != numbers.start - 1 or kept.told != told:
                return msgspec.Raw(b"[]")
            kept.position, kept.told = reached, skipped
        return msgspec.Raw(b"[%b]" % b",".join(page.found))

    def _matches(self, kept: _LogFilter, number: int, skipped: int) -> Iterable[bytes]:
        if not self._may_match(kept, number):
            return ()
        block, receipts = self._chain.block(number), self._chain.receipts(number)
        if block is None or receipts is None:
            raise RpcFault.HISTORY_PRUNED.error()
        logs = BlockLogs(block, receipts)
        return map(logs.encoded, logs.matching(kept.criteria)[skipped:])


class _Page:
    """The logs of one reply, at least one of them however long it is."""

    def __init__(self, most: int, most_bytes: int) -> None:
        self.found: list[bytes] = []
        self._most = most
        self._bytes_left = most_bytes

    def take(self, logs: Iterable[bytes]) -> tuple[int, bool]:
        """Take what fits; how many these were, and whether they were all."""
        before = len(self.found)
        for log in logs:
            self._bytes_left -= len(log) + 1
            if self.found and (self._bytes_left < 0 or len(self.found) >= self._most):
                return len(self.found) - before, False
            self.found.append(log)
        return len(self.found) - before, True


def _object_of(recovered: RecoveredTransaction) -> object:
    return transaction_json(recovered.transaction, recovered.sender, None, None)
