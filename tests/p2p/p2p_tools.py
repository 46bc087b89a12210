"""Shared by the network tests: short names for real nodes on loopback and for peers that misbehave."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio

from p2p.identity import NodeIdentity, identity_from_secret
from p2p.libp2p_network import Libp2pNetwork, NetworkConfig, open_libp2p_network
from p2p.multiaddress import parse_address
from p2p.network import PeerId

TOPIC = "tx"
DIRECT = "/test/direct/1"
QUESTION = "/test/question/1"
PATIENCE_S = 5.0

STOCK_HOST = Path(__file__).with_name("stock_libp2p_host.py")


def identity(number: int) -> NodeIdentity:
    return identity_from_secret(bytes([number]) * 32)


@asynccontextmanager
async def node(number: int, *peers: Libp2pNetwork | str, **settings: Any) -> AsyncIterator[Libp2pNetwork]:
    addresses = [p if isinstance(p, str) else p.listen_addresses[0] for p in peers]
    config = NetworkConfig(
        **{"listen": "/ip4/127.0.0.1/tcp/0", "peers": tuple(addresses), "topics": (TOPIC,), **settings}
    )
    async with open_libp2p_network(config, identity(number)) as network:
        yield network


async def eventually(holds: Callable[[], object], patience_s: float = PATIENCE_S) -> None:
    with trio.fail_after(patience_s):
        while not holds():
            await trio.sleep(0.005)


def knows(network: Libp2pNetwork, other: Libp2pNetwork) -> bool:
    return other.me in [peer.peer_id for peer in network.peers()]


async def meet(*networks: Libp2pNetwork) -> None:
    await eventually(lambda: all(knows(a, b) for a in networks for b in networks if a is not b))


async def mesh(*networks: Libp2pNetwork) -> None:
    """Wait until gossip reaches everybody directly."""

    def is_full(network: Libp2pNetwork) -> bool:
        return len(network._stack.gossip.router.mesh.get(TOPIC, ())) >= len(networks) - 1

    await eventually(lambda: all(is_full(network) for network in networks))


async def echo(peer: PeerId, payload: bytes) -> bytes:
    return payload


async def raw_stream(attacker: Libp2pNetwork, victim: PeerId) -> Any:
    """A stream on which nothing was negotiated."""
    from libp2p.peer.id import ID

    return await attacker._stack._swarm.connection_to(ID(victim)).muxed_conn.open_stream()


async def stream(attacker: Libp2pNetwork, victim: PeerId, protocol: str, payload: bytes = b"") -> Any:
    """A negotiated stream that carries whatever the attacker likes."""
    from libp2p.peer.id import ID

    return await attacker._stack._host.open(ID(victim), protocol, payload)


def connection(attacker: Libp2pNetwork, victim: PeerId) -> Any:
    """The yamux connection between them."""
    from libp2p.peer.id import ID

    return attacker._stack._swarm.connection_to(ID(victim)).muxed_conn


def varint(number: int) -> bytes:
    encoded = bytearray()
    while number >= 0x80:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(encoded) + bytes((number,))


def prefixed(payload: bytes) -> bytes:
    return varint(len(payload)) + payload


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


class StockHost:
    """A host of unguarded libp2p in another process."""

    def __init__(self, process: trio.Process) -> None:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the process has no pipes")
        self.process = process
        self.commands = process.stdin
        self._output = process.stdout
        self._unread = b""
        self.address = ""
        self.peer_id = b""

    async def start(self) -> None:
        """Wait until it listens."""
        self.address = (await self.next_message())["address"]
        self.peer_id = parse_address(self.address, needs_peer=True).peer_id or b""

    async def next_message(self) -> dict[str, Any]:
        """Raises EOFError when the process is gone."""
        while b"\n" not in self._unread:
            chunk = await self._output.receive_some(65536)
            if not chunk:
                raise EOFError
            self._unread += chunk
        line, _, self._unread = self._unread.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message

    async def end(self) -> None:
        """Kill it, whatever it is doing."""
        self.process.kill()
        await self.process.wait()
        await self.commands.aclose()
        await self._output.aclose()


@asynccontextmanager
async def stock_host(**settings: Any) -> AsyncIterator[StockHost]:
    process = await trio.lowlevel.open_process(
        [sys.executable, str(STOCK_HOST), json.dumps(settings)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    host = StockHost(process)
    try:
        with trio.fail_after(30):
            await host.start()
        yield host
    finally:
        with trio.move_on_after(10) as scope:
            scope.shield = True
            await host.end()
