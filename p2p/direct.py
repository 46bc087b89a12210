"""Direct messages: one stream per peer and protocol and direction, kept open, in order.

Owns: the sending queues and their streams, and the inboxes of received messages.
Never: waits for a slow peer or a slow consumer: both lose their oldest messages, counted.
Form on the wire: frames of `p2p.framing` on a stream of the protocol; nothing flows back.
"""

import logging
from collections.abc import Callable, Mapping

import trio
from libp2p.abc import INetStream
from libp2p.custom_types import TProtocol
from libp2p.peer.id import ID

from chain.errors import InvariantViolation
from p2p.framing import FrameTooLarge, encode_frame
from p2p.guards.host import GuardedHost, frames_of, muxed
from p2p.guards.transport import FaultSink
from p2p.multistream import ProtocolUnavailable
from p2p.network import Inbox, PeerId, ProtocolName, StreamLimits
from p2p.queues import DropOldestQueue, FairInbox
from p2p.yamux_stream import BoundedYamuxStream

logger = logging.getLogger(__name__)

MAX_FRAMES_PER_S = 5000
"""Per stream, then reading pauses: small frames cost more to handle than to send."""

_BATCH_BYTES = 64 * 1024
_REOPEN_FIRST_S = 0.02
_REOPEN_S = 0.2
_UNAVAILABLE_S = 1.0
"""Pause when the peer does not speak the protocol (yet): it may still be starting."""


class _Sender:
    """Queue and stream to one peer for one protocol."""

    def __init__(self, limits: StreamLimits) -> None:
        self.queue = DropOldestQueue(max_messages=limits.outgoing_messages, max_bytes=limits.outgoing_bytes)
        self.filled = trio.Event()
        self.scope = trio.CancelScope()

    def take_batch(self) -> bytes:
        """Frames of the oldest messages, about 64 KiB or one message."""
        frames = [encode_frame(self.queue.pop())]
        size = len(frames[0])
        while len(self.queue) and size < _BATCH_BYTES:
            frames.append(encode_frame(self.queue.pop()))
            size += len(frames[-1])
        return b"".join(frames)


class DirectMessages:
    """All direct streams of this node."""

    def __init__(
        self,
        host: GuardedHost,
        nursery: trio.Nursery,
        limits: Mapping[ProtocolName, StreamLimits],
        sink: FaultSink,
        is_connected: Callable[[PeerId], bool],
    ) -> None:
        self._host = host
        self._nursery = nursery
        self._limits = limits
        self._sink = sink
        self._is_connected = is_connected
        self._senders: dict[tuple[PeerId, ProtocolName], _Sender] = {}
        self._inboxes: dict[ProtocolName, FairInbox] = {}
        self._receivers: dict[tuple[PeerId, ProtocolName], trio.CancelScope] = {}

    def limits_of(self, protocol: ProtocolName) -> StreamLimits:
        """Configured or default limits."""
        return self._limits.get(protocol, StreamLimits())

    def open_inbox(self, protocol: ProtocolName) -> Inbox:
        """Accept streams of a protocol. Raises InvariantViolation the second time."""
        if protocol in self._inboxes:
            raise InvariantViolation(f"the inbox of {protocol} is open already")
        limits = self.limits_of(protocol)
        inbox = FairInbox(
            messages_per_peer=limits.inbox_messages_per_peer,
            bytes_per_peer=limits.inbox_bytes_per_peer,
            total_bytes=limits.inbox_bytes,
            on_drop=lambda dropped: self._count(f"direct_dropped_inbox_full:{protocol}", dropped),
        )
        self._inboxes[protocol] = inbox
        self._nursery.start_soon(inbox.run)

        async def receive(stream: INetStream) -> None:
            await self._receive(stream, protocol, inbox)

        self._host.set_stream_handler(TProtocol(protocol), receive)
        return inbox.receive_channel

    def send(self, peer: PeerId, protocol: ProtocolName, payload: bytes) -> None:
        """Queue a message; its size is checked. Dropped when the peer is not connected."""
        if not self._is_connected(peer):
            self._count("direct_dropped_not_connected")
            return
        sender = self._senders.get((peer, protocol))
        if sender is None:
            sender = self._senders[(peer, protocol)] = _Sender(self.limits_of(protocol))
            self._nursery.start_soon(self._run_sender, peer, protocol, sender)
        dropped = sender.queue.put(payload)
        if dropped:
            self._count(f"direct_dropped_queue_full:{protocol}", dropped)
        sender.filled.set()

    def on_disconnected(self, peer: PeerId) -> None:
        """No connection is left: what is queued for the peer is dropped."""
        for key in [key for key in self._senders if key[0] == peer]:
            sender = self._senders.pop(key)
            if len(sender.queue):
                self._count("direct_dropped_not_connected", len(sender.queue))
            sender.scope.cancel()

    def _count(self, event: str, times: int = 1) -> None:
        for _ in range(times):
            self._sink.count(event)

    async def _run_sender(self, peer: PeerId, protocol: ProtocolName, sender: _Sender) -> None:
        with sender.scope:
            pause_s = _REOPEN_FIRST_S
            while True:
                stream: BoundedYamuxStream | None = None
                try:
                    await sender.filled.wait()
                    stream = await self._host.open(ID(peer), protocol)
                    pause_s = _REOPEN_FIRST_S
                    await self._write_queue(stream, sender)
                except ProtocolUnavailable:
                    self._count("direct_protocol_unavailable")
                    pause_s = _UNAVAILABLE_S
                except Exception as error:
                    logger.debug("direct stream %s to a peer failed: %r", protocol, error)
                    self._count("direct_stream_reopened")
                finally:
                    if stream is not None:
                        with trio.move_on_after(1.0) as scope:
                            scope.shield = True
                            await stream.reset()
                await trio.sleep(pause_s)
                pause_s = _REOPEN_S

    @staticmethod
    async def _write_queue(stream: BoundedYamuxStream, sender: _Sender) -> None:
        while True:
            while len(sender.queue):
                await stream.write(sender.take_batch())
            sender.filled = trio.Event()
            await sender.filled.wait()

    async def _receive(self, stream: INetStream, protocol: ProtocolName, inbox: FairInbox) -> None:
        peer = stream.muxed_conn.peer_id
        key = (peer.to_bytes(), protocol)
        # The newest stream counts: the peer opened it because the older one does not work for it any more.
        previous = self._receivers.get(key)
        if previous is not None:
            previous.cancel()
        with trio.CancelScope() as scope:
            self._receivers[key] = scope
            try:
                await self._read_frames(stream, peer, self.limits_of(protocol).max_message_bytes, inbox)
            finally:
                if self._receivers.get(key) is scope:
                    del self._receivers[key]

    async def _read_frames(self, stream: INetStream, peer: ID, limit_bytes: int, inbox: FairInbox) -> None:
        second_ends_s = 0.0
        frames = 0
        with frames_of(muxed(stream)) as reader:
            while True:
                try:
                    payload = await reader.read_frame(limit_bytes)
                except EOFError:
                    return
                except FrameTooLarge as error:
                    self._sink.on_offence(peer, f"direct message: {error}")
                    raise
                inbox.put(peer.to_bytes(), payload)
                frames += 1
                now_s = trio.current_time()
                if now_s >= second_ends_s:
                    second_ends_s = now_s + 1.0
                    frames = 0
                elif frames > MAX_FRAMES_PER_S:
                    self._sink.count("direct_throttled")
                    await trio.sleep_until(second_ends_s)
