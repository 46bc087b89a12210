"""The running node: opens everything in order, runs the tasks in one nursery, closes in reverse order.

Owns start and stop. First SIGTERM or SIGINT: stop accepting, finish what runs, flush, exit 0; a second one within
that time ends at once. Never holds logic of a part.
"""

from __future__ import annotations

import gc
import os
import resource
import signal
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import structlog
import trio

from chain.types import Address
from consensus.driver import ConsensusDriver
from consensus.signer import FileSigner
from node.admin import NodeAdmin, stop_process
from node.application import ChainApplication
from node.chain_start import open_store, read_chain
from node.clock import wall_time_ms
from node.config import NodeConfig, VmSettings
from node.contract_faults import watch_contract_faults
from node.engines import EngineChoice
from node.gossip import TOPIC, gossip_transactions
from node.home import NodeHome
from node.journal import TransactionJournal
from node.key_proof import KeyProof, make_proof
from node.log_catch_up import complete_log_index
from node.pool import ReportsReady, TransactionPool
from node.rpc_backend import NodeRpcBackend
from node.transport import CONSENSUS_PROTOCOL, ConsensusTransport, SilentTransport
from p2p.network import Network
from rpc.config import LOCAL_HOSTS, CallLimits, HttpLimits, RpcConfig, WebSocketLimits
from rpc.dispatch.heavy import SWITCH_INTERVAL_S
from rpc.server import serve_rpc
from vm.precompiles import load_trusted_setup

if TYPE_CHECKING:
    from node.dev.service import DevOptions

STOP_GRACE_S = 15.0
OPEN_FILES = 65_536  # each client is one, each table of the database another; shells grant 1,024 unless asked
JOURNAL_CHECK_S = 5.0
ENVELOPE_BYTES = 256 << 10  # a proposal and its certificates beside the block

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class NodeOptions:
    """What the command line decides: `with_network` False is a chain of one process, `dev` one without consensus."""

    home: NodeHome
    config: NodeConfig
    with_network: bool = True
    dev: DevOptions | None = None


def run_node(options: NodeOptions) -> None:
    """Runs until a signal. Raises NodeError for what the operator must mend."""
    # A worker thread that executes a block would keep the event loop waiting 5 ms at each switch, with or without RPC.
    sys.setswitchinterval(min(sys.getswitchinterval(), SWITCH_INTERVAL_S))
    _allow_open_files()
    watch_contract_faults()
    trio.run(_supervise, options)


