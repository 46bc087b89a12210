"""WebSocket over real sockets: the handshake, messages, limits, and how connections end."""

import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
import trio
from wsproto.events import TextMessage
from wsproto.utilities import LocalProtocolError

from rpc.config import HttpLimits, RpcConfig, WebSocketLimits
from rpc.listener import websockets
from tests.rpc.dev_chain import SPINNER, FakeNode, hexed, signed
from tests.rpc.socket_client import Closed, Rejected, SocketClient
from tests.rpc.wire import Wire, request

Serve = Callable[..., Awaitable[int]]

UPGRADE = (
    "Connection: keep-alive, Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)


def config(*, origins: tuple[str, ...] = (), http: HttpLimits | None = None, **limits: Any) -> RpcConfig:
    return RpcConfig(
        port=0, cors_origins=origins, http=http or HttpLimits(), websocket=WebSocketLimits(**limits)
    )


@pytest.fixture
async def client(serve: Serve) -> SocketClient:
    return await SocketClient.open(await serve())


@pytest.fixture
def fast_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time limits are looked after often, so that short ones can be tested."""
    monkeypatch.setattr(websockets, "CHECK_S", 0.02)


def call(number: int, method: str = "eth_chainId", *params: object) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params})


# The opening handshake.


async def test_the_handshake_of_the_specification_is_answered_as_there(wire: Wire) -> None:
    await wire.send(request("GET", "/", b"", *UPGRADE))

    reply = await wire.read_reply(head_only=True)

    assert reply.status == 101
    assert reply.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert reply.headers["upgrade"] == "websocket"
    assert "sec-websocket-extensions" not in reply.headers


async def test_frames_may_follow_the_handshake_at_once(wire: Wire) -> None:
    text = call(7).encode()
    frame = bytes([0x81, 0x80 | len(text)]) + bytes(4) + text  # a mask of zeros changes nothing
    await wire.send(request("GET", "/", b"", *UPGRADE) + frame)
    await wire.read_reply(head_only=True)

    answer = await wire._take(2 + len(b'{"jsonrpc":"2.0","id":7,"result":"0x539"}'))

    assert answer[2:] == b'{"jsonrpc":"2.0","id":7,"result":"0x539"}'


async def test_http_requests_may_come_before_the_handshake(wire: Wire) -> None:
    await wire.send(request("POST", "/", call(1).encode()) + request("GET", "/", b"", *UPGRADE))

    assert (await wire.read_reply()).json()["result"] == "0x539"
    assert (await wire.read_reply(head_only=True)).status == 101


@pytest.mark.parametrize(
    ("left_out", "added", "status"),
    [
        ("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8", 426),
        ("Sec-WebSocket-Version: 13", "X: y", 426),
        ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Key: short", 400),
        ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "X: y", 400),
        ("Upgrade: websocket", "Upgrade: h2c", 200),
        ("Connection: keep-alive, Upgrade", "Connection: keep-alive", 200),
    ],
)
async def test_a_bad_handshake_is_answered_with_http(
    wire: Wire, left_out: str, added: str, status: int
) -> None:
    lines = [added if line == left_out else line for line in UPGRADE]
    await wire.send(request("GET", "/", b"", *lines))

    reply = await wire.read_reply()

    assert reply.status == status
    if status == 426:
        assert reply.headers["sec-websocket-version"] == "13"
    if status != 200:
        assert await wire.is_closed()


async def test_a_post_that_asks_for_http2_is_answered_as_ever(wire: Wire) -> None:
    body = call(1).encode()
    await wire.send(request("POST", "/", body, "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c"))

    assert (await wire.read_reply()).json()["result"] == "0x539"


async def test_other_paths_speak_http_only(serve: Serve) -> None:
    with pytest.raises(Rejected) as refusal:
        await SocketClient.open(await serve(), path="/health")

    assert refusal.value.status == 200


@pytest.mark.parametrize(
    ("allowed", "origin", "enters"),
    [
        ((), None, True),
        ((), "https://app.example", False),
        ((), "null", False),
        (("https://app.example",), "https://app.example", True),
        (("https://app.example",), "https://evil.example", False),
        (("*",), "https://any.example", True),
    ],
)
async def test_pages_enter_by_the_list_that_cors_has(
    serve: Serve, allowed: tuple[str, ...], origin: str | None, enters: bool
) -> None:
    port = await serve(config(origins=allowed))
    headers = [("Origin", origin)] if origin is not None else []
    if enters:
        await SocketClient.open(port, *headers)
        return
    with pytest.raises(Rejected) as refusal:
        await SocketClient.open(port, *headers)
    assert (refusal.value.status, refusal.value.text) == (403, "origin not allowed")


async def test_a_rebound_host_name_is_refused(serve: Serve) -> None:
    with pytest.raises(Rejected) as refusal:
        await SocketClient.open(await serve(), host="evil.example")

    assert refusal.value.status == 403


# Messages.


async def test_calls_batches_and_notifications_are_answered(client: SocketClient) -> None:
    assert await client.result("eth_chainId") == "0x539"
    await client.send(f"[{call(5)},{call(6)}]")
    assert [reply["id"] for reply in await client.receive_json()] == [5, 6]
    await client.send('{"jsonrpc":"2.0","method":"eth_chainId"}')
    await client.send("{")

    assert (await client.receive_json())["error"]["code"] == -32700


async def test_binary_messages_are_json_too(client: SocketClient) -> None:
    await client.send(call(3).encode())

    assert (await client.receive_json())["id"] == 3


async def test_a_message_may_come_in_pieces_with_a_ping_between(client: SocketClient) -> None:
    text = call(9) + " " * 100 + "\u00e9"[:0]
    await client.send(text[:10], last=False)
    await client.wire.send(bytes([0x89, 0x80 | 3]) + bytes(4) + b"abc")
    await client.send("", last=False)
    await client.send(text[10:])

    assert (await client.receive_json())["id"] == 9
    assert client.pongs == [b"abc"]


async def test_many_messages_at_once_are_all_answered(client: SocketClient) -> None:
    frames = b"".join(client.frames.send(TextMessage(data=call(number))) for number in range(500))
    await client.wire.send(frames)

    assert [(await client.receive_json())["id"] for _ in range(500)] == list(range(500))


async def test_a_slow_call_does_not_hold_up_the_others(client: SocketClient) -> None:
    await client.send(call(1, "eth_call", {"to": hexed(SPINNER), "gas": "0x200000"}, "latest"))
    await client.send(call(2))

    assert [(await client.receive_json())["id"] for _ in range(2)] == [2, 1]


async def test_requests_in_progress_are_bounded(serve: Serve, fake_node: FakeNode) -> None:
    client = await SocketClient.open(await serve(config(max_calls_in_progress=2)))
    gate, running = trio.Event(), []

    async def submit(raw: Any) -> Any:
        running.append(raw)
        await gate.wait()
        return [signed(99).hash]

    fake_node.submit = submit  # type: ignore[method-assign]
    for number in range(5):
        await client.send(call(number, "eth_sendRawTransaction", "0x00"))
    await client.send(call(5))
    assert await client.is_quiet()
    assert len(running) == 2

    gate.set()

    assert {(await client.receive_json())["id"] for _ in range(6)} == set(range(6))


async def test_a_large_reply_arrives_whole(client: SocketClient) -> None:
    await client.send(f"[{','.join(call(n, 'eth_getBlockByNumber', '0x1', True) for n in range(400))}]")

    replies = await client.receive_json()

    assert len(replies) == 400
    assert all(reply["result"]["number"] == "0x1" for reply in replies)


# What the protocol forbids.


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"\x81\x02hi", 1002),  # not masked
        (b"\x83\x80\0\0\0\0", 1002),  # unknown opcode
        (b"\xc1\x80\0\0\0\0", 1002),  # compressed
        (b"\x80\x80\0\0\0\0", 1002),  # continues nothing
        (b"\x09\x80\0\0\0\0", 1002),  # a ping in pieces
        (b"\x88\x81\0\0\0\0x", 1002),  # half a close code
        (b"\x81\x82\0\0\0\0\xff\xff", 1007),  # not UTF-8
        (b"\x88\x84\0\0\0\0\x03\xe8\xff\xff", 1007),  # a reason that is not UTF-8
    ],
)
async def test_a_broken_frame_ends_the_connection(client: SocketClient, frame: bytes, code: int) -> None:
    await client.wire.send(frame + b"\x81\x80\0\0\0\0" * 3)

    assert await client.close_code() == code
    assert await client.wire.is_closed()


async def test_a_message_that_is_too_long_ends_the_connection(serve: Serve) -> None:
    port = await serve(config(max_message_bytes=1_000))
    for pieces in ([1_001], [600, 401], [1] * 1_001):
        client = await SocketClient.open(port)
        for size in pieces:
            await client.send("x" * size, last=False)

        assert await client.close_code() == 1009


async def test_a_message_of_the_greatest_length_is_taken(serve: Serve) -> None:
    client = await SocketClient.open(await serve(config(max_message_bytes=1_000)))
    await client.send(call(1).ljust(1_000))

    assert (await client.receive_json())["id"] == 1


async def test_a_message_that_takes_too_long_ends_the_connection(serve: Serve, fast_clock: None) -> None:
    port = await serve(config(message_timeout_s=0.2))
    slow, idle = await SocketClient.open(port), await SocketClient.open(port)
    await slow.send("[", last=False)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_drip, slow)
        assert await slow.close_code() == 1008
        nursery.cancel_scope.cancel()

    assert await idle.result("eth_chainId") == "0x539"


async def _drip(client: SocketClient) -> None:
    with suppress(LocalProtocolError):  # it has answered the Close
        while True:
            await trio.sleep(0.05)
            await client.send(" ", last=False)


async def test_messages_of_all_connections_together_are_bounded(serve: Serve) -> None:
    port = await serve(config(http=HttpLimits(max_buffered_body_bytes=10_000)))
    first, second = await SocketClient.open(port), await SocketClient.open(port)
    await first.send("[" * 9_000, last=False)
    await trio.sleep(0.05)
    await second.send("[" * 2_000, last=False)
    assert await second.close_code() == 1013

    await first.close()
    assert await first.close_code() == 1000
    third = await SocketClient.open(port)
    await third.send(call(1).ljust(9_000))

    assert (await third.receive_json())["id"] == 1


# The end of a connection.


async def test_a_closing_client_gets_its_code_back_and_the_end(client: SocketClient) -> None:
    await client.close(1000)

    with pytest.raises(Closed) as closed:
        await client.receive()
    assert closed.value.code == 1000
    assert await client.wire.is_closed()


async def test_a_client_that_vanishes_leaves_nothing_behind(serve: Serve, fake_node: FakeNode) -> None:
    port = await serve(config(max_connections=1))
    client = await SocketClient.open(port)
    await client.result("eth_subscribe", "newHeads")
    await client.send("[" * 1_000, last=False)
    await trio.aclose_forcefully(client.wire.stream)
    await trio.sleep(0.05)
    fake_node.listeners[0].head_changed()

    await (await SocketClient.open(port)).result("eth_chainId")


async def test_a_silent_client_is_pinged_and_one_that_is_gone_is_dropped(
    serve: Serve, fast_clock: None
) -> None:
    port = await serve(config(ping_after_s=0.1, pong_within_s=0.2))
    here, gone = await SocketClient.open(port), await SocketClient.open(port)
    gone.answers_pings = False

    async with trio.open_nursery() as nursery:
        nursery.start_soon(here.is_quiet, 0.8)
        assert await gone.close_code() == 1006
    assert gone.pings == 1
    assert here.pings > 2
    assert await here.result("eth_chainId") == "0x539"


async def test_a_client_that_does_not_finish_the_closing_handshake_is_dropped(
    serve: Serve, fast_clock: None
) -> None:
    client = await SocketClient.open(await serve(config(close_within_s=0.1, max_calls_in_progress=1)))
    client.answers_close = False
    await client.close(1000)
    with trio.fail_after(3):
        assert await client.close_code() == 1000
        assert await client.wire.is_closed()


async def test_the_number_of_connections_is_bounded_and_an_idle_one_makes_room(
    serve: Serve,
) -> None:
    port = await serve(config(max_connections=2, evict_idle_after_s=0.2))
    idle, subscribed = await SocketClient.open(port), await SocketClient.open(port)
    await subscribed.result("eth_subscribe", "newHeads")
    with pytest.raises(Rejected) as refusal:
        await SocketClient.open(port)
    assert refusal.value.status == 503
    await trio.sleep(0.25)

    await SocketClient.open(port)

    assert await idle.close_code() == 1001
    assert await subscribed.result("eth_chainId") == "0x539"
    with pytest.raises(Rejected):
        await SocketClient.open(port)


async def test_websockets_do_not_take_the_places_of_http(serve: Serve) -> None:
    port = await serve(config(http=HttpLimits(max_connections=1, evict_idle_after_s=60)))
    sockets = [await SocketClient.open(port) for _ in range(3)]

    wire = await Wire.open(port)

    assert await wire.result("eth_chainId") == "0x539"
    for client in sockets:
        assert await client.result("eth_chainId") == "0x539"


async def test_websockets_can_be_turned_off(serve: Serve) -> None:
    with pytest.raises(Rejected) as refusal:
        await SocketClient.open(await serve(config(max_connections=0)))

    assert refusal.value.status == 503
