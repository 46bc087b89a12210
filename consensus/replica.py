"""One node's consensus without tasks: the engine, its log and signer, and everything that answers its effects.

Owns: the only `Engine`, the order of effects, the rule "durable before broadcast", deadlines, payloads, and the
hand-over from one height to the next. Never does: block, wait, or know what runs it. The trio driver and the
simulation drive this same class: events come in through the `on_*` methods, everything leaves through `Port`.
Specification: `messages` (contract with the engine), `recovery` (start), CometBFT spec/consensus/wal.md (replay).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from enum import Enum
from typing import Final, TypeAlias, assert_never

import structlog

from chain.errors import InvariantViolation, PeerError
from chain.types import Address, Hash32
from consensus import messages as m
from consensus.application import BuiltBlock, ChainPosition, Validation
from consensus.catch_up import FetchedBlock
from consensus.certificates import precommits_of_commit, verify_commit
from consensus.codec import encode_message
from consensus.engine import Engine
from consensus.errors import InvalidMessage
from consensus.gossip import Gossip
from consensus.inbound import PAYLOAD_ENVELOPE_BYTES, HeightSets, Inbound
from consensus.jobs import JobQueue
from consensus.outgoing import Outgoing
from consensus.own_messages import OwnMessages
from consensus.pacing import round_0_delay_ms
from consensus.params import ConsensusParams
from consensus.payloads import Candidate
from consensus.peer_requests import PeerRequests
from consensus.ports import BuildJob, Clock, CommitJob, Job, Port, ValidateJob
from consensus.recovery import SignerFinding, StartPlan, reconcile
from consensus.signer import FileSigner
from consensus.status import ConsensusStatus, PeerStatus
from consensus.timers import Timers
from consensus.types import (
    PolkaCertificate,
    RoundCertificate,
    SignedMessage,
    Step,
    TimeoutKind,
    Vote,
)
from consensus.undecided_blocks import UndecidedBlocks
from consensus.wal import Wal

HOUSEKEEPING_S: Final = 5.0
VERDICT_WAIT_S: Final = 0.1
"""How long the end of a propose step is put off at a time while its block is being judged."""
LEAST_WAIT_S: Final = 0.01
"""Least time between two looks at what waits for no event, whatever the schedulers say."""
SYNC_HOLD_S: Final = 0.25
"""How long round 0 is put off at a time while decided blocks are at hand."""

log = structlog.get_logger(__name__)


class _Wake(Enum):
    """Deadlines of the replica itself, beside the engine's timeouts."""

    START_ROUND_0 = 1
    PUMP = 2
    HOUSEKEEPING = 3


_TimerKey: TypeAlias = m.TimeoutElapsed | _Wake
JobResult: TypeAlias = BuiltBlock | Validation | ChainPosition | None


