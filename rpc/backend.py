"""What the RPC package needs from the node, as small protocols that the node implements.

Owns the seam only: no implementation, no caching, no JSON. The listener's settings are in rpc/config.py.
`serve_rpc` (rpc/server.py) takes one object per protocol; one object may implement all three.

Threads: methods marked *any thread* are also called from worker threads while blocks are committed;
all others, and every coroutine, are called on the event loop only. Nothing here may block on the network.

Errors: a method may raise `chain.errors.CallerError` (answered to the client with its text, code -32000
unless rpc/errors.py knows the class better). `InvariantViolation` is not answered: it ends `serve_rpc`, and
with it the node. Every other exception is answered as -32603 and logged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from chain.block import Block
from chain.errors import CallerError
from chain.header import Header
from chain.receipt import Receipt
from chain.transaction import RecoveredTransaction
from chain.types import Address, Hash32
from state.chain_store import Head, TransactionLocation
from state.log_terms import LocatedLog, LogTerms
from state.proofs import AccountProof, Checkpoint
from state.reader import StateReader
from vm.block_simulation import SimulationBase
from vm.environment import BlockEnvironment
from vm.forks import Fork

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]


@dataclass(frozen=True, slots=True)
class SyncStatus:
    """A node that still catches up; block numbers as eth_syncing reports them."""

    starting_block: int
    current_block: int
    highest_block: int


@dataclass(frozen=True, slots=True)
class Health:
    """`live`: the process works. `ready`: it may get traffic. `checks`: the facts behind both, for people."""

    live: bool
    ready: bool
    checks: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PendingBlock:
    """A block of pooled transactions on the head, as this node would build it; nobody has agreed to it.

    `senders` and `receipts` belong to its transactions; `state` is the one behind it, which any thread may read;
    `environment` is the one that it ran in.
    """

    block: Block
    senders: tuple[Address, ...]
    receipts: tuple[Receipt, ...]
    state: StateReader
    environment: BlockEnvironment


@dataclass(frozen=True, slots=True)
class ForkConfiguration:
    """A rule set of this chain as EIP-7910 describes it.

    activation_time: seconds; 0 from genesis on, for a rule set to come the earliest time that it may begin.
    fork_id: FORK_HASH of EIP-6122, 4 bytes. system_contracts: those that blocks really call, by their EIP-7910 names.
    """

    fork: Fork
    activation_time: int
    blob_target: int
    blob_max: int
    blob_base_fee_update_fraction: int
    fork_id: bytes
    system_contracts: Mapping[str, Address]


class ChainBackend(Protocol):
    """The committed chain. Every block it returns is final."""

    @property
    def chain_id(self) -> int:
        """EIP-155 chain id; never changes."""
        ...

    @property
    def client_version(self) -> str:
        """For web3_clientVersion, e.g. `aurigraph/v0.1.0/linux-x86_64/python3.11`."""
        ...

    def head(self) -> Head:
        """The last committed block. *any thread*"""
        ...

    def header(self, number: int) -> Header | None:
        """None: beyond the head, or pruned. *any thread*"""
        ...

    def block(self, number: int) -> Block | None:
        """None: beyond the head, or pruned. *any thread*"""
        ...

    def block_number(self, block_hash: Hash32) -> int | None:
        """The number of a committed block. *any thread*"""
        ...

    def receipts(self, number: int) -> Sequence[Receipt] | None:
        """The receipts of a block in transaction order. *any thread*"""
        ...

    def log_candidates(
        self, terms: LogTerms, first: int, last: int, check: Callable[[], None]
    ) -> Iterator[int]:
        """The blocks from `first` to `last` that may hold a log which `terms` accept, ascending; none that holds one is
        left out. *any thread*

        Lazy. Calls `check` every few milliseconds, which may raise to end the search."""
        ...

    def matching_logs(self, number: int, terms: LogTerms) -> Sequence[LocatedLog] | None:
        """The logs of a block that `terms` accept, in order. None: beyond the head, or pruned. *any thread*"""
        ...

    def transaction_location(self, transaction_hash: Hash32) -> TransactionLocation | None:
        """Where a committed transaction stands. *any thread*"""
        ...

    def state_at(self, number: int) -> StateReader:
        """The state after block `number`; consistent while it is held. *any thread*

        Raises `StateUnavailable(CallerError)` when that state is not kept."""
        ...

    def oldest_state(self) -> int:
        """The first block from which on `state_at` and `prove` know every state. *any thread*"""
        ...

    def prove(
        self, number: int, address: Address, slots: Sequence[int], checkpoint: Checkpoint
    ) -> AccountProof:
        """Merkle proofs of an account and some of its slots under the state root of block `number`. *any thread*

        Calls `checkpoint` now and then, which may raise. Raises what `state_at` does."""
        ...

    async def pending_block(self) -> PendingBlock | None:
        """The block that this node would build on the head now, at most some hundred milliseconds old; None when it
        has none. Waits, but never computes on the event loop."""
        ...

    def fork_configurations(self) -> Sequence[ForkConfiguration]:
        """The rule sets of the chain in order of activation. *any thread*"""
        ...

    def environment_for(self, number: int) -> BlockEnvironment:
        """The environment that block `number` ran in. *any thread*"""
        ...

    def pending_environment(self) -> BlockEnvironment:
        """The environment the next block would run in if it were built now. *any thread*"""
        ...

    def simulation_base(self, number: int, checkpoint: Checkpoint) -> SimulationBase:
        """What blocks that were never proposed need to know about block `number`, which they follow. *any thread*

        Its `root_after` writes nothing; it calls `checkpoint` often, which may raise. Raises what `state_at` does."""
        ...

    def next_base_fee(self) -> int:
        """The base fee of the next block, wei per gas. *any thread*"""
        ...

    def syncing(self) -> SyncStatus | None:
        """None: at the head of the network."""
        ...


class PoolBackend(Protocol):
    """Transactions that are not in a block yet."""

    async def submit(self, raw: Sequence[bytes]) -> Sequence[Hash32 | CallerError]:
        """Decode, check and accept transactions; one answer for each, in order. Never raises for a bad
        transaction. A batch of eth_sendRawTransaction calls arrives as one call."""
        ...

    def pending_nonce(self, address: Address) -> int:
        """The next nonce: the account's, plus its pooled transactions that follow without a gap."""
        ...

    def get(self, transaction_hash: Hash32) -> RecoveredTransaction | None:
        """A transaction of the pool; None when it is not (or no longer) there."""
        ...

    def content(self, sender: Address | None = None) -> Sequence[RecoveredTransaction]:
        """What waits now, of everybody or of one sender, in no order that matters. Costs microseconds for each
        thousand; what it returns stays as it is and may be read by any thread."""
        ...

    def waiting(self) -> tuple[int, int]:
        """How many transactions could run now, and how many wait for an earlier one of their sender."""
        ...

    def minimum_tip(self) -> int:
        """The lowest priority fee the pool accepts, wei per gas; floor of the suggested tips."""
        ...


