"""Messages on a byte stream: a length, then that many bytes.

Owns: the frame format of direct messages, requests and answers (4-byte big-endian length), reading of the
varint-prefixed frames of libp2p's own protocols, and the buffering of both.
Never: believes a length above the caller's limit, and never reserves memory before the bytes arrive.
"""

from collections.abc import Callable

from chain.errors import PeerError
from p2p.multistream import ByteStream

LENGTH_BYTES = 4

MAX_VARINT_BYTES = 5
"""Enough for 34 bits; no frame of this node comes near."""


class FrameTooLarge(PeerError):
    """The peer announced a frame above the limit."""


class FrameTruncated(PeerError):
    """The stream ended inside a frame."""


def encode_frame(payload: bytes) -> bytes:
    """Length and payload."""
    return len(payload).to_bytes(LENGTH_BYTES, "big") + payload


class FrameReader:
    """Reads frames of one stream; holds at most the current frame and what came with it.

    `hold` is told how many bytes are kept (or, below zero, given on), for the node's budget of received data.
    """

    def __init__(self, stream: ByteStream, hold: Callable[[int], None] = lambda _: None) -> None:
        self._stream = stream
        self._buffer = bytearray()
        self._hold = hold

    def release(self) -> None:
        """Drop what is kept: nobody reads on."""
        self._hold(-len(self._buffer))
        self._buffer.clear()

    def _drop(self, count: int) -> None:
        del self._buffer[:count]
        self._hold(-count)

    async def _fill(self, count: int) -> bool:
        """Buffer at least count bytes; False when the stream ends before."""
        while len(self._buffer) < count:
            try:
                chunk = await self._stream.read()
            except EOFError:
                return False
            if not chunk:
                return False
            self._buffer += chunk
            self._hold(len(chunk))
        return True

    async def read(self, count: int) -> bytes:
        """Exactly count bytes. Raises FrameTruncated."""
        if not await self._fill(count):
            raise FrameTruncated(f"{len(self._buffer)} of {count} bytes")
        taken = bytes(memoryview(self._buffer)[:count])
        self._drop(count)
        return taken

    async def read_frame(self, limit_bytes: int) -> bytes:
        """The next payload. Raises FrameTooLarge, FrameTruncated, EOFError when the stream ends between frames."""
        if not await self._fill(LENGTH_BYTES):
            if self._buffer:
                raise FrameTruncated("end inside a length")
            raise EOFError
        length = int.from_bytes(self._buffer[:LENGTH_BYTES], "big")
        if length > limit_bytes:
            raise FrameTooLarge(f"frame of {length} bytes, limit {limit_bytes}")
        self._drop(LENGTH_BYTES)
        return await self.read(length)

    async def read_varint_frame(self, limit_bytes: int) -> bytes:
        """The next payload behind an unsigned varint. Raises as `read_frame`."""
        length = shift = 0
        for position in range(MAX_VARINT_BYTES):
            if not await self._fill(position + 1):
                if self._buffer:
                    raise FrameTruncated("end inside a length")
                raise EOFError
            byte = self._buffer[position]
            length |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                break
        else:
            raise FrameTooLarge("length prefix without end")
        if length > limit_bytes:
            raise FrameTooLarge(f"frame of {length} bytes, limit {limit_bytes}")
        self._drop(position + 1)
        return await self.read(length)
