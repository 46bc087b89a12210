"""What a connection offers to a call: who asks, and what can be subscribed to.

Owns the topics and the protocol only. Never keeps subscriptions (rpc/notify/subscriptions.py) and never writes to a
connection (rpc/listener/websocket.py).
Specification: go-ethereum rpc/subscription.go and eth/filters/api.go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from rpc.dispatch.clients import LOCAL
from rpc.errors import RpcFault
from rpc.params.log_filter import LogFilter


@dataclass(frozen=True, slots=True)
class NewHeads:
    """The header of each committed block."""


@dataclass(frozen=True, slots=True)
class NewLogs:
    """Each log of new blocks that the filter accepts."""

    criteria: LogFilter


@dataclass(frozen=True, slots=True)
class PendingTransactions:
    """Each transaction that the pool accepts: its hash, or all of it when `full`."""

    full: bool


@dataclass(frozen=True, slots=True)
class Syncing:
    """The begin and the end of catching up."""


Topic = NewHeads | NewLogs | PendingTransactions | Syncing
"""Equal topics share the work of finding and encoding what is announced."""


class Session(Protocol):
    """One request or batch of a connection that can be notified.

    A subscription that it begins is silent until its reply is on the way, and then continues without a gap.
    """

    @property
    def client(self) -> str:
        """Who asks (rpc/dispatch/clients.py)."""
        ...

    def subscribe(self, topic: Topic) -> str:
        """The id of a new subscription. Raises RpcError when a limit is reached."""
        ...

    def unsubscribe(self, subscription_id: str) -> bool:
        """End a subscription of this connection; False when it has none with that id."""
        ...


@dataclass(frozen=True, slots=True)
class PlainSession:
    """A Session of a connection that cannot be notified."""

    client: str

    def subscribe(self, topic: Topic) -> str:  # noqa: ARG002
        """Raises RpcError always."""
        raise RpcFault.NOTIFICATIONS_UNSUPPORTED.error()

    def unsubscribe(self, subscription_id: str) -> bool:  # noqa: ARG002
        """False: there is none."""
        return False


LOCAL_SESSION: Final = PlainSession(LOCAL)
"""Of a program on this machine."""
