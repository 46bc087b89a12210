"""Repair of lagging peers: what a peer that stands still in our height may lack, from what passed through here.

Owns: the verified messages of the last two rounds, the newest certificates, what peers say about themselves, and
the choice of what to send to whom. Never does: send, verify, or vote. The engine repeats a node's own messages;
this module relays those of others, so that a height goes on although two validators cannot reach each other.

A peer is helped only when it repeats the same status, because a moving peer needs nothing, and not more often than
twice a second. In a large network a few nodes answer each repetition, in turns.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from chain.types import Address, Hash32
from consensus.certificates import polka_certificate_of_prevotes, round_certificate_of_votes
from consensus.messages import Status
from consensus.types import (
    NO_ROUND,
    PolkaCertificate,
    Proposal,
    RoundCertificate,
    RoundCertificateKind,
    Step,
    Vote,
    VoteKind,
)
from consensus.validator_set import ValidatorSet

STANDSTILL_S: Final = 0.25
"""Messages in flight arrive within this time; a peer that says the same again after it lacks something."""
REPAIR_INTERVAL_S: Final = 0.5
MAX_PEERS: Final = 256
"""Peers whose status is remembered; more than any node connects to."""
MAX_VOTES_PER_REPAIR: Final = 64
"""Votes sent to a peer at once; the next repair goes on with others."""
RESPONDERS: Final = 8
"""About how many validators answer one repetition of a status."""

Relayed: TypeAlias = Vote | PolkaCertificate | RoundCertificate | Proposal
"""A Proposal stands for the proposal message: the caller adds payload and certificate."""


@dataclass(slots=True)
class PeerView:
    """A peer's last status, since when it says so, how often it repeated it, and when it was last helped."""

    status: Status
    since_s: float
    repeated: int = 0
    repaired_s: float = -REPAIR_INTERVAL_S


@dataclass(slots=True)
class _Round:
    votes: dict[VoteKind, dict[Address, Vote]] = field(
        default_factory=lambda: {VoteKind.PREVOTE: {}, VoteKind.PRECOMMIT: {}}
    )
    proposal: Proposal | None = None


