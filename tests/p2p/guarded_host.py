"""The network of this node in a process of its own: target of the same attacks as the unguarded host.

Prints its address as JSON and runs until its standard input closes.
"""

import json
import sys
from pathlib import Path

import trio

sys.path.insert(0, str(Path(__file__).parents[2]))

from p2p.identity import identity_from_secret
from p2p.libp2p_network import NetworkConfig, open_libp2p_network


async def echo(peer: bytes, payload: bytes) -> bytes:
    return payload


async def fail(peer: bytes, payload: bytes) -> bytes:
    raise RuntimeError("a bug in a handler")


def judge(author: bytes, payload: bytes) -> bool:
    if payload == b"bug":
        raise KeyError("a bug in a validator")
    return True


async def main() -> None:
    config = NetworkConfig(listen="/ip4/127.0.0.1/tcp/0", topics=("tx",))
    async with open_libp2p_network(config, identity_from_secret(b"\x77" * 32)) as network:

        async def count(peer: bytes, payload: bytes) -> bytes:
            return json.dumps(dict(network.counters())).encode()

        network.set_handler("/test/question/1", echo)
        network.set_handler("/test/counters/1", count)
        network.set_handler("/fail/1", fail)
        network.subscribe("tx", judge)
        network.inbox("/test/direct/1")
        print(json.dumps({"address": network.listen_addresses[0]}), flush=True)
        commands = trio.lowlevel.FdStream(0)
        while await commands.receive_some(1000):
            pass


if __name__ == "__main__":
    trio.run(main)
