"""What a replica asks of the world around it, as small protocols that a real driver and a simulator both offer.

Owns: `Clock`, `Port`, and the jobs that the application is asked to do. Never does: anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias

from chain.types import Hash32
from consensus.types import Commit, Evidence


class Clock(Protocol):
    """The two clocks of a node. Deadlines use the monotonic one, block times the wall clock."""

    def monotonic_s(self) -> float:
        """Seconds since some fixed moment; never goes back."""

    def wall_ms(self) -> int:
        """Milliseconds since the Unix epoch; may jump."""


@dataclass(frozen=True, slots=True)
class BuildJob:
    """`Application.build`. Answered with a BuiltBlock, or None when it was cancelled or took too long."""

    height: int
    round: int
    last_commit: Commit | None
    deadline_s: float


@dataclass(frozen=True, slots=True)
class ValidateJob:
    """`Application.validate`. `peer` brought the payload; empty when it was our own log. `decided`: see there."""

    height: int
    block_id: Hash32  # what the payload is said to be
    payload: bytes
    peer: bytes
    decided: bool = False


@dataclass(frozen=True, slots=True)
class CommitJob:
    """`Application.commit`. Never cancelled."""

    payload: bytes
    commit: Commit


Job: TypeAlias = BuildJob | ValidateJob | CommitJob


class Port(Protocol):
    """The way out of a replica. No method blocks, and none calls back before it returned."""

    def broadcast(self, message: bytes) -> None:
        """Send to every connected peer, best effort."""

    def send(self, peer: bytes, message: bytes) -> None:
        """Send to one peer, best effort."""

    def request(self, token: int, peer: bytes, message: bytes, timeout_s: float) -> None:
        """Ask a peer; the answer, or None for a failure, comes back through `Replica.on_answer(token, ...)`."""

    def peers(self) -> list[bytes]:
        """Connected peers, in a stable order."""

    def penalise(self, peer: bytes, reason: str) -> None:
        """Report misbehaviour."""

    def report_evidence(self, evidence: Evidence) -> None:
        """Hand over proof of double signing. The same piece may come again after a restart."""

    def start_job(self, job: Job) -> None:
        """Run a job; its result comes back through `Replica.on_job_done`. Only one runs at a time."""

    def cancel_job(self) -> None:
        """Cancel the running job (not a commit); `on_job_done` still follows, with None."""

    def has_transactions(self) -> bool:
        """Whether a block built now would carry transactions; if not, `on_transactions` follows once it would."""
