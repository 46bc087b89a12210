"""An in-memory disk that loses what was not synced, tears writes, and can cut the power at any operation.

Owns: the model of what survives a power cut. Never does: survive more than a real disk promises. Writes since
the last sync may each be kept, dropped or torn, independently of their order; a removed file may come back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from consensus.durable import DiskFault, DurableFile


class PowerCut(BaseException):
    """The simulated machine stops here; nothing may catch this but the simulator."""


@dataclass
class _Content:
    durable: bytearray
    visible: bytearray
    pending: list[tuple[int, bytes]] = field(default_factory=list)


class SimDisk:
    """DurableDirectory in memory. `cut_in` operations from now the power goes."""

    def __init__(self) -> None:
        self.files: dict[str, _Content] = {}
        self.removed: dict[str, _Content] = {}
        self.cut_in: int | None = None
        self.syncs = 0
        self.operations = 0

    def tick(self) -> None:
        self.operations += 1
        if self.cut_in is not None:
            self.cut_in -= 1
            if self.cut_in < 0:
                self.cut_in = None
                raise PowerCut

    def power_cut(self, random: Random) -> None:
        """Decide what of the unsynced writes survived; afterwards the disk can be opened again."""
        self.cut_in = None
        for name, content in self.removed.items():
            if name not in self.files and random.random() < 0.5:
                self.files[name] = content
        self.removed = {}
        for content in self.files.values():
            for offset, written in content.pending:
                fate = random.random()
                if fate < 0.4:
                    continue
                kept = written if fate < 0.8 else written[: random.randrange(len(written) + 1)]
                _overwrite(content.durable, offset, kept)
            content.pending = []
            content.visible = bytearray(content.durable)

    def names(self) -> list[str]:
        return sorted(self.files)

    def create(self, name: str, content: bytes) -> DurableFile:
        if name in self.files:
            raise DiskFault(f"{name} exists already")
        self.tick()
        self.files[name] = _Content(bytearray(content), bytearray(content))
        self.removed.pop(name, None)
        self.syncs += 2
        self.tick()
        return SimFile(self, name)

    def open(self, name: str) -> DurableFile:
        if name not in self.files:
            raise DiskFault(f"{name} does not exist")
        return SimFile(self, name)

    def remove(self, name: str) -> None:
        self.tick()
        content = self.files.pop(name, None)
        if content is not None:
            self.removed[name] = content


class SimFile:
    """DurableFile over one entry of a SimDisk."""

    def __init__(self, disk: SimDisk, name: str) -> None:
        self._disk = disk
        self._content = disk.files[name]

    def size(self) -> int:
        return len(self._content.visible)

    def read_at(self, offset: int, length: int) -> bytes:
        return bytes(self._content.visible[offset : offset + length])

    def write_at(self, offset: int, content: bytes) -> None:
        self._content.pending.append((offset, content))
        _overwrite(self._content.visible, offset, content)
        self._disk.tick()

    def sync(self) -> None:
        self._disk.tick()
        self._content.durable = bytearray(self._content.visible)
        self._content.pending = []
        self._disk.syncs += 1
        self._disk.tick()

    def truncate(self, size: int) -> None:
        del self._content.visible[size:]
        self.sync()

    def close(self) -> None:
        pass


def _overwrite(target: bytearray, offset: int, content: bytes) -> None:
    if not content:
        return
    if len(target) < offset:
        target.extend(bytes(offset - len(target)))
    target[offset : offset + len(content)] = content
