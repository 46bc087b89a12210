"""Tells whoever listens what happens on this node: another head, transactions that the pool took in.

Owns the list of listeners. Never waits and never keeps what it tells: a listener that is slow must see to that itself.
Implements rpc.backend.EventSource. Used on the event loop only.
"""

from __future__ import annotations

from collections.abc import Sequence

from chain.transaction import RecoveredTransaction
from rpc.backend import EventListener


class NodeEvents:
    """The pool has one, because it follows the head too: a listener finds both in step."""

    def __init__(self) -> None:
        self._listeners: list[EventListener] = []

    def listen(self, listener: EventListener) -> None:
        """Tell it from now on."""
        self._listeners.append(listener)

    def stop_listening(self, listener: EventListener) -> None:
        """Tell it no more."""
        self._listeners.remove(listener)

    @property
    def wants_transactions(self) -> bool:
        """Somebody wants to know what the pool takes in."""
        return any(listener.wants_transactions for listener in self._listeners)

    def head_changed(self) -> None:
        """A block was committed and the pool has followed, or a development chain was set back."""
        for listener in self._listeners:
            listener.head_changed()

    def transactions_accepted(self, accepted: Sequence[RecoveredTransaction]) -> None:
        """The pool took these in."""
        for listener in self._listeners:
            listener.transactions_accepted(accepted)
