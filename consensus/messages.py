"""What goes into the engine (`Input`), what comes out (`Effect`), what travels between nodes (`WireMessage`).

Owns: three closed unions of frozen values. Never does: act on them, or encode them (`codec`).

Contract between the engine and whoever drives it:

* Inputs are verified: signatures were checked against the validator set of the message's height
  (`certificates.verify_*`), and bytes were decoded. Only the previous, current and next height are of use.
* The effects of one input are executed in order. An own message may not leave before the `Persist(sync=True)`
  in front of its broadcast is on disk.
* Every `Sign` is answered by `OwnSigned` or `SigningRefused`, every `ValidateBlock` by `BlockReady`, every
  `BuildBlock` by `BlockBuilt` (or by nothing, if building failed or came too late).
* The `entry` of each `Persist` is the input itself. A fresh engine that gets the same `StartHeight` and then
  these entries in order reaches the same state; `Engine.resume()` then gives the effects that are still open.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from chain.types import Address, Hash32
from consensus.params import ConsensusParams
from consensus.types import (
    NO_PEER,
    Commit,
    Evidence,
    Height,
    PeerTag,
    PolkaCertificate,
    Proposal,
    Round,
    RoundCertificate,
    SignedMessage,
    Step,
    TimeoutKind,
    Vote,
)
from consensus.validator_set import ValidatorSet

# --- inputs ---


@dataclass(frozen=True, slots=True)
class StartHeight:
    """Begin work on a height, still waiting in step NEW_HEIGHT; not logged (it follows from the store).

    `validators` are those of `height`, `next_validators` those of `height + 1`. `last_commit` decided
    `height - 1` under `last_validators`; both are None at the first height.
    """

    height: Height
    validators: ValidatorSet
    next_validators: ValidatorSet
    params: ConsensusParams
    last_commit: Commit | None = None
    last_validators: ValidatorSet | None = None


@dataclass(frozen=True, slots=True)
class StartRound0:
    """The block interval is over and (by the empty-block policy) there is something to propose.

    The engine also starts round 0 by itself when the proposal of round 0, or votes of this height from more
    than 1/3 of the power, arrive first; it then ignores this input.
    """

    height: Height


@dataclass(frozen=True, slots=True)
class ProposalReceived:
    """A proposal with a right signature; whether its payload came along is the driver's business."""

    proposal: Proposal
    peer: PeerTag = NO_PEER


@dataclass(frozen=True, slots=True)
class BlockReady:
    """The application's verdict on a block, final for this height.

    Only for a payload whose own id is `block_id`: a payload that hashes to another id says nothing about this
    block, or a peer could spoil a good block by attaching a wrong payload.
    """

    height: Height
    block_id: Hash32
    valid: bool


@dataclass(frozen=True, slots=True)
class VoteReceived:
    """A vote with a right signature, of the current, the next, or (late precommits) the previous height."""

    vote: Vote
    peer: PeerTag = NO_PEER


@dataclass(frozen=True, slots=True)
class PolkaCertificateReceived:
    """A verified polka certificate; give the one beside a proposal before the proposal."""

    certificate: PolkaCertificate
    peer: PeerTag = NO_PEER


@dataclass(frozen=True, slots=True)
class RoundCertificateReceived:
    """A verified round certificate."""

    certificate: RoundCertificate
    peer: PeerTag = NO_PEER


@dataclass(frozen=True, slots=True)
class BlockBuilt:
    """Answer to `BuildBlock`: the block that this node wants to propose; it counts as valid."""

    height: Height
    round: Round
    block_id: Hash32


@dataclass(frozen=True, slots=True)
class OwnSigned:
    """Answer to `Sign`: the same message, signed, its signature already in the signer's durable state."""

    message: SignedMessage


@dataclass(frozen=True, slots=True)
class SigningRefused:
    """Answer to `Sign`: the safety guard refused; this node stays an observer for that step."""

    message: SignedMessage


@dataclass(frozen=True, slots=True)
class TimeoutElapsed:
    """A scheduled timeout ran out; stale ones are harmless."""

    kind: TimeoutKind
    height: Height
    round: Round


@dataclass(frozen=True, slots=True)
class CertifiedBlock:
    """A block with a verified commit of the current height, from a peer or a store: decides at once.

    Not logged: after a crash the block store has it, or a peer gives it again.
    """

    block_id: Hash32
    commit: Commit
    peer: PeerTag = NO_PEER


LoggedInput: TypeAlias = (
    StartRound0
    | ProposalReceived
    | BlockReady
    | VoteReceived
    | PolkaCertificateReceived
    | RoundCertificateReceived
    | BlockBuilt
    | OwnSigned
    | SigningRefused
    | TimeoutElapsed
)
Input: TypeAlias = StartHeight | CertifiedBlock | LoggedInput

# --- effects ---


@dataclass(frozen=True, slots=True)
class Persist:
    """Append `entry` to the log of this height; `sync` means on disk before the next effect runs."""

    entry: LoggedInput
    sync: bool


@dataclass(frozen=True, slots=True)
class PersistBlock:
    """Append the payload of `block_id` to the log; the next synced entry makes it durable.

    Comes before this node votes for the block: if everybody restarts while locked on a block that nobody
    stored, the height could never be decided.
    """

    height: Height
    block_id: Hash32


