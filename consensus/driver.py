"""The trio task that runs a replica: time, messages, application work and requests become its events.

Owns: the one task that touches the `Replica`, the task that runs the application's jobs, and the queues between.
Never does: decide anything; that is `replica`. A simulation replaces this module and nothing else.

    transport.receive ──┐
    requests' answers ──┤ events (bounded) ──> replica ──> outbox ──> transport.broadcast / send
    job results ────────┤                        │
    transactions ───────┘                        └──> job task ──> application.build / validate / commit

Log and signer sync inside the replica, on the event loop: their durations are the node's promise to its peers, and
with a disk that syncs in 1 ms they take 5 to 7 ms per height.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias, assert_never

import structlog
import trio

from chain.errors import PeerError
from consensus.application import Application, RequestHandler, Transport
from consensus.catch_up import serve_sync_request
from consensus.codec import decode_message
from consensus.durable import DiskDirectory
from consensus.errors import InvalidMessage
from consensus.messages import BlockRequest, SyncRequest
from consensus.params import ConsensusParams
from consensus.ports import BuildJob, CommitJob, Job, ValidateJob
from consensus.replica import JobResult, Replica
from consensus.signer import FileSigner
from consensus.status import ConsensusStatus
from consensus.types import Evidence
from consensus.wal import Wal

MAX_EVENTS: Final = 64
"""Events that wait for the replica; then the senders wait, and messages pile up in the transport's bounded queue."""
MAX_OUTBOX: Final = 4096
"""Messages that wait for the transport, which only queues them; more means that it stands still, and the oldest
go: every message of ours is repeated while it matters."""
MAX_SERVED_AT_ONCE: Final = 4
"""Block requests of peers that are answered at the same time; each may read megabytes."""
MAX_REQUEST_BYTES: Final = 1024
BUILD_OVERTIME: Final = 2.0
"""A build is cancelled after this multiple of its deadline; the proposal would be too late anyway."""

MAX_SLEEP_S: Final = 3600.0
"""Without any deadline the loop looks up once an hour."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Message:
    peer: bytes
    raw: bytes


@dataclass(frozen=True, slots=True)
class _Answer:
    token: int
    raw: bytes | None


@dataclass(frozen=True, slots=True)
class _JobDone:
    result: JobResult


@dataclass(frozen=True, slots=True)
class _TransactionsArrived:
    pass


_Event: TypeAlias = _Message | _Answer | _JobDone | _TransactionsArrived


@dataclass(frozen=True, slots=True)
class _Outgoing:
    peer: bytes | None  # None: everybody
    raw: bytes


class TrioClock:
    """The monotonic clock of trio's run and a given wall clock."""

    def __init__(self, wall_time_ms: Callable[[], int]) -> None:
        self._wall_time_ms = wall_time_ms

    def monotonic_s(self) -> float:
        return trio.current_time()

    def wall_ms(self) -> int:
        return self._wall_time_ms()


class ConsensusDriver:
    """Consensus of one node; `signer` None makes it a follower. `run` once, `status` at any time on the loop."""

    def __init__(
        self,
        *,
        chain_id: int,
        params: ConsensusParams,
        signer: FileSigner | None,
        wal_folder: Path,
        application: Application,
        transport: Transport,
        wall_time_ms: Callable[[], int],
    ) -> None:
        self._chain_id = chain_id
        self._params = params
        self._signer = signer
        self._wal_folder = wal_folder
        self._application = application
        self._transport = transport
        self._clock = TrioClock(wall_time_ms)
        self._replica: Replica | None = None

    def status(self) -> ConsensusStatus | None:
        """Where this node and its peers stand; None before `run` has read the log."""
        return None if self._replica is None else self._replica.status()

    async def run(self) -> None:
        """Take part in consensus until cancelled.

        Raises StartRefused, WalDamaged and other EnvironmentFaults for what the operator must mend, and
        InvariantViolation when going on could break an agreement.
        """
        with ExitStack() as stack:
            wal = Wal.open(DiskDirectory(self._wal_folder))
            stack.callback(wal.close)
            async with trio.open_nursery() as nursery:
                port = _TrioPort(nursery, self._application, self._transport)
                replica = Replica(
                    chain_id=self._chain_id,
                    params=self._params,
                    signer=self._signer,
                    wal=wal,
                    port=port,
                    clock=self._clock,
                )
                replica.start(self._application.position())
                self._replica = replica
                self._transport.set_request_handler(self._request_handler(replica))
                nursery.start_soon(port.receive_messages)
                nursery.start_soon(port.run_jobs)
                await _own_replica(replica, port)

    def _request_handler(self, replica: Replica) -> RequestHandler:
        limiter = trio.CapacityLimiter(MAX_SERVED_AT_ONCE)

        async def handle(peer: bytes, raw: bytes) -> bytes:
            try:
                request = decode_message(raw, max_bytes=MAX_REQUEST_BYTES)
                if not isinstance(request, BlockRequest | SyncRequest):
                    raise InvalidMessage(f"{type(request).__name__} is not a request")
            except PeerError as fault:
                self._transport.penalise(peer, str(fault))
                raise
            if isinstance(request, BlockRequest):
                return replica.serve_block(request)
            async with limiter:
                return await serve_sync_request(self._application, request)

        return handle


