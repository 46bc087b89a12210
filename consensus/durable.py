"""Files whose bytes survive a power cut: the only place of this package that touches a disk.

Owns: the two protocols that log and signer write through, their implementation on a directory, and
`write_durably`, the one function that means "on disk when it returns". Never does: interpret the bytes.

Two rules come from reports about other nodes. A file appears complete or not at all (written beside its
place, synced, renamed, directory synced: cometbft issue 6031 is a rename without the directory sync). After a
failed fdatasync nothing is known about the pages any more (LWN 752063), so the fault is never retried: it
leaves through `DiskFault` and stops the node.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, Protocol

from chain.errors import EnvironmentFault

_TEMPORARY_SUFFIX: Final = ".new"
_PRIVATE_FILE_MODE: Final = 0o600
_PRIVATE_DIRECTORY_MODE: Final = 0o700


class DiskFault(EnvironmentFault):
    """The operating system could not read or write a file of consensus."""


class DurableFile(Protocol):
    """A random-access file. Offsets and sizes in bytes."""

    def size(self) -> int:
        """Bytes in the file, written ones included even when not yet durable."""

    def read_at(self, offset: int, length: int) -> bytes:
        """At most `length` bytes from `offset`; fewer at the end of the file."""

    def write_at(self, offset: int, content: bytes) -> None:
        """Write; durable only after `sync`."""

    def sync(self) -> None:
        """Return when every earlier write is durable (fdatasync)."""

    def truncate(self, size: int) -> None:
        """Cut the file to `size` bytes, durably."""

    def close(self) -> None:
        """Release the descriptor."""


class DurableDirectory(Protocol):
    """A flat directory of durable files."""

    def names(self) -> list[str]:
        """Names of all complete files, sorted."""

    def create(self, name: str, content: bytes) -> DurableFile:
        """Create `name` with `content`, durably and all at once. Raises DiskFault if it exists."""

    def open(self, name: str) -> DurableFile:
        """Open an existing file. Raises DiskFault if there is none."""

    def remove(self, name: str) -> None:
        """Remove a file if it exists; may come back after a power cut."""


def write_durably(file: DurableFile, offset: int, content: bytes) -> None:
    """Write `content` at `offset` and return when it, and every earlier write, is on disk."""
    file.write_at(offset, content)
    file.sync()


class DiskFile:
    """DurableFile on a file descriptor."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor

    def size(self) -> int:
        return os.fstat(self._descriptor).st_size

    def read_at(self, offset: int, length: int) -> bytes:
        parts: list[bytes] = []
        while length > 0:
            try:
                part = os.pread(self._descriptor, length, offset)
            except OSError as fault:
                raise DiskFault(f"cannot read {self._path}: {fault}") from fault
            if not part:
                break
            parts.append(part)
            offset += len(part)
            length -= len(part)
        return b"".join(parts)

    def write_at(self, offset: int, content: bytes) -> None:
        view = memoryview(content)
        try:
            while view:
                written = os.pwrite(self._descriptor, view, offset)
                offset += written
                view = view[written:]
        except OSError as fault:
            raise DiskFault(f"cannot write {self._path}: {fault}") from fault

    def sync(self) -> None:
        try:
            os.fdatasync(self._descriptor)
        except OSError as fault:
            raise DiskFault(f"cannot sync {self._path}: {fault}") from fault

    def truncate(self, size: int) -> None:
        try:
            os.ftruncate(self._descriptor, size)
            os.fsync(self._descriptor)
        except OSError as fault:
            raise DiskFault(f"cannot truncate {self._path}: {fault}") from fault

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class DiskDirectory:
    """DurableDirectory on a real directory, created private (0700) if it is missing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(mode=_PRIVATE_DIRECTORY_MODE, parents=True, exist_ok=True)
        except OSError as fault:
            raise DiskFault(f"cannot create directory {path}: {fault}") from fault

    def names(self) -> list[str]:
        try:
            return sorted(name for name in os.listdir(self.path) if not name.endswith(_TEMPORARY_SUFFIX))
        except OSError as fault:
            raise DiskFault(f"cannot list {self.path}: {fault}") from fault

    def create(self, name: str, content: bytes) -> DurableFile:
        place = self.path / name
        if place.exists():
            raise DiskFault(f"{place} exists already")
        temporary = place.with_name(name + _TEMPORARY_SUFFIX)
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
            file = DiskFile(place, os.open(temporary, flags, _PRIVATE_FILE_MODE))
            write_durably(file, 0, content)
            os.rename(temporary, place)
            self._sync_directory()
        except OSError as fault:
            raise DiskFault(f"cannot create {place}: {fault}") from fault
        return file

    def open(self, name: str) -> DurableFile:
        place = self.path / name
        try:
            return DiskFile(place, os.open(place, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW))
        except OSError as fault:
            raise DiskFault(f"cannot open {place}: {fault}") from fault

    def remove(self, name: str) -> None:
        try:
            (self.path / name).unlink(missing_ok=True)
        except OSError as fault:
            raise DiskFault(f"cannot remove {self.path / name}: {fault}") from fault

    def _sync_directory(self) -> None:
        descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
