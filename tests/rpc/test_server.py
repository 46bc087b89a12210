"""The listener over real sockets: what a client can do to it, and what it does at shutdown."""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import trio

from rpc.backend import Health
from rpc.config import CallLimits, HttpLimits, RpcConfig
from rpc.server import ListenFailed, serve_rpc
from tests.rpc.dev_chain import FakeNode
from tests.rpc.wire import Wire, request

Serve = Callable[..., Awaitable[int]]

CALL = b'{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}'
ANSWER = b'{"jsonrpc":"2.0","id":1,"result":"0x539"}'


def config(**http: Any) -> RpcConfig:
    return RpcConfig(port=0, http=HttpLimits(**http))


async def test_one_connection_serves_many_requests(wire: Wire) -> None:
    for _ in range(3):
        reply = await wire.post(CALL)

        assert reply.status == 200
        assert reply.body == ANSWER
        assert reply.headers["content-type"] == "application/json"
        assert reply.headers["date"].endswith("GMT")
        assert "connection" not in reply.headers


async def test_pipelined_requests_are_answered_in_order(wire: Wire) -> None:
    calls = [b'{"jsonrpc":"2.0","id":%d,"method":"eth_chainId"}' % number for number in range(20)]
    requests = [request("POST", "/", call) for call in calls]
    requests.insert(3, request("GET", "/health"))
    await wire.send(b"".join(requests))

    replies = [await wire.read_reply() for _ in requests]

    del replies[3]
    assert [reply.json()["id"] for reply in replies] == list(range(20))


async def test_a_request_may_come_in_single_bytes(wire: Wire) -> None:
    for byte in request("POST", "/", CALL):
        await wire.send(bytes([byte]))

    assert (await wire.read_reply()).body == ANSWER


async def test_a_chunked_body_is_read(wire: Wire) -> None:
    await wire.send(
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )
    for piece in (CALL[:10], CALL[10:]):
        await wire.send(b"%x\r\n%b\r\n" % (len(piece), piece))
    await wire.send(b"0\r\n\r\n")

    assert (await wire.read_reply()).body == ANSWER


async def test_a_client_that_expects_100_continue_gets_it(wire: Wire) -> None:
    whole = request("POST", "/", CALL, "Expect: 100-continue")
    await wire.send(whole[: -len(CALL)])
    assert (await wire.read_reply()).status == 100

    await wire.send(CALL)

    assert (await wire.read_reply()).body == ANSWER


async def test_a_body_that_is_too_long_is_refused_instead_of_continued(wire: Wire) -> None:
    await wire.send(
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: 99999999\r\nExpect: 100-continue\r\n\r\n"
    )

    reply = await wire.read_reply()

    assert reply.status == 413
    assert reply.headers["connection"] == "close"
    assert await wire.is_closed()


async def test_a_refusal_reaches_a_client_that_still_sends(wire: Wire) -> None:
    await wire.send(request("POST", "/", b"x" * 10, "X: " + "a" * 20_000))
    await wire.send(b"more" * 50_000)

    assert (await wire.read_reply()).status == 431


@pytest.mark.parametrize(
    "kind", ["application/json; charset=utf-8", "application/json-rpc", "APPLICATION/JSON"]
)
async def test_json_content_types_are_accepted(wire: Wire, kind: str) -> None:
    await wire.send(request("POST", "/", CALL).replace(b"application/json", kind.encode()))

    assert (await wire.read_reply()).body == ANSWER


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_content_types_that_pages_may_send_without_asking_are_refused(wire: Wire, kind: str) -> None:
    await wire.send(request("POST", "/", CALL).replace(b"application/json", kind.encode()))

    assert (await wire.read_reply()).status == 415


async def test_a_notification_is_answered_without_a_body(wire: Wire) -> None:
    reply = await wire.post(b'{"jsonrpc":"2.0","method":"eth_chainId"}')

    assert (reply.status, reply.body) == (204, b"")
    assert (await wire.post(CALL)).body == ANSWER


