"""Encoded replies that never change, kept by what was asked.

Owns a bounded number of bytes, least recently used first out. Never encodes, never checks whether a reply is
still true: only what its key determines belongs here, such as a block by its hash.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

import msgspec

ENTRY_OVERHEAD_BYTES: Final = 200
"""Charged to each entry for its key and bookkeeping, so that many small replies are bounded too."""


class ReplyCache:
    """Bounded by the bytes of its replies. Any thread may use it."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._held_bytes = 0
        self._replies: OrderedDict[Hashable, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> msgspec.Raw | None:
        """The finished JSON that was kept under `key`."""
        with self._lock:
            reply = self._replies.get(key)
            if reply is None:
                return None
            self._replies.move_to_end(key)
            return msgspec.Raw(reply)

    def put(self, key: Hashable, value: object) -> msgspec.Raw:
        """Encode a JSON value, keep it, and return it as finished JSON. One that is too large is not kept."""
        reply = msgspec.json.encode(value)
        size = len(reply) + ENTRY_OVERHEAD_BYTES
        if size <= self._limit_bytes // 4:  # one giant must not push out everything
            with self._lock:
                self._drop(key)
                self._replies[key] = reply
                self._held_bytes += size
                while self._held_bytes > self._limit_bytes:
                    self._drop(next(iter(self._replies)))
        return msgspec.Raw(reply)

    @property
    def held_bytes(self) -> int:
        """Bytes charged to the entries now."""
        return self._held_bytes

    def _drop(self, key: Hashable) -> None:
        reply = self._replies.pop(key, None)
        if reply is not None:
            self._held_bytes -= len(reply) + ENTRY_OVERHEAD_BYTES
