"""The consensus engine: one input in, a tuple of effects out.

Owns: one validator's (or observer's) whole consensus state, from the wait before a height to its decision.
Never does: read a clock, draw randomness, touch disk or network, verify signatures, or look into blocks.
Specification: arXiv 1807.04938 through `round_machine` and `upon_rules`; the contract with the driver is in
`messages`.

An input first updates what is known (votes, proposals, verdicts, own signatures); then `upon_rules.next_event` is
fed to the round machine until no clause holds. An input that changed something starts its effects with
`Persist(input)`, so that a fresh engine fed with the persisted inputs arrives at the same state.
"""

from __future__ import annotations

from typing import Final, assert_never

from chain.errors import InvariantViolation
from chain.types import Address, Hash32
from consensus import messages as m
from consensus import round_machine as machine
from consensus.certificates import (
    commit_of_precommits,
    precommits_of_commit,
    round_certificate_of_votes,
    with_late_precommit,
)
from consensus.early_messages import EarlyMessages
from consensus.proposal_keeper import ProposalKeeper
from consensus.proposer import ProposerSchedule
from consensus.round_machine import RoundState
from consensus.types import (
    NO_ROUND,
    Commit,
    DuplicateVoteEvidence,
    Evidence,
    Height,
    PeerTag,
    PolkaCertificate,
    Proposal,
    Round,
    RoundCertificate,
    RoundCertificateKind,
    SignedMessage,
    Step,
    TimeoutKind,
    Vote,
    VoteKind,
)
from consensus.upon_rules import next_event, require_not_invalid, wanted_blocks
from consensus.vote_keeper import VoteKeeper, VoteOutcome

_SignSlot = tuple[int, Round]
_PROPOSAL_SLOT: Final = 0
"""What one signature is for: (0, round) a proposal, (vote kind, round) a vote."""


class _HeightWork:
    """Everything that lives as long as one height."""

    def __init__(self, start: m.StartHeight) -> None:
        self.start = start
        self.last_commit: Commit | None = start.last_commit
        self.state = RoundState(start.height)
        self.schedule = ProposerSchedule(start.validators)
        self.votes = VoteKeeper(start.height, start.validators)
        self.proposals = ProposalKeeper()
        self.early = EarlyMessages(start.next_validators)
        self.decision: m.Decide | None = None
        self.valid_certificate: PolkaCertificate | None = None
        # Questions that the driver has not answered yet, so that `resume` can ask them again.
        self.unsigned: dict[_SignSlot, SignedMessage] = {}
        self.unjudged: dict[Hash32, m.ValidateBlock | m.RequestBlock] = {}
        self.building: m.BuildBlock | None = None
        self.timeouts: dict[tuple[TimeoutKind, Round], m.ScheduleTimeout] = {}
        # The newest own messages, which are repeated while the round does not move.
        self.own_votes: dict[VoteKind, Vote] = {}
        self.own_proposal: Proposal | None = None
        self.accused: set[Address] = set()
        # Precommits of the height before: what a late one is compared with.
        self.last_precommits: dict[Address, Vote] = {}
        self.is_sync_requested = False