async def test_broken_json_is_an_rpc_error_with_status_200(wire: Wire) -> None:
    reply = await wire.post(b"{")

    assert reply.status == 200
    assert reply.json()["error"]["code"] == -32700


@pytest.mark.parametrize("target", ["/?key=1", "http://localhost:8545/", "http://localhost"])
async def test_json_rpc_is_found_by_its_path(wire: Wire, target: str) -> None:
    await wire.send(request("POST", target, CALL))

    assert (await wire.read_reply()).body == ANSWER


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/nothing", 404),
        ("POST", "/nothing", 404),
        ("PUT", "/", 405),
        ("DELETE", "/health", 405),
        ("GET", "/%ff", 400),
        ("CONNECT", "localhost:1", 400),
        ("OPTIONS", "*", 400),
        ("GET", "ftp://x/", 400),
        ("GET", "http://localhost/health", 200),
    ],
)
async def test_other_methods_and_paths(wire: Wire, method: str, target: str, status: int) -> None:
    await wire.send(request(method, target))

    assert (await wire.read_reply()).status == status


async def test_head_has_the_headers_of_get_and_no_body(wire: Wire) -> None:
    await wire.send(request("GET", "/health"))
    get = await wire.read_reply()
    await wire.send(request("HEAD", "/health"))
    head = await wire.read_reply(head_only=True)

    assert head.status == 200
    assert head.headers["content-length"] == get.headers["content-length"]
    assert (await wire.post(CALL)).body == ANSWER


async def test_http_1_0_is_answered_and_closed(wire: Wire) -> None:
    await wire.send(
        b"POST / HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
        % (len(CALL), CALL)
    )

    reply = await wire.read_reply()

    assert reply.body == ANSWER
    assert reply.headers["connection"] == "close"
    assert await wire.is_closed()


async def test_http_1_0_keep_alive_is_confirmed(wire: Wire) -> None:
    ask = b"POST / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Type: application/json\r\n" + (
        b"Content-Length: %d\r\n\r\n%b" % (len(CALL), CALL)
    )
    for _ in range(2):
        await wire.send(ask)
        reply = await wire.read_reply()

        assert reply.body == ANSWER
        assert reply.headers["connection"] == "keep-alive"


async def test_connection_close_is_obeyed(wire: Wire) -> None:
    reply = await wire.post(CALL, "Connection: close")

    assert reply.body == ANSWER
    assert reply.headers["connection"] == "close"
    assert await wire.is_closed()


async def test_smuggling_is_refused(wire: Wire) -> None:
    await wire.send(
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    )

    assert (await wire.read_reply()).status == 400
    assert await wire.is_closed()


async def test_garbage_is_refused(wire: Wire) -> None:
    await wire.send(b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03")

    assert (await wire.read_reply()).status == 400
    assert await wire.is_closed()


# Hosts and origins


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:8545", 200),
        ("127.0.0.1:1", 200),
        ("[::1]:8545", 200),
        ("192.168.7.9", 200),
        ("evil.example", 403),
        ("localhost.evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("\xe4", 403),
    ],
)
async def test_the_host_header_is_checked(wire: Wire, host: str, status: int) -> None:
    await wire.send(request("POST", "/", CALL).replace(b"localhost:8545", host.encode("latin-1")))

    assert (await wire.read_reply()).status == status


async def test_further_hosts_can_be_allowed(serve: Serve) -> None:
    wire = await Wire.open(await serve(RpcConfig(port=0, allowed_hosts=("node.example",))))
    await wire.send(request("POST", "/", CALL).replace(b"localhost:8545", b"node.example:443"))

    assert (await wire.read_reply()).body == ANSWER


async def test_cors_is_off_by_default(wire: Wire) -> None:
    reply = await wire.post(CALL, "Origin: https://app.example")

    assert reply.body == ANSWER
    assert not [name for name in reply.headers if name.startswith("access-control")]


PREFLIGHT = ("Origin: https://app.example", "Access-Control-Request-Method: POST")


