"""The application's work in one line: at most one of build, validate and commit at a time.

Owns: which job runs, which wait, and dropping those that became pointless. Never does: run anything itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from chain.errors import InvariantViolation
from consensus.ports import CommitJob, Job, Port

MAX_WAITING: Final = 8
"""Proposals of a few rounds and one synchronised block; more would be executed too late to matter."""


class JobQueue:
    """Jobs in order of arrival. A cancelled job stays `running` until the port says that it ended."""

    def __init__(self, port: Port) -> None:
        self.running: Job | None = None
        self._port = port
        self._waiting: deque[Job] = deque()
        self._cancelled = False

    def add(self, job: Job) -> bool:
        """Run `job` as soon as those before it are done; False if too many wait or the same one is there."""
        if job in self._waiting or (job == self.running and not self._cancelled):
            return False
        if len(self._waiting) >= MAX_WAITING and not isinstance(job, CommitJob):
            return False
        self._waiting.append(job)
        self.start_next()
        return True

    def drop_where(self, matches: Callable[[Job], bool]) -> None:
        """Forget waiting jobs that match, and cancel the running one if it does. Commits never match."""
        self._waiting = deque(job for job in self._waiting if isinstance(job, CommitJob) or not matches(job))
        running = self.running
        if running is None or isinstance(running, CommitJob) or self._cancelled or not matches(running):
            return
        self._cancelled = True
        self._port.cancel_job()

    def done(self) -> tuple[Job, bool]:
        """The running job ended: it, and whether its result still counts. Call `start_next` after using it."""
        job, counts = self.running, not self._cancelled
        if job is None:
            raise InvariantViolation("a job ended that was never started")
        self.running, self._cancelled = None, False
        return job, counts

    def start_next(self) -> None:
        """Start the oldest waiting job if none runs."""
        if self.running is None and self._waiting:
            self.running = self._waiting.popleft()
            self._port.start_job(self.running)
