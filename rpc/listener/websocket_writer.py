"""Writes the frames of one WebSocket in order, without ever making the sender wait.

Owns the frame heads, the queue of what the socket does not take at once, and its bounds: notifications are bounded by
number and bytes, for the connection and for all together; replies for all together, and for the connection by the
reader, who stops reading while much is waiting. Never closes the socket.
Specification: RFC 6455 section 5.2 (a server does not mask).
"""

from __future__ import annotations

import math
import os
import struct
from collections import deque
from collections.abc import Callable
from typing import Final

import trio

from rpc.config import WebSocketLimits
from rpc.dispatch.byte_budget import ByteBudget

PIECE_BYTES: Final = 262_144
"""Given to the socket at once; each piece has `write_timeout_s` to leave."""

JOINED_BYTES: Final = 65_536
"""Waiting frames are joined up to this size: one system call for many notifications."""

_TEXT: Final = 0x81  # the final, and only, frame of a text message

_Frame = bytes | memoryview
_Waiting = tuple[_Frame, ByteBudget | None, int]
"""What is written, what it is charged to, and how many notifications it holds."""


def text_frame(message: bytes) -> bytes:
    """A message as one frame."""
    size = len(message)
    if size < 126:
        return b"%c%c%b" % (_TEXT, size, message)
    if size < 65_536:
        return struct.pack("!BBH", _TEXT, 126, size) + message
    return struct.pack("!BBQ", _TEXT, 127, size) + message


class FrameWriter:
    """The sending half of a connection. `lost` is called when the connection is gone."""

    def __init__(
        self,
        stream: trio.SocketStream,
        nursery: trio.Nursery,
        limits: WebSocketLimits,
        replies: ByteBudget,
        backlog: ByteBudget,
        lost: Callable[[], None],
    ) -> None:
        self._stream = stream
        self._nursery = nursery
        self._limits = limits
        self._replies = replies
        self._backlog = backlog
        self._lost = lost
        self._queue: deque[_Waiting] = deque()
        self._is_writing = False
        self._notifications = 0
        self._notification_bytes = 0
        self._progress = trio.Event()
        self.queued_bytes = 0
        self.piece_started = math.inf
        """When the piece that is being written was given to the socket; trio's clock."""

    def put_control(self, frame: bytes) -> None:
        """Send a Ping, Pong or Close."""
        if self._is_writing:
            self._enqueue(frame, None)
        else:
            self._finish(self._write_now(frame), None)

    def put_reply(self, frame: bytes) -> bool:
        """Send a reply; False, and nothing sent, when too many wait for all clients together."""
        if not self._is_writing:
            rest = self._write_now(frame)
            self._replies.held += len(rest)  # what has begun must be finished: charged in any case
            self._finish(rest, self._replies)
            return True
        if not self._replies.take(len(frame)):
            return False
        self._enqueue(frame, self._replies)
        return True

    def put_notifications(self, frames: bytes, count: int) -> bool:
        """Send the frames of so many notifications; False, and nothing sent, when too much is waiting."""
        if not self._is_writing:
            rest = self._write_now(frames)
            if rest:
                self._backlog.held += len(rest)
                self._count(count, len(rest))
                self._finish(rest, self._backlog, count)
            return True
        if not self.hold(count, len(frames)):
            return False
        self._enqueue(frames, self._backlog, count)
        return True

    def hold(self, count: int, size: int) -> bool:
        """Count notifications that somebody else keeps for now; False when too much is waiting."""
        limits = self._limits
        if (
            self._notifications + count > limits.max_queued_notifications
            or self._notification_bytes + size > limits.max_queued_bytes
            or not self._backlog.take(size)
        ):
            return False
        self._count(count, size)
        return True

    def release(self, count: int, size: int) -> None:
        """Nobody keeps them any more."""
        self._backlog.give_back(size)
        self._count(-count, -size)

    def forget_queue(self) -> None:
        """Send nothing of what waits, except for what has begun."""
        while self._queue:
            self._sent(*self._queue.popleft())

    async def wait_below(self, size: int) -> None:
        """Wait until no more than `size` bytes are waiting; 0: until everything is sent."""
        while self.queued_bytes > size:
            await self._progress.wait()

    def _write_now(self, frame: bytes) -> _Frame:
        """Give the socket what it takes; returns the rest. A task of its own for each frame would cost five times
        as much, which counts when an announcement goes to a thousand connections."""
        try:
            written = os.write(self._stream.socket.fileno(), frame)
        except BlockingIOError:
            return frame
        except OSError:
            self._lost()
            return b""
        return memoryview(frame)[written:] if written < len(frame) else b""

    def _enqueue(self, frame: bytes, budget: ByteBudget | None, count: int = 0) -> None:
        self._queue.append((frame, budget, count))
        self.queued_bytes += len(frame)

    def _finish(self, rest: _Frame, budget: ByteBudget | None, count: int = 0) -> None:
        """Have the rest of a frame that has begun written, and what is queued behind it."""
        if rest:
            self.queued_bytes += len(rest)
            self._is_writing = True
            self._nursery.start_soon(self._write_queue, (rest, budget, count))

    async def _write_queue(self, first: _Waiting) -> None:
        batch = [first]
        try:
            while True:
                try:
                    await self._write(
                        batch[0][0] if len(batch) == 1 else b"".join([waiting[0] for waiting in batch])
                    )
                finally:
                    for waiting in batch:
                        self._sent(*waiting)
                if not self._queue:
                    break
                batch = self._next_batch()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._lost()
            return
        self._is_writing = False  # not after an error: nothing may follow half a frame
        self.piece_started = math.inf

    def _next_batch(self) -> list[_Waiting]:
        batch = [self._queue.popleft()]
        size = len(batch[0][0])
        while self._queue and size + len(self._queue[0][0]) <= JOINED_BYTES:
            batch.append(self._queue.popleft())
            size += len(batch[-1][0])
        return batch

    async def _write(self, data: _Frame) -> None:
        pieces = memoryview(data)
        for start in range(0, len(data), PIECE_BYTES):
            self.piece_started = trio.current_time()
            await self._stream.send_all(pieces[start : start + PIECE_BYTES])

    def _count(self, notifications: int, size: int) -> None:
        self._notifications += notifications
        self._notification_bytes += size

    def _sent(self, frame: _Frame, budget: ByteBudget | None, count: int) -> None:
        size = len(frame)
        self.queued_bytes -= size
        if budget is self._backlog:
            self.release(count, size)
        elif budget is not None:
            budget.give_back(size)
        self._progress.set()
        self._progress = trio.Event()
