"""Builds the heads of HTTP replies, and the short replies of the server itself.

Owns the status lines and the headers that every reply carries. Never writes to a socket.
Specification: RFC 9110, RFC 9112.
"""

from __future__ import annotations

import time
from email.utils import formatdate
from http import HTTPStatus
from typing import Final

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"

_STATUS_LINES: Final = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}

_JSON_START: Final = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


class DateLine:
    """The Date header, rendered once a second."""

    __slots__ = ("_line", "_second")

    def __init__(self) -> None:
        self._second = -1
        self._line = b""

    def line(self) -> bytes:
        """The header line, for this second."""
        second = int(time.time())
        if second != self._second:
            self._second = second
            self._line = b"date: " + formatdate(second, usegmt=True).encode() + b"\r\n"
        return self._line


def status_line(status: int) -> bytes:
    """The first line of a reply; unknown codes get an empty reason phrase."""
    return _STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status


def json_head(length: int, extra: bytes) -> bytes:
    """The head of a JSON-RPC reply; `extra` are finished header lines."""
    return b"%b%bcontent-length: %d\r\n\r\n" % (_JSON_START, extra, length)


def plain_reply(status: int, reason: str, extra: bytes = b"") -> bytes:
    """A whole reply with one line of text."""
    body = reason.encode() + b"\n"
    return b"%bcontent-type: text/plain; charset=utf-8\r\n%bcontent-length: %d\r\n\r\n%b" % (
        status_line(status),
        extra,
        len(body),
        body,
    )


def empty_reply(status: int, extra: bytes = b"") -> bytes:
    """A whole reply without a body (204, or one to HEAD)."""
    return b"%b%b\r\n" % (status_line(status), extra)