class Engine:
    """Consensus of one node; `me` is its validator address, None for a node that only follows."""

    def __init__(self, me: Address | None) -> None:
        self._me = me
        self._work: _HeightWork | None = None
        self._effects: list[m.Effect] = []

    # --- what a driver calls ---

    def handle(self, received: m.Input) -> tuple[m.Effect, ...]:
        """Take one input and give its effects, to be run in order.

        Raises InvariantViolation on a driver's mistake (a height started twice) and when more than 2/3 of the
        power decided a block that was judged invalid here.
        """
        self._effects = []
        match received:
            case m.StartHeight():
                self._start_height(received)
            case _ if self._work is None:
                pass
            case m.ProposalReceived():
                self._on_proposal(self._work, received)
            case m.VoteReceived():
                self._on_vote(self._work, received)
            case _ if _height_of(received) != self._work.start.height:
                pass
            case _ if self._work.state.step is Step.COMMIT:
                pass
            case _:
                self._on_current(self._work, received)
        return tuple(self._effects)

    def resume(self) -> tuple[m.Effect, ...]:
        """After a replay whose effects were thrown away: those that are still open, and own messages again."""
        work = self._work
        if work is None:
            return ()
        if work.decision is not None:
            return (work.decision,)
        self._effects = [*work.timeouts.values(), *work.unjudged.values()]
        if work.building is not None:
            self._effects.append(work.building)
        self._effects.extend(m.Sign(message) for message in work.unsigned.values())
        self._repeat_own(work)
        return tuple(self._effects)

    @property
    def state(self) -> RoundState | None:
        """Height, round, step, locked and valid value, decision; None before the first height."""
        return None if self._work is None else self._work.state

    @property
    def last_commit(self) -> Commit | None:
        """The commit of the previous height, with precommits that came late."""
        return None if self._work is None else self._work.last_commit

    def wanted_payloads(self) -> frozenset[Hash32]:
        """Blocks of this height whose payloads may still be needed; the driver may drop all others."""
        return frozenset() if self._work is None else _wanted_payloads(self._work)

    def size(self) -> int:
        """Number of messages, verdicts and questions held, for metrics and for tests of the bounds."""
        work = self._work
        if work is None:
            return 0
        keepers = work.votes.size() + work.proposals.size() + work.early.size()
        others = len(work.unjudged) + len(work.timeouts) + len(work.accused) + len(work.last_precommits)
        return keepers + len(work.unsigned) + others

    # --- heights and rounds ---

    def _start_height(self, start: m.StartHeight) -> None:
        before = self._work
        if before is not None and start.height <= before.start.height:
            raise InvariantViolation(f"height {start.height} started after {before.start.height}")
        work = self._work = _HeightWork(start)
        self._effects.append(m.CancelTimeouts(start.height, 0))
        self._announce(work)
        self._schedule(work, TimeoutKind.REBROADCAST, 0, start.params.timeout_ms(TimeoutKind.PROPOSE, 0))
        if work.last_commit is not None:
            known = precommits_of_commit(work.last_commit)
            work.last_precommits = {vote.validator: vote for vote in known}
        if before is None or before.start.height != start.height - 1:
            return
        if work.last_commit is not None:
            # Also those for another block, which have no slot in the commit.
            others = before.votes.votes(work.last_commit.round, VoteKind.PRECOMMIT)
            work.last_precommits = {**others, **work.last_precommits}
        effects = self._effects
        for received in (*_late_precommits(before, work.last_commit), *before.early.drain()):
            effects.extend(self.handle(received))
        self._effects = effects

    def _enter_round(self, work: _HeightWork, entered: Round) -> None:
        height = work.start.height
        proposer = work.schedule.at(entered)
        outcomes = work.votes.enter_round(entered)
        work.proposals.enter_round(entered, _protected_blocks(work))
        work.building = None
        work.timeouts = {key: timeout for key, timeout in work.timeouts.items() if key[1] >= entered}
        work.unsigned = {slot: message for slot, message in work.unsigned.items() if slot[1] >= entered}
        named = work.proposals.block_ids() | _protected_blocks(work)
        work.unjudged = {block_id: ask for block_id, ask in work.unjudged.items() if block_id in named}
        self._effects.append(m.CancelTimeouts(height, entered))
        self._effects.append(m.RoundEntered(height, entered, proposer.address))
        self._step(work, machine.StartRound(entered, proposer.address == self._me))
        self._announce(work)
        if (TimeoutKind.REBROADCAST, entered) not in work.timeouts:
            self._schedule_kind(work, TimeoutKind.REBROADCAST, entered)
        self._report(work, outcomes)

    def _settle(self, work: _HeightWork) -> None:
        """Run the round machine until no clause of the algorithm holds, then ask for blocks it waits for."""
        while (event := next_event(work.state, work.votes, work.proposals)) is not None:
            self._step(work, event)
        for block_id in wanted_blocks(work.state, work.votes, work.proposals):
            if block_id not in work.unjudged:
                self._ask(work, m.RequestBlock(work.start.height, block_id))

    def _step(self, work: _HeightWork, event: machine.Event) -> None:
        valid_before = work.state.valid
        work.state, outputs = machine.apply(work.state, event)
        if work.state.valid != valid_before and work.state.valid is not None:
            work.valid_certificate = work.votes.pin_polka(work.state.valid.round)
        for output in outputs:
            self._run(work, output)

    def _run(self, work: _HeightWork, output: machine.Output) -> None:
        height = work.start.height
        match output:
            case machine.GetBlock():
                # Half of the proposal timeout for building leaves the other half for sending and judging.
                deadline_ms = work.start.params.timeout_ms(TimeoutKind.PROPOSE, output.round) // 2
                work.building = m.BuildBlock(height, output.round, work.last_commit, deadline_ms)
                self._effects.append(work.building)
            case machine.Propose() if self._me is not None:
                proposal = Proposal(height, output.round, output.pol_round, output.block_id, self._me)
                self._sign(work, (_PROPOSAL_SLOT, output.round), proposal)
            case machine.CastVote() if self._me is not None and self._me in work.start.validators:
                vote = Vote(output.kind, height, output.round, output.block_id, self._me)
                self._sign(work, (int(output.kind), output.round), vote)
            case machine.Propose() | machine.CastVote():
                pass  # An observer follows the same steps in silence.
            case machine.Schedule():
                self._schedule_kind(work, output.kind, output.round)
            case machine.EnterRound():
                self._enter_round(work, output.round)
            case machine.Decided():
                self._decide(work, output)
            case _:
                assert_never(output)

    def _decide(self, work: _HeightWork, decided: machine.Decided) -> None:
        if work.decision is None:
            precommits = work.votes.precommits_for(decided.round, decided.block_id)
            commit = commit_of_precommits(
                work.start.validators, work.start.height, decided.round, decided.block_id, precommits
            )
            work.decision = m.Decide(work.start.height, decided.round, decided.block_id, commit)
        work.timeouts.clear()
        work.unsigned.clear()
        self._effects.append(m.CancelTimeouts(work.start.height + 1, 0))
        self._effects.append(work.decision)

    # --- inputs ---

    def _on_current(self, work: _HeightWork, received: m.Input) -> None:
        """An input of the current, undecided height, other than a vote or proposal of a peer."""
        match received:
            case m.StartRound0():
                self._on_start_round0(work, received)
            case m.BlockReady():
                self._on_block_ready(work, received)
            case m.PolkaCertificateReceived():
                self._on_polka_certificate(work, received)
            case m.RoundCertificateReceived():
                self._on_round_certificate(work, received)
            case m.BlockBuilt():
                self._on_block_built(work, received)
            case m.OwnSigned():
                self._on_own_signed(work, received)
            case m.SigningRefused():
                self._on_signing_refused(work, received)
            case m.TimeoutElapsed():
                self._on_timeout(work, received)
            case m.CertifiedBlock():
                self._on_certified_block(work, received)
            case m.StartHeight() | m.ProposalReceived() | m.VoteReceived():
                raise InvariantViolation(f"{type(received).__name__} is routed elsewhere")
            case _:
                assert_never(received)

    def _on_start_round0(self, work: _HeightWork, received: m.StartRound0) -> None:
        if work.state.step is Step.NEW_HEIGHT:
            self._persist(received)
            self._enter_round(work, 0)
            self._settle(work)

    def _on_proposal(self, work: _HeightWork, received: m.ProposalReceived) -> None:
        proposal = received.proposal
        height = work.start.height
        if proposal.height == height + 1:
            work.early.add_proposal(received)
        if proposal.height != height or work.state.step is Step.COMMIT:
            return
        if not NO_ROUND <= proposal.pol_round < proposal.round:
            self._penalise(received.peer, "proposal with a proof-of-lock round that is not earlier")
        elif not work.proposals.accepts(proposal.round):
            return
        elif not work.schedule.is_proposer(proposal.proposer, proposal.round):
            self._penalise(received.peer, "proposal by a validator whose turn it is not")
        else:
            self._take_proposal(work, proposal, received)

    def _take_proposal(
        self, work: _HeightWork, proposal: Proposal, received: m.ProposalReceived | None
    ) -> None:
        """Keep a proposal of the right proposer; `received` is None for an own one, which is persisted already."""
        outcome = work.proposals.add(proposal)
        if not outcome.kept:
            return
        if received is not None:
            self._persist(received)
        if outcome.evidence is not None:
            self._accuse(work, proposal.proposer, outcome.evidence)
        asked = work.unjudged.get(proposal.block_id)
        if work.proposals.verdict(proposal.block_id) is None and not isinstance(asked, m.ValidateBlock):
            self._ask(work, m.ValidateBlock(work.start.height, proposal.block_id))
        self._settle(work)

    def _on_block_ready(self, work: _HeightWork, received: m.BlockReady) -> None:
        if received.block_id not in work.unjudged:
            return
        self._persist(received)
        del work.unjudged[received.block_id]
        self._judge(work, received.block_id, valid=received.valid)
        self._settle(work)

    def _on_vote(self, work: _HeightWork, received: m.VoteReceived) -> None:
        vote = received.vote
        height = work.start.height
        if vote.height == height - 1:
            self._on_late_precommit(work, received)
        elif vote.height == height + 1:
            work.early.add_vote(received)
            if (
                not work.is_sync_requested
                and work.state.step is not Step.COMMIT
                and work.early.is_height_reached()
            ):
                work.is_sync_requested = True
                self._effects.append(m.RequestSync(height))
        elif vote.height == height and vote.validator not in work.start.validators:
            self._penalise(received.peer, "vote by a stranger to the validator set")
        elif vote.height == height:
            outcome = work.votes.add(vote)
            if outcome.kept and work.state.step is not Step.COMMIT:
                self._persist(received)
            self._report(work, (outcome,))
            self._settle(work)

    def _on_late_precommit(self, work: _HeightWork, received: m.VoteReceived) -> None:
        """A precommit of the decided height; the next block's commit shows that its validator was there."""
        if work.last_commit is None or work.start.last_validators is None:
            return
        if received.vote.validator not in work.start.last_validators:
            return
        vote = received.vote
        if vote.kind is VoteKind.PRECOMMIT and vote.round == work.last_commit.round:
            known = work.last_precommits.setdefault(vote.validator, vote)
            if known.block_id != vote.block_id:
                self._accuse(work, vote.validator, DuplicateVoteEvidence(known, vote))
        commit = with_late_precommit(work.last_commit, work.start.last_validators, vote)
        if commit is not None:
            self._persist(received)
            work.last_commit = commit

    def _on_polka_certificate(self, work: _HeightWork, received: m.PolkaCertificateReceived) -> None:
        certificate = received.certificate
        if any(entry.validator not in work.start.validators for entry in certificate.signatures):
            self._penalise(received.peer, "polka certificate with a stranger to the validator set")
            return
        is_new, outcomes = work.votes.add_polka(certificate)
        self._after_certificate(work, received, is_new or any(outcome.kept for outcome in outcomes), outcomes)

    def _on_round_certificate(self, work: _HeightWork, received: m.RoundCertificateReceived) -> None:
        certificate = received.certificate
        if any(vote.validator not in work.start.validators for vote in certificate.votes):
            self._penalise(received.peer, "round certificate with a stranger to the validator set")
            return
        is_new = certificate.round > max(work.state.round, work.votes.skip_round())
        work.votes.prove_round(certificate.round)
        outcomes = tuple(work.votes.add(vote) for vote in certificate.votes)
        self._after_certificate(work, received, is_new or any(outcome.kept for outcome in outcomes), outcomes)

    def _after_certificate(
        self,
        work: _HeightWork,
        received: m.PolkaCertificateReceived | m.RoundCertificateReceived,
        changed: bool,
        outcomes: tuple[VoteOutcome, ...],
    ) -> None:
        if changed:
            self._persist(received)
        self._report(work, outcomes)
        self._settle(work)

    def _on_block_built(self, work: _HeightWork, received: m.BlockBuilt) -> None:
        if work.building is None or work.building.round != received.round:
            return
        self._persist(received)
        work.building = None
        work.unjudged.pop(received.block_id, None)
        self._judge(work, received.block_id, valid=True)
        self._step(work, machine.OwnBlock(received.round, received.block_id))
        self._settle(work)

    def _on_own_signed(self, work: _HeightWork, received: m.OwnSigned) -> None:
        message = received.message
        if self._me is None or _signer_of(message) != self._me:
            raise InvariantViolation("own signature of somebody else")
        work.unsigned.pop(_slot_of(message), None)
        self._persist(received, sync=True)
        if isinstance(message, Proposal):
            work.own_proposal = message
            self._effects.append(m.BroadcastProposal(message, self._certificate_of(work, message)))
            self._take_proposal(work, message, None)
            return
        newest = work.own_votes.get(message.kind)
        if newest is None or newest.round <= message.round:
            work.own_votes[message.kind] = message
        self._effects.append(m.Broadcast(message))
        self._report(work, (work.votes.add(message),))
        self._settle(work)

    def _on_signing_refused(self, work: _HeightWork, received: m.SigningRefused) -> None:
        if work.unsigned.pop(_slot_of(received.message), None) is not None:
            self._persist(received)

    def _on_timeout(self, work: _HeightWork, received: m.TimeoutElapsed) -> None:
        if work.timeouts.pop((received.kind, received.round), None) is None:
            return
        if received.kind is TimeoutKind.REBROADCAST:
            self._on_rebroadcast(work, received.round)
            return
        if received.round != work.state.round:
            return
        self._persist(received)
        self._step(work, machine.Timeout(received.kind, received.round))
        self._settle(work)

    def _on_certified_block(self, work: _HeightWork, received: m.CertifiedBlock) -> None:
        commit = received.commit
        if commit.block_id != received.block_id:
            self._penalise(received.peer, "commit of another block")
            return
        require_not_invalid(work.proposals, received.block_id)
        work.decision = m.Decide(commit.height, commit.round, commit.block_id, commit)
        self._step(work, machine.PrecommitBlock(commit.round, commit.block_id))

    # --- repeating what may have been lost ---

    def _on_rebroadcast(self, work: _HeightWork, at_round: Round) -> None:
        self._announce(work)
        if work.state.step is Step.NEW_HEIGHT:
            duration_ms = work.start.params.timeout_ms(TimeoutKind.PROPOSE, 0)
            self._schedule(work, TimeoutKind.REBROADCAST, 0, duration_ms)
        elif at_round == work.state.round:
            self._repeat_own(work)
            self._repeat_certificates(work)
            self._schedule_kind(work, TimeoutKind.REBROADCAST, at_round)

    def _repeat_own(self, work: _HeightWork) -> None:
        proposal = work.own_proposal
        if proposal is not None and proposal.round == work.state.round:
            self._effects.append(m.Restream(proposal, self._certificate_of(work, proposal)))
        self._effects.extend(m.Broadcast(work.own_votes[kind]) for kind in VoteKind if kind in work.own_votes)

    def _repeat_certificates(self, work: _HeightWork) -> None:
        certificate = _round_certificate(work)
        if certificate is not None:
            self._effects.append(m.Broadcast(certificate))
        if work.valid_certificate is not None:
            # Others may have missed the polka that this node is locked on (malachite issue 956).
            self._effects.append(m.Broadcast(work.valid_certificate))

    def _certificate_of(self, work: _HeightWork, proposal: Proposal) -> PolkaCertificate | None:
        known = work.valid_certificate
        if proposal.pol_round == NO_ROUND:
            return None
        if known is not None and (known.round, known.block_id) == (proposal.pol_round, proposal.block_id):
            return known
        return work.votes.polka_certificate(proposal.pol_round)

    # --- effects with memory ---

    def _persist(self, entry: m.LoggedInput, *, sync: bool = False) -> None:
        self._effects.append(m.Persist(entry, sync))

    def _sign(self, work: _HeightWork, slot: _SignSlot, message: SignedMessage) -> None:
        work.unsigned[slot] = message
        self._effects.append(m.Sign(message))

    def _ask(self, work: _HeightWork, question: m.ValidateBlock | m.RequestBlock) -> None:
        work.unjudged[question.block_id] = question
        self._effects.append(question)

    def _judge(self, work: _HeightWork, block_id: Hash32, *, valid: bool) -> None:
        if work.proposals.judge(block_id, valid=valid) and valid:
            self._effects.append(m.PersistBlock(work.start.height, block_id))

    def _schedule_kind(self, work: _HeightWork, kind: TimeoutKind, at_round: Round) -> None:
        self._schedule(work, kind, at_round, work.start.params.timeout_ms(kind, at_round))

    def _schedule(self, work: _HeightWork, kind: TimeoutKind, at_round: Round, duration_ms: int) -> None:
        timeout = m.ScheduleTimeout(kind, work.start.height, at_round, duration_ms)
        work.timeouts[kind, at_round] = timeout
        self._effects.append(timeout)

    def _announce(self, work: _HeightWork) -> None:
        state = work.state
        self._effects.append(m.Broadcast(m.Status(state.height, max(state.round, 0), state.step)))

    def _report(self, work: _HeightWork, outcomes: tuple[VoteOutcome, ...]) -> None:
        for outcome in outcomes:
            if outcome.evidence is not None:
                self._accuse(work, outcome.evidence.first.validator, outcome.evidence)

    def _accuse(self, work: _HeightWork, validator: Address, evidence: Evidence) -> None:
        # One proof per validator and height is enough to punish it, and bounds what an equivocator can cause.
        if validator not in work.accused:
            work.accused.add(validator)
            self._effects.append(m.ReportEvidence(evidence))

    def _penalise(self, peer: PeerTag, reason: str) -> None:
        self._effects.append(m.PenalisePeer(peer, reason))


