"""The values that validators exchange and store: votes, proposals, commits, certificates, evidence.

Owns: the shapes of consensus values and the small facts that follow from one value alone.
Never does: verify signatures (`certificates`), encode (`codec`), or count votes (`vote_keeper`).
Specification: arXiv 1807.04938 (the Tendermint algorithm); slot layout of a commit as in CometBFT's
`types/block.go`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Final, TypeAlias

from chain.types import Address, Hash32

Height: TypeAlias = int
Round: TypeAlias = int
PeerTag: TypeAlias = bytes
"""Opaque name of the peer that a message came from; empty when it has none (own messages, replay)."""

NO_ROUND: Final = -1
"""The paper's -1: no locked round, no valid round, no proof-of-lock round."""

MAX_HEIGHT: Final = 2**63 - 1
MAX_ROUND: Final = 2**31 - 1
"""Rounds travel as 31-bit numbers; at the capped timeout this many rounds take centuries."""

SIGNATURE_BYTES: Final = 64
UNSIGNED: Final = b""
NO_PEER: Final[PeerTag] = b""


class VoteKind(IntEnum):
    """The two voting steps of a round."""

    PREVOTE = 1
    PRECOMMIT = 2


class Step(IntEnum):
    """Where a validator stands within a height; NEW_HEIGHT is before round 0, COMMIT after the decision."""

    NEW_HEIGHT = 0
    PROPOSE = 1
    PREVOTE = 2
    PRECOMMIT = 3
    COMMIT = 4


class TimeoutKind(IntEnum):
    """PROPOSE, PREVOTE and PRECOMMIT are the paper's L57, L61 and L65; REBROADCAST repeats own messages."""

    PROPOSE = 1
    PREVOTE = 2
    PRECOMMIT = 3
    REBROADCAST = 4


class BlockIdFlag(IntEnum):
    """What one validator's slot in a commit says; the numbers are CometBFT's."""

    ABSENT = 1
    COMMIT = 2
    NIL = 3


@dataclass(frozen=True, slots=True)
class Vote:
    """One validator's vote; `block_id` None is the vote for nil. Unsigned while `signature` is empty."""

    kind: VoteKind
    height: Height
    round: Round
    block_id: Hash32 | None
    validator: Address
    signature: bytes = UNSIGNED

    def signed(self, signature: bytes) -> Vote:
        """The same vote carrying `signature` (64 bytes, r || s)."""
        return replace(self, signature=signature)


@dataclass(frozen=True, slots=True)
class Proposal:
    """The proposer's choice for a round; `pol_round` is the paper's validRound, -1 for a fresh block."""

    height: Height
    round: Round
    pol_round: Round
    block_id: Hash32
    proposer: Address
    signature: bytes = UNSIGNED

    def signed(self, signature: bytes) -> Proposal:
        """The same proposal carrying `signature` (64 bytes, r || s)."""
        return replace(self, signature=signature)


@dataclass(frozen=True, slots=True)
class CommitSignature:
    """One slot of a commit; an ABSENT slot still names its validator and has an empty signature."""

    validator: Address
    block_id_flag: BlockIdFlag
    signature: bytes


@dataclass(frozen=True, slots=True)
class Commit:
    """More than 2/3 of the power precommitted `block_id`; one slot per validator, in set order."""

    height: Height
    round: Round
    block_id: Hash32
    signatures: tuple[CommitSignature, ...]


@dataclass(frozen=True, slots=True)
class CertificateSignature:
    """One validator's signature under a vote whose other fields the certificate gives."""

    validator: Address
    signature: bytes


@dataclass(frozen=True, slots=True)
class PolkaCertificate:
    """More than 2/3 of the power prevoted `block_id` in `round`; signatures in validator set order."""

    height: Height
    round: Round
    block_id: Hash32
    signatures: tuple[CertificateSignature, ...]


class RoundCertificateKind(IntEnum):
    """Why the round may be entered: L55 (messages of that round) or L47/L65 (the round before ended)."""

    SKIP = 1
    PRECOMMIT_ANY = 2


@dataclass(frozen=True, slots=True)
class RoundCertificate:
    """Proof that `round` may be entered.

    SKIP: votes of `round` itself, of any kind and block, from more than 1/3 of the power.
    PRECOMMIT_ANY: precommits of `round - 1`, for any block, from more than 2/3 of the power.
    At most one vote per validator, in validator set order.
    """

    kind: RoundCertificateKind
    height: Height
    round: Round
    votes: tuple[Vote, ...]


@dataclass(frozen=True, slots=True)
class DuplicateVoteEvidence:
    """Two signed votes of one validator for one height, round and kind, with different block ids."""

    first: Vote
    second: Vote


@dataclass(frozen=True, slots=True)
class DuplicateProposalEvidence:
    """Two signed proposals of one proposer for one height and round that differ."""

    first: Proposal
    second: Proposal


Evidence: TypeAlias = DuplicateVoteEvidence | DuplicateProposalEvidence
SignedMessage: TypeAlias = Vote | Proposal