async def test_a_preflight_of_an_allowed_page_is_granted(serve: Serve) -> None:
    wire = await Wire.open(await serve(RpcConfig(port=0, cors_origins=("https://app.example",))))
    await wire.send(
        request(
            "OPTIONS",
            "/",
            b"",
            *PREFLIGHT,
            "Access-Control-Request-Headers: content-type,x-thing",
            "Access-Control-Request-Private-Network: true",
        )
    )
    reply = await wire.read_reply()

    assert reply.status == 204
    assert reply.headers["access-control-allow-origin"] == "https://app.example"
    assert "POST" in reply.headers["access-control-allow-methods"]
    assert reply.headers["access-control-allow-headers"] == "content-type,x-thing"
    assert reply.headers["access-control-allow-private-network"] == "true"
    assert reply.headers["vary"] == "origin"
    reply = await wire.post(CALL, "Origin: https://app.example")
    assert reply.headers["access-control-allow-origin"] == "https://app.example"
    await wire.send(request("GET", "/health", b"", "Origin: https://app.example"))
    assert (await wire.read_reply()).headers["access-control-allow-origin"] == "https://app.example"


async def test_a_preflight_of_another_page_is_not_granted(serve: Serve) -> None:
    wire = await Wire.open(await serve(RpcConfig(port=0, cors_origins=("https://other.example",))))
    await wire.send(request("OPTIONS", "/", b"", *PREFLIGHT))

    reply = await wire.read_reply()

    assert "access-control-allow-origin" not in reply.headers
    assert reply.headers["vary"] == "origin"


async def test_any_page_may_be_allowed(serve: Serve) -> None:
    wire = await Wire.open(await serve(RpcConfig(port=0, cors_origins=("*",))))

    reply = await wire.post(CALL, "Origin: null")

    assert reply.headers["access-control-allow-origin"] == "*"


# Time limits and bounds


async def test_a_head_that_never_ends_is_cut_off(serve: Serve) -> None:
    wire = await Wire.open(await serve(config(head_timeout_s=0.2)))
    await wire.send(b"POST / HTTP/1.1\r\nHost: localhost\r\n")
    for _ in range(8):
        await wire.send(b"X: y\r\n")
        await trio.sleep(0.05)

    assert (await wire.read_reply()).status == 408


async def test_a_body_that_never_ends_is_cut_off(serve: Serve) -> None:
    wire = await Wire.open(await serve(config(head_timeout_s=0.1, min_transfer_bytes_per_s=1000)))
    await wire.send(request("POST", "/", b"x" * 200)[:-1])

    started = trio.current_time()

    assert (await wire.read_reply()).status == 408
    assert 0.25 < trio.current_time() - started < 5


async def test_an_idle_connection_is_closed_without_a_word(serve: Serve) -> None:
    wire = await Wire.open(await serve(config(idle_timeout_s=0.1)))
    assert (await wire.post(CALL)).body == ANSWER

    assert await wire.is_closed()


async def test_a_client_that_does_not_read_is_dropped(serve: Serve, fake_node: FakeNode) -> None:
    fake_node.peers = lambda: ["x" * 1000] * 5_000  # type: ignore[method-assign,list-item]
    port = await serve(config(write_timeout_s=0.2, min_transfer_bytes_per_s=50_000_000))
    wire = await Wire.open(port)
    ask = request("POST", "/", b'{"jsonrpc":"2.0","id":1,"method":"node_peers"}')
    await wire.send(ask * 4)
    await trio.sleep(0.6)

    received = 0
    with pytest.raises((trio.BrokenResourceError, EOFError)):  # noqa: PT012
        while True:
            piece = await wire.stream.receive_some(1 << 20)
            received += len(piece)
            if not piece:
                raise EOFError

    assert received < 4 * 5_000_000
    assert (await (await Wire.open(port)).post(CALL)).body == ANSWER


async def test_a_large_reply_arrives_whole(serve: Serve, fake_node: FakeNode) -> None:
    fake_node.peers = lambda: ["x" * 1000] * 5_000  # type: ignore[method-assign,list-item]
    wire = await Wire.open(await serve())

    assert len(await wire.result("node_peers")) == 5_000


