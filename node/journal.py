"""A file of the transactions that this node acknowledged and that are not in a block yet.

Owns `mempool.journal`: an acknowledged transaction is on disk before the client hears of it, so a killed or
restarted node still has it. Never decides what is valid: at start every entry goes through admission again.
Format: one version byte, then per transaction a frame {length u32, crc32 u32, wire bytes}. A torn tail is cut, because
what it held was never acknowledged; a damaged frame before the end is left out and reported.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog
import trio

from chain.transaction import MAX_TRANSACTION_BYTES
from node.errors import HomeError

FORMAT_VERSION = b"\x01"
_FRAME = struct.Struct(">II")
# The file is rewritten when it is longer than twice what still waits and this: rewriting costs little per transaction
# then, and a start reads little that is in a block already.
REWRITE_SLACK_BYTES = 8 << 20

log = structlog.get_logger(__name__)


class TransactionJournal:
    """Append-only file; one writer at a time. `open` first."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = -1
        self._turn = trio.Lock()
        # After a failed write the file's end is unknown: nothing more goes in until it is rewritten.
        self._failure: HomeError | None = None
        self.size_bytes = 0

    def open(self) -> list[bytes]:
        """Opens or creates the file and returns the raw transactions in it (any thread). Raises HomeError."""
        try:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            content = self._path.read_bytes()
            if not content:
                os.write(self._file, FORMAT_VERSION)
                self._sync_folder()
                content = FORMAT_VERSION
            if content[:1] != FORMAT_VERSION:
                raise HomeError(
                    f"{self._path}: not a transaction journal of a known version; move it away to start"
                )
            found = parse_frames(content)
            if found.damaged:
                log.error("journal_entries_damaged", path=str(self._path), entries=found.damaged)
            if found.end != len(content):
                log.warning("journal_tail_cut", path=str(self._path), bytes=len(content) - found.end)
                os.ftruncate(self._file, found.end)
        except OSError as error:
            raise HomeError(f"{self._path}: cannot be opened: {error.strerror}") from error
        self.size_bytes = found.end
        return found.raws

    def needs_rewrite(self, waiting_bytes: int) -> bool:
        """Whether most of the file is history, or its end is unknown; `waiting_bytes` is what still waits."""
        return self._failure is not None or self.size_bytes > 2 * waiting_bytes + REWRITE_SLACK_BYTES

    async def append(self, raws: Sequence[bytes]) -> None:
        """Returns when the transactions are on disk. Raises HomeError if the disk refuses."""
        async with self._turn:
            if self._failure is not None:
                raise HomeError(str(self._failure))
            try:
                self.size_bytes += await trio.to_thread.run_sync(self._write, raws)
            except HomeError as error:
                self._failure = error
                raise

    async def rewrite(self, waiting: Callable[[], Sequence[bytes]]) -> None:
        """Replaces the file, atomically, by one with what `waiting` returns; cures a failed write.

        `waiting` is asked while nobody writes: what was appended before is in the old file and in its answer, what
        comes later goes into the new file. Raises HomeError and leaves the old file if the disk refuses.
        """
        async with self._turn:
            raws, before = waiting(), self._file
            try:
                self.size_bytes = await trio.to_thread.run_sync(self._replace, raws)
            except HomeError as error:
                if self._file != before:
                    self._failure = error  # the new file is in place, but perhaps not for good
                raise
            self._failure = None

    def close(self) -> None:
        """Closes the file; safe to call twice."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _write(self, raws: Sequence[bytes]) -> int:
        batch = b"".join(map(frame, raws))
        try:
            _write_synced(self._file, batch)
        except OSError as error:
            raise HomeError(f"{self._path}: cannot be written: {error.strerror}") from error
        return len(batch)

    def _replace(self, raws: Sequence[bytes]) -> int:
        content = FORMAT_VERSION + b"".join(map(frame, raws))
        temporary = self._path.with_suffix(".new")
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
        new = -1
        try:
            new = os.open(temporary, flags, 0o600)
            _write_synced(new, content)
            os.replace(temporary, self._path)
            old, self._file, new = self._file, new, -1
            if old >= 0:
                os.close(old)
            self._sync_folder()
        except OSError as error:
            raise HomeError(f"{self._path}: cannot be rewritten: {error.strerror}") from error
        finally:
            if new >= 0:
                os.close(new)
                temporary.unlink(missing_ok=True)
        return len(content)

    def _sync_folder(self) -> None:
        """Without it a power cut may bring the old file back, or none."""
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _write_synced(file: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(file, view) :]
    os.fdatasync(file)


def frame(raw: bytes) -> bytes:
    """One transaction as it stands in the file."""
    return _FRAME.pack(len(raw), zlib.crc32(raw)) + raw


@dataclass(frozen=True, slots=True)
class Frames:
    """What a file holds: the whole frames, the offset after the last of them, and how many before it are damaged."""

    raws: list[bytes]
    end: int
    damaged: int


def parse_frames(content: bytes) -> Frames:
    """The frames after the version byte."""
    raws: list[bytes] = []
    at = end = len(FORMAT_VERSION)
    damaged = suspects = 0
    while at + _FRAME.size <= len(content):
        length, checksum = _FRAME.unpack_from(content, at)
        begin, at = at + _FRAME.size, at + _FRAME.size + length
        # A length of 0 is what a file system that lost power leaves: a tail of zeros.
        if not 0 < length <= MAX_TRANSACTION_BYTES or at > len(content):
            break
        raw = content[begin:at]
        if zlib.crc32(raw) != checksum:
            suspects += 1
            continue
        raws.append(raw)
        end, damaged = at, suspects
    return Frames(raws, end, damaged)
