"""Yamux: many streams over one connection, with every bound enforced.

Owns: the stream multiplexer of this node, wire compatible with yamux 1.0.0 (header 12 bytes, initial window
256 KiB) and drop-in for `libp2p.stream_muxer.yamux.yamux.Yamux`.
Never: raises out of its own tasks, and never lets a cancelled sender leave half a frame on the wire: one task
writes, everybody else queues whole frames.
Specification: https://github.com/hashicorp/yamux/blob/master/spec.md

Why not the muxer of libp2p 0.8.1: it accepts data beyond the window it granted (only a warning is logged), has
no limit on inbound streams, polls every 10 ms while a window is closed and resets the stream after 5 s, sends a
window update per read, and waits for ever for a peer that stopped answering pings.
"""

import logging
import struct
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import trio
from libp2p.abc import IMuxedConn, ISecureConn
from libp2p.connection_types import ConnectionType
from libp2p.peer.id import ID
from libp2p.stream_muxer.exceptions import MuxedConnUnavailable, MuxedStreamError
from multiaddr import Multiaddr

from p2p.yamux_stream import (
    ACK,
    DATA,
    FIN,
    GO_AWAY,
    MAX_FRAME_PAYLOAD,
    PING,
    RST,
    SYN,
    WINDOW_UPDATE,
    BoundedYamuxStream,
    ProtocolViolation,
    ReceiveBudget,
    YamuxLimits,
)

logger = logging.getLogger(__name__)

_HEADER = struct.Struct("!BBHII")
_GO_AWAY_NORMAL, _GO_AWAY_PROTOCOL_ERROR = 0, 1

_WORK_OF_MESSAGE = 5
_WORK_OF_STREAM = 50

_CLOSE_FLUSH_S = 0.3
"""How long a closing connection may take to send what is queued."""


