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

from chain.errors import CallerError
from node.config import LogSettings

LEVELS = ("debug", "info", "warning", "error")
_threshold = [logging.INFO]  # one for the process, as the configuration of structlog
_LEVEL_OF_METHOD = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "msg": logging.INFO,
    "warn": logging.WARNING,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "exception": logging.ERROR,
}
SECRET_FIELDS = frozenset({"password", "secret", "private_key", "mnemonic", "key"})


def configure_logging(settings: LogSettings) -> None:
    """Sets the process-wide log level and form; `auto` is console on a terminal and JSON elsewhere."""
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
            _drop_below_threshold,
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _redact,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        # Everything, because loggers are kept and the level may change.
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        logger_factory=structlog.WriteLoggerFactory(file=_StandardError()),
        cache_logger_on_first_use=True,
    )
    # The libraries log through the standard module; only their warnings concern an operator.
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(name)s: %(message)s")
    set_log_level(settings.level)


def set_log_level(level: str) -> None:
    """From now on log what is at least as important. Raises CallerError for a level that does not exist."""
    if level not in LEVELS:
        raise CallerError(f"log level {level[:20]!r} is none of {', '.join(LEVELS)}")
    _threshold[0] = logging.getLevelNamesMapping()[level.upper()]
    logging.getLogger().setLevel(max(_threshold[0], logging.WARNING))


def log_level() -> str:
    """The level that was set last."""
    return logging.getLevelName(_threshold[0]).lower()


def _drop_below_threshold(
    _logger: Any, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    if _LEVEL_OF_METHOD.get(method, logging.CRITICAL) < _threshold[0]:
        raise structlog.DropEvent
    return event


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
