"""Turns the bytes of one connection into requests.

Owns the head and body limits, the checks that stop request smuggling, and pipelining. The syntax is parsed
by llhttp (httptools) in its strict mode: both Content-Length and Transfer-Encoding, repeated lengths, bare
line feeds, folded headers and bytes after `Connection: close` are errors.
Never reads or writes a socket and never answers: what goes wrong is left in `failure`.
Specification: RFC 9110, RFC 9112.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import httptools

from rpc.dispatch.byte_budget import ByteBudget

HttpHeaders = list[tuple[bytes, bytes]]
"""Names in lower case, values without surrounding white space, in order of arrival."""

MAX_HEADER_FIELDS = 100
"""A browser sends about 15; each costs a tuple."""


@dataclass(slots=True)
class HttpRequest:
    """One complete request. `target` is the raw request target, `version` is `1.0` or `1.1`.

    `asks_for_websocket`: it may be answered by a change of protocol; what came behind it is the reader's `leftover`.
    """

    method: bytes
    target: bytes
    headers: HttpHeaders
    fields: dict[bytes, bytes]
    body: bytes
    keep_alive: bool
    version: str
    asks_for_websocket: bool = False

    def field(self, name: bytes) -> bytes:
        """The last value of a header, `name` in lower case; empty if it is absent."""
        return self.fields.get(name, b"")

    @property
    def path(self) -> bytes:
        """The path of the target, also of an absolute one; empty if the target has none."""
        target = self.target
        if not target.startswith(b"/"):
            scheme, separator, rest = target.partition(b"://")
            if not separator or scheme.lower() not in (b"http", b"https"):
                return b""
            target = b"/" + rest.partition(b"/")[2]
        return target.partition(b"?")[0]


@dataclass(frozen=True, slots=True)
class HttpFailure:
    """Why a connection cannot go on: the status that is answered before it is closed."""

    status: int
    reason: str


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """The part of the listener's limits that concerns one request."""

    max_head_bytes: int
    max_body_bytes: int


