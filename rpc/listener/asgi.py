"""Runs an ASGI application for one HTTP request.

Owns the translation between this server's requests and the ASGI messages: bodies of known length as they are,
streamed ones in chunks. Never parses and never decides who may ask.
Specification: ASGI 3.0, HTTP connection scope 2.4; RFC 9112 section 7.1 (chunked coding).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import trio

from rpc.bug_log import log_bug
from rpc.listener.http_reply import plain_reply, status_line
from rpc.listener.http_request import HttpRequest

Scope = dict[str, Any]
Message = dict[str, Any]
AsgiApp = Callable[[Any, Any, Any], Awaitable[None]]
Send = Callable[[bytes], Awaitable[None]]

_HOP_BY_HOP: Final = frozenset(
    (b"connection", b"keep-alive", b"transfer-encoding", b"upgrade", b"date", b"content-length")
)
"""Headers that belong to this server, whatever the application says; the length is handled apart."""

_BODILESS_STATUS: Final = frozenset((204, 304))


class MalformedTarget(Exception):
    """The request target is not a path of this server."""


def http_scope(request: HttpRequest, client: tuple[str, int] | None) -> Scope:
    """The ASGI scope of a request.

    Raises MalformedTarget for a target that is neither a path nor an absolute URL, or no UTF-8.
    """
    raw_path, query = request.path, request.target.partition(b"?")[2]
    if not raw_path:
        raise MalformedTarget
    try:
        path = unquote_to_bytes(raw_path).decode()
    except UnicodeDecodeError:
        raise MalformedTarget from None
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": request.version,
        "method": request.method.decode("ascii"),
        "scheme": "http",
        "path": path,
        "raw_path": raw_path,
        "query_string": query,
        "root_path": "",
        "headers": request.headers,
        "client": client,
        "server": None,
    }


class AsgiExchange:
    """One request to the application and its reply. `lines` are finished header lines of every reply.

    After `run`, `must_close` tells whether the connection cannot be used again.
    """

    def __init__(self, request: HttpRequest, send: Send, lines: bytes) -> None:
        self._request = request
        self._send_bytes = send
        self._lines = lines
        self._body_given = False
        self._finished = trio.Event()
        self._status = 0
        self._app_headers = b""
        self._length: int | None = None
        self._head_sent = False
        self._chunked = False
        self.must_close = False

    async def run(self, app: AsgiApp, scope: Scope) -> None:
        """Let the application answer. Its errors become status 500, or end the connection in mid-reply."""
        try:
            await app(scope, self._receive, self._send)
        except OSError:
            self.must_close = True  # the client went away
        except Exception as error:
            log_bug(error, scope["path"])
        if not self._finished.is_set():
            self.must_close = True
            if not self._head_sent:
                await self._send_bytes(plain_reply(500, "internal error", self._lines))

    async def _receive(self) -> Message:
        if not self._body_given:
            self._body_given = True
            return {"type": "http.request", "body": self._request.body, "more_body": False}
        await self._finished.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start(message["status"], message.get("headers", ()))
        elif message["type"] == "http.response.body":
            await self._body(message.get("body", b""), message.get("more_body", False))

    def _start(self, status: int, headers: Any) -> None:
        lines = []
        for name, value in headers:
            lower = name.lower()
            if b"\r" in name + value or b"\n" in name + value or b":" in name:
                raise ValueError(f"header {name!r} of a reply would split it")
            if lower == b"content-length":
                self._length = int(value)
            elif lower not in _HOP_BY_HOP:
                lines.append(b"%b: %b\r\n" % (lower, value))
        self._status = status
        self._app_headers = b"".join(lines)

    async def _body(self, piece: bytes, more: bool) -> None:
        out = b""
        if not self._head_sent:
            out = self._head(len(piece), more)
            self._head_sent = True
        if self._request.method != b"HEAD" and self._status not in _BODILESS_STATUS:
            if not self._chunked:
                out += piece
            elif piece:
                out += b"%x\r\n%b\r\n" % (len(piece), piece)
            if self._chunked and not more:
                out += b"0\r\n\r\n"
        if out:
            await self._send_bytes(out)
        if not more:
            self._finished.set()

    def _head(self, piece_length: int, more: bool) -> bytes:
        if self._length is None and not more:
            self._length = piece_length
        framing = b""
        if self._status in _BODILESS_STATUS:
            pass
        elif self._length is not None:
            framing = b"content-length: %d\r\n" % self._length
        elif self._request.version == "1.1":
            framing = b"transfer-encoding: chunked\r\n"
            self._chunked = True
        else:
            self.must_close = True  # HTTP/1.0: the end of the connection is the end of the body
        return b"%b%b%b%b\r\n" % (status_line(self._status), self._app_headers, self._lines, framing)
