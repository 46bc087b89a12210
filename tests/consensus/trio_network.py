"""Real drivers on trio with an in-memory transport, a hash chain as application, and files in a directory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random

import trio

from chain.errors import PeerError
from consensus.application import BuiltBlock, ChainPosition, RequestHandler, Validation
from consensus.driver import ConsensusDriver
from consensus.params import ConsensusParams
from consensus.signer import FileSigner
from consensus.types import Commit, Evidence
from tests.sim.chain import HashChain, genesis_set, key_of
from tests.sim.checker import Checker

CHAIN_ID = 99
EPOCH_MS = 1_700_000_000_000


def wall_ms() -> int:
    return EPOCH_MS + round(trio.current_time() * 1000)


class ChainApplication:
    """`Application` over a HashChain; the chain outlives the process, as a database does."""

    def __init__(self, chain: HashChain, name: int, checker: Checker) -> None:
        self.chain = chain
        self.validate_s = 0.0
        self.build_s = 0.0
        self.calls: list[str] = []
        self._name = name
        self._checker = checker
        self._built = 0
        self._busy = False
        self._transactions = trio.Event()
        self._transactions.set()

    def set_transactions(self, present: bool) -> None:
        if present:
            self._transactions.set()
        else:
            self._transactions = trio.Event()

    def position(self) -> ChainPosition:
        return self.chain.position()

    async def build(
        self,
        height: int,
        round: int,  # noqa: A002
        last_commit: Commit | None,
        deadline_s: float,
    ) -> BuiltBlock:
        assert last_commit is None or last_commit.height == height - 1
        async with _Alone(self, "build"):
            await trio.sleep(self.build_s)
            self._built += 1
            return self.chain.build(height, wall_ms(), b"%d/%d" % (self._name, self._built))

    async def validate(self, height: int, payload: bytes, *, decided: bool = False) -> Validation:
        async with _Alone(self, "validate"):
            await trio.sleep(self.validate_s)
            return self.chain.validate(height, payload)

    async def commit(self, payload: bytes, commit: Commit) -> ChainPosition:
        async with _Alone(self, "commit"):
            await trio.sleep(0.002)
            position = self.chain.commit(payload, commit)
            self._checker.committed(position.height, payload, commit)
            await trio.sleep(0.002)
            return position

    def has_transactions(self) -> bool:
        return self._transactions.is_set()

    async def wait_for_transactions(self) -> None:
        await self._transactions.wait()

    def report_evidence(self, evidence: Evidence) -> None:
        self._checker.accused(evidence)

    async def certified_blocks(self, start: int, count: int, max_bytes: int) -> list[tuple[bytes, Commit]]:
        await trio.lowlevel.checkpoint()
        return self.chain.certified(start, count, max_bytes)


class _Alone:
    """Fails when two of build, validate and commit overlap."""

    def __init__(self, application: ChainApplication, call: str) -> None:
        self._application = application
        self._call = call

    async def __aenter__(self) -> None:
        assert not self._application._busy, f"{self._call} overlaps with another call"
        self._application._busy = True
        self._application.calls.append(self._call)

    async def __aexit__(self, *_: object) -> None:
        self._application._busy = False


class Hub:
    """Carries messages between transports after a random delay; loses some."""

    def __init__(self, nursery: trio.Nursery, seed: int = 1, drop: float = 0.0) -> None:
        self.nursery = nursery
        self.random = Random(seed)
        self.drop = drop
        self.transports: dict[bytes, MemoryTransport] = {}
        self.messages = 0

    def carry(self, sender: bytes, receiver: bytes, message: bytes) -> None:
        self.messages += 1
        if self.random.random() >= self.drop:
            self.nursery.start_soon(
                self._deliver, sender, receiver, message, self.random.uniform(0.001, 0.03)
            )

    async def _deliver(self, sender: bytes, receiver: bytes, message: bytes, delay_s: float) -> None:
        await trio.sleep(delay_s)
        transport = self.transports.get(receiver)
        if transport is not None:
            transport.put(sender, message)


class MemoryTransport:
    """`Transport` of one node."""

    def __init__(self, hub: Hub, name: bytes, on_send: Callable[[bytes], None]) -> None:
        self.penalties: list[tuple[bytes, str]] = []
        self._hub = hub
        self._name = name
        self._on_send = on_send
        self._put, self._inbox = trio.open_memory_channel[tuple[bytes, bytes]](256)
        self._handler: RequestHandler | None = None

    def connect(self) -> None:
        self._hub.transports[self._name] = self

    def disconnect(self) -> None:
        self._hub.transports.pop(self._name, None)

    def put(self, sender: bytes, message: bytes) -> None:
        try:
            self._put.send_nowait((sender, message))
        except trio.WouldBlock:
            pass

    async def broadcast(self, message: bytes) -> None:
        self._on_send(message)
        for peer in self.peers():
            self._hub.carry(self._name, peer, message)

    async def send(self, peer: bytes, message: bytes) -> None:
        self._on_send(message)
        self._hub.carry(self._name, peer, message)

    async def receive(self) -> tuple[bytes, bytes]:
        return await self._inbox.receive()

    async def request(self, peer: bytes, message: bytes, timeout_s: float) -> bytes:
        with trio.move_on_after(timeout_s):
            await trio.sleep(0.02)
            other = self._hub.transports.get(peer)
            if other is not None:
                answer: Awaitable[bytes] = other.serve(self._name, message)
                return await answer
        raise PeerError("no answer")

    async def serve(self, peer: bytes, message: bytes) -> bytes:
        if self._handler is None:
            raise PeerError("not serving")
        return await self._handler(peer, message)

    def set_request_handler(self, handler: RequestHandler) -> None:
        self._handler = handler

    def peers(self) -> list[bytes]:
        return sorted(name for name in self._hub.transports if name != self._name)

    def penalise(self, peer: bytes, reason: str) -> None:
        self.penalties.append((peer, reason))


class TrioNode:
    """One machine: `home` and `application.chain` survive `stop` and `start`."""

    def __init__(
        self,
        hub: Hub,
        checker: Checker,
        home: Path,
        index: int,
        count: int,
        params: ConsensusParams,
        *,
        has_key: bool = True,
    ) -> None:
        self.name = b"peer-%d" % index
        self.home = home / f"node-{index}"
        self.home.mkdir(exist_ok=True)
        self.application = ChainApplication(HashChain(genesis_set(count), genesis_time_ms=0), index, checker)
        self.transport = MemoryTransport(hub, self.name, self._on_send)
        self.key_path = self.home / "key.json" if has_key else None
        self.driver: ConsensusDriver | None = None
        self.signer: FileSigner | None = None
        self._hub = hub
        self._checker = checker
        self._params = params
        self._scope = trio.CancelScope()
        if self.key_path is not None and not self.key_path.exists():
            FileSigner.create(self.key_path, key_of(index).secret)

    @property
    def height(self) -> int:
        return len(self.application.chain.blocks)

    async def run(self) -> None:
        """Run a driver until `stop`; everything in memory is new each time."""
        self.transport = MemoryTransport(self._hub, self.name, self._on_send)
        self.signer = None if self.key_path is None else FileSigner.load(self.key_path, CHAIN_ID)
        self.driver = ConsensusDriver(
            chain_id=CHAIN_ID,
            params=self._params,
            signer=self.signer,
            wal_folder=self.home / "wal",
            application=self.application,
            transport=self.transport,
            wall_time_ms=wall_ms,
        )
        self.application._busy = False
        self.transport.connect()
        self._scope = trio.CancelScope()
        try:
            with self._scope:
                await self.driver.run()
        finally:
            self.transport.disconnect()
            if self.signer is not None:
                self.signer.close()

    def stop(self) -> None:
        self._scope.cancel()

    def _on_send(self, message: bytes) -> None:
        own = None if self.signer is None else self.signer.address
        self._checker.sent(own, message, self._is_logged)

    def _is_logged(self, entry: bytes) -> bool:
        return any(entry in path.read_bytes() for path in (self.home / "wal").iterdir())


def checker_of(count: int) -> Checker:
    chain = HashChain(genesis_set(count))
    for height in range(1, 2000):
        chain._extend_sets(height)
    return Checker(CHAIN_ID, chain.validators_of)


async def until(condition: Callable[[], bool], within_s: float) -> None:
    """Wait in virtual time."""
    with trio.fail_after(within_s):
        while not condition():
            await trio.sleep(0.05)
