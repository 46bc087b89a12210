"""The subscriptions of one connection that can be notified, and what one of its requests begins.

Owns their number, and that a subscription stays silent until its reply is on the way. Never writes to a connection and
never looks for what is to be told (rpc/notify/subscriptions.py).
"""

from __future__ import annotations

from rpc.dispatch.session import Session, Topic
from rpc.errors import RpcFault
from rpc.notify.subscriptions import Subscriber, Subscription, Subscriptions


class OwnSubscriptions:
    """Those of `subscriber`, at most `limit`."""

    def __init__(self, subscriptions: Subscriptions, subscriber: Subscriber, limit: int) -> None:
        self._subscriptions = subscriptions
        self._subscriber = subscriber
        self._limit = limit
        self._own: dict[str, Subscription] = {}

    def __len__(self) -> int:
        return len(self._own)

    def add(self, topic: Topic) -> Subscription:
        """A new subscription, silent until its `begin`. Raises RpcError."""
        if len(self._own) >= self._limit:
            raise RpcFault.SUBSCRIPTIONS_TOO_MANY.error(limit=self._limit)
        subscription = self._subscriptions.add(topic, self._subscriber)
        self._own[subscription.id] = subscription
        return subscription

    def remove(self, subscription_id: str) -> bool:
        """End one of them; False when there is none with that id."""
        subscription = self._own.pop(subscription_id, None)
        if subscription is None:
            return False
        self._subscriptions.remove(subscription)
        return True

    def end_all(self) -> None:
        """The connection ends."""
        for subscription in self._own.values():
            self._subscriptions.remove(subscription)
        self._own.clear()


class Exchange(Session):
    """One request or batch of a connection and its reply."""

    __slots__ = ("_begun", "_client", "_own")

    def __init__(self, own: OwnSubscriptions, client: str) -> None:
        self._own = own
        self._client = client
        self._begun: list[Subscription] = []

    @property
    def client(self) -> str:
        return self._client

    def subscribe(self, topic: Topic) -> str:
        subscription = self._own.add(topic)
        self._begun.append(subscription)
        return subscription.id

    def unsubscribe(self, subscription_id: str) -> bool:
        return self._own.remove(subscription_id)

    def begin(self) -> None:
        """The reply is on the way."""
        for subscription in self._begun:
            subscription.begin()
