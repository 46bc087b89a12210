"""The write-ahead log: what a validator saw and said in the height under decision, to go on after a crash.

Owns: the frame format, segment files, cutting a torn tail, refusing damage, replay of the newest height.
Never does: interpret entries (they are inputs of `engine`) or decide what to do after a crash (`recovery`).
Specification: contents and sync points as in CometBFT `spec/consensus/wal.md` and malachite ADR-007.

Segment file `wal-<first height>.log`:

    header   magic 8, first height u64, mark 8, crc32 u32 of the bytes before
    frame    mark 8, length u32, durable u64, crc32 u32, body
    body     kind u8 (1 height begins, 2 height is committed, 3 entry), then the height u64 or the encoded entry

The crc covers the frame's own offset, length, durable and body. `durable` is the number of bytes of the file
that were known to be on disk when the frame was written. It tells a torn tail from damage: writes after the
last sync may reach the disk in any order, so a bad frame may well be followed by a good one after a power cut;
but a good frame that counts the bad one as durable proves that synced bytes were lost. The first is cut off
and reported, the second refuses to start. The mark is random per file, so no payload can imitate a frame.

A new height begins with one synced frame, before its first signature: a signature of a height whose beginning
is not in the log therefore proves that the log was lost. Segments are replaced every few heights.
"""

from __future__ import annotations

import re
import secrets
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from chain.errors import EnvironmentFault, InvariantViolation
from consensus.codec import decode_input, encode_input
from consensus.durable import DurableDirectory, DurableFile, write_durably
from consensus.errors import DecodeError
from consensus.messages import LogEntry
from consensus.params import MAX_BLOCK_BYTES_LIMIT

_MAGIC: Final = b"AURWAL\x00\x01"
_HEADER: Final = struct.Struct(">8sQ8s")
_FRAME: Final = struct.Struct(">8sIQI")
_CRC: Final = struct.Struct(">I")
_CRC_INPUT: Final = struct.Struct(">QIQ")
_HEIGHT: Final = struct.Struct(">Q")
_HEADER_BYTES: Final = _HEADER.size + _CRC.size
_NAME: Final = re.compile(r"wal-(\d{19})\.log", re.ASCII)

MARK_BYTES: Final = 8
MAX_BODY_BYTES: Final = MAX_BLOCK_BYTES_LIMIT + 4096
"""The largest entry is a block payload and its few fields."""
SEGMENT_HEIGHTS: Final = 64
"""Creating a file costs several syncs; one in 64 heights is not felt, and reading 64 heights takes a moment."""
SEGMENT_BYTES: Final = 8 * 1024 * 1024
"""A segment that grew beyond this is replaced at the next height."""


class WalDamaged(EnvironmentFault):
    """Bytes that had been synced are gone or changed; the message names file and offset."""


class _Kind(IntEnum):
    BEGIN = 1
    END = 2
    ENTRY = 3


@dataclass(frozen=True, slots=True)
class WalPosition:
    """Where the log ends: the height it is in, and whether it saw that height committed."""

    height: int
    ended: bool


@dataclass(frozen=True, slots=True)
class WalCut:
    """A torn tail that was cut off when the log was opened."""

    name: str
    offset: int
    lost_bytes: int


def random_mark() -> bytes:
    """An unpredictable frame mark."""
    return secrets.token_bytes(MARK_BYTES)


class Wal:
    """The log of one node. One owner; no method may be called after one raised."""

    def __init__(self, directory: DurableDirectory, new_mark: Callable[[], bytes]) -> None:
        self.position: WalPosition | None = None
        self.cut: WalCut | None = None
        self._directory = directory
        self._new_mark = new_mark
        self._segment: _Segment | None = None
        self._begin_offset = 0

    @classmethod
    def open(cls, directory: DurableDirectory, new_mark: Callable[[], bytes] = random_mark) -> Wal:
        """Open what is there, or nothing yet. Raises WalDamaged or DiskFault."""
        wal = cls(directory, new_mark)
        names = [name for name in directory.names() if _NAME.fullmatch(name)]
        if not names:
            return wal
        wal._segment = segment = _Segment.open(directory, names[-1])
        for offset, body in segment.check():
            if body[0] == _Kind.BEGIN:
                wal.position = WalPosition(_height_of(body), False)
                wal._begin_offset = offset
            elif body[0] == _Kind.END:
                wal.position = WalPosition(_height_of(body), True)
        wal.cut = segment.cut
        for name in names[:-1]:
            directory.remove(name)
        return wal

    def replay(self) -> Iterator[LogEntry]:
        """The entries of the height in `position`, oldest first. Raises WalDamaged on an unknown entry."""
        if self._segment is None or self.position is None:
            return
        for offset, body in self._segment.frames(self._begin_offset):
            if body[0] != _Kind.ENTRY:
                continue
            try:
                yield decode_input(body[1:])
            except DecodeError as fault:
                raise WalDamaged(
                    f"{self._segment.name}, offset {offset}: entry of another software version ({fault})"
                ) from fault

    def begin_height(self, height: int) -> None:
        """Note that the height before is committed and that `height` begins; durable on return."""
        if self.position is not None and height <= self.position.height:
            raise InvariantViolation(f"log is at height {self.position.height}, cannot begin {height}")
        begin = bytes((_Kind.BEGIN,)) + _HEIGHT.pack(height)
        segment = self._segment
        if segment is None or segment.is_full(height):
            self._segment = _Segment.create(self._directory, height, self._new_mark(), begin)
            self._begin_offset = _HEADER_BYTES
            if segment is not None:
                segment.close()
                self._directory.remove(segment.name)
        else:
            if self.position is not None and not self.position.ended:
                segment.append(bytes((_Kind.END,)) + _HEIGHT.pack(self.position.height), sync=False)
            self._begin_offset = segment.append(begin, sync=True)
        self.position = WalPosition(height, False)

    def append(self, entry: LogEntry, *, sync: bool) -> None:
        """Log an entry of the current height; with `sync` it and all before it are durable on return."""
        if self._segment is None or self.position is None or self.position.ended:
            raise InvariantViolation("log entry outside a height")
        self._segment.append(bytes((_Kind.ENTRY,)) + encode_input(entry), sync=sync)

    def close(self) -> None:
        """Release the file."""
        if self._segment is not None:
            self._segment.close()


