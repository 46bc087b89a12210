"""eth_getLogs.

Owns: the block range, its limits, and the search in a worker thread: the chain names the blocks that may match, and
only their logs are read. Never keeps filters (eth_newFilter is another module's), never knows how the chain finds them.
Specification: ethereum/execution-apis, go-ethereum eth/filters.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from chain.header import Header
from rpc.config import CallLimits
from rpc.dispatch.deferred import Deadline, OffLoop
from rpc.errors import RpcFault
from rpc.params.log_filter import LogFilter, log_filter
from rpc.params.method import Method
from rpc.params.values import BlockTag
from rpc.reading.chain_view import ChainView
from rpc.services import Services
from state.log_terms import LocatedLog


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
        limit = self._limits.max_indexed_log_blocks if wanted.terms.groups() else self._limits.max_log_blocks
        if last - first >= limit:
            raise RpcFault.LOG_RANGE_TOO_LARGE.error(limit=limit)
        return range(first, last + 1)

    @staticmethod
    def _bound(reference: object, head: int) -> int:
        if isinstance(reference, int):
            return reference
        return 0 if reference is BlockTag.EARLIEST else head

    def _search(self, wanted: LogFilter, numbers: range, deadline: Deadline) -> msgspec.Raw:
        chain, terms = self._chain, wanted.terms
        self._header(numbers[0])
        found = _Found(self._limits)
        for number in chain.log_candidates(terms, numbers[0], numbers[-1], deadline.check):
            deadline.check()
            logs = chain.matching_logs(number, terms)
            if logs is None:
                raise RpcFault.HISTORY_PRUNED.error()
            if logs:
                found.add(self._header(number), logs)
        return found.reply()

    def _header(self, number: int) -> Header:
        header = self._chain.header(number)
        if header is None:
            raise RpcFault.HISTORY_PRUNED.error()
        return header


class _Found:
    """The reply in the making, and its bounds."""

    def __init__(self, limits: CallLimits) -> None:
        self._limits = limits
        self._texts: list[str] = []
        self._size_bytes = 0

    def add(self, header: Header, logs: Sequence[LocatedLog]) -> None:
        """Append logs of one block. Raises RpcError when they are too many or too large."""
        if len(self._texts) + len(logs) > self._limits.max_log_results:
            raise RpcFault.LOG_RESULTS_TOO_MANY.error(limit=self._limits.max_log_results)
        block = (
            f'"blockNumber":"{header.number:#x}","blockHash":"0x{header.hash.hex()}",'
            f'"blockTimestamp":"{header.timestamp:#x}","removed":false}}'
        )
        for found in logs:
            written = _log_text(found, block)
            self._size_bytes += len(written) + 1
            if self._size_bytes > self._limits.max_log_reply_bytes:
                raise RpcFault.RESPONSE_TOO_LARGE.error()
            self._texts.append(written)

    def reply(self) -> msgspec.Raw:
        """The JSON array."""
        return msgspec.Raw(f"[{','.join(self._texts)}]".encode())


def _log_text(found: LocatedLog, block: str) -> str:
    """What rpc.reading.rendering.log_json gives, as finished JSON (hexadecimal needs no escapes): a third
    of the time, which counts for thousands of logs. `block` are the members that its block decides, and the end."""
    address, topics, payload, transaction_index, transaction_hash, log_index = found
    written_topics = ",".join([f'"0x{topic.hex()}"' for topic in topics])
    return (
        f'{{"address":"0x{address.hex()}","topics":[{written_topics}],"data":"0x{payload.hex()}",'
        f'"transactionHash":"0x{transaction_hash.hex()}","transactionIndex":"{transaction_index:#x}",'
        f'"logIndex":"{log_index:#x}",{block}'
    )
