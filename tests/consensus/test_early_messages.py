from dataclasses import replace

from consensus.early_messages import EARLY_ROUNDS, VOTES_PER_VALIDATOR, EarlyMessages
from consensus.messages import ProposalReceived, VoteReceived
from consensus.proposer import proposer_at
from consensus.types import Proposal, VoteKind
from tests.consensus.committee import FAKE_SIGNATURE, block, plain_address, plain_committee, plain_vote

SET = plain_committee(1, 1, 1, 1)
V = block("v")


def received(kind: VoteKind, at_round: int, index: int) -> VoteReceived:
    return VoteReceived(plain_vote(kind, at_round, V, index, height=2))


def proposed(at_round: int, index: int | None = None) -> ProposalReceived:
    proposer = proposer_at(SET, at_round).address if index is None else plain_address(index)
    return ProposalReceived(Proposal(2, at_round, -1, V, proposer, FAKE_SIGNATURE))


def test_messages_come_back_once_each_proposals_first() -> None:
    early = EarlyMessages(SET)
    vote = received(VoteKind.PREVOTE, 0, 1)
    early.add_vote(vote)
    early.add_vote(vote)
    early.add_proposal(proposed(1))
    early.add_proposal(proposed(0))
    early.add_proposal(proposed(0))
    assert early.drain() == (proposed(0), proposed(1), vote)
    assert early.size() == 3


def test_the_newest_votes_of_a_validator_stay() -> None:
    early = EarlyMessages(SET)
    for at_round in range(50):
        early.add_vote(received(VoteKind.PREVOTE, at_round, 0))
        early.add_vote(received(VoteKind.PRECOMMIT, at_round, 0))
    assert early.size() == VOTES_PER_VALIDATOR
    assert early.drain()[-1] == received(VoteKind.PRECOMMIT, 49, 0)


def test_votes_that_contradict_each_other_are_both_kept() -> None:
    early = EarlyMessages(SET)
    votes = [VoteReceived(plain_vote(VoteKind.PREVOTE, 0, chosen, 1, height=2)) for chosen in (V, None)]
    for vote in votes:
        early.add_vote(vote)
    assert set(early.drain()) == set(votes)


def test_a_proposal_that_contradicts_the_first_one_is_kept_and_no_third() -> None:
    early = EarlyMessages(SET)
    first = proposed(0)
    others = [ProposalReceived(replace(first.proposal, block_id=block(name))) for name in ("w", "x")]
    for message in (first, first, *others):
        early.add_proposal(message)
    assert early.drain() == (first, others[0])
    assert early.size() == 2


def test_strangers_wrong_proposers_and_far_rounds_are_left_out() -> None:
    early = EarlyMessages(SET)
    early.add_vote(received(VoteKind.PREVOTE, 0, 9))
    early.add_proposal(proposed(0, index=3))
    early.add_proposal(proposed(EARLY_ROUNDS))
    assert early.size() == 0


def test_more_than_a_third_shows_that_the_height_is_reached() -> None:
    early = EarlyMessages(SET)
    early.add_vote(received(VoteKind.PREVOTE, 0, 0))
    early.add_vote(received(VoteKind.PRECOMMIT, 0, 0))
    assert not early.is_height_reached()
    early.add_vote(received(VoteKind.PREVOTE, 3, 1))
    assert early.is_height_reached()