async def test_large_replies_share_a_budget(serve: Serve, fake_node: FakeNode) -> None:
    fake_node.peers = lambda: ["x" * 1000] * 100  # type: ignore[method-assign,list-item]
    wire = await Wire.open(await serve(config(max_buffered_reply_bytes=50_000)))

    reply = await wire.post(b'{"jsonrpc":"2.0","id":1,"method":"node_peers"}')

    assert reply.status == 503


async def test_too_many_connections_are_turned_away(serve: Serve) -> None:
    port = await serve(config(max_connections=2))
    first, second = await Wire.open(port), await Wire.open(port)
    await first.post(CALL)
    await second.post(CALL)

    third = await Wire.open(port)

    assert (await third.read_reply()).status == 503
    assert (await first.post(CALL)).body == ANSWER
    await first.stream.aclose()
    await trio.sleep(0.05)
    assert (await (await Wire.open(port)).post(CALL)).body == ANSWER


async def test_an_idle_connection_makes_room_for_a_new_one(serve: Serve) -> None:
    port = await serve(config(max_connections=2, evict_idle_after_s=0.0))
    oldest, second = await Wire.open(port), await Wire.open(port)
    await oldest.post(CALL)
    await second.send(request("POST", "/", CALL)[:-1])
    await trio.sleep(0.05)

    third = await Wire.open(port)

    assert (await third.post(CALL)).body == ANSWER
    assert await oldest.is_closed()
    await second.send(CALL[-1:])
    assert (await second.read_reply()).body == ANSWER


async def test_a_client_that_vanishes_harms_nobody(serve: Serve) -> None:
    port = await serve()
    for sent in (b"", b"POST", request("POST", "/", CALL)[:-3], request("POST", "/", CALL) * 50):
        wire = await Wire.open(port)
        await wire.send(sent)
        await trio.aclose_forcefully(wire.stream)

    assert (await (await Wire.open(port)).post(CALL)).body == ANSWER


# Health


@pytest.mark.parametrize(
    ("live", "ready", "statuses"),
    [(True, True, (200, 200, 200)), (True, False, (503, 200, 503)), (False, True, (503, 503, 503))],
)
async def test_health(
    wire: Wire, fake_node: FakeNode, live: bool, ready: bool, statuses: tuple[int, int, int]
) -> None:
    fake_node.state_of_health = Health(live, ready, {"height": 5})
    answers = []
    for path in ("/health", "/health/live", "/health/ready"):
        await wire.send(request("GET", path))
        answers.append(await wire.read_reply())

    assert tuple(answer.status for answer in answers) == statuses
    assert answers[0].json() == {"live": live, "ready": ready, "checks": {"height": 5}}


async def test_a_page_that_fails_is_status_500(wire: Wire, fake_node: FakeNode) -> None:
    fake_node.state_of_health = None  # type: ignore[assignment]
    await wire.send(request("GET", "/health"))

    reply = await wire.read_reply()

    assert reply.status == 500
    assert b"Traceback" not in reply.body


# Shutdown


async def start_listener(
    nursery: trio.Nursery, node: FakeNode, settings: RpcConfig
) -> tuple[int, trio.CancelScope]:
    scope = trio.CancelScope()

    async def run(task_status: Any) -> None:
        with scope:
            await serve_rpc(settings, node, node, node, task_status=task_status)

    port: int = await nursery.start(run)
    return port, scope


async def test_a_request_in_flight_is_finished_at_shutdown(
    nursery: trio.Nursery, fake_node: FakeNode, sockets: None
) -> None:
    entered, release = trio.Event(), trio.Event()

    async def slow_submit(raw: Sequence[bytes]) -> list[Any]:
        entered.set()
        await release.wait()
        return [b"\x01" * 32]

    fake_node.submit = slow_submit  # type: ignore[method-assign]
    port, scope = await start_listener(nursery, fake_node, config())
    idle, busy = await Wire.open(port), await Wire.open(port)
    await idle.post(CALL)
    await busy.send(
        request("POST", "/", b'{"jsonrpc":"2.0","id":1,"method":"eth_sendRawTransaction","params":["0x01"]}')
    )
    await entered.wait()

    scope.cancel()

    assert await idle.is_closed()
    with pytest.raises(OSError, match="all attempts"):
        await Wire.open(port)
    release.set()
    reply = await busy.read_reply()
    assert reply.json()["result"] == "0x" + "01" * 32
    assert reply.headers["connection"] == "close"
    assert await busy.is_closed()


