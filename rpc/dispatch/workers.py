"""Worker threads that compute for tasks of the event loop.

Owns the threads, the queue in front of them, whose turn it is, and the way back of the results.
Never decides what runs here, or for how long (rpc/dispatch/heavy.py).

trio.to_thread takes 150 µs of CPU for each job, three times as much as a small eth_call, most of it for handing the
interpreter lock to and fro. Here a thread is woken only when the event loop has nothing else to do, one thread alone
works as long as its jobs are short, it steps aside when the event loop is awake again, and results that became ready
meanwhile are handed back together.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import trio
from trio.lowlevel import Abort, Task, TrioToken

from rpc.dispatch.clients import LOCAL

PATIENCE_S: Final = 0.01
"""When a job takes longer, another thread goes on with the queue. Earlier it would serve nobody: all threads share one
interpreter lock, and the event loop gets it the less often the more of them want it."""

TICK_S: Final = 0.002
"""So often the event loop looks after jobs that wait; results do not wait longer for a job that takes long."""

SLICE_S: Final = 0.000_5
"""A thread that has worked that long begins no further job while the event loop is awake. Without this the loop waits
for the interpreter lock at each system call, behind job after job: under many short calls its delays were four times
those of trio.to_thread, and so were those of consensus."""

IDLE_S: Final = 10.0
"""A thread without work ends after that time."""

T = TypeVar("T")


class QueueFull(Exception):
    """So many jobs wait that no further one is taken."""


class ShareTaken(Exception):
    """So many jobs of this client wait that no further one of it is taken."""


class _Job:
    """One job; `task` waits for it, and is None when nobody does."""

    __slots__ = ("client", "error", "result", "task", "token", "work")

    def __init__(self, work: Callable[[], Any], client: str, task: Task, token: TrioToken) -> None:
        self.work = work
        self.client = client
        self.task: Task | None = task
        self.token = token
        self.result: Any = None
        self.error: BaseException | None = None

    def do(self) -> None:
        try:
            self.result = self.work()
        except BaseException as error:  # also one that would end the thread: the task gets it
            self.error = error

    def taken(self) -> Any:
        """The result, or the error raised, without a circle of references to it."""
        error, self.error = self.error, None
        if error is None:
            return self.result
        try:
            raise error
        finally:
            del error


class _Queue:
    """The jobs that wait. The clients take turns, each with its oldest job."""

    def __init__(self) -> None:
        self._of: dict[str, deque[_Job]] = {}  # none of them empty; whose turn it is comes first
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[str]:
        return iter(self._of)

    def count(self, client: str) -> int:
        return len(self._of.get(client, ()))

    def put(self, job: _Job) -> None:
        self._of.setdefault(job.client, deque()).append(job)
        self._count += 1

    def take(self, client: str) -> _Job:
        jobs = self._of.pop(client)
        job = jobs.popleft()
        if jobs:
            self._of[client] = jobs
        self._count -= 1
        return job

    def remove(self, job: _Job) -> None:
        """Does nothing for a job that does not wait any more."""
        jobs = self._of.get(job.client)
        if jobs is not None and job in jobs:
            jobs.remove(job)
            self._count -= 1
            if not jobs:
                del self._of[job.client]


@dataclass(slots=True, eq=False)
class _Thread:
    """A thread: the lock at which it sleeps, when it was woken, and whose job it has since when."""

    wake: threading.Lock
    client: str = LOCAL
    since: float = 0.0
    woken: float = 0.0


class Workers(trio.abc.Instrument):
    """A bounded number of threads behind a bounded queue, for one event loop at a time.

    `max_waiting`: jobs that wait at most; `max_waiting_each`: those of one client, if it is not LOCAL. Threads start
    when they are needed, and end when they are idle for long or after `close`. They are daemons: a process that ends
    does not wait for them.
    """

    def __init__(self, name: str, threads: int, max_waiting: int, max_waiting_each: int) -> None:
        self._name = name
        self._max_threads = threads
        self._max_waiting = max_waiting
        self._max_waiting_each = max_waiting_each
        self._lock = threading.Lock()  # over the queue and both sets of threads
        self._queue = _Queue()
        self._busy: dict[_Thread, None] = {}
        self._idle: list[_Thread] = []
        self._finished: deque[_Job] = deque()
        self._token: TrioToken | None = None  # of the event loop that has this instrument
        self._is_ticking = False
        self._is_loop_awake = True
        self._is_closed = False

    async def run(self, work: Callable[[], T], client: str = LOCAL) -> T:
        """The result of `work`, or its error. A job whose task is cancelled is not begun any more; one that runs keeps
        its thread to its end.

        Raises QueueFull or ShareTaken at once.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        token = trio.lowlevel.current_trio_token()
        if token is not self._token:
            trio.lowlevel.add_instrument(self)
            self._token, self._is_ticking = token, False
        job = _Job(work, client, trio.lowlevel.current_task(), token)
        self._enqueue(job)

        def abort(_: object) -> Abort:
            with self._lock:
                job.task = None
                self._queue.remove(job)
            return Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)
        result: T = job.taken()
        return result

    def close(self) -> None:
        """No further job is taken, and the threads end. To be called on the event loop, when no task waits."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for thread in idle:
            thread.wake.release()
        if self._token is not None:
            self._token = None
            trio.lowlevel.remove_instrument(self)

    # On the event loop.

    def _enqueue(self, job: _Job) -> None:
        with self._lock:
            ahead = len(self._queue) + len(self._busy)
            if self._is_closed or ahead >= self._max_threads + self._max_waiting:
                raise QueueFull
            if job.client != LOCAL and self._queue.count(job.client) >= self._max_waiting_each:
                raise ShareTaken
            threads = len(self._busy) + len(self._idle)
            if threads < self._max_threads and threads <= ahead:
                self._start_thread()
            self._queue.put(job)
        if ahead and not self._is_ticking:
            self._is_ticking = True
            trio.lowlevel.spawn_system_task(self._tick)

    def _start_thread(self) -> None:
        thread = _Thread(threading.Lock())
        thread.wake.acquire()
        threading.Thread(target=self._work, args=(thread,), name=self._name, daemon=True).start()
        self._idle.append(thread)

    async def _tick(self) -> None:
        """Keep the event loop turning while jobs wait: it looks after them in each turn."""
        while not self._is_closed and (self._queue or self._finished):
            await trio.sleep(TICK_S)
        self._is_ticking = False

    def before_io_wait(self, timeout: float) -> None:  # noqa: ARG002  the signature is trio's
        """Called by trio: wake a thread, unless one will take the next job soon anyway."""
        self._is_loop_awake = False
        if not self._queue:
            return
        with self._lock:
            now = time.perf_counter()
            if (
                not self._idle
                or any(now - thread.since < PATIENCE_S for thread in self._busy)
                or self._next_client() is None
            ):
                return
            thread = self._idle.pop()
            thread.client, thread.since, thread.woken = LOCAL, now, now
            self._busy[thread] = None
        thread.wake.release()

    def after_io_wait(self, timeout: float) -> None:  # noqa: ARG002  the signature is trio's
        """Called by trio: hand back what is ready."""
        self._is_loop_awake = True
        if self._finished:
            self._deliver()

    def _deliver(self) -> None:
        while self._finished:
            job = self._finished.popleft()
            if job.task is not None:
                task, job.task = job.task, None
                trio.lowlevel.reschedule(task)

    # In the threads.

    def _work(self, thread: _Thread) -> None:
        while self._sleep(thread):
            token = None
            while (job := self._next_job(thread)) is not None:
                job.do()
                self._finished.append(job)
                token = job.token
            if token is not None and self._finished:
                try:
                    token.run_sync_soon(self._deliver)
                except trio.RunFinishedError:
                    pass  # and so is every task that could have waited

    def _sleep(self, thread: _Thread) -> bool:
        """Until there is work; False when the thread may end."""
        if self._is_closed:
            return False
        if thread.wake.acquire(timeout=IDLE_S):
            return True
        with self._lock:
            if thread in self._idle:
                self._idle.remove(thread)
                return False
        return thread.wake.acquire()  # somebody wakes it just now

    def _next_job(self, thread: _Thread) -> _Job | None:
        """The next job; None when the thread has to sleep."""
        with self._lock:
            self._busy.pop(thread, None)  # `close` wakes one that is not busy
            if self._is_closed:
                return None
            now = time.perf_counter()
            steps_aside = self._is_loop_awake and now - thread.woken > SLICE_S
            client = None if steps_aside else self._next_client()
            if client is None:
                self._idle.append(thread)
                return None
            thread.client, thread.since = client, now
            self._busy[thread] = None
            return self._queue.take(client)

    def _next_client(self) -> str | None:
        """Whose turn it is, under the lock; a thread is free. The last one is not for a client that has another one
        already, so that nobody alone makes all others wait."""
        if self._max_threads - len(self._busy) > 1:
            return next(iter(self._queue), None)
        served = {thread.client for thread in self._busy}
        return next((client for client in self._queue if client == LOCAL or client not in served), None)
