"""A host of libp2p 0.8.1 as it comes, in a process of its own: target of crash cases and partner for interoperation.

Prints one JSON object per line: {"address": ...} when it listens, {"died": error} when the host ended by an error.
Ends when its standard input closes. Settings are the keys of the JSON object in its first argument.
"""

import json
import sys
from typing import Any

import multiaddr
import trio
from libp2p import new_host
from libp2p.abc import INetStream, ISubscriptionAPI
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.crypto.x25519 import create_new_key_pair as create_x25519_key_pair
from libp2p.custom_types import TProtocol
from libp2p.network.config import ConnectionConfig
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import info_from_p2p_addr
from libp2p.pubsub.gossipsub import PROTOCOL_ID_V11, GossipSub
from libp2p.pubsub.pb import rpc_pb2
from libp2p.pubsub.pubsub import Pubsub
from libp2p.rcmgr import new_resource_manager
from libp2p.security.noise.transport import PROTOCOL_ID as NOISE
from libp2p.security.noise.transport import Transport as Noise
from libp2p.tools.anyio_service import background_trio_service


def say(**message: object) -> None:
    print(json.dumps(message), flush=True)


async def echo_frames(stream: INetStream) -> None:
    """Answers one request of the node's protocol: status 0, then the same frame."""
    buffer = b""
    while len(buffer) < 4 or len(buffer) < 4 + int.from_bytes(buffer[:4], "big"):
        chunk = await stream.read(65536)
        if not chunk:
            return
        buffer += chunk
    await stream.write(b"\0" + buffer)
    await stream.close()


async def fail(stream: INetStream) -> None:
    raise RuntimeError("a bug in a handler")


def broken_validator(peer: ID, message: rpc_pb2.Message) -> bool:
    raise KeyError("a bug in a validator")


async def report(subscription: ISubscriptionAPI) -> None:
    async for message in subscription:
        say(gossip=message.data.hex())


async def main(settings: dict[str, Any]) -> None:
    keys = create_new_key_pair(b"\x77" * 32)
    limit = settings.get("max_connections", 64)
    host = new_host(
        key_pair=keys,
        sec_opt={NOISE: Noise(keys, noise_privkey=create_x25519_key_pair().private_key)},
        muxer_preference="YAMUX",
        connection_config=ConnectionConfig(
            min_connections=0, low_watermark=0, high_watermark=limit, max_connections=limit
        ),
        resource_manager=new_resource_manager(enable_memory_limits=False),
    )
    router = GossipSub(
        [TProtocol(PROTOCOL_ID_V11)],
        degree=6,
        degree_low=5,
        degree_high=8,
        heartbeat_interval=1,
        spam_protection_enabled=False,
        adaptive_gossip_enabled=False,
        eclipse_protection_enabled=False,
    )
    pubsub = Pubsub(host, router, strict_signing=True)
    host.set_stream_handler(TProtocol("/echo/1"), echo_frames)
    host.set_stream_handler(TProtocol("/fail/1"), fail)
    if settings.get("validator_fails"):
        pubsub.set_topic_validator("tx", broken_validator, False)
    port = settings.get("port", 0)
    listen = [multiaddr.Multiaddr(f"/ip4/127.0.0.1/tcp/{port}")]
    async with host.run(listen), background_trio_service(pubsub), background_trio_service(router):
        await pubsub.wait_until_ready()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(report, await pubsub.subscribe("tx"))
            say(address=str(host.get_addrs()[0]))
            if "dial" in settings:
                await host.connect(info_from_p2p_addr(multiaddr.Multiaddr(settings["dial"])))
            commands = trio.lowlevel.FdStream(0)
            while command := await commands.receive_some(1000):
                if command.startswith(b"publish "):
                    await pubsub.publish("tx", bytes.fromhex(command[8:].decode().strip()))
            nursery.cancel_scope.cancel()


if __name__ == "__main__":
    try:
        trio.run(main, json.loads(sys.argv[1]))
    except BaseException as error:
        say(died=repr(error)[:500])
        raise SystemExit(1) from error
