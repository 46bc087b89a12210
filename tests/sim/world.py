"""A network of real replicas on virtual time: one heap of events, one source of randomness, one trace.

Owns: nodes (replica, log, signer, disk, chain), links (delay, drop, duplicate, reorder, partition), power cuts and
restarts. Runs the product's `Replica`, `Wal`, `FileSigner` and everything below them; replaces only `driver`.
The seed is the bug report: the same seed gives the same trace, event by event.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from random import Random
from typing import Final

from chain.errors import PeerError
from chain.types import Hash32
from consensus.application import BuiltBlock, Validation
from consensus.catch_up import BLOCKS_PER_REQUEST, RESPONSE_BYTES
from consensus.codec import decode_message, encode_message
from consensus.messages import BlockRequest, SyncedBlock, SyncRequest, SyncResponse
from consensus.params import ConsensusParams
from consensus.ports import BuildJob, CommitJob, Job, ValidateJob
from consensus.replica import JobResult, Replica
from consensus.signer import FileSigner
from consensus.types import Evidence
from consensus.validator_set import ValidatorSet
from consensus.wal import Wal
from tests.sim.chain import HashChain, block_id_of, key_of
from tests.sim.checker import Checker, decoded
from tests.sim.disk import PowerCut, SimDisk

CHAIN_ID: Final = 1337
STATE_NAME: Final = "key.state"
EPOCH_MS: Final = 1_700_000_000_000


@dataclass
class Links:
    """How messages travel. Probabilities per message and receiver; delays in seconds."""

    delay_s: tuple[float, float] = (0.005, 0.06)
    slow: float = 0.0  # probability of a delay ten times as long: reorders
    drop: float = 0.0
    duplicate: float = 0.0
    cut: set[tuple[int, int]] = field(default_factory=set)


@dataclass
class Counters:
    """What a run cost."""

    messages: int = 0
    bytes: int = 0
    by_kind: dict[str, int] = field(default_factory=dict)
    crashes: int = 0
    penalties: int = 0


class World:
    """All nodes and the network between them."""

    def __init__(
        self,
        seed: int,
        chains: list[HashChain],
        params: ConsensusParams,
        *,
        trace: Callable[[str], None] | None = None,
    ) -> None:
        self.random = Random(seed)
        self.params = params
        self.links = Links()
        self.now_s = 0.0
        self.counters = Counters()
        self.checker = Checker(CHAIN_ID, self._validators_of)
        self._trace_hash = sha256()
        self._trace = trace
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._sequence = 0
        self.nodes = [Node(self, index, chain) for index, chain in enumerate(chains)]

    # --- time ---

    def at(self, at_s: float, action: Callable[[], None]) -> None:
        self._sequence += 1
        heapq.heappush(self._queue, (at_s, self._sequence, action))

    def after(self, delay_s: float, action: Callable[[], None]) -> None:
        self.at(self.now_s + delay_s, action)

    def run(self, until: Callable[[], bool], limit_s: float) -> bool:
        """Run until the condition holds (True) or virtual time is up (False)."""
        while self._queue and not until():
            at_s, _, action = heapq.heappop(self._queue)
            if at_s > limit_s:
                return False
            self.now_s = max(self.now_s, at_s)
            action()
        return until()

    def note(self, text: str) -> None:
        line = f"{self.now_s:.6f} {text}"
        self._trace_hash.update(line.encode())
        if self._trace is not None:
            self._trace(line)

    def trace_hash(self) -> str:
        return self._trace_hash.hexdigest()[:16]

    # --- network ---

    def transmit(self, sender: int, receiver: int, raw: bytes, deliver: Callable[[bytes], None]) -> None:
        """Carry `raw` over a link, or not."""
        links, random = self.links, self.random
        self.counters.messages += 1
        self.counters.bytes += len(raw)
        copies = 2 if links.duplicate and random.random() < links.duplicate else 1
        for _ in range(copies):
            if (sender, receiver) in links.cut or (links.drop and random.random() < links.drop):
                continue
            delay_s = random.uniform(*links.delay_s)
            if links.slow and random.random() < links.slow:
                delay_s *= 10
            self.after(delay_s, lambda: deliver(raw))

    # --- views ---

    def add_node(self, chain: HashChain, key_index: int | None = None) -> Node:
        """A further machine; with a `key_index` of another one it is that one's twin."""
        node = Node(self, len(self.nodes), chain, key_index)
        self.nodes.append(node)
        return node

    def heights(self) -> list[int]:
        return [len(node.chain.blocks) for node in self.nodes]

    def _validators_of(self, height: int) -> ValidatorSet:
        longest = max((node.chain for node in self.nodes), key=lambda chain: len(chain.blocks))
        return longest.validators_of(height)