class Replica:
    """See the module's docstring. `start` first; then any `on_*`, one at a time; `advance` when a deadline came."""

    def __init__(
        self,
        *,
        chain_id: int,
        params: ConsensusParams,
        signer: FileSigner | None,
        wal: Wal,
        port: Port,
        clock: Clock,
    ) -> None:
        self._chain_id = chain_id
        self._params = params
        self._signer = signer
        self._wal = wal
        self._port = port
        self._clock = clock
        self._own = OwnMessages(signer, wal)
        self._engine = Engine(self._own.address)
        self._timers: Timers[_TimerKey] = Timers()
        self._jobs = JobQueue(port)
        self._requests = PeerRequests(port, params.max_block_bytes + PAYLOAD_ENVELOPE_BYTES)
        self._catch_up = self._requests.catch_up
        keep = self._engine.wanted_payloads
        self._blocks = UndecidedBlocks(wal, self._jobs, self._requests.fetch, keep)
        self._gossip = Gossip(self._own.address)
        self._outgoing = Outgoing(port, self._own, self._gossip, self._blocks)
        self._evidence_count = 0
        self._proposer: Address | None = None
        self._held: tuple[m.TimeoutElapsed, float] | None = None

    # --- start and heights ---

    def start(self, position: ChainPosition) -> StartPlan:
        """Begin at the durable head: replay the log of the height under decision, or begin that height.

        Raises StartRefused when what is on disk does not fit together, WalDamaged when it cannot be read.
        """
        signer = self._signer
        plan = reconcile(
            store_height=position.height,
            state_height=position.height,
            wal=self._wal.position,
            signer=None if signer is None else SignerFinding(signer.last_height()),
        )
        if signer is not None and plan.create_signer_state:
            signer.create_state()
        self._own.silent_through = plan.silent_through
        if self._wal.cut is not None:
            log.warning("log_tail_cut", file=self._wal.cut.name, bytes=self._wal.cut.lost_bytes)
        if plan.silent_through:
            log.error("validator_is_silent", through_height=plan.silent_through)
        self._timers.schedule(_Wake.HOUSEKEEPING, self._clock.monotonic_s() + HOUSEKEEPING_S)
        if plan.replay:
            self._replay(self._open_height(position))
        else:
            self._wal.begin_height(plan.height)
            self._run_all(self._engine.handle(self._open_height(position)))
        self._consider_round_0()
        self._pump()
        return plan

    def _open_height(self, position: ChainPosition) -> m.StartHeight:
        """Reset everything that lives as long as a height."""
        height = position.height + 1
        self._position = position
        self._height = height
        self._round = -1
        self._proposer = None
        self._is_decided = False
        self._sets = HeightSets(
            height, position.last_validators, position.validators, position.next_validators
        )
        self._checking: FetchedBlock | None = None
        self._own.start_height()
        self._blocks.start_height(height)
        self._gossip.start_height(height, position.validators)
        self._inbound = Inbound(self._chain_id, self._params.max_block_bytes, self._sets)
        return m.StartHeight(
            height,
            position.validators,
            position.next_validators,
            self._params,
            position.last_commit,
            position.last_validators,
        )

    def _replay(self, start: m.StartHeight) -> None:
        """Bring a fresh engine to where the log ends, then do what was left open."""
        self._engine.handle(start)
        asked: set[SignedMessage] = set()
        entries = 0
        for entry in self._wal.replay():
            entries += 1
            if isinstance(entry, m.BlockPayload):
                self._blocks.restore_payload(entry.block_id, entry.payload)
                continue
            for effect in self._engine.handle(self._remember(entry, asked)):
                if isinstance(effect, m.RoundEntered):
                    self._enter_round(effect)
                elif isinstance(effect, m.ReportEvidence):
                    self._run(effect)  # the process may have ended before anybody heard of it
                elif isinstance(effect, m.Sign):
                    asked.add(effect.message)
        log.info("log_replayed", height=self._height, entries=entries, round=self._round)
        self._run_all(self._engine.resume())

    def _remember(self, entry: m.LoggedInput, asked: set[SignedMessage]) -> m.LoggedInput:
        """Refill what the replica itself knows from a log entry; gives the entry as the engine shall see it."""
        match entry:
            case m.BlockReady():
                self._blocks.restore_verdict(entry.block_id, valid=entry.valid)
            case m.BlockBuilt():
                self._blocks.restore_verdict(entry.block_id, valid=True)
            case m.OwnSigned():
                return self._remember_own(entry.message, asked)
            case m.VoteReceived():
                self._gossip.note_vote(entry.vote)
            case m.ProposalReceived():
                self._gossip.note_proposal(entry.proposal)
            case m.PolkaCertificateReceived():
                self._gossip.note_polka(entry.certificate)
            case m.RoundCertificateReceived():
                self._gossip.note_round_certificate(entry.certificate)
            case m.StartRound0() | m.SigningRefused() | m.TimeoutElapsed():
                pass
            case _:
                assert_never(entry)
        return entry

    def _remember_own(self, message: SignedMessage, asked: set[SignedMessage]) -> m.LoggedInput:
        if self._own.is_own(message):
            self._own.restore(message, asked)
            self._note_signed(message)
            return m.OwnSigned(message)
        # The key was taken away or changed in the middle of the height: now it is somebody else's message.
        self._note_signed(message)
        return m.VoteReceived(message) if isinstance(message, Vote) else m.ProposalReceived(message)

    def _note_signed(self, message: SignedMessage) -> None:
        if isinstance(message, Vote):
            self._gossip.note_vote(message)
        else:
            self._gossip.note_proposal(message)

    def _consider_round_0(self) -> None:
        """Begin round 0 if interval and empty-block policy allow, else come back when they may."""
        state = self._engine.state
        if state is None or state.step is not Step.NEW_HEIGHT:
            return
        now_s = self._clock.monotonic_s()
        if self._catch_up.is_working(self._height):
            self._timers.schedule(_Wake.START_ROUND_0, now_s + SYNC_HOLD_S)
            return
        delay_ms = round_0_delay_ms(
            self._params,
            last_block_ms=self._position.block_time_ms,
            now_ms=self._clock.wall_ms(),
            has_transactions=self._params.empty_block_interval_ms == 0 or self._port.has_transactions(),
        )
        if delay_ms == 0:
            self._feed(m.StartRound0(self._height))
        elif delay_ms is not None:
            self._timers.schedule(_Wake.START_ROUND_0, now_s + delay_ms / 1000)

    # --- events ---

    def on_message(self, peer: bytes, raw: bytes) -> None:
        """A message of a peer arrived. Never raises on what it says."""
        try:
            message = self._inbound.receive(raw, self._gossip.knows)
        except PeerError as fault:
            self._port.penalise(peer, str(fault))
            return
        match message:
            case None:
                return
            case m.Status():
                self._on_status(peer, message)
            case m.ProposalMessage():
                self._on_proposal(peer, message)
            case Vote():
                self._gossip.note_vote(message)
                self._feed(m.VoteReceived(message, peer))
            case PolkaCertificate():
                self._gossip.note_polka(message)
                self._feed(m.PolkaCertificateReceived(message, peer))
            case RoundCertificate():
                self._gossip.note_round_certificate(message)
                self._feed(m.RoundCertificateReceived(message, peer))
            case _:
                assert_never(message)
        self._pump()

    def on_answer(self, token: int, raw: bytes | None) -> None:
        """The answer to `Port.request`, None if there is none."""
        now_s = self._clock.monotonic_s()
        self._requests.answered(token, raw, now_s, self._height, self._blocks.offer)
        self._pump()

    def on_job_done(self, result: JobResult) -> None:
        """The job that was started last ended, with None if it was cancelled or timed out."""
        job, counts = self._jobs.done()
        match job:
            case CommitJob():
                if not isinstance(result, ChainPosition):
                    raise InvariantViolation("a commit ended without a position")
                self._on_committed(job, result)
            case BuildJob():
                if counts and isinstance(result, BuiltBlock):
                    self._on_built(job, result)
                elif counts:
                    log.warning("block_not_built", height=job.height, round=job.round)
            case ValidateJob():
                # A verdict that comes after its round is one all the same. Execution cannot be interrupted, and blocks
                # that take longer than a round would be executed anew whenever they are proposed again.
                is_of_use = counts or (job.height == self._height and not self._is_decided)
                if is_of_use and isinstance(result, Validation):
                    self._on_validated(job, result)
            case _:
                assert_never(job)
        self._jobs.start_next()
        if self._jobs.is_idle() and not self._is_decided:
            self._blocks.reconsider()
            self._check_fetched()
        self._pump()

    def on_transactions(self) -> None:
        """There are transactions now, after `Port.has_transactions` said no."""
        self._consider_round_0()
        self._pump()

    def advance(self) -> None:
        """Fire every deadline that has come."""
        now_s = self._clock.monotonic_s()
        while (key := self._timers.pop_due(now_s)) is not None:
            match key:
                case m.TimeoutElapsed():
                    if not self._is_held(key, now_s):
                        self._feed(key)
                case _Wake.START_ROUND_0:
                    self._consider_round_0()
                case _Wake.HOUSEKEEPING:
                    connected = frozenset(self._port.peers())
                    self._gossip.keep_peers(connected)
                    self._catch_up.keep_peers(connected)
                    self._timers.schedule(_Wake.HOUSEKEEPING, now_s + HOUSEKEEPING_S)
                case _Wake.PUMP:
                    pass
                case _:
                    assert_never(key)
        self._pump()

    def _is_held(self, elapsed: m.TimeoutElapsed, now_s: float) -> bool:
        """Put off the end of the propose step while the proposal's block is being judged here.

        Otherwise blocks that take longer to execute than the timeout halt the chain: each round ends before its
        verdict. Timeouts are local, so this is safe; it is bounded by the longest timeout there is.
        """
        if elapsed.kind is not TimeoutKind.PROPOSE or elapsed.round != self._round:
            return False
        block_id = self._gossip.proposed(elapsed.round)
        if block_id is None or not self._blocks.is_judging(block_id):
            return False
        if self._held is None or self._held[0] != elapsed:
            self._held = (elapsed, now_s + self._params.timeout_cap_ms / 1000)
        if now_s >= self._held[1]:
            return False
        self._timers.schedule(elapsed, now_s + VERDICT_WAIT_S)
        return True

    def next_deadline_s(self) -> float | None:
        """When `advance` must be called, on the monotonic clock."""
        return self._timers.next_at_s()

    def serve_block(self, request: m.BlockRequest) -> bytes:
        """The answer to a peer that lacks an undecided block."""
        payload = self._blocks.payload(request.block_id) if request.height == self._height else None
        return encode_message(m.BlockResponse(payload))

    # --- what events lead to ---

    def _on_status(self, peer: bytes, status: m.Status) -> None:
        now_s = self._clock.monotonic_s()
        self._gossip.note_status(peer, status, now_s)
        self._catch_up.note_peer(peer, status.height)
        self._outgoing.repair(peer, now_s)

    def _on_proposal(self, peer: bytes, message: m.ProposalMessage) -> None:
        proposal = message.proposal
        self._gossip.note_proposal(proposal)
        if message.polka_certificate is not None:
            self._gossip.note_polka(message.polka_certificate)
            self._feed(m.PolkaCertificateReceived(message.polka_certificate, peer))
        self._blocks.offer(proposal.height, proposal.block_id, Candidate(peer, message.payload))
        self._feed(m.ProposalReceived(proposal, peer))

    def _on_built(self, job: BuildJob, built: BuiltBlock) -> None:
        self._blocks.accept(built.block_id, built.payload)
        self._blocks.log(built.block_id)
        self._feed(m.BlockBuilt(job.height, job.round, built.block_id))

    def _on_validated(self, job: ValidateJob, validation: Validation) -> None:
        if validation.block_id != job.block_id or not validation.valid:
            log.warning("block_refused", height=job.height, reason=validation.reason)
            if job.peer and validation.is_peer_fault:
                self._port.penalise(job.peer, f"block refused: {validation.reason}")
        # The proposer may have votes that never came here, or others of the same validators.
        for vote in (
            () if validation.parent_commit is None else precommits_of_commit(validation.parent_commit)
        ):
            self._feed(m.VoteReceived(vote))
        ready = self._blocks.validated(job, validation)
        fetched = self._checking
        if fetched is not None and job.decided and fetched.payload == job.payload:
            self._on_certified_checked(fetched, validation)
        elif ready is not None:
            self._feed(ready)

    def _on_committed(self, job: CommitJob, position: ChainPosition) -> None:
        if (position.height, position.block_id) != (self._height, job.commit.block_id):
            raise InvariantViolation(f"committed height {self._height}, but the head is {position.height}")
        if position.last_validators is None:
            position = replace(position, last_validators=self._sets.current)
        self._wal.begin_height(position.height + 1)
        self._run_all(self._engine.handle(self._open_height(position)))
        self._timers.cancel(_Wake.START_ROUND_0)
        self._consider_round_0()

    # --- decided blocks of peers ---

    def _pump(self) -> None:
        """Drive what waits for no event of its own: fetched blocks, requests, and the time to look again."""
        now_s = self._clock.monotonic_s()
        if not self._is_decided:
            self._take_fetched(now_s)
        height = self._height + 1 if self._is_decided else self._height
        self._requests.send_due(now_s, height)
        at_s = self._requests.wake_at_s(height)
        if at_s is not None:
            self._timers.schedule(_Wake.PUMP, max(at_s, now_s + LEAST_WAIT_S))

    def _take_fetched(self, now_s: float) -> None:
        """Look at the fetched block of the current height, once."""
        fetched = self._catch_up.block(self._height)
        if fetched is None or fetched is self._checking:
            return
        commit = fetched.commit
        try:
            verify_commit(self._chain_id, self._sets.current, self._height, commit.block_id, commit)
        except InvalidMessage as fault:
            self._reject_fetched(fetched, str(fault), now_s)
            return
        self._checking = fetched
        if self._blocks.payload(commit.block_id) is not None:
            self._feed(m.CertifiedBlock(commit.block_id, commit, fetched.peer))
            return
        # The height is decided: whatever else the application does for it is in vain.
        check = self._fetched_check(fetched)
        self._jobs.drop_where(lambda job: job != check)
        self._jobs.add(check)

    def _check_fetched(self) -> None:
        """Ask again for the verdict on the fetched block, should the question have fallen out of the line."""
        if self._checking is not None:
            self._jobs.add(self._fetched_check(self._checking))

    def _fetched_check(self, fetched: FetchedBlock) -> ValidateJob:
        block_id = fetched.commit.block_id
        return ValidateJob(self._height, block_id, fetched.payload, fetched.peer, decided=True)

    def _on_certified_checked(self, fetched: FetchedBlock, validation: Validation) -> None:
        commit = fetched.commit
        if validation.block_id == commit.block_id and validation.valid:
            self._feed(m.CertifiedBlock(commit.block_id, commit, fetched.peer))
        elif validation.block_id == commit.block_id:
            raise InvariantViolation(
                f"more than 2/3 of the power decided block 0x{commit.block_id.hex()} of height {self._height}, "
                f"which is invalid by our execution: {validation.reason}"
            )
        else:
            self._reject_fetched(fetched, "payload is not the decided block", self._clock.monotonic_s())

    def _reject_fetched(self, fetched: FetchedBlock, reason: str, now_s: float) -> None:
        log.warning("synced_block_refused", height=self._height, peer=fetched.peer.hex(), reason=reason)
        self._checking = None
        self._port.penalise(fetched.peer, reason)
        self._catch_up.reject(self._height, now_s)

    # --- effects ---

    def _feed(self, received: m.Input) -> None:
        self._run_all(self._engine.handle(received))

    def _run_all(self, effects: Iterable[m.Effect]) -> None:
        """Run effects in order; answers to them go in after the whole list, in order.

        Signing waits until its answer is next, so that the log has own messages in the order of the engine.
        """
        answers: deque[m.Input | m.Sign] = deque()
        while True:
            for effect in effects:
                answer = effect if isinstance(effect, m.Sign) else self._run(effect)
                if answer is not None:
                    answers.append(answer)
            if not answers:
                return
            first = answers.popleft()
            effects = self._engine.handle(
                self._own.sign(first.message) if isinstance(first, m.Sign) else first
            )

    def _run(self, effect: m.Effect) -> m.Input | None:
        """Do what the engine asks; gives the answer if it is known at once."""
        match effect:
            case m.Persist():
                self._persist(effect)
            case m.PersistBlock():
                self._blocks.log(effect.block_id)
            case m.Sign():
                raise InvariantViolation("signing is an answer, not an effect to run")
            case m.Broadcast():
                # While blocks are being fetched, a status changes too fast to tell anybody anything.
                if not (isinstance(effect.message, m.Status) and self._catch_up.is_working(self._height)):
                    self._outgoing.broadcast(effect.message)
            case m.BroadcastProposal() | m.Restream():
                self._outgoing.propose(effect)
            case m.ScheduleTimeout():
                elapsed = m.TimeoutElapsed(effect.kind, effect.height, effect.round)
                self._timers.schedule(elapsed, self._clock.monotonic_s() + effect.duration_ms / 1000)
            case m.CancelTimeouts():
                self._cancel_timeouts(effect)
            case m.RoundEntered():
                self._enter_round(effect)
            case m.BuildBlock():
                seconds = effect.deadline_ms / 1000
                self._jobs.add(BuildJob(effect.height, effect.round, effect.last_commit, seconds))
            case m.ValidateBlock() | m.RequestBlock():
                return self._blocks.ask(effect.block_id)
            case m.Decide():
                self._on_decide(effect)
            case m.ReportEvidence():
                log.error("double_signing_proven", evidence=repr(effect.evidence))
                self._evidence_count += 1
                self._port.report_evidence(effect.evidence)
            case m.RequestSync():
                self._catch_up.urge(effect.height)
            case m.PenalisePeer():
                if effect.peer:
                    self._port.penalise(effect.peer, effect.reason)
            case _:
                assert_never(effect)
        return None

    def _persist(self, effect: m.Persist) -> None:
        if isinstance(effect.entry, m.OwnSigned):
            self._own.persist(effect.entry)
        else:
            self._wal.append(effect.entry, sync=effect.sync)

    def _cancel_timeouts(self, effect: m.CancelTimeouts) -> None:
        before = (effect.height, effect.round)
        self._timers.cancel_where(
            lambda key: isinstance(key, m.TimeoutElapsed) and (key.height, key.round) < before
        )

    def _enter_round(self, effect: m.RoundEntered) -> None:
        self._round, self._proposer = effect.round, effect.proposer
        repeat = m.TimeoutElapsed(TimeoutKind.REBROADCAST, effect.height, effect.round)
        if self._timers.is_scheduled(repeat):
            # Started for the wait before round 0; running out in the middle of it would repeat what just left.
            wait_ms = self._params.timeout_ms(TimeoutKind.REBROADCAST, effect.round)
            self._timers.schedule(repeat, self._clock.monotonic_s() + wait_ms / 1000)
        self._inbound.enter_round(effect.round)
        self._gossip.enter_round(effect.round)
        named = self._engine.wanted_payloads()
        self._blocks.enter_round()
        self._jobs.drop_where(lambda job: self._is_pointless(job, effect.round, named))
        if effect.round > 0:
            log.info("round_entered", height=effect.height, round=effect.round)

    def _is_pointless(self, job: Job, entered: int, named: frozenset[Hash32]) -> bool:
        if isinstance(job, BuildJob):
            return job.round != entered
        if not isinstance(job, ValidateJob) or job.block_id in named:
            return False
        return self._checking is None or self._checking.payload != job.payload

    def _on_decide(self, effect: m.Decide) -> None:
        payload = self._blocks.payload(effect.block_id)
        if payload is None:
            raise InvariantViolation(f"decided block 0x{effect.block_id.hex()}, but its payload is gone")
        log.debug("height_decided", height=effect.height, round=effect.round)
        self._is_decided = True
        self._timers.cancel(_Wake.START_ROUND_0)
        self._jobs.drop_where(lambda _: True)
        self._jobs.add(CommitJob(payload, effect.commit))

    # --- for people ---

    def status(self) -> ConsensusStatus:
        """Where this node and its peers stand. Only after `start`."""
        state = self._engine.state
        views = self._gossip.peers.items()
        return ConsensusStatus(
            height=self._height,
            round=self._round,
            step=Step.NEW_HEIGHT if state is None else state.step,
            proposer=self._proposer,
            validators=self._sets.current.validators,
            own_address=self._own.address,
            is_validator=self._own.address in self._sets.current,
            silent_through=self._own.silent_through,
            last_block_id=self._position.block_id,
            last_block_time_ms=self._position.block_time_ms,
            peers=tuple(
                PeerStatus(peer, view.status.height, view.status.round, view.status.step)
                for peer, view in views
            ),
            highest_peer_height=self._catch_up.highest_claim(),
            catching_up=self._catch_up.is_working(self._height),
            evidence_count=self._evidence_count,
        )
