"""Bytes that many connections together may hold.

Owns the count. Used on the event loop only. Never holds the bytes.
"""

from __future__ import annotations


class ByteBudget:
    """A limit and what is charged to it."""

    __slots__ = ("held", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0

    def take(self, size: int) -> bool:
        """Charge `size` bytes; False, and nothing charged, when they do not fit."""
        if self.held + size > self.limit:
            return False
        self.held += size
        return True

    def give_back(self, size: int) -> None:
        """Take back what was charged."""
        self.held -= size
