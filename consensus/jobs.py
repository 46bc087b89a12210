"""The application's work in one line: at most one of build, validate and commit at a time.

Owns: which job runs, which wait, and dropping those that became pointless. Never does: run anything itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from chain.errors import InvariantViolation
from chain.types import Hash32
from consensus.ports import BuildJob, CommitJob, Job, Port, ValidateJob

MAX_WAITING: Final = 4
"""The newest proposals and one synchronised block; older ones are asked for again when the line is empty."""


class JobQueue:
    """The newest job first, because the newest proposal matters most; builds before all, commits alone.

    A cancelled job stays `running` until the port says that it ended.
    """

    def __init__(self, port: Port) -> None:
        self.running: Job | None = None
        self._port = port
        self._waiting: deque[Job] = deque()
        self._cancelled = False

    def add(self, job: Job) -> None:
        """Run `job` once, as soon as possible; beyond the bound the oldest waiting one is forgotten."""
        if job in self._waiting or (job == self.running and not self._cancelled):
            return
        first_builds = isinstance(job, ValidateJob) and any(isinstance(j, BuildJob) for j in self._waiting)
        self._waiting.insert(1 if first_builds else 0, job)
        while len(self._waiting) > MAX_WAITING:
            self._waiting.pop()
        self.start_next()

    def is_judging(self, block_id: Hash32) -> bool:
        """Whether a copy of the block is being judged or waits for it."""
        running = () if self.running is None or self._cancelled else (self.running,)
        return any(isinstance(j, ValidateJob) and j.block_id == block_id for j in (*running, *self._waiting))

    def is_idle(self) -> bool:
        """Whether nothing runs or waits."""
        return self.running is None and not self._waiting

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
        """Start the next waiting job if none runs."""
        if self.running is None and self._waiting:
            self.running = self._waiting.popleft()
            self._port.start_job(self.running)
