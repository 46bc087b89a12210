"""The RPC listener: accepts connections, bounds their number, and drains them at shutdown.

Owns the listening socket and the set of connections. Never parses and never answers.

Cancelling `serve_rpc` is its shutdown: it stops accepting at once, closes idle connections, and gives requests
in flight `drain_timeout_s` to finish; only then it ends.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, Protocol

import structlog
import trio

from chain.errors import EnvironmentFault
from rpc.admin_backend import AdminBackend
from rpc.backend import ChainBackend, EventSource, NodeBackend, PoolBackend
from rpc.config import RpcConfig
from rpc.dev_backend import DevBackend
from rpc.dispatch.byte_budget import ByteBudget
from rpc.dispatch.clients import LOCAL, client_of
from rpc.dispatch.dispatcher import Dispatcher
from rpc.dispatch.heavy import HeavyCalls
from rpc.listener.access import AccessRules
from rpc.listener.http_connection import HttpConnection, HttpService
from rpc.listener.http_reply import plain_reply
from rpc.listener.ipc import IpcFailed, IpcServer, IpcService, open_ipc
from rpc.listener.pages import pages
from rpc.listener.websockets import WebSockets
from rpc.methods.table import method_table
from rpc.notify.events import EventHub
from rpc.notify.subscriptions import Subscriptions
from rpc.services import Services

ACCEPT_QUEUE: Final = 1_024
"""Connections the kernel may keep until they are accepted."""


MAX_TURNED_AWAY: Final = 64
"""Connections beyond the limit that are told so at the same time; the others are just closed."""

_CLOSE: Final = b"connection: close\r\n"
_TOO_MANY: Final = plain_reply(503, "too many connections", _CLOSE)
_TOO_MANY_OF_CLIENT: Final = plain_reply(429, "too many connections from your address", _CLOSE)

_log = structlog.get_logger(__name__)


class ReportsPort(Protocol):
    """A trio task status that takes the port."""

    def started(self, value: int, /) -> None:
        """The listener accepts connections on this port."""
        ...


class ListenFailed(EnvironmentFault):
    """The address cannot be bound."""


async def serve_rpc(
    config: RpcConfig,
    chain: ChainBackend,
    pool: PoolBackend,
    node: NodeBackend,
    *,
    dev: DevBackend | None = None,
    admin: AdminBackend | None = None,
    events: EventSource | None = None,
    task_status: ReportsPort = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until cancelled; `task_status.started` gets the port, 0 without TCP.

    `dev` adds the methods of a development chain. `events` tells what is new; without it the chain does not grow.
    `admin` is for the unix socket, if there is to be one. When that cannot be made, the node works without it.

    Raises:
        ListenFailed: the address is in use or not of this machine.
        UnknownNamespace: one of those that TCP should answer does not exist.
        InvariantViolation: a method found a bug; in an exception group.
    """
    services = Services.of(chain, pool, node, config.calls, dev)
    calls = config.calls
    heavy = HeavyCalls(calls.worker_threads, calls.max_waiting_heavy_calls, calls.call_timeout_s)
    service = _http_service(config, services, heavy)
    hub = EventHub(chain, events, service.websockets.subscriptions, services.filters)
    listeners = await _open_tcp(config) if config.listens_on_tcp else []
    try:
        ipc = await _open_ipc(config.ipc_path, service, replace(services, admin=admin))
        await _Listener(service, listeners, hub, ipc).run(task_status)
    finally:
        heavy.close()
        for listener in listeners:
            listener.socket.close()


async def _open_tcp(config: RpcConfig) -> Sequence[trio.SocketListener]:
    try:
        return await trio.open_tcp_listeners(config.port, host=config.host, backlog=ACCEPT_QUEUE)
    except OSError as error:
        raise ListenFailed(
            f"cannot listen for RPC on {config.host}:{config.port}: {error.strerror or error}"
        ) from error


async def _open_ipc(path: Path | None, service: HttpService, services: Services) -> IpcServer | None:
    """The unix socket, with all methods and what it shares with the TCP listener."""
    if path is None:
        return None
    try:
        listener = await open_ipc(path)
    except IpcFailed as error:
        _log.error("ipc_unavailable", reason=str(error))
        return None
    shared = service.websockets
    dispatcher = service.dispatcher.with_methods(method_table(services))
    return IpcServer(
        path,
        listener,
        IpcService(
            shared.limits, dispatcher, shared.subscriptions, shared.bodies, shared.replies, shared.backlog
        ),
    )