class BoundedYamux(IMuxedConn):
    """One multiplexed connection. `start` runs it until either side closes it."""

    def __init__(
        self,
        conn: ISecureConn,
        peer_id: ID,
        *,
        limits: YamuxLimits,
        budget: ReceiveBudget,
        on_violation: Callable[[ID, str], None],
    ) -> None:
        self.peer_id = peer_id
        self.limits = limits
        self.event_started = trio.Event()
        self.event_closed = trio.Event()
        self.room_made = trio.Event()
        self.round_trip_s: float | None = None
        self.on_close: Any = None
        self._conn = conn
        self._budget = budget
        self._on_violation = on_violation
        self._is_initiator = conn.is_initiator
        self._streams: dict[int, BoundedYamuxStream] = {}
        self._inbound_streams = 0
        self._next_stream_id = 1 if self._is_initiator else 2
        self._accepted_send, self._accepted = trio.open_memory_channel[BoundedYamuxStream](
            limits.max_inbound_streams
        )
        self._growth_left = limits.window_growth_bytes
        self._has_ended = False
        self._work = 0
        self._control: deque[bytes] = deque()
        self._data: deque[bytes] = deque()
        self._data_bytes = 0
        self._to_write = trio.Event()
        self._drained = trio.Event()
        self._is_closing = False
        self._last_received_s = trio.current_time()
        self._ping_id = 0
        self._ping_answered = trio.Event()
        self._run_scope = trio.CancelScope()
        # Frame that is being received: bytes of its body still to come, its stream and its flags.
        self._body_left = 0
        self._body_stream: BoundedYamuxStream | None = None
        self._body_flags = 0

    # Interface of libp2p

    @property
    def is_initiator(self) -> bool:
        """Whether this side dialled."""
        return self._is_initiator

    @property
    def is_established(self) -> bool:
        """Ready for streams."""
        return self.event_started.is_set() and not self._is_closing

    @property
    def is_closed(self) -> bool:
        """Over."""
        return self.event_closed.is_set()

    async def start(self) -> None:
        """Run the connection. Returns when it is over; raises nothing but Cancelled."""
        try:
            with self._run_scope:
                async with trio.open_nursery() as nursery:
                    for task in (self._read_loop, self._write_loop, self._ping_loop):
                        nursery.start_soon(self._run, task)
                    self.event_started.set()
        finally:
            self._end()
            with trio.move_on_after(_CLOSE_FLUSH_S) as scope:
                scope.shield = True
                await self._close_transport()
            self.event_closed.set()

    async def open_stream(self) -> BoundedYamuxStream:
        """A new outbound stream. Raises MuxedStreamError when closing or at the limit."""
        await trio.lowlevel.checkpoint()
        if self._is_closing:
            raise MuxedStreamError("connection is closing")
        if len(self._streams) - self._inbound_streams >= self.limits.max_outbound_streams:
            raise MuxedStreamError("too many open streams")
        stream = BoundedYamuxStream(self, self._next_stream_id, is_inbound=False)
        self._next_stream_id += 2
        self._streams[stream.stream_id] = stream
        self.queue_data(stream.stream_id, memoryview(b""), SYN, WINDOW_UPDATE)
        return stream

    async def accept_stream(self) -> BoundedYamuxStream:
        """The next inbound stream. Raises MuxedConnUnavailable when the connection is over."""
        try:
            return await self._accepted.receive()
        except trio.EndOfChannel:
            raise MuxedConnUnavailable("connection is closed") from None

    async def close(self) -> None:
        """Say goodbye, send what is queued (briefly), end. Safe to call twice."""
        if not self.event_started.is_set():
            self._end()
            await self._close_transport()
            self.event_closed.set()
            return
        try:
            if not self._is_closing:
                await self._say_goodbye(_GO_AWAY_NORMAL)
        finally:
            self._run_scope.cancel()
            with trio.move_on_after(2 * _CLOSE_FLUSH_S) as scope:
                scope.shield = True
                await self.event_closed.wait()

    async def _say_goodbye(self, reason: int) -> None:
        self._is_closing = True
        self.queue_control(GO_AWAY, 0, 0, reason, is_last=True)
        with trio.move_on_after(_CLOSE_FLUSH_S):
            while self._control or self._data:
                await self._drained.wait()

    def abandon(self) -> None:
        """End without goodbye, at once."""
        self._run_scope.cancel()

    def get_transport_addresses(self) -> list[Multiaddr]:
        """Address of the peer."""
        return self._conn.get_transport_addresses()

    def get_connection_type(self) -> ConnectionType:
        """Always direct on TCP."""
        return self._conn.get_connection_type()

    def get_remote_address(self) -> tuple[str, int] | None:
        """Endpoint of the peer."""
        return self._conn.get_remote_address()

    # For streams

    def has_room(self) -> bool:
        """Whether a data frame may be queued now."""
        return self._data_bytes < self.limits.outgoing_bytes

    def queue_data(self, stream_id: int, payload: memoryview, flags: int = 0, kind: int = DATA) -> None:
        """Queue a frame behind earlier data. The caller has checked `has_room` for payloads."""
        frame = _HEADER.pack(0, kind, flags, stream_id, len(payload)) + payload
        self._data.append(frame)
        self._data_bytes += len(frame)
        self._to_write.set()

    def queue_control(
        self, kind: int, flags: int, stream_id: int, value: int, *, is_last: bool = False
    ) -> None:
        """Queue a small frame ahead of data; one of them per received frame, so a peer that never reads is cut off."""
        if self._is_closing and not is_last:
            return
        if len(self._control) >= self.limits.max_control_frames:
            logger.info("peer %s does not read our answers", self.peer_id)
            self.abandon()
            return
        self._control.append(_HEADER.pack(0, kind, flags, stream_id, value))
        self._to_write.set()

    def hold(self, count: int) -> None:
        """Account for received bytes that are kept (or, below zero, given on). May close the greediest connection."""
        if not self._has_ended:
            self._budget.hold(self, count)

    def evict(self) -> None:
        """The node runs out of its budget, and this connection holds most."""
        self._has_ended = True
        self._on_violation(self.peer_id, "holds too much of the memory for received data")
        for stream in self._streams.values():
            stream.discard()
        self.abandon()

    def take_growth(self, wanted: int) -> int:
        """Extra window for a bulk stream, as far as the connection's allowance goes."""
        growth = min(wanted, self._growth_left)
        self._growth_left -= growth
        return growth

    def return_growth(self, growth: int) -> None:
        """The stream is gone."""
        self._growth_left += growth

    def forget(self, stream: BoundedYamuxStream) -> None:
        """The stream is over in both directions."""
        if self._streams.pop(stream.stream_id, None) is not None and stream.is_inbound:
            self._inbound_streams -= 1

    # Tasks

    async def _run(self, task: Callable[[], Awaitable[None]]) -> None:
        try:
            await task()
        except ProtocolViolation as violation:
            self._on_violation(self.peer_id, str(violation))
            await self._say_goodbye(_GO_AWAY_PROTOCOL_ERROR)
        except Exception as error:
            # Broken sockets, failed decryption, a peer that went away: all end the connection and nothing else.
            logger.debug("connection to %s ended: %r", self.peer_id, error)
        finally:
            self._run_scope.cancel()

    async def _read_loop(self) -> None:
        buffer = bytearray()
        second_ends_s = 0.0
        while True:
            buffer += await self._conn.read()
            now_s = self._last_received_s = trio.current_time()
            if now_s >= second_ends_s:
                second_ends_s = now_s + 1.0
                self._work = 0
            self._work += _WORK_OF_MESSAGE
            with memoryview(buffer) as view:
                taken = self._parse(view)
            del buffer[:taken]
            if self._work > self.limits.work_units_per_s:
                await trio.sleep_until(second_ends_s)

    def _parse(self, view: memoryview) -> int:
        """Handle all complete headers and all body bytes in view; returns how many bytes were used."""
        position = 0
        while True:
            if self._body_left:
                chunk = view[position : position + self._body_left]
                if self._body_stream is not None:
                    self._body_stream.feed(chunk)
                self._body_left -= len(chunk)
                position += len(chunk)
                chunk.release()
                if self._body_left:
                    return position
                self._finish_frame()
            if len(view) - position < _HEADER.size:
                return position
            self._work += 1
            self._on_header(*_HEADER.unpack_from(view, position))
            position += _HEADER.size

    def _on_header(self, version: int, kind: int, flags: int, stream_id: int, length: int) -> None:
        if version != 0:
            raise ProtocolViolation(f"version {version}")
        if kind == PING:
            if flags & SYN:
                self.queue_control(PING, ACK, 0, length)
            elif flags & ACK and length == self._ping_id:
                self._ping_answered.set()
        elif kind == GO_AWAY:
            self._run_scope.cancel()
        elif kind in (DATA, WINDOW_UPDATE):
            self._on_stream_frame(kind, flags, stream_id, length)
        else:
            raise ProtocolViolation(f"frame type {kind}")

    def _on_stream_frame(self, kind: int, flags: int, stream_id: int, length: int) -> None:
        if flags & SYN:
            self._on_open(stream_id)
        stream = self._streams.get(stream_id)
        self._body_stream = stream
        self._body_flags = flags
        if kind == WINDOW_UPDATE:
            if stream is not None and length:
                stream.grant(length)
            self._finish_frame()
        else:
            if stream is not None:
                stream.reserve(length)
            elif length > self.limits.max_stream_window:
                raise ProtocolViolation(f"{length} bytes for a stream that does not exist")
            self._body_left = length
            if not length:
                self._finish_frame()

    def _finish_frame(self) -> None:
        stream, flags = self._body_stream, self._body_flags
        self._body_stream = None
        if stream is None:
            return
        if flags & RST:
            stream.on_reset()
            self.forget(stream)
        elif flags & FIN:
            stream.on_finished()

    def _on_open(self, stream_id: int) -> None:
        self._work += _WORK_OF_STREAM
        is_even = stream_id % 2 == 0
        if stream_id == 0 or is_even != self._is_initiator or stream_id in self._streams:
            raise ProtocolViolation(f"the peer may not open stream {stream_id}")
        if self._is_closing or self._inbound_streams >= self.limits.max_inbound_streams:
            self.queue_control(WINDOW_UPDATE, RST, stream_id, 0)
            return
        stream = BoundedYamuxStream(self, stream_id, is_inbound=True)
        try:
            self._accepted_send.send_nowait(stream)
        except (trio.WouldBlock, trio.BrokenResourceError):
            self.queue_control(WINDOW_UPDATE, RST, stream_id, 0)
            return
        self._streams[stream_id] = stream
        self._inbound_streams += 1
        self.queue_control(WINDOW_UPDATE, ACK, stream_id, 0)

    async def _write_loop(self) -> None:
        while True:
            if not (self._control or self._data):
                self._drained.set()
                self._drained = trio.Event()
                self._to_write = trio.Event()
                await self._to_write.wait()
            batch = list(self._control)
            self._control.clear()
            size = sum(map(len, batch))
            while self._data and size + len(self._data[0]) <= MAX_FRAME_PAYLOAD + _HEADER.size:
                frame = self._data.popleft()
                size += len(frame)
                self._data_bytes -= len(frame)
                batch.append(frame)
            if not batch:
                frame = self._data.popleft()
                self._data_bytes -= len(frame)
                batch.append(frame)
            await self._conn.write(b"".join(batch))
            self.room_made.set()
            self.room_made = trio.Event()

    async def _ping_loop(self) -> None:
        limits = self.limits
        pinged_s = 0.0
        while True:
            await trio.sleep(limits.ping_interval_s)
            now_s = trio.current_time()
            is_alive = now_s - self._last_received_s < limits.ping_interval_s
            if is_alive and now_s - pinged_s < 10 * limits.ping_interval_s:
                continue
            pinged_s = now_s
            self._ping_id = (self._ping_id + 1) & 0xFFFFFFFF
            self._ping_answered = trio.Event()
            self.queue_control(PING, SYN, 0, self._ping_id)
            with trio.move_on_after(limits.ping_timeout_s):
                await self._ping_answered.wait()
            if self._ping_answered.is_set():
                self.round_trip_s = trio.current_time() - pinged_s
                continue
            # If this process itself was asleep, the answer waits in the socket: let the reader run first.
            await trio.sleep(limits.ping_timeout_s / 20)
            if self._last_received_s <= pinged_s:
                raise TimeoutError("no answer to ping")

    def _end(self) -> None:
        self._is_closing = True
        self._accepted_send.close()
        for stream in list(self._streams.values()):
            stream.on_connection_closed()
        self._streams.clear()
        self._inbound_streams = 0
        self._control.clear()
        self._data.clear()
        self._data_bytes = 0
        self.room_made.set()
        self._drained.set()
        # Buffers stay readable for their owners for a moment, but no longer count against other peers.
        self._has_ended = True
        self._budget.release(self)

    async def _close_transport(self) -> None:
        try:
            await self._conn.close()
        except Exception as error:
            logger.debug("closing the connection to %s: %r", self.peer_id, error)
