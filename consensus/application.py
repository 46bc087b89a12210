"""The two seams through which consensus meets the rest of a node: Application (blocks) and Transport (peers).

Owns: the protocols, the values that cross them, and the promises each side makes. Never does: any work.
The application decides what a block means; consensus treats a block as an id (the header hash) and opaque
payload bytes. Specification: the method docstrings here; the shape follows ABCI (CometBFT spec/abci) reduced
to one process: PrepareProposal -> build, ProcessProposal -> validate, FinalizeBlock+Commit -> commit.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from chain.types import Hash32
from consensus.types import Commit, Evidence
from consensus.validator_set import ValidatorSet

RequestHandler = Callable[[bytes, bytes], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class ChainPosition:
    """The durable head of the chain and who decides what comes after it."""

    height: int  # height of the last committed block; 0 is the genesis block
    block_id: Hash32
    block_time_ms: int  # milliseconds since the Unix epoch, as the block states it
    validators: ValidatorSet  # decides height + 1, proposer priorities already advanced to it
    next_validators: ValidatorSet  # decides height + 2
    last_commit: Commit | None  # commit of `height`; None only at genesis
    last_validators: ValidatorSet | None = None  # signed last_commit; None: late precommits are not collected


@dataclass(frozen=True, slots=True)
class BuiltBlock:
    """A block that this node proposes. Its outcome is already known to the application."""

    block_id: Hash32
    payload: bytes


@dataclass(frozen=True, slots=True)
class Validation:
    """Verdict on a payload.

    `block_id` is the hash of the header inside, but None when the payload is not exactly what that header
    commits to (undecodable, non-canonical, a transaction list with another root, ...). That difference is a
    matter of liveness: relays could otherwise attach a broken body to an honest header and have the honest
    block condemned. `valid` False with a block id therefore means: no block of this id is ever valid here.
    A refusal for a passing or local cause (a time ahead of this clock) has no block id either, and
    `is_peer_fault` False, so that whoever brought the payload is not blamed.
    """

    block_id: Hash32 | None
    valid: bool
    reason: str
    is_peer_fault: bool = True
    parent_commit: Commit | None = None  # the commit that a valid block carries, verified


class Application(Protocol):
    """What a node must offer to be driven by consensus.

    One driver calls it, and never runs two of `build`, `validate` and `commit` at a time. It may cancel
    `build` and `validate` (and waits for their end), but never a `commit`. The other methods may be called
    at any moment.
    """

    def position(self) -> ChainPosition:
        """The durable head. Called once at start; later positions are what `commit` returns."""

    async def build(
        self,
        height: int,
        round: int,  # noqa: A002  the protocol's word
        last_commit: Commit | None,
        deadline_s: float,
    ) -> BuiltBlock:
        """Build a block on the head for (height, round).

        `deadline_s` is a duration in seconds from the call; the driver cancels the call when twice that time
        has passed. The block must pass this node's own `validate`, and stays remembered for `commit`.
        """

    async def validate(self, height: int, payload: bytes, *, decided: bool = False) -> Validation:
        """Decode and execute `payload` on the head; remember the outcome by block id for `commit`.

        With `decided` a commit of the block was verified, so rules that only proposals must meet (a time near
        the local clock) do not apply.

        Never raises on bad peer input: that is `valid=False` with a reason. Must be deterministic: every
        correct node returns the same verdict on the same head. May be cancelled.
        """

    async def commit(self, payload: bytes, commit: Commit) -> ChainPosition:
        """Make the decided block and its commit durable, atomically, before returning the new position.

        Executes first if the outcome of the payload is not remembered. Raises InvariantViolation if the block
        cannot be applied.
        """

    def has_transactions(self) -> bool:
        """Whether a block built now would carry transactions."""

    async def wait_for_transactions(self) -> None:
        """Return as soon as `has_transactions()` is true."""

    def report_evidence(self, evidence: Evidence) -> None:
        """Take proof of double signing, whose signatures were verified, for a later block of this node.

        At most one piece per validator and height; the same one may come again after a restart.
        """

    async def certified_blocks(self, start: int, count: int, max_bytes: int) -> list[tuple[bytes, Commit]]:
        """Committed payloads with the commit of each, from height `start` upwards, to serve peers.

        At most `count` blocks and about `max_bytes` bytes of payloads (at least one block if it exists);
        fewer when the chain ends or history is pruned. Empty when `start` is not available.
        """


class Transport(Protocol):
    """Authenticated message passing to peers. May lose, delay and reorder; never corrupts or invents."""

    async def broadcast(self, message: bytes) -> None:
        """Queue `message` to every connected peer. Never blocks on a slow peer; may drop."""

    async def send(self, peer: bytes, message: bytes) -> None:
        """Queue `message` to one peer; silently does nothing when it is not connected."""

    async def receive(self) -> tuple[bytes, bytes]:
        """The next (peer, message). Cancellable without losing a message."""

    async def request(self, peer: bytes, message: bytes, timeout_s: float) -> bytes:
        """One request, one answer. Raises PeerError (chain.errors) on failure or timeout."""

    def set_request_handler(self, handler: RequestHandler) -> None:
        """Serve requests of peers with `handler(peer, message)`. PeerError raised by it means no answer."""

    def peers(self) -> list[bytes]:
        """Connected peers, in a stable order."""

    def penalise(self, peer: bytes, reason: str) -> None:
        """Report misbehaviour of a peer; the transport decides about disconnecting."""
