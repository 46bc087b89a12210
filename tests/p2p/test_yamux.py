import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st
from libp2p.abc import ISecureConn
from libp2p.connection_types import ConnectionType
from libp2p.crypto.keys import PrivateKey, PublicKey
from libp2p.peer.id import ID
from libp2p.stream_muxer.exceptions import (
    MuxedConnUnavailable,
    MuxedStreamEOF,
    MuxedStreamError,
    MuxedStreamReset,
)
from libp2p.stream_muxer.yamux.yamux import Yamux
from multiaddr import Multiaddr

from p2p.yamux import BoundedYamux
from p2p.yamux_stream import (
    INITIAL_WINDOW_BYTES,
    BoundedYamuxStream,
    ProtocolViolation,
    ReceiveBudget,
    YamuxLimits,
)
from tests.p2p.p2p_tools import eventually

PEER = ID(b"\x12\x20" + b"\1" * 32)
DATA, WINDOW_UPDATE, PING, GO_AWAY = range(4)
SYN, ACK, FIN, RST = 1, 2, 4, 8
MiB = 1024 * 1024


def frame(kind: int, flags: int, stream_id: int, length: int, body: bytes = b"") -> bytes:
    return struct.pack("!BBHII", 0, kind, flags, stream_id, length) + body


class Pipe(ISecureConn):
    """A secure connection in memory."""

    def __init__(self, end: Any, *, is_initiator: bool) -> None:
        self.end = end
        self.is_initiator = is_initiator
        self.is_blocked = False

    async def read(self, n: int | None = None) -> bytes:
        chunk = await self.end.receive_some(n or 65536)
        if not chunk:
            raise ConnectionError("closed")
        return bytes(chunk)

    async def write(self, data: bytes) -> None:
        while self.is_blocked:
            await trio.sleep(0.01)
        await self.end.send_all(data)

    async def close(self) -> None:
        await self.end.aclose()

    def get_remote_address(self) -> tuple[str, int]:
        return "10.0.0.1", 1

    def get_transport_addresses(self) -> list[Multiaddr]:
        return []

    def get_connection_type(self) -> ConnectionType:
        return ConnectionType.DIRECT

    def get_local_peer(self) -> ID:
        return PEER

    def get_local_private_key(self) -> PrivateKey:
        raise NotImplementedError

    def get_remote_peer(self) -> ID:
        return PEER

    def get_remote_public_key(self) -> PublicKey:
        raise NotImplementedError


class Pair:
    def __init__(self, limits: YamuxLimits, budget: ReceiveBudget) -> None:
        left, right = trio.testing.memory_stream_pair()
        self.violations: list[str] = []
        self.pipes = (Pipe(left, is_initiator=True), Pipe(right, is_initiator=False))
        self.a, self.b = (
            BoundedYamux(
                pipe,
                PEER,
                limits=limits,
                budget=budget,
                on_violation=lambda _, reason: self.violations.append(reason),
            )
            for pipe in self.pipes
        )

    async def streams(self) -> tuple[BoundedYamuxStream, BoundedYamuxStream]:
        opened = await self.a.open_stream()
        return opened, await self.b.accept_stream()


QUIET = YamuxLimits(ping_interval_s=1000)


@asynccontextmanager
async def connected(limits: YamuxLimits = QUIET, budget: ReceiveBudget | None = None) -> AsyncIterator[Pair]:
    pair = Pair(limits, budget or ReceiveBudget(100 * MiB))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(pair.a.start)
        nursery.start_soon(pair.b.start)
        await pair.a.event_started.wait()
        await pair.b.event_started.wait()
        yield pair
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def under_attack(limits: YamuxLimits = QUIET) -> AsyncIterator[tuple[Pair, Any]]:
    """Only b is a real connection; the test writes the frames of its peer."""
    pair = Pair(limits, ReceiveBudget(100 * MiB))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(pair.b.start)
        await pair.b.event_started.wait()
        yield pair, pair.pipes[0].end
        nursery.cancel_scope.cancel()


