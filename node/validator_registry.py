"""What the node asks the state about validators: who is paid for their blocks, and who was punished for good.

Owns the questions, and reading the answers from the storage of the staking contracts. Never runs a contract or writes.
Consensus itself never asks: it gets validator sets.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

from chain.errors import InvariantViolation
from chain.types import ZERO_ADDRESS, Address
from state.reader import StateReader
from vm.system.addresses import SLASHING
from vm.system.runtime.frame import Frame
from vm.system.staking.reading import operator_of
from vm.system.staking.slashing import Slashing


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


@dataclass(frozen=True, slots=True)
class _ReadOnlyFrame:
    """What the fields of a contract stand on: the storage of one account in one state, at no price."""

    reader: StateReader
    address: Address
    caller: Address = ZERO_ADDRESS
    value: int = 0

    def sload(self, slot: int) -> int:
        return self.reader.storage(self.address, slot)

    def sstore(self, slot: int, value: int) -> None:
        raise InvariantViolation(f"the node writes {value} to slot {slot} of 0x{self.address.hex()}")

    def charge(self, gas: int) -> None:
        """Nobody pays."""


def _slashing(reader: StateReader) -> Slashing:
    """Fields only: later versions of the contract append to its storage, so those of the first one stay."""
    return Slashing(cast(Frame, _ReadOnlyFrame(reader, SLASHING)))


STAKING_REGISTRY: Final = ValidatorRegistry(
    operator_of=operator_of,
    is_tombstoned=lambda reader, validator: _slashing(reader).signing[validator].tombstoned,
    evidence_max_age_blocks=lambda reader: _slashing(reader).settings.evidence_max_age,
)
"""The answers of the chain contracts STAKING and SLASHING."""
