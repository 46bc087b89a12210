"""One WebSocket: reads messages, has them answered, writes replies and notifications.

Owns the rules of one connection: sizes of messages, the number of requests in progress, its subscriptions, keep-alive,
and how it ends. Each message, text or binary, is one JSON-RPC request or batch; replies come as they are ready, a
batch is one message. Never parses JSON (rpc/dispatch/dispatcher.py) and never decides who may connect
(rpc/listener/http_connection.py).
Never raises for anything a client does; `InvariantViolation` passes through, in an exception group.
Specification: RFC 6455, frames parsed by wsproto; go-ethereum rpc/websocket.go for what it leaves open.

| closed with | when |
|---|---|
| 1001 | the node stops, or the place is needed for another one |
| 1002, 1007 | the client breaks the protocol, or sends text that is not UTF-8 |
| 1008 | a message takes too long to arrive |
| 1009 | a message is too long |
| 1013 | the client reads too slowly, or all memory for messages is taken |
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, Protocol

import trio
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage
from wsproto.frame_protocol import CloseReason

from rpc.config import WebSocketLimits
from rpc.dispatch.byte_budget import ByteBudget
from rpc.dispatch.dispatcher import Dispatcher, Unfinished
from rpc.listener.own_subscriptions import Exchange, OwnSubscriptions
from rpc.listener.websocket_writer import FrameWriter, text_frame
from rpc.notify.subscriptions import Subscriber, Subscriptions

READ_BYTES: Final = 16_384
"""Small, because as much may be kept while requests of the connection are in progress."""

UNREAD_REPLY_BYTES: Final = 65_536
"""While more than that waits for the client, no further message of it is read."""

LINGER_BYTES: Final = 1_048_576
LINGER_S: Final = 1.0
"""After the last frame that much is still read, so that the frame is not lost in a connection reset."""

MESSAGES_AT_ONCE: Final = 16
"""Messages of one read that are answered before other tasks run: about 1 ms."""


class WebSocketService(Protocol):
    """What the WebSockets of one listener share (rpc/listener/websockets.py)."""

    limits: WebSocketLimits
    dispatcher: Dispatcher
    subscriptions: Subscriptions
    bodies: ByteBudget
    replies: ByteBudget
    backlog: ByteBudget


class WebSocketConnection(Subscriber):
    """One connection after its opening handshake. Used on the event loop only."""

    def __init__(self, stream: trio.SocketStream, service: WebSocketService, client: str) -> None:
        self.client = client
        self._stream = stream
        self._service = service
        self._limits = service.limits
        self._frames = Connection(ConnectionType.SERVER)
        self._partial = bytearray()
        self._partial_charged = 0
        self._partial_since = math.inf
        self._in_progress = 0
        self._finished_one = trio.Event()
        self._subscriptions = OwnSubscriptions(service.subscriptions, self, self._limits.max_subscriptions)
        self._nursery: trio.Nursery | None = None
        self._writer: FrameWriter | None = None
        self._is_leaving = False  # no new requests
        self._is_closing = False  # a Close has been sent
        self._is_over = False  # nothing more is expected from the client
        self._has_ended = False  # nothing more may be sent
        self._is_reading = False
        self._heard_at = trio.current_time()
        self._asked_at = self._heard_at
        self._pinged_at = math.inf
        self._close_by = math.inf

    # The life of the connection.

    async def run(self, leftover: bytes) -> None:
        """Serve until either side ends it; `leftover` is what came behind the handshake."""
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                self._writer = FrameWriter(
                    self._stream,
                    nursery,
                    self._limits,
                    self._service.replies,
                    self._service.backlog,
                    self._drop,
                )
                try:
                    self._close_when_done()
                    await self._converse(self._writer, leftover)
                    self._is_closing = True
                    await self._part(self._writer)
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    pass  # the client went away
                finally:
                    self._has_ended = True
                nursery.cancel_scope.cancel()
        finally:
            self._subscriptions.end_all()
            self._forget_partial()
            if self._writer is not None:
                self._writer.forget_queue()

    def go_away(self) -> None:
        """The node stops: no further message is read, and when those in progress are answered the connection ends."""
        self._is_leaving = True
        self._close_when_done()

    def is_idle(self, for_s: float) -> bool:
        """Nothing was asked for that long, and nobody waits for anything."""
        return (
            not self._subscriptions
            and not self._in_progress
            and not self._is_closing
            and trio.current_time() - self._asked_at >= for_s
        )

    def close(self, code: int, reason: str) -> None:
        """Begin the closing handshake."""
        if self._is_closing or self._has_ended or self._writer is None:
            return
        self._is_closing = True
        self._close_by = trio.current_time() + self._limits.close_within_s
        self._subscriptions.end_all()
        self._forget_partial()
        if code == CloseReason.TRY_AGAIN_LATER:
            self._writer.forget_queue()
        self._writer.put_control(self._frames.send(CloseConnection(code=code, reason=reason)))

    def check(self, now: float) -> None:
        """Look after the time limits; call about once a second."""
        if self._writer is None or self._has_ended:
            return
        if now >= self._close_by:
            self._drop()
        elif self._is_closing:
            pass
        elif now - self._writer.piece_started > self._limits.write_timeout_s:
            self.fall_behind()
        elif now - self._partial_since > self._limits.message_timeout_s:
            self.close(CloseReason.POLICY_VIOLATION, "the message took too long")
        elif not self._is_reading:
            self._heard_at = now
        elif now - self._heard_at >= self._limits.ping_after_s:
            if now - self._pinged_at >= self._limits.pong_within_s:
                self._drop()
            elif math.isinf(self._pinged_at):
                self._pinged_at = now
                self._writer.put_control(self._frames.send(Ping()))

    def _drop(self) -> None:
        """End it without a word."""
        self._has_ended = True
        if self._nursery is not None:
            self._nursery.cancel_scope.cancel()

    def _close_when_done(self) -> None:
        if self._is_leaving and not self._in_progress:
            self.close(CloseReason.GOING_AWAY, "the node is stopping")

    def _forget_partial(self) -> None:
        self._service.bodies.give_back(self._partial_charged)
        self._partial_charged = 0
        self._partial_since = math.inf
        self._partial = bytearray()

    # Being notified.

    def push(self, messages: Sequence[bytes]) -> None:
        """Send notifications. Who reads so slowly that too much is waiting is closed with 1013."""
        if self._writer is None or self._is_closing or self._has_ended:
            return
        frames = b"".join([text_frame(message) for message in messages])
        if not self._writer.put_notifications(frames, len(messages)):
            self.fall_behind()

    def hold(self, count: int, size: int) -> bool:
        """Count notifications that cannot be sent yet."""
        return self._writer is not None and self._writer.hold(count, size)

    def release(self, count: int, size: int) -> None:
        """They are sent now, or never."""
        if self._writer is not None:
            self._writer.release(count, size)

    def fall_behind(self) -> None:
        """Close with 1013."""
        self.close(CloseReason.TRY_AGAIN_LATER, "too slow: what had to be told does not fit into the queue")

    # Reading.

    async def _converse(self, writer: FrameWriter, received: bytes) -> None:
        while True:
            if received:
                await self._take(writer, received)
            if self._is_over:
                return
            self._is_reading = True
            received = await self._stream.receive_some(READ_BYTES)
            self._is_reading = False
            if not received:
                return
            self._heard_at = trio.current_time()
            self._pinged_at = math.inf

    async def _part(self, writer: FrameWriter) -> None:
        """After the last frame: let the client read it before the connection ends (RFC 6455 section 7.1.1)."""
        with trio.move_on_after(self._limits.close_within_s) as waited:
            await writer.wait_below(0)
        if waited.cancelled_caught:
            return
        with trio.move_on_after(LINGER_S):
            await self._stream.send_eof()
            left = LINGER_BYTES
            while left > 0 and (received := await self._stream.receive_some(READ_BYTES)):
                left -= len(received)

    async def _take(self, writer: FrameWriter, received: bytes) -> None:
        self._frames.receive_data(received)
        for count, event in enumerate(self._frames.events(), 1):
            if isinstance(event, TextMessage):
                await self._take_piece(writer, event.data.encode(), event.message_finished)
            elif isinstance(event, BytesMessage):
                await self._take_piece(writer, bytes(event.data), event.message_finished)
            elif isinstance(event, Ping) and not self._is_closing:
                writer.put_control(self._frames.send(event.response()))
                await writer.wait_below(UNREAD_REPLY_BYTES)
            elif isinstance(event, CloseConnection):
                self._take_close(writer, event)
            if self._is_over:
                return
            if count % MESSAGES_AT_ONCE == 0:
                await trio.lowlevel.checkpoint()

    def _take_close(self, writer: FrameWriter, event: CloseConnection) -> None:
        """The client's Close, its answer to ours, or the parser's complaint about what it sent."""
        self._is_over = True
        if self._frames.state is ConnectionState.REMOTE_CLOSING:
            self._is_closing = True
            self._subscriptions.end_all()
            self._forget_partial()
            writer.forget_queue()
            writer.put_control(self._frames.send(event.response()))
        elif self._frames.state is not ConnectionState.CLOSED:
            self.close(event.code, event.reason or "")

    async def _take_piece(self, writer: FrameWriter, piece: bytes, is_last: bool) -> None:
        if self._is_closing or self._is_leaving:
            return
        if len(self._partial) + len(piece) > self._limits.max_message_bytes:
            self.close(CloseReason.MESSAGE_TOO_BIG, "message too big")
            self._is_over = True
            return
        if not self._service.bodies.take(len(piece)):
            self.close(CloseReason.TRY_AGAIN_LATER, "the node is busy: too much request data at once")
            return
        self._partial_charged += len(piece)
        if not is_last:
            if not self._partial and piece:
                self._partial_since = trio.current_time()
            self._partial += piece
            return
        body = bytes(self._partial + piece) if self._partial else piece
        charged, self._partial_charged = self._partial_charged, 0
        self._forget_partial()
        await self._answer(writer, body, charged)

    # Answering.

    async def _answer(self, writer: FrameWriter, body: bytes, charged: int) -> None:
        """Answer at once what can be, and wait while too many requests are in progress."""
        self._asked_at = trio.current_time()
        exchange = Exchange(self._subscriptions, self.client)
        reply = self._service.dispatcher.start(body, exchange)
        if not isinstance(reply, Unfinished):
            self._service.bodies.give_back(charged)
            self._reply(writer, reply, exchange)
            await writer.wait_below(UNREAD_REPLY_BYTES)
            return
        self._in_progress += 1
        if self._nursery is not None:
            self._nursery.start_soon(self._finish, writer, reply, exchange, charged)
        while self._in_progress >= self._limits.max_calls_in_progress:
            await self._finished_one.wait()

    async def _finish(self, writer: FrameWriter, reply: Unfinished, exchange: Exchange, charged: int) -> None:
        try:
            self._reply(writer, await reply.finish(), exchange)
        finally:
            self._service.bodies.give_back(charged)
            self._in_progress -= 1
            self._finished_one.set()
            self._finished_one = trio.Event()
        self._close_when_done()

    def _reply(self, writer: FrameWriter, reply: bytes | None, exchange: Exchange) -> None:
        if self._is_closing:
            return
        if reply is not None and not writer.put_reply(text_frame(reply)):
            self.close(CloseReason.TRY_AGAIN_LATER, "the node is busy: too many replies at once")
            return
        exchange.begin()
