"""Modular exponentiation of big numbers (0x05).

Owns: the price, which is computed from the three lengths and the head of the exponent before anything is
allocated, and the arithmetic (GMP: 8 to 90 times as fast as `pow`, which spends 12 s on 30 million gas).
Specification: EIP-198; price by EIP-2565 (Berlin), then EIP-7883 (Osaka); length of operands by EIP-7823 (Osaka).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import gmpy2  # type: ignore[import-untyped]

from vm.precompiles.apart import Apart
from vm.precompiles.interface import Payload, Precompile, PrecompileFailure, guarded

HEADER_BYTES: Final = 96
MIN_GAS: Final = 200
GAS_DIVISOR: Final = 3
EXPONENT_HEAD_BYTES: Final = 32

MIN_GAS_OSAKA: Final = 500
MAX_OPERAND_BYTES_OSAKA: Final = 1_024  # EIP-7823

LONG_GAS: Final = 100_000
"""Price by EIP-2565 from which one runs in another process, 0.4 to 2 ms: GMP never gives up the interpreter lock."""

MAX_OPERAND_BYTES: Final = 1 << 27
"""GMP ends the process when memory runs out, so longer operands fail instead. The cheapest operand of this
length is an exponent to one byte of modulus; it costs 358 million gas, several times what a block holds."""


def modexp_gas_byzantium(payload: Payload) -> int:
    """EIP-198: complexity of the longer of base and modulus * exponent bits / 20."""
    size, iterations = _size_and_iterations(payload, bits_per_long_byte=8)
    return _complexity_byzantium(size) * max(iterations, 1) // 20


def _complexity_byzantium(size: int) -> int:
    if size <= 64:
        return size * size
    if size <= 1_024:
        return size * size // 4 + 96 * size - 3_072
    return size * size // 16 + 480 * size - 199_680


def modexp_gas(payload: Payload) -> int:
    """EIP-2565: (words of the longer of base and modulus) ** 2 * exponent bits / 3, at least 200."""
    size, iterations = _size_and_iterations(payload, bits_per_long_byte=8)
    words = (size + 7) // 8
    return max(MIN_GAS, words * words * max(iterations, 1) // GAS_DIVISOR)


def modexp_gas_osaka(payload: Payload) -> int:
    """EIP-7883: as EIP-2565 without the division, double for operands above 32 bytes, at least 500."""
    size, iterations = _size_and_iterations(payload, bits_per_long_byte=16)
    words = (size + 7) // 8
    complexity = 2 * words * words if size > 32 else 16
    return max(MIN_GAS_OSAKA, complexity * max(iterations, 1))


def _size_and_iterations(payload: Payload, *, bits_per_long_byte: int) -> tuple[int, int]:
    """(bytes of the longer of base and modulus, bits of the exponent below its highest).

    bits_per_long_byte: how much each byte of the exponent behind the first 32 counts.
    """
    base_length, exponent_length, modulus_length = _lengths(payload)
    head_length = min(exponent_length, EXPONENT_HEAD_BYTES)
    head_start = HEADER_BYTES + base_length
    head = int.from_bytes(payload[head_start : head_start + head_length].ljust(head_length, b"\x00"), "big")
    iterations = bits_per_long_byte * max(exponent_length - EXPONENT_HEAD_BYTES, 0)
    return max(base_length, modulus_length), iterations + max(head.bit_length() - 1, 0)


def modexp_reach(head: bytes) -> int:
    """The header and the three operands. A long operand has its price: squared for base and modulus, linear for
    the exponent; unless base and modulus are empty, when no exponent matters to the result (to the price it does,
    since EIP-7883)."""
    base_length, exponent_length, modulus_length = _lengths(head)
    if base_length == modulus_length == 0:
        return HEADER_BYTES
    return HEADER_BYTES + base_length + exponent_length + modulus_length


def modexp(payload: bytes) -> bytes:
    """base ** exponent % modulus in as many bytes as the modulus has; zeros for modulus 0 and 1.

    Missing input counts as zeros. Raises PrecompileFailure for operands above MAX_OPERAND_BYTES.
    """
    base_length, exponent_length, modulus_length = _lengths(payload)
    if modulus_length == 0:
        return b""
    if max(base_length, exponent_length, modulus_length) > MAX_OPERAND_BYTES:
        raise PrecompileFailure("modexp operand too long")
    exponent_start = HEADER_BYTES + base_length
    modulus_start = exponent_start + exponent_length
    modulus = _operand(payload, modulus_start, modulus_length)
    if modulus <= 1:
        return bytes(modulus_length)
    base = _operand(payload, HEADER_BYTES, base_length)
    exponent = _operand(payload, exponent_start, exponent_length)
    return int(gmpy2.powmod(base, exponent, modulus)).to_bytes(modulus_length, "big")


def _lengths(payload: Payload) -> tuple[int, int, int]:
    header = payload[:HEADER_BYTES].ljust(HEADER_BYTES, b"\x00")
    return (
        int.from_bytes(header[:32], "big"),
        int.from_bytes(header[32:64], "big"),
        int.from_bytes(header[64:], "big"),
    )


def _operand(payload: bytes, start: int, length: int) -> int:
    """The big-endian number at `start`; bytes behind the end of the input are zeros."""
    present = payload[start : start + length]
    return int.from_bytes(present, "big") << 8 * (length - len(present))


def modexp_bounded(payload: bytes) -> bytes:
    """As `modexp`. Raises PrecompileFailure for operands above MAX_OPERAND_BYTES_OSAKA (EIP-7823)."""
    if max(_lengths(payload)) > MAX_OPERAND_BYTES_OSAKA:
        raise PrecompileFailure(f"modexp operand longer than {MAX_OPERAND_BYTES_OSAKA} bytes")
    return modexp(payload)


def _is_long(payload: bytes) -> bool:
    return modexp_gas(payload) > LONG_GAS


MODEXP: Final = Precompile("modexp", modexp_gas, guarded(Apart(modexp, _is_long)), modexp_reach)
MODEXP_BYZANTIUM: Final = replace(MODEXP, gas=modexp_gas_byzantium)
MODEXP_OSAKA: Final = Precompile(
    "modexp", modexp_gas_osaka, guarded(Apart(modexp_bounded, _is_long)), modexp_reach
)
