"""A WebSocket client for tests: wsproto's other side, over one socket. Every wait is bounded."""

import json
from collections import deque
from typing import Any

import trio
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    Pong,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)
from wsproto.utilities import LocalProtocolError

from rpc.config import WebSocketLimits
from rpc.dispatch.byte_budget import ByteBudget
from rpc.dispatch.dispatcher import Dispatcher
from rpc.listener.websockets import WebSockets
from rpc.notify.subscriptions import Subscriptions
from tests.rpc.json_schema import official_openrpc
from tests.rpc.wire import Wire

WAIT_S = 10


class Closed(Exception):
    """The server closed: code (1006: without a Close frame) and reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}")
        self.code = code
        self.reason = reason


class SocketClient:
    """One connection after its handshake. `answers_pings` and `answers_close` False: a client that is no longer
    there, or that does not behave."""

    def __init__(self, wire: Wire, frames: WSConnection) -> None:
        self.wire = wire
        self.frames = frames
        self.answers_pings = True
        self.answers_close = True
        self.pings = 0
        self.pongs: list[bytes] = []
        self._text = ""
        self._messages: deque[str] = deque()
        self._events: deque[Event] = deque()
        self._next_id = 0

    @classmethod
    async def open(
        cls, port: int, *headers: tuple[str, str], host: str = "localhost", path: str = "/"
    ) -> "SocketClient":
        """Connect; raises Rejected for an HTTP answer."""
        wire = await Wire.open(port)
        frames = WSConnection(ConnectionType.CLIENT)
        extra = [(name.encode(), value.encode()) for name, value in headers]
        await wire.send(frames.send(Request(host=host, target=path, extra_headers=extra)))
        client = cls(wire, frames)
        event = await client._event()
        if isinstance(event, RejectConnection):
            body = b""
            while event.has_body:
                data = await client._event()
                assert isinstance(data, RejectData)
                body += data.data
                if data.body_finished:
                    break
            raise Rejected(event.status_code, body.decode().strip())
        assert isinstance(event, AcceptConnection)
        assert event.extensions == []
        return client

    async def _event(self) -> Event:
        while not self._events:
            with trio.fail_after(WAIT_S):
                try:
                    received = await self.wire.stream.receive_some(65536)
                except trio.BrokenResourceError:
                    received = b""
            if not received:
                raise Closed(1006, "end of the connection")
            self.frames.receive_data(received)
            self._events.extend(self.frames.events())
        return self._events.popleft()

    async def send(self, message: str | bytes, *, last: bool = True) -> None:
        """Send a message, or a piece of one."""
        event = (
            TextMessage(data=message, message_finished=last)
            if isinstance(message, str)
            else BytesMessage(data=message, message_finished=last)
        )
        await self.wire.send(self.frames.send(event))

    async def receive(self) -> str:
        """The next text message. Raises Closed."""
        while not self._messages:
            await self._handle(await self._event())
        return self._messages.popleft()

    async def _handle(self, event: Event) -> None:
        if isinstance(event, TextMessage):
            self._text += event.data
            if event.message_finished:
                self._messages.append(self._text)
                self._text = ""
        elif isinstance(event, Ping):
            self.pings += 1
            if self.answers_pings:
                await self.wire.send(self.frames.send(event.response()))
        elif isinstance(event, Pong):
            self.pongs.append(bytes(event.payload))
        elif isinstance(event, CloseConnection):
            if self.answers_close:
                try:
                    await self.wire.send(self.frames.send(event.response()))
                except (trio.BrokenResourceError, LocalProtocolError):
                    pass  # gone, or this side has closed already
            raise Closed(event.code, event.reason or "")
        else:
            raise AssertionError(event)

    async def receive_json(self) -> Any:
        """The next message, decoded."""
        return json.loads(await self.receive())

    async def ask(self, method: str, *params: object) -> int:
        """Send a call; returns its id."""
        self._next_id += 1
        call = {"jsonrpc": "2.0", "id": self._next_id, "method": method, "params": list(params)}
        await self.send(json.dumps(call))
        return self._next_id

    async def answer(self, method: str, *params: object) -> Any:
        """The reply object of a call, valid by the official OpenRPC document; nothing else may come before it."""
        call_id = await self.ask(method, *params)
        reply = await self.receive_json()
        assert reply.get("id") == call_id, reply
        assert official_openrpc().reply_complaints({"method": method}, reply) == [], (method, params)
        return reply

    async def result(self, method: str, *params: object) -> Any:
        reply = await self.answer(method, *params)
        assert "error" not in reply, reply
        return reply["result"]

    async def error(self, method: str, *params: object) -> tuple[int, str]:
        reply = await self.answer(method, *params)
        assert "error" in reply, reply
        return reply["error"]["code"], reply["error"]["message"]

    async def notification(self, subscription: str) -> Any:
        """The `result` of the next message, which must belong to that subscription."""
        message = await self.receive_json()
        assert message["jsonrpc"] == "2.0"
        assert message["method"] == "eth_subscription", message
        assert message["params"]["subscription"] == subscription
        return message["params"]["result"]

    async def is_quiet(self, for_s: float = 0.05) -> bool:
        """Nothing comes for a moment."""
        with trio.move_on_after(for_s) as moment:
            await self.receive()
        return moment.cancelled_caught

    async def close_code(self) -> int:
        """Read on until the server closes."""
        return (await self.read_to_the_end())[1]

    async def read_to_the_end(self) -> tuple[int, int]:
        """Read on until the server closes: how many messages came, and its code."""
        received = 0
        try:
            while True:
                await self.receive()
                received += 1
        except Closed as closed:
            return received, closed.code

    async def close(self, code: int = 1000) -> None:
        """The closing handshake, from this side."""
        await self.wire.send(self.frames.send(CloseConnection(code=code)))


class Rejected(Exception):
    """The server answered the handshake with plain HTTP."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status} {text}")
        self.status = status
        self.text = text


def websockets_over(dispatcher: Dispatcher, **limits: Any) -> WebSockets:
    """What a listener needs beside its HTTP part, with budgets of its own."""
    bodies, replies, backlog, criteria = (ByteBudget(1_000_000) for _ in range(4))
    return WebSockets(
        WebSocketLimits(**limits), dispatcher, Subscriptions(criteria), bodies, replies, backlog
    )
