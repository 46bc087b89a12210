"""Writes the log entry for a bug that a client's request found.

Owns its form: the traceback as one text, without the values of variables, which may be secret and whose
rendering would hold the event loop. Never decides what the client is told.
"""

from __future__ import annotations

import traceback
from typing import Final

import structlog

TRACEBACK_FRAMES: Final = 20
"""Innermost frames that are kept."""

_log = structlog.get_logger(__name__)


def log_bug(error: Exception, where: str) -> None:
    """Log an exception that should not have happened; `where` names the method or path."""
    trace = "".join(traceback.format_exception(error, limit=-TRACEBACK_FRAMES))
    _log.error("rpc_bug", where=where, traceback=trace)
