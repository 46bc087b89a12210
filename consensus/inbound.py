"""From bytes of a peer to verified messages: the gate in front of the engine.

Owns: decoding, the window of heights and rounds that are of use, skipping what was checked already, and every
signature check of incoming consensus messages. Never does: act on a message.
Specification: a message is used when it is of the current height, or a vote or early proposal of the next one, or
a late precommit of the one before (`messages`, contract of the engine).

Cheap checks come first, because a signature costs 75 us and anybody may send: duplicates by hash, then size and
encoding, then height and round, then whose turn it is, then the signature.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, TypeAlias, assert_never

from consensus.certificates import (
    verify_polka_certificate,
    verify_proposal,
    verify_round_certificate,
    verify_vote,
)
from consensus.codec import MAX_SMALL_BYTES, decode_message
from consensus.early_messages import EARLY_ROUNDS
from consensus.errors import InvalidCertificate, InvalidMessage, InvalidProposal
from consensus.messages import (
    BlockRequest,
    BlockResponse,
    ProposalMessage,
    Status,
    SyncRequest,
    SyncResponse,
)
from consensus.proposal_keeper import FUTURE_PROPOSAL_ROUNDS
from consensus.proposer import ProposerSchedule
from consensus.types import NO_ROUND, PolkaCertificate, Proposal, RoundCertificate, Vote, VoteKind
from consensus.validator_set import ValidatorSet

MAX_SEEN: Final = 8192
"""Hashes of checked messages: two votes of 200 validators for 20 rounds; cleared each round anyway."""
PAYLOAD_ENVELOPE_BYTES: Final = 4 * MAX_SMALL_BYTES
"""What a proposal message may have beside a block of the largest size: consensus record, certificate, fields."""

Gossiped: TypeAlias = ProposalMessage | Vote | PolkaCertificate | RoundCertificate | Status


@dataclass(frozen=True, slots=True)
class HeightSets:
    """The validator sets that matter while `height` is decided; `last` is None when it is not known."""

    height: int
    last: ValidatorSet | None
    current: ValidatorSet
    following: ValidatorSet


class Inbound:
    """The gate of one node for one height."""

    def __init__(self, chain_id: int, max_block_bytes: int, sets: HeightSets) -> None:
        self._chain_id = chain_id
        self._max_message_bytes = max_block_bytes + PAYLOAD_ENVELOPE_BYTES
        self._seen: dict[bytes, None] = {}
        self._sets = sets
        self._round = NO_ROUND
        self._schedule = ProposerSchedule(sets.current)
        self._next_schedule = ProposerSchedule(sets.following)

    def enter_round(self, entered: int) -> None:
        """Move the window of rounds. What the engine had no use for in the last round may be of use now."""
        self._round = entered
        self._seen.clear()

    def receive(
        self, raw: bytes, is_known: Callable[[PolkaCertificate | RoundCertificate], bool]
    ) -> Gossiped | None:
        """The verified message in `raw`, or None if it is of no use now.

        `is_known` tells whether a certificate would bring nothing new, so that it need not be verified.
        Raises PeerError when no correct peer would have sent it.
        """
        digest = sha256(raw).digest()
        if digest in self._seen:
            return None
        message = decode_message(raw, max_bytes=self._max_message_bytes)
        match message:
            case Status():
                return message
            case Vote():
                wanted = self._check_vote(message)
            case ProposalMessage():
                wanted = self._check_proposal(message)
            case PolkaCertificate():
                wanted = self._is_current(message.height) and not is_known(message)
                if wanted:
                    verify_polka_certificate(self._chain_id, self._sets.current, message)
            case RoundCertificate():
                wanted = self._is_current(message.height) and not is_known(message)
                if wanted:
                    verify_round_certificate(self._chain_id, self._sets.current, message)
            case BlockRequest() | BlockResponse() | SyncRequest() | SyncResponse():
                raise InvalidMessage(f"{type(message).__name__} outside a request")
            case _:
                assert_never(message)
        if not wanted:
            return None
        while len(self._seen) >= MAX_SEEN:
            del self._seen[next(iter(self._seen))]
        self._seen[digest] = None
        return message

    def _is_current(self, height: int) -> bool:
        return height == self._sets.height

    def _check_vote(self, vote: Vote) -> bool:
        sets = self._sets
        match vote.height - sets.height:
            case 0:
                validators = sets.current
            case 1:
                validators = sets.following
            case -1 if sets.last is not None and vote.kind is VoteKind.PRECOMMIT:
                validators = sets.last
            case _:
                return False
        verify_vote(self._chain_id, validators, vote)
        return True

    def _check_proposal(self, message: ProposalMessage) -> bool:
        proposal = message.proposal
        match proposal.height - self._sets.height:
            case 0 if proposal.round <= max(self._round, 0) + FUTURE_PROPOSAL_ROUNDS:
                validators, schedule = self._sets.current, self._schedule
            case 1 if proposal.round < EARLY_ROUNDS:
                validators, schedule = self._sets.following, self._next_schedule
            case _:
                return False
        verify_proposal(self._chain_id, validators, proposal)
        # Before the payload is kept anywhere: otherwise each validator could fill the memory in each round.
        if not schedule.is_proposer(proposal.proposer, proposal.round):
            raise InvalidProposal("proposal by a validator whose turn it is not")
        self._check_justification(validators, proposal, message.polka_certificate)
        return True

    def _check_justification(
        self, validators: ValidatorSet, proposal: Proposal, polka: PolkaCertificate | None
    ) -> None:
        if polka is None:
            return
        expected = (proposal.height, proposal.pol_round, proposal.block_id)
        if (polka.height, polka.round, polka.block_id) != expected:
            raise InvalidCertificate("the polka beside a proposal is about something else")
        verify_polka_certificate(self._chain_id, validators, polka)
