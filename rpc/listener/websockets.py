"""The WebSockets of one listener: what they share, how many there may be, and their clock.

Owns the set of open connections and the task that looks after their time limits. Never reads or writes a socket.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import trio
from wsproto.frame_protocol import CloseReason

from chain.errors import InvariantViolation
from rpc.bug_log import log_bug
from rpc.config import WebSocketLimits
from rpc.dispatch.byte_budget import ByteBudget
from rpc.dispatch.clients import LOCAL
from rpc.dispatch.dispatcher import Dispatcher
from rpc.dispatch.pace import Pace
from rpc.listener.websocket import WebSocketConnection
from rpc.notify.subscriptions import Subscriptions

CHECK_S: Final = 1.0
"""Precision of the time limits."""


@dataclass(slots=True)
class WebSockets:
    """`bodies` and `replies` are shared with the HTTP connections; `backlog` are the bytes of notifications that slow
    clients have not read."""

    limits: WebSocketLimits
    dispatcher: Dispatcher
    subscriptions: Subscriptions
    bodies: ByteBudget
    replies: ByteBudget
    backlog: ByteBudget
    is_draining: bool = False
    _open: dict[WebSocketConnection, None] = field(default_factory=dict)  # the oldest first
    _of: Counter[str] = field(default_factory=Counter)  # how many each client has open

    def __len__(self) -> int:
        return len(self._open)

    def count_of(self, client: str) -> int:
        """How many this client has open."""
        return self._of[client]

    def find_room(self) -> bool:
        """Whether one more may be opened; an idle one makes room."""
        return len(self._open) < self.limits.max_connections or self._evict(self._open)

    def find_room_of(self, client: str) -> bool:
        """Whether this client may open one more; an idle one of it makes room."""
        if client == LOCAL or self._of[client] < self.limits.max_connections_per_address:
            return True
        return self._evict(connection for connection in self._open if connection.client == client)

    def _evict(self, connections: Iterable[WebSocketConnection]) -> bool:
        for connection in connections:
            if connection.is_idle(self.limits.evict_idle_after_s):
                connection.close(CloseReason.GOING_AWAY, "idle, and the place is needed")
                return True
        return False

    async def serve(self, stream: trio.SocketStream, leftover: bytes, client: str = LOCAL) -> None:
        """Serve one connection after its opening handshake, until it ends."""
        connection = WebSocketConnection(stream, self, client)
        self._open[connection] = None
        self._of[client] += 1
        if self.is_draining:
            connection.go_away()
        try:
            await connection.run(leftover)
        except Exception as error:
            if _breaks_an_invariant(error):
                raise
            log_bug(error, "a WebSocket")  # and only this connection ends
        finally:
            del self._open[connection]
            self._of[client] -= 1
            if not self._of[client]:
                del self._of[client]

    def drain(self) -> None:
        """The listener stops: all end when the requests in progress are answered."""
        self.is_draining = True
        for connection in tuple(self._open):
            connection.go_away()

    async def watch(self) -> None:
        """Look after the time limits until cancelled."""
        while True:
            await trio.sleep(CHECK_S)
            pace = Pace()
            for connection in tuple(self._open):
                connection.check(trio.current_time())
                await pace.rest_if_due()


def _breaks_an_invariant(error: Exception) -> bool:
    if isinstance(error, ExceptionGroup):
        return error.subgroup(InvariantViolation) is not None
    return isinstance(error, InvariantViolation)
