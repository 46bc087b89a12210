"""One yamux stream: its windows, its buffer, its two half-closes.

Owns: flow control of a single stream, the bounds of a connection and the budget shared by all connections.
Never: touches a socket; frames leave through the connection that owns the stream.
Specification: https://github.com/hashicorp/yamux/blob/master/spec.md
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import trio
from libp2p.abc import IMuxedStream
from libp2p.stream_muxer.exceptions import (
    MuxedStreamClosed,
    MuxedStreamEOF,
    MuxedStreamError,
    MuxedStreamReset,
)

if TYPE_CHECKING:
    from p2p.yamux import BoundedYamux

DATA, WINDOW_UPDATE, PING, GO_AWAY = range(4)
SYN, ACK, FIN, RST = 1, 2, 4, 8

INITIAL_WINDOW_BYTES = 256 * 1024
"""Fixed by the specification for both directions of a new stream."""

MAX_FRAME_PAYLOAD = 65_507
"""Header and payload fill exactly one noise message (65,535 bytes less 16 of authentication tag)."""

_MAX_WINDOW = 2**32 - 1
_BULK_READ_S = 0.25
"""A reader that takes half a window in this time is a bulk reader: its window grows."""


@dataclass(frozen=True, slots=True)
class YamuxLimits:
    """Bounds of one connection. Memory held for a peer stays below
    max_inbound_streams x 256 KiB + window_growth_bytes + outgoing_bytes, and below the shared budget.

    Work is counted in units of about 10 microseconds: a frame is one, a noise message five, a new stream fifty.
    A connection that makes more work than its allowance is not read for the rest of the second."""

    max_inbound_streams: int = 64
    max_outbound_streams: int = 256
    max_stream_window: int = 4 * 1024 * 1024
    window_growth_bytes: int = 8 * 1024 * 1024
    outgoing_bytes: int = 256 * 1024
    max_control_frames: int = 1024
    work_units_per_s: int = 20_000
    write_stall_s: float = 20.0
    ping_interval_s: float = 1.0
    ping_timeout_s: float = 5.0


class ReceiveBudget:
    """Received bytes that nobody has taken yet, of all connections together.

    When they exceed the budget, the connection that holds most is closed: an attacker cannot make the node throw
    out a peer that holds less than itself.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.used_bytes = 0
        self._held_bytes: dict[BoundedYamux, int] = {}

    def hold(self, connection: BoundedYamux, count: int) -> None:
        """Account for count more (or, below zero, fewer) bytes of a connection."""
        held = self._held_bytes.get(connection, 0)
        count = max(count, -held)
        self.used_bytes += count
        if held + count:
            self._held_bytes[connection] = held + count
        else:
            self._held_bytes.pop(connection, None)
        while self.used_bytes > self.max_bytes:
            largest = max(self._held_bytes, key=lambda c: self._held_bytes[c])
            self.release(largest)
            largest.evict()

    def release(self, connection: BoundedYamux) -> None:
        """The connection is over."""
        self.used_bytes -= self._held_bytes.pop(connection, 0)

    def held_bytes(self, connection: BoundedYamux) -> int:
        """What a connection holds."""
        return self._held_bytes.get(connection, 0)


class ProtocolViolation(Exception):
    """The peer broke the yamux specification or a bound; the connection ends."""


