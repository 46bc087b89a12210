"""Serves one client connection: reads requests, has them answered, writes the replies in order.

Owns the time limits of a connection, the order of pipelined replies, and how a connection ends. What is asked
at `POST /` goes to the JSON-RPC dispatcher, a WebSocket at `/` is handed over
(rpc/listener/websockets.py), everything else goes to the ASGI application.
Never raises for anything a client does; `InvariantViolation` passes through.
Specification: RFC 9110, RFC 9112; sections on persistence (9.3), pipelining (9.3.2) and tear-down (9.6).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

import trio

from rpc.config import HttpLimits
from rpc.dispatch.byte_budget import ByteBudget
from rpc.dispatch.dispatcher import Dispatcher
from rpc.dispatch.session import PlainSession
from rpc.listener.access import AccessRules
from rpc.listener.asgi import AsgiApp, AsgiExchange, MalformedTarget, http_scope
from rpc.listener.http_reply import CONTINUE, DateLine, empty_reply, json_head, plain_reply
from rpc.listener.http_request import HttpFailure, HttpRequest, RequestLimits, RequestReader
from rpc.listener.websocket_handshake import HandshakeRefused, handshake_reply
from rpc.listener.websockets import WebSockets

READ_BYTES: Final = 65_536

LARGE_REPLY_BYTES: Final = 65_536
"""A reply up to this size goes out in one piece and is not charged to the listener's budget."""

LINGER_BYTES: Final = 1_048_576
LINGER_S: Final = 1.0
"""After a refusal that much is still read, so that the reply is not lost in a connection reset (RFC 9112
section 9.6)."""

_JSON_TYPES: Final = (b"application/json", b"application/json-rpc", b"application/jsonrequest")
"""As go-ethereum. Others are refused, because a web page may send them without asking first (CORS)."""


@dataclass(slots=True)
class HttpService:
    """What the connections of one listener share."""

    limits: HttpLimits
    dispatcher: Dispatcher
    app: AsgiApp
    access: AccessRules
    bodies: ByteBudget
    replies: ByteBudget
    websockets: WebSockets
    draining: bool = False
    date: DateLine = field(default_factory=DateLine)


class _Refuse(Exception):
    """Answer with a short reply and close; `lines` are finished header lines."""

    def __init__(self, status: int, reason: str, lines: bytes = b"") -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.lines = lines