class NodeBackend(Protocol):
    """The running node: health, and the facts behind the `node_` namespace and net_*."""

    def health(self) -> Health:
        """What the /health pages answer."""
        ...

    def peer_count(self) -> int:
        """Connected nodes."""
        ...

    def is_listening(self) -> bool:
        """True: other nodes can connect to this one."""
        ...

    def status(self) -> Mapping[str, Json]:
        """node_status: versions, height, round, sync, pool and store figures; plain JSON values."""
        ...

    def validators(self, number: int | None = None) -> Sequence[Mapping[str, Json]] | None:
        """node_validators: a set in its order (address, public key, power, …): the active one, or the one that decided
        block `number`, None when nobody did. *any thread*"""
        ...

    def finality_certificate(self, number: int) -> Mapping[str, Json] | None:
        """node_finalityCertificate: the signatures that made a block final; None when nothing had to. *any thread*"""
        ...

    def block_events(self, number: int) -> Mapping[str, Json] | None:
        """node_blockEvents: what block hooks logged and whom they made validators; None for an unknown block.
        *any thread*"""
        ...

    def peers(self) -> Sequence[Mapping[str, Json]]:
        """node_peers: the connected nodes."""
        ...


class EventListener(Protocol):
    """Who wants to know what happens. Both methods return at once and never raise."""

    @property
    def wants_transactions(self) -> bool:
        """False: `transactions_accepted` need not be called."""
        ...

    def head_changed(self) -> None:
        """The committed head is another one: usually the next block, but blocks may have been committed in quick
        succession, and a development chain may have been set back. The listener reads the chain itself."""
        ...

    def transactions_accepted(self, accepted: Sequence[RecoveredTransaction]) -> None:
        """The pool took these in, in this order."""
        ...


class EventSource(Protocol):
    """The node as the one that tells. Everything is told on the event loop."""

    def listen(self, listener: EventListener) -> None:
        """Tell from now on."""
        ...

    def stop_listening(self, listener: EventListener) -> None:
        """Tell no more."""
        ...
