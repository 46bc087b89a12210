"""Runs heavy calls in worker threads, so that they never hold the event loop.

Owns the number of threads, the length of the queues in front of them, each client's share of these, and the run time
of a call. Never decides which call is heavy: a method says so by returning `OffLoop`. The threads:
rpc/dispatch/workers.py.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Final, TypeVar

from rpc.dispatch.clients import LOCAL
from rpc.dispatch.deferred import Deadline
from rpc.dispatch.workers import QueueFull, ShareTaken, Workers
from rpc.errors import RpcFault

SWITCH_INTERVAL_S: Final = 0.000_5
"""A thread that computes keeps the interpreter lock that long when another wants it. The event loop asks for
it after every system call: with Python's 5 ms one running eth_call slowed every other request to 5 ms (0.08 ms
without it), with this one to 0.7 ms."""

MAX_WAITING_LONG: Final = 16
"""Long calls that wait for their thread. Traces take seconds: who waits behind more of them is told so at once."""

SHARES: Final = 4
"""One client may have a quarter of the calls that wait."""

T = TypeVar("T")


class HeavyCalls:
    """A bounded set of worker threads with a bounded queue, in which the clients take turns.

    Calls that may take many seconds have threads of their own, so that short ones never wait behind them.
    A call whose client gave up keeps its thread until it sees its deadline: it counts until then, so that abandoned
    work cannot pile up.
    """

    def __init__(self, threads: int, max_waiting: int, run_time_s: float, long_threads: int = 1) -> None:
        sys.setswitchinterval(min(sys.getswitchinterval(), SWITCH_INTERVAL_S))
        self._short = Workers("rpc call", threads, max_waiting, _share(max_waiting))
        self._long = Workers("rpc long call", long_threads, MAX_WAITING_LONG, _share(MAX_WAITING_LONG))
        self._run_time_s = run_time_s

    async def run(self, job: Callable[[Deadline], T], *, is_long: bool = False, client: str = LOCAL) -> T:
        """The result of `job`, or its error. A long job has a thread of its own kind. `client`: see
        rpc/dispatch/clients.py.

        Raises RpcError: -32005 at once when the queue is full, or the client's share of it.
        """
        workers = self._long if is_long else self._short
        try:
            return await workers.run(
                lambda: job(Deadline(self._run_time_s)), client
            )  # waiting does not count
        except QueueFull:
            raise RpcFault.BUSY.error() from None
        except ShareTaken:
            raise RpcFault.CLIENT_BUSY.error() from None

    def close(self) -> None:
        """The threads end. On the event loop, when nobody waits any more."""
        self._short.close()
        self._long.close()


def _share(max_waiting: int) -> int:
    return max(1, max_waiting // SHARES)
