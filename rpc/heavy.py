"""Runs heavy calls in worker threads, so that they never hold the event loop.

Owns the number of threads, the length of the queue in front of them and their run time. Never decides which
call is heavy: a method says so by returning `OffLoop`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final, TypeVar

import trio

from rpc.deferred import Deadline
from rpc.errors import RpcFault

SWITCH_INTERVAL_S: Final = 0.000_5
"""A thread that computes keeps the interpreter lock that long when another wants it. The event loop asks for
it after every system call: with Python's 5 ms one running eth_call slowed every other request to 5 ms (0.08 ms
without it), with this one to 0.7 ms."""

MAX_WAITING_LONG: Final = 16
"""Long calls that wait for their thread. Traces take seconds: who waits behind more of them is told so at once."""

T = TypeVar("T")

_ABANDON: dict[str, Any] = {"abandon_on_cancel": True}  # as keywords: old stubs of trio lack this one


class HeavyCalls:
    """A bounded set of worker threads with a bounded queue.

    Calls that may take many seconds have threads of their own, so that short ones never wait behind them.
    A call whose client gave up keeps its thread until it sees its deadline: the limiter counts it until
    then, so that abandoned work cannot pile up.
    """

    def __init__(self, threads: int, max_waiting: int, run_time_s: float, long_threads: int = 1) -> None:
        sys.setswitchinterval(min(sys.getswitchinterval(), SWITCH_INTERVAL_S))
        self._limiter = trio.CapacityLimiter(threads)
        self._long_limiter = trio.CapacityLimiter(long_threads)
        self._max_waiting = max_waiting
        self._run_time_s = run_time_s

    async def run(self, job: Callable[[Deadline], T], *, is_long: bool = False) -> T:
        """The result of `job`, or its error. A long job has a thread of its own kind.

        Raises RpcError: -32005 at once when the queue is full.
        """
        limiter = self._long_limiter if is_long else self._limiter
        if limiter.statistics().tasks_waiting >= (MAX_WAITING_LONG if is_long else self._max_waiting):
            raise RpcFault.BUSY.error()
        return await trio.to_thread.run_sync(self._run_with_deadline, job, limiter=limiter, **_ABANDON)

    def _run_with_deadline(self, job: Callable[[Deadline], T]) -> T:
        return job(Deadline(self._run_time_s))  # the time in the queue does not count
