"""The development node as a process: opens the parts in order and runs their tasks.

Owns start and stop of `start --dev`; signals are node.service's. Never holds logic of a part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import structlog
import trio

from chain.errors import CallerError
from chain.types import Hash32
from consensus.signer import KeyFile
from genesis import dev_accounts
from node.admin import NodeAdmin, stop_process
from node.chain_start import open_dev_store, read_chain
from node.clock import wall_time_ms
from node.config import MempoolSettings, NodeConfig
from node.dev.application import DevApplication
from node.dev.clock import DevClock
from node.dev.node import Accounts, DevNode, clock_offset_ms
from node.dev.pool import DevPool
from node.engines import EngineChoice
from node.errors import HomeError
from node.home import NodeHome
from node.key_proof import make_proof
from node.rpc_backend import CLIENT_VERSION, NodeRpcBackend
from rpc.backend import Json
from rpc.config import RpcConfig
from rpc.server import serve_rpc
from state.chain_store import ChainStore
from vm.precompiles import load_trusted_setup

DEV_CLIENT_VERSION = f"anvil-compatible/{CLIENT_VERSION}"
"""Hardhat's network helpers refuse a node whose version does not begin with hardhat, zksync or anvil."""

REQUEST_TIMEOUT_S: Final = 300.0
"""Mining MAX_BLOCKS_AT_ONCE blocks takes minutes on a slow machine, and no stranger calls a development node."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DevOptions:
    """How blocks are made at first: with each transaction, at an interval, or on request only."""

    automine: bool = True
    interval_ms: int | None = None


class DevRpcBackend(NodeRpcBackend):
    """The node's back end for RPC, in which a transaction is mined before it is answered."""

    def __init__(
        self,
        store: ChainStore,
        application: DevApplication,
        pool: DevPool,
        settings: MempoolSettings,
        node: DevNode,
    ) -> None:
        # Who sets the next block's time or waits for nothing else wants to see the pending block as it would be now.
        super().__init__(
            store,
            application,
            pool,
            settings,
            None,
            lambda: None,
            application.clock,
            pending_shown_at_least_s=0,
        )
        self._node = node

    @property
    def client_version(self) -> str:
        return DEV_CLIENT_VERSION

    def status(self) -> Mapping[str, Json]:
        return {**super().status(), "development": dict(self._node.status())}

    async def submit(self, raw: Sequence[bytes]) -> Sequence[Hash32 | CallerError]:
        answers = await super().submit(raw)
        if self._node.automine and any(isinstance(answer, bytes) for answer in answers):
            await self._node.mine_waiting()
        return answers

    def next_base_fee(self) -> int:
        return self._application.pending_environment().base_fee_per_gas


async def serve_dev_node(
    home: NodeHome, config: NodeConfig, options: DevOptions, engines: EngineChoice, rpc: RpcConfig | None
) -> None:
    """Runs a development node until cancelled. Raises NodeError for what its user must mend."""
    home.require_initialised()
    home.make_folders()
    chain = read_chain(home.genesis)
    constants = chain.constants
    async with AsyncExitStack() as stack:
        key_file = KeyFile.open(home.validator_key)
        stack.callback(key_file.close)
        if key_file.key.address not in chain.record.validators:
            raise HomeError(f"{home.validator_key} is not the key of the validator that {home.genesis} names")
        store = open_dev_store(home.database, chain)
        stack.callback(store.close)
        keys = {key.address: key for key in dev_accounts(constants.chain_id)}
        accounts = Accounts(keys, set())
        pool = DevPool(constants, store, config.mempool, accounts.may_speak_for)
        clock = DevClock(wall_time_ms, clock_offset_ms(store))
        application = DevApplication(
            constants, chain.record, store, pool, config.production, clock, key_file.key, engines
        )
        node = DevNode(
            chain,
            store,
            application,
            pool,
            accounts,
            automine=options.automine,
            interval_ms=options.interval_ms,
        )
        backend = DevRpcBackend(store, application, pool, config.mempool, node)
        async with trio.open_nursery() as nursery:
            await nursery.start(pool.run)
            nursery.start_soon(node.run)
            port = 0
            if rpc is not None:
                patient = replace(rpc, http=replace(rpc.http, handler_timeout_s=REQUEST_TIMEOUT_S))
                port = await nursery.start(
                    partial(
                        serve_rpc,
                        patient,
                        backend,
                        backend,
                        backend,
                        dev=node,
                        admin=NodeAdmin(
                            home,
                            backend,
                            None,
                            stop_process,
                            partial(make_proof, key_file.key, constants.chain_id),
                        ),
                        events=pool.events,
                    )
                )
            nursery.start_soon(trio.to_thread.run_sync, load_trusted_setup)
            log.info("node_started", chain_id=constants.chain_id, height=store.head.number, rpc_port=port)
