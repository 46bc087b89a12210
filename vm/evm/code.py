"""Ethereum bytecode as the instruction loop walks over it.

Owns the program counter and the table of valid jump targets.
Never does: execute. Replaces py-evm's CodeStream, whose search for jump targets recurses once per PUSH in
the code: a contract of 24 KB of PUSH1 overflows the interpreter's stack there.
Specification: yellow paper 9.4.3 (jump destination validity).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from vm.gas import INITCODE_SIZE_LIMIT

PUSH1 = 0x60
PUSH32 = 0x7F
JUMPDEST = 0x5B
STOP = 0x00

# One table is as long as its code, so with the code it keeps alive the cache stays below 50 MB. Longer code
# than init code may be exists only in simulated calls, and is not kept.
JUMP_TABLES_KEPT = 512


def jump_table(code: bytes) -> bytes:
    """One byte for each byte of `code`: 1 where a jump may land, a JUMPDEST outside of PUSH operands."""
    return _kept_jump_table(code) if len(code) <= INITCODE_SIZE_LIMIT else _find_jump_targets(code)


def _find_jump_targets(code: bytes) -> bytes:
    table = bytearray(len(code))
    position = 0
    size = len(code)
    while position < size:
        instruction = code[position]
        if instruction == JUMPDEST:
            table[position] = 1
        elif PUSH1 <= instruction <= PUSH32:
            position += instruction - PUSH1 + 1
        position += 1
    return bytes(table)


_kept_jump_table = lru_cache(maxsize=JUMP_TABLES_KEPT)(_find_jump_targets)


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
        if destination >= len(table) or not table[destination]:
            return False
        self.program_counter = destination
        return True
