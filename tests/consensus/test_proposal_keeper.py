from chain.types import Hash32
from consensus.proposal_keeper import FUTURE_PROPOSAL_ROUNDS, PAST_PROPOSAL_ROUNDS, ProposalKeeper
from consensus.types import DuplicateProposalEvidence, Proposal
from tests.consensus.committee import FAKE_SIGNATURE, block, plain_address

V, W, X = block("v"), block("w"), block("x")


def proposal(at_round: int, block_id: Hash32, pol_round: int = -1) -> Proposal:
    return Proposal(1, at_round, pol_round, block_id, plain_address(0), FAKE_SIGNATURE)


def test_the_first_proposal_of_a_round_is_its_proposal() -> None:
    proposals = ProposalKeeper()
    assert proposals.add(proposal(0, V)).kept
    assert not proposals.add(proposal(0, V)).kept
    assert proposals.proposal(0) == proposal(0, V)
    assert proposals.proposal(1) is None


def test_a_second_proposal_is_evidence_and_its_block_is_kept_a_third_is_dropped() -> None:
    proposals = ProposalKeeper()
    proposals.add(proposal(0, V))
    outcome = proposals.add(proposal(0, W))
    assert outcome.kept
    assert outcome.evidence == DuplicateProposalEvidence(proposal(0, V), proposal(0, W))
    third = proposals.add(proposal(0, X))
    assert (third.kept, third.evidence) == (False, None)
    assert proposals.proposal(0) == proposal(0, V)
    assert proposals.block_ids() == {V, W}


def test_the_same_block_with_another_proof_round_is_double_signing_too() -> None:
    proposals = ProposalKeeper()
    proposals.enter_round(2, frozenset())
    proposals.add(proposal(2, V, pol_round=0))
    assert proposals.add(proposal(2, V, pol_round=1)).evidence is not None


def test_rounds_far_ahead_and_far_behind_are_not_kept() -> None:
    proposals = ProposalKeeper()
    proposals.enter_round(100, frozenset())
    assert proposals.add(proposal(100 + FUTURE_PROPOSAL_ROUNDS, V)).kept
    assert not proposals.add(proposal(101 + FUTURE_PROPOSAL_ROUNDS, V)).kept
    assert proposals.add(proposal(100 - PAST_PROPOSAL_ROUNDS, V)).kept
    assert not proposals.add(proposal(99 - PAST_PROPOSAL_ROUNDS, V)).kept


def test_the_first_verdict_is_final() -> None:
    proposals = ProposalKeeper()
    assert proposals.verdict(V) is None
    assert proposals.judge(V, valid=True)
    assert not proposals.judge(V, valid=False)
    assert proposals.verdict(V) is True


def test_verdicts_are_forgotten_with_their_proposals_unless_protected() -> None:
    proposals = ProposalKeeper()
    for at_round, block_id in enumerate((V, W)):
        proposals.add(proposal(at_round, block_id))
        proposals.judge(block_id, valid=True)
    proposals.judge(X, valid=False)
    proposals.enter_round(PAST_PROPOSAL_ROUNDS + 5, frozenset({W}))
    assert proposals.proposal(0) is None
    assert (proposals.verdict(V), proposals.verdict(W), proposals.verdict(X)) == (None, True, None)
    assert proposals.size() == 1
