"""Ethereum bytecode as py-evm's instructions walk over it.

Owns the program counter. Never does: execute. Replaces py-evm's CodeStream, whose search for jump targets
recurses once per PUSH in the code: a contract of 24 KB of PUSH1 overflows the interpreter's stack there.
Specification: yellow paper 9.4.3 (jump destination validity).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from vm.evm.jump_table import jump_table


class Code:
    """The part of py-evm's CodeStream that its instructions use, and checked jumps."""

    __slots__ = ("_jump_table", "program_counter", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.program_counter = 0
        self._jump_table: bytes | None = None

    def __len__(self) -> int:
        return len(self.raw)

    def read(self, size: int) -> bytes:
        """Up to `size` bytes from the program counter on, which moves by `size` even past the end."""
        start = self.program_counter
        self.program_counter = end = start + size
        return self.raw[start:end]

    @contextmanager
    def seek(self, position: int) -> Iterator[Code]:
        """Reads elsewhere for a while (CODECOPY)."""
        anchor = self.program_counter
        self.program_counter = position
        try:
            yield self
        finally:
            self.program_counter = anchor

    def jump(self, destination: int) -> bool:
        """Moves the program counter; False if `destination` is no valid jump target."""
        table = self._jump_table
        if table is None:
            table = self._jump_table = jump_table(self.raw)
        if destination >= len(self.raw) or not table[destination >> 3] >> (destination & 7) & 1:
            return False
        self.program_counter = destination
        return True
