"""Whom to help with what."""

from __future__ import annotations

import pytest

from consensus.certificates import verify_polka_certificate, verify_round_certificate
from consensus.gossip import MAX_VOTES_PER_REPAIR, REPAIR_INTERVAL_S, STANDSTILL_S, Gossip
from consensus.messages import Status
from consensus.types import PolkaCertificate, Proposal, RoundCertificate, Step, Vote, VoteKind
from consensus.validator_set import ValidatorSet
from tests.consensus.committee import (
    CHAIN_ID,
    block,
    committee,
    key,
    plain_committee,
    plain_vote,
    proposal,
    vote,
)

SET = committee(10, 10, 10, 10)
BLOCK = block("a")
PEER = b"peer"


def gossip(round_: int, validators: ValidatorSet = SET) -> Gossip:
    made = Gossip(key(0).address)
    made.start_height(5, validators)
    made.enter_round(round_)
    return made


def stuck(made: Gossip, status: Status, *, repeats: int = 1, at_s: float = 10.0) -> tuple[object, ...]:
    """What a peer gets that has said `status` for a while."""
    made.note_status(PEER, status, at_s - 1.0)
    for _ in range(repeats):
        made.note_status(PEER, status, at_s)
    return made.repair(PEER, at_s)


def with_votes(made: Gossip, round_: int, kind: VoteKind, count: int = 3) -> Gossip:
    for index in range(count):
        made.note_vote(vote(kind, 5, round_, BLOCK, index))
    return made


def test_a_moving_peer_gets_nothing() -> None:
    made = with_votes(gossip(0), 0, VoteKind.PREVOTE)
    made.note_status(PEER, Status(5, 0, Step.PROPOSE), 1.0)
    assert made.repair(PEER, 1.0) == ()
    made.note_status(PEER, Status(5, 0, Step.PREVOTE), 2.0)
    assert made.repair(PEER, 2.0) == ()
    made.note_status(PEER, Status(5, 0, Step.PREVOTE), 2.0 + STANDSTILL_S / 2)
    assert made.repair(PEER, 2.0 + STANDSTILL_S / 2) == ()


@pytest.mark.parametrize("kind", list(VoteKind))
def test_a_peer_stuck_in_a_vote_step_gets_the_votes_of_that_step(kind: VoteKind) -> None:
    made = gossip(2)
    for each in VoteKind:
        with_votes(made, 2, each)
    step = Step.PREVOTE if kind is VoteKind.PREVOTE else Step.PRECOMMIT
    got = stuck(made, Status(5, 2, step))
    assert len(got) == 3
    assert all(isinstance(each, Vote) and each.kind is kind for each in got)


@pytest.mark.parametrize("step", [Step.NEW_HEIGHT, Step.PROPOSE])
def test_a_peer_without_the_proposal_gets_it(step: Step) -> None:
    made = gossip(0)
    made.note_proposal(proposal(5, 0, -1, BLOCK, 1))
    got = stuck(made, Status(5, 0, step))
    assert [type(each) for each in got] == [Proposal]


def test_a_peer_in_an_earlier_round_gets_proof_of_ours_and_the_newest_polka() -> None:
    made = with_votes(gossip(0), 0, VoteKind.PREVOTE)
    with_votes(made, 0, VoteKind.PRECOMMIT)
    known = made.polka_of(0, BLOCK)
    assert known is not None
    made.note_polka(known)
    made.enter_round(1)
    proof, polka = stuck(made, Status(5, 0, Step.PRECOMMIT))
    assert isinstance(proof, RoundCertificate)
    assert isinstance(polka, PolkaCertificate)
    assert proof.round == 1
    verify_round_certificate(CHAIN_ID, SET, proof)
    verify_polka_certificate(CHAIN_ID, SET, polka)


def test_votes_of_more_than_a_third_prove_a_round_that_was_skipped_to() -> None:
    made = with_votes(gossip(7), 7, VoteKind.PREVOTE, count=2)
    (proof,) = stuck(made, Status(5, 3, Step.PREVOTE))
    assert isinstance(proof, RoundCertificate)
    verify_round_certificate(CHAIN_ID, SET, proof)


def test_peers_ahead_elsewhere_or_unknown_get_nothing() -> None:
    made = with_votes(gossip(1), 1, VoteKind.PREVOTE)
    for status in (Status(5, 2, Step.PREVOTE), Status(4, 1, Step.PREVOTE), Status(6, 0, Step.PROPOSE)):
        assert stuck(made, status) == ()
    assert made.repair(b"nobody", 50.0) == ()


def test_help_is_given_at_most_twice_a_second() -> None:
    made = with_votes(gossip(0), 0, VoteKind.PREVOTE)
    status = Status(5, 0, Step.PREVOTE)
    assert stuck(made, status)
    assert made.repair(PEER, 10.0 + REPAIR_INTERVAL_S / 2) == ()
    assert made.repair(PEER, 10.0 + REPAIR_INTERVAL_S)


def test_in_a_large_set_few_answer_each_time_everybody_in_turns_and_never_too_much() -> None:
    validators = plain_committee(*[10] * 100)
    answers = [0] * 12
    for index in range(100):
        made = Gossip(validators.validators[index].address)
        made.start_height(5, validators)
        made.enter_round(0)
        for voter in range(100):
            made.note_vote(plain_vote(VoteKind.PREVOTE, 0, BLOCK, voter, height=5))
        made.note_status(PEER, Status(5, 0, Step.PREVOTE), 0.0)
        for repeat in range(12):
            at_s = 1.0 + repeat
            made.note_status(PEER, Status(5, 0, Step.PREVOTE), at_s)
            got = made.repair(PEER, at_s)
            assert len(got) <= MAX_VOTES_PER_REPAIR
            answers[repeat] += bool(got)
    assert all(5 <= count <= 10 for count in answers)
    assert sum(answers) == 100


def test_only_rounds_near_ours_are_kept() -> None:
    made = gossip(10)
    for round_ in (0, 8, 9, 10, 11, 12, 2**31 - 1):
        made.note_vote(vote(VoteKind.PREVOTE, 5, round_, BLOCK, 0))
    assert sorted(made._rounds) == [9, 10, 11]
    made.enter_round(12)
    assert sorted(made._rounds) == [11]


def test_a_proposal_is_repeated_only_to_peers_that_may_lack_it() -> None:
    made = gossip(1)
    assert made.lacks_proposal(PEER)
    for status, lacks in (
        (Status(5, 1, Step.PROPOSE), True),
        (Status(5, 0, Step.PRECOMMIT), True),
        (Status(5, 1, Step.PREVOTE), False),
        (Status(6, 0, Step.PROPOSE), False),
        (Status(4, 0, Step.PROPOSE), True),
        (Status(1, 0, Step.PROPOSE), False),
    ):
        made.note_status(PEER, status, 1.0)
        assert made.lacks_proposal(PEER) is lacks


def test_the_view_of_peers_is_bounded_and_forgets_those_that_left() -> None:
    made = gossip(0)
    for number in range(1000):
        made.note_status(b"%d" % number, Status(5, 0, Step.PROPOSE), 0.0)
    assert len(made.peers) <= 256
    made.keep_peers({b"3", b"5"})
    assert sorted(made.peers) == [b"3", b"5"]