async def test_shutdown_waits_only_for_the_drain_time(
    nursery: trio.Nursery, fake_node: FakeNode, sockets: None
) -> None:
    entered = trio.Event()

    async def endless_submit(raw: Sequence[bytes]) -> list[Any]:
        entered.set()
        await trio.sleep(1000)
        return []

    fake_node.submit = endless_submit  # type: ignore[method-assign]
    ended = trio.Event()
    scope = trio.CancelScope()

    async def run(task_status: Any) -> None:
        with scope:
            await serve_rpc(
                config(drain_timeout_s=0.2), fake_node, fake_node, fake_node, task_status=task_status
            )
        ended.set()

    port = await nursery.start(run)
    busy = await Wire.open(port)
    await busy.send(
        request("POST", "/", b'{"jsonrpc":"2.0","id":1,"method":"eth_sendRawTransaction","params":["0x01"]}')
    )
    await entered.wait()
    started = trio.current_time()
    scope.cancel()
    await ended.wait()

    assert 0.15 < trio.current_time() - started < 2
    assert await busy.is_closed()


async def test_shutdown_without_connections_is_immediate(nursery: trio.Nursery, fake_node: FakeNode) -> None:
    _, scope = await start_listener(nursery, fake_node, config())
    scope.cancel()
    with trio.fail_after(1):
        while nursery.child_tasks:
            await trio.sleep(0.01)


async def test_an_address_in_use_is_named(fake_node: FakeNode, serve: Serve) -> None:
    port = await serve()

    with pytest.raises(ListenFailed, match=rf"127\.0\.0\.1:{port}"):
        await serve_rpc(replace(config(), port=port), fake_node, fake_node, fake_node)


async def test_a_broken_invariant_ends_the_listener(fake_node: FakeNode, sockets: None) -> None:
    from chain.errors import InvariantViolation

    def broken() -> int:
        raise InvariantViolation("broken")

    fake_node.peer_count = broken  # type: ignore[method-assign]
    with pytest.raises(ExceptionGroup) as caught:  # noqa: PT012
        async with trio.open_nursery() as nursery:
            port = await nursery.start(partial(serve_rpc, config(), fake_node, fake_node, fake_node))
            wire = await Wire.open(port)
            await wire.send(request("POST", "/", b'{"jsonrpc":"2.0","id":1,"method":"net_peerCount"}'))
            assert await wire.is_closed()
            await trio.sleep(5)

    assert caught.group_contains(InvariantViolation)


# Load


async def test_heavy_calls_do_not_stop_light_ones(serve: Serve) -> None:
    settings = RpcConfig(port=0, calls=CallLimits(call_timeout_s=0.5))
    port = await serve(settings)
    heavy, light = await Wire.open(port), await Wire.open(port)
    call = {"to": "0x" + "00" * 18 + "e004"}  # never ends
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "eth_call", "params": [call]}).encode()
    await heavy.send(request("POST", "/", body))
    await trio.sleep(0.1)
    started = trio.current_time()
    for _ in range(5):
        assert (await light.post(CALL)).body == ANSWER
    assert trio.current_time() - started < 0.4

    answer = (await heavy.read_reply()).json()

    assert answer["error"] == {"code": -32000, "message": "execution aborted (timeout = 0.5s)"}


async def test_many_connections_at_once(serve: Serve) -> None:
    port = await serve()
    done = 0

    async def one() -> None:
        nonlocal done
        wire = await Wire.open(port)
        for _ in range(5):
            assert (await wire.post(CALL)).body == ANSWER
        done += 1
        await trio.aclose_forcefully(wire.stream)

    async with trio.open_nursery() as nursery:
        for _ in range(60):
            nursery.start_soon(one)

    assert done == 60
