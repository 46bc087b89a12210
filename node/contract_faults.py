"""What a node does when the code of a system contract has a bug: it tells its operator.

Owns the alarm and how often it sounds. Never decides what becomes of the call: vm/system/runtime/faults.py does.
"""

from __future__ import annotations

import traceback
from typing import Final

import structlog

from vm.system.runtime.faults import FAULTS

MAX_ORIGINS: Final = 256
"""Lines of code that are counted one by one; more of them share one count."""

MAX_ERROR_CHARACTERS: Final = 500
"""Of an error's text, which may quote what a stranger sent."""

log = structlog.get_logger(__name__)


def watch_contract_faults() -> None:
    """From now on the faults of this process reach its log."""
    FAULTS.alarm = FaultLog()


class FaultLog:
    """Logs a fault the first time that a line of code raises it, then the 2nd, 4th, 8th … time.

    Anybody may meet a fault as often as they like, in calls that cost nothing: a line for each would fill the disk.
    """

    def __init__(self) -> None:
        self._times: dict[str, int] = {}

    def __call__(self, place: str, error: Exception) -> None:
        origin = _origin(error)
        if origin not in self._times and len(self._times) >= MAX_ORIGINS:
            origin = ""
        times = self._times.get(origin, 0) + 1
        self._times[origin] = times
        if times & (times - 1) == 0:
            told = repr(error)[:MAX_ERROR_CHARACTERS]
            log.critical("system_contract_fault", place=place, error=told, times=times, exc_info=error)


def _origin(error: Exception) -> str:
    """The kind of error and the line that raised it."""
    frames = traceback.extract_tb(error.__traceback__, limit=-1)
    line = f"{frames[0].filename}:{frames[0].lineno}" if frames else ""
    return f"{type(error).__name__} {line}"
