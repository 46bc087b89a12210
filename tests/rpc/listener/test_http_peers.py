"""Our HTTP front beside hypercorn's (h11): the same application, the same bytes.

What is well-formed must be answered equally; what hypercorn refuses must be refused here too. Requests are made and
then damaged by a seed.
"""

import random
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import hypercorn.trio
import pytest
import trio
from hypercorn.config import Config

from rpc.config import HttpLimits
from rpc.dispatch.byte_budget import ByteBudget
from rpc.dispatch.clients import LOCAL
from rpc.listener.access import AccessRules
from rpc.listener.http_connection import HttpConnection, HttpService
from tests.rpc.reference import Examples
from tests.rpc.socket_client import websockets_over
from tests.rpc.wire import Reply, Wire

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

# What our parser (llhttp) takes and hypercorn's does not, with the reason why that is no fault.
TOLERATED = (
    re.compile(rb"[A-Z]+ +[^ ]+  +HTTP/1|[A-Z]+  +[^ ]"),  # spaces in the request line (RFC 9112 section 3)
    re.compile(rb"[\r\n]"),  # empty lines before it (RFC 9112 section 2.2 asks for that)
)
QUIET_S = 1.0
SEEDS = range(4)
REQUESTS_PER_SEED = 40


async def echo(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Answers with what the server understood."""
    if scope["type"] == "lifespan":
        for stage in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{stage}.complete"})
        return
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message.get("body", b"")
        more = message.get("more_body", False)
    seen = [scope["method"].encode(), scope["raw_path"], scope["query_string"], body]
    seen += [value for name, value in scope["headers"] if name.startswith(b"x-")]
    text = b"|".join(seen)
    headers = [(b"content-length", b"%d" % len(text)), (b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": text})


@dataclass
class Ports:
    """Where the two listen."""

    ours: int
    theirs: int


@pytest.fixture
async def ports(nursery: trio.Nursery) -> AsyncIterator[Ports]:
    dispatcher = Examples().dispatcher
    service = HttpService(
        limits=HttpLimits(head_timeout_s=3.0),
        dispatcher=dispatcher,
        app=echo,
        access=AccessRules(("*",), ()),
        bodies=ByteBudget(10_000_000),
        replies=ByteBudget(10_000_000),
        websockets=websockets_over(dispatcher),
    )
    listeners = await nursery.start(
        trio.serve_tcp, lambda stream: HttpConnection(stream, service, LOCAL).run(), 0
    )
    config = Config()
    config.bind = ["127.0.0.1:0"]
    config.graceful_timeout = 0.1
    config.loglevel = "CRITICAL"
    bound = await nursery.start(partial(hypercorn.trio.serve, cast(Any, echo), config, mode="asgi"))
    yield Ports(listeners[0].socket.getsockname()[1], int(bound[0].rpartition(":")[2]))
    while Wire.opened:
        await trio.aclose_forcefully(Wire.opened.pop().stream)
    nursery.cancel_scope.cancel()


async def exchange(port: int, data: bytes, heads: list[bool]) -> tuple[list[Reply], bool]:
    """All replies to `data`, and whether the server then waits for more; `heads` tells which requests are HEAD."""
    wire = await Wire.open(port)
    try:
        await wire.send(data)
    except trio.BrokenResourceError:
        pass
    replies: list[Reply] = []
    while True:
        head_only = len(replies) < len(heads) and heads[len(replies)]
        with trio.move_on_after(QUIET_S) as waiting:
            try:
                reply = await wire.read_reply(head_only=head_only)
            except (EOFError, trio.BrokenResourceError):
                return replies, False
            if reply.status != 100:
                replies.append(reply)
        if waiting.cancelled_caught:
            return replies, True


class RequestMaker:
    """Well-formed requests, as different as the grammar of RFC 9112 allows."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def one(self) -> tuple[bytes, bool]:
        """A request, and whether it is HEAD."""
        rng = self.rng
        method = rng.choice((b"GET", b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"PATCH"))
        target = rng.choice(
            (b"/a", b"/a/b?x=1&y=%20", b"/%C3%A9", b"/a?", b"/" + b"l" * 300, b"//x", b"/a;b=c")
        )
        lines = [b"%b %b HTTP/1.1" % (method, target), self.field(b"Host", b"localhost")]
        for number in range(rng.choice((0, 1, 3))):
            value = rng.choice((b"v", b"a, b", b"\xc3\xa9", b"x" * 200, b'"q;\\""', b"a\tb"))
            lines.append(self.field(b"X-%d" % number, value))
        body = b""
        if method in (b"POST", b"PUT", b"PATCH"):
            body = bytes(rng.choice(b"ab\r\n0:") for _ in range(rng.choice((0, 1, 10, 500))))
            if rng.random() < 0.5:
                lines.append(self.field(b"Transfer-Encoding", b"chunked"))
                body = self.chunked(body)
            else:
                lines.append(self.field(b"Content-Length", b"%d" % len(body)))
        return b"\r\n".join([*lines, b"", b""]) + body, method == b"HEAD"

    def field(self, name: bytes, value: bytes) -> bytes:
        """A header line with free case and spaces."""
        name = self.rng.choice((name, name.lower(), name.upper()))
        return name + b":" + self.rng.choice((b"", b" ", b"  ", b"\t")) + value + self.rng.choice((b"", b" "))

    def chunked(self, body: bytes) -> bytes:
        """The chunked coding, with extensions now and then."""
        rng, pieces, position = self.rng, [], 0
        while position < len(body):
            size = min(rng.choice((1, 3, 100)), len(body) - position)
            extension = rng.choice((b"", b"", b";a=b"))
            pieces.append(b"%x%b\r\n%b\r\n" % (size, extension, body[position : position + size]))
            position += size
        return b"".join([*pieces, b"0\r\n\r\n"])

    def damaged(self, request: bytes) -> bytes:
        """The request with one or two faults."""
        rng = self.rng
        for _ in range(rng.choice((1, 1, 2))):
            at = rng.randrange(min(len(request), 400))
            piece = rng.choice((b"\x00", b"\r", b"\n", b" ", b":", b"\x7f", b"\xff", b"9", b"\r\n", b"z"))
            cut = rng.choice((0, 0, 1, 2))
            request = request[:at] + piece + request[at + cut :]
        return request


@pytest.mark.parametrize("seed", SEEDS)
async def test_well_formed_requests_are_understood_equally(ports: Ports, seed: int) -> None:
    maker = RequestMaker(random.Random(seed))
    differences: list[object] = []

    async def compare(requests: list[tuple[bytes, bool]]) -> None:
        data, heads = b"".join(raw for raw, _ in requests), [head for _, head in requests]
        ours, _ = await exchange(ports.ours, data, heads)
        theirs, _ = await exchange(ports.theirs, data, heads)
        if [(reply.status, reply.body) for reply in ours] != [(reply.status, reply.body) for reply in theirs]:
            differences.append((data, ours, theirs))
        assert len(ours) == len(requests), (data, ours)

    async with trio.open_nursery() as nursery:
        for _ in range(REQUESTS_PER_SEED):
            nursery.start_soon(compare, [maker.one() for _ in range(maker.rng.choice((1, 1, 2, 5)))])

    assert differences == []


@pytest.mark.parametrize("seed", SEEDS)
async def test_what_hypercorn_refuses_is_refused_here_too(ports: Ports, seed: int) -> None:
    maker = RequestMaker(random.Random(1_000 + seed))
    laxer: list[object] = []
    refused = 0

    async def compare(data: bytes, is_head: bool) -> None:
        nonlocal refused
        theirs, waits = await exchange(ports.theirs, data, [is_head])
        ours, _ = await exchange(ports.ours, data, [is_head])
        if theirs[0].status >= 400 if theirs else not waits:
            refused += 1
            tolerated = any(pattern.match(data) for pattern in TOLERATED)
            if ours and ours[0].status < 400 and not tolerated:
                laxer.append((data, ours, theirs))

    async with trio.open_nursery() as nursery:
        for _ in range(REQUESTS_PER_SEED):
            raw, is_head = maker.one()
            nursery.start_soon(compare, maker.damaged(raw), is_head)

    assert laxer == []
    assert refused > 5  # the faults matter
