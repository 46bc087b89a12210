"""Whether stake that left a validator still answers for it.

Owns: the one condition, and the part that is owed. Never does: take anything (slashes.py).
Specification: x/staking (keeper/slash.go) and x/evidence (keeper/infraction.go, ValidatorUpdateDelay): what the votes
of the fault's height stood on, and was not complete at the slash.
"""

from __future__ import annotations

from typing import Final

from vm.system.staking.records import UnbondingRecord, ValidatorRecord
from vm.system.staking.shares import part_of

BLOCKS_BEHIND: Final = 1
"""What leaves in block h is in the power of heights h and h + 1 still: the set of h + 2 is the first without it."""


def first_liable_block(infraction_height: int) -> int:
    """The first block such that what left in it stood behind the votes of `infraction_height`."""
    return max(0, infraction_height - BLOCKS_BEHIND)


def is_liable(height: int, completion_time: int, left: ValidatorRecord) -> bool:
    """Stake left the validator `left` at `height`, to answer for it until the completion time."""
    return (
        left.slash_number != 0
        and first_liable_block(left.infraction_height) <= height < left.slash_height
        and completion_time > left.slash_time
    )


def owed_by(entry: UnbondingRecord, left: ValidatorRecord) -> int:
    """Wei that the slash of its validator still takes from an unbonding."""
    if entry.slashed or not is_liable(entry.height, entry.completion_time, left):
        return 0
    return part_of(entry.balance, left.slash_bps)
