"""A file of the transactions that this node acknowledged and that are not in a block yet.

Owns `mempool.journal`: an acknowledged transaction is on disk before the client hears of it, so a killed or
restarted node still has it. Never decides what is valid: at start every entry goes through admission again.
Format: one version byte, then per transaction a frame {length u32, crc32 u32, wire bytes}; a torn or damaged tail
is cut, because what it held was never acknowledged.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path

import structlog
import trio

from chain.transaction import MAX_TRANSACTION_BYTES
from node.errors import HomeError

FORMAT_VERSION = b"\x01"
_FRAME = struct.Struct(">II")
# Rewritten with what still waits once it has grown past this; a pool of 64 MiB fits twice.
REWRITE_AT_BYTES = 128 << 20

log = structlog.get_logger(__name__)


class TransactionJournal:
    """Append-only file with group commit: callers that arrive while one sync runs share the next one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = -1
        self._pending: list[bytes] = []
        self._turn = trio.Lock()
        self._written = 0  # batches that are durable
        self._opened = 0  # batches that were begun
        self._failure: HomeError | None = (
            None  # after a failed write the file's end is unknown: nothing more goes in
        )
        self.size_bytes = 0

    def open(self) -> list[bytes]:
        """Opens or creates the file and returns the raw transactions in it. Raises HomeError."""
        try:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            content = self._path.read_bytes()
            if not content:
                os.write(self._file, FORMAT_VERSION)
                content = FORMAT_VERSION
        except OSError as error:
            raise HomeError(f"{self._path}: cannot be opened: {error.strerror}") from error
        if content[:1] != FORMAT_VERSION:
            raise HomeError(
                f"{self._path}: not a transaction journal of a known version; move it away to start"
            )
        entries, end = parse_frames(content)
        if end != len(content):
            log.warning("journal_tail_cut", path=str(self._path), bytes=len(content) - end)
            os.ftruncate(self._file, end)
        self.size_bytes = end
        return entries

    async def append(self, raws: Iterable[bytes]) -> None:
        """Returns when the transactions are on disk. Raises HomeError if the disk refuses."""
        self._pending.extend(frame(raw) for raw in raws)
        mine = self._opened + 1  # the batch that the next writer takes
        async with self._turn:
            if self._failure is not None:
                raise self._failure
            if self._written >= mine:
                return  # the caller before us took ours with its own
            batch, self._pending = b"".join(self._pending), []
            self._opened += 1
            try:
                await trio.to_thread.run_sync(self._write, batch)
            except HomeError as error:
                self._failure = error
                raise
            self._written = self._opened
            self.size_bytes += len(batch)

    async def rewrite(self, raws: Iterable[bytes]) -> None:
        """Replaces the file by one that holds only `raws`, atomically."""
        content = FORMAT_VERSION + b"".join(map(frame, raws))
        async with self._turn:
            await trio.to_thread.run_sync(self._replace, content)
            self._failure = None
            self.size_bytes = len(content)

    def close(self) -> None:
        """Closes the file; safe to call twice."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _write(self, batch: bytes) -> None:
        try:
            view = memoryview(batch)
            while view:
                view = view[os.write(self._file, view) :]
            os.fdatasync(self._file)
        except OSError as error:
            raise HomeError(f"{self._path}: cannot be written: {error.strerror}") from error

    def _replace(self, content: bytes) -> None:
        temporary = self._path.with_suffix(".new")
        try:
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fdatasync(file.fileno())
            os.replace(temporary, self._path)
            folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(folder)  # or a power cut may bring the old file back
            finally:
                os.close(folder)
            self.close()
            self._file = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        except OSError as error:
            raise HomeError(f"{self._path}: cannot be rewritten: {error.strerror}") from error


def frame(raw: bytes) -> bytes:
    """One transaction as it stands in the file."""
    return _FRAME.pack(len(raw), zlib.crc32(raw)) + raw


def parse_frames(content: bytes) -> tuple[list[bytes], int]:
    """The whole frames after the version byte, and the offset where good content ends."""
    entries: list[bytes] = []
    at = len(FORMAT_VERSION)
    while at + _FRAME.size <= len(content):
        length, checksum = _FRAME.unpack_from(content, at)
        end = at + _FRAME.size + length
        if length > MAX_TRANSACTION_BYTES or end > len(content):
            break
        raw = content[at + _FRAME.size : end]
        if zlib.crc32(raw) != checksum:
            break
        entries.append(raw)
        at = end
    return entries, at
