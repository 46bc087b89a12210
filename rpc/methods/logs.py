"""eth_getLogs.

Owns: the block range, its limits, and the walk over it in a worker thread: headers first, receipts only where
the bloom says that they may match. Never keeps filters (eth_newFilter is another module's).
Specification: ethereum/execution-apis, go-ethereum eth/filters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from chain.header import Header
from rpc.chain_view import ChainView
from rpc.config import CallLimits
from rpc.deferred import Deadline, OffLoop
from rpc.errors import RpcFault
from rpc.log_filter import LogFilter, log_filter
from rpc.method import Method
from rpc.params import BlockTag
from rpc.rendering import JsonObject, Place, log_json, receipts_with_offsets, text
from rpc.services import Services

LOG_JSON_BYTES: Final = 600
"""JSON of a log apart from its data: 4 topics at most."""


@dataclass(slots=True)
class _Found:
    logs: list[JsonObject]
    size_bytes: int


def methods(services: Services) -> tuple[Method, ...]:
    """eth_getLogs."""
    handlers = LogMethods(services.view, services.limits)
    return (Method("eth_getLogs", handlers.get_logs, (log_filter(services.limits.max_filter_terms),)),)


class LogMethods:
    """The handler, with the limits of one query."""

    def __init__(self, view: ChainView, limits: CallLimits) -> None:
        self._view = view
        self._chain = view.chain
        self._limits = limits

    def get_logs(self, wanted: LogFilter) -> object:
        """All matching logs in order; an empty list for a range that starts after the head."""
        numbers = self._numbers(wanted)
        return OffLoop(lambda deadline: self._search(wanted, numbers, deadline)) if numbers else []

    def _numbers(self, wanted: LogFilter) -> range:
        """The blocks to look at."""
        if wanted.block_hash is not None:
            number = self._chain.block_number(wanted.block_hash)
            if number is None:
                raise RpcFault.LOG_BLOCK_UNKNOWN.error()
            return range(number, number + 1)
        if BlockTag.PENDING in (wanted.first, wanted.last):
            raise RpcFault.LOG_PENDING.error()
        head = self._view.head_number()
        first, last = self._bound(wanted.first, head), self._bound(wanted.last, head)
        if isinstance(wanted.last, int) and first > last:
            raise RpcFault.LOG_RANGE_INVALID.error()
        if last > head:
            raise RpcFault.LOG_RANGE_BEYOND_HEAD.error()
        if last - first >= self._limits.max_log_blocks:
            raise RpcFault.LOG_RANGE_TOO_LARGE.error(limit=self._limits.max_log_blocks)
        return range(first, last + 1)

    @staticmethod
    def _bound(reference: object, head: int) -> int:
        if isinstance(reference, int):
            return reference
        return 0 if reference is BlockTag.EARLIEST else head

    def _search(self, wanted: LogFilter, numbers: range, deadline: Deadline) -> list[JsonObject]:
        may_match = wanted.bloom_test()
        found = _Found([], 0)
        for number in numbers:
            deadline.check()
            header = self._chain.header(number)
            if header is None:
                raise RpcFault.HISTORY_PRUNED.error()
            if may_match(header.logs_bloom):
                self._collect(wanted, header, found)
        return found.logs

    def _collect(self, wanted: LogFilter, header: Header, found: _Found) -> None:
        """Append the matching logs of one block."""
        receipts = self._chain.receipts(header.number)
        matches = [
            (index, first_log_index + offset, log)
            for index, (receipt, _, first_log_index) in enumerate(receipts_with_offsets(receipts or ()))
            for offset, log in enumerate(receipt.logs)
            if wanted.matches(log)
        ]
        if receipts is not None and not matches:
            return
        block = self._chain.block(header.number)
        if block is None or receipts is None:
            raise RpcFault.HISTORY_PRUNED.error()
        found.size_bytes += sum(LOG_JSON_BYTES + 2 * len(log.data) for _, _, log in matches)
        if found.size_bytes > self._limits.max_log_reply_bytes:
            raise RpcFault.RESPONSE_TOO_LARGE.error()
        if len(found.logs) + len(matches) > self._limits.max_log_results:
            raise RpcFault.LOG_RESULTS_TOO_MANY.error(limit=self._limits.max_log_results)
        place = Place.of(header)
        for index, log_index, log in matches:
            found.logs.append(
                log_json(log, place, text(block.transactions[index].hash), hex(index), log_index)
            )