@dataclass(frozen=True, slots=True)
class Sign:
    """Sign this unsigned message if the safety guard agrees."""

    message: SignedMessage


@dataclass(frozen=True, slots=True)
class Broadcast:
    """Send to every peer; best effort, the engine repeats what matters."""

    message: Vote | PolkaCertificate | RoundCertificate | Status


@dataclass(frozen=True, slots=True)
class BroadcastProposal:
    """Send an own proposal with its payload (and the polka certificate of its `pol_round`) to every peer."""

    proposal: Proposal
    polka_certificate: PolkaCertificate | None


@dataclass(frozen=True, slots=True)
class Restream:
    """Send an own proposal again, because the round does not move; same content as `BroadcastProposal`."""

    proposal: Proposal
    polka_certificate: PolkaCertificate | None


@dataclass(frozen=True, slots=True)
class ScheduleTimeout:
    """Give `TimeoutElapsed(kind, height, round)` after `duration_ms`."""

    kind: TimeoutKind
    height: Height
    round: Round
    duration_ms: int


@dataclass(frozen=True, slots=True)
class CancelTimeouts:
    """Forget every pending timeout older than (height, round): they would be ignored."""

    height: Height
    round: Round


@dataclass(frozen=True, slots=True)
class RoundEntered:
    """For the driver and the logs: the round began, and who proposes in it."""

    height: Height
    round: Round
    proposer: Address


@dataclass(frozen=True, slots=True)
class BuildBlock:
    """This node proposes: build a block on the previous one, holding `last_commit`, and answer `BlockBuilt`.

    `last_commit` includes precommits that came after the decision. `deadline_ms` is the time that building
    may take before the proposal is likely to come too late.
    """

    height: Height
    round: Round
    last_commit: Commit | None
    deadline_ms: int


@dataclass(frozen=True, slots=True)
class ValidateBlock:
    """Judge the payload of `block_id` and answer `BlockReady`."""

    height: Height
    block_id: Hash32


@dataclass(frozen=True, slots=True)
class RequestBlock:
    """More than 2/3 voted for a block that this node lacks: ask peers for it, then answer `BlockReady`."""

    height: Height
    block_id: Hash32


@dataclass(frozen=True, slots=True)
class Decide:
    """The height is decided: make block and commit durable, then start the next height."""

    height: Height
    round: Round
    block_id: Hash32
    commit: Commit


@dataclass(frozen=True, slots=True)
class ReportEvidence:
    """Proof of double signing by a validator."""

    evidence: Evidence


@dataclass(frozen=True, slots=True)
class RequestSync:
    """More than 1/3 of the power works above our height: fetch certified blocks up to `height`, inclusive."""

    height: Height


@dataclass(frozen=True, slots=True)
class PenalisePeer:
    """`peer` sent a message that no correct peer sends."""

    peer: PeerTag
    reason: str


Effect: TypeAlias = (
    Persist
    | PersistBlock
    | Sign
    | Broadcast
    | BroadcastProposal
    | Restream
    | ScheduleTimeout
    | CancelTimeouts
    | RoundEntered
    | BuildBlock
    | ValidateBlock
    | RequestBlock
    | Decide
    | ReportEvidence
    | RequestSync
    | PenalisePeer
)

# --- messages between nodes ---


@dataclass(frozen=True, slots=True)
class ProposalMessage:
    """A proposal, its block, and for a re-proposal the polka that justifies it."""

    proposal: Proposal
    payload: bytes
    polka_certificate: PolkaCertificate | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """Where a node stands; a peer at a lower height asks it for certified blocks."""

    height: Height
    round: Round
    step: Step


@dataclass(frozen=True, slots=True)
class BlockRequest:
    """Ask for the payload of an undecided block of `height` (answer: `BlockResponse`)."""

    height: Height
    block_id: Hash32


@dataclass(frozen=True, slots=True)
class BlockResponse:
    """The payload, or None when the peer does not hold it."""

    payload: bytes | None


@dataclass(frozen=True, slots=True)
class SyncRequest:
    """Ask for at most `count` decided blocks from height `start` on (answer: `SyncResponse`)."""

    start: Height
    count: int


@dataclass(frozen=True, slots=True)
class SyncedBlock:
    """One decided block."""

    payload: bytes
    commit: Commit


@dataclass(frozen=True, slots=True)
class SyncResponse:
    """Consecutive decided blocks; `head` is the highest height that the peer can serve."""

    head: Height
    blocks: tuple[SyncedBlock, ...]


WireMessage: TypeAlias = (
    ProposalMessage
    | Vote
    | PolkaCertificate
    | RoundCertificate
    | Status
    | BlockRequest
    | BlockResponse
    | SyncRequest
    | SyncResponse
)


@dataclass(frozen=True, slots=True)
class BlockPayload:
    """Log entry for `PersistBlock`; not an engine input, the driver refills its payload cache with it."""

    height: Height
    block_id: Hash32
    payload: bytes


LogEntry: TypeAlias = LoggedInput | BlockPayload