def _allow_open_files() -> None:
    """Asks for as many open files as the system grants, without privileges."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def _supervise(options: NodeOptions) -> None:
    async with trio.open_nursery() as nursery:
        stopping = trio.CancelScope()
        await nursery.start(_watch_signals, stopping, nursery)
        with stopping:
            await (serve_node(options) if options.dev is None else _serve_development(options, options.dev))
        nursery.cancel_scope.cancel()


async def _give_up_stopping() -> None:
    """Ends a process that does not stop by itself; what is decided and acknowledged is on disk already."""
    await trio.sleep(STOP_GRACE_S)
    log.error("stopping_took_too_long", grace_s=STOP_GRACE_S)
    os._exit(1)


def _stop_signals() -> tuple[signal.Signals, ...]:
    """A closed terminal stops a node like SIGTERM, unless nohup or a supervisor had SIGHUP ignored."""
    ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    return (signal.SIGTERM, signal.SIGINT) if ignored else (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


async def _watch_signals(
    stopping: trio.CancelScope,
    nursery: trio.Nursery,
    *,
    task_status: ReportsReady = trio.TASK_STATUS_IGNORED,
) -> None:
    with trio.open_signal_receiver(*_stop_signals()) as signals:
        task_status.started(None)  # before anything is opened: an early Ctrl-C is a stop too
        async for number in signals:
            if stopping.cancel_called:
                log.warning("stopping_at_once", signal=signal.Signals(number).name)
                os._exit(130)
            log.info("stopping", signal=signal.Signals(number).name, grace_s=STOP_GRACE_S)
            stopping.cancel()
            nursery.start_soon(_give_up_stopping)


async def serve_node(options: NodeOptions) -> None:
    """Runs a node until cancelled. Raises NodeError for what the operator must mend."""
    home, config = options.home, options.config
    home.require_initialised()
    home.make_folders()
    chain = read_chain(home.genesis)
    constants = chain.constants
    signer = load_signer(home, constants.chain_id)
    own_address = None if signer is None else signer.address
    async with AsyncExitStack() as stack:
        store = open_store(home.database, chain)
        stack.callback(store.close)
        if signer is not None:
            stack.callback(signer.close)
        journal = TransactionJournal(home.journal)
        stack.callback(journal.close)
        pool = TransactionPool(constants, store, config.mempool, journal)
        engines = _choose_engines(config.vm, home)
        application = ChainApplication(
            constants, chain.record, store, pool, config.production, wall_time_ms, own_address, engines
        )
        _tell_stranger(application, own_address)
        network = await _open_network(stack, options, constants.params.max_block_bytes)
        transport = ConsensusTransport(network) if network is not None else SilentTransport()
        driver = ConsensusDriver(
            chain_id=constants.chain_id,
            params=constants.params,
            signer=signer,
            wal_folder=home.wal,
            application=application,
            transport=transport,
            wall_time_ms=wall_time_ms,
        )
        backend = NodeRpcBackend(
            store, application, pool, config.mempool, network, driver.status, wall_time_ms
        )
        async with trio.open_nursery() as nursery:
            nursery.start_soon(driver.run)
            # The journal may hold many transactions: consensus does not wait for them, clients do, because the next
            # nonce of an account would be wrong before.
            await nursery.start(pool.run)
            nursery.start_soon(_keep_journal_small, pool)
            nursery.start_soon(complete_log_index, store)
            if network is not None:
                nursery.start_soon(gossip_transactions, network, pool)
            port = 0
            if config.rpc.enabled or config.rpc.ipc:
                prove = None if signer is None else _prover(signer, constants.chain_id)
                admin = NodeAdmin(home, backend, network, stop_process, prove)
                settings = rpc_config(config, home)
                port = await nursery.start(
                    partial(serve_rpc, settings, backend, backend, backend, admin=admin, events=pool.events)
                )
            # Takes 2 s of another core: now, and not in the middle of the first block that needs it.
            nursery.start_soon(trio.to_thread.run_sync, load_trusted_setup)
            # What is loaded now stays: a full collection need not look at it again (10 times faster on large JSON).
            gc.collect()
            gc.freeze()
            log.info("node_started", chain_id=constants.chain_id, height=store.head.number, rpc_port=port)


async def _serve_development(options: NodeOptions, dev: DevOptions) -> None:
    # Not imported otherwise: what only a development node may do is not even loaded into any other.
    from node.dev.service import serve_dev_node

    config = options.config
    engines = _choose_engines(config.vm, options.home)
    await serve_dev_node(
        options.home,
        config,
        dev,
        engines,
        rpc_config(config, options.home) if config.rpc.enabled or config.rpc.ipc else None,
    )


def _choose_engines(settings: VmSettings, home: NodeHome) -> EngineChoice:
    engines = EngineChoice.of(settings, home.root)
    log.info(
        "evm_engine",
        name=engines.name,
        compile=settings.compile,
        code_cache_bytes=settings.code_cache_bytes,
        cross_check=engines.second_name or None,
    )
    return engines


def load_signer(home: NodeHome, chain_id: int) -> FileSigner | None:
    """The consensus key of a validator, or None for a node that only follows."""
    if not home.validator_key.exists():
        return None
    return FileSigner.load(home.validator_key, chain_id)


def _prover(signer: FileSigner, chain_id: int) -> Callable[[Address], KeyProof]:
    return lambda operator: signer.attest(lambda key: make_proof(key, chain_id, operator))


def _tell_stranger(application: ChainApplication, own_address: Address | None) -> None:
    """A key outside of the set follows, and votes as soon as staking makes it a validator, without a new start."""
    if own_address is not None and own_address not in application.position().validators:
        chain_id = application.constants.chain_id
        log.warning("key_is_no_validator", address="0x" + own_address.hex(), chain_id=chain_id)


def rpc_config(config: NodeConfig, home: NodeHome | None = None) -> RpcConfig:
    """The listeners' settings from the node's; without `home` there is no unix socket."""
    settings = config.rpc
    return RpcConfig(
        listens_on_tcp=settings.enabled,
        ipc_path=home.ipc_socket if home is not None and settings.ipc else None,
        namespaces=settings.namespaces,
        host=settings.host,
        port=settings.port,
        cors_origins=settings.cors_origins,
        allowed_hosts=(*LOCAL_HOSTS, *settings.allowed_hosts),
        http=HttpLimits(
            max_connections=settings.max_connections,
            max_connections_per_address=settings.max_connections_per_address,
        ),
        websocket=WebSocketLimits(
            max_connections=settings.max_websockets,
            max_connections_per_address=settings.max_websockets_per_address,
        ),
        calls=CallLimits(max_batch_calls=settings.max_batch, gas_cap=settings.gas_cap),
    )


async def _open_network(stack: AsyncExitStack, options: NodeOptions, max_block_bytes: int) -> Network | None:
    if not options.with_network:
        return None
    # libp2p is slow to import and large: only a node that has a network pays for it.
    from p2p.identity import load_or_create_identity
    from p2p.libp2p_network import open_libp2p_network
    from p2p.multiaddress import parse_peer_id
    from p2p.network import StreamLimits
    from p2p.network_config import NetworkConfig

    settings = options.config.p2p
    network_config = NetworkConfig(
        listen=settings.listen,
        peers=settings.peers,
        only_listed_peers=settings.only_listed_peers,
        max_connections=settings.max_connections,
        topics=(TOPIC,),
        # A proposal carries its whole block.
        stream_limits={CONSENSUS_PROTOCOL: StreamLimits(max_message_bytes=max_block_bytes + ENVELOPE_BYTES)},
        peer_book=options.home.peer_book,
    )
    identity = load_or_create_identity(options.home.node_key)
    log.info("network_identity", peer_id=identity.text)
    if settings.only_listed_peers and not settings.peers and not settings.allowed_peers:
        log.warning("nobody_can_connect", reason=f"p2p.peers is empty in {options.home.config}")
    network = await stack.enter_async_context(open_libp2p_network(network_config, identity))
    if settings.only_listed_peers and settings.allowed_peers:
        listed = {address.peer_id for address in network_config.listed_peers() if address.peer_id is not None}
        network.allow_only(frozenset(listed | {parse_peer_id(text) for text in settings.allowed_peers}))
    return network


async def _keep_journal_small(pool: TransactionPool) -> None:
    while True:
        await trio.sleep(JOURNAL_CHECK_S)
        await pool.maintain_journal()
