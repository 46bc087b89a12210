"""One address may not take all places. Addresses of this machine stand for strangers here."""

import threading
from collections.abc import Awaitable, Callable

import pytest
import trio

from rpc.config import CallLimits, HttpLimits, RpcConfig, WebSocketLimits
from rpc.dispatch.deferred import Deadline
from rpc.server import serve_rpc
from tests.rpc.dev_chain import COUNTER, FakeNode, hexed
from tests.rpc.socket_client import Rejected, SocketClient
from tests.rpc.wire import Wire

Serve = Callable[..., Awaitable[int]]

CALL = b'{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}'
ANSWER = b'{"jsonrpc":"2.0","id":1,"result":"0x539"}'
OTHER = "127.0.0.2"


@pytest.fixture
def strangers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each address is a client of its own, though all are this machine's."""
    monkeypatch.setattr("rpc.server.client_of", str)


async def open_from(port: int, source: str) -> Wire:
    stream = await trio.open_tcp_stream("127.0.0.1", port, local_address=source)
    wire = Wire(stream)
    Wire.opened.append(wire)
    return wire


def config(**http: float) -> RpcConfig:
    return RpcConfig(port=0, http=HttpLimits(**http))  # type: ignore[arg-type]


async def test_further_connections_of_one_address_are_turned_away(serve: Serve, strangers: None) -> None:
    port = await serve(config(max_connections_per_address=2))
    first, second = await Wire.open(port), await Wire.open(port)
    await first.post(CALL)
    await second.post(CALL)

    reply = await (await Wire.open(port)).read_reply()

    assert (reply.status, reply.body) == (429, b"too many connections from your address\n")
    assert reply.headers["connection"] == "close"
    assert (await (await open_from(port, OTHER)).post(CALL)).body == ANSWER
    assert (await first.post(CALL)).body == ANSWER
    await second.stream.aclose()
    await trio.sleep(0.05)
    assert (await (await Wire.open(port)).post(CALL)).body == ANSWER


async def test_an_idle_connection_makes_room_only_for_its_own_address(serve: Serve, strangers: None) -> None:
    port = await serve(config(max_connections_per_address=1, evict_idle_after_s=0.0))
    others = await open_from(port, OTHER)
    await others.post(CALL)
    first = await Wire.open(port)
    await first.post(CALL)

    assert (await (await Wire.open(port)).post(CALL)).body == ANSWER
    assert await first.is_closed()
    assert (await others.post(CALL)).body == ANSWER


async def test_this_machine_has_no_limit_of_its_own(serve: Serve) -> None:
    port = await serve(
        RpcConfig(
            port=0,
            http=HttpLimits(max_connections_per_address=1),
            websocket=WebSocketLimits(max_connections_per_address=1),
        )
    )

    for wire in [await Wire.open(port) for _ in range(3)]:
        assert (await wire.post(CALL)).body == ANSWER
    for client in [await SocketClient.open(port) for _ in range(3)]:
        assert await client.result("eth_chainId") == "0x539"


async def test_websockets_of_one_address_have_a_limit_of_their_own(serve: Serve, strangers: None) -> None:
    port = await serve(
        RpcConfig(
            port=0,
            http=HttpLimits(max_connections_per_address=2),
            websocket=WebSocketLimits(max_connections_per_address=2),
        )
    )
    first, second = await SocketClient.open(port), await SocketClient.open(port)

    with pytest.raises(Rejected, match="429 too many WebSocket connections from your address"):
        await SocketClient.open(port)
    assert await second.result("eth_chainId") == "0x539"
    await trio.aclose_forcefully(first.wire.stream)
    await trio.sleep(0.05)
    assert await (await SocketClient.open(port)).result("eth_chainId") == "0x539"


@pytest.mark.parametrize("over_websocket", [False, True])
async def test_calls_of_one_address_leave_room_in_the_queue_for_others(
    serve: Serve, strangers: None, monkeypatch: pytest.MonkeyPatch, over_websocket: bool
) -> None:
    may_run = threading.Event()

    class Waiting(Deadline):
        """Given to a call when it begins."""

        def __init__(self, seconds: float) -> None:
            assert may_run.wait(10)
            super().__init__(seconds)

    monkeypatch.setattr("rpc.dispatch.heavy.Deadline", Waiting)
    port = await serve(RpcConfig(port=0, calls=CallLimits(worker_threads=1, max_waiting_heavy_calls=8)))
    results: list[object] = []

    async def ask(source: str) -> None:
        wire = await open_from(port, source)
        results.append(await wire.result("eth_call", {"to": hexed(COUNTER)}))

    async with trio.open_nursery() as asking:
        for _ in range(3):  # one runs, two wait: a quarter
            asking.start_soon(ask, "127.0.0.1")
            await trio.sleep(0.05)
        with trio.fail_after(5):
            if over_websocket:
                socket = await SocketClient.open(port)
                refusal = await socket.error("eth_call", {"to": hexed(COUNTER)})
            else:
                refusal = await (await Wire.open(port)).error("eth_call", {"to": hexed(COUNTER)})
        assert refusal == (
            -32005,
            "limit exceeded: too many calls of your address are waiting, try again later",
        )
        asking.start_soon(ask, OTHER)
        await trio.sleep(0.05)
        may_run.set()

    assert len(results) == 4


async def test_threads_of_calls_end_with_the_listener(fake_node: FakeNode, sockets: None) -> None:
    before = set(threading.enumerate())
    async with trio.open_nursery() as running:
        port = await running.start(serve_rpc, RpcConfig(port=0), fake_node, fake_node, fake_node)
        await (await Wire.open(port)).result("eth_call", {"to": hexed(COUNTER)})
        started = [thread for thread in set(threading.enumerate()) - before if thread.name == "rpc call"]
        assert started
        running.cancel_scope.cancel()

    for thread in started:
        thread.join(5)
        assert not thread.is_alive()
