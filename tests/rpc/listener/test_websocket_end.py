"""WebSockets at shutdown, after a bug, and in numbers."""

import gc
import json
import resource
import tracemalloc
from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest
import trio

from chain.errors import InvariantViolation
from rpc.config import HttpLimits, RpcConfig, WebSocketLimits
from rpc.server import serve_rpc
from tests.rpc.dev_chain import FakeNode, build_dev_chain
from tests.rpc.socket_client import Closed, Rejected, SocketClient
from tests.rpc.wire import Wire, request

CALL = '{"jsonrpc":"2.0","id":1,"method":"eth_sendRawTransaction","params":["0x01"]}'


class Listener:
    """A listener that can be stopped."""

    def __init__(self, node: FakeNode, config: RpcConfig) -> None:
        self.node = node
        self.config = config
        self.scope = trio.CancelScope()
        self.ended = trio.Event()

    async def run(self, task_status: Any) -> None:
        node = self.node
        with self.scope:
            await serve_rpc(self.config, node, node, node, events=node, task_status=task_status)
        self.ended.set()


async def start(nursery: trio.Nursery, node: FakeNode, **http: Any) -> tuple[Listener, int]:
    listener = Listener(node, RpcConfig(port=0, http=HttpLimits(**http)))
    port: int = await nursery.start(listener.run)
    return listener, port


async def test_an_idle_client_is_told_that_the_node_stops(
    nursery: trio.Nursery, fake_node: FakeNode, sockets: None
) -> None:
    listener, port = await start(nursery, fake_node)
    client = await SocketClient.open(port)
    await client.result("eth_subscribe", "newHeads")

    listener.scope.cancel()

    with pytest.raises(Closed) as closed:
        await client.receive()
    assert (closed.value.code, closed.value.reason) == (1001, "the node is stopping")
    await trio.aclose_forcefully(client.wire.stream)
    with trio.fail_after(2):
        await listener.ended.wait()
    assert fake_node.listeners == []


async def test_a_request_in_progress_is_answered_before_the_end(
    nursery: trio.Nursery, fake_node: FakeNode, sockets: None
) -> None:
    entered, release = trio.Event(), trio.Event()

    async def slow_submit(raw: Sequence[bytes]) -> list[Any]:
        entered.set()
        await release.wait()
        return [b"\x01" * 32]

    fake_node.submit = slow_submit  # type: ignore[method-assign]
    listener, port = await start(nursery, fake_node)
    client = await SocketClient.open(port)
    await client.send(CALL)
    await entered.wait()

    listener.scope.cancel()
    await trio.sleep(0.05)
    await client.send(CALL)  # too late: not answered
    release.set()

    assert (await client.receive_json())["result"] == "0x" + "01" * 32
    assert await client.read_to_the_end() == (0, 1001)


async def test_shutdown_waits_for_clients_only_for_the_drain_time(
    nursery: trio.Nursery, fake_node: FakeNode, sockets: None
) -> None:
    async def endless_submit(raw: Sequence[bytes]) -> list[Any]:
        await trio.sleep(1000)
        return []

    fake_node.submit = endless_submit  # type: ignore[method-assign]
    listener, port = await start(nursery, fake_node, drain_timeout_s=0.3)
    deaf, busy = await SocketClient.open(port), await SocketClient.open(port)
    await deaf.result("eth_chainId")
    await busy.send(CALL)
    await trio.sleep(0.05)

    started = trio.current_time()
    listener.scope.cancel()
    await listener.ended.wait()

    assert 0.2 < trio.current_time() - started < 2


async def test_a_handshake_during_the_shutdown_is_refused(
    nursery: trio.Nursery, fake_node: FakeNode, sockets: None
) -> None:
    async def slow_submit(raw: Sequence[bytes]) -> list[Any]:
        await trio.sleep(0.3)
        return [b"\x01" * 32]

    fake_node.submit = slow_submit  # type: ignore[method-assign]
    listener, port = await start(nursery, fake_node)
    wire = await Wire.open(port)
    upgrade = (
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    )
    await wire.send(request("POST", "/", CALL.encode()) + request("GET", "/", b"", *upgrade))
    await trio.sleep(0.05)

    listener.scope.cancel()

    assert (await wire.read_reply()).status == 200
    with pytest.raises(EOFError):
        await wire.read_reply()


@pytest.mark.parametrize("method", ["net_peerCount", "eth_call"])
async def test_a_broken_invariant_ends_the_listener(fake_node: FakeNode, sockets: None, method: str) -> None:
    def broken(*_: Any) -> Any:
        raise InvariantViolation("broken")

    fake_node.peer_count = broken  # type: ignore[method-assign]
    fake_node.state_at = broken  # type: ignore[method-assign,assignment]
    with pytest.raises(ExceptionGroup) as caught:  # noqa: PT012
        async with trio.open_nursery() as nursery:
            port = await nursery.start(partial(serve_rpc, RpcConfig(port=0), fake_node, fake_node, fake_node))
            client = await SocketClient.open(port)
            await client.send(
                json.dumps(
                    {"jsonrpc": "2.0", "id": 1, "method": method, "params": [{}][: method == "eth_call"]}
                )
            )
            assert await client.close_code() == 1006
            await trio.sleep(5)

    assert caught.group_contains(InvariantViolation)


@pytest.mark.slow
async def test_a_thousand_subscribers_hear_of_each_block_in_bounded_memory(nursery: trio.Nursery) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 4_096:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(4_096, hard), hard))
    node = FakeNode(build_dev_chain())
    config = RpcConfig(port=0, websocket=WebSocketLimits(max_connections=1_000))
    listener = Listener(node, config)
    port: int = await nursery.start(listener.run)
    gc.collect()
    tracemalloc.start()
    wires = [await _subscribed(port) for _ in range(1_000)]
    with pytest.raises(Rejected):
        await SocketClient.open(port)
    gc.collect()
    held, _ = tracemalloc.get_traced_memory()
    assert held < 60_000_000  # both ends are in this process
    for _ in range(20):
        node.append()
    for wire in wires:
        while wire.buffer.count(b"eth_subscription") < 20:
            assert await wire._more()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 150_000_000
    for wire in wires:
        await trio.aclose_forcefully(wire.stream)
    await trio.sleep(0.2)
    await SocketClient.open(port)
    listener.scope.cancel()


async def _subscribed(port: int) -> Wire:
    client = await SocketClient.open(port)
    await client.result("eth_subscribe", "newHeads")
    return client.wire
