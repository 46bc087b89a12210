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
from hashlib import sha256
from threading import Lock

from vm.gas import INITCODE_SIZE_LIMIT

PUSH1 = 0x60
PUSH32 = 0x7F
JUMPDEST = 0x5B
STOP = 0x00

RECENT_TABLES_KEPT = 512
"""Tables of the latest codes, found without hashing; with the codes they keep alive they stay below 30 MB."""

TABLES_KEPT = 16_384
"""Tables by hash of the code, 3 KB each for the longest contracts: at most 100 MB, and only under attack. A search
takes 1 ms for 24 KB, but a warm call costs 100 gas: with the recent tables alone, calling 600 contracts in turns took
150 s for the gas of a block. Deploying more long contracts than are kept here takes some 5,000 blocks."""

_bits_to_digits = bytes.maketrans(b"\x00\x01", b"01")


def jump_table(code: bytes) -> bytes:
    """One bit for each byte of `code`, the lowest first: 1 where a jump may land, a JUMPDEST outside of PUSH operands.

    Longer code than init code may be exists only in simulated calls, and is not kept.
    """
    return _recent_table(code) if len(code) <= INITCODE_SIZE_LIMIT else _find_jump_targets(code)


def _find_jump_targets(code: bytes) -> bytes:
    table = bytearray(len(code) + 1)
    position = 0
    size = len(code)
    while position < size:
        instruction = code[position]
        if instruction == JUMPDEST:
            table[position] = 1
        elif PUSH1 <= instruction <= PUSH32:
            position += instruction - PUSH1 + 1
        position += 1
    table.reverse()  # as a number, whose first digit is the highest bit
    return int(table.translate(_bits_to_digits), 2).to_bytes((size >> 3) + 1, "little")


class _TableStore:
    """Jump tables by the hash of their code; the longest kept gives way. For any thread."""

    def __init__(self) -> None:
        self._tables: dict[bytes, bytes] = {}
        self._lock = Lock()

    def table(self, code: bytes) -> bytes:
        """The table, searched for if it is not kept."""
        key = sha256(code).digest()
        table = self._tables.get(key)
        if table is not None:
            return table
        table = _find_jump_targets(code)
        with self._lock:
            self._tables[key] = table
            while len(self._tables) > TABLES_KEPT:
                del self._tables[next(iter(self._tables))]
        return table


_recent_table = lru_cache(maxsize=RECENT_TABLES_KEPT)(_TableStore().table)


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
