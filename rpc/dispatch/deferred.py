"""What a method hands back when its answer cannot be given at once.

Owns the kinds of deferred answer and the time limit that a heavy call watches. Never runs them: that is
the dispatcher's task (rpc/dispatch/dispatcher.py).
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from rpc.dispatch.session import Topic
from rpc.errors import RpcFault


class Deadline:
    """The end of a heavy call's run time. A call that loops over foreign input asks `check` in each turn."""

    __slots__ = ("_end", "_seconds")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds

    def within(self, seconds: float) -> Deadline:
        """The end of this one, or `seconds` from now, whichever comes first."""
        other = Deadline(seconds)
        return other if other._end < self._end else self

    @property
    def has_passed(self) -> bool:
        """The call must stop now."""
        return time.monotonic() >= self._end

    def check(self) -> None:
        """Raise the error -32000 `execution aborted` once the time is over."""
        if self.has_passed:
            raise RpcFault.EXECUTION_TIMED_OUT.error(seconds=f"{self._seconds:g}")


@dataclass(frozen=True, slots=True)
class OffLoop:
    """A computation that would hold the event loop; it runs in a worker thread.

    `job` returns a JSON value, or finished JSON as `msgspec.Raw`; it may raise what an inline method may.
    `is_long`: it may take many seconds, and keeps its own time; short ones do not wait behind it.
    """

    job: Callable[[Deadline], object]
    is_long: bool = False


@dataclass(frozen=True, slots=True)
class Submission:
    """A raw transaction for the pool. Neighbours in a batch are submitted together."""

    raw: bytes


@dataclass(frozen=True, slots=True)
class OnLoop:
    """An asynchronous job for the event loop, under the time limit of the request; it only waits, never computes.

    It returns a JSON value, finished JSON as `msgspec.Raw`, or an OffLoop for what is left to compute; it may raise
    what an inline method may.
    """

    job: Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Subscribe:
    """A subscription for the connection that asks; the answer is its id."""

    topic: Topic


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """The end of a subscription of the connection that asks; the answer is true."""

    subscription_id: str