class Node:
    """A machine: what survives a restart, and the process that runs on it now."""

    def __init__(self, world: World, index: int, chain: HashChain, key_index: int | None = None) -> None:
        self.world = world
        self.index = index
        self.name = b"node-%d" % index
        self.chain = chain
        self.disk = SimDisk()
        self.key = key_of(index if key_index is None else key_index)
        self.is_follower = False
        self.skew_ms = 0
        self.job_s: tuple[float, float] = (0.001, 0.02)
        self.validate_s: float | None = None
        self.rebuilds_same = False
        self._built: BuiltBlock | None = None
        self._built_height = 0
        self._judged: set[Hash32] = set()
        self.carries_transactions = True
        self.builds_invalid = False
        self.refuses_undecided = False
        self.serves = True
        self.tamper: Callable[[SyncResponse], SyncResponse] | None = None
        self.replica: Replica | None = None
        self._life = 0
        self._job_cancelled = False
        self._wake_at_s: float | None = None
        self._filler = 0

    # --- life ---

    def boot(self) -> None:
        """Start the process from what is on disk."""
        if self.replica is not None:
            return
        self._life += 1
        self._wake_at_s = None
        self.act("boot", self._boot)

    def _boot(self) -> None:
        world = self.world
        wal = Wal.open(self.disk, lambda: world.random.randbytes(8))
        signer = None if self.is_follower else FileSigner(self.key, self.disk, STATE_NAME, CHAIN_ID)
        self.replica = Replica(
            chain_id=CHAIN_ID, params=world.params, signer=signer, wal=wal, port=self, clock=self
        )
        self.replica.start(self.chain.position())

    def crash(self, *, power: bool, restart_s: float | None) -> None:
        """Kill the process; with `power` the disk forgets what was not synced. None: it stays down."""
        self.replica = None
        self._life += 1
        self.world.counters.crashes += 1
        self.world.note(f"{self.index} crash power={power}")
        self.disk.cut_in = None
        if power:
            self.disk.power_cut(self.world.random)
        if restart_s is not None:
            self.world.after(restart_s, self.boot)

    def act(self, what: str, action: Callable[[], object]) -> None:
        """Run one event of the process; a power cut in the middle of it ends the process."""
        self.world.note(f"{self.index} {what}")
        try:
            action()
        except PowerCut:
            self.crash(power=True, restart_s=self.world.random.uniform(0.05, 3.0))
            return
        self._plan_wake()

    def _plan_wake(self) -> None:
        replica = self.replica
        deadline_s = None if replica is None else replica.next_deadline_s()
        if deadline_s is None or (self._wake_at_s is not None and self._wake_at_s <= deadline_s):
            return
        self._wake_at_s = deadline_s
        life = self._life

        def wake() -> None:
            if life != self._life or replica is None or self._wake_at_s is None:
                return
            if self.world.now_s < self._wake_at_s:
                return
            self._wake_at_s = None
            self.act("wake", replica.advance)

        self.world.at(deadline_s, wake)

    # --- Clock ---

    def monotonic_s(self) -> float:
        return self.world.now_s

    def wall_ms(self) -> int:
        return EPOCH_MS + int(self.world.now_s * 1000) + self.skew_ms

    # --- Port ---

    def broadcast(self, message: bytes) -> None:
        self._check(message)
        for node in self.world.nodes:
            if node.index != self.index:
                self._carry(node, message)

    def send(self, peer: bytes, message: bytes) -> None:
        self._check(message)
        self._carry(self._node(peer), message)

    def request(self, token: int, peer: bytes, message: bytes, timeout_s: float) -> None:
        node, life, world = self._node(peer), self._life, self.world
        is_open = True

        def answer(raw: bytes | None) -> None:
            nonlocal is_open
            replica = self.replica
            if is_open and life == self._life and replica is not None:
                is_open = False
                self.act(f"answer {_digest(raw)}", lambda: replica.on_answer(token, raw))

        def serve(raw: bytes) -> None:
            served = node.serve(raw)
            if served is not None:
                world.transmit(node.index, self.index, served, answer)

        world.transmit(self.index, node.index, message, serve)
        world.after(timeout_s, lambda: answer(None))

    def peers(self) -> list[bytes]:
        return [node.name for node in self.world.nodes if node.index != self.index]

    def penalise(self, peer: bytes, reason: str) -> None:
        self.world.counters.penalties += 1
        self.world.note(f"{self.index} penalises {peer.decode()}: {reason}")

    def has_transactions(self) -> bool:
        return self.carries_transactions

    def report_evidence(self, evidence: Evidence) -> None:
        self.world.checker.accused(evidence)

    def start_job(self, job: Job) -> None:
        life = self._life
        self._job_cancelled = False

        def done(result: JobResult) -> None:
            replica = self.replica
            if life == self._life and replica is not None:
                self.act(f"done {type(job).__name__}", lambda: replica.on_job_done(result))

        def work() -> None:
            if life != self._life:
                return
            result = None if self._job_cancelled else self._work(job)
            # A second event: a crash may come after the database wrote and before consensus hears of it.
            self.world.after(0.0005, lambda: done(result))

        duration_s = self.world.random.uniform(*self.job_s)
        if isinstance(job, ValidateJob) and self.validate_s is not None:
            # Like the real thing, an outcome that is remembered is there at once.
            duration_s = 0.001 if block_id_of(job.payload) in self._judged else self.validate_s
        self.world.after(duration_s, work)

    def cancel_job(self) -> None:
        self._job_cancelled = True

    # --- application ---

    def _work(self, job: Job) -> JobResult:
        match job:
            case BuildJob():
                return self._build(job.height)
            case ValidateJob():
                if self.refuses_undecided and not job.decided:
                    return Validation(None, False, "ahead of the clock", is_peer_fault=False)
                self._judged.add(block_id_of(job.payload))
                return self.chain.validate(job.height, job.payload)
            case CommitJob():
                position = self.chain.commit(job.payload, job.commit)
                self.world.note(f"{self.index} commit {position.height} {position.block_id.hex()[:8]}")
                self.world.checker.committed(position.height, job.payload, job.commit)
                return position

    def _build(self, height: int) -> BuiltBlock:
        # A restarted proposer builds another block than before: only the guard keeps it from proposing twice.
        self._filler += 1
        if self.rebuilds_same and self._built is not None and self._built_height == height:
            return self._built
        filler = b"%d/%d" % (self.index, self._filler) + (b"invalid" if self.builds_invalid else b"")
        self._built = self.chain.build(height, self.wall_ms(), filler)
        self._built_height = height
        return self._built

    def serve(self, raw: bytes) -> bytes | None:
        """Answer a request of a peer; None if this node is down or refuses."""
        if self.replica is None or not self.serves:
            return None
        try:
            request = decode_message(raw)
        except PeerError:
            return None
        if isinstance(request, BlockRequest):
            return self.replica.serve_block(request)
        assert isinstance(request, SyncRequest)
        found = self.chain.certified(request.start, min(request.count, BLOCKS_PER_REQUEST), RESPONSE_BYTES)
        blocks = tuple(SyncedBlock(payload, commit) for payload, commit in found)
        response = SyncResponse(len(self.chain.blocks), blocks)
        return encode_message(response if self.tamper is None else self.tamper(response))

    # --- inside ---

    def _node(self, peer: bytes) -> Node:
        return self.world.nodes[int(peer.split(b"-")[1])]

    def _check(self, message: bytes) -> None:
        kind = type(decoded(message)).__name__
        self.world.counters.by_kind[kind] = self.world.counters.by_kind.get(kind, 0) + 1
        address = None if self.is_follower else self.key.address
        self.world.checker.sent(address, message, self._is_durable)

    def _is_durable(self, entry: bytes) -> bool:
        """Whether the signer has nothing to sync and the log holds `entry`, as of this moment."""
        files = self.disk.files
        return not files[STATE_NAME].pending and any(entry in content.durable for content in files.values())

    def _carry(self, node: Node, message: bytes) -> None:
        def deliver(raw: bytes) -> None:
            replica = node.replica
            if replica is not None:
                node.act(f"got {_digest(raw)}", lambda: replica.on_message(self.name, raw))

        self.world.transmit(self.index, node.index, message, deliver)


def _digest(raw: bytes | None) -> str:
    return "nothing" if raw is None else sha256(raw).hexdigest()[:12]
