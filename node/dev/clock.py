"""The clock of a development chain: the wall clock moved by an offset, and what the next block's time shall be.

Owns the offset and the wishes for the next block's time. Never reads the wall clock itself: that is an argument.
Rules follow anvil and the Hardhat network: times of blocks grow by at least a second, a block made at a wished time
moves the clock there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from chain.errors import CallerError

MAX_TIME_S: Final = 1 << 52
"""Milliseconds of a block time fit 63 bits; beyond the 48 bits that contracts use for times."""

MAX_INTERVAL_S: Final = 1 << 40
"""Between two blocks: so far below MAX_TIME_S that a time just below it can be read and refused."""


class UnusableTime(CallerError):
    """A block cannot have that time."""


@dataclass(frozen=True, slots=True)
class ClockState:
    """All that `restore` needs: the time that the clock showed, and the wishes."""

    now_ms: int
    next_s: int | None
    interval_s: int | None


class DevClock:
    """Called, it is the chain's present time in milliseconds."""

    def __init__(self, wall_time_ms: Callable[[], int], offset_ms: int = 0) -> None:
        self._wall_time_ms = wall_time_ms
        self.offset_ms = offset_ms
        self._next_s: int | None = None
        self._interval_s: int | None = None

    def __call__(self) -> int:
        return self._wall_time_ms() + self.offset_ms

    def wall_ms(self) -> int:
        """The time without the offset."""
        return self._wall_time_ms()

    def check_next(self, parent_s: int) -> None:
        """Raises UnusableTime if the next block would come after all times."""
        self._check(self.next_block_s(parent_s))

    def next_block_s(self, parent_s: int) -> int:
        """The time of a block made now on one of time `parent_s`."""
        if self._next_s is not None and self._next_s > parent_s:
            return self._next_s
        if self._interval_s is not None:
            return parent_s + self._interval_s
        return max(parent_s + 1, self() // 1000)

    def block_made(self, time_s: int) -> None:
        """A block of this time was committed: a wish for it is fulfilled."""
        if self._next_s is not None or self._interval_s is not None:
            self.offset_ms = time_s * 1000 - self._wall_time_ms()
        self._next_s = None

    def increase(self, seconds: int, parent_s: int) -> int:
        """Move the clock; returns the offset in seconds. Raises UnusableTime."""
        self._check(max(self() // 1000, parent_s) + seconds)
        self.offset_ms += seconds * 1000
        return self.offset_ms // 1000

    def set_now(self, time_ms: int) -> int:
        """Let the clock show this time; returns by how many seconds it moved. Raises UnusableTime."""
        self._check(time_ms // 1000)
        moved = time_ms - self()
        self.offset_ms += moved
        return moved // 1000

    def set_next(self, time_s: int, parent_s: int) -> None:
        """Wish for the next block's time. Raises UnusableTime."""
        if time_s <= parent_s:
            raise UnusableTime(
                f"Timestamp {time_s} is lower than or equal to previous block's timestamp {parent_s}"
            )
        self._check(time_s)
        self._next_s = time_s

    def set_interval(self, seconds: int | None) -> bool:
        """Let each block be so much later than the one before; returns whether there was such a wish before.

        Raises UnusableTime.
        """
        if seconds is not None and not 1 <= seconds <= MAX_INTERVAL_S:
            raise UnusableTime(
                f"an interval of {seconds} s between blocks: 1 to {MAX_INTERVAL_S} are possible"
            )
        had_one = self._interval_s is not None
        self._interval_s = seconds
        return had_one

    def state(self) -> ClockState:
        """For `restore`."""
        return ClockState(self(), self._next_s, self._interval_s)

    def restore(self, state: ClockState) -> None:
        """Show the time that the clock showed then: for the chain nothing has happened since."""
        self.offset_ms += state.now_ms - self()
        self._next_s, self._interval_s = state.next_s, state.interval_s

    @staticmethod
    def _check(time_s: int) -> None:
        if not 0 <= time_s <= MAX_TIME_S:
            raise UnusableTime(f"time {time_s} is out of range, at most {MAX_TIME_S}")
