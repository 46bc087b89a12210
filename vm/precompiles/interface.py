"""What a precompiled contract is.

Owns: the value that the call path looks up, its one failure, and the guard that keeps faults of native
libraries inside. Never does: charge gas, touch state, or decide which precompile is active (table.py).
Specification: yellow paper appendix E; each precompile's own EIP.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from chain.errors import CallerError, NodeError

WORD_BYTES: Final = 32

HEAD_BYTES: Final = 96
"""What `Precompile.reach` gets to see: the three lengths of modexp."""


class Payload(Protocol):
    """Input that may still lie in the memory of the caller: only what is sliced is copied."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice, /) -> bytes: ...


class PrecompileFailure(CallerError):
    """The input is not acceptable: the call fails and takes all its gas. The text is for people only."""


@dataclass(frozen=True, slots=True)
class Precompile:
    """A pure function with a price.

    name: for traces and messages.
    gas(payload): the price in gas, whatever the input; never raises, and slices no more than a few words: nobody
    has paid yet, so that a longer copy would be a gift.
    run(payload): the output bytes. Call it only after `gas(payload)` was paid, since the price bounds the work.
    Raises PrecompileFailure, and nothing else that a caller can cause.
    reach(head): how many bytes of the input can matter to `run`, by its first HEAD_BYTES bytes; the call path hands
    over no more. None where the price grows with the input: elsewhere the caller chooses how much there is to copy.
    """

    name: str
    gas: Callable[[Payload], int]
    run: Callable[[bytes], bytes]
    reach: Callable[[bytes], int] | None = None


def fixed_reach(size: int) -> Callable[[bytes], int]:
    """A reach that the input does not change."""

    def reach(_head: bytes) -> int:
        return size

    return reach


def fixed_price(gas: int) -> Callable[[Payload], int]:
    """A price that the input does not change."""

    def price(_payload: Payload) -> int:
        return gas

    return price


def price_per_word(base: int, per_word: int) -> Callable[[Payload], int]:
    """A price of `base` and `per_word` for each begun word of 32 bytes (yellow paper appendix E)."""

    def price(payload: Payload) -> int:
        return base + per_word * ((len(payload) + WORD_BYTES - 1) // WORD_BYTES)

    return price


def guarded(run: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """`run`, with every fault of a native library turned into PrecompileFailure.

    Rust libraries panic with an exception that is no Exception; an escaped one would stop the node on
    input that anybody can send. Failing the call is the same on every node, because the libraries are pinned.
    Errors of this project pass, and so does MemoryError: it depends on the machine, and a call that fails
    on one node only would split the chain.
    """

    def call(payload: bytes) -> bytes:
        try:
            return run(payload)
        except (NodeError, MemoryError):
            raise
        except Exception as error:
            raise PrecompileFailure(f"native library refused the input: {error}") from error
        except BaseException as error:
            if type(error).__module__ != "pyo3_runtime":
                raise
            raise PrecompileFailure(f"native library panicked: {error}") from None

    return call
