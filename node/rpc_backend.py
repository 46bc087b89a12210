"""The node as the RPC package sees it: implements rpc.backend's three protocols over store, pool and consensus.

Owns translation only; no caching and no rules of its own. Methods marked *any thread* there read the store, which
allows it; the rest run on the event loop.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import version

from chain.block import Block
from chain.errors import CallerError
from chain.fees import next_base_fee
from chain.header import Header
from chain.receipt import Receipt
from chain.transaction import RecoveredTransaction
from chain.types import Address, Hash32
from consensus.codec import decode_commit
from consensus.status import ConsensusStatus
from node.application import ChainApplication
from node.block_events import block_events_json
from node.config import MempoolSettings
from node.finality import certificate_json, validators_json
from node.fork_configuration import fork_configurations
from node.pending import SHOWN_AT_LEAST_S, PendingBlocks
from node.pool import TransactionPool
from p2p.multiaddress import peer_id_text
from p2p.network import Network
from rpc.backend import ForkConfiguration, Health, Json, PendingBlock, SyncStatus
from state.chain_store import ChainStore, Head, TransactionLocation
from state.log_terms import LocatedLog, LogTerms
from state.proofs import AccountProof, Checkpoint
from state.reader import StateReader
from state.roots_ahead import RootsAhead
from vm.block_simulation import SimulationBase
from vm.environment import BlockEnvironment
from vm.system.runtime.faults import FAULTS

CLIENT_VERSION = (
    f"aurigraph/v{version('aurigraph')}/{platform.system().lower()}-{platform.machine()}"
    f"/python{platform.python_version()}"
)
# A head this much older than the interval at which blocks should come means that something is wrong.
STALE_HEAD_INTERVALS = 30


class NodeRpcBackend:
    """ChainBackend, PoolBackend and NodeBackend in one."""

    def __init__(
        self,
        store: ChainStore,
        application: ChainApplication,
        pool: TransactionPool,
        mempool_settings: MempoolSettings,
        network: Network | None,
        consensus_status: Callable[[], ConsensusStatus | None],
        wall_time_ms: Callable[[], int],
        *,
        pending_shown_at_least_s: float = SHOWN_AT_LEAST_S,
    ) -> None:
        self._store = store
        self._application = application
        self._pool = pool
        self._mempool_settings = mempool_settings
        self._network = network
        self._consensus_status = consensus_status
        self._wall_time_ms = wall_time_ms
        self._first_height = store.head.number
        self._pending = PendingBlocks(
            store,
            pool,
            application.pending_environment,
            application.constants.params.max_block_bytes,
            shown_at_least_s=pending_shown_at_least_s,
        )

    # --- ChainBackend -------------------------------------------------------------------------------------

    @property
    def chain_id(self) -> int:
        return self._application.constants.chain_id

    @property
    def client_version(self) -> str:
        return CLIENT_VERSION

    def head(self) -> Head:
        return self._store.head

    def header(self, number: int) -> Header | None:
        return self._store.header(number)

    def block(self, number: int) -> Block | None:
        return self._store.block(number)

    def block_number(self, block_hash: Hash32) -> int | None:
        return self._store.block_number(block_hash)

    def receipts(self, number: int) -> Sequence[Receipt] | None:
        return self._store.receipts(number)

    def log_candidates(
        self, terms: LogTerms, first: int, last: int, check: Callable[[], None]
    ) -> Iterator[int]:
        return self._store.log_candidates(terms, first, last, check)

    def matching_logs(self, number: int, terms: LogTerms) -> Sequence[LocatedLog] | None:
        return self._store.matching_logs(number, terms)

    def transaction_location(self, transaction_hash: Hash32) -> TransactionLocation | None:
        return self._store.transaction_location(transaction_hash)

    def state_at(self, number: int) -> StateReader:
        return self._store.state_at(number)

    def oldest_state(self) -> int:
        return self._store.oldest_state()

    def prove(
        self, number: int, address: Address, slots: Sequence[int], checkpoint: Checkpoint
    ) -> AccountProof:
        return self._store.prove(number, address, slots, checkpoint)

    async def pending_block(self) -> PendingBlock:
        return await self._pending.current()

    def fork_configurations(self) -> Sequence[ForkConfiguration]:
        return fork_configurations(self._store, self._application.constants)

    def environment_for(self, number: int) -> BlockEnvironment:
        environment = self._application.environment_of(number)
        if environment is None:
            raise CallerError(f"header not found: {number}")
        return environment

    def pending_environment(self) -> BlockEnvironment:
        return self._application.pending_environment()

    def simulation_base(self, number: int, checkpoint: Checkpoint) -> SimulationBase:
        header, state = self._store.header(number), self._store.state_at(number)
        if header is None:
            raise CallerError(f"header not found: {number}")
        return SimulationBase(
            self.chain_id,
            header,
            state,
            lambda later, _timestamp: self._application.constants.forks.at(later),
            self._store.canonical_hash,
            RootsAhead(state, checkpoint).advance,
            self._application.engines.evm,
            self._application.votes_on(number),
            self._application.constants.fee_recipient,
        )

    def next_base_fee(self) -> int:
        header = self._store.header(self._store.head.number)
        if header is None:
            raise CallerError("header not found")
        return next_base_fee(header)

    def syncing(self) -> SyncStatus | None:
        status = self._consensus_status()
        current = self._store.head.number
        if status is None or status.highest_peer_height <= current + 1:
            return None
        return SyncStatus(self._first_height, current, status.highest_peer_height)

    # --- PoolBackend --------------------------------------------------------------------------------------

    async def submit(self, raw: Sequence[bytes]) -> Sequence[Hash32 | CallerError]:
        return await self._pool.submit(raw)

    def pending_nonce(self, address: Address) -> int:
        return self._pool.pending_nonce(address)

    def get(self, transaction_hash: Hash32) -> RecoveredTransaction | None:
        return self._pool.known(transaction_hash)

    def content(self, sender: Address | None = None) -> Sequence[RecoveredTransaction]:
        return self._pool.content(sender)

    def waiting(self) -> tuple[int, int]:
        executable, queued, _ = self._pool.counts()
        return executable, queued

    def minimum_tip(self) -> int:
        return self._mempool_settings.min_tip_wei

    # --- NodeBackend --------------------------------------------------------------------------------------

    def health(self) -> Health:
        position = self._application.position()
        age_ms = max(0, self._wall_time_ms() - position.block_time_ms)
        params = self._application.constants.params
        syncing = self.syncing() is not None
        stale = False
        if params.empty_block_interval_ms is not None and position.height > 0:
            expected_ms = max(params.block_interval_ms, params.empty_block_interval_ms)
            stale = age_ms > expected_ms * STALE_HEAD_INTERVALS
        checks: dict[str, Json] = {
            "height": position.height,
            "head_age_ms": age_ms,
            "syncing": syncing,
            "peers": self.peer_count(),
        }
        return Health(live=True, ready=not syncing and not stale, checks=checks)

    def peer_count(self) -> int:
        return len(self._network.peers()) if self._network is not None else 0

    def is_listening(self) -> bool:
        return self._network is not None

    def status(self) -> Mapping[str, Json]:
        position = self._application.position()
        status = self._consensus_status()
        executable, queued, size_bytes = self._pool.counts()
        head = self._store.head
        return {
            "client": CLIENT_VERSION,
            "chainId": self.chain_id,
            "height": head.number,
            "hash": "0x" + head.hash.hex(),
            "stateRoot": "0x" + head.state_root.hex(),
            "blockTimeMs": position.block_time_ms,
            "consensus": status.as_json() if status is not None else None,
            "peers": self.peer_count(),
            "peerId": peer_id_text(self._network.me) if self._network is not None else None,
            "network": dict(self._network.counters()) if self._network is not None else None,
            "pool": {"executable": executable, "queued": queued, "bytes": size_bytes},
            "systemContractFaults": FAULTS.count,
        }

    def validators(self, number: int | None = None) -> Sequence[Mapping[str, Json]] | None:
        application = self._application
        found = application.position().validators if number is None else application.validators_of(number)
        if found is None:
            return None
        state, registry = self._store.latest_state(), application.constants.registry
        return validators_json(found, lambda address: registry.operator_of(state, address))

    def finality_certificate(self, number: int) -> Mapping[str, Json] | None:
        stored, validators = self._store.certificate(number), self._application.validators_of(number)
        tied = self._application.consensus_data_of(number)
        if not stored or validators is None or tied is None:
            return None  # genesis
        return certificate_json(self.chain_id, validators, decode_commit(stored), tied)

    def block_events(self, number: int) -> Mapping[str, Json] | None:
        block_hash = self._store.canonical_hash(number)
        if block_hash is None:
            return None
        return block_events_json(number, block_hash, self._application.chain_record(number))

    def peers(self) -> Sequence[Mapping[str, Json]]:
        if self._network is None:
            return []
        return [
            {
                "id": peer_id_text(peer.peer_id),
                "direction": peer.direction.value,
                "address": peer.address,
                "connectedSeconds": round(peer.connected_s, 1),
                "roundTripMs": peer.round_trip_ms,
                "penalty": peer.penalty,
            }
            for peer in self._network.peers()
        ]
