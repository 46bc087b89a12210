"""A development node without a process: store on disk, pool, miner, and its JSON-RPC methods behind a dispatcher."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import trio

from chain.types import Address
from genesis import DEV_OPERATOR, GenesisValidator, dev_accounts, dev_genesis, dump_genesis
from node.chain_start import open_dev_store, read_chain
from node.config import MempoolSettings, ProductionSettings
from node.dev.application import DevApplication
from node.dev.clock import DevClock
from node.dev.node import Accounts, DevNode, clock_offset_ms
from node.dev.pool import DevPool
from node.dev.service import DevRpcBackend
from node.engines import NATIVE_ONLY
from rpc.config import CallLimits
from rpc.dispatch.byte_budget import ByteBudget
from rpc.dispatch.dispatcher import Dispatcher
from rpc.dispatch.heavy import HeavyCalls
from rpc.methods.table import method_table
from rpc.services import Services
from state.dev_store import DevChainStore
from tests.node.chain_fixture import GENESIS_TIME, VALIDATOR
from tests.rpc.json_schema import assert_valid_reply

ACCOUNTS = dev_accounts()
FIRST, SECOND = ("0x" + key.address.hex() for key in ACCOUNTS[:2])
STRANGER = "0x" + "57" * 20
AUR = 10**18


@dataclass
class WallClock:
    """A wall clock that only tests move."""

    now_ms: int = (GENESIS_TIME + 1000) * 1000

    def __call__(self) -> int:
        return self.now_ms


@dataclass
class RunningDev:
    """The node and a client of it."""

    node: DevNode
    store: DevChainStore
    application: DevApplication
    pool: DevPool
    dispatcher: Dispatcher

    async def reply(self, method: str, *params: object) -> Any:
        """The reply object, whose form is checked."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        raw = await self.dispatcher.handle(body)
        assert raw is not None
        assert_valid_reply(body, raw)
        return json.loads(raw)

    async def call(self, method: str, *params: object) -> Any:
        """The result."""
        reply = await self.reply(method, *params)
        assert "result" in reply, (method, reply)
        return reply["result"]

    async def error(self, method: str, *params: object) -> tuple[int, str]:
        """Code and text of the error."""
        reply = await self.reply(method, *params)
        assert "error" in reply, (method, reply)
        return reply["error"]["code"], reply["error"]["message"]

    async def height(self) -> int:
        return int(await self.call("eth_blockNumber"), 16)

    async def number(self, method: str, *params: object) -> int:
        """A result that is a quantity."""
        return int(await self.call(method, *params), 16)

    async def block(self, reference: str = "latest") -> Any:
        return await self.call("eth_getBlockByNumber", reference, False)

    async def time(self) -> int:
        return int((await self.block())["timestamp"], 16)

    async def pay(self, value: int = 1, sender: str = FIRST, to: str = STRANGER, **fields: str) -> str:
        """eth_sendTransaction; the hash."""
        sent = await self.call(
            "eth_sendTransaction", {"from": sender, "to": to, "value": hex(value), **fields}
        )
        assert isinstance(sent, str)
        return sent


@asynccontextmanager
async def open_dev(
    folder: Path,
    *,
    wall: Callable[[], int] | None = None,
    automine: bool = True,
    interval_ms: int | None = None,
    without_dev: bool = False,
) -> AsyncIterator[RunningDev]:
    """The node on `folder`, as often as one likes; `without_dev` leaves out the methods of this tier."""
    path = folder / "genesis.json"
    if not path.exists():
        validator = GenesisValidator("dev", VALIDATOR.public_key, 1, DEV_OPERATOR)
        genesis = dev_genesis([validator], timestamp=GENESIS_TIME)
        path.write_bytes(dump_genesis(replace(genesis, predeploys=())))
    chain = read_chain(path)
    store = open_dev_store(folder / "chain", chain)
    try:
        keys: dict[Address, Any] = {key.address: key for key in ACCOUNTS}
        accounts = Accounts(keys, set())
        pool = DevPool(chain.constants, store, MempoolSettings(), accounts.may_speak_for)
        clock = DevClock(wall or WallClock(), clock_offset_ms(store))
        application = DevApplication(
            chain.constants, chain.record, store, pool, ProductionSettings(), clock, VALIDATOR, NATIVE_ONLY
        )
        node = DevNode(chain, store, application, pool, accounts, automine=automine, interval_ms=interval_ms)
        backend = DevRpcBackend(store, application, pool, MempoolSettings(), node)
        limits = CallLimits()
        services = Services.of(backend, backend, backend, limits, None if without_dev else node)
        dispatcher = Dispatcher(
            method_table(services),
            backend,
            HeavyCalls(limits.worker_threads, limits.max_waiting_heavy_calls, limits.call_timeout_s),
            ByteBudget(100_000_000),
            max_batch_calls=100,
            max_response_bytes=25_000_000,
            handler_timeout_s=60,
        )
        async with trio.open_nursery() as nursery:
            await nursery.start(pool.run)
            nursery.start_soon(node.run)
            yield RunningDev(node, store, application, pool, dispatcher)
            nursery.cancel_scope.cancel()
    finally:
        store.close()
