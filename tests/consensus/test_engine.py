"""One engine against scripted inputs; validators 0..3 of equal power, proposers 0, 1, 2, 3, 0, ... by round."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chain.errors import InvariantViolation
from chain.types import Address, Hash32
from consensus import messages as m
from consensus.certificates import (
    commit_of_precommits,
    polka_certificate_of_prevotes,
    round_certificate_of_votes,
    verify_commit,
    verify_polka_certificate,
    verify_round_certificate,
)
from consensus.engine import Engine
from consensus.evidence import canonical
from consensus.params import ConsensusParams
from consensus.proposer import next_height, proposer_at
from consensus.round_machine import RoundValue
from consensus.types import (
    BlockIdFlag,
    Commit,
    DuplicateProposalEvidence,
    DuplicateVoteEvidence,
    PolkaCertificate,
    Proposal,
    RoundCertificate,
    RoundCertificateKind,
    Step,
    TimeoutKind,
    Vote,
    VoteKind,
)
from consensus.validator_set import new_validator_set
from tests.consensus.cluster import made_up_signature
from tests.consensus.committee import (
    CHAIN_ID,
    FAKE_SIGNATURE,
    block,
    committee,
    key,
    plain_address,
    plain_committee,
    plain_vote,
    vote,
)

PREVOTE, PRECOMMIT = VoteKind.PREVOTE, VoteKind.PRECOMMIT
V, W, X = block("v"), block("w"), block("x")
SET = plain_committee(1, 1, 1, 1)
NEXT = next_height(SET)
PARAMS = ConsensusParams()


def start(height: int = 1, last_commit: Commit | None = None) -> m.StartHeight:
    return m.StartHeight(height, SET, NEXT, PARAMS, last_commit, None if last_commit is None else SET)


class Bench:
    """An engine, everything it said, and a signer that answers at once."""

    def __init__(self, me: int | None = 3, *, signs: bool = True, begin: bool = True) -> None:
        self.engine = Engine(None if me is None else plain_address(me))
        self.signs = signs
        self.said: list[m.Effect] = []
        self.give(start())
        if begin:
            self.give(m.StartRound0(1))

    def give(self, *inputs: m.Input) -> list[m.Effect]:
        effects: list[m.Effect] = []
        for received in inputs:
            for effect in self.engine.handle(received):
                effects.append(effect)
                self.said.append(effect)
                if isinstance(effect, m.Sign) and self.signs:
                    signed = effect.message.signed(made_up_signature(effect.message))
                    effects.extend(self.give(m.OwnSigned(signed)))
        return effects

    @property
    def log(self) -> list[m.LoggedInput]:
        return [effect.entry for effect in self.said if isinstance(effect, m.Persist)]

    def votes(self, kind: VoteKind) -> list[tuple[int, Hash32 | None]]:
        messages = [effect.message for effect in self.said if isinstance(effect, m.Sign)]
        return [(v.round, v.block_id) for v in messages if isinstance(v, Vote) and v.kind is kind]

    def state(self) -> tuple[int, Step]:
        assert self.engine.state is not None
        return self.engine.state.round, self.engine.state.step


def proposal(
    at_round: int, block_id: Hash32, pol_round: int = -1, index: int | None = None, height: int = 1
) -> Proposal:
    proposer = proposer_at(SET, at_round).address if index is None else plain_address(index)
    return Proposal(height, at_round, pol_round, block_id, proposer, FAKE_SIGNATURE)


def proposed(at_round: int, block_id: Hash32, pol_round: int = -1) -> tuple[m.ProposalReceived, m.BlockReady]:
    """The proposal and the verdict that its block is valid."""
    return m.ProposalReceived(proposal(at_round, block_id, pol_round)), m.BlockReady(1, block_id, True)


def votes(kind: VoteKind, at_round: int, block_id: Hash32 | None, *voters: int) -> list[m.VoteReceived]:
    return [m.VoteReceived(plain_vote(kind, at_round, block_id, i)) for i in voters]


def polka(at_round: int, block_id: Hash32, *voters: int) -> PolkaCertificate:
    prevotes = [plain_vote(PREVOTE, at_round, block_id, i) for i in voters or (0, 1, 2)]
    return polka_certificate_of_prevotes(SET, 1, at_round, block_id, prevotes)


def commit(block_id: Hash32, at_round: int, *voters: int, height: int = 1) -> Commit:
    cast = {plain_address(i): plain_vote(PRECOMMIT, at_round, block_id, i, height) for i in voters}
    return commit_of_precommits(SET, height, at_round, block_id, cast)


def timeout(kind: TimeoutKind, at_round: int) -> m.TimeoutElapsed:
    return m.TimeoutElapsed(kind, 1, at_round)


def kinds(effects: list[m.Effect]) -> list[str]:
    return [type(effect).__name__ for effect in effects]


# --- one height without trouble ---


def test_a_proposer_goes_through_a_height_with_these_effects_in_this_order() -> None:
    bench = Bench(me=0, signs=False, begin=False)
    assert kinds(bench.said) == ["CancelTimeouts", "Broadcast", "ScheduleTimeout"]
    began = bench.give(m.StartRound0(1))
    assert kinds(began) == [
        "Persist", "CancelTimeouts", "RoundEntered", "BuildBlock", "ScheduleTimeout", "Broadcast",
    ]  # fmt: skip
    assert m.BuildBlock(1, 0, None, 500) in began
    assert m.ScheduleTimeout(TimeoutKind.PROPOSE, 1, 0, 1_000) in began
    unsigned = Proposal(1, 0, -1, V, plain_address(0))
    built = m.BlockBuilt(1, 0, V)
    assert bench.give(built) == [m.Persist(built, False), m.PersistBlock(1, V), m.Sign(unsigned)]
    own = m.OwnSigned(unsigned.signed(FAKE_SIGNATURE))
    prevote = Vote(PREVOTE, 1, 0, V, plain_address(0))
    assert bench.give(own) == [
        m.Persist(own, True),
        m.BroadcastProposal(unsigned.signed(FAKE_SIGNATURE), None),
        m.Sign(prevote),
    ]
    own = m.OwnSigned(prevote.signed(FAKE_SIGNATURE))
    assert bench.give(own) == [m.Persist(own, True), m.Broadcast(prevote.signed(FAKE_SIGNATURE))]
    first, second = votes(PREVOTE, 0, V, 1, 2)
    assert bench.give(first) == [m.Persist(first, False)]
    precommit = Vote(PRECOMMIT, 1, 0, V, plain_address(0))
    assert bench.give(second) == [m.Persist(second, False), m.Sign(precommit)]
    own = m.OwnSigned(precommit.signed(FAKE_SIGNATURE))
    assert bench.give(own) == [m.Persist(own, True), m.Broadcast(precommit.signed(FAKE_SIGNATURE))]
    first, second = votes(PRECOMMIT, 0, V, 1, 2)
    assert bench.give(first) == [m.Persist(first, False)]
    decided = m.Decide(1, 0, V, commit(V, 0, 0, 1, 2))
    assert bench.give(second) == [m.Persist(second, False), m.CancelTimeouts(2, 0), decided]
    assert bench.state() == (0, Step.COMMIT)


def test_everybody_else_judges_the_proposal_before_voting() -> None:
    bench = Bench(me=3)
    received, ready = proposed(0, V)
    assert bench.give(received) == [m.Persist(received, False), m.ValidateBlock(1, V)]
    assert kinds(bench.give(ready)) == ["Persist", "PersistBlock", "Sign", "Persist", "Broadcast"]
    assert bench.votes(PREVOTE) == [(0, V)]


def test_an_invalid_block_is_answered_with_nil_and_not_stored() -> None:
    bench = Bench(me=3)
    effects = bench.give(m.ProposalReceived(proposal(0, V)), m.BlockReady(1, V, False))
    assert bench.votes(PREVOTE) == [(0, None)]
    assert "PersistBlock" not in kinds(effects)


def test_a_node_that_only_follows_decides_without_signing() -> None:
    for me in (None, 8):
        bench = Bench(me=me)
        bench.give(*proposed(0, V), *votes(PREVOTE, 0, V, 0, 1, 2), *votes(PRECOMMIT, 0, V, 0, 1, 2))
        assert bench.state() == (0, Step.COMMIT)
        assert "Sign" not in kinds(bench.said)
        assert "BuildBlock" not in kinds(bench.said)


def test_a_refused_signature_leaves_an_observer_for_that_step_only() -> None:
    bench = Bench(me=3, signs=False)
    bench.give(*proposed(0, V))
    refused = m.SigningRefused(Vote(PREVOTE, 1, 0, V, plain_address(3)))
    assert bench.give(refused) == [m.Persist(refused, False)]
    assert bench.give(refused) == []
    effects = bench.give(*votes(PREVOTE, 0, V, 0, 1, 2))
    assert m.Sign(Vote(PRECOMMIT, 1, 0, V, plain_address(3))) in effects
    effects = bench.give(*votes(PRECOMMIT, 0, V, 0, 1, 2))
    assert "Decide" in kinds(effects)


# --- before round 0 ---


def test_a_proposal_of_round_zero_ends_the_wait() -> None:
    bench = Bench(begin=False)
    effects = bench.give(*proposed(0, V))
    assert "RoundEntered" in kinds(effects)
    assert bench.votes(PREVOTE) == [(0, V)]
    assert bench.give(m.StartRound0(1)) == []


def test_votes_during_the_wait_are_kept_but_a_third_of_the_power_does_not_end_it() -> None:
    bench = Bench(begin=False)
    bench.give(*votes(PREVOTE, 0, V, 0))
    assert bench.state() == (-1, Step.NEW_HEIGHT)
    bench.give(*votes(PREVOTE, 0, V, 1))
    assert bench.state() == (0, Step.PROPOSE)
    bench.give(*votes(PREVOTE, 0, V, 2), *proposed(0, V))
    assert bench.votes(PRECOMMIT) == [(0, V)]


def test_a_later_round_of_the_others_is_joined_at_once() -> None:
    bench = Bench(begin=False)
    bench.give(*votes(PREVOTE, 4, None, 0), *votes(PRECOMMIT, 5, None, 1))
    assert bench.state() == (4, Step.PROPOSE)


def test_status_is_repeated_during_the_wait() -> None:
    bench = Bench(begin=False)
    effects = bench.give(timeout(TimeoutKind.REBROADCAST, 0))
    assert effects == [
        m.Broadcast(m.Status(1, 0, Step.NEW_HEIGHT)),
        m.ScheduleTimeout(TimeoutKind.REBROADCAST, 1, 0, 1_000),
    ]


# --- what is refused ---


@pytest.mark.parametrize(
    "received",
    [
        m.ProposalReceived(proposal(0, V, index=2), b"peer"),
        m.ProposalReceived(proposal(1, V, pol_round=1), b"peer"),
        m.ProposalReceived(proposal(1, V, pol_round=-2), b"peer"),
        m.VoteReceived(plain_vote(PREVOTE, 0, V, 8), b"peer"),
        m.PolkaCertificateReceived(
            polka_certificate_of_prevotes(
                plain_committee(*[1] * 9), 1, 0, V, [plain_vote(PREVOTE, 0, V, i) for i in (0, 1, 2, 8)]
            ),
            b"peer",
        ),
        m.RoundCertificateReceived(
            RoundCertificate(RoundCertificateKind.SKIP, 1, 4, (plain_vote(PREVOTE, 4, V, 8),)), b"peer"
        ),
        m.CertifiedBlock(W, commit(V, 0, 0, 1, 2), b"peer"),
    ],
)
def test_what_no_correct_peer_sends_is_penalised_and_changes_nothing(received: m.Input) -> None:
    bench = Bench()
    before = bench.engine.state, bench.engine.size()
    effects = bench.give(received)
    assert kinds(effects) == ["PenalisePeer"]
    assert effects[0].peer == b"peer"  # type: ignore[union-attr]
    assert (bench.engine.state, bench.engine.size()) == before


@pytest.mark.parametrize(
    "received",
    [
        m.StartRound0(2),
        m.ProposalReceived(proposal(0, V, height=3)),
        m.ProposalReceived(proposal(30, V)),
        m.BlockReady(1, V, True),  # nobody asked
        m.BlockReady(2, V, True),
        m.VoteReceived(plain_vote(PREVOTE, 0, V, 0, height=3)),
        m.VoteReceived(plain_vote(PRECOMMIT, 0, V, 0, height=0)),
        m.BlockBuilt(1, 0, V),  # not our turn
        m.SigningRefused(Vote(PREVOTE, 1, 0, V, plain_address(3))),
        m.OwnSigned(plain_vote(PREVOTE, 0, V, 3, height=2)),
        timeout(TimeoutKind.PRECOMMIT, 0),  # never scheduled
        timeout(TimeoutKind.PROPOSE, 1),
        m.TimeoutElapsed(TimeoutKind.PROPOSE, 2, 0),
        m.CertifiedBlock(V, commit(V, 0, 0, 1, 2, height=2)),
    ],
)
def test_what_does_not_belong_to_this_height_and_moment_is_ignored(received: m.Input) -> None:
    bench = Bench()
    before = bench.engine.state
    assert bench.give(received) == []
    assert bench.engine.state == before


def test_before_the_first_height_everything_is_ignored() -> None:
    engine = Engine(plain_address(0))
    assert engine.handle(m.VoteReceived(plain_vote(PREVOTE, 0, V, 1))) == ()
    assert (engine.state, engine.resume(), engine.size(), engine.last_commit) == (None, (), 0, None)
    assert engine.wanted_payloads() == frozenset()


def test_mistakes_of_the_driver_stop_the_node() -> None:
    bench = Bench()
    with pytest.raises(InvariantViolation, match="started after"):
        bench.give(start(1))
    with pytest.raises(InvariantViolation, match="somebody else"):
        bench.give(m.OwnSigned(plain_vote(PREVOTE, 0, V, 1)))


# --- locks ---


def locked_bench() -> Bench:
    """Validator 3, locked on V in round 0, now in round 1."""
    bench = Bench()
    bench.give(*proposed(0, V), *votes(PREVOTE, 0, V, 0, 1))
    assert bench.votes(PRECOMMIT) == [(0, V)]
    bench.give(*votes(PRECOMMIT, 0, None, 0, 1), timeout(TimeoutKind.PRECOMMIT, 0))
    assert bench.state() == (1, Step.PROPOSE)
    return bench


def test_a_locked_validator_prevotes_nil_for_a_fresh_other_block() -> None:
    bench = locked_bench()
    bench.give(*proposed(1, W))
    assert bench.votes(PREVOTE)[-1] == (1, None)


def test_a_locked_validator_prevotes_its_block_when_it_is_proposed_afresh() -> None:
    bench = locked_bench()
    bench.give(*proposed(1, V))
    assert bench.votes(PREVOTE)[-1] == (1, V)


def test_a_claimed_polka_round_without_the_polka_is_not_believed() -> None:
    bench = locked_bench()
    bench.give(*votes(PREVOTE, 2, None, 0, 1))
    bench.give(m.ProposalReceived(proposal(2, W, pol_round=1)), m.BlockReady(1, W, True))
    assert bench.state() == (2, Step.PROPOSE)
    bench.give(timeout(TimeoutKind.PROPOSE, 2))
    assert bench.votes(PREVOTE)[-1] == (2, None)


def test_a_higher_polka_releases_the_lock_and_the_polka_of_the_lock_round_only_for_the_same_block() -> None:
    bench = locked_bench()
    bench.give(*votes(PREVOTE, 2, None, 0, 1))
    bench.give(m.PolkaCertificateReceived(polka(1, W)))
    bench.give(m.ProposalReceived(proposal(2, W, pol_round=1)), m.BlockReady(1, W, True))
    assert bench.votes(PREVOTE)[-1] == (2, W)
    assert bench.engine.state is not None
    assert bench.engine.state.locked == RoundValue(0, V)  # until the precommit
    bench.give(*votes(PREVOTE, 2, W, 0, 1))
    assert bench.engine.state.locked == RoundValue(2, W)


def test_a_lock_is_kept_through_nil_rounds() -> None:
    bench = locked_bench()
    for at_round in (1, 2):
        bench.give(timeout(TimeoutKind.PROPOSE, at_round), *votes(PREVOTE, at_round, None, 0, 1))
        bench.give(*votes(PRECOMMIT, at_round, None, 0, 1), timeout(TimeoutKind.PRECOMMIT, at_round))
    # Round 3 is this validator's: it proposes what it is locked on, with the certificate.
    assert bench.state() == (3, Step.PREVOTE)
    own = next(e for e in bench.said if isinstance(e, m.BroadcastProposal))
    assert (own.proposal.block_id, own.proposal.pol_round) == (V, 0)
    assert own.polka_certificate is not None
    assert (own.polka_certificate.round, own.polka_certificate.block_id) == (0, V)
    assert bench.votes(PREVOTE)[-1] == (3, V)


def nil_round(at_round: int) -> list[m.Input]:
    """A round in which everybody else votes nil and moves on."""
    return [
        timeout(TimeoutKind.PROPOSE, at_round),
        *votes(PREVOTE, at_round, None, 0, 1, 2),
        *votes(PRECOMMIT, at_round, None, 0, 1, 2),
        timeout(TimeoutKind.PRECOMMIT, at_round),
    ]


def test_a_lock_with_its_block_and_its_polka_survives_hundreds_of_rounds() -> None:
    bench = locked_bench()
    for at_round in range(1, 200):
        bench.give(*nil_round(at_round))
    assert bench.state() == (200, Step.PROPOSE)
    own = [e.proposal for e in bench.said if isinstance(e, m.BroadcastProposal)]
    assert [p.round for p in own] == list(range(3, 200, 4))
    assert {(p.block_id, p.pol_round) for p in own} == {(V, 0)}
    # Its own re-proposal proves itself by the polka of round 0.
    assert [at for at, block_id in bench.votes(PREVOTE) if block_id == V] == [0, *range(3, 200, 4)]


def test_the_verdict_on_a_locked_block_outlives_its_proposals() -> None:
    bench = locked_bench()
    bench.give(*votes(PREVOTE, 60, None, 0, 1))
    assert bench.state() == (60, Step.PROPOSE)
    # No question is asked, so the verdict of round 0 must still be there.
    bench.give(m.ProposalReceived(proposal(60, V, pol_round=0)))
    assert bench.votes(PREVOTE)[-1] == (60, V)


def test_a_hidden_lock_is_published_and_others_propose_the_locked_block() -> None:
    hidden = locked_bench()
    published = [
        effect.message
        for effect in hidden.give(timeout(TimeoutKind.REBROADCAST, 1))
        if isinstance(effect, m.Broadcast) and isinstance(effect.message, PolkaCertificate)
    ]
    assert len(published) == 1
    # Validator 2 saw neither the polka nor the block, and proposes in round 2.
    other = Bench(me=2)
    other.give(timeout(TimeoutKind.PROPOSE, 0), *votes(PREVOTE, 1, None, 0, 1))
    effects = other.give(m.PolkaCertificateReceived(published[0]))
    assert m.RequestBlock(1, V) in effects
    other.give(m.BlockReady(1, V, True))
    assert other.engine.state is not None
    assert other.engine.state.valid == RoundValue(0, V)
    assert other.engine.state.locked is None
    effects = other.give(*votes(PREVOTE, 2, None, 0, 1))
    own = next(e for e in effects if isinstance(e, m.BroadcastProposal))
    assert (own.proposal.round, own.proposal.block_id, own.proposal.pol_round) == (2, V, 0)
    assert own.polka_certificate == published[0]
    # And the validator with the hidden lock can vote for that.
    hidden.give(*votes(PREVOTE, 2, None, 0, 1), m.ProposalReceived(own.proposal))
    assert hidden.votes(PREVOTE)[-1] == (2, V)


# --- rounds ---


def test_each_step_times_out_into_the_next() -> None:
    bench = Bench()
    bench.give(timeout(TimeoutKind.PROPOSE, 0))
    assert bench.votes(PREVOTE) == [(0, None)]
    effects = bench.give(*votes(PREVOTE, 0, V, 0), *votes(PREVOTE, 0, W, 1))
    assert m.ScheduleTimeout(TimeoutKind.PREVOTE, 1, 0, 400) in effects
    bench.give(timeout(TimeoutKind.PREVOTE, 0))
    assert bench.votes(PRECOMMIT) == [(0, None)]
    effects = bench.give(*votes(PRECOMMIT, 0, V, 0), *votes(PRECOMMIT, 0, None, 1))
    assert m.ScheduleTimeout(TimeoutKind.PRECOMMIT, 1, 0, 400) in effects
    effects = bench.give(timeout(TimeoutKind.PRECOMMIT, 0))
    assert m.CancelTimeouts(1, 1) in effects
    assert m.RoundEntered(1, 1, plain_address(1)) in effects
    assert m.ScheduleTimeout(TimeoutKind.PROPOSE, 1, 1, 1_500) in effects
    assert bench.state() == (1, Step.PROPOSE)


def test_nil_polka_precommits_nil_without_waiting() -> None:
    bench = Bench()
    bench.give(*votes(PREVOTE, 0, None, 0, 1), timeout(TimeoutKind.PROPOSE, 0))
    assert bench.votes(PRECOMMIT) == [(0, None)]


def test_a_decision_of_an_earlier_round_ends_the_height() -> None:
    bench = locked_bench()
    effects = bench.give(*votes(PRECOMMIT, 0, V, 2))
    assert "Decide" not in kinds(effects)
    late = Bench()
    late.give(*proposed(0, V), *votes(PREVOTE, 1, None, 0, 1))
    assert late.state()[0] == 1
    effects = late.give(*votes(PRECOMMIT, 0, V, 0, 1, 2))
    assert effects[-1] == m.Decide(1, 0, V, commit(V, 0, 0, 1, 2))


def test_a_decided_block_that_is_missing_is_asked_for_and_then_decided() -> None:
    bench = Bench()
    effects = bench.give(*votes(PRECOMMIT, 0, V, 0, 1, 2))
    assert m.RequestBlock(1, V) in effects
    assert kinds(bench.give(m.BlockReady(1, V, True)))[-1] == "Decide"


def test_a_missing_block_is_asked_for_again_in_the_next_round() -> None:
    bench = Bench()
    bench.give(timeout(TimeoutKind.PROPOSE, 0), *votes(PREVOTE, 0, V, 0, 1, 2))
    effects = bench.give(*votes(PREVOTE, 1, None, 0, 1))
    assert m.RequestBlock(1, V) in effects


def test_a_proposal_that_comes_after_the_request_is_validated() -> None:
    bench = Bench()
    bench.give(*votes(PRECOMMIT, 0, V, 0, 1, 2))
    effects = bench.give(m.ProposalReceived(proposal(0, V)))
    assert m.ValidateBlock(1, V) in effects


def test_the_network_deciding_an_invalid_block_stops_the_node() -> None:
    bench = Bench()
    bench.give(m.ProposalReceived(proposal(0, V)), m.BlockReady(1, V, False))
    with pytest.raises(InvariantViolation, match="invalid by our execution"):
        bench.give(*votes(PRECOMMIT, 0, V, 0, 1, 2))


def test_a_block_of_an_equivocating_proposer_can_still_be_decided() -> None:
    bench = Bench()
    bench.give(*proposed(0, V))
    effects = bench.give(*proposed(0, W))
    assert m.ReportEvidence(DuplicateProposalEvidence(proposal(0, V), proposal(0, W))) in effects
    bench.give(*votes(PREVOTE, 0, W, 0, 1, 2))
    assert bench.votes(PREVOTE) == [(0, V)]
    assert bench.votes(PRECOMMIT) == [(0, W)]
    assert kinds(bench.give(*votes(PRECOMMIT, 0, W, 0, 1)))[-1] == "Decide"


def test_double_voting_is_reported_once_per_validator() -> None:
    bench = Bench()
    effects = bench.give(*votes(PREVOTE, 0, V, 0), *votes(PREVOTE, 0, W, 0), *votes(PREVOTE, 0, X, 0))
    first, second = plain_vote(PREVOTE, 0, V, 0), plain_vote(PREVOTE, 0, W, 0)
    reports = [effect for effect in effects if isinstance(effect, m.ReportEvidence)]
    assert reports == [m.ReportEvidence(DuplicateVoteEvidence(first, second))]
    effects = bench.give(*votes(PRECOMMIT, 0, V, 0), *votes(PRECOMMIT, 0, W, 0))
    assert "ReportEvidence" not in kinds(effects)


# --- certificates with real signatures ---


def real_bench(me: int) -> tuple[Engine, list[m.Effect]]:
    """An engine with a really signing committee of four; collects effects, answers signatures."""
    validators = committee(1, 1, 1, 1)
    engine = Engine(key(me).address)
    said: list[m.Effect] = list(engine.handle(m.StartHeight(1, validators, validators, PARAMS)))
    said.extend(engine.handle(m.StartRound0(1)))
    return engine, said


def test_what_the_engine_builds_from_votes_verifies() -> None:
    validators = committee(1, 1, 1, 1)
    engine, _ = real_bench(me=3)
    proposer = proposer_at(validators, 0).address
    engine.handle(m.ProposalReceived(Proposal(1, 0, -1, V, proposer, FAKE_SIGNATURE)))
    engine.handle(m.BlockReady(1, V, True))
    for i in range(3):
        engine.handle(m.VoteReceived(vote(PREVOTE, 1, 0, V, i)))
    for i, choice in ((0, V), (1, None), (2, None)):
        engine.handle(m.VoteReceived(vote(PRECOMMIT, 1, 0, choice, i)))
    engine.handle(timeout(TimeoutKind.PRECOMMIT, 0))
    repeated = engine.handle(timeout(TimeoutKind.REBROADCAST, 1))
    messages = [effect.message for effect in repeated if isinstance(effect, m.Broadcast)]
    certificates = [
        message for message in messages if isinstance(message, PolkaCertificate | RoundCertificate)
    ]
    assert len(certificates) == 2
    for certificate in certificates:
        if isinstance(certificate, PolkaCertificate):
            verify_polka_certificate(CHAIN_ID, validators, certificate)
        else:
            assert certificate.kind is RoundCertificateKind.PRECOMMIT_ANY
            verify_round_certificate(CHAIN_ID, validators, certificate)
    for i in range(1, 3):
        effects = engine.handle(m.VoteReceived(vote(PRECOMMIT, 1, 1, V, i)))
    effects = engine.handle(m.VoteReceived(vote(PRECOMMIT, 1, 1, V, 0)))
    decided = effects[-1]
    assert isinstance(decided, m.Decide)
    verify_commit(CHAIN_ID, validators, 1, V, decided.commit)


def test_a_skipped_round_is_certified_by_its_own_votes() -> None:
    validators = committee(1, 1, 1, 1)
    engine, _ = real_bench(me=3)
    for i in range(2):
        engine.handle(m.VoteReceived(vote(PREVOTE, 1, 6, None, i)))
    repeated = engine.handle(timeout(TimeoutKind.REBROADCAST, 6))
    certificate = next(
        e.message for e in repeated if isinstance(e, m.Broadcast) and isinstance(e.message, RoundCertificate)
    )
    assert (certificate.kind, certificate.round) == (RoundCertificateKind.SKIP, 6)
    verify_round_certificate(CHAIN_ID, validators, certificate)


@pytest.mark.parametrize("kind", RoundCertificateKind)
def test_a_round_certificate_brings_a_laggard_into_the_round(kind: RoundCertificateKind) -> None:
    voted = 9 if kind is RoundCertificateKind.SKIP else 8
    cast = [plain_vote(PRECOMMIT, voted, None, i) for i in (0, 1, 2)]
    certificate = round_certificate_of_votes(SET, kind, 1, 9, cast)
    for begin in (True, False):
        bench = Bench(begin=begin)
        effects = bench.give(m.RoundCertificateReceived(certificate))
        assert bench.state() == (9, Step.PROPOSE)
        assert isinstance(effects[0], m.Persist)
        assert bench.give(m.RoundCertificateReceived(certificate)) == []


def test_a_polka_certificate_alone_lets_a_validator_lock() -> None:
    bench = Bench()
    bench.give(*proposed(0, V))
    bench.give(m.PolkaCertificateReceived(polka(0, V)))
    assert bench.votes(PRECOMMIT) == [(0, V)]
    assert bench.give(m.PolkaCertificateReceived(polka(0, V))) == []


# --- repetition ---


def test_own_messages_are_repeated_while_the_round_does_not_move() -> None:
    bench = Bench(me=0)
    bench.give(m.BlockBuilt(1, 0, V), *votes(PREVOTE, 0, V, 1, 2))
    effects = bench.give(timeout(TimeoutKind.REBROADCAST, 0))
    assert kinds(effects) == [
        "Broadcast",
        "Restream",
        "Broadcast",
        "Broadcast",
        "Broadcast",
        "ScheduleTimeout",
    ]
    repeated = [e.message for e in effects if isinstance(e, m.Broadcast)]
    assert [type(message).__name__ for message in repeated] == ["Status", "Vote", "Vote", "PolkaCertificate"]
    assert effects[-1] == m.ScheduleTimeout(TimeoutKind.REBROADCAST, 1, 0, 400)


def test_a_stale_repetition_ends() -> None:
    bench = Bench()
    bench.give(*votes(PREVOTE, 1, None, 0, 1))
    assert bench.give(timeout(TimeoutKind.REBROADCAST, 0)) == []


def test_the_last_precommit_is_repeated_in_the_next_round_until_there_is_a_newer_one() -> None:
    bench = locked_bench()
    effects = bench.give(timeout(TimeoutKind.REBROADCAST, 1))
    repeated = [e.message for e in effects if isinstance(e, m.Broadcast) and isinstance(e.message, Vote)]
    assert [(v.kind, v.round) for v in repeated] == [(PREVOTE, 0), (PRECOMMIT, 0)]


# --- certified blocks, next and previous heights ---


@pytest.mark.parametrize("begin", [True, False])
def test_a_certified_block_decides_at_any_moment(begin: bool) -> None:
    bench = Bench(begin=begin)
    certified = m.CertifiedBlock(W, commit(W, 7, 0, 1, 2))
    assert bench.give(certified) == [m.CancelTimeouts(2, 0), m.Decide(1, 7, W, certified.commit)]
    assert bench.give(certified) == []
    assert bench.engine.wanted_payloads() == {W}


def test_a_certified_block_judged_invalid_here_stops_the_node() -> None:
    bench = Bench()
    bench.give(m.ProposalReceived(proposal(0, V)), m.BlockReady(1, V, False))
    with pytest.raises(InvariantViolation):
        bench.give(m.CertifiedBlock(V, commit(V, 0, 0, 1, 2)))


def decided_bench() -> Bench:
    bench = Bench()
    bench.give(*proposed(0, V), *votes(PREVOTE, 0, V, 0, 1), *votes(PRECOMMIT, 0, V, 0, 1))
    assert bench.state() == (0, Step.COMMIT)
    return bench


def test_messages_of_the_next_height_wait_for_it_and_are_logged_then() -> None:
    bench = decided_bench()
    proposer = proposer_at(NEXT, 0).address
    early_proposal = m.ProposalReceived(Proposal(2, 0, -1, W, proposer, FAKE_SIGNATURE))
    early_vote = m.VoteReceived(plain_vote(PREVOTE, 0, W, 0, height=2))
    assert bench.give(early_proposal, early_vote) == []
    begin = m.StartHeight(2, NEXT, next_height(NEXT), PARAMS, commit(V, 0, 0, 1, 3), SET)
    effects = bench.give(begin)
    assert m.Persist(early_proposal, False) in effects
    assert m.Persist(early_vote, False) in effects
    assert m.ValidateBlock(2, W) in effects
    assert bench.state() == (0, Step.PROPOSE)


def test_who_contradicts_itself_before_the_height_begins_is_reported_when_it_does() -> None:
    bench = decided_bench()
    proposer = proposer_at(NEXT, 0).address
    voter = next(
        index for index in range(4) if plain_address(index) in NEXT and plain_address(index) != proposer
    )
    early_votes = [plain_vote(PREVOTE, 0, choice, voter, height=2) for choice in (V, W)]
    proposals = [Proposal(2, 0, -1, choice, proposer, FAKE_SIGNATURE) for choice in (V, W)]
    bench.give(*[m.VoteReceived(vote) for vote in early_votes])
    bench.give(*[m.ProposalReceived(message) for message in proposals])
    begin = m.StartHeight(2, NEXT, next_height(NEXT), PARAMS, commit(V, 0, 0, 1, 3), SET)
    reports = [effect.evidence for effect in bench.give(begin) if isinstance(effect, m.ReportEvidence)]
    assert {canonical(piece) for piece in reports} == {
        canonical(DuplicateVoteEvidence(*early_votes)),
        canonical(DuplicateProposalEvidence(*proposals)),
    }


def test_a_precommit_that_comes_late_completes_the_last_commit_and_enters_the_next_block() -> None:
    bench = decided_bench()
    thin = commit(V, 0, 0, 1, 3)
    missing = m.VoteReceived(plain_vote(PRECOMMIT, 0, V, 2))
    bench.give(missing)  # between decision and next height
    effects = bench.give(m.StartHeight(2, SET, SET, PARAMS, thin, SET))
    assert m.Persist(missing, False) in effects
    assert bench.engine.last_commit == commit(V, 0, 0, 1, 2, 3)

    again = Bench(me=0, begin=False)
    again.give(m.CertifiedBlock(V, thin), m.StartHeight(2, SET, SET, PARAMS, thin, SET))
    assert again.give(missing) == [m.Persist(missing, False)]
    assert again.give(missing) == []
    effects = again.give(m.StartRound0(2))
    built = next(effect for effect in effects if isinstance(effect, m.BuildBlock))
    assert built.last_commit is not None
    assert [s.block_id_flag for s in built.last_commit.signatures][2] is BlockIdFlag.COMMIT


LATE = [m.VoteReceived(plain_vote(PRECOMMIT, 0, choice, 2)) for choice in (V, None, W)]


@pytest.mark.parametrize("first", LATE)
@pytest.mark.parametrize("second", LATE)
def test_precommits_that_contradict_each_other_after_the_decision_are_evidence(
    first: m.VoteReceived, second: m.VoteReceived
) -> None:
    """Whether the first one came in time, alone has a slot in the commit, or came late as well."""
    thin = commit(V, 0, 0, 1, 3)
    start = m.StartHeight(2, SET, SET, PARAMS, thin, SET)
    expected = [] if first == second else [m.ReportEvidence(DuplicateVoteEvidence(first.vote, second.vote))]

    late = Bench(me=0, begin=False)
    late.give(m.CertifiedBlock(V, thin), start, first)
    reports = [effect for effect in late.give(second) if isinstance(effect, m.ReportEvidence)]
    assert reports == expected
    assert late.give(second) == []

    in_time = decided_bench()
    in_time.give(first, start)
    reports = [effect for effect in in_time.give(second) if isinstance(effect, m.ReportEvidence)]
    assert reports == expected


@pytest.mark.parametrize(
    "other",
    [
        plain_vote(PRECOMMIT, 1, W, 1),
        plain_vote(PREVOTE, 0, W, 1),
        plain_vote(PRECOMMIT, 0, V, 1),
        plain_vote(PRECOMMIT, 0, W, 7),
    ],
    ids=["other round", "prevote", "the same", "stranger"],
)
def test_other_late_votes_prove_nothing(other: Vote) -> None:
    bench = Bench(me=0, begin=False)
    thin = commit(V, 0, 0, 1, 2)
    bench.give(m.CertifiedBlock(V, thin), m.StartHeight(2, SET, SET, PARAMS, thin, SET))
    assert bench.give(m.VoteReceived(other)) == []
    assert bench.engine.last_commit == thin


def test_being_behind_is_noticed_once() -> None:
    bench = Bench()
    ahead = [m.VoteReceived(plain_vote(PREVOTE, 0, W, i, height=2)) for i in (0, 1, 2)]
    assert bench.give(ahead[0]) == []
    assert bench.give(ahead[1]) == [m.RequestSync(1)]
    assert bench.give(ahead[2]) == []


# --- restart ---


def scripted_height() -> list[m.Input]:
    """Inputs of a height with a lock, a round change, equivocation, and a decision in round 3."""
    return [
        m.StartRound0(1),
        *proposed(0, V),
        *votes(PREVOTE, 0, V, 0, 1),
        *votes(PREVOTE, 0, W, 1),
        *votes(PRECOMMIT, 0, None, 0, 1),
        timeout(TimeoutKind.PRECOMMIT, 0),
        m.ProposalReceived(proposal(1, W)),
        m.BlockReady(1, W, False),
        *votes(PREVOTE, 1, None, 0, 1),
        *votes(PRECOMMIT, 1, None, 0, 1),
        timeout(TimeoutKind.REBROADCAST, 1),
        timeout(TimeoutKind.PRECOMMIT, 1),
        m.RoundCertificateReceived(
            round_certificate_of_votes(
                SET,
                RoundCertificateKind.PRECOMMIT_ANY,
                1,
                3,
                [plain_vote(PRECOMMIT, 2, None, i) for i in (0, 1, 2)],
            )
        ),
        *votes(PREVOTE, 3, V, 0, 1),
        *votes(PRECOMMIT, 3, V, 0, 1),
    ]


def replayed(log: list[m.LoggedInput]) -> Engine:
    engine = Engine(plain_address(3))
    engine.handle(start())
    for entry in log:
        engine.handle(entry)
    return engine


def test_replaying_the_log_at_any_moment_gives_the_same_state() -> None:
    bench = Bench(begin=False)
    for received in scripted_height():
        bench.give(received)
        fresh = replayed(bench.log)
        assert fresh.state == bench.engine.state
        assert fresh.wanted_payloads() == bench.engine.wanted_payloads()
        assert fresh.size() == bench.engine.size()
    assert bench.state() == (3, Step.COMMIT)


def test_after_a_crash_at_any_entry_the_open_questions_are_asked_again() -> None:
    bench = Bench(begin=False)
    bench.give(*scripted_height())
    log = bench.log
    for cut in range(len(log) + 1):
        engine = replayed(log[:cut])
        resumed = list(engine.resume())
        answer: dict[type[m.LoggedInput], Callable[[m.LoggedInput], m.Effect]] = {
            m.OwnSigned: lambda e: m.Sign(e.message.signed(b"")),  # type: ignore[union-attr]
            m.BlockReady: lambda e: m.ValidateBlock(e.height, e.block_id),  # type: ignore[union-attr]
        }
        following = log[cut] if cut < len(log) else None
        if following is not None and type(following) in answer:
            assert answer[type(following)](following) in resumed
        if isinstance(following, m.TimeoutElapsed):
            scheduled = [e for e in resumed if isinstance(e, m.ScheduleTimeout)]
            assert (following.kind, following.round) in [(e.kind, e.round) for e in scheduled]


def test_after_a_crash_own_messages_are_sent_again() -> None:
    bench = Bench(me=0)
    bench.give(m.BlockBuilt(1, 0, V))
    engine = Engine(plain_address(0))
    engine.handle(start())
    for entry in bench.log:
        engine.handle(entry)
    resumed = list(engine.resume())
    assert any(isinstance(e, m.Restream) for e in resumed)
    assert any(isinstance(e, m.Broadcast) and isinstance(e.message, Vote) for e in resumed)


def test_a_crash_while_building_asks_to_build_again() -> None:
    bench = Bench(me=0)
    assert m.BuildBlock(1, 0, None, 500) in bench.engine.resume()


def test_a_crash_after_the_decision_decides_again() -> None:
    bench = decided_bench()
    decided = next(effect for effect in bench.said if isinstance(effect, m.Decide))
    assert replayed(bench.log).resume() == (decided,)


# --- floods ---


def flood(bench: Bench, inputs: list[m.Input]) -> tuple[int, int]:
    """(entries logged, growth in size) while the inputs are taken."""
    before, size = len(bench.log), bench.engine.size()
    bench.give(*inputs)
    return len(bench.log) - before, bench.engine.size() - size


def test_duplicates_are_free() -> None:
    bench = Bench()
    inputs: list[m.Input] = [*proposed(0, V), *votes(PREVOTE, 0, V, 0), *votes(PRECOMMIT, 0, V, 0)]
    bench.give(*inputs)
    assert flood(bench, [*inputs] * 500) == (0, 0)


def test_one_validator_can_not_fill_memory_or_log_by_counting_rounds_or_heights_up() -> None:
    bench = Bench()
    counting: list[m.Input] = []
    for step in range(1_500):
        for kind in VoteKind:
            for block_id in (V, W, X, None):
                counting.append(m.VoteReceived(plain_vote(kind, step, block_id, 0)))
        counting.append(m.VoteReceived(plain_vote(PREVOTE, step, V, 0, height=2)))
        counting.append(m.ProposalReceived(proposal(step % 40, block(str(step)), height=1 + step % 3)))
    logged, grown = flood(bench, counting)
    assert logged < 100
    assert grown < 40


def test_a_proposer_can_not_fill_memory_with_blocks() -> None:
    bench = Bench()
    blocks: list[m.Input] = [
        m.ProposalReceived(proposal(step % 3, block(str(step)))) for step in range(3_000)
    ]
    logged, grown = flood(bench, blocks)
    assert logged == 6  # two in each of rounds 0, 1, 2
    assert grown == 6 + 6 + 3  # proposals, questions about their blocks, proposers accused
    assert len(bench.engine.wanted_payloads()) <= 6


def test_a_thousand_rounds_do_not_grow_without_bound() -> None:
    bench = Bench()
    sizes = []
    for at_round in range(1_000):
        bench.give(timeout(TimeoutKind.PROPOSE, at_round), *votes(PREVOTE, at_round, None, 0, 1))
        bench.give(*votes(PRECOMMIT, at_round, None, 0, 1), timeout(TimeoutKind.PRECOMMIT, at_round))
        sizes.append(bench.engine.size())
    assert bench.state()[0] == 1_000
    assert max(sizes[500:]) == max(sizes[100:500])


def test_signatures_that_never_come_do_not_pile_up() -> None:
    bench = Bench(signs=False)
    sizes = []
    for at_round in range(100):
        bench.give(*nil_round(at_round))
        sizes.append(bench.engine.size())
    assert bench.state()[0] == 100
    assert max(sizes[70:]) == max(sizes[40:70])


def test_a_set_of_one_decides_alone() -> None:
    alone = new_validator_set([SET.validators[0]])
    engine = Engine(Address(SET.validators[0].address))
    engine.handle(m.StartHeight(1, alone, alone, PARAMS))
    queue: list[m.Input] = [m.StartRound0(1)]
    decided = []
    while queue:
        for effect in engine.handle(queue.pop(0)):
            if isinstance(effect, m.BuildBlock):
                queue.append(m.BlockBuilt(1, effect.round, V))
            elif isinstance(effect, m.Sign):
                queue.append(m.OwnSigned(effect.message.signed(FAKE_SIGNATURE)))
            elif isinstance(effect, m.Decide):
                decided.append(effect.block_id)
    assert decided == [V]