async def read_all(stream: BoundedYamuxStream) -> bytes:
    received = bytearray()
    while True:
        try:
            received += await stream.read()
        except MuxedStreamEOF:
            return bytes(received)


async def test_data_flows_both_ways_and_ends_with_half_closes() -> None:
    async with connected() as pair:
        a, b = await pair.streams()
        await a.write(b"question")
        await a.close()
        assert await read_all(b) == b"question"
        await b.write(b"answer")
        await b.close()
        assert await read_all(a) == b"answer"
        with pytest.raises(MuxedStreamError):
            await a.write(b"more")
        await eventually(lambda: not pair.a._streams and not pair.b._streams)


async def test_a_large_message_crosses_many_windows_and_grows_them_within_the_allowance() -> None:
    async with connected() as pair:
        a, b = await pair.streams()
        payload = bytes(range(256)) * (40 * 4096)

        async def send() -> None:
            await a.write(payload)
            await a.close()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            assert await read_all(b) == payload
        assert INITIAL_WINDOW_BYTES < b._window <= pair.b.limits.max_stream_window


async def test_concurrent_writers_of_one_stream_do_not_interleave() -> None:
    async with connected() as pair:
        a, b = await pair.streams()
        async with trio.open_nursery() as nursery:
            for letter in (b"a", b"b", b"c"):
                nursery.start_soon(a.write, letter * 300_000)
            received = bytearray()
            while len(received) < 900_000:
                received += await b.read()
        runs = sum(received[i] != received[i - 1] for i in range(1, len(received)))
        assert runs == 2