def _height_of(received: m.Input) -> Height:
    match received:
        case m.ProposalReceived():
            return received.proposal.height
        case m.VoteReceived():
            return received.vote.height
        case m.PolkaCertificateReceived() | m.RoundCertificateReceived():
            return received.certificate.height
        case m.OwnSigned() | m.SigningRefused():
            return received.message.height
        case m.CertifiedBlock():
            return received.commit.height
        case _:
            return received.height


def _slot_of(message: SignedMessage) -> _SignSlot:
    return (int(message.kind) if isinstance(message, Vote) else _PROPOSAL_SLOT, message.round)


def _signer_of(message: SignedMessage) -> Address:
    return message.validator if isinstance(message, Vote) else message.proposer


def _late_precommits(before: _HeightWork, last_commit: Commit | None) -> list[m.VoteReceived]:
    """Precommits that arrived between the decision of a height and the start of the next one."""
    if last_commit is None:
        return []
    votes = before.votes.precommits_for(last_commit.round, last_commit.block_id)
    return [m.VoteReceived(vote) for vote in votes.values()]


def _round_certificate(work: _HeightWork) -> RoundCertificate | None:
    """Proof that peers may enter the current round, if the votes at hand give one."""
    at_round, validators = work.state.round, work.start.validators
    if at_round <= 0:
        return None
    build = round_certificate_of_votes
    if work.votes.has_quorum_any(at_round - 1, VoteKind.PRECOMMIT):
        votes = work.votes.votes(at_round - 1, VoteKind.PRECOMMIT)
        kind = RoundCertificateKind.PRECOMMIT_ANY
        return build(validators, kind, work.start.height, at_round, votes.values())
    votes = work.votes.votes(at_round, VoteKind.PREVOTE) | work.votes.votes(at_round, VoteKind.PRECOMMIT)
    if validators.is_honest(sum(validators.power_of(address) for address in votes)):
        return build(validators, RoundCertificateKind.SKIP, work.start.height, at_round, votes.values())
    return None


def _protected_blocks(work: _HeightWork) -> frozenset[Hash32]:
    """Blocks whose verdicts outlive their proposals: locked, valid, or decided and not yet judged."""
    values = (work.state.locked, work.state.valid)
    decided = (block_id for _, block_id in work.votes.precommit_quorums())
    return frozenset(value.block_id for value in values if value is not None).union(decided)


def _wanted_payloads(work: _HeightWork) -> frozenset[Hash32]:
    decided = () if work.decision is None else (work.decision.block_id,)
    return (
        work.proposals.block_ids() | _protected_blocks(work) | frozenset(decided) | frozenset(work.unjudged)
    )