def _http_service(config: RpcConfig, services: Services, heavy: HeavyCalls) -> HttpService:
    """What all connections share."""
    http, websocket = config.http, config.websocket
    bodies, replies = ByteBudget(http.max_buffered_body_bytes), ByteBudget(http.max_buffered_reply_bytes)
    dispatcher = Dispatcher(
        method_table(services, config.namespaces),
        services.pool,
        heavy,
        replies,
        max_batch_calls=config.calls.max_batch_calls,
        max_response_bytes=http.max_response_bytes,
        handler_timeout_s=http.handler_timeout_s,
    )
    subscriptions = Subscriptions(services.filters.criteria)
    backlog = ByteBudget(websocket.max_queued_bytes_together)
    return HttpService(
        limits=http,
        dispatcher=dispatcher,
        app=pages(services.node),
        access=AccessRules(config.allowed_hosts, config.cors_origins),
        bodies=bodies,
        replies=replies,
        websockets=WebSockets(websocket, dispatcher, subscriptions, bodies, replies, backlog),
    )


class _Listener:
    """The connections of one service."""

    def __init__(
        self,
        service: HttpService,
        listeners: Sequence[trio.SocketListener],
        hub: EventHub,
        ipc: IpcServer | None,
    ) -> None:
        self._service = service
        self._hub = hub
        self._ipc = ipc
        self._listeners = listeners
        self._connections: dict[HttpConnection, None] = {}  # the oldest first
        self._of: Counter[str] = Counter()  # how many each client has, WebSockets among them
        self._turned_away = 0
        self._stop_requested = trio.Event()
        self._drain_scope = trio.CancelScope(shield=True)

    async def run(self, task_status: ReportsPort) -> None:
        """Serve until cancelled, then drain."""
        port = 0
        async with trio.open_nursery() as outer:
            with self._drain_scope:
                async with trio.open_nursery() as companions:
                    companions.start_soon(self._hub.run)
                    companions.start_soon(self._service.websockets.watch)
                    async with trio.open_nursery() as connections:
                        outer.start_soon(self._accept, connections)
                        if self._ipc is not None:
                            connections.start_soon(self._ipc.run)
                        if self._listeners:
                            host, port = self._listeners[0].socket.getsockname()[:2]
                            _log.info("rpc_listening", host=host, port=port)
                        task_status.started(port)
                        # Out of reach of a cancellation until the connections are drained.
                        await self._stop_requested.wait()
                    companions.cancel_scope.cancel()

    async def _accept(self, connections: trio.Nursery) -> None:
        try:
            if not self._listeners:
                await trio.sleep_forever()
            await trio.serve_listeners(self._serve, list(self._listeners), handler_nursery=connections)
        finally:
            self._drain()

    def _drain(self) -> None:
        self._service.draining = True
        self._drain_scope.deadline = trio.current_time() + self._service.limits.drain_timeout_s
        self._stop_requested.set()
        for connection in tuple(self._connections):
            connection.close_if_idle()
        self._service.websockets.drain()
        if self._ipc is not None:
            self._ipc.drain()

    async def _serve(self, stream: trio.SocketStream) -> None:
        limits, websockets = self._service.limits, self._service.websockets
        client = _client_at(stream)
        of_client = self._of[client] - websockets.count_of(client)
        if client != LOCAL and of_client >= limits.max_connections_per_address and not self._evict(client):
            await self._turn_away(stream, _TOO_MANY_OF_CLIENT)
            return
        if len(self._connections) - len(websockets) >= limits.max_connections and not self._evict():
            await self._turn_away(stream, _TOO_MANY)
            return
        connection = HttpConnection(stream, self._service, client)
        self._connections[connection] = None
        self._of[client] += 1
        try:
            await connection.run()
        finally:
            self._forget(connection)

    def _forget(self, connection: HttpConnection) -> None:
        if connection in self._connections:
            del self._connections[connection]
            self._of[connection.client] -= 1
            if not self._of[connection.client]:
                del self._of[connection.client]

    def _evict(self, client: str | None = None) -> bool:
        """Make room by closing a connection, of that client if one is named, that has been idle for a while; HTTP
        clients then open a new one."""
        for connection in self._connections:
            if client in (None, connection.client) and connection.close_if_idle(
                self._service.limits.evict_idle_after_s
            ):
                self._forget(connection)
                return True
        return False

    async def _turn_away(self, stream: trio.SocketStream, reply: bytes) -> None:
        self._turned_away += 1
        try:
            if self._turned_away <= MAX_TURNED_AWAY:
                with trio.move_on_after(1):
                    await stream.send_all(reply)
                    await stream.send_eof()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        finally:
            self._turned_away -= 1
            await trio.aclose_forcefully(stream)


def _client_at(stream: trio.SocketStream) -> str:
    try:
        host = stream.socket.getpeername()[0]
    except OSError:
        return LOCAL  # already gone
    return client_of(host)
