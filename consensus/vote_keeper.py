"""Counts the votes of one height.

Owns: the votes themselves, their tallies by (round, kind), the thresholds they cross, and equivocation found on
the way.
Never does: verify signatures, know what a block is, or act on a threshold (`upon_rules`, `engine`).
Specification: the counting conditions of arXiv 1807.04938 (L28, L34, L36, L44, L47, L49, L55). Powers are whole
numbers; "more than 2/3" is 3 x power > 2 x total.

Everything is bounded, whatever peers send:
  * per validator, round and kind at most two votes are kept, the first and one that contradicts it. Both count
    for their block (a peer may have seen the other one first), the validator counts once for "any";
  * rounds are kept from PAST_ROUNDS before the current one to the next one. Of later rounds only the votes of
    the highest round per validator are kept. That is enough for L55: if validators with more than 1/3 of the
    power have each reached round r or a later one, a correct validator has passed through r;
  * a polka that came as a certificate is kept as a fact, because a third vote of an equivocator in it would not
    be counted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, TypeAlias

from chain.types import Address, Hash32
from consensus.certificates import polka_certificate_of_prevotes, prevotes_of_polka
from consensus.types import (
    NO_ROUND,
    DuplicateVoteEvidence,
    Height,
    PolkaCertificate,
    Round,
    Vote,
    VoteKind,
)
from consensus.validator_set import ValidatorSet

PAST_ROUNDS: Final = 32
"""Rounds whose votes stay countable; an older decision or polka still arrives as a certificate."""
POLKA_CERTIFICATES: Final = 32
"""Certificates kept as facts, the newest; each needs real signatures of 2/3, so a flood is not possible."""
LATER_VOTES_PER_ROUND: Final = 64
"""Votes of later rounds taken per validator while this node stays in one round: each is logged, and without a
limit a validator could fill the disk by counting rounds up. A correct one is never that far ahead for long."""

BlockChoice: TypeAlias = Hash32 | None


class ThresholdKind(IntEnum):
    """What a tally may newly show."""

    POLKA_ANY = 1
    POLKA_NIL = 2
    POLKA_BLOCK = 3
    PRECOMMIT_ANY = 4
    PRECOMMIT_NIL = 5
    PRECOMMIT_BLOCK = 6


_ANY: Final = {VoteKind.PREVOTE: ThresholdKind.POLKA_ANY, VoteKind.PRECOMMIT: ThresholdKind.PRECOMMIT_ANY}
_NIL: Final = {VoteKind.PREVOTE: ThresholdKind.POLKA_NIL, VoteKind.PRECOMMIT: ThresholdKind.PRECOMMIT_NIL}
_BLOCK: Final = {
    VoteKind.PREVOTE: ThresholdKind.POLKA_BLOCK,
    VoteKind.PRECOMMIT: ThresholdKind.PRECOMMIT_BLOCK,
}


@dataclass(frozen=True, slots=True)
class Threshold:
    """A tally of `round` crossed more than 2/3; `block_id` is set for the two BLOCK kinds."""

    kind: ThresholdKind
    round: Round
    block_id: Hash32 | None = None


@dataclass(frozen=True, slots=True)
class VoteOutcome:
    """What a vote did: whether it was new and kept, thresholds it crossed first, and double signing it proves."""

    kept: bool
    thresholds: tuple[Threshold, ...] = ()
    evidence: DuplicateVoteEvidence | None = None


_DROPPED: Final = VoteOutcome(kept=False)


@dataclass(slots=True)
class _Tally:
    """The votes of one round and kind."""

    first: dict[Address, Vote] = field(default_factory=dict)
    second: dict[Address, Vote] = field(default_factory=dict)
    power: int = 0
    power_by_block: dict[BlockChoice, int] = field(default_factory=dict)
    quorum: Hash32 | None = None
    nil_quorum: bool = False

    def votes_for(self, block_id: BlockChoice) -> list[Vote]:
        both = (*self.first.values(), *self.second.values())
        return [vote for vote in both if vote.block_id == block_id]


class VoteKeeper:
    """The votes of one height; mutable, owned by one engine."""

    def __init__(self, height: Height, validators: ValidatorSet) -> None:
        self._height = height
        self._validators = validators
        self._round: Round = NO_ROUND
        self._tallies: dict[tuple[Round, VoteKind], _Tally] = {}
        self._later: dict[Address, dict[VoteKind, Vote]] = {}
        self._later_votes: dict[Address, int] = {}
        self._reached: dict[Address, Round] = {}
        self._reached_by_honest: Round = NO_ROUND
        self._proven_round: Round = NO_ROUND
        self._polkas: dict[Round, PolkaCertificate] = {}
        self._pinned: PolkaCertificate | None = None
        self._precommit_quorums: dict[Round, Hash32] = {}

    # --- adding ---

    def add(self, vote: Vote) -> VoteOutcome:
        """Take a verified vote of this height by a member of the set."""
        if vote.round < self._round - PAST_ROUNDS:
            return _DROPPED
        is_later = vote.round > self._round + 1
        if is_later and self._later_votes.get(vote.validator, 0) >= LATER_VOTES_PER_ROUND:
            return _DROPPED
        if vote.round > self._reached.get(vote.validator, NO_ROUND):
            self._reached[vote.validator] = vote.round
            if vote.round > self._round:
                self._reached_by_honest = self._highest_round_of_honest()
        return self._keep_for_later(vote) if is_later else self._count(vote)

    def add_polka(self, certificate: PolkaCertificate) -> tuple[bool, tuple[VoteOutcome, ...]]:
        """Take a verified polka certificate as a fact, and its votes; tells whether the fact was new."""
        is_new = not self.has_polka(certificate.round, certificate.block_id)
        if is_new:
            self._polkas[certificate.round] = certificate
            while len(self._polkas) > POLKA_CERTIFICATES:
                del self._polkas[next(iter(self._polkas))]
            self.prove_round(certificate.round)
        return is_new, tuple(self.add(vote) for vote in prevotes_of_polka(certificate))

    def pin_polka(self, at_round: Round) -> PolkaCertificate | None:
        """Never forget the polka of `at_round` (until another is pinned): the proof of the valid value."""
        self._pinned = self.polka_certificate(at_round)
        return self._pinned

    def prove_round(self, proven: Round) -> None:
        """Remember that a certificate shows that `proven` may be entered."""
        self._proven_round = max(self._proven_round, proven)

    def enter_round(self, entered: Round) -> tuple[VoteOutcome, ...]:
        """Move the window of kept rounds; gives the outcomes of votes that waited for it."""
        self._round = entered
        self._later_votes.clear()
        for key in [key for key in self._tallies if key[0] < entered - PAST_ROUNDS]:
            # The signatures of a decision are needed until its block is there.
            if key[1] is VoteKind.PREVOTE or key[0] not in self._precommit_quorums:
                del self._tallies[key]
        outcomes: list[VoteOutcome] = []
        for address in list(self._later):
            votes = self._later[address]
            if all(vote.round <= entered + 1 for vote in votes.values()):
                del self._later[address]
                outcomes.extend(self._count(votes[kind]) for kind in VoteKind if kind in votes)
        return tuple(outcomes)

    # --- asking ---

    def skip_round(self) -> Round:
        """L55: the highest round that validators with more than 1/3 of the power reached, or that is proven."""
        return max(self._reached_by_honest, self._proven_round)

    def has_quorum_any(self, at_round: Round, kind: VoteKind) -> bool:
        """L34, L47: more than 2/3 voted in `at_round`, for whatever."""
        tally = self._tallies.get((at_round, kind))
        if tally is not None and self._validators.is_quorum(tally.power):
            return True
        return kind is VoteKind.PREVOTE and self._certified_polka(at_round) is not None

    def has_nil_polka(self, at_round: Round) -> bool:
        """L44: more than 2/3 prevoted nil."""
        tally = self._tallies.get((at_round, VoteKind.PREVOTE))
        return tally is not None and tally.nil_quorum

    def polka(self, at_round: Round) -> Hash32 | None:
        """L36: the block that more than 2/3 prevoted in `at_round`."""
        tally = self._tallies.get((at_round, VoteKind.PREVOTE))
        if tally is not None and tally.quorum is not None:
            return tally.quorum
        certificate = self._certified_polka(at_round)
        return None if certificate is None else certificate.block_id

    def has_polka(self, at_round: Round, block_id: Hash32) -> bool:
        """L28: more than 2/3 prevoted `block_id` in `at_round`."""
        certificate = self._certified_polka(at_round)
        tally = self._tallies.get((at_round, VoteKind.PREVOTE))
        return (certificate is not None and certificate.block_id == block_id) or (
            tally is not None and tally.quorum == block_id
        )

    def polka_rounds(self) -> list[Round]:
        """Every round with a known polka for a block, descending."""
        tallied = (
            at for (at, kind), tally in self._tallies.items() if kind is VoteKind.PREVOTE and tally.quorum
        )
        pinned = () if self._pinned is None else (self._pinned.round,)
        return sorted({*tallied, *self._polkas, *pinned}, reverse=True)

    def precommit_quorums(self) -> Iterable[tuple[Round, Hash32]]:
        """L49: each (round, block) that more than 2/3 precommitted, in the order it was seen."""
        return self._precommit_quorums.items()

    def polka_certificate(self, at_round: Round) -> PolkaCertificate | None:
        """The polka of `at_round` as one message, if there is one."""
        known = self._certified_polka(at_round)
        if known is not None:
            return known
        tally = self._tallies.get((at_round, VoteKind.PREVOTE))
        if tally is None or tally.quorum is None:
            return None
        return polka_certificate_of_prevotes(
            self._validators, self._height, at_round, tally.quorum, tally.votes_for(tally.quorum)
        )

    def votes(self, at_round: Round, kind: VoteKind) -> dict[Address, Vote]:
        """The first vote of each validator in `at_round`."""
        tally = self._tallies.get((at_round, kind))
        return {} if tally is None else dict(tally.first)

    def precommits_for(self, at_round: Round, block_id: Hash32) -> dict[Address, Vote]:
        """Precommits of `at_round` by validator; the one for `block_id` where a validator sent two."""
        tally = self._tallies.get((at_round, VoteKind.PRECOMMIT))
        if tally is None:
            return {}
        return tally.first | {a: vote for a, vote in tally.second.items() if vote.block_id == block_id}

    def size(self) -> int:
        """Number of votes kept, for the bounds that tests and metrics watch."""
        counted = sum(len(tally.first) + len(tally.second) for tally in self._tallies.values())
        return counted + sum(len(votes) for votes in self._later.values())

    # --- inside ---

    def _certified_polka(self, at_round: Round) -> PolkaCertificate | None:
        if self._pinned is not None and self._pinned.round == at_round:
            return self._pinned
        return self._polkas.get(at_round)

    def _highest_round_of_honest(self) -> Round:
        power = 0
        for address in sorted(self._reached, key=lambda a: (-self._reached[a], a)):
            power += self._validators.power_of(address)
            if self._validators.is_honest(power):
                return self._reached[address]
        return NO_ROUND

    def _count(self, vote: Vote) -> VoteOutcome:
        tally = self._tallies.setdefault((vote.round, vote.kind), _Tally())
        known = tally.first.get(vote.validator)
        evidence = None
        power = self._validators.power_of(vote.validator)
        if known is None:
            tally.first[vote.validator] = vote
        elif known.block_id == vote.block_id or vote.validator in tally.second:
            return _DROPPED
        else:
            tally.second[vote.validator] = vote
            evidence = DuplicateVoteEvidence(known, vote)
        had_any = self._validators.is_quorum(tally.power)
        if known is None:
            tally.power += power
        tally.power_by_block[vote.block_id] = tally.power_by_block.get(vote.block_id, 0) + power
        thresholds = self._crossed(tally, vote)
        if not had_any and self._validators.is_quorum(tally.power):
            thresholds = (*thresholds, Threshold(_ANY[vote.kind], vote.round))
        return VoteOutcome(True, thresholds, evidence)

    def _crossed(self, tally: _Tally, vote: Vote) -> tuple[Threshold, ...]:
        """The threshold of the vote's own block, once."""
        if not self._validators.is_quorum(tally.power_by_block[vote.block_id]):
            return ()
        if vote.block_id is None:
            if tally.nil_quorum:
                return ()
            tally.nil_quorum = True
            return (Threshold(_NIL[vote.kind], vote.round),)
        if tally.quorum is not None:
            return ()
        tally.quorum = vote.block_id
        if vote.kind is VoteKind.PRECOMMIT:
            self._precommit_quorums[vote.round] = vote.block_id
        return (Threshold(_BLOCK[vote.kind], vote.round, vote.block_id),)

    def _keep_for_later(self, vote: Vote) -> VoteOutcome:
        votes = self._later.setdefault(vote.validator, {})
        known_round = next((known.round for known in votes.values()), NO_ROUND)
        if vote.round < known_round:
            return _DROPPED
        if vote.round > known_round:
            votes.clear()
        known = votes.get(vote.kind)
        if known is None:
            votes[vote.kind] = vote
            self._later_votes[vote.validator] = self._later_votes.get(vote.validator, 0) + 1
            return VoteOutcome(kept=True)
        if known.block_id == vote.block_id:
            return _DROPPED
        # The first stays; whoever saw both holds the proof already.
        return VoteOutcome(kept=False, evidence=DuplicateVoteEvidence(known, vote))