class RequestReader:
    """Feeds bytes to the parser and collects finished requests in `ready`.

    After every `feed`: answer `ready` in order, then, if `failure` is set, answer that and close.
    `leftover` holds the bytes behind a request for WebSocket; nothing is read after it.
    `awaits_continue` is true when the client waits for `100 Continue` before it sends the body.
    """

    __slots__ = (
        "_body",
        "_body_bytes",
        "_budget",
        "_content_length",
        "_fields",
        "_head_bytes",
        "_headers",
        "_headers_complete",
        "_limits",
        "_parser",
        "_quiet_bytes",
        "_target",
        "_upgrade_body_left",
        "awaits_continue",
        "failure",
        "in_message",
        "leftover",
        "ready",
    )

    in_message: bool
    awaits_continue: bool
    _headers_complete: bool
    _target: bytes
    _headers: HttpHeaders
    _fields: dict[bytes, bytes]
    _head_bytes: int
    _quiet_bytes: int
    _content_length: int

    def __init__(self, limits: RequestLimits, budget: ByteBudget) -> None:
        self._limits = limits
        self._budget = budget
        self._parser = httptools.HttpRequestParser(self)
        self.ready: deque[HttpRequest] = deque()
        self.failure: HttpFailure | None = None
        self.leftover = b""
        self._upgrade_body_left = -1
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._reset()

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the connection; never raises for what they are."""
        if self.failure is not None:
            return
        if self._upgrade_body_left >= 0:
            self._feed_upgrade_body(data)
            return
        self._quiet_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            self._fail(400, str(error) or "malformed request")
        if self.in_message and self._quiet_bytes > self._limits.max_head_bytes + len(data):
            # A head, a chunk extension or a trailer that does not end.
            self._fail(431, "request head too large")

    @property
    def expected_body_bytes(self) -> int:
        """Size of the body being received: as announced, or the most it may be when it is chunked."""
        if not self._headers_complete:
            return 0
        return self._content_length if self._content_length >= 0 else self._limits.max_body_bytes

    @property
    def head_is_complete(self) -> bool:
        """The head of the request being received has arrived."""
        return self._headers_complete

    def release(self) -> None:
        """Give back what the unfinished and unanswered requests hold; call it when the connection ends."""
        self._budget.give_back(self._body_bytes + sum(len(request.body) for request in self.ready))
        self._body_bytes = 0
        self.ready.clear()

    def answered(self, request: HttpRequest) -> None:
        """The body of a request from `ready` is no longer held."""
        if request.body:
            self._budget.give_back(len(request.body))

    # Callbacks of the parser. An exception here would hide its cause, so they record failures instead.

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        self._reset()
        self.in_message = True

    def on_url(self, piece: bytes) -> None:
        """A piece of the request target."""
        self._head_bytes += len(piece)
        self._target += piece

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header field, or one of the trailer."""
        if self._headers_complete:
            return  # a trailer: RFC 9110 section 6.5.1 lets a recipient discard it
        self._head_bytes += len(name) + len(value) + 4
        if self._head_bytes > self._limits.max_head_bytes or len(self._headers) >= MAX_HEADER_FIELDS:
            self._fail(431, "request head too large")
            return
        self._headers.append((name.lower(), value.strip()))

    def on_headers_complete(self) -> None:
        """The head has ended: check it before the body comes."""
        self._headers_complete = True
        self._quiet_bytes = 0
        self._fields = fields = dict(self._headers)
        if self._head_bytes > self._limits.max_head_bytes:
            self._fail(431, "request head too large")
        elif (
            complaint := _complaint_about(self._headers, fields, self._parser.get_http_version())
        ) is not None:
            self.failure = self.failure or complaint
        if self.failure is not None:
            return
        length = fields.get(b"content-length")
        self._content_length = int(length) if length else (-1 if b"transfer-encoding" in fields else 0)
        if self._content_length > self._limits.max_body_bytes:
            self._fail(413, "request body too large")
        elif b"expect" in fields and self._parser.get_http_version() == "1.1":
            self.awaits_continue = self._content_length != 0

    def on_body(self, piece: bytes) -> None:
        """A piece of the body, its chunk framing removed."""
        self._quiet_bytes = 0
        self._take_body(piece)

    def on_message_complete(self) -> None:
        """The request has ended."""
        if self.failure is not None or self._parser.should_upgrade():
            return  # an upgrade is finished in _upgrade
        self._finish(self._parser.should_keep_alive())

    # Internals.

    def _reset(self) -> None:
        self.in_message = False
        self.awaits_continue = False
        self._headers_complete = False
        self._target = b""
        self._headers = []
        self._fields = {}
        self._head_bytes = 0
        self._quiet_bytes = 0
        self._content_length = 0

    def _take_body(self, piece: bytes) -> None:
        if self.failure is not None:
            return
        self.awaits_continue = False
        if self._body_bytes + len(piece) > self._limits.max_body_bytes:
            self._fail(413, "request body too large")
        elif not self._budget.take(len(piece)):
            self._fail(503, "the node is busy: too much request data at once")
        else:
            self._body_bytes += len(piece)
            self._body.append(piece)

    def _finish(self, keep_alive: bool, *, asks_for_websocket: bool = False) -> None:
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self.ready.append(
            HttpRequest(
                method=self._parser.get_method(),
                target=self._target,
                headers=self._headers,
                fields=self._fields,
                body=body,
                keep_alive=keep_alive,
                version=self._parser.get_http_version(),
                asks_for_websocket=asks_for_websocket,
            )
        )
        self._body = []
        self._body_bytes = 0
        self._reset()

    def _fail(self, status: int, reason: str) -> None:
        if self.failure is None:
            self.failure = HttpFailure(status, reason)

    def _upgrade(self, rest: bytes) -> None:
        """Take a request that asks for another protocol: one for WebSocket is marked, every other is answered as
        if it had not asked (RFC 9110 section 7.8).

        The parser stops at the end of the head then, so a body of known length is read here; the connection
        closes after the answer. Some HTTP clients ask for HTTP/2 in this way with every first request.
        """
        if self.failure is not None:
            return
        if self._parser.get_http_version() == "1.1" and _asks_for_websocket(
            self._parser.get_method(), self._fields
        ):
            self.leftover = rest
            self._finish(keep_alive=False, asks_for_websocket=True)
            return
        if b"transfer-encoding" in self._fields:
            self._fail(501, "a chunked body together with an upgrade is not supported")
            return
        self._upgrade_body_left = self._content_length
        self._feed_upgrade_body(rest)

    def _feed_upgrade_body(self, data: bytes) -> None:
        piece = data[: self._upgrade_body_left]
        self._upgrade_body_left -= len(piece)
        if piece:
            self._take_body(piece)
        if self._upgrade_body_left == 0 and self.failure is None and self.in_message:
            self._finish(keep_alive=False)


def _asks_for_websocket(method: bytes, fields: dict[bytes, bytes]) -> bool:
    """A GET without a body whose Upgrade header lists WebSocket (RFC 6455 section 4.2.1)."""
    protocols = fields.get(b"upgrade", b"").lower().split(b",")
    return (
        method == b"GET"
        and any(protocol.strip() == b"websocket" for protocol in protocols)
        and b"transfer-encoding" not in fields
        and fields.get(b"content-length", b"0") == b"0"
    )


def _complaint_about(headers: HttpHeaders, fields: dict[bytes, bytes], version: str) -> HttpFailure | None:
    """What the parser lets pass and this server does not."""
    if version not in ("1.1", "1.0"):
        return HttpFailure(505, "only HTTP/1.1 and HTTP/1.0 are spoken here")
    if len(fields) != len(headers) and sum(1 for name, _ in headers if name == b"host") > 1:
        return HttpFailure(400, "more than one Host header")
    if version == "1.1" and b"host" not in fields:
        return HttpFailure(400, "missing Host header")
    coding = fields.get(b"transfer-encoding")
    if coding is not None:
        if version == "1.0":
            return HttpFailure(400, "Transfer-Encoding in an HTTP/1.0 request")
        if b"content-length" in fields:
            return HttpFailure(400, "both Content-Length and Transfer-Encoding")
        if coding.lower() != b"chunked" or sum(1 for name, _ in headers if name == b"transfer-encoding") > 1:
            return HttpFailure(501, "only the chunked transfer coding is supported")
    if fields.get(b"content-encoding", b"identity").lower() != b"identity":
        return HttpFailure(415, "compressed request bodies are not supported")
    if fields.get(b"expect", b"100-continue").lower() != b"100-continue":
        return HttpFailure(417, "unknown expectation")
    return None
