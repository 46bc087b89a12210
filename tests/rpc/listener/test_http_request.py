"""Bytes become requests: limits, smuggling, pipelining, and every way to cut the bytes into pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpc.dispatch.byte_budget import ByteBudget
from rpc.listener.http_request import MAX_HEADER_FIELDS, HttpRequest, RequestLimits, RequestReader

LIMITS = RequestLimits(max_head_bytes=2_000, max_body_bytes=1_000)


def reader(budget: ByteBudget | None = None) -> RequestReader:
    return RequestReader(LIMITS, budget or ByteBudget(10_000))


def read(*pieces: bytes) -> RequestReader:
    parser = reader()
    for piece in pieces:
        parser.feed(piece)
    return parser


def only_request(*pieces: bytes) -> HttpRequest:
    parser = read(*pieces)
    assert parser.failure is None, parser.failure
    (request,) = parser.ready
    return request


POST = b"POST /a?b=c HTTP/1.1\r\nHost: x\r\nX-Thing:  y \r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"2\r\nhe\r\n3;ext=1\r\nllo\r\n0\r\nTrailer: z\r\n\r\n"
)
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def test_a_request_has_its_parts() -> None:
    request = only_request(POST)

    assert (request.method, request.target, request.path) == (b"POST", b"/a?b=c", b"/a")
    assert (request.body, request.keep_alive, request.version) == (b"hello", True, "1.1")
    assert request.field(b"x-thing") == b"y"
    assert request.field(b"absent") == b""
    assert request.headers == [(b"host", b"x"), (b"x-thing", b"y"), (b"content-length", b"5")]


def test_a_chunked_body_is_joined_and_its_trailer_dropped() -> None:
    request = only_request(CHUNKED)

    assert request.body == b"hello"
    assert b"trailer" not in request.fields


@given(st.data())
def test_the_result_does_not_depend_on_how_the_bytes_are_cut(data: st.DataObject) -> None:
    stream = POST + CHUNKED + GET + POST
    cuts = sorted(data.draw(st.sets(st.integers(1, len(stream) - 1), max_size=30)))
    pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]

    parser = read(*pieces)

    assert parser.failure is None
    assert [(request.target, request.body) for request in parser.ready] == [
        (b"/a?b=c", b"hello"),
        (b"/", b"hello"),
        (b"/", b""),
        (b"/a?b=c", b"hello"),
    ]


def test_byte_by_byte_is_the_same() -> None:
    parser = read(*(bytes([byte]) for byte in POST + CHUNKED))

    assert [request.body for request in parser.ready] == [b"hello", b"hello"]


@given(st.binary(max_size=300), st.binary(max_size=30))
def test_any_bytes_are_refused_or_wait_for_more(garbage: bytes, more: bytes) -> None:
    parser = read(garbage, more, b"\r\n\r\n")

    assert parser.failure is None or parser.failure.status in (400, 413, 415, 417, 431, 501, 505)


HOST = b"Host: x\r\n"
MALFORMED = {
    "garbage": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 tls hello\r\n\r\n", 400),
    "both lengths": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    "both, other order": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
        400,
    ),
    "two lengths": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400),
    "list of lengths": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 3, 3\r\n\r\nabc", 400),
    "signed length": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: +3\r\n\r\nabc", 400),
    "hex length": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 0x3\r\n\r\nabc", 400),
    "huge length": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 99999999999999999999\r\n\r\n", 400),
    "long body": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 1001\r\n\r\n", 413),
    "gzip then chunked": (b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    "coding twice": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "unknown coding": (b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: xchunked\r\n\r\n", 501),
    "chunked 1.0": (b"POST / HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "bare line feeds": (b"POST / HTTP/1.1\nHost: x\n\n", 400),
    "bare LF chunks": (b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n1\na\n0\n\n", 400),
    "chunk size": (b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    "chunk overrun": (b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", 400),
    "space before colon": (b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400),
    "folded header": (b"GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", 400),
    "NUL in header": (b"GET / HTTP/1.1\r\nHost: x\x00\r\n\r\n", 400),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "two hosts": (b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
    "HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "HTTP/2.0": (b"GET / HTTP/2.0\r\n" + HOST + b"\r\n", 505),
    "HTTP/3.1": (b"GET / HTTP/3.1\r\n" + HOST + b"\r\n", 400),
    "unknown method": (b"BREW / HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "compressed": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\na", 415),
    "expectation": (b"POST / HTTP/1.1\r\n" + HOST + b"Expect: magic\r\nContent-Length: 1\r\n\r\n", 417),
    "long header": (b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 2_000 + b"\r\n\r\n", 431),
    "long target": (b"GET /" + b"a" * 2_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 431),
    "many headers": (b"GET / HTTP/1.1\r\n" + b"a:b\r\n" * (MAX_HEADER_FIELDS + 1) + b"\r\n", 431),
}  # fmt: skip


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_requests_are_refused(name: str) -> None:
    stream, status = MALFORMED[name]

    for pieces in ([stream], [bytes([byte]) for byte in stream]):
        parser = read(*pieces)

        assert not parser.ready
        assert parser.failure is not None
        assert parser.failure.status == status
        assert parser.failure.reason


@pytest.mark.parametrize("name", MALFORMED)
def test_what_stands_before_a_malformed_request_is_still_answered(name: str) -> None:
    stream, _ = MALFORMED[name]

    parser = read(GET + stream)

    assert len(parser.ready) == 1
    assert parser.failure is not None


@pytest.mark.parametrize(
    "start",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nX: ",
        b"GET /",
        b"GET / HTTP/1.1\r\nHost: x\r\nX",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nT: ",
    ],
)
def test_what_does_not_end_is_cut_off(start: bytes) -> None:
    parser = reader()
    parser.feed(start)
    fed = 0
    while parser.failure is None and fed < 20_000:
        parser.feed(b"a" * 100)
        fed += 100

    assert parser.failure is not None
    assert parser.failure.status in (400, 431)
    assert fed <= LIMITS.max_head_bytes + 200


def test_a_chunked_body_is_bounded_without_an_announced_length() -> None:
    parser = read(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(101):
        parser.feed(b"a\r\n0123456789\r\n")

    assert parser.failure is not None
    assert parser.failure.status == 413


def test_bodies_of_all_connections_share_a_budget() -> None:
    budget = ByteBudget(1_500)
    first, second = reader(budget), reader(budget)
    first.feed(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n" + b"a" * 1_000)
    second.feed(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n" + b"a" * 1_000)

    assert second.failure is not None
    assert second.failure.status == 503
    assert budget.held == 1_000

    request = first.ready.popleft()
    first.answered(request)
    second.release()
    assert budget.held == 0


def test_an_unfinished_body_is_given_back() -> None:
    budget = ByteBudget(1_500)
    parser = reader(budget)
    parser.feed(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n" + b"a" * 500)
    assert budget.held == 500

    parser.release()

    assert budget.held == 0


@pytest.mark.parametrize(
    ("stream", "keep_alive"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", True),
        (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", True),
    ],
)
def test_persistence_follows_the_version_and_the_connection_header(stream: bytes, keep_alive: bool) -> None:
    assert only_request(stream).keep_alive is keep_alive


def test_bytes_after_a_closing_request_are_an_error() -> None:
    parser = read(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" + GET)

    assert len(parser.ready) == 1
    assert parser.failure is not None


@pytest.mark.parametrize("cut", [None, 80, 100, 126, 130])
def test_an_upgrade_is_ignored_and_the_body_read(cut: int | None) -> None:
    stream = (
        b"POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
        b"HTTP2-Settings: AAMAAABk\r\nContent-Length: 5\r\n\r\nhello"
    )

    request = only_request(*([stream] if cut is None else [stream[:cut], stream[cut:]]))

    assert (request.body, request.keep_alive) == (b"hello", False)


def test_a_websocket_upgrade_is_a_plain_get() -> None:
    request = only_request(
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x85frame"
    )

    assert (request.method, request.body, request.keep_alive) == (b"GET", b"", False)


def test_a_client_that_waits_for_100_continue_is_noticed() -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    parser = read(head)
    waited = parser.awaits_continue

    parser.feed(b"hi")

    assert (waited, parser.awaits_continue) == (True, False)
    assert len(parser.ready) == 1
    assert not read(head + b"hi").awaits_continue
    assert not read(head.replace(b"1.1", b"1.0")).awaits_continue


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"/", b"/"),
        (b"/?q", b"/"),
        (b"http://host:1/x?y", b"/x"),
        (b"http://host", b"/"),
        (b"*", b""),
        (b"a:1", b""),
    ],
)
def test_the_path_of_a_target(target: bytes, path: bytes) -> None:
    request = HttpRequest(b"GET", target, [], {}, b"", True, "1.1")

    assert request.path == path
