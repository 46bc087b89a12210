"""The unix socket: JSON-RPC for programs of the node's own user, admin_ among it.

Owns the socket file and its connections. Requests and replies follow each other as plain JSON, as go-ethereum's IPC
does it: `cast --rpc-url node.sock`, web3.py's IPCProvider and `nc -U` speak it. Replies and notifications end with a
line feed. Everything that a WebSocket can do works here, subscriptions too.
Never decides who may connect: the mode of the file does (0600). Never parses JSON (rpc/dispatch/dispatcher.py).
Specification: go-ethereum rpc/ipc.go, node/node.go; unix(7).
"""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec
import structlog
import trio

from chain.errors import EnvironmentFault
from rpc.config import WebSocketLimits
from rpc.dispatch.byte_budget import ByteBudget
from rpc.dispatch.clients import LOCAL
from rpc.dispatch.dispatcher import Dispatcher, Unfinished
from rpc.errors import RpcError, RpcFault
from rpc.listener.json_stream import JsonStream, NoJsonRequest
from rpc.listener.own_subscriptions import Exchange, OwnSubscriptions
from rpc.listener.websocket_writer import FrameWriter
from rpc.notify.subscriptions import Subscriber, Subscriptions

MAX_PATH_BYTES: Final = 107
"""What a unix address holds on Linux, without its final zero."""

MAX_CONNECTIONS: Final = 64
"""Programs of one user; further ones are closed at once."""

ACCEPT_QUEUE: Final = 64

READ_BYTES: Final = 4_096
"""Small, because finding the ends of 30,000 tiny requests in one piece held the event loop for 140 ms."""

UNREAD_REPLY_BYTES: Final = 262_144
"""While more than that waits for the client, no further request of it is read."""

FLUSH_S: Final = 5.0
"""For the client to read what is left when the connection ends."""

_log = structlog.get_logger(__name__)


class IpcFailed(EnvironmentFault):
    """The socket cannot be made; the text says what to do."""


@dataclass(slots=True)
class IpcService:
    """What the connections share, with each other and with the TCP listener."""

    limits: WebSocketLimits
    dispatcher: Dispatcher
    subscriptions: Subscriptions
    bodies: ByteBudget
    replies: ByteBudget
    backlog: ByteBudget
    connections: dict[IpcConnection, None] = field(default_factory=dict)


async def open_ipc(path: Path) -> trio.SocketListener:
    """A listening socket that only this user can connect to. A file that a killed node has left is replaced.

    Raises IpcFailed: too long a path, somebody else's file, a node that answers there, or what the system says.
    """
    where = os.fsencode(path)
    if len(where) > MAX_PATH_BYTES:
        raise IpcFailed(
            f"{path}: the path of a unix socket has at most {MAX_PATH_BYTES} bytes, this one {len(where)}; "
            "move the node's folder, or set ipc = false in [rpc]"
        )
    try:
        _remove_stale(path)
        listening = trio.socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            await listening.bind(str(path))
            # Nobody can connect before `listen`, so the file is never open to others.
            path.chmod(0o600)
            listening.listen(ACCEPT_QUEUE)
        except BaseException:
            listening.close()
            raise
    except OSError as error:
        raise IpcFailed(f"{path}: cannot be made: {error.strerror or error}") from error
    return trio.SocketListener(listening)


