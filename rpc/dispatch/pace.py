"""Lets other tasks of the event loop run during long work.

Owns the length of one stretch of work. Never runs the work.
"""

from __future__ import annotations

import time
from typing import Final

import trio

LOOP_SLICE_S: Final = 0.003
"""Work on the event loop that takes longer lets other tasks run in between."""


class Pace:
    """One piece of work; call `rest_if_due` between its steps."""

    __slots__ = ("_end",)

    def __init__(self) -> None:
        self._end = time.perf_counter() + LOOP_SLICE_S

    @property
    def is_due(self) -> bool:
        """The work has held the loop for one slice."""
        return time.perf_counter() > self._end

    async def rest_if_due(self) -> bool:
        """Let other tasks run once the slice is over; tells whether they did."""
        if not self.is_due:
            return False
        await trio.lowlevel.checkpoint()
        self._end = time.perf_counter() + LOOP_SLICE_S
        return True
