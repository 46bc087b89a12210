"""eth_subscribe and eth_unsubscribe.

Owns the names of what can be subscribed to and their parameters. Never keeps subscriptions
(rpc/notify/subscriptions.py); over a connection that cannot be notified the dispatcher answers.
Specification: go-ethereum rpc/handler.go (handleSubscribe), rpc/json.go (parseSubscriptionName), eth/filters/api.go.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rpc.dispatch.deferred import Subscribe, Unsubscribe
from rpc.dispatch.session import NewHeads, NewLogs, PendingTransactions, Syncing, Topic
from rpc.errors import RpcFault
from rpc.params.criteria import check_range
from rpc.params.log_filter import LogFilter, log_filter
from rpc.params.method import MalformedArgument, Method, Parameter, bind, optional
from rpc.params.values import boolean
from rpc.services import Services


def methods(services: Services) -> tuple[Method, ...]:
    """Subscriptions of the connection that asks."""
    handlers = SubscriptionMethods(services.limits.max_filter_terms)
    return (
        Method("eth_subscribe", handlers.subscribe, (KIND, DETAIL)),
        Method("eth_unsubscribe", handlers.unsubscribe, (SUBSCRIPTION_ID,)),
    )


@dataclass(frozen=True, slots=True)
class _Kind:
    """`make` builds the topic from the parameter that follows the name."""

    parameters: tuple[Parameter, ...]
    make: Callable[..., Topic]


class SubscriptionMethods:
    """The handlers, with the limit on the terms of a log filter."""

    def __init__(self, max_terms: int) -> None:
        self._kinds = {
            "newHeads": _Kind((), NewHeads),
            "logs": _Kind((log_filter(max_terms),), _new_logs),
            "newPendingTransactions": _Kind(
                (optional(Parameter(boolean), default=False),), PendingTransactions
            ),
            "syncing": _Kind((), Syncing),
        }

    def subscribe(self, name: str | None, detail: object) -> Subscribe:
        """eth_subscribe."""
        if name is None:
            raise RpcFault.SUBSCRIPTION_NAME_MISSING.error()
        kind = self._kinds.get(name)
        if kind is None:
            raise RpcFault.SUBSCRIPTION_UNKNOWN.error(name=name)
        # The name counts as the first parameter, in the texts of errors too.
        arguments = bind((KIND, *kind.parameters), [name, detail])
        return Subscribe(kind.make(*arguments[1:]))

    def unsubscribe(self, subscription_id: str) -> Unsubscribe:
        """eth_unsubscribe."""
        return Unsubscribe(subscription_id)


def _new_logs(criteria: LogFilter) -> NewLogs:
    check_range(criteria)
    return NewLogs(criteria)


def _name(value: object) -> str:
    if not isinstance(value, str):
        raise RpcFault.SUBSCRIPTION_NAME_MISSING.error()
    return value


def _identifier(value: object) -> str:
    if not isinstance(value, str):
        raise MalformedArgument("json: cannot unmarshal non-string into Go value of type rpc.ID")
    return value


KIND = optional(Parameter(_name))
DETAIL = optional(Parameter(lambda value: value))
SUBSCRIPTION_ID = Parameter(_identifier)