class HttpConnection:
    """One connection. While it waits for a request it is idle and may be closed without loss."""

    def __init__(self, stream: trio.SocketStream, service: HttpService, client: str) -> None:
        self.client = client
        self._session = PlainSession(client)
        self._stream = stream
        self._service = service
        self._limits = service.limits
        self._reader = RequestReader(
            RequestLimits(self._limits.max_head_bytes, self._limits.max_body_bytes), service.bodies
        )
        self._scope = trio.CancelScope()
        self._request_started = -1.0
        self._idle_since = trio.current_time()
        self._is_idle = True
        self._is_websocket = False

    def close_if_idle(self, for_s: float = 0.0) -> bool:
        """End the connection now if it has waited that long for a request; tells whether it does."""
        if not self._is_idle or trio.current_time() - self._idle_since < for_s:
            return False
        self._scope.cancel()
        return True

    async def run(self) -> None:
        """Serve until either side ends the connection."""
        try:
            with self._scope:
                await self._serve()
            if self._is_websocket:
                self._reader.release()
                await self._service.websockets.serve(self._stream, self._reader.leftover, self.client)
            elif self._scope.cancelled_caught and self._reader.in_message and self._request_started >= 0:
                self._scope = trio.CancelScope()
                with self._scope:
                    await self._end_with(HttpFailure(408, "the request took too long"))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the client went away
        finally:
            self._reader.release()
            await trio.aclose_forcefully(self._stream)

    async def _serve(self) -> None:
        reader = self._reader
        while True:
            if not await self._receive():
                return
            while reader.ready:
                request = reader.ready.popleft()
                try:
                    usable = await self._answer(request)
                finally:
                    reader.answered(request)
                if not usable:
                    if not self._is_websocket:
                        await self._linger()
                    return
            if reader.failure is not None:
                await self._end_with(reader.failure)
                return
            if reader.awaits_continue:
                reader.awaits_continue = False
                await self._stream.send_all(CONTINUE)

    async def _receive(self) -> bool:
        """Read once; False at the end of the connection. Sets the time limit for what is awaited."""
        reader, limits, now = self._reader, self._limits, trio.current_time()
        if not reader.in_message:
            if self._service.draining:
                return False
            self._is_idle = True
            self._idle_since = now
            self._request_started = -1.0
            self._scope.deadline = now + limits.idle_timeout_s
        else:
            if self._request_started < 0:
                self._request_started = now
            self._scope.deadline = (
                self._request_started
                + limits.head_timeout_s
                + reader.expected_body_bytes / limits.min_transfer_bytes_per_s
            )
        received = await self._stream.receive_some(READ_BYTES)
        self._is_idle = False
        reader.feed(received)
        return len(received) > 0

    async def _answer(self, request: HttpRequest) -> bool:
        """Answer one request; False when the connection cannot be used again."""
        service, limits = self._service, self._limits
        self._request_started = -1.0
        self._scope.deadline = trio.current_time() + limits.handler_timeout_s + limits.write_timeout_s
        try:
            if not service.access.host_is_allowed(request.field(b"host")):
                raise _Refuse(403, "invalid host specified")
            preflight = service.access.preflight_headers(request)
            if preflight is not None:
                keep_alive = self._may_keep_alive(request)
                await self._send(empty_reply(204, preflight + self._lines(request, keep_alive, cors=False)))
                return keep_alive
            if request.method == b"POST" and (request.target == b"/" or request.path == b"/"):
                return await self._answer_json_rpc(request)
            if request.asks_for_websocket and request.path == b"/":
                return await self._change_protocol(request)
            return await self._answer_page(request)
        except _Refuse as refusal:
            lines = self._lines(request, keep_alive=False) + refusal.lines
            await self._send(plain_reply(refusal.status, refusal.reason, lines))
            return False

    async def _change_protocol(self, request: HttpRequest) -> bool:
        """The opening handshake of a WebSocket; False always, since no HTTP follows."""
        if not self._service.access.websocket_is_allowed(request):
            raise _Refuse(403, "origin not allowed")
        try:
            reply = handshake_reply(request, self._service.date.line())
        except HandshakeRefused as refusal:
            raise _Refuse(refusal.status, refusal.reason, refusal.lines) from None
        websockets = self._service.websockets
        if not websockets.find_room_of(self.client):
            raise _Refuse(429, "too many WebSocket connections from your address")
        if self._service.draining or not websockets.find_room():
            raise _Refuse(503, "too many WebSocket connections")
        await self._send(reply)
        self._is_websocket = True
        return False

    def _may_keep_alive(self, request: HttpRequest) -> bool:
        return request.keep_alive and not self._service.draining

    async def _answer_json_rpc(self, request: HttpRequest) -> bool:
        kind = request.field(b"content-type").partition(b";")[0].strip().lower()
        if kind not in _JSON_TYPES:
            raise _Refuse(415, "invalid content type, only application/json is supported")
        reply = await self._service.dispatcher.handle(request.body, self._session)
        keep_alive = self._may_keep_alive(request)  # the shutdown may have begun meanwhile
        lines = self._lines(request, keep_alive)
        if reply is None:
            await self._send(empty_reply(204, lines))
        elif len(reply) <= LARGE_REPLY_BYTES:
            await self._send(json_head(len(reply), lines) + reply)
        else:
            await self._send_large(json_head(len(reply), lines), reply)
        return keep_alive

    async def _send_large(self, head: bytes, reply: bytes) -> None:
        if not self._service.replies.take(len(reply)):
            raise _Refuse(503, "the node is busy: too many large replies at once")
        try:
            await self._send(head)
            await self._send(reply)
        finally:
            self._service.replies.give_back(len(reply))

    async def _answer_page(self, request: HttpRequest) -> bool:
        try:
            scope = http_scope(request, self._client_address())
        except MalformedTarget:
            raise _Refuse(400, "malformed request target") from None
        keep_alive = self._may_keep_alive(request)
        exchange = AsgiExchange(request, self._send_page, self._lines(request, keep_alive))
        await exchange.run(self._service.app, scope)
        return keep_alive and not exchange.must_close

    def _client_address(self) -> tuple[str, int] | None:
        try:
            host, port = self._stream.socket.getpeername()[:2]
        except OSError:
            return None  # already gone
        return str(host), int(port)

    async def _send_page(self, piece: bytes) -> None:
        """Write a piece of a page; afterwards the page may take its time, as streams of events do."""
        self._scope.deadline = trio.current_time() + self._limits.write_timeout_s
        await self._send(piece)
        self._scope.deadline = math.inf

    async def _send(self, piece: bytes) -> None:
        """Write within a time that depends on the size: a client that does not read is dropped."""
        if len(piece) > LARGE_REPLY_BYTES:
            limits = self._limits
            self._scope.deadline = (
                trio.current_time() + limits.write_timeout_s + len(piece) / limits.min_transfer_bytes_per_s
            )
        await self._stream.send_all(piece)

    def _lines(self, request: HttpRequest, keep_alive: bool, *, cors: bool = True) -> bytes:
        """The header lines of every reply."""
        lines = self._service.date.line()
        if cors:
            lines += self._service.access.cors_headers(request)
        if not keep_alive:
            return lines + b"connection: close\r\n"
        return lines if request.version == "1.1" else lines + b"connection: keep-alive\r\n"

    async def _end_with(self, failure: HttpFailure) -> None:
        """Refuse what cannot be answered, and let the client read the refusal."""
        with trio.move_on_after(self._limits.write_timeout_s):
            lines = self._service.date.line() + b"connection: close\r\n"
            await self._stream.send_all(plain_reply(failure.status, failure.reason, lines))
            await self._linger()

    async def _linger(self) -> None:
        """Read on for a moment after the last reply, so that its end reaches the client."""
        if self._service.draining:
            return
        self._is_idle, self._idle_since = True, trio.current_time()
        with trio.move_on_after(LINGER_S):
            await self._stream.send_eof()
            left = LINGER_BYTES
            while left > 0:
                received = await self._stream.receive_some(READ_BYTES)
                if not received:
                    return
                left -= len(received)
