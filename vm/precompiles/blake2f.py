"""The compression function F of BLAKE2b (0x09).

Owns: the input layout and the price of 1 gas per round. The rounds run in blake2b-py (17 ns each), because
pure Python spends 20 µs per gas. Specification: EIP-152, RFC 7693 section 3.2.
"""

from __future__ import annotations

from typing import Final

import blake2b  # type: ignore[import-untyped]

from vm.precompiles.apart import Apart
from vm.precompiles.interface import Payload, Precompile, PrecompileFailure, fixed_reach, guarded

INPUT_BYTES: Final = 213
_FINAL_FLAG_OFFSET: Final = 212

LONG_ROUNDS: Final = 100_000
"""From 2 ms on they run in another process: the library never gives up the interpreter lock."""


def blake2f_gas(payload: Payload) -> int:
    """The number of rounds; 0 for input that `blake2f` refuses for its length."""
    return int.from_bytes(payload[:4], "big") if len(payload) == INPUT_BYTES else 0


def blake2f(payload: bytes) -> bytes:
    """rounds (4, big-endian) h (64) m (128) t (16, little-endian words) f (1): the new h, 64 bytes.

    Raises PrecompileFailure for another length, or a final block flag other than 0 and 1.
    """
    if len(payload) != INPUT_BYTES:
        raise PrecompileFailure(f"blake2f takes {INPUT_BYTES} bytes, not {len(payload)}")
    if payload[_FINAL_FLAG_OFFSET] > 1:
        raise PrecompileFailure("blake2f final block flag is neither 0 nor 1")
    return bytes(blake2b.decode_and_compress(bytes(payload)))


def _is_long(payload: bytes) -> bool:
    return blake2f_gas(payload) > LONG_ROUNDS


BLAKE2F: Final = Precompile(
    "blake2f", blake2f_gas, guarded(Apart(blake2f, _is_long)), fixed_reach(INPUT_BYTES + 1)
)