def _remove_stale(path: Path) -> None:
    """Remove a socket at which nobody listens. Raises IpcFailed for anything else that is there."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise IpcFailed(f"{path}: there is a file that is not a socket; move it away")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        answer = probe.connect_ex(str(path))
    if answer in (0, errno.EAGAIN, errno.EINPROGRESS):
        raise IpcFailed(f"{path}: another node answers there")
    if answer != errno.ECONNREFUSED:
        raise IpcFailed(f"{path}: cannot be replaced: {os.strerror(answer)}")
    path.unlink(missing_ok=True)


class IpcServer:
    """The socket file and the connections of one node."""

    def __init__(self, path: Path, listener: trio.SocketListener, service: IpcService) -> None:
        self._path = path
        self._listener = listener
        self._service = service
        self._inode = path.lstat().st_ino
        self._accepting = trio.CancelScope()

    async def run(self) -> None:
        """Serve until `drain`, and then until the requests in progress are answered."""
        _log.info("ipc_listening", path=str(self._path))
        try:
            async with trio.open_nursery() as connections:
                with self._accepting:
                    await trio.serve_listeners(self._serve, [self._listener], handler_nursery=connections)
        finally:
            self._remove_file()

    def drain(self) -> None:
        """Accept nobody any more, and end each connection when its requests are answered."""
        self._accepting.cancel()
        for connection in tuple(self._service.connections):
            connection.go_away()

    async def _serve(self, stream: trio.SocketStream) -> None:
        connections = self._service.connections
        if len(connections) >= MAX_CONNECTIONS:
            return
        connection = IpcConnection(stream, self._service)
        connections[connection] = None
        try:
            await connection.run()
        finally:
            del connections[connection]

    def _remove_file(self) -> None:
        """Not the one that another node has put there meanwhile."""
        try:
            if self._path.lstat().st_ino == self._inode:
                self._path.unlink()
        except OSError:
            pass


class IpcConnection(Subscriber):
    """One client. Used on the event loop only; never raises for anything that a client does."""

    def __init__(self, stream: trio.SocketStream, service: IpcService) -> None:
        self._stream = stream
        self._service = service
        self._reading = trio.CancelScope()
        self._in_progress = 0
        self._finished_one = trio.Event()
        self._subscriptions = OwnSubscriptions(service.subscriptions, self, service.limits.max_subscriptions)
        self._charged = 0  # of a request that is not complete
        self._lose: Callable[[], None] = self._reading.cancel
        self._writer: FrameWriter | None = None
        self._has_ended = False

    async def run(self) -> None:
        """Serve until either side ends it."""
        service = self._service
        try:
            async with trio.open_nursery() as nursery:
                self._lose = nursery.cancel_scope.cancel
                writer = FrameWriter(
                    self._stream, nursery, service.limits, service.replies, service.backlog, self._lose
                )
                self._writer = writer
                try:
                    with self._reading:
                        await self._converse(writer, nursery)
                    await self._part(writer)
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    pass  # the client went away
                finally:
                    self._has_ended = True
                nursery.cancel_scope.cancel()
        finally:
            self._subscriptions.end_all()
            service.bodies.give_back(self._charged)
            if self._writer is not None:
                self._writer.forget_queue()

    def go_away(self) -> None:
        """Read no more, and end when everything is answered."""
        self._reading.cancel()

    async def _converse(self, writer: FrameWriter, nursery: trio.Nursery) -> None:
        values = JsonStream(self._service.limits.max_message_bytes)
        while received := await self._stream.receive_some(READ_BYTES):
            try:
                bodies = values.feed(received)
            except NoJsonRequest as error:
                writer.put_control(_line(_refusal(RpcFault.PARSE.error(detail=error))))
                return
            if not self._charge(values.held_bytes + sum(map(len, bodies))):
                writer.put_control(_line(_refusal(RpcFault.BUSY.error())))
                return
            for body in bodies:
                await self._answer(writer, nursery, body)
            self._charge(values.held_bytes)

    def _charge(self, size: int) -> bool:
        """What is held of requests, instead of what was charged before."""
        self._service.bodies.give_back(self._charged)
        self._charged = size if self._service.bodies.take(size) else 0
        return self._charged == size

    async def _part(self, writer: FrameWriter) -> None:
        """Answer what is in progress, and let the client read it."""
        while self._in_progress:
            await self._finished_one.wait()
        with trio.move_on_after(FLUSH_S):
            await writer.wait_below(0)

    # Answering.

    async def _answer(self, writer: FrameWriter, nursery: trio.Nursery, body: bytes) -> None:
        exchange = Exchange(self._subscriptions, LOCAL)
        reply = self._service.dispatcher.start(body, exchange)
        if not isinstance(reply, Unfinished):
            self._reply(writer, reply, exchange)
            await writer.wait_below(UNREAD_REPLY_BYTES)
            await trio.lowlevel.checkpoint()
            return
        self._in_progress += 1
        nursery.start_soon(self._finish, writer, reply, exchange)
        while self._in_progress >= self._service.limits.max_calls_in_progress:
            await self._finished_one.wait()

    async def _finish(self, writer: FrameWriter, reply: Unfinished, exchange: Exchange) -> None:
        try:
            self._reply(writer, await reply.finish(), exchange)
        finally:
            self._in_progress -= 1
            self._finished_one.set()
            self._finished_one = trio.Event()

    def _reply(self, writer: FrameWriter, reply: bytes | None, exchange: Exchange) -> None:
        if reply is not None and not writer.put_reply(_line(reply)):
            writer.put_control(_line(_refusal(RpcFault.REPLIES_BUSY.error())))
            self._reading.cancel()  # the reply has lost its id: the client has to begin anew
        exchange.begin()

    # Being notified.

    def push(self, messages: Sequence[bytes]) -> None:
        """Send notifications. A client for which too much waits is cut off."""
        if self._writer is None or self._has_ended:
            return
        lines = b"".join([_line(message) for message in messages])
        if not self._writer.put_notifications(lines, len(messages)):
            self.fall_behind()

    def hold(self, count: int, size: int) -> bool:
        """Count notifications that cannot be sent yet."""
        return self._writer is not None and self._writer.hold(count, size)

    def release(self, count: int, size: int) -> None:
        """They are sent now, or never."""
        if self._writer is not None:
            self._writer.release(count, size)

    def fall_behind(self) -> None:
        """End it: it cannot be told everything any more."""
        self._has_ended = True
        self._lose()


def _line(message: bytes) -> bytes:
    return message + b"\n"


def _refusal(error: RpcError) -> bytes:
    """Of something that is no request."""
    told = {"code": int(error.code), "message": error.message}
    return msgspec.json.encode({"jsonrpc": "2.0", "id": None, "error": told})
