"""Whatever a client sends over a WebSocket: the connection ends properly, and everything charged is given back."""

import struct
from collections.abc import Iterator
from enum import Enum
from unittest.mock import patch

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from chain.errors import CallerError
from chain.types import Hash32
from rpc.config import WebSocketLimits
from rpc.dispatch.byte_budget import ByteBudget
from rpc.dispatch.deferred import OnLoop, Subscribe, Unsubscribe
from rpc.dispatch.dispatcher import Dispatcher
from rpc.dispatch.heavy import HeavyCalls
from rpc.dispatch.pace import Pace
from rpc.dispatch.session import NewHeads
from rpc.listener.websockets import WebSockets
from rpc.notify.subscriptions import Subscriptions
from rpc.params.method import Method, Parameter

MAX_MESSAGE = 2_000
BODIES = 5_000
NOTIFICATIONS = [b'{"number":"0x1"}', b'"%b"' % (b"x" * 10_000)]


class _NoPool:
    async def submit(self, raw: list[bytes]) -> list[Hash32 | CallerError]:
        return [CallerError("no") for _ in raw]


async def _nap() -> str:
    await trio.sleep(0.001)
    return "done"


def _websockets() -> WebSockets:
    text = Parameter(str)
    methods = (
        Method("echo", lambda value: value, (text,)),
        Method("large", lambda: "x" * 300_000),
        Method("nap", lambda: OnLoop(_nap)),
        Method("subscribe", lambda: Subscribe(NewHeads())),
        Method("unsubscribe", Unsubscribe, (text,)),
    )
    limits = WebSocketLimits(
        max_message_bytes=MAX_MESSAGE,
        max_calls_in_progress=3,
        max_queued_bytes=50_000,
        max_subscriptions=4,
        close_within_s=0.1,
    )
    replies = ByteBudget(1_000_000)
    dispatcher = Dispatcher(
        {method.name: method for method in methods},
        _NoPool(),  # type: ignore[arg-type]
        HeavyCalls(1, 1, 1),
        replies,
        max_batch_calls=10,
        max_response_bytes=400_000,
        handler_timeout_s=1,
    )
    criteria = ByteBudget(1_000_000)
    subscriptions = Subscriptions(criteria)
    return WebSockets(limits, dispatcher, subscriptions, ByteBudget(BODIES), replies, ByteBudget(100_000))


class Reads(Enum):
    """When the client reads what it is sent."""

    AT_ONCE = 0
    LATE = 1
    NEVER = 2


def frame(
    opcode: int,
    payload: bytes,
    *,
    fin: bool = True,
    rsv: int = 0,
    mask: bytes | None = b"\1\2\3\4",
    claim: int = -1,
) -> bytes:
    """A frame; `claim` is the length that it pretends to have."""
    size = len(payload) if claim < 0 else claim
    head = bytes([fin << 7 | rsv << 4 | opcode])
    masked = 0 if mask is None else 0x80
    if size < 126:
        head += bytes([masked | size])
    elif size < 1 << 16:
        head += struct.pack("!BH", masked | 126, size)
    else:
        head += struct.pack("!BQ", masked | 127, size)
    if mask is None:
        return head + payload
    return head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


def call(method: str, *params: str) -> bytes:
    listed = ",".join(f'"{param}"' for param in params)
    return f'{{"jsonrpc":"2.0","id":1,"method":"{method}","params":[{listed}]}}'.encode()


calls = st.sampled_from(
    [
        call("echo", "x"),
        call("echo", "x" * 1_500),
        call("large"),
        call("nap"),
        call("subscribe"),
        call("unsubscribe", "0x1"),
        call("nothing"),
        b"[" + b",".join([call("nap"), call("subscribe"), call("large")]) + b"]",
        b"",
        b"{",
        b"[]",
        b"\xff",
    ]
)
good_frames = st.builds(lambda payload, opcode: frame(opcode, payload), calls, st.sampled_from([1, 2]))
pieces = st.builds(
    lambda payload, cut: (
        frame(1, payload[:cut], fin=False) + frame(0, b"", fin=False) + frame(0, payload[cut:])
    ),
    calls,
    st.integers(0, 50),
)
control_frames = st.builds(
    lambda opcode, payload: frame(opcode, payload),
    st.sampled_from([8, 9, 10]),
    st.one_of(
        st.binary(max_size=125), st.sampled_from([struct.pack("!H", code) for code in (1000, 1005, 4000)])
    ),
)
odd_frames = st.builds(
    lambda opcode, payload, fin, rsv, masked, claim: frame(
        opcode, payload, fin=fin, rsv=rsv, mask=b"abcd" if masked else None, claim=claim
    ),
    st.integers(0, 15),
    st.one_of(st.binary(max_size=300), st.integers(0, 3_000).map(bytes)),
    st.booleans(),
    st.sampled_from([0, 0, 0, 1, 2, 4]),
    st.sampled_from([True, True, True, False]),
    st.sampled_from([-1, -1, -1, 0, 125, 126, 65_535, 1 << 20, (1 << 63) - 1, (1 << 64) - 1]),
)
conversations = st.lists(
    st.one_of(good_frames, pieces, good_frames, control_frames, odd_frames, st.binary(max_size=40)),
    max_size=12,
)


