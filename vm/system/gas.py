"""What system contracts pay for, besides the instructions' prices that they share with the EVM.

Owns: the prices of call data, Python work and locks. They are measured: `python -m benchmarks system` shows
the microseconds behind each at the rate of GAS_PER_MICROSECOND.
Never does: price storage, logs, calls or keccak: those cost what the EVM's instructions cost (vm/gas.py).
Specification: docs/system-contracts.md, "Gas".
"""

from __future__ import annotations

from typing import Final

from vm.gas import KECCAK_WORD

GAS_PER_MICROSECOND: Final = 30
"""A block of 30 million gas is meant to take at most a second."""

CALL_BASE: Final = 200
"""Finding the function, its lock and its guards, and making the result."""

DECODE_WORD: Final = 6
"""Per 32 bytes of call data, charged before anything is decoded; return data and constructor arguments cost as much."""

DEFAULT_WORK: Final = 300
"""The Python code of a function that does a constant amount of it, ten microseconds."""

KECCAK_BASE: Final = 30
RECOVER: Final = 3_000
"""Recovering the signer of a digest, as the precompile costs."""

HOOK_GAS: Final = 30_000_000
"""What one hook of one contract may use in a block; it is not part of the block's gas."""


def keccak_gas(size: int) -> int:
    """What the EVM's KECCAK256 costs for `size` bytes in memory."""
    return KECCAK_BASE + KECCAK_WORD * ((size + 31) >> 5)


def words_gas(size: int) -> int:
    """Decoding or encoding of `size` bytes."""
    return DECODE_WORD * ((size + 31) >> 5)
