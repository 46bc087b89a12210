"""The node started and stopped in this process. As processes: tests/cluster."""

from __future__ import annotations

import json
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import structlog
import structlog.testing
import trio

from chain.errors import EnvironmentFault, NodeError
from consensus.signer import FileSigner
from genesis import load_genesis
from node.config import NodeConfig, P2pSettings, RpcSettings
from node.errors import HomeError
from node.home import NodeHome
from node.initialise import create_validator_key, initialise_dev_home, join_chain, node_key
from node.rpc_client import RpcClient
from node.service import NodeOptions, rpc_config, serve_node
from rpc.config import RpcConfig
from tests.node.chain_fixture import transfer

GENESIS_TIME = 1_700_000_000


@pytest.fixture(autouse=True)
def light(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves out what only a long life pays for."""
    monkeypatch.setattr("node.service.load_trusted_setup", lambda: None)
    monkeypatch.setattr("gc.freeze", lambda: None)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def dev_home(path: Path) -> NodeHome:
    home = NodeHome(path)
    initialise_dev_home(home, NodeConfig(), GENESIS_TIME)
    return home


class Running:
    """A node of this process, asked over HTTP as by anybody."""

    def __init__(self, port: int) -> None:
        self._rpc = RpcClient(f"http://127.0.0.1:{port}")

    async def call(self, method: str, *params: Any) -> Any:
        return await trio.to_thread.run_sync(partial(self._rpc.call, method, *params))

    async def wait_until_up(self) -> None:
        with trio.fail_after(20):
            while True:
                try:
                    await self.call("eth_chainId")
                    return
                except NodeError:
                    await trio.sleep(0.02)

    async def wait_for_height(self, height: int) -> None:
        with trio.fail_after(20):
            while int(await self.call("eth_blockNumber"), 16) < height:
                await trio.sleep(0.02)


@asynccontextmanager
async def running(
    home: NodeHome, config: NodeConfig | None = None, network: bool = False
) -> AsyncIterator[Running]:
    port = free_port()
    config = config or NodeConfig(rpc=RpcSettings(port=port))
    options = NodeOptions(home, config, with_network=network)
    node = Running(config.rpc.port)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_node, options)
        await node.wait_until_up()
        yield node
        with trio.fail_after(5):
            nursery.cancel_scope.cancel()


async def test_a_node_makes_blocks_stops_and_goes_on_from_there(tmp_path: Path) -> None:
    home = dev_home(tmp_path / "dev")
    async with running(home) as node:
        for nonce in range(2):
            raw = transfer(0, nonce).raw
            assert await node.call("eth_sendRawTransaction", "0x" + raw.hex())
            await node.wait_for_height(nonce + 1)
        head = await node.call("eth_getBlockByNumber", "latest", False)
    async with running(home) as node:  # key, database and journal were let go
        assert await node.call("eth_getBlockByNumber", head["number"], False) == head
        assert (await node.call("node_status"))["pool"]["executable"] == 0
        await node.call("eth_sendRawTransaction", "0x" + transfer(0, 2).raw.hex())
        await node.wait_for_height(3)


async def test_a_node_without_a_key_follows(tmp_path: Path) -> None:
    dev = dev_home(tmp_path / "dev")
    home = NodeHome(tmp_path / "follower")
    home.make_folders()
    join_chain(home, load_genesis(dev.genesis), ())
    async with running(home) as node:
        status = await node.call("node_status")
        assert status["height"] == 0
        assert status["consensus"]["isValidator"] is False
        # It takes transactions, for whoever makes the blocks.
        assert await node.call("eth_sendRawTransaction", "0x" + transfer(0, 0).raw.hex())
        assert (await node.call("node_status"))["pool"]["executable"] == 1


async def test_a_key_that_the_genesis_does_not_name_follows_and_is_told_so(
    tmp_path: Path,
) -> None:
    dev = dev_home(tmp_path / "dev")
    home = NodeHome(tmp_path / "stranger")
    create_validator_key(home, "stranger")
    join_chain(home, load_genesis(dev.genesis), ())
    with structlog.testing.capture_logs() as logs:
        async with running(home) as node:
            assert (await node.call("node_status"))["consensus"]["isValidator"] is False
    assert "key_is_no_validator" in [entry["event"] for entry in logs]


async def test_clients_hear_an_answer_while_the_node_stops_and_do_not_hold_it_up(tmp_path: Path) -> None:
    home, port = dev_home(tmp_path / "dev"), free_port()
    node = Running(port)
    acknowledged: list[str] = []
    refusals: list[str] = []
    stopping, stopped = trio.CancelScope(), trio.Event()

    async def serve() -> None:
        with stopping:
            await serve_node(NodeOptions(home, NodeConfig(rpc=RpcSettings(port=port)), with_network=False))
        stopped.set()

    async def client(sender: int) -> None:
        for nonce in range(4000):
            raw = "0x" + transfer(sender, nonce).raw.hex()
            try:
                acknowledged.append(await node.call("eth_sendRawTransaction", raw))
            except NodeError as error:
                refusals.append(str(error))
                return

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        await node.wait_until_up()
        for sender in range(4):
            nursery.start_soon(client, sender)
        with trio.fail_after(20):
            while len(acknowledged) < 20:
                await trio.sleep(0.001)
        stopping.cancel()
        with trio.fail_after(5):
            await stopped.wait()
    assert len(refusals) == 4
    async with running(home) as again:
        for transaction_hash in acknowledged:
            assert await again.call("eth_getTransactionByHash", transaction_hash) is not None


async def test_what_the_operator_must_mend_ends_the_start_and_lets_everything_go(tmp_path: Path) -> None:
    home = dev_home(tmp_path / "dev")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        config = NodeConfig(rpc=RpcSettings(port=taken.getsockname()[1]))
        with pytest.RaisesGroup(pytest.RaisesExc(EnvironmentFault, match="cannot listen for RPC")):
            await serve_node(NodeOptions(home, config, with_network=False))
    async with running(home) as node:
        assert await node.call("eth_blockNumber") == "0x0"


async def test_a_home_without_a_chain_names_the_command_that_helps(tmp_path: Path) -> None:
    with pytest.raises(HomeError, match="aurigraph init"):
        await serve_node(NodeOptions(NodeHome(tmp_path), NodeConfig()))


async def test_a_key_in_use_is_refused_before_anything_is_opened(tmp_path: Path) -> None:
    home = dev_home(tmp_path / "dev")
    holder = FileSigner.load(home.validator_key, 1337)
    with pytest.raises(EnvironmentFault, match="another process"):
        await serve_node(NodeOptions(home, NodeConfig(), with_network=False))
    assert not home.database.exists()
    holder.close()


def test_settings_reach_the_listener() -> None:
    settings = RpcSettings(
        host="0.0.0.0",
        port=5,
        cors_origins=("*",),
        allowed_hosts=("node.example",),
        max_connections=7,
        max_connections_per_address=6,
        max_websockets_per_address=5,
        max_batch=8,
        gas_cap=30_000_000,
    )
    made: RpcConfig = rpc_config(NodeConfig(rpc=settings))
    assert (made.host, made.port, made.cors_origins) == ("0.0.0.0", 5, ("*",))
    assert set(made.allowed_hosts) == {"localhost", "node.example"}
    assert (made.http.max_connections, made.calls.max_batch_calls, made.calls.gas_cap) == (7, 8, 30_000_000)
    per_address = (made.http.max_connections_per_address, made.websocket.max_connections_per_address)
    assert per_address == (6, 5)
    assert (made.listens_on_tcp, made.ipc_path, made.namespaces) == (True, None, ("*",))
    home = NodeHome(Path("/n"))
    kept = NodeConfig(rpc=RpcSettings(enabled=False, namespaces=("eth", "net")))
    made = rpc_config(kept, home)
    assert (made.listens_on_tcp, made.ipc_path, made.namespaces) == (False, home.ipc_socket, ("eth", "net"))
    assert rpc_config(NodeConfig(rpc=RpcSettings(ipc=False)), home).ipc_path is None


async def ask(path: Path, *methods: str) -> list[Any]:
    """The replies to calls on a unix socket."""
    answers: list[Any] = []
    async with await trio.open_unix_socket(str(path)) as stream:
        for method in methods:
            await stream.send_all(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method}).encode())
            received = b""
            while not received.endswith(b"\n"):
                received += await stream.receive_some(65_536)
            answers.append(json.loads(received))
    return answers


async def test_the_operator_asks_a_node_on_its_socket_and_nobody_on_tcp(tmp_path: Path) -> None:
    home = dev_home(tmp_path / "dev")
    async with running(home) as node:
        info, chain_id = await ask(home.ipc_socket, "admin_nodeInfo", "eth_chainId")
        assert info["result"]["datadir"] == str(home.root.absolute())
        assert chain_id["result"] == await node.call("eth_chainId")
        assert stat.S_IMODE(home.ipc_socket.lstat().st_mode) == 0o600
        with pytest.raises(NodeError, match="admin_nodeInfo does not exist"):
            await node.call("admin_nodeInfo")
    assert not home.ipc_socket.exists()


async def test_a_node_can_be_kept_to_its_socket_or_have_none(tmp_path: Path) -> None:
    home = dev_home(tmp_path / "dev")
    options = NodeOptions(home, NodeConfig(rpc=RpcSettings(enabled=False)), with_network=False)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_node, options)
        with trio.fail_after(10):
            while not home.ipc_socket.exists():
                await trio.sleep(0.02)
            await trio.sleep(0.1)
            assert (await ask(home.ipc_socket, "eth_chainId"))[0]["result"]
        nursery.cancel_scope.cancel()
    config = NodeConfig(rpc=RpcSettings(port=free_port(), ipc=False, namespaces=("eth",)))
    async with running(home, config) as node:
        assert not home.ipc_socket.exists()
        with pytest.raises(NodeError, match="net_version does not exist"):
            await node.call("net_version")


@pytest.mark.slow  # libp2p alone takes 1.5 s of CPU to import
async def test_a_follower_catches_up_and_its_transactions_reach_the_validator(tmp_path: Path) -> None:
    validator, follower = dev_home(tmp_path / "v"), NodeHome(tmp_path / "f")
    follower.make_folders()
    ports = [free_port() for _ in range(4)]
    address = f"/ip4/127.0.0.1/tcp/{ports[1]}/p2p/{node_key(validator)}"
    join_chain(follower, load_genesis(validator.genesis), (address,))
    config = NodeConfig(
        rpc=RpcSettings(port=ports[0]),
        p2p=P2pSettings(listen=f"/ip4/127.0.0.1/tcp/{ports[1]}", allowed_peers=(node_key(follower),)),
    )
    following = NodeConfig(rpc=RpcSettings(port=ports[2]), p2p=P2pSettings(listen="", peers=(address,)))
    async with running(validator, config, network=True) as first:
        await first.call("eth_sendRawTransaction", "0x" + transfer(0, 0).raw.hex())
        await first.wait_for_height(1)
        async with running(follower, following, network=True) as second:
            await second.wait_for_height(1)
            assert await second.call("eth_getBlockByNumber", "0x1", True) == await first.call(
                "eth_getBlockByNumber", "0x1", True
            )
            await second.call("eth_sendRawTransaction", "0x" + transfer(0, 1).raw.hex())
            await second.wait_for_height(2)
            assert len(await first.call("node_peers")) == 1