def frames_in(received: bytes) -> Iterator[tuple[int, bytes]]:
    """The frames of a server; raises AssertionError for a broken one, the last may be cut off."""
    at = 0
    while at + 2 <= len(received):
        assert received[at] & 0x70 == 0
        assert received[at] & 0x80
        assert received[at + 1] < 128
        size, start = received[at + 1], at + 2
        if size == 126:
            (size,) = struct.unpack_from("!H", received, start)
            start += 2
        elif size == 127:
            (size,) = struct.unpack_from("!Q", received, start)
            start += 8
        if start + size > len(received):
            return
        yield received[at] & 15, received[start : start + size]
        at = start + size


async def _converse(sent: list[bytes], cuts: list[int], reads: Reads) -> bytes:
    websockets = _websockets()
    ours, theirs = trio.socket.socketpair()
    client, server = trio.SocketStream(ours), trio.SocketStream(theirs)
    received = bytearray()

    async def serve() -> None:
        await websockets.serve(server, b"")
        await trio.aclose_forcefully(server)

    async def read() -> None:
        try:
            while piece := await client.receive_some(65_536):
                received.extend(piece)
        except trio.BrokenResourceError:
            pass

    async def write() -> None:
        data = b"".join(sent)
        position = 0
        try:
            for cut in [*cuts, len(data)]:
                await client.send_all(data[position : position + cut])
                position += cut
                assert websockets.bodies.held <= BODIES
                await websockets.subscriptions.publish(NewHeads(), NOTIFICATIONS, Pace())
                await trio.lowlevel.checkpoint()
            await client.send_eof()
        except trio.BrokenResourceError:
            pass
        if reads is Reads.LATE:
            await read()
        elif reads is Reads.NEVER:
            await trio.aclose_forcefully(client)

    with trio.fail_after(20), patch("rpc.listener.websockets.log_bug", side_effect=AssertionError("a bug")):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve)
            nursery.start_soon(write)
            if reads is Reads.AT_ONCE:
                nursery.start_soon(read)
    await trio.aclose_forcefully(client)
    assert len(websockets) == 0
    assert websockets.bodies.held == 0
    assert websockets.replies.held == 0
    assert websockets.backlog.held == 0
    assert websockets.subscriptions.topics(NewHeads) == []
    return bytes(received)


@settings(max_examples=150, deadline=None)
@given(conversations, st.lists(st.integers(0, 50), max_size=20))
def test_every_conversation_ends_properly(sent: list[bytes], cuts: list[int]) -> None:
    received = trio.run(_converse, sent, cuts, Reads.AT_ONCE)

    opcodes = [opcode for opcode, _ in frames_in(received)]
    assert set(opcodes) <= {1, 8, 9, 10}
    assert opcodes.count(8) <= 1
    if 8 in opcodes:
        assert opcodes[-1] == 8


@settings(max_examples=60, deadline=None)
@given(conversations, st.lists(st.integers(0, 50), max_size=5), st.sampled_from([Reads.LATE, Reads.NEVER]))
def test_a_client_that_reads_late_or_never_leaves_nothing_behind(
    sent: list[bytes], cuts: list[int], reads: Reads
) -> None:
    trio.run(_converse, sent, cuts, reads)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ([frame(1, b"x" * MAX_MESSAGE, fin=False), frame(0, b"x")], 1009),
        ([frame(1, b"", claim=(1 << 63) - 1) + bytes(MAX_MESSAGE + 1)], 1009),
        (
            [frame(1, b"x" * MAX_MESSAGE, fin=False), *([frame(0, b"", fin=False)] * 500), frame(0, b"x")],
            1009,
        ),
        ([frame(1, b"x", fin=False), frame(1, b"x")], 1002),
        ([frame(9, b"x" * 126)], 1002),
        ([frame(1, b"x", rsv=4)], 1002),
        ([frame(1, "\u00e9".encode()[:1], fin=False), frame(0, b"x")], 1007),
        ([frame(8, struct.pack("!H", 4000) + b"bye")], 4000),
        ([frame(8, struct.pack("!H", 1006))], 1002),
    ],
)
def test_the_reason_of_the_end_is_told(sent: list[bytes], code: int) -> None:
    *_, (opcode, payload) = frames_in(trio.run(_converse, sent, [], Reads.AT_ONCE))

    assert opcode == 8
    assert struct.unpack_from("!H", payload) == (code,)
