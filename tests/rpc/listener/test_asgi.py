"""The adapter between this server's requests and an ASGI application."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from rpc.config import HttpLimits
from rpc.dispatch.byte_budget import ByteBudget
from rpc.dispatch.clients import LOCAL
from rpc.dispatch.dispatcher import Dispatcher
from rpc.dispatch.heavy import HeavyCalls
from rpc.listener.access import AccessRules
from rpc.listener.asgi import AsgiExchange, MalformedTarget, http_scope
from rpc.listener.http_connection import HttpConnection, HttpService
from rpc.listener.http_request import HttpRequest
from tests.rpc.dev_chain import FakeNode
from tests.rpc.socket_client import websockets_over
from tests.rpc.wire import Wire, request


async def echo(asked: Request) -> Response:
    body = await asked.body()
    return PlainTextResponse(f"{asked.method} {asked.url.path} {asked.url.query} {body.decode()}")


async def stream(_asked: Request) -> Response:
    async def pieces() -> AsyncIterator[str]:
        for number in range(3):
            yield f"piece {number};"
            await trio.sleep(0)

    return StreamingResponse(pieces(), media_type="text/plain")


class Endless:
    """Not a generator: one that is cut off would be finished by the garbage collector, with a warning."""

    def __aiter__(self) -> "Endless":
        return self

    async def __anext__(self) -> bytes:
        return b"x" * 100_000


async def endless(_asked: Request) -> Response:
    return StreamingResponse(Endless())


async def broken_half_way(_asked: Request) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"half"
        raise KeyError("half")

    return StreamingResponse(pieces())


async def nothing(_asked: Request) -> Response:
    return Response(status_code=204)


async def redirect(_asked: Request) -> Response:
    return RedirectResponse("/echo")


async def splitting(_asked: Request) -> Response:
    return Response(headers={"x-evil": "a\r\nset-cookie: b"})


APP = Starlette(
    routes=[
        Route("/echo", echo, methods=["GET", "POST"]),
        Route("/stream", stream),
        Route("/endless", endless),
        Route("/half", broken_half_way),
        Route("/nothing", nothing),
        Route("/redirect", redirect),
        Route("/splitting", splitting),
    ]
)


@pytest.fixture
async def page(nursery: trio.Nursery, fake_node: FakeNode, sockets: None) -> Wire:
    """A connection to a listener with APP behind it."""
    limits = HttpLimits(write_timeout_s=0.3, min_transfer_bytes_per_s=50_000_000)
    budget = ByteBudget(1_000_000)
    dispatcher = Dispatcher(
        {},
        fake_node,
        HeavyCalls(1, 1, 1),
        budget,
        max_batch_calls=1,
        max_response_bytes=1,
        handler_timeout_s=1,
    )
    access = AccessRules(("localhost",), ())
    service = HttpService(limits, dispatcher, APP, access, budget, budget, websockets_over(dispatcher))

    async def serve(connection: trio.SocketStream) -> None:
        await HttpConnection(connection, service, LOCAL).run()

    listeners = await nursery.start(trio.serve_tcp, serve, 0)
    return await Wire.open(listeners[0].socket.getsockname()[1])


async def test_a_page_sees_the_request(page: Wire) -> None:
    await page.send(request("POST", "/echo?a=b", b"{}"))
    reply = await page.read_reply()

    assert (reply.status, reply.body) == (200, b"POST /echo a=b {}")
    assert reply.headers["content-type"] == "text/plain; charset=utf-8"


async def test_a_stream_is_sent_in_chunks(page: Wire) -> None:
    for _ in range(2):
        await page.send(request("GET", "/stream"))
        reply = await page.read_reply()

        assert reply.headers["transfer-encoding"] == "chunked"
        assert reply.body == b"piece 0;piece 1;piece 2;"


async def test_a_stream_to_an_old_client_ends_with_the_connection(page: Wire) -> None:
    await page.send(b"GET /stream HTTP/1.0\r\n\r\n")
    reply = await page.read_reply()

    assert "transfer-encoding" not in reply.headers
    assert reply.body == b"piece 0;piece 1;piece 2;"


async def test_a_reader_that_stops_ends_an_endless_stream(page: Wire) -> None:
    await page.send(request("GET", "/endless"))
    await trio.sleep(1)
    with pytest.raises((trio.BrokenResourceError, EOFError)):  # noqa: PT012
        while True:
            if not await page.stream.receive_some(1 << 20):
                raise EOFError


async def test_an_error_in_mid_stream_cuts_the_connection(page: Wire) -> None:
    await page.send(request("GET", "/half"))

    with pytest.raises(EOFError):
        await page.read_reply()


async def test_replies_without_a_body(page: Wire) -> None:
    await page.send(request("GET", "/nothing") + request("GET", "/redirect") + request("HEAD", "/echo"))
    nothing_reply, redirected, head = (
        await page.read_reply(),
        await page.read_reply(),
        await page.read_reply(head_only=True),
    )

    assert (nothing_reply.status, "content-length" in nothing_reply.headers) == (204, False)
    assert (redirected.status, redirected.headers["location"]) == (307, "/echo")
    assert int(head.headers["content-length"]) > 0


async def test_a_header_that_would_split_the_reply_is_an_error(page: Wire) -> None:
    await page.send(request("GET", "/splitting"))
    reply = await page.read_reply()

    assert reply.status == 500
    assert "set-cookie" not in reply.headers


def of_target(target: bytes) -> HttpRequest:
    return HttpRequest(b"GET", target, [(b"host", b"x")], {b"host": b"x"}, b"", True, "1.1")


def test_the_scope_holds_the_decoded_path_and_the_raw_one() -> None:
    scope = http_scope(of_target(b"/a%20b/%C3%A4?x=%20"), ("1.2.3.4", 5))

    assert (scope["path"], scope["raw_path"], scope["query_string"]) == ("/a b/ä", b"/a%20b/%C3%A4", b"x=%20")
    assert (scope["client"], scope["method"], scope["http_version"]) == (("1.2.3.4", 5), "GET", "1.1")


@pytest.mark.parametrize("target", [b"*", b"host:1", b"/%ff", b"ftp://x/"])
def test_targets_that_are_no_path_are_malformed(target: bytes) -> None:
    with pytest.raises(MalformedTarget):
        http_scope(of_target(target), None)


async def test_the_application_learns_that_the_exchange_is_over() -> None:
    sent: list[bytes] = []
    seen: list[Any] = []

    async def send(piece: bytes) -> None:
        sent.append(piece)

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        seen.append(await receive())
        await send({"type": "http.response.start", "status": 200, "headers": [(b"X", b"y")]})
        await send({"type": "http.response.body", "body": b"ok"})
        seen.append(await receive())

    exchange = AsgiExchange(of_target(b"/"), send, b"")
    await exchange.run(app, http_scope(of_target(b"/"), None))

    assert [message["type"] for message in seen] == ["http.request", "http.disconnect"]
    assert b"".join(sent) == b"HTTP/1.1 200 OK\r\nx: y\r\ncontent-length: 2\r\n\r\nok"
    assert not exchange.must_close


async def test_an_application_that_says_nothing_is_an_error() -> None:
    sent: list[bytes] = []

    async def send(piece: bytes) -> None:
        sent.append(piece)

    async def app(_scope: Any, _receive: Any, _send: Any) -> None:
        return

    exchange = AsgiExchange(of_target(b"/"), send, b"")
    await exchange.run(app, http_scope(of_target(b"/"), None))

    assert sent[0].startswith(b"HTTP/1.1 500 ")
    assert exchange.must_close
