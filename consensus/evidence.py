"""What proof of double signing says: about whom, about which height, and its one form.

Owns: the facts that follow from a piece of evidence alone, and the order of its two messages. Two nodes that saw the
two messages in different order hold the same proof, and a block names it in one way only.
Never does: verify signatures (`certificates.verify_evidence`), or decide what follows for the validator (staking).
Specification: CometBFT `types/evidence.go` (NewDuplicateVoteEvidence orders the votes by block id).
"""

from __future__ import annotations

from chain.types import Address
from consensus.types import (
    DuplicateProposalEvidence,
    DuplicateVoteEvidence,
    Evidence,
    Height,
    Proposal,
    Vote,
)


def accused_of(evidence: Evidence) -> Address:
    """Whose signature the first message carries; for evidence that verifies, the one of both."""
    first = evidence.first
    return first.validator if isinstance(first, Vote) else first.proposer


def height_of(evidence: Evidence) -> Height:
    """The height of the first message."""
    return evidence.first.height


def canonical(evidence: Evidence) -> Evidence:
    """The same evidence with its messages in order: nil before blocks, by block id, by proof-of-lock round."""
    if isinstance(evidence, DuplicateVoteEvidence):
        return DuplicateVoteEvidence(*sorted((evidence.first, evidence.second), key=_vote_order))
    return DuplicateProposalEvidence(*sorted((evidence.first, evidence.second), key=_proposal_order))


def _vote_order(vote: Vote) -> tuple[bool, bytes]:
    return vote.block_id is not None, vote.block_id or b""


def _proposal_order(proposal: Proposal) -> tuple[bytes, int]:
    return proposal.block_id, proposal.pol_round
