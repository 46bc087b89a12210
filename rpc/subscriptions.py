"""Who is told what: the subscriptions of all connections, and the fan-out of an announcement to them.

Owns the ids, the grouping of equal topics, and the form of a notification. What is announced is encoded once;
only the id differs between subscribers. Never looks at the chain (rpc/events.py) and never writes to a socket.
Specification: go-ethereum rpc/subscription.go; EIP-1474 leaves subscriptions out.
"""

from __future__ import annotations

import secrets
from typing import Final, Protocol, TypeVar, cast

from rpc.byte_budget import ByteBudget
from rpc.criteria import BASE_COST_BYTES, cost_bytes
from rpc.errors import RpcFault
from rpc.pace import Pace
from rpc.session import NewHeads, NewLogs, PendingTransactions, Syncing, Topic

TopicT = TypeVar("TopicT", NewHeads, NewLogs, PendingTransactions, Syncing)

_HEAD: Final = b'{"jsonrpc":"2.0","method":"eth_subscription","params":{"subscription":"'


def new_id() -> str:
    """An id that cannot be guessed: 16 random bytes, the first digit not zero, because go-ethereum strips zeros."""
    return f"0x{secrets.randbits(128) % _IDS + _FIRST_ID:x}"


_FIRST_ID: Final = 1 << 124
_IDS: Final = (1 << 128) - _FIRST_ID


class Subscriber(Protocol):
    """A connection. Neither method waits or raises."""

    def push(self, message: bytes) -> None:
        """Send a notification."""
        ...

    def fall_behind(self) -> None:
        """It cannot be told everything any more: end it."""
        ...


class Subscription:
    """One subscription. Until `begin` it keeps what it has to tell: its id must reach the client first."""

    __slots__ = ("_held", "_held_bytes", "_id_bytes", "_limits", "_subscriber", "has_ended", "id", "topic")

    def __init__(self, topic: Topic, subscriber: Subscriber, limits: tuple[int, int]) -> None:
        self.id = new_id()
        self.topic = topic
        self.has_ended = False
        self._id_bytes = self.id.encode()
        self._subscriber = subscriber
        self._held: list[bytes] | None = []
        self._held_bytes = 0
        self._limits = limits

    def begin(self) -> None:
        """The reply with the id is on the way: tell what has been kept, and all that comes."""
        held, self._held = self._held or (), None
        for message in held:
            self._subscriber.push(message)

    def tell(self, tail: bytes) -> None:
        """Announce: `tail` is what follows the id."""
        if self.has_ended:
            return
        message = b"".join((_HEAD, self._id_bytes, tail))
        if self._held is None:
            self._subscriber.push(message)
            return
        max_notifications, max_bytes = self._limits
        self._held.append(message)
        self._held_bytes += len(message)
        if len(self._held) > max_notifications or self._held_bytes > max_bytes:
            self.fall_behind()

    def fall_behind(self) -> None:
        """End the connection, because something cannot be told."""
        self._held = []
        self._subscriber.fall_behind()


class Subscriptions:
    """All subscriptions of one listener; used on the event loop only.

    `criteria` bounds the memory of log filters; `max_held` and `max_held_bytes` what one subscription keeps until
    its reply is on the way.
    """

    def __init__(self, criteria: ByteBudget, max_held: int, max_held_bytes: int) -> None:
        self._criteria = criteria
        self._limits = (max_held, max_held_bytes)
        self._groups: dict[type[Topic], dict[Topic, dict[Subscription, None]]] = {
            kind: {} for kind in (NewHeads, NewLogs, PendingTransactions, Syncing)
        }

    def add(self, topic: Topic, subscriber: Subscriber) -> Subscription:
        """A new subscription, silent until its `begin`. Raises RpcError when all criteria take too much memory."""
        if not self._criteria.take(_cost(topic)):
            raise RpcFault.CRITERIA_TOO_LARGE.error()
        subscription = Subscription(topic, subscriber, self._limits)
        self._groups[type(topic)].setdefault(topic, {})[subscription] = None
        return subscription

    def remove(self, subscription: Subscription) -> None:
        """End a subscription that was added."""
        subscription.has_ended = True
        groups = self._groups[type(subscription.topic)]
        group = groups[subscription.topic]
        del group[subscription]
        if not group:
            del groups[subscription.topic]
        self._criteria.give_back(_cost(subscription.topic))

    def topics(self, kind: type[TopicT]) -> list[TopicT]:
        """The topics of a kind that somebody subscribed to."""
        return cast(list[TopicT], list(self._groups[kind]))

    async def publish(self, topic: Topic, result: bytes, pace: Pace) -> None:
        """Announce finished JSON to all subscribers of the topic."""
        tail = b'","result":%b}}' % result
        for subscription in tuple(self._groups[type(topic)].get(topic, ())):
            subscription.tell(tail)
            await pace.rest_if_due()

    def end_all(self, kind: type[TopicT]) -> None:
        """End the connections with subscriptions of a kind: something was lost."""
        for subscription in [member for group in self._groups[kind].values() for member in group]:
            subscription.fall_behind()


def _cost(topic: Topic) -> int:
    return cost_bytes(topic.criteria) if isinstance(topic, NewLogs) else BASE_COST_BYTES
