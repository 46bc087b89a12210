"""The unix socket: its file, its stream of JSON, and that it ends well."""

import json
import os
import socket
import stat
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from rpc.config import RpcConfig, WebSocketLimits
from rpc.listener.ipc import MAX_CONNECTIONS, MAX_PATH_BYTES, IpcFailed, open_ipc
from rpc.methods.table import UnknownNamespace
from rpc.server import serve_rpc
from tests.rpc.dev_chain import DevChain, FakeNode, build_dev_chain, emit, hexed
from tests.rpc.wire import Wire


class Admin:
    """An operator's view of a node; notes what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def node_info(self) -> dict[str, Any]:
        return {"name": "aurigraph/test"}

    def peers(self) -> list[dict[str, Any]]:
        return [{"id": "a"}]

    def add_peer(self, address: str) -> bool:
        self.told.append(("add", address))
        return True

    def remove_peer(self, peer: str) -> bool:
        self.told.append(("remove", peer))
        return False

    def data_directory(self) -> str:
        return "/data"

    def prove_consensus_key(self, operator: str) -> dict[str, Any]:
        return {"operator": operator}

    def set_log_level(self, level: str) -> bool:
        self.told.append(("level", level))
        return True

    def stop(self) -> bool:
        self.told.append(("stop", ""))
        return True


class Client:
    """One connection that reads line by line."""

    opened: ClassVar[list["Client"]] = []

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self.buffer = b""

    @classmethod
    async def open(cls, path: Path) -> "Client":
        client = cls(await trio.open_unix_socket(str(path)))
        cls.opened.append(client)
        return client

    async def send(self, data: bytes) -> None:
        await self.stream.send_all(data)

    async def line(self) -> Any:
        """The next message; None at the end."""
        with trio.fail_after(10):
            while b"\n" not in self.buffer:
                try:
                    piece = await self.stream.receive_some(65_536)
                except trio.BrokenResourceError:
                    return None
                if not piece:
                    return None
                self.buffer += piece
        line, _, self.buffer = self.buffer.partition(b"\n")
        return json.loads(line)

    async def rpc(self, method: str, *params: Any) -> Any:
        call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        await self.send(json.dumps(call).encode())
        return await self.line()

    async def result(self, method: str, *params: Any) -> Any:
        answer = await self.rpc(method, *params)
        assert "error" not in answer, answer
        return answer["result"]


@pytest.fixture
async def folder() -> AsyncIterator[Path]:
    """Short, because the name of a socket must be. Closes the clients of the test too."""
    with tempfile.TemporaryDirectory(prefix="ipc") as name:
        yield Path(name)
        while Client.opened:
            await trio.aclose_forcefully(Client.opened.pop().stream)


@dataclass
class Served:
    path: Path
    port: int
    admin: Admin
    node: FakeNode
    scope: trio.CancelScope

    async def client(self) -> Client:
        return await Client.open(self.path)


async def serve(
    nursery: trio.Nursery, node: FakeNode, config: RpcConfig, events: Any = None
) -> tuple[int, Admin, trio.CancelScope]:
    admin, scope = Admin(), trio.CancelScope()

    async def run(*, task_status: Any) -> None:
        with scope:
            await serve_rpc(config, node, node, node, admin=admin, events=events, task_status=task_status)

    return await nursery.start(run), admin, scope


@pytest.fixture
async def served(nursery: trio.Nursery, fake_node: FakeNode, folder: Path, sockets: None) -> Served:
    path = folder / "node.sock"
    port, admin, scope = await serve(nursery, fake_node, RpcConfig(port=0, ipc_path=path))
    return Served(path, port, admin, fake_node, scope)


# --- the file


async def test_only_the_owner_may_use_the_socket(served: Served) -> None:
    mode = served.path.lstat().st_mode

    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600


async def test_the_socket_goes_with_the_node(served: Served) -> None:
    served.scope.cancel()
    with trio.fail_after(5):
        while served.path.exists():
            await trio.sleep(0.01)


async def test_a_socket_that_a_killed_node_left_is_replaced(
    nursery: trio.Nursery, fake_node: FakeNode, folder: Path
) -> None:
    path = folder / "node.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    assert path.exists()

    await serve(nursery, fake_node, RpcConfig(port=0, ipc_path=path))

    assert await (await Client.open(path)).result("eth_chainId") == "0x539"


async def test_what_is_in_use_or_no_socket_is_left_alone(served: Served, folder: Path) -> None:
    with pytest.raises(IpcFailed, match="another node answers there"):
        await open_ipc(served.path)
    file = folder / "file"
    file.write_text("precious")
    with pytest.raises(IpcFailed, match="not a socket"):
        await open_ipc(file)
    assert file.read_text() == "precious"
    target = folder / "link"
    target.symlink_to(file)
    with pytest.raises(IpcFailed, match="not a socket"):
        await open_ipc(target)
    with pytest.raises(IpcFailed, match="No such file or directory"):
        await open_ipc(folder / "missing" / "node.sock")
    assert await (await served.client()).result("eth_chainId") == "0x539"


async def test_a_path_that_is_too_long_is_named_and_the_node_works_without(
    nursery: trio.Nursery,
    fake_node: FakeNode,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    sockets: None,
) -> None:
    longest = folder / ("x" * (MAX_PATH_BYTES - len(os.fsencode(folder)) - 1))
    listener = await open_ipc(longest)
    await listener.aclose()
    too_long = Path(f"{longest}x")
    with pytest.raises(
        IpcFailed, match="at most 107 bytes, this one 108; move the node's folder, or set ipc"
    ):
        await open_ipc(too_long)

    port, _, _ = await serve(nursery, fake_node, RpcConfig(port=0, ipc_path=too_long))

    assert await (await Wire.open(port)).result("eth_chainId") == "0x539"
    assert "ipc_unavailable" in capsys.readouterr().err


# --- the stream


async def test_requests_are_answered_however_they_are_cut(served: Served) -> None:
    client = await served.client()
    call = b'{"jsonrpc":"2.0","id":%d,"method":"eth_chainId"}'

    await client.send(call % 1 + call % 2 + b"\n\n [" + call % 3)
    assert [(await client.line())["id"] for _ in range(2)] == [1, 2]
    await client.send(b"," + call % 4 + b"]")
    assert [reply["id"] for reply in await client.line()] == [3, 4]
    for byte in call % 5:
        await client.send(bytes([byte]))
    assert (await client.line())["result"] == "0x539"


async def test_long_work_does_not_hold_up_what_follows(served: Served) -> None:
    client = await served.client()
    spin = {"to": "0x" + "00" * 18 + "e004"}
    slow = {"jsonrpc": "2.0", "id": "slow", "method": "debug_traceCall"}

    await client.send(
        json.dumps(
            {**slow, "params": [spin, "latest", {"tracer": "callTracer", "timeout": "300ms"}]}
        ).encode()
    )
    await client.send(b'{"jsonrpc":"2.0","id":"quick","method":"eth_chainId"}')

    assert [(await client.line())["id"] for _ in range(2)] == ["quick", "slow"]


async def test_a_client_that_has_said_everything_gets_its_answers(served: Served) -> None:
    client = await served.client()
    call = b'{"jsonrpc":"2.0","id":1,"method":"eth_getBlockReceipts","params":["0x4"]}'

    await client.send(call + b'{"jsonrpc":"2.0","id":2,"method":"eth_call","params":[{"to":null}]}')
    await client.stream.send_eof()

    assert {(await client.line())["id"] for _ in range(2)} == {1, 2}
    assert await client.line() is None


async def test_what_is_no_json_ends_the_connection_with_an_error(served: Served) -> None:
    client = await served.client()

    await client.send(b"GET / HTTP/1.1\r\n\r\n")

    answer = await client.line()
    assert (answer["id"], answer["error"]["code"]) == (None, -32700)
    assert await client.line() is None
    malformed = await served.client()
    await malformed.send(b"{x}")
    assert (await malformed.line())["error"]["code"] == -32700
    assert await malformed.result("eth_chainId") == "0x539"  # its end was clear


async def test_requests_are_bounded(nursery: trio.Nursery, fake_node: FakeNode, folder: Path) -> None:
    path = folder / "node.sock"
    limits = WebSocketLimits(max_message_bytes=10_000)
    await serve(nursery, fake_node, RpcConfig(port=0, ipc_path=path, websocket=limits))
    client = await Client.open(path)

    await client.send(b'{"x":"' + b"x" * 20_000)

    assert "request too large" in (await client.line())["error"]["message"]
    assert await client.line() is None


async def test_connections_are_bounded(served: Served) -> None:
    clients = [await served.client() for _ in range(MAX_CONNECTIONS)]
    for client in clients:
        assert await client.result("eth_chainId") == "0x539"

    assert await (await served.client()).line() is None
    await clients[0].stream.aclose()
    await wait_all_tasks_blocked(0.05)
    assert await (await served.client()).result("eth_chainId") == "0x539"


# --- methods


async def test_everything_is_answered_and_admin_besides(served: Served) -> None:
    client = await served.client()

    assert await client.result("admin_nodeInfo") == {"name": "aurigraph/test"}
    assert await client.result("admin_peers") == [{"id": "a"}]
    assert await client.result("admin_datadir") == "/data"
    assert await client.result("admin_addPeer", "/ip4/1.2.3.4/tcp/5") is True
    assert await client.result("admin_removePeer", "x") is False
    assert await client.result("admin_proveConsensusKey", "0x12") == {"operator": "0x12"}
    assert await client.result("admin_setLogLevel", "debug") is True
    assert await client.result("admin_stop") is True
    assert served.admin.told == [
        ("add", "/ip4/1.2.3.4/tcp/5"),
        ("remove", "x"),
        ("level", "debug"),
        ("stop", ""),
    ]
    assert (await client.result("rpc_modules"))["admin"] == "1.0"
    names = {method["name"] for method in (await client.result("rpc.discover"))["methods"]}
    assert {"admin_stop", "eth_chainId", "debug_traceCall"} <= names
    code = (await client.rpc("admin_addPeer", 5))["error"]["code"]
    assert code == -32602


async def test_admin_does_not_exist_on_tcp(served: Served) -> None:
    wire = await Wire.open(served.port)

    for method in ("admin_nodeInfo", "admin_stop", "admin_datadir"):
        assert await wire.error(method) == (
            -32601,
            f"the method {method} does not exist/is not available",
        )
    assert "admin" not in await wire.result("rpc_modules")
    assert served.admin.told == []


async def test_tcp_answers_the_namespaces_that_it_is_to_answer(
    nursery: trio.Nursery, fake_node: FakeNode, folder: Path, sockets: None
) -> None:
    path = folder / "node.sock"
    config = RpcConfig(port=0, ipc_path=path, namespaces=("eth", "net"))
    port, _, _ = await serve(nursery, fake_node, config)
    wire, client = await Wire.open(port), await Client.open(path)

    assert set(await wire.result("rpc_modules")) == {"eth", "net", "rpc"}
    assert await wire.result("eth_chainId") == "0x539"
    assert (await wire.error("debug_getRawBlock", "0x1"))[0] == -32601
    assert await client.result("debug_getRawBlock", "0x1")


@pytest.mark.parametrize("name", ["admin", "edh", ""])
async def test_namespaces_that_do_not_exist_are_refused(fake_node: FakeNode, name: str) -> None:
    with pytest.raises(UnknownNamespace, match=f"there is no namespace {name} on TCP; there are debug, "):
        await serve_rpc(RpcConfig(port=0, namespaces=("eth", name)), fake_node, fake_node, fake_node)


async def test_a_node_may_have_the_socket_only(
    nursery: trio.Nursery, fake_node: FakeNode, folder: Path
) -> None:
    path = folder / "node.sock"

    port, _, scope = await serve(nursery, fake_node, RpcConfig(listens_on_tcp=False, ipc_path=path))

    assert port == 0
    assert await (await Client.open(path)).result("eth_chainId") == "0x539"
    scope.cancel()


# --- subscriptions, and the end


class Events:
    """A node that tells its listener."""

    def __init__(self) -> None:
        self.listener: Any = None

    def listen(self, listener: Any) -> None:
        self.listener = listener

    def stop_listening(self, listener: Any) -> None:
        self.listener = None


@pytest.fixture
async def growing(
    nursery: trio.Nursery, fake_node: FakeNode, folder: Path
) -> tuple[Client, DevChain, Events]:
    chain, events = build_dev_chain(), Events()
    fake_node.chain, fake_node.store = chain, chain.store
    path = folder / "node.sock"
    await serve(nursery, fake_node, RpcConfig(port=0, ipc_path=path), events)
    return await Client.open(path), chain, events


async def test_new_heads_are_told_on_the_socket(growing: tuple[Client, DevChain, Events]) -> None:
    client, chain, events = growing
    subscription = await client.result("eth_subscribe", "newHeads")

    block = chain.append(emit(11, 9, 900))
    events.listener.head_changed()

    told = await client.line()
    assert told["method"] == "eth_subscription"
    assert told["params"]["subscription"] == subscription
    assert told["params"]["result"]["hash"] == hexed(block.hash)
    assert await client.result("eth_unsubscribe", subscription) is True
    assert "not found" in (await client.rpc("eth_unsubscribe", subscription))["error"]["message"]


async def test_stopping_answers_what_is_in_progress(served: Served) -> None:
    client, idle = await served.client(), await served.client()
    assert await idle.result("eth_chainId")
    spin = {"to": "0x" + "00" * 18 + "e004"}
    call = {"jsonrpc": "2.0", "id": 9, "method": "debug_traceCall"}
    options = {"tracer": "callTracer", "timeout": "400ms"}
    await client.send(json.dumps({**call, "params": [spin, "latest", options]}).encode())
    await trio.sleep(0.1)

    served.scope.cancel()

    assert "execution aborted" in (await client.line())["error"]["message"]
    assert await client.line() is None
    assert await idle.line() is None


@pytest.mark.clients
async def test_web3_py_speaks_to_the_socket(served: Served) -> None:
    web3 = pytest.importorskip("web3")

    def ask() -> tuple[int, int, Any]:
        client = web3.Web3(web3.IPCProvider(str(served.path), timeout=5))
        number, chain_id = client.eth.block_number, client.eth.chain_id
        answer = client.provider.make_request("admin_datadir", [])
        client.provider._socket.sock.close()  # it has no other way
        return number, chain_id, answer["result"]

    with trio.fail_after(20):
        assert await trio.to_thread.run_sync(ask) == (5, 1337, "/data")
