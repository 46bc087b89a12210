"""The base of the contracts in these tests: only what storage needs of a contract."""

from __future__ import annotations

from tests.vm.system.storage.memory import MemoryStorage
from vm.system.storage.access import StorageAccess
from vm.system.storage.bind import bind_storage


class Bound:
    """Binds every subclass, as Contract does."""

    def __init_subclass__(cls) -> None:
        bind_storage(cls)

    def __init__(self, frame: StorageAccess | None = None) -> None:
        self.frame: StorageAccess = MemoryStorage() if frame is None else frame
