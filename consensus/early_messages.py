"""Holds messages of the next height until it starts.

Owns: a bounded buffer of votes and proposals of one height, and the count of validators seen working there.
Never does: keep anything of later heights; those peers are far ahead and certified blocks are the way to them.
"""

from __future__ import annotations

from typing import Final

from chain.types import Address
from consensus.messages import ProposalReceived, VoteReceived
from consensus.proposer import ProposerSchedule
from consensus.types import Round, VoteKind
from consensus.validator_set import ValidatorSet

VOTES_PER_VALIDATOR: Final = 4
"""Two rounds of votes; whoever is later than that catches up by certified blocks."""
EARLY_ROUNDS: Final = 4
"""Proposals of the first rounds; also bounds the rotation that must be computed ahead."""


class EarlyMessages:
    """Votes and proposals of the height after the current one, whose validator set is already known."""

    def __init__(self, validators: ValidatorSet) -> None:
        self._validators = validators
        self._schedule = ProposerSchedule(validators)
        self._votes: dict[Address, dict[tuple[Round, VoteKind, bytes], VoteReceived]] = {}
        self._proposals: dict[Round, list[ProposalReceived]] = {}

    def add_vote(self, received: VoteReceived) -> None:
        """Keep the vote; the newest VOTES_PER_VALIDATOR of a validator stay. Strangers are left out.

        Votes that contradict each other are kept both, for the height to find: else whoever signs twice would only
        have to be early.
        """
        vote = received.vote
        if vote.validator not in self._validators:
            return
        votes = self._votes.setdefault(vote.validator, {})
        votes.setdefault((vote.round, vote.kind, vote.block_id or b""), received)
        if len(votes) > VOTES_PER_VALIDATOR:
            del votes[min(votes)]

    def add_proposal(self, received: ProposalReceived) -> None:
        """Keep the first proposal of each early round that comes from its proposer, and one that contradicts it."""
        proposal = received.proposal
        if proposal.round < EARLY_ROUNDS and self._schedule.is_proposer(proposal.proposer, proposal.round):
            kept = self._proposals.setdefault(proposal.round, [])
            if len(kept) < 2 and proposal not in [known.proposal for known in kept]:
                kept.append(received)

    def is_height_reached(self) -> bool:
        """More than 1/3 of the power votes there: a correct validator has decided the height before."""
        return self._validators.is_honest(sum(self._validators.power_of(address) for address in self._votes))

    def drain(self) -> tuple[ProposalReceived | VoteReceived, ...]:
        """Everything kept, proposals first, in a fixed order."""
        votes = (by_step[step] for by_step in self._votes.values() for step in sorted(by_step))
        proposals = (kept for at_round in sorted(self._proposals) for kept in self._proposals[at_round])
        return (*proposals, *votes)

    def size(self) -> int:
        """Number of messages kept."""
        kept = (*self._proposals.values(), *self._votes.values())
        return sum(len(messages) for messages in kept)
