"""Keeps the proposals of one height and the verdicts on their blocks.

Owns: at most two proposals per round, proof of a proposer that sent two, and one verdict per block id.
Never does: verify signatures or turns, hold payloads, or decide what a verdict leads to.

A verdict is final for its height (malachite's `validity_change_on_restart` scenario: a block judged valid once and
invalid later must not make a validator contradict its own vote).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from chain.types import Hash32
from consensus.types import NO_ROUND, DuplicateProposalEvidence, Proposal, Round

PAST_PROPOSAL_ROUNDS: Final = 32
"""As long as votes are countable (`vote_keeper.PAST_ROUNDS`), their blocks may be decided."""
FUTURE_PROPOSAL_ROUNDS: Final = 2
"""A peer may be a round ahead; proposals further ahead come again when that round is reached."""


@dataclass(frozen=True, slots=True)
class ProposalOutcome:
    """Whether the proposal was new and kept, and double signing that it proves."""

    kept: bool
    evidence: DuplicateProposalEvidence | None = None


class ProposalKeeper:
    """The proposals of one height; mutable, owned by one engine."""

    def __init__(self) -> None:
        self._round: Round = NO_ROUND
        self._first: dict[Round, Proposal] = {}
        self._second: dict[Round, Proposal] = {}
        self._verdicts: dict[Hash32, bool] = {}

    def accepts(self, at_round: Round) -> bool:
        """Tell whether proposals of `at_round` are kept."""
        return self._round - PAST_PROPOSAL_ROUNDS <= at_round <= max(self._round, 0) + FUTURE_PROPOSAL_ROUNDS

    def add(self, proposal: Proposal) -> ProposalOutcome:
        """Take a verified proposal by the proposer of its round.

        Of two that contradict each other the first is the proposal of the round, but the block of the second is
        judged as well: the others may have seen that one first and vote for it.
        """
        if not self.accepts(proposal.round):
            return ProposalOutcome(kept=False)
        known = self._first.get(proposal.round)
        if known is None:
            self._first[proposal.round] = proposal
            return ProposalOutcome(kept=True)
        same = (known.block_id, known.pol_round) == (proposal.block_id, proposal.pol_round)
        if same or proposal.round in self._second:
            return ProposalOutcome(kept=False)
        self._second[proposal.round] = proposal
        return ProposalOutcome(kept=True, evidence=DuplicateProposalEvidence(known, proposal))

    def proposal(self, at_round: Round) -> Proposal | None:
        """The proposal of `at_round`: the first one seen."""
        return self._first.get(at_round)

    def verdict(self, block_id: Hash32) -> bool | None:
        """Whether the block is valid; None while it is not judged."""
        return self._verdicts.get(block_id)

    def judge(self, block_id: Hash32, *, valid: bool) -> bool:
        """Remember the first verdict; tells whether it was new."""
        if block_id in self._verdicts:
            return False
        self._verdicts[block_id] = valid
        return True

    def enter_round(self, entered: Round, keep: frozenset[Hash32]) -> None:
        """Forget rounds that are too old, and verdicts on blocks that neither a proposal nor `keep` names."""
        self._round = entered
        for proposals in (self._first, self._second):
            for old in [at for at in proposals if at < entered - PAST_PROPOSAL_ROUNDS]:
                del proposals[old]
        named = keep.union(
            (proposal.block_id for proposal in self._first.values()),
            (proposal.block_id for proposal in self._second.values()),
        )
        self._verdicts = {block_id: valid for block_id, valid in self._verdicts.items() if block_id in named}

    def block_ids(self) -> frozenset[Hash32]:
        """Blocks that were judged or proposed: the payloads worth keeping."""
        return frozenset(self._verdicts).union(
            (proposal.block_id for proposal in self._first.values()),
            (proposal.block_id for proposal in self._second.values()),
        )

    def size(self) -> int:
        """Number of proposals and verdicts kept, for the bounds that tests and metrics watch."""
        return len(self._first) + len(self._second) + len(self._verdicts)
