"""structlog set-up: JSON lines for machines, a console renderer for people, both on standard error.

Event names are snake_case nouns; height and round are bound as fields. Secrets never reach the log: fields
whose name says so are blanked here, once, for every logger.
"""

import io
import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from node.config import LogSettings

SECRET_FIELDS = frozenset({"password", "secret", "private_key", "mnemonic", "key"})


def configure_logging(settings: LogSettings) -> None:
    """Sets the process-wide log level and form; `auto` is console on a terminal and JSON elsewhere."""
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    as_json = settings.format == "json" or (settings.format == "auto" and not sys.stderr.isatty())
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if as_json
        # Not its own tracebacks: they show the values of local variables, which may be keys.
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _redact,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=_StandardError()),
        cache_logger_on_first_use=True,
    )
    # The libraries log through the standard module; only their warnings concern an operator.
    logging.basicConfig(stream=sys.stderr, level=max(level, logging.WARNING), format="%(name)s: %(message)s")


class _StandardError(io.StringIO):
    """Today's sys.stderr at each write: whoever replaces it (a test, a supervisor) gets the log.

    A log that cannot be written (full disk, reader of a pipe gone, closed file) is lost, but never ends the node.
    """

    def write(self, text: str) -> int:
        try:
            return sys.stderr.write(text)
        except (OSError, ValueError):
            return len(text)

    def flush(self) -> None:
        try:
            sys.stderr.flush()
        except (OSError, ValueError):
            pass


def _redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name in SECRET_FIELDS & event.keys():
        event[name] = "<redacted>"
    return event