class Gossip:
    """The messages of one height and the view of all peers."""

    def __init__(self, own_address: Address | None) -> None:
        self.peers: dict[bytes, PeerView] = {}
        self._own_address = own_address

    def start_height(self, height: int, validators: ValidatorSet) -> None:
        """Forget the messages of the height before."""
        self._height = height
        self._validators = validators
        self._own_index = None if self._own_address is None else validators.index_of(self._own_address)
        self._round = NO_ROUND
        self._rounds: dict[int, _Round] = {}
        self._polka: PolkaCertificate | None = None
        self._round_certificate: RoundCertificate | None = None

    def enter_round(self, entered: int) -> None:
        """Forget all but the round before and later ones."""
        self._round = entered
        for old in [at for at in self._rounds if at < entered - 1]:
            del self._rounds[old]

    # --- what passed through ---

    def note_vote(self, vote: Vote) -> None:
        """Keep a verified vote of a round near ours."""
        if vote.height == self._height and vote.validator in self._validators:
            kept = self._near(vote.round)
            if kept is not None:
                kept.votes[vote.kind].setdefault(vote.validator, vote)

    def note_proposal(self, proposal: Proposal) -> None:
        """Keep a verified proposal."""
        if proposal.height == self._height:
            kept = self._near(proposal.round)
            if kept is not None and kept.proposal is None:
                kept.proposal = proposal

    def note_polka(self, certificate: PolkaCertificate) -> None:
        """Keep a verified polka certificate if it is the newest."""
        if certificate.height == self._height and (
            self._polka is None or certificate.round > self._polka.round
        ):
            self._polka = certificate

    def note_round_certificate(self, certificate: RoundCertificate) -> None:
        """Keep a verified round certificate if it is the newest."""
        known = self._round_certificate
        if certificate.height == self._height and (known is None or certificate.round > known.round):
            self._round_certificate = certificate

    def knows(self, certificate: PolkaCertificate | RoundCertificate) -> bool:
        """Whether a certificate brings nothing that a verified one did not bring."""
        if isinstance(certificate, RoundCertificate):
            return certificate.round <= self._round
        known = self._polka
        return known is not None and (known.round, known.block_id) == (
            certificate.round,
            certificate.block_id,
        )

    def proposed(self, at_round: int) -> Hash32 | None:
        """The block proposed in a round near ours."""
        kept = self._rounds.get(at_round)
        return None if kept is None or kept.proposal is None else kept.proposal.block_id

    def polka_of(self, at_round: int, block_id: Hash32) -> PolkaCertificate | None:
        """The polka certificate of a round, if it is at hand."""
        if self._polka is not None and (self._polka.round, self._polka.block_id) == (at_round, block_id):
            return self._polka
        prevotes = self._votes(at_round, VoteKind.PREVOTE)
        votes = [vote for vote in prevotes.values() if vote.block_id == block_id]
        if not self._validators.is_quorum(sum(self._validators.power_of(vote.validator) for vote in votes)):
            return None
        return polka_certificate_of_prevotes(self._validators, self._height, at_round, block_id, votes)

    # --- peers ---

    def note_status(self, peer: bytes, status: Status, now_s: float) -> None:
        """Remember what a peer says about itself."""
        view = self.peers.get(peer)
        if view is None:
            if len(self.peers) < MAX_PEERS:
                self.peers[peer] = PeerView(status, now_s)
        elif view.status != status:
            view.status, view.since_s, view.repeated = status, now_s, 0
        else:
            view.repeated += 1

    def keep_peers(self, connected: Collection[bytes]) -> None:
        """Forget peers that are gone."""
        for peer in [peer for peer in self.peers if peer not in connected]:
            del self.peers[peer]

    def repair(self, peer: bytes, now_s: float) -> tuple[Relayed, ...]:
        """What to send to `peer` after its status, nothing if it moves or was helped just now."""
        view = self.peers.get(peer)
        if view is None or view.status.height != self._height or self._round == NO_ROUND:
            return ()
        if view.repeated == 0 or now_s - view.since_s < STANDSTILL_S:
            return ()
        if now_s - view.repaired_s < REPAIR_INTERVAL_S or not self._is_my_turn(view.repeated):
            return ()
        lacking = self._lacking(view)
        if lacking:
            view.repaired_s = now_s
        return lacking

    def lacks_proposal(self, peer: bytes) -> bool:
        """Whether a proposal of our round may be new to `peer`, by what it said last; unknown peers lack it."""
        view = self.peers.get(peer)
        if view is None:
            return True
        status = view.status
        if status.height != self._height:
            return status.height == self._height - 1
        return status.round < self._round or status.step <= Step.PROPOSE

    # --- inside ---

    def _near(self, at_round: int) -> _Round | None:
        if not self._round - 1 <= at_round <= self._round + 1:
            return None
        return self._rounds.setdefault(at_round, _Round())

    def _votes(self, at_round: int, kind: VoteKind) -> dict[Address, Vote]:
        kept = self._rounds.get(at_round)
        return {} if kept is None else kept.votes[kind]

    def _is_my_turn(self, repeated: int) -> bool:
        shifts = max(len(self._validators) // RESPONDERS, 1)
        return self._own_index is None or (self._own_index + repeated) % shifts == 0

    def _lacking(self, view: PeerView) -> tuple[Relayed, ...]:
        status, ours = view.status, self._round
        starts = ours == 0 and status.step is Step.NEW_HEIGHT
        if status.round > ours:
            return ()
        if not starts and (status.round < ours or status.step is Step.NEW_HEIGHT):
            proofs = (self._proof_of_round(), self._polka)
            return tuple(proof for proof in proofs if proof is not None)
        kept = self._rounds.get(ours, _Round())
        match status.step:
            case Step.NEW_HEIGHT | Step.PROPOSE:
                proposal = () if kept.proposal is None else (kept.proposal,)
                return (*proposal, *self._some(kept.votes[VoteKind.PREVOTE], view.repeated))
            case Step.PREVOTE:
                return self._some(kept.votes[VoteKind.PREVOTE], view.repeated)
            case Step.PRECOMMIT:
                return self._some(kept.votes[VoteKind.PRECOMMIT], view.repeated)
            case _:
                return ()

    def _some(self, votes: dict[Address, Vote], turn: int) -> tuple[Vote, ...]:
        ordered = list(votes.values())
        start = turn * MAX_VOTES_PER_REPAIR % max(len(ordered), 1)
        return tuple((ordered[start:] + ordered[:start])[:MAX_VOTES_PER_REPAIR])

    def _proof_of_round(self) -> RoundCertificate | None:
        """Proof that our round may be entered, from a certificate or from the votes at hand."""
        at_round, validators = self._round, self._validators
        known = self._round_certificate
        if known is not None and known.round >= at_round:
            return known
        precommits = self._votes(at_round - 1, VoteKind.PRECOMMIT)
        if validators.is_quorum(sum(validators.power_of(address) for address in precommits)):
            kind = RoundCertificateKind.PRECOMMIT_ANY
            return round_certificate_of_votes(validators, kind, self._height, at_round, precommits.values())
        votes = self._votes(at_round, VoteKind.PREVOTE) | self._votes(at_round, VoteKind.PRECOMMIT)
        if validators.is_honest(sum(validators.power_of(address) for address in votes)):
            kind = RoundCertificateKind.SKIP
            return round_certificate_of_votes(validators, kind, self._height, at_round, votes.values())
        return None
