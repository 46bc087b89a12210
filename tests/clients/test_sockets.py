"""ethers and web3.py over WebSockets with subscriptions, and web3.py and cast over the unix socket."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from web3 import AsyncWeb3, IPCProvider, Web3, WebSocketProvider

from genesis import dev_accounts
from node.local_network import LocalNetwork
from tests.clients.commands import script

pytestmark = [pytest.mark.clients, pytest.mark.cluster, pytest.mark.slow]
KEY = "0x" + dev_accounts()[8].secret.hex()


def websocket_url(network: LocalNetwork, index: int) -> str:
    return network.rpc_url(index).replace("http", "ws")


def test_ethers_hears_of_blocks_transactions_and_events(
    network: LocalNetwork, npm_packages: Path, token: Path
) -> None:
    seen = json.loads(script("node", "ethers_socket.mjs", websocket_url(network, 2), KEY, str(token)))

    assert len(seen["blocks"]) >= 3
    assert seen["blocks"] == sorted(set(seen["blocks"]))
    assert seen["hash"] in seen["pending"]
    assert (seen["events"], seen["filtered"], seen["balance"]) == (["77"], [3], "77")


def test_web3py_subscribes_over_a_websocket(network: LocalNetwork) -> None:
    async def heads() -> list[Any]:
        found: list[Any] = []
        async with AsyncWeb3(WebSocketProvider(websocket_url(network, 1))) as web3:
            subscription = await web3.eth.subscribe("newHeads")
            async for message in web3.socket.process_subscriptions():
                found.append(message["result"])
                if len(found) == 3:
                    break
            assert await web3.eth.unsubscribe(subscription)
            assert await web3.eth.chain_id == 1337
        return found

    blocks = asyncio.run(asyncio.wait_for(heads(), 60))

    assert [block["number"] - blocks[0]["number"] for block in blocks] == [0, 1, 2]
    assert blocks[1]["parentHash"] == blocks[0]["hash"]


def test_the_unix_socket_answers_web3py_and_cast_and_has_what_the_port_has_not(
    network: LocalNetwork, npm_packages: Path
) -> None:
    path = network.home(0).root / "node.sock"

    provider = IPCProvider(path)
    web3 = Web3(provider)

    assert web3.is_connected()
    assert web3.eth.chain_id == 1337
    assert web3.manager.request_blocking("admin_datadir", []) == str(network.home(0).root)  # type: ignore[arg-type]
    provider._socket.sock.close()  # type: ignore[attr-defined]  # it has no other way
    cast = str(npm_packages / ".bin" / "cast")
    assert int(script(cast, "block-number", "--rpc-url", str(path)).strip()) > 0
    refused = Web3(Web3.HTTPProvider(network.rpc_url(0))).provider.make_request("admin_datadir", [])  # type: ignore[arg-type]
    assert refused["error"]["code"] == -32601