async def _own_replica(replica: Replica, port: _TrioPort) -> None:
    """The only place where the replica is touched."""
    while True:
        await port.flush()
        deadline_s = replica.next_deadline_s()
        with trio.move_on_at(trio.current_time() + MAX_SLEEP_S if deadline_s is None else deadline_s) as wait:
            event = await port.events.receive()
        if not wait.cancelled_caught:
            _dispatch(replica, port, event)
        replica.advance()


def _dispatch(replica: Replica, port: _TrioPort, event: _Event) -> None:
    match event:
        case _Message():
            replica.on_message(event.peer, event.raw)
        case _Answer():
            replica.on_answer(event.token, event.raw)
        case _JobDone():
            replica.on_job_done(event.result)
        case _TransactionsArrived():
            port.is_watching = False
            replica.on_transactions()
        case _:
            assert_never(event)


class _TrioPort:
    """`Port` on a nursery. Its methods only queue; the tasks below do the waiting."""

    def __init__(self, nursery: trio.Nursery, application: Application, transport: Transport) -> None:
        self.is_watching = False
        self._nursery = nursery
        self._application = application
        self._transport = transport
        self._outbox: deque[_Outgoing] = deque(maxlen=MAX_OUTBOX)
        self._post, self.events = trio.open_memory_channel[_Event](MAX_EVENTS)
        self._give_job, self._jobs = trio.open_memory_channel[Job](1)
        self._job_scope = trio.CancelScope()

    # --- what the replica calls ---

    def broadcast(self, message: bytes) -> None:
        self._outbox.append(_Outgoing(None, message))

    def send(self, peer: bytes, message: bytes) -> None:
        self._outbox.append(_Outgoing(peer, message))

    def request(self, token: int, peer: bytes, message: bytes, timeout_s: float) -> None:
        self._nursery.start_soon(self._ask, token, peer, message, timeout_s)

    def peers(self) -> list[bytes]:
        return self._transport.peers()

    def penalise(self, peer: bytes, reason: str) -> None:
        log.info("peer_penalised", peer=peer.hex(), reason=reason)
        self._transport.penalise(peer, reason)

    def report_evidence(self, evidence: Evidence) -> None:
        self._application.report_evidence(evidence)

    def start_job(self, job: Job) -> None:
        self._job_scope = trio.CancelScope()
        self._give_job.send_nowait(job)

    def cancel_job(self) -> None:
        self._job_scope.cancel()

    def has_transactions(self) -> bool:
        if self._application.has_transactions():
            return True
        if not self.is_watching:
            self.is_watching = True
            self._nursery.start_soon(self._watch_transactions)
        return False

    # --- what waits ---

    async def flush(self) -> None:
        """Hand everything to the transport, in order."""
        while self._outbox:
            outgoing = self._outbox.popleft()
            try:
                if outgoing.peer is None:
                    await self._transport.broadcast(outgoing.raw)
                else:
                    await self._transport.send(outgoing.peer, outgoing.raw)
            except PeerError as fault:
                log.debug("send_failed", reason=str(fault))

    async def receive_messages(self) -> None:
        """Move messages of peers into the event queue."""
        while True:
            peer, raw = await self._transport.receive()
            await self._post.send(_Message(peer, raw))

    async def run_jobs(self) -> None:
        """The application's work, one job at a time."""
        async for job in self._jobs:
            result: JobResult = None
            if isinstance(job, BuildJob):
                self._job_scope.deadline = trio.current_time() + job.deadline_s * BUILD_OVERTIME
            with self._job_scope:
                result = await self._run_job(job)
            await self._post.send(_JobDone(result))

    async def _run_job(self, job: Job) -> JobResult:
        match job:
            case BuildJob():
                return await self._application.build(job.height, job.round, job.last_commit, job.deadline_s)
            case ValidateJob():
                return await self._application.validate(job.height, job.payload, decided=job.decided)
            case CommitJob():
                # A node that is told to stop finishes what is decided; it would only have to do it again.
                with trio.CancelScope(shield=True):
                    return await self._application.commit(job.payload, job.commit)
            case _:
                assert_never(job)

    async def _ask(self, token: int, peer: bytes, message: bytes, timeout_s: float) -> None:
        raw: bytes | None = None
        # The transport keeps the time as well; this bounds one that does not.
        with trio.move_on_after(timeout_s * 2):
            try:
                raw = await self._transport.request(peer, message, timeout_s)
            except PeerError as fault:
                log.debug("request_failed", peer=peer.hex(), reason=str(fault))
        await self._post.send(_Answer(token, raw))

    async def _watch_transactions(self) -> None:
        await self._application.wait_for_transactions()
        await self._post.send(_TransactionsArrived())
