from dataclasses import replace
from typing import Any

import pytest

from consensus.certificates import verify_evidence
from consensus.evidence import accused_of, canonical, height_of
from consensus.types import DuplicateProposalEvidence, DuplicateVoteEvidence, Evidence, VoteKind
from tests.consensus.committee import CHAIN_ID, block, committee, key, proposal, vote

SET = committee(4, 3, 2, 1)
LOW, HIGH = sorted((block("v"), block("w")))

PIECES: list[Evidence] = [
    DuplicateVoteEvidence(vote(VoteKind.PREVOTE, 9, 2, LOW, 1), vote(VoteKind.PREVOTE, 9, 2, HIGH, 1)),
    DuplicateVoteEvidence(vote(VoteKind.PRECOMMIT, 9, 2, None, 1), vote(VoteKind.PRECOMMIT, 9, 2, LOW, 1)),
    DuplicateProposalEvidence(proposal(9, 2, -1, LOW, 1), proposal(9, 2, -1, HIGH, 1)),
    DuplicateProposalEvidence(proposal(9, 2, -1, LOW, 1), proposal(9, 2, 1, LOW, 1)),
]


@pytest.mark.parametrize("piece", PIECES)
def test_whoever_saw_the_messages_in_another_order_has_the_same_proof(piece: Evidence) -> None:
    messages: dict[str, Any] = {"first": piece.second, "second": piece.first}
    swapped = replace(piece, **messages)
    assert canonical(piece) == canonical(swapped) == piece
    verify_evidence(CHAIN_ID, SET, canonical(swapped))


@pytest.mark.parametrize("piece", PIECES)
def test_it_says_who_and_when(piece: Evidence) -> None:
    assert (accused_of(piece), height_of(piece)) == (key(1).address, 9)
