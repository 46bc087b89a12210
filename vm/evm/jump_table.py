"""Where a jump may land.

Owns the search for jump destinations and the tables kept of it.
Never does: execute. Both engines of Ethereum bytecode ask here.
Specification: yellow paper 9.4.3 (jump destination validity).
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from threading import Lock

from vm.gas import INITCODE_SIZE_LIMIT

PUSH1 = 0x60
PUSH32 = 0x7F
JUMPDEST = 0x5B

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
