"""Which of the last blocks a validator signed: places in a ring of bits.

Owns: the arithmetic of the window. Never does: read or write bits (slashing.py).
Specification: x/slashing of the Cosmos SDK, "Liveness Tracking". There a counter moves with each block; here the place
follows from the height, so that nothing is written while a validator signs everything.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from vm.system.staking.parameters import BPS

WORD_BITS: Final = 256
_WORDS_PER_EPOCH_BITS: Final = 16
"""A window of a million blocks has some 4,000 words."""


class Place(NamedTuple):
    """One bit: the key of its word, and its mask."""

    key: int
    mask: int


def counted_blocks(height: int, start: int, skipped: int) -> int:
    """Blocks since `start`, the first one that counted, without the `skipped` ones in which the validator had no
    seat."""
    return height - start - skipped


def place_of(counted: int, window: int, epoch: int) -> Place:
    """Where the block after `counted` others is. A new epoch is an empty ring."""
    index = counted % window
    return Place((epoch << _WORDS_PER_EPOCH_BITS) | index // WORD_BITS, 1 << (index % WORD_BITS))


def most_missed(window: int, min_signed_bps: int) -> int:
    """How many blocks of a window may be missed."""
    return window - window * min_signed_bps // BPS
