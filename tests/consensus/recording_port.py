"""A `Port` that writes down what it is asked to do, and a clock that is set by hand."""

from __future__ import annotations

from dataclasses import dataclass, field

from consensus.codec import decode_message
from consensus.messages import WireMessage
from consensus.ports import Job
from consensus.types import Evidence


@dataclass
class RecordingPort:
    sent: list[tuple[bytes | None, WireMessage]] = field(default_factory=list)
    requests: list[tuple[int, bytes, WireMessage]] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    penalties: list[tuple[bytes, str]] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    cancelled: int = 0
    connected: list[bytes] = field(default_factory=lambda: [b"a", b"b", b"c"])
    transactions: bool = True

    def broadcast(self, message: bytes) -> None:
        self.sent.append((None, decode_message(message)))

    def send(self, peer: bytes, message: bytes) -> None:
        self.sent.append((peer, decode_message(message)))

    def request(self, token: int, peer: bytes, message: bytes, timeout_s: float) -> None:
        assert timeout_s > 0
        self.requests.append((token, peer, decode_message(message)))

    def peers(self) -> list[bytes]:
        return list(self.connected)

    def penalise(self, peer: bytes, reason: str) -> None:
        self.penalties.append((peer, reason))

    def report_evidence(self, evidence: Evidence) -> None:
        self.evidence.append(evidence)

    def start_job(self, job: Job) -> None:
        self.jobs.append(job)

    def cancel_job(self) -> None:
        self.cancelled += 1

    def has_transactions(self) -> bool:
        return self.transactions


@dataclass
class HandClock:
    now_s: float = 0.0
    epoch_ms: int = 1_700_000_000_000

    def monotonic_s(self) -> float:
        return self.now_s

    def wall_ms(self) -> int:
        return self.epoch_ms + int(self.now_s * 1000)
