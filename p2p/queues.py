"""Bounded queues between this node and its peers.

Owns: the drop-oldest queue of outgoing and incoming messages, and the inbox that shares its consumer fairly
among peers.
Never: blocks a producer, and never holds more than its bounds.
"""

from collections import deque
from collections.abc import Callable

import trio

from p2p.network import Inbox, PeerId


class DropOldestQueue:
    """First in, first out, bounded by count and by bytes; the oldest entries make room for a new one."""

    __slots__ = ("_entries", "_max_bytes", "_max_messages", "size_bytes")

    def __init__(self, *, max_messages: int, max_bytes: int) -> None:
        self._entries: deque[bytes] = deque()
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self.size_bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, payload: bytes) -> int:
        """Append and return how many messages were dropped for it; an oversized payload drops itself."""
        if len(payload) > self._max_bytes:
            return 1
        dropped = 0
        while len(self._entries) >= self._max_messages or self.size_bytes + len(payload) > self._max_bytes:
            self.pop()
            dropped += 1
        self._entries.append(payload)
        self.size_bytes += len(payload)
        return dropped

    def pop(self) -> bytes:
        """Remove and return the oldest entry. Raises IndexError when empty."""
        payload = self._entries.popleft()
        self.size_bytes -= len(payload)
        return payload


MAX_INBOX_MESSAGES = 65_536
"""In one inbox, of all peers. Gossip counts by author, and anybody can make up authors: a queue for each costs a
kilobyte, even if its message is one byte long."""


class FairInbox:
    """Received messages of many peers for one consumer, served round robin, so no peer can crowd out others.

    `put` never waits: over a bound, the oldest message of the same peer is dropped; over the common bound,
    the oldest of the peer that holds most; over the common number, the message whose turn is next. `run` hands
    messages to the consumer one at a time.
    """

    def __init__(
        self,
        *,
        messages_per_peer: int,
        bytes_per_peer: int,
        total_bytes: int,
        on_drop: Callable[[int], None],
        total_messages: int = MAX_INBOX_MESSAGES,
    ) -> None:
        self._total_messages = total_messages
        self._messages = 0
        self._messages_per_peer = messages_per_peer
        self._bytes_per_peer = bytes_per_peer
        self._total_bytes = total_bytes
        self._on_drop = on_drop
        self._queues: dict[PeerId, DropOldestQueue] = {}
        self._turns: deque[PeerId] = deque()
        self._size_bytes = 0
        self._is_closed = False
        self._filled = trio.Event()
        self._consumer: trio.MemorySendChannel[tuple[PeerId, bytes]]
        self.receive_channel: Inbox
        # No buffer in the channel: a message counts against the bounds until the consumer has taken it.
        self._consumer, self.receive_channel = trio.open_memory_channel(0)

    def put(self, peer: PeerId, payload: bytes) -> None:
        """Queue one message of `peer`."""
        if self._is_closed:
            return
        queue = self._queues.get(peer)
        if queue is None:
            queue = DropOldestQueue(max_messages=self._messages_per_peer, max_bytes=self._bytes_per_peer)
            self._queues[peer] = queue
            self._turns.append(peer)
        before = queue.size_bytes
        dropped = queue.put(payload)
        self._size_bytes += queue.size_bytes - before
        self._messages += 1 - dropped
        while self._size_bytes > self._total_bytes:
            largest = max(self._queues.values(), key=lambda q: q.size_bytes)
            self._size_bytes -= len(largest.pop())
            self._messages -= 1
            dropped += 1
        while self._messages > self._total_messages:
            self._next()
            dropped += 1
        if dropped:
            self._on_drop(dropped)
        self._filled.set()

    def _next(self) -> tuple[PeerId, bytes] | None:
        while self._turns:
            peer = self._turns.popleft()
            queue = self._queues[peer]
            if not len(queue):
                del self._queues[peer]
                continue
            payload = queue.pop()
            self._size_bytes -= len(payload)
            self._messages -= 1
            self._turns.append(peer)
            return peer, payload
        return None

    async def run(self) -> None:
        """Feed the consumer until it closes its channel; messages after that are dropped."""
        try:
            while True:
                item = self._next()
                if item is None:
                    self._filled = trio.Event()
                    await self._filled.wait()
                else:
                    await self._consumer.send(item)
        except trio.BrokenResourceError:
            self._is_closed = True
            self._queues.clear()
            self._turns.clear()
            self._size_bytes = 0
            self._messages = 0
