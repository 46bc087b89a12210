"""A running node becomes a validator with one command, which asks it for the proof of its key."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from chain.types import checksum_address
from genesis import dev_accounts
from node.keystore import LIGHT_SCRYPT_ROUNDS, Keystore
from node.local_network import PROGRAM, LocalNetwork, LocalNetworkOptions
from node.rpc_client import RpcClient

pytestmark = [pytest.mark.cluster, pytest.mark.slow]
BASE_PORT = 21_345
ADDED = 2
OPERATOR = dev_accounts()[ADDED]


def aurigraph(*words: str) -> Any:
    """The JSON that a command prints."""
    command = [sys.executable, "-m", "cli", *words, "--json"]
    done = subprocess.run(command, capture_output=True, check=False, cwd=PROGRAM, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def test_an_added_node_becomes_a_validator_while_it_runs(tmp_path: Path) -> None:
    network = LocalNetwork(tmp_path / "net")
    network.create(LocalNetworkOptions(validators=2, block_ms=300, base_port=BASE_PORT))
    keys = tmp_path / "password"
    keys.write_text("pass\n")
    keys.chmod(0o600)
    try:
        for index in range(2):
            network.start(index)
        network.wait_until_up()
        added = aurigraph("testnet", "--home", str(network.folder), "add-node")
        operator = checksum_address(OPERATOR.address)
        assert (added["node"], added["operator"]) == (ADDED, operator)
        home = network.home(ADDED)
        Keystore(home.keystore).add(OPERATOR, "pass", LIGHT_SCRYPT_ROUNDS)
        rpc = ("--rpc", network.rpc_url(ADDED))
        signing = ("--home", str(home.root), "--from", operator, "--password-file", str(keys), *rpc)

        made = ("staking", "create-validator", "--amount", "100", "--moniker", "third")
        receipt = aurigraph(*made, *signing)
        names = [event["name"] for event in receipt["events"]]
        assert names == ["CreateValidator", "Delegate"]
        told = aurigraph("staking", "validator", operator, *rpc)
        assert told["consensusAddress"].lower() == added["address"].lower()
        assert told["status"] == "bonded"

        # It decides two blocks later, and its signatures count.
        deadline = time.monotonic() + 60
        while not RpcClient(network.rpc_url(ADDED)).call("node_status")["consensus"]["isValidator"]:
            assert time.monotonic() < deadline, network.log_tail(ADDED)
            time.sleep(0.2)
        network.wait_until_up(height=int(receipt["blockNumber"], 16) + 8)
        info = aurigraph("staking", "signing-info", operator, *rpc)
        assert (info["missedBlocks"], info["tombstoned"]) == (0, False)
        assert info["countedBlocks"] > 0
        aurigraph("staking", "withdraw-commission", *signing)
    finally:
        network.stop()