class BoundedYamuxStream(IMuxedStream):
    """One stream. `read` returns what is there, `write` waits for window and socket."""

    muxed_conn: BoundedYamux

    def __init__(self, connection: BoundedYamux, stream_id: int, *, is_inbound: bool) -> None:
        self.muxed_conn = connection
        self.stream_id = stream_id
        self.is_inbound = is_inbound
        self._connection = connection
        self._buffer = bytearray()
        self._send_window = INITIAL_WINDOW_BYTES
        self._receive_left = INITIAL_WINDOW_BYTES
        self._window = INITIAL_WINDOW_BYTES
        self._unreleased = 0
        self._released_at_s = trio.current_time()
        self._is_discarding = False
        self._remote_finished = False
        self._local_finished = False
        self._was_reset = False
        self._changed = trio.Event()
        self._write_lock = trio.Lock()

    # Local side

    async def read(self, n: int | None = None) -> bytes:
        """1 to n bytes; None or -1 means all that is there. Raises MuxedStreamEOF, MuxedStreamReset."""
        if n == 0:
            return b""
        await trio.lowlevel.checkpoint_if_cancelled()
        while not self._buffer:
            if self._was_reset:
                raise MuxedStreamReset("stream was reset")
            if self._remote_finished:
                raise MuxedStreamEOF("stream is finished")
            await self._changed.wait()
        if n is None or n < 0 or n >= len(self._buffer):
            chunk = bytes(self._buffer)
            self._buffer.clear()
        else:
            chunk = bytes(memoryview(self._buffer)[:n])
            del self._buffer[:n]
        self._release(len(chunk))
        return chunk

    async def write(self, data: bytes) -> None:
        """Send all of data; concurrent writers do not interleave. Raises MuxedStreamError when it cannot."""
        async with self._write_lock:
            rest = memoryview(data)
            is_partial = False
            try:
                while len(rest):
                    await self._wait_until_writable()
                    take = min(len(rest), self._send_window, MAX_FRAME_PAYLOAD)
                    self._send_window -= take
                    self._connection.queue_data(self.stream_id, rest[:take])
                    rest = rest[take:]
                    is_partial = True
            except BaseException:
                # Whoever reads the stream would take the next write for the rest of this one.
                if is_partial:
                    self._abort()
                raise

    async def _wait_until_writable(self) -> None:
        deadline_s = trio.current_time() + self._connection.limits.write_stall_s
        while True:
            if self._was_reset:
                raise MuxedStreamReset("stream was reset")
            if self._local_finished:
                raise MuxedStreamClosed("stream is closed for writing")
            if self._send_window > 0:
                if self._connection.has_room():
                    return
                waiting_for = self._connection.room_made
            else:
                waiting_for = self._changed
            with trio.move_on_at(deadline_s) as scope:
                await waiting_for.wait()
            if scope.cancelled_caught:
                self._abort()
                raise MuxedStreamError("the peer takes no data")

    async def close(self) -> None:
        """Finish the sending side; reading goes on."""
        await trio.lowlevel.checkpoint_if_cancelled()
        if not (self._local_finished or self._was_reset):
            self._local_finished = True
            self._connection.queue_data(self.stream_id, memoryview(b""), FIN)
            self._notify()
            if self._remote_finished:
                self._connection.forget(self)

    async def reset(self) -> None:
        """End both directions at once."""
        await trio.lowlevel.checkpoint_if_cancelled()
        self._abort()

    def discard(self) -> None:
        """The owner reads no more: free what is buffered and drop what still arrives."""
        self._is_discarding = True
        self._drop_buffer()

    def set_deadline(self, ttl: int) -> None:
        """Part of the interface; deadlines of this node are cancel scopes."""
        raise NotImplementedError("use a trio cancel scope")

    def get_remote_address(self) -> tuple[str, int] | None:
        """Endpoint of the peer."""
        return self._connection.get_remote_address()

    async def __aenter__(self) -> BoundedYamuxStream:
        return self

    def _abort(self) -> None:
        if not self._was_reset:
            self._connection.queue_control(WINDOW_UPDATE, RST, self.stream_id, 0)
            self.on_reset()
            self._connection.forget(self)

    def _release(self, count: int) -> None:
        """Give the peer credit for consumed bytes, half a window at a time."""
        self._connection.hold(-count)
        self._unreleased += count
        if self._unreleased * 2 < self._window or self._remote_finished or self._was_reset:
            return
        now_s = trio.current_time()
        is_bulk = now_s - self._released_at_s < _BULK_READ_S
        self._released_at_s = now_s
        credit = self._unreleased
        self._unreleased = 0
        if is_bulk and not self._buffer and self._window < self._connection.limits.max_stream_window:
            growth = self._connection.take_growth(self._window)
            self._window += growth
            credit += growth
        self._receive_left += credit
        self._connection.queue_control(WINDOW_UPDATE, 0, self.stream_id, credit)

    def _drop_buffer(self) -> None:
        self._connection.hold(-len(self._buffer))
        self._buffer.clear()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    # Remote side, called by the connection

    def reserve(self, length: int) -> None:
        """A data frame was announced. Raises ProtocolViolation when it exceeds the granted window."""
        if length > self._receive_left:
            raise ProtocolViolation(
                f"stream {self.stream_id}: {length - self._receive_left} bytes above its window"
            )
        self._receive_left -= length

    def feed(self, chunk: memoryview) -> None:
        """Part of a frame arrived."""
        if not (self._is_discarding or self._was_reset):
            self._buffer += chunk
            self._notify()
            self._connection.hold(len(chunk))

    def grant(self, credit: int) -> None:
        """The peer opened the window of the sending side."""
        self._send_window = min(self._send_window + credit, _MAX_WINDOW)
        self._notify()

    def on_finished(self) -> None:
        """The peer sends no more."""
        self._remote_finished = True
        self._notify()
        if self._local_finished:
            self._connection.forget(self)

    def on_reset(self) -> None:
        """The peer, this side or the broken connection ended the stream."""
        self._was_reset = True
        self._drop_buffer()
        self._connection.return_growth(self._window - INITIAL_WINDOW_BYTES)
        self._window = INITIAL_WINDOW_BYTES
        self._notify()

    def on_connection_closed(self) -> None:
        """What has arrived stays readable, everything else ends."""
        self._remote_finished = True
        self._local_finished = True
        self._notify()
