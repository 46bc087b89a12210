"""What a genesis says of upgrades.

Owns: who may schedule them and how long before.
Never does: check the genesis file (genesis/model.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from chain.types import Address


@dataclass(frozen=True, slots=True)
class UpgradesGenesis:
    """authority: the zero address for nobody. notice_blocks: least number of blocks from scheduling to activation."""

    authority: Address
    notice_blocks: int
