"""Follows the chain and the pool, and announces what is new to the subscribers.

Owns the order of announcements, the position on the chain that was announced last, and what happens when the chain
is set back. Never makes the node wait: it is only woken, and reads the chain at its own pace, so that a burst of
blocks costs no memory. Who cannot keep up is ended by its connection (rpc/listener/websocket.py).
Specification: go-ethereum eth/filters/api.go (NewHeads, Logs, NewPendingTransactions), eth/downloader/api.go (Syncing).

Blocks are final, so no log is ever `removed`. A development chain that is set back goes on from its new head: the
blocks taken back are not announced in any way, their successors are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec
import trio

from chain.errors import InvariantViolation
from chain.header import Header
from chain.transaction import RecoveredTransaction
from chain.types import Hash32
from rpc.backend import ChainBackend, EventListener, EventSource
from rpc.bug_log import log_bug
from rpc.dispatch.pace import Pace
from rpc.dispatch.session import NewHeads, NewLogs, PendingTransactions, Syncing
from rpc.notify.filters import FilterTable
from rpc.notify.subscriptions import Subscriptions
from rpc.notify.transaction_feed import FellBehind, TransactionFeed
from rpc.params.criteria import covers
from rpc.reading.block_logs import BlockLogs
from rpc.reading.chain_view import is_large
from rpc.reading.rendering import header_json, text, transaction_json

REMEMBERED_HEADS: Final = 256
"""Announced blocks whose hash is remembered, to find where a chain that was set back has its new branch."""

TRANSACTIONS_AT_ONCE: Final = 128
"""Announced before the chain is looked at again: a head is not kept waiting behind a flood of transactions."""

INLINE_LOGS: Final = 2_000
"""So many logs of a block are compared with one filter on the event loop, 1 ms; more in a worker thread."""

_encode = msgspec.json.Encoder().encode


class EventHub(EventListener):
    """Runs for as long as the listener. Used on the event loop only."""

    def __init__(
        self,
        chain: ChainBackend,
        source: EventSource | None,
        subscriptions: Subscriptions,
        filters: FilterTable,
    ) -> None:
        self._chain = chain
        self._source = source
        self._subscriptions = subscriptions
        self._filters = filters
        self._feed: TransactionFeed = filters.transactions
        self._reads_feed = False
        self._feed_position = 0
        self._wake = trio.Event()
        self._announced: deque[tuple[int, Hash32]] = deque(maxlen=REMEMBERED_HEADS)
        self._was_syncing = False
        self._bloom_tests: dict[NewLogs, Callable[[bytes], bool]] = {}

    # What the node tells.

    @property
    def wants_transactions(self) -> bool:
        """A subscription or filter wants them."""
        self._follow_interest()
        return self._feed.has_readers

    def head_changed(self) -> None:
        """Wakes the task."""
        self._wake.set()

    def transactions_accepted(self, accepted: Sequence[RecoveredTransaction]) -> None:
        """Takes them into the feed and wakes the task."""
        self._filters.forget_idle()
        self._follow_interest()
        self._feed.append(accepted)
        if self._reads_feed:
            self._wake.set()

    # The task.

    async def run(self) -> None:
        """Announce until cancelled."""
        if self._source is None:
            await trio.sleep_forever()
        self._remember_head()
        self._source.listen(self)
        try:
            while True:
                await self._wake.wait()
                self._wake = trio.Event()
                for announce in (self._announce_blocks, self._announce_transactions, self._announce_syncing):
                    await _guarded(announce)
        finally:
            self._source.stop_listening(self)

    async def _announce_blocks(self) -> None:
        pace = Pace()
        while True:
            self._step_back()
            number = self._announced[-1][0] + 1 if self._announced else 0
            head = self._chain.head().number
            if number > head:
                return
            if not self._has_followers():
                number = max(number, head - REMEMBERED_HEADS + 1)
            header = self._chain.header(number)
            if header is None:
                self._remember_head()  # set back between two looks, or pruned by a burst that nobody could follow
                return
            self._announced.append((number, header.hash))
            await self._announce_block(header, pace)
            await pace.rest_if_due()

    def _has_followers(self) -> bool:
        return bool(self._subscriptions.topics(NewHeads) or self._subscriptions.topics(NewLogs))

    def _step_back(self) -> None:
        """Forget announced blocks that are no longer on the chain."""
        last_kept = self._announced[-1][0] if self._announced else 0
        was_set_back = False
        while self._announced and self._hash_at(self._announced[-1][0]) != self._announced[-1][1]:
            last_kept = self._announced.pop()[0] - 1
            was_set_back = True
        if not was_set_back:
            return
        if not self._announced:
            last_kept = min(last_kept, self._chain.head().number)
            self._remember_head()
        self._filters.set_back(last_kept)

    def _hash_at(self, number: int) -> Hash32 | None:
        header = self._chain.header(number)
        return header.hash if header is not None else None

    def _remember_head(self) -> None:
        head = self._chain.head()
        self._announced.append((head.number, head.hash))

    async def _announce_block(self, header: Header, pace: Pace) -> None:
        if self._subscriptions.topics(NewHeads):
            await self._subscriptions.publish(NewHeads(), [_encode(header_json(header))], pace)
        topics = await self._topics_in(header, pace)
        if not topics:
            return
        logs = await self._block_logs(header, is_asked_often=len(topics) > 1)
        if logs is None:
            return
        for topic in topics:
            if logs.effort(topic.criteria) > INLINE_LOGS:
                found = await trio.to_thread.run_sync(logs.matching, topic.criteria)
            else:
                found = logs.matching(topic.criteria)
            if found:
                await self._subscriptions.publish(topic, map(logs.encoded, found), pace)
            await pace.rest_if_due()

    async def _topics_in(self, header: Header, pace: Pace) -> list[NewLogs]:
        """The subscriptions to logs that the block may hold."""
        known = self._bloom_tests
        self._bloom_tests = {}
        found: list[NewLogs] = []
        for topic in self._subscriptions.topics(NewLogs):
            may_match = self._bloom_tests[topic] = known.get(topic) or topic.criteria.bloom_test()
            if covers(topic.criteria, header.number) and may_match(header.logs_bloom):
                found.append(topic)
            await pace.rest_if_due()
        return found

    async def _block_logs(self, header: Header, *, is_asked_often: bool) -> BlockLogs | None:
        def read() -> BlockLogs | None:
            block, receipts = self._chain.block(header.number), self._chain.receipts(header.number)
            if block is None or receipts is None or block.header.hash != header.hash:
                return None
            logs = BlockLogs(block, receipts)
            if is_asked_often:
                logs.index()
            return logs

        return await trio.to_thread.run_sync(read) if is_large(header) else read()

    # Transactions.

    def _follow_interest(self) -> None:
        """Read the feed while somebody is subscribed to it."""
        wanted = bool(self._subscriptions.topics(PendingTransactions))
        if wanted == self._reads_feed:
            return
        self._reads_feed = wanted
        if wanted:
            self._feed_position = self._feed.add_reader()
        else:
            self._feed.remove_reader()

    async def _announce_transactions(self) -> None:
        self._follow_interest()
        if not self._reads_feed:
            return
        try:
            accepted = self._feed.since(self._feed_position, TRANSACTIONS_AT_ONCE)
        except FellBehind:
            self._feed_position = self._feed.end
            self._subscriptions.end_all(PendingTransactions)
            return
        self._feed_position += len(accepted)
        if self._feed_position < self._feed.end:
            self._wake.set()
        forms: dict[bool, Callable[[RecoveredTransaction], object]] = {False: _hash_of, True: _object_of}
        pace = Pace()
        for topic in self._subscriptions.topics(PendingTransactions):
            results = map(_encode, map(forms[topic.full], accepted))
            await self._subscriptions.publish(topic, results, pace)

    # Synchronisation.

    async def _announce_syncing(self) -> None:
        if not self._subscriptions.topics(Syncing):
            self._was_syncing = False
            return
        status = self._chain.syncing()
        if (status is not None) == self._was_syncing:
            return
        self._was_syncing = status is not None
        told: object = False
        if status is not None:
            told = {
                "syncing": True,
                "status": {
                    "startingBlock": hex(status.starting_block),
                    "currentBlock": hex(status.current_block),
                    "highestBlock": hex(status.highest_block),
                },
            }
        await self._subscriptions.publish(Syncing(), [_encode(told)], Pace())


async def _guarded(announce: Callable[[], Awaitable[None]]) -> None:
    """A bug is logged, and what it kept from being announced is left out: the node goes on."""
    try:
        await announce()
    except InvariantViolation:
        raise
    except Exception as error:
        log_bug(error, "announcing events")


def _hash_of(recovered: RecoveredTransaction) -> object:
    return text(recovered.transaction.hash)


def _object_of(recovered: RecoveredTransaction) -> object:
    return transaction_json(recovered.transaction, recovered.sender, None, None)