async def test_a_reader_that_stops_stops_the_writer_at_one_window(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with connected() as pair:
        a, b = await pair.streams()
        with trio.move_on_after(5) as scope:
            await a.write(bytes(2 * MiB))
        assert scope.cancelled_caught
        assert len(b._buffer) == INITIAL_WINDOW_BYTES
        # The cut message cannot be taken for a whole one: the stream is dead.
        await eventually(lambda: b._was_reset)


async def test_a_writer_gives_up_on_a_peer_that_never_takes_data(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with connected(YamuxLimits(ping_interval_s=1000, write_stall_s=20)) as pair:
        a, _ = await pair.streams()
        start_s = trio.current_time()
        with pytest.raises(MuxedStreamError):
            await a.write(bytes(2 * MiB))
        assert 20 <= trio.current_time() - start_s < 25


async def test_cancelling_a_writer_leaves_the_connection_usable() -> None:
    async with connected() as pair:
        for _ in range(20):
            a, _ = await pair.streams()
            with trio.move_on_after(0.001):
                await a.write(bytes(3 * MiB))
        a, b = await pair.streams()
        await a.write(b"still here")
        assert await b.read() == b"still here"


async def test_a_reset_reaches_the_other_side_and_frees_both() -> None:
    async with connected() as pair:
        a, b = await pair.streams()
        await a.write(b"x" * 1000)
        await a.reset()
        with pytest.raises(MuxedStreamReset):
            await read_all(b)
        await eventually(lambda: not pair.a._streams and not pair.b._streams)
        assert pair.b._budget.used_bytes == 0


async def test_inbound_streams_are_limited_and_the_rest_is_reset() -> None:
    async with connected(YamuxLimits(max_inbound_streams=3, ping_interval_s=1000)) as pair:
        streams = [await pair.a.open_stream() for _ in range(5)]
        await eventually(lambda: [s._was_reset for s in streams] == [False] * 3 + [True] * 2)
        for _ in range(3):
            await pair.b.accept_stream()
        await streams[0].reset()
        await eventually(lambda: pair.b._inbound_streams == 2)
        again = await pair.a.open_stream()
        await trio.testing.wait_all_tasks_blocked()
        assert not again._was_reset


async def test_outbound_streams_are_limited() -> None:
    async with connected(YamuxLimits(max_outbound_streams=2, ping_interval_s=1000)) as pair:
        for _ in range(2):
            await pair.a.open_stream()
        with pytest.raises(MuxedStreamError, match="too many"):
            await pair.a.open_stream()


async def test_closing_wakes_everybody_and_what_has_arrived_stays_readable() -> None:
    async with connected() as pair:
        a, b = await pair.streams()
        await a.write(b"last words")
        await pair.a.close()
        await pair.b.event_closed.wait()
        assert pair.a.is_closed
        assert await read_all(b) == b"last words"
        with pytest.raises(MuxedStreamError):
            await b.write(b"x")
        with pytest.raises(MuxedConnUnavailable):
            await pair.b.accept_stream()
        with pytest.raises(MuxedStreamError):
            await pair.a.open_stream()


async def test_a_cancelled_close_closes_nevertheless() -> None:
    async with connected() as pair:
        with trio.CancelScope() as scope:
            scope.cancel()
            await pair.a.close()
        assert scope.cancelled_caught
        with trio.fail_after(1):
            await pair.a.event_closed.wait()
            await pair.b.event_closed.wait()


async def test_a_silent_peer_is_cut_off_after_the_ping_timeout(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with connected(YamuxLimits(ping_interval_s=1, ping_timeout_s=5)) as pair:
        await trio.sleep(30)
        assert not pair.a.is_closed
        assert pair.a.round_trip_s is not None
        pair.pipes[1].is_blocked = True
        silent_since_s = trio.current_time()
        await pair.a.event_closed.wait()
        assert 4 < trio.current_time() - silent_since_s < 18


async def test_a_peer_that_asks_but_never_reads_the_answers_is_cut_off() -> None:
    async with under_attack(YamuxLimits(max_control_frames=50, ping_interval_s=1000)) as (pair, attacker):
        pair.pipes[1].is_blocked = True
        await attacker.send_all(frame(PING, SYN, 0, 1) * 200)
        with trio.fail_after(2):
            await pair.b.event_closed.wait()


@pytest.mark.parametrize(
    "sent",
    [
        b"\x01" + b"\0" * 11,
        frame(9, 0, 1, 0),
        frame(WINDOW_UPDATE, SYN, 0, 0),
        frame(WINDOW_UPDATE, SYN, 2, 0),
        frame(WINDOW_UPDATE, SYN, 1, 0) * 2,
        frame(DATA, 0, 77, 2**32 - 1),
        frame(WINDOW_UPDATE, SYN, 1, 0) + frame(DATA, 0, 1, INITIAL_WINDOW_BYTES + 1),
        frame(DATA, SYN, 1, 200_000, bytes(200_000)) + frame(DATA, 0, 1, 100_000, bytes(100_000)),
    ],
    ids=["version", "type", "stream 0", "parity", "open twice", "unknown stream", "window", "window in two"],
)
async def test_a_violation_is_reported_and_ends_the_connection(sent: bytes) -> None:
    async with under_attack() as (pair, attacker):
        await attacker.send_all(sent)
        with trio.fail_after(2):
            await pair.b.event_closed.wait()
        assert len(pair.violations) == 1
        assert pair.b._budget.used_bytes == 0


async def test_unread_data_of_all_connections_together_is_bounded() -> None:
    budget = ReceiveBudget(300_000)
    async with connected(budget=budget) as one, connected(budget=budget) as other:
        for pair in (one, other):
            a, _ = await pair.streams()
            with trio.move_on_after(0.2):
                await a.write(bytes(200_000))
        await eventually(lambda: one.b.is_closed or other.b.is_closed)
        assert not (one.b.is_closed and other.b.is_closed)
        assert budget.used_bytes <= budget.max_bytes


async def test_the_connection_that_holds_most_gives_way_not_the_one_that_receives_next() -> None:
    budget = ReceiveBudget(300_000)
    async with connected(budget=budget) as greedy, connected(budget=budget) as modest:
        a, _ = await greedy.streams()
        await a.write(bytes(200_000))
        a, b = await modest.streams()
        await a.write(bytes(150_000))
        await eventually(lambda: greedy.b.is_closed)
        assert len(greedy.violations) == 1
        assert len(b._buffer) == 150_000
        assert not modest.b.is_closed
        assert budget.used_bytes == 150_000


async def test_a_peer_that_makes_too_much_work_is_not_read_for_a_while(
    autojump_clock: trio.testing.MockClock,
) -> None:
    limits = YamuxLimits(ping_interval_s=1000, work_units_per_s=1000)
    async with under_attack(limits) as (pair, attacker):
        for stream_id in range(1, 201, 2):
            opened_and_reset = frame(WINDOW_UPDATE, SYN, stream_id, 0) + frame(
                WINDOW_UPDATE, RST, stream_id, 0
            )
            await attacker.send_all(opened_and_reset)
            with trio.move_on_after(0.01):
                await pair.b.accept_stream()
        # Virtual time stands still while anybody works: less than a second has passed here.
        assert trio.current_time() < 1
        await attacker.send_all(frame(PING, SYN, 0, 7))
        answer = b""
        while not answer.endswith(frame(PING, ACK, 0, 7)):
            answer += await attacker.receive_some(65536)
        assert trio.current_time() >= 1


async def test_data_for_a_discarded_stream_is_not_kept() -> None:
    async with connected() as pair:
        a, b = await pair.streams()
        await a.write(b"x" * 1000)
        await eventually(lambda: len(b._buffer) == 1000)
        b.discard()
        await a.write(b"y" * 1000)
        await a.close()
        await eventually(lambda: b._remote_finished)
        assert pair.b._budget.used_bytes == 0


frames = st.builds(
    frame,
    st.integers(0, 5),
    st.integers(0, 15),
    st.integers(0, 6),
    st.one_of(st.integers(0, 40), st.integers(0, 2**32 - 1)),
    st.binary(max_size=40),
)


@settings(deadline=None)
@given(
    st.lists(st.one_of(frames, st.binary(max_size=30)), max_size=12), st.lists(st.integers(1, 60), max_size=9)
)
def test_no_bytes_make_the_parser_fail_otherwise_than_by_a_violation(
    pieces: list[bytes], sizes: list[int]
) -> None:
    async def feed() -> None:
        connection = Pair(QUIET, ReceiveBudget(1000)).b
        raw = b"".join(pieces)
        buffer = bytearray()
        try:
            for size in [*sizes, len(raw)]:
                buffer += raw[:size]
                raw = raw[size:]
                with memoryview(buffer) as view:
                    taken = connection._parse(view)
                assert 0 <= taken <= len(buffer)
                del buffer[:taken]
                assert len(buffer) < 12
        except ProtocolViolation:
            pass
        assert connection._budget.used_bytes <= 1000 + 60

    trio.run(feed)


@pytest.mark.parametrize("own_side_dials", [True, False])
async def test_the_muxer_of_libp2p_understands_this_one(own_side_dials: bool) -> None:
    pair = Pair(QUIET, ReceiveBudget(100 * MiB))
    own = pair.a if own_side_dials else pair.b
    stock = Yamux(pair.pipes[1 if own_side_dials else 0], PEER)
    payload = bytes(range(256)) * 8192

    async def echo_stock() -> None:
        stream = await stock.accept_stream()
        received = b""
        while len(received) < len(payload):
            received += await stream.read()
        await stream.write(received)
        await stream.close()

    async def echo_own() -> None:
        stream = await own.accept_stream()
        await stream.write(await read_all(stream))
        await stream.close()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(own.start)
        nursery.start_soon(stock.start)
        await stock.event_started.wait()
        nursery.start_soon(echo_stock)
        stream = await own.open_stream()
        received = bytearray()
        nursery.start_soon(stream.write, payload)
        while len(received) < len(payload):
            received += await stream.read()
        assert bytes(received) == payload

        nursery.start_soon(echo_own)
        asked = await stock.open_stream()

        async def ask() -> None:
            await asked.write(payload)
            await asked.close()

        nursery.start_soon(ask)
        received = bytearray()
        while len(received) < len(payload):
            received += await asked.read()
        assert bytes(received) == payload
        nursery.cancel_scope.cancel()
