"""What ends a call of a system contract before it returns, and mistakes in the declaration of one.

Owns: Revert and its two standard forms, and the errors a contract class is refused with at import.
Never does: decide what a revert undoes: the call path does (vm/call.py).
Specification: Solidity's ABI: `Error(string)` 0x08c379a0 and `Panic(uint256)` 0x4e487b71.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NoReturn

from chain.errors import InvariantViolation

_ERROR_SELECTOR: Final = bytes.fromhex("08c379a0")
_PANIC_SELECTOR: Final = bytes.fromhex("4e487b71")
_STRING_AT: Final = (32).to_bytes(32)


class InvalidDeclaration(InvariantViolation):
    """A contract class says something that has no meaning; met when its module is imported."""


class PanicCode(IntEnum):
    """Solidity's panic codes that can happen here."""

    ASSERTION = 0x01
    OVERFLOW = 0x11
    DIVISION_BY_ZERO = 0x12
    POP_OF_EMPTY = 0x31
    INDEX_OUT_OF_BOUNDS = 0x32


class Revert(Exception):
    """Ends the call: its effects are undone, the gas that is left stays with the caller, who gets `data`."""

    def __init__(self, data: bytes = b"") -> None:
        super().__init__(data)
        self.data = data


class Panic(Revert):
    """A fault that Solidity's compiler checks for: `raise Panic(PanicCode.OVERFLOW)`."""

    def __init__(self, code: int) -> None:
        super().__init__(_PANIC_SELECTOR + code.to_bytes(32))
        self.code = code


def error_string(text: str) -> bytes:
    """`Error(string)` as revert data."""
    raw = text.encode("utf-8", "surrogateescape")
    return _ERROR_SELECTOR + _STRING_AT + len(raw).to_bytes(32) + raw + bytes(-len(raw) % 32)


def revert(text: str) -> NoReturn:
    """Reverts with `Error(string)`."""
    raise Revert(error_string(text))


def require(condition: object, text: str) -> None:
    """Reverts with `Error(string)` unless `condition` is true, as Solidity's require does."""
    if not condition:
        raise Revert(error_string(text))
