"""The sending half of a WebSocket: order, bounds, and that what is charged is given back."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import trio

from rpc.config import WebSocketLimits
from rpc.dispatch.byte_budget import ByteBudget
from rpc.listener.websocket_writer import FrameWriter, text_frame

MEGABYTE = 1_000_000


@dataclass
class Pair:
    """A writer and the client that may read from it."""

    writer: FrameWriter
    client: trio.SocketStream
    replies: ByteBudget
    backlog: ByteBudget
    losses: list[None]

    async def read(self, size: int) -> bytes:
        received = bytearray()
        with trio.fail_after(5):
            while len(received) < size:
                received += await self.client.receive_some(size - len(received))
        return bytes(received)


@pytest.fixture
async def pair(nursery: trio.Nursery) -> AsyncIterator[Pair]:
    ours, theirs = trio.socket.socketpair()
    server, client = trio.SocketStream(ours), trio.SocketStream(theirs)
    limits = WebSocketLimits(max_queued_notifications=10, max_queued_bytes=2 * MEGABYTE)
    replies, backlog = ByteBudget(3 * MEGABYTE), ByteBudget(3 * MEGABYTE)
    losses: list[None] = []
    writer = FrameWriter(server, nursery, limits, replies, backlog, lambda: losses.append(None))
    yield Pair(writer, client, replies, backlog, losses)
    await trio.aclose_forcefully(server)
    await trio.aclose_forcefully(client)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 70_000])
def test_a_frame_has_the_shortest_head(size: int) -> None:
    frame = text_frame(b"x" * size)

    head = frame[: len(frame) - size]
    assert head[0] == 0x81
    assert len(head) == (2 if size < 126 else 4 if size < 65_536 else 10)
    assert int.from_bytes(head[2:] or head[1:], "big") == size


async def test_what_the_socket_takes_is_written_at_once(pair: Pair) -> None:
    assert pair.writer.put_reply(b"reply")
    assert pair.writer.put_notifications(b"told", 1)

    assert pair.writer.queued_bytes == 0
    assert await pair.read(9) == b"replytold"


async def test_the_order_is_kept_and_everything_is_given_back(pair: Pair) -> None:
    frames = [bytes([n]) * (500_000 if n % 3 == 0 else 50) for n in range(12)]
    for number, frame in enumerate(frames):
        if number % 2:
            assert pair.writer.put_notifications(frame, 1)
        else:
            assert pair.writer.put_reply(frame)
    pair.writer.put_control(b"ping")
    assert pair.replies.held > 0
    assert pair.backlog.held > 0
    assert pair.replies.held + pair.backlog.held == pair.writer.queued_bytes - 4

    expected = b"".join(frames) + b"ping"
    assert await pair.read(len(expected)) == expected
    await pair.writer.wait_below(0)
    assert (pair.replies.held, pair.backlog.held, pair.writer.queued_bytes) == (0, 0, 0)


async def test_notifications_are_bounded_by_number(pair: Pair) -> None:
    pair.writer.put_control(b"x" * MEGABYTE)  # more than a socket takes
    assert all(pair.writer.put_notifications(b"n", 1) for _ in range(10))

    assert not pair.writer.put_notifications(b"n", 1)

    assert pair.writer.put_reply(b"reply")  # replies are another matter
    assert (await pair.read(MEGABYTE + 15))[-15:] == b"n" * 10 + b"reply"
    await pair.writer.wait_below(0)
    assert pair.writer.put_notifications(b"again", 1)


async def test_notifications_are_bounded_by_bytes(pair: Pair) -> None:
    pair.writer.put_control(b"x" * MEGABYTE)
    assert pair.writer.put_notifications(b"n" * MEGABYTE, 1)
    assert pair.writer.put_notifications(b"n" * MEGABYTE, 1)

    assert not pair.writer.put_notifications(b"n", 1)


async def test_all_clients_together_are_bounded(pair: Pair) -> None:
    pair.writer.put_control(b"x" * MEGABYTE)
    pair.backlog.held = pair.replies.held = 3 * MEGABYTE - 5

    assert pair.writer.put_notifications(b"12345", 1)
    assert not pair.writer.put_notifications(b"6", 1)
    assert pair.writer.put_reply(b"12345")
    assert not pair.writer.put_reply(b"6")


async def test_a_frame_that_has_begun_is_finished_and_charged_whatever_the_bound(pair: Pair) -> None:
    pair.backlog.held = 3 * MEGABYTE
    assert pair.writer.put_notifications(b"n" * MEGABYTE, 1)
    assert pair.backlog.held > 3 * MEGABYTE
    pair.writer.forget_queue()

    assert await pair.read(MEGABYTE) == b"n" * MEGABYTE
    await pair.writer.wait_below(0)
    assert pair.backlog.held == 3 * MEGABYTE


async def test_a_forgotten_queue_keeps_what_has_begun_and_what_comes_after(pair: Pair) -> None:
    assert pair.writer.put_reply(b"r" * MEGABYTE)
    assert pair.writer.put_notifications(b"n" * 100, 1)
    assert pair.writer.put_reply(b"s" * 100)

    pair.writer.forget_queue()
    pair.writer.put_control(b"close")

    assert await pair.read(MEGABYTE + 5) == b"r" * MEGABYTE + b"close"
    await pair.writer.wait_below(0)
    assert (pair.replies.held, pair.backlog.held) == (0, 0)


async def test_what_somebody_else_holds_counts_as_waiting(pair: Pair) -> None:
    assert all(pair.writer.hold(1, 200_000) for _ in range(10))
    assert not pair.writer.hold(1, 1)
    pair.writer.release(1, 200_000)
    assert pair.writer.hold(1, 200_000)
    assert not pair.writer.hold(1, 1)
    for _ in range(10):
        pair.writer.release(1, 200_000)

    assert pair.backlog.held == 0
    assert pair.writer.hold(1, 2 * MEGABYTE)
    assert not pair.writer.hold(1, 1)


async def test_a_piece_that_does_not_leave_can_be_seen(pair: Pair) -> None:
    before = trio.current_time()
    pair.writer.put_control(b"x" * MEGABYTE)
    await trio.sleep(0.01)
    assert before <= pair.writer.piece_started <= trio.current_time()

    await pair.read(MEGABYTE)
    await pair.writer.wait_below(0)
    await trio.sleep(0.01)
    assert pair.writer.piece_started == float("inf")


async def test_a_client_that_is_gone_is_reported(pair: Pair) -> None:
    await trio.aclose_forcefully(pair.client)

    pair.writer.put_control(b"x")

    assert pair.losses


async def test_a_client_that_goes_while_something_waits_is_reported(pair: Pair) -> None:
    assert pair.writer.put_reply(b"x" * MEGABYTE)
    await trio.sleep(0.01)

    await trio.aclose_forcefully(pair.client)
    await trio.sleep(0.05)

    assert pair.losses
    assert pair.replies.held == 0
