"""Methods about the node itself, over a real socket."""

from typing import Any

import pytest

from rpc.backend import SyncStatus
from tests.rpc.dev_chain import ACCOUNTS, UNKNOWN_HASH, DevChain, FakeNode, hexed
from tests.rpc.wire import Wire


async def test_constant_and_simple_methods(wire: Wire, fake_node: FakeNode) -> None:
    expected: dict[str, Any] = {
        "web3_clientVersion": "aurigraph/test",
        "net_version": "1337",
        "net_listening": True,
        "net_peerCount": "0x3",
        "eth_chainId": "0x539",
        "eth_syncing": False,
        "eth_blockNumber": "0x5",
        "eth_accounts": [],
        "eth_coinbase": "0x" + "00" * 18 + "0c01",
        "eth_blobBaseFee": "0x1",
        "eth_baseFee": hex(fake_node.next_base_fee()),
        "node_status": {"height": 5},
        "node_validators": fake_node.validators(),
        "node_peers": fake_node.peers(),
    }
    for method, result in expected.items():
        assert await wire.result(method) == result, method


async def test_namespaces_are_listed(wire: Wire) -> None:
    modules = await wire.result("rpc_modules")

    assert set(modules) >= {"debug", "eth", "net", "node", "ots", "rpc", "txpool", "web3"}
    assert "admin" not in modules
    assert set(modules.values()) == {"1.0"}


async def test_validators_and_finality_of_a_block(
    wire: Wire, dev_chain: DevChain, fake_node: FakeNode
) -> None:
    assert await wire.result("node_validators", "latest") == fake_node.validators()
    assert await wire.result("node_validators", "0x0") is None
    assert await wire.result("node_validators", "0x63") is None
    certificate = await wire.result("node_finalityCertificate", "0x2")
    assert certificate == await wire.result("node_finalityCertificate", certificate["blockHash"])
    assert certificate["blockHash"] == hexed(dev_chain.blocks[1].hash)
    for nothing in ("earliest", "0x63", UNKNOWN_HASH):
        assert await wire.result("node_finalityCertificate", nothing) is None


async def test_what_a_block_did_by_itself(wire: Wire, dev_chain: DevChain) -> None:
    events = await wire.result("node_blockEvents", "0x2")
    block_hash = hexed(dev_chain.blocks[1].hash)
    assert (events["blockNumber"], events["blockHash"]) == ("0x2", block_hash)
    (log,) = events["logs"]
    assert (log["data"], log["logIndex"], log["blockHash"]) == ("0x01", "0x0", block_hash)
    (update,) = events["validatorUpdates"]
    assert (update["publicKey"], update["power"]) == (hexed(ACCOUNTS[9].public_key), 2)
    assert update["validator"].lower() == hexed(ACCOUNTS[9].address)
    for nothing in ("0x63", UNKNOWN_HASH):
        assert await wire.result("node_blockEvents", nothing) is None


async def test_sha3(wire: Wire) -> None:
    assert await wire.result("web3_sha3", "0x68656c6c6f20776f726c64") == (
        "0x47173285a8d7341e5e972fc677286384f802f8ef42a5ec5f03bbfa254cb01fad"
    )


async def test_a_node_that_catches_up_says_how_far_it_is(wire: Wire, fake_node: FakeNode) -> None:
    fake_node.sync_status = SyncStatus(1, 5, 90)

    assert await wire.result("eth_syncing") == {
        "startingBlock": "0x1",
        "currentBlock": "0x5",
        "highestBlock": "0x5a",
    }


@pytest.mark.parametrize(
    "method",
    ["eth_mining", "anvil_nodeInfo", "engine_newPayloadV4", "personal_sign", "", "eth_CHAINID"],
)
async def test_what_is_not_offered_does_not_exist(wire: Wire, method: str) -> None:
    assert await wire.error(method) == (
        -32601,
        f"the method {method} does not exist/is not available",
    )
