"""What the node asks the state about validators: who is paid for their blocks, and who was punished for good.

Owns the questions only. The answers are in the storage of the staking contracts (vm.system.staking.reading); consensus
itself never asks, it gets validator sets.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chain.types import Address
from state.reader import StateReader


@dataclass(frozen=True, slots=True)
class ValidatorRegistry:
    """Each question is about one state, and by the consensus address; an answer costs a few storage reads.

    operator_of: the account behind a validator, None for one that staking does not know. Answers as long as the
    validator is in a set, which is two blocks longer than it has its stake.
    is_tombstoned: whether the validator was punished for double signing, which happens once.
    evidence_max_age_blocks: proof of double signing is of use for so many blocks; after them the stake may be gone.
    """

    operator_of: Callable[[StateReader, Address], Address | None]
    is_tombstoned: Callable[[StateReader, Address], bool]
    evidence_max_age_blocks: Callable[[StateReader], int]

    def may_be_accused(self, reader: StateReader, validator: Address) -> bool:
        """Whether a block on this state may carry evidence against `validator`: each is punished once."""
        return self.operator_of(reader, validator) is not None and not self.is_tombstoned(reader, validator)
