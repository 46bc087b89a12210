"""Whose turn it is: weighted round robin with explicit priorities.

Owns: the proposer of each (validator set, round), and the priorities of the next height.
Never does: keep hidden state; everything follows from the validator set value.
Specification: CometBFT `spec/consensus/proposer-selection.md` and `types/validator_set.go`. A set holds the
priorities before the proposer of round 0 is picked. One pick adds each validator's power to its priority, takes
the highest (the lower address wins a tie) and charges it the total power.
"""

from __future__ import annotations

from chain.types import Address
from consensus.types import Round
from consensus.validator_set import Validator, ValidatorSet, normalised_priorities, with_priorities


def next_height(validators: ValidatorSet) -> ValidatorSet:
    """The set with the priorities of the next height, before any validator update."""
    priorities = list(normalised_priorities(validators.priorities, validators.total_power))
    _pick(validators, priorities)
    return with_priorities(validators, tuple(priorities))


def proposer_at(validators: ValidatorSet, at_round: Round) -> Validator:
    """The proposer of `at_round`; costs one pass over the set per round, see `ProposerSchedule`."""
    return ProposerSchedule(validators).at(at_round)


class ProposerSchedule:
    """The proposers of the rounds of one height, each computed once.

    Rounds up to the highest asked are kept, 8 bytes each; the caller asks only for rounds near its own, and a
    round lasts longer than computing it.
    """

    __slots__ = ("_indices", "_priorities", "_validators")

    def __init__(self, validators: ValidatorSet) -> None:
        self._validators = validators
        self._priorities = validators.priorities
        self._indices: list[int] = []

    def at(self, at_round: Round) -> Validator:
        """The proposer of `at_round` (>= 0)."""
        while len(self._indices) <= at_round:
            self._extend()
        return self._validators.validators[self._indices[at_round]]

    def is_proposer(self, address: Address, at_round: Round) -> bool:
        """Tell whether it is the turn of `address` in `at_round`."""
        return self.at(at_round).address == address

    def _extend(self) -> None:
        priorities = self._priorities
        if len(self._indices) < 2:
            # Normalised before round 0 (as any height) and before round 1 (the increments of the rounds run on
            # one copy), never between later rounds; normalising again there would make jumps path dependent.
            priorities = normalised_priorities(priorities, self._validators.total_power)
        turn = list(priorities)
        self._indices.append(_pick(self._validators, turn))
        self._priorities = tuple(turn)


def _pick(validators: ValidatorSet, priorities: list[int]) -> int:
    """Advance `priorities` by one turn in place and return the index of the chosen validator."""
    members = validators.validators
    for index, member in enumerate(members):
        priorities[index] += member.power
    chosen = min(range(len(members)), key=lambda index: (-priorities[index], members[index].address))
    priorities[chosen] -= validators.total_power
    return chosen