class _Segment:
    """One file: header, then frames up to `_end`."""

    def __init__(self, name: str, file: DurableFile, first_height: int, mark: bytes) -> None:
        self.name = name
        self.cut: WalCut | None = None
        self._file = file
        self._first_height = first_height
        self._mark = mark
        self._end = _HEADER_BYTES
        self._durable = _HEADER_BYTES

    @classmethod
    def create(cls, directory: DurableDirectory, height: int, mark: bytes, body: bytes) -> _Segment:
        """A new file that holds one frame already; durable on return."""
        if len(mark) != MARK_BYTES:
            raise InvariantViolation(f"a frame mark has {MARK_BYTES} bytes, not {len(mark)}")
        head = _HEADER.pack(_MAGIC, height, mark)
        head += _CRC.pack(zlib.crc32(head))
        name = f"wal-{height:019d}.log"
        directory.remove(name)
        content = head + _encode_frame(mark, _HEADER_BYTES, 0, body)
        segment = cls(name, directory.create(name, content), height, mark)
        segment._end = segment._durable = len(content)
        return segment

    @classmethod
    def open(cls, directory: DurableDirectory, name: str) -> _Segment:
        """Read the header. Raises WalDamaged: a segment is created whole, so its header is never torn."""
        file = directory.open(name)
        raw = file.read_at(0, _HEADER_BYTES)
        if len(raw) == _HEADER_BYTES and _CRC.unpack_from(raw, _HEADER.size)[0] == zlib.crc32(raw[:-4]):
            magic, height, mark = _HEADER.unpack_from(raw)
            if magic == _MAGIC:
                return cls(name, file, height, mark)
        file.close()
        raise WalDamaged(f"{name}, offset 0: not the header of a log segment of this version")

    def is_full(self, height: int) -> bool:
        """Whether `height` should begin a new segment."""
        return height - self._first_height >= SEGMENT_HEIGHTS or self._end >= SEGMENT_BYTES

    def append(self, body: bytes, *, sync: bool) -> int:
        """Append a frame and return its offset."""
        if len(body) > MAX_BODY_BYTES:
            raise InvariantViolation(f"log entry of {len(body)} bytes, at most {MAX_BODY_BYTES}")
        offset = self._end
        frame = _encode_frame(self._mark, offset, self._durable, body)
        self._end += len(frame)
        if sync:
            write_durably(self._file, offset, frame)
            self._durable = self._end
        else:
            self._file.write_at(offset, frame)
        return offset

    def check(self) -> Iterator[tuple[int, bytes]]:
        """All good frames as (offset, body); then cuts a torn tail. Raises WalDamaged."""
        for offset, body in self.frames(_HEADER_BYTES):
            yield offset, body
            self._end = offset + _FRAME.size + len(body)
        size = self._file.size()
        if self._end < size:
            self._require_torn(self._end, size)
            self.cut = WalCut(self.name, self._end, size - self._end)
            self._file.truncate(self._end)
        # What this process reads may still be only in the page cache of the crashed one.
        self._file.sync()
        self._durable = self._end

    def frames(self, offset: int) -> Iterator[tuple[int, bytes]]:
        """Good frames from `offset` on as (offset, body), up to the first bad one."""
        while (found := self._read_frame(offset)) is not None:
            yield offset, found[1]
            offset += _FRAME.size + len(found[1])

    def _read_frame(self, offset: int) -> tuple[int, bytes] | None:
        head = self._file.read_at(offset, _FRAME.size)
        if len(head) < _FRAME.size:
            return None
        mark, length, durable, crc = _FRAME.unpack(head)
        if mark != self._mark or not 1 <= length <= MAX_BODY_BYTES:
            return None
        if offset + _FRAME.size + length > self._file.size():
            return None
        body = self._file.read_at(offset + _FRAME.size, length)
        if len(body) < length or crc != _frame_crc(offset, durable, body):
            return None
        return durable, body

    def _require_torn(self, bad_offset: int, size: int) -> None:
        """Raise WalDamaged if a later good frame shows that the bytes at `bad_offset` were on disk."""
        tail = self._file.read_at(bad_offset, size - bad_offset)
        at = tail.find(self._mark, 1)
        while at >= 0:
            found = self._read_frame(bad_offset + at)
            if found is not None and found[0] > bad_offset:
                raise WalDamaged(
                    f"{self.name}, offset {bad_offset}: damaged in the middle, a good frame follows at offset "
                    f"{bad_offset + at}. The disk lost synced data; restore the file, or remove it: this "
                    "validator then stays silent for the height in question"
                )
            at = tail.find(self._mark, at + 1)

    def close(self) -> None:
        self._file.close()


def _encode_frame(mark: bytes, offset: int, durable: int, body: bytes) -> bytes:
    return _FRAME.pack(mark, len(body), durable, _frame_crc(offset, durable, body)) + body


def _frame_crc(offset: int, durable: int, body: bytes) -> int:
    return zlib.crc32(body, zlib.crc32(_CRC_INPUT.pack(offset, len(body), durable)))


def _height_of(body: bytes) -> int:
    height: int = _HEIGHT.unpack_from(body, 1)[0]
    return height
