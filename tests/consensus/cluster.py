"""Engines wired by a seeded scheduler in virtual time, with lossy links and byzantine equivocators.

The checks are written here, on what the network sees, and ask no predicate of the code under test. The seed is the
bug report: the same arguments give the same run.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from chain.keccak import keccak256
from chain.types import Hash32
from consensus import messages as m
from consensus.engine import Engine
from consensus.params import ConsensusParams
from consensus.proposer import next_height, proposer_at
from consensus.types import (
    Commit,
    PolkaCertificate,
    Proposal,
    RoundCertificate,
    SignedMessage,
    Vote,
    VoteKind,
)
from consensus.validator_set import ValidatorSet
from tests.consensus.committee import plain_address, plain_committee

PARAMS = ConsensusParams()
Travelling = Vote | PolkaCertificate | RoundCertificate | m.Status | m.ProposalMessage


def made_up_signature(message: SignedMessage) -> bytes:
    """64 bytes that depend on the message, so that two different messages have different signatures."""
    return keccak256(repr(message).encode()) * 2


@dataclass
class Links:
    """Until `stable_ms` messages are lost or late, and `group` is cut off from the rest; then all is well.

    When it is, each message arrives within `delay_ms`.
    """

    stable_ms: int = 0
    group: frozenset[int] = frozenset()
    lost: float = 0.0
    late_ms: int = 0
    delay_ms: int = 30


@dataclass
class Node:
    """A correct node: its engine and everything around it that a driver would hold."""

    index: int
    engine: Engine
    start: m.StartHeight
    log: list[m.LoggedInput] = field(default_factory=list)
    payloads: set[Hash32] = field(default_factory=set)
    decided: dict[int, tuple[Hash32, Commit]] = field(default_factory=dict)
    signed: dict[tuple[int, int, int], SignedMessage] = field(default_factory=dict)
    evidence: set[bytes] = field(default_factory=set)
    largest: int = 0

    @property
    def height(self) -> int:
        return self.start.height


class Cluster:
    """All nodes, the links between them, and the clock."""

    def __init__(self, powers: tuple[int, ...], byzantine: frozenset[int], seed: int, links: Links) -> None:
        self.random = Random(seed)
        self.links = links
        self.now_ms = 0
        self.byzantine = byzantine
        self.agreed: dict[int, Hash32] = {}
        self.sets = [plain_committee(*powers)] * 2  # index 0 unused
        self.delivered = 0
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._sequence = 0
        self._attacked: set[tuple[int, int, int]] = set()
        self._seen_blocks: dict[int, list[Hash32]] = {}
        start = self.start_of(1, None)
        self.nodes = {
            i: Node(i, Engine(plain_address(i)), start) for i in range(len(powers)) if i not in byzantine
        }
        for node in self.nodes.values():
            self.begin(node, start)

    # --- time ---

    def after(self, delay_ms: int, action: Callable[[], None]) -> None:
        self._sequence += 1
        heapq.heappush(self._queue, (self.now_ms + delay_ms, self._sequence, action))

    def run(self, until_ms: int, height: int) -> None:
        """Until every correct node has decided `height`, or the time is up."""
        while self._queue and self._queue[0][0] <= until_ms:
            if all(height in node.decided for node in self.nodes.values()):
                return
            self.now_ms, _, action = heapq.heappop(self._queue)
            action()

    # --- heights ---

    def set_at(self, height: int) -> ValidatorSet:
        while len(self.sets) <= height:
            self.sets.append(next_height(self.sets[-1]))
        return self.sets[height]

    def start_of(self, height: int, last_commit: Commit | None) -> m.StartHeight:
        last = None if last_commit is None else self.set_at(height - 1)
        return m.StartHeight(height, self.set_at(height), self.set_at(height + 1), PARAMS, last_commit, last)

    def begin(self, node: Node, start: m.StartHeight) -> None:
        node.start, node.log, node.payloads = start, [], set()
        self.give(node, start)
        interval_ms = 1 + self.random.randrange(PARAMS.block_interval_ms)
        self.after(interval_ms, lambda: self.give(node, m.StartRound0(start.height)))

    # --- the driver's half ---

    def give(self, node: Node, received: m.Input) -> None:
        before = node.engine.state
        effects = node.engine.handle(received)
        state = node.engine.state
        if before is not None and state is not None and before.height == state.height:
            assert (state.round, state.step) >= (before.round, before.step)
        node.largest = max(node.largest, node.engine.size())
        self.check_durable_before_leaving(effects)
        for effect in effects:
            self.execute(node, effect)

    def execute(self, node: Node, effect: m.Effect) -> None:
        match effect:
            case m.Persist():
                node.log.append(effect.entry)
            case m.PersistBlock():
                assert effect.block_id in node.payloads
            case m.Sign():
                self.sign(node, effect.message)
            case m.Broadcast():
                self.broadcast(node.index, effect.message)
            case m.BroadcastProposal() | m.Restream():
                if effect.proposal.block_id in node.payloads:
                    message = m.ProposalMessage(effect.proposal, b"", effect.polka_certificate)
                    self.broadcast(node.index, message)
            case m.ScheduleTimeout():
                elapsed = m.TimeoutElapsed(effect.kind, effect.height, effect.round)
                self.after(effect.duration_ms, lambda: self.give(node, elapsed))
            case m.BuildBlock():
                self.build(node, effect)
            case m.ValidateBlock() | m.RequestBlock():
                self.validate(node, effect.height, effect.block_id)
            case m.Decide():
                self.decide(node, effect)
            case m.ReportEvidence():
                first, second = effect.evidence.first, effect.evidence.second
                accused = first.proposer if isinstance(first, Proposal) else first.validator
                assert accused in {plain_address(i) for i in self.byzantine}
                assert first != second
                node.evidence.add(accused)
            case m.RequestSync():
                self.catch_up(node, effect.height)
            case m.PenalisePeer():
                raise AssertionError(f"a correct peer is accused: {effect}")
            case m.CancelTimeouts() | m.RoundEntered():
                pass

    def sign(self, node: Node, message: SignedMessage) -> None:
        kind = int(message.kind) if isinstance(message, Vote) else 0
        slot = (message.height, message.round, kind)
        assert node.signed.setdefault(slot, message) == message, "a correct node signed twice"
        signed = message.signed(made_up_signature(message))
        self.after(self.random.randrange(3), lambda: self.give(node, m.OwnSigned(signed)))

    def build(self, node: Node, effect: m.BuildBlock) -> None:
        block_id = keccak256(f"{node.index} {effect.height} {effect.round}".encode())

        def built() -> None:
            if node.height == effect.height:
                node.payloads.add(block_id)
                self.give(node, m.BlockBuilt(effect.height, effect.round, block_id))

        self.after(1 + self.random.randrange(60), built)

    def validate(self, node: Node, height: int, block_id: Hash32) -> None:
        def judged() -> None:
            if node.height != height:
                return
            if block_id in node.payloads:
                self.give(node, m.BlockReady(height, block_id, True))
                return
            holders = [
                other
                for other in self.nodes.values()
                if block_id in other.payloads and not self.is_cut(node.index, other.index)
            ]
            if holders and not self.is_lost():
                node.payloads.add(block_id)
            self.after(50, judged)

        self.after(1 + self.random.randrange(30), judged)

    def decide(self, node: Node, effect: m.Decide) -> None:
        assert self.agreed.setdefault(effect.height, effect.block_id) == effect.block_id, "disagreement"
        signers = [s.validator for s in effect.commit.signatures if s.block_id_flag.name == "COMMIT"]
        validators = self.set_at(effect.height)
        power = sum(v.power for v in validators.validators if v.address in signers)
        assert 3 * power > 2 * sum(v.power for v in validators.validators)
        node.decided[effect.height] = (effect.block_id, effect.commit)
        self.check_replay(node)
        start = self.start_of(effect.height + 1, effect.commit)
        self.after(1 + self.random.randrange(20), lambda: self.begin(node, start))

    def check_durable_before_leaving(self, effects: tuple[m.Effect, ...]) -> None:
        """A newly signed message leaves only behind its synced log entry."""
        durable = [
            e.entry.message for e in effects if isinstance(e, m.Persist) and isinstance(e.entry, m.OwnSigned)
        ]
        for effect in effects:
            if isinstance(effect, m.BroadcastProposal):
                assert durable == [effect.proposal]
        if durable:
            assert isinstance(effects[0], m.Persist)
            assert effects[0].sync

    def check_replay(self, node: Node) -> None:
        """A fresh engine that gets the log of this height is where this one is (unless a peer's commit decided)."""
        fresh = Engine(plain_address(node.index))
        fresh.handle(node.start)
        for entry in node.log:
            fresh.handle(entry)
        there, here = fresh.state, node.engine.state
        assert there is not None
        assert here is not None
        if there.decision is not None:
            assert there == here
        else:
            assert (there.round, there.locked, there.valid) == (here.round, here.locked, here.valid)

    # --- the network ---

    def is_lost(self) -> bool:
        return self.now_ms < self.links.stable_ms and self.random.random() < self.links.lost

    def is_cut(self, one: int, other: int) -> bool:
        return self.now_ms < self.links.stable_ms and (one in self.links.group) != (other in self.links.group)

    def delay_ms(self) -> int:
        late = self.links.late_ms if self.now_ms < self.links.stable_ms else 0
        return 1 + self.random.randrange(self.links.delay_ms + late)

    def broadcast(self, sender: int, message: Travelling) -> None:
        for index in (*self.nodes, *sorted(self.byzantine)):
            if index != sender:
                self.send(sender, index, message)

    def send(self, sender: int, receiver: int, message: Travelling) -> None:
        if self.is_lost() or self.is_cut(sender, receiver):
            return
        if receiver in self.byzantine:
            self.after(self.delay_ms(), lambda: self.attack(receiver, message))
        else:
            self.after(self.delay_ms(), lambda: self.deliver(sender, self.nodes[receiver], message))

    def deliver(self, sender: int, node: Node, message: Travelling) -> None:
        self.delivered += 1
        peer = bytes([sender])
        match message:
            case Vote():
                if node.height - 1 <= message.height <= node.height + 1:
                    self.give(node, m.VoteReceived(message, peer))
            case PolkaCertificate():
                self.give(node, m.PolkaCertificateReceived(message, peer))
            case RoundCertificate():
                self.give(node, m.RoundCertificateReceived(message, peer))
            case m.ProposalMessage():
                if message.proposal.height == node.height:
                    node.payloads.add(message.proposal.block_id)
                if message.polka_certificate is not None:
                    self.give(node, m.PolkaCertificateReceived(message.polka_certificate, peer))
                self.give(node, m.ProposalReceived(message.proposal, peer))
            case m.Status():
                if message.height > node.height:
                    self.catch_up(node, node.height)

    def catch_up(self, node: Node, height: int) -> None:
        holders = [
            other
            for other in self.nodes.values()
            if height in other.decided and not self.is_cut(node.index, other.index)
        ]
        if holders and height == node.height and not self.is_lost():
            block_id, commit = self.random.choice(holders).decided[height]
            self.after(self.delay_ms(), lambda: self.give(node, m.CertifiedBlock(block_id, commit)))

    # --- the enemy ---

    def attack(self, index: int, seen: Travelling) -> None:
        """On the first message of a round: contradicting votes, and contradicting proposals when it is its turn."""
        body = seen.proposal if isinstance(seen, m.ProposalMessage) else seen
        height, at_round = body.height, body.round
        blocks = self._seen_blocks.setdefault(height, [])
        if isinstance(body, Proposal | PolkaCertificate) and body.block_id not in blocks:
            blocks.append(body.block_id)
        if (index, height, at_round) in self._attacked:
            return
        self._attacked.add((index, height, at_round))
        if proposer_at(self.set_at(height), at_round).address == plain_address(index):
            forks = [keccak256(f"fork {index} {height} {at_round} {side}".encode()) for side in "ab"]
            blocks.extend(forks)
            for node in self.nodes.values():
                if self.random.random() < 0.9:
                    unsigned = Proposal(height, at_round, -1, self.random.choice(forks), plain_address(index))
                    proposal = unsigned.signed(made_up_signature(unsigned))
                    self.send(index, node.index, m.ProposalMessage(proposal, b""))
        self.after(self.random.randrange(300), lambda: self.contradict(index, height, at_round))

    def contradict(self, index: int, height: int, at_round: int) -> None:
        choices: list[Hash32 | None] = [None, *self._seen_blocks.get(height, [])[-3:]]
        for node in self.nodes.values():
            for kind in VoteKind:
                if self.random.random() < 0.8:
                    vote = Vote(kind, height, at_round, self.random.choice(choices), plain_address(index))
                    self.send(index, node.index, vote.signed(made_up_signature(vote)))
