"""Who is told what: the subscriptions of all connections, and the fan-out of an announcement to them.

Owns the ids, the grouping of equal topics, and the form of a notification. What is announced is encoded once;
only the id differs between subscribers. Never looks at the chain (rpc/notify/events.py) and never writes to a socket.
Specification: go-ethereum rpc/subscription.go; EIP-1474 leaves subscriptions out.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Protocol, TypeVar, cast

from rpc.dispatch.byte_budget import ByteBudget
from rpc.dispatch.pace import Pace
from rpc.dispatch.session import NewHeads, NewLogs, PendingTransactions, Syncing, Topic
from rpc.errors import RpcFault
from rpc.params.criteria import BASE_COST_BYTES, cost_bytes

TopicT = TypeVar("TopicT", NewHeads, NewLogs, PendingTransactions, Syncing)

GROUP_BYTES: Final = 32_768
GROUP_NOTIFICATIONS: Final = 128
"""Notifications of one connection that are sent together: one system call for many logs or transactions."""

_HEAD: Final = b'{"jsonrpc":"2.0","method":"eth_subscription","params":{"subscription":"'


def new_id() -> str:
    """An id that cannot be guessed: 16 random bytes, the first digit not zero, because go-ethereum strips zeros."""
    return f"0x{secrets.randbits(128) % _IDS + _FIRST_ID:x}"


_FIRST_ID: Final = 1 << 124
_IDS: Final = (1 << 128) - _FIRST_ID


class Subscriber(Protocol):
    """A connection. No method waits or raises."""

    def push(self, messages: Sequence[bytes]) -> None:
        """Send notifications, in order."""
        ...

    def hold(self, count: int, size: int) -> bool:
        """Count notifications that cannot be sent yet; False when too much is waiting."""
        ...

    def release(self, count: int, size: int) -> None:
        """They are sent now, or never."""
        ...

    def fall_behind(self) -> None:
        """It cannot be told everything any more: end it."""
        ...


class Subscription:
    """One subscription. Until `begin` it keeps what it has to tell: its id must reach the client first."""

    __slots__ = ("_held", "_id_bytes", "_subscriber", "has_ended", "id", "topic")

    def __init__(self, topic: Topic, subscriber: Subscriber) -> None:
        self.id = new_id()
        self.topic = topic
        self.has_ended = False
        self._id_bytes = self.id.encode()
        self._subscriber = subscriber
        self._held: list[bytes] | None = []

    def begin(self) -> None:
        """The reply with the id is on the way: tell what has been kept, and all that comes."""
        for messages in _groups(self._forget_held()):
            self._subscriber.push(messages)

    def tell(self, tails: Sequence[bytes]) -> None:
        """Announce: each of `tails` is what follows the id of one notification."""
        if self.has_ended:
            return
        messages = [b"".join((_HEAD, self._id_bytes, tail)) for tail in tails]
        if self._held is None:
            self._subscriber.push(messages)
        elif self._subscriber.hold(len(messages), sum(map(len, messages))):
            self._held += messages
        else:
            self._subscriber.fall_behind()

    def end(self) -> None:
        """Tell nothing more."""
        self.has_ended = True
        self._forget_held()

    def fall_behind(self) -> None:
        """End the connection, because something cannot be told."""
        self._subscriber.fall_behind()

    def _forget_held(self) -> list[bytes]:
        held, self._held = self._held or [], None
        self._subscriber.release(len(held), sum(map(len, held)))
        return held


class Subscriptions:
    """All subscriptions of one listener; used on the event loop only. `criteria` bounds the memory of log filters."""

    def __init__(self, criteria: ByteBudget) -> None:
        self._criteria = criteria
        self._groups: dict[type[Topic], dict[Topic, dict[Subscription, None]]] = {
            kind: {} for kind in (NewHeads, NewLogs, PendingTransactions, Syncing)
        }

    def add(self, topic: Topic, subscriber: Subscriber) -> Subscription:
        """A new subscription, silent until its `begin`. Raises RpcError when all criteria take too much memory."""
        if not self._criteria.take(_cost(topic)):
            raise RpcFault.CRITERIA_TOO_LARGE.error()
        subscription = Subscription(topic, subscriber)
        self._groups[type(topic)].setdefault(topic, {})[subscription] = None
        return subscription

    def remove(self, subscription: Subscription) -> None:
        """End a subscription that was added."""
        subscription.end()
        groups = self._groups[type(subscription.topic)]
        group = groups[subscription.topic]
        del group[subscription]
        if not group:
            del groups[subscription.topic]
        self._criteria.give_back(_cost(subscription.topic))

    def topics(self, kind: type[TopicT]) -> list[TopicT]:
        """The topics of a kind that somebody subscribed to."""
        return cast(list[TopicT], list(self._groups[kind]))

    async def publish(self, topic: Topic, results: Iterable[bytes], pace: Pace) -> None:
        """Announce to all subscribers of the topic: a notification for each piece of finished JSON, in order."""
        for group in _groups(results):
            tails = [b'","result":%b}}' % result for result in group]
            for subscription in tuple(self._groups[type(topic)].get(topic, ())):
                subscription.tell(tails)
                await pace.rest_if_due()

    def end_all(self, kind: type[TopicT]) -> None:
        """End the connections with subscriptions of a kind: something was lost."""
        for subscription in [member for group in self._groups[kind].values() for member in group]:
            subscription.fall_behind()


def _groups(pieces: Iterable[bytes]) -> Iterator[list[bytes]]:
    """The pieces in groups that are sent together."""
    group: list[bytes] = []
    size = 0
    for piece in pieces:
        if group and (size + len(piece) > GROUP_BYTES or len(group) >= GROUP_NOTIFICATIONS):
            yield group
            group, size = [], 0
        group.append(piece)
        size += len(piece)
    if group:
        yield group


def _cost(topic: Topic) -> int:
    return cost_bytes(topic.criteria) if isinstance(topic, NewLogs) else BASE_COST_BYTES
