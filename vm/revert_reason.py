"""The sentence inside revert data.

Owns the decoding of Solidity's two built-in errors, in go-ethereum's words because clients show and parse
them. Never does: decode custom errors; their data is for the client's ABI.
Specification: Solidity documentation, "Panic via assert and Error via require"; go-ethereum accounts/abi
UnpackRevert.
"""

from __future__ import annotations

from collections.abc import Mapping

_ERROR_SELECTOR = bytes.fromhex("08c379a0")  # Error(string)
_PANIC_SELECTOR = bytes.fromhex("4e487b71")  # Panic(uint256)

_PANIC_REASONS: Mapping[int, str] = {
    0x00: "generic panic",
    0x01: "assert(false)",
    0x11: "arithmetic underflow or overflow",
    0x12: "division or modulo by zero",
    0x21: "enum overflow",
    0x22: "invalid encoded storage byte array accessed",
    0x31: "out-of-bounds array access; popping on an empty array",
    0x32: "out-of-bounds access of an array or bytesN",
    0x41: "out of memory",
    0x51: "uninitialized function",
}


def revert_reason(output: bytes) -> str | None:
    """The reason in `output` if it is a well-formed Error(string) or Panic(uint256), else None.

    Bytes of a string that are no UTF-8 are replaced.
    """
    selector, arguments = output[:4], output[4:]
    if selector == _ERROR_SELECTOR:
        return _abi_string(arguments)
    if selector == _PANIC_SELECTOR and len(arguments) >= 32:
        code = int.from_bytes(arguments[:32], "big")
        return _PANIC_REASONS.get(code, f"unknown panic code: {code:#x}")
    return None


def _abi_string(arguments: bytes) -> str | None:
    """The single string that `arguments` encode, or None if they do not."""
    offset = int.from_bytes(arguments[:32], "big")
    if len(arguments) < 32 or offset + 32 > len(arguments):
        return None
    start = offset + 32
    length = int.from_bytes(arguments[offset:start], "big")
    if start + length > len(arguments):
        return None
    return arguments[start : start + length].decode("utf-8", errors="replace")
