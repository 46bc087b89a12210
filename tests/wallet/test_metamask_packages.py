"""MetaMask's own block tracker, RPC middleware and nonce tracker, as published on npm, against four validators.

They are what MetaMask reads a network with; its controllers and its user interface are not part of this test.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from eth_account import Account

from node.local_network import LocalNetwork
from node.rpc_client import RpcClient
from tests.wallet.flows import HERE

pytestmark = [pytest.mark.clients, pytest.mark.cluster, pytest.mark.slow]
RECEIVER = "0x00000000000000000000000000000000000ca333"
ORIGIN = "chrome-extension://nkbihfbeogaeaoehlefnkodbefgpgknn"
LIMIT_S = 90


def test_its_network_client_reads_pays_twice_and_numbers_the_payments(
    network: LocalNetwork, npm_packages: Path, keys: list[str]
) -> None:
    settings = {"rpc": network.rpc_url(0), "key": keys[6], "origin": ORIGIN, "receiver": RECEIVER}
    done = subprocess.run(
        ["node", "metamask_packages.mjs"],
        input=json.dumps(settings),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        cwd=HERE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    account = Account.from_key(keys[6]).address.lower()

    assert (told["used"], told["last"]) == ([told["first"], told["first"] + 1], told["first"] + 2)
    assert told["balances"][0] == told["balances"][1]
    assert told["blocks"] == sorted(set(told["blocks"]))
    refused = told["refused"]
    assert (refused["code"], refused["data"]["code"]) == (-32603, -32000)
    assert "malformed transaction" in refused["data"]["message"]

    other = RpcClient(network.rpc_url(2))
    for sent in told["hashes"]:
        receipt = other.call("eth_getTransactionReceipt", sent)
        assert (receipt["status"], receipt["from"], receipt["to"]) == ("0x1", account, RECEIVER)
    assert other.quantity("eth_getBalance", RECEIVER, "latest") == 3

    methods = {call[0] for call in told["wire"]}
    assert methods == {
        "eth_blockNumber",
        "eth_estimateGas",
        "eth_gasPrice",
        "eth_getBalance",
        "eth_getBlockByHash",
        "eth_getBlockByNumber",
        "eth_getCode",
        "eth_getTransactionCount",
        "eth_getTransactionReceipt",
        "eth_sendRawTransaction",
    }
    assert not [call for call in told["wire"] if "latest" in call]  # it always names the block that it knows
