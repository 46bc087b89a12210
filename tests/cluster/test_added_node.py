"""A node that is added to a running network of real processes: it follows, and is one of them from then on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from chain.types import checksum_address
from cli import main
from node.local_network import PROGRAM, LocalNetwork, LocalNetworkOptions, operator_of
from node.rpc_client import RpcClient

pytestmark = [pytest.mark.cluster, pytest.mark.slow]
BASE_PORT = 19_245


@pytest.fixture
def network(tmp_path: Path) -> Iterator[LocalNetwork]:
    made = LocalNetwork(tmp_path / "net")
    made.create(LocalNetworkOptions(validators=2, block_ms=300, base_port=BASE_PORT))
    try:
        for index in range(2):
            made.start(index)
        made.wait_until_up()
        yield made
    finally:
        made.stop()


def block_hash(network: LocalNetwork, index: int, number: int) -> str:
    block = RpcClient(network.rpc_url(index)).call("eth_getBlockByNumber", hex(number), False)
    return str(block["hash"])


def wait_for_peers(network: LocalNetwork, index: int, peers: int) -> None:
    deadline = time.monotonic() + 30
    while network.node_status(index).peers != peers:
        assert time.monotonic() < deadline, network.log_tail(index)
        time.sleep(0.1)


@pytest.mark.extra
def test_an_added_node_follows_and_stays_with_the_network(network: LocalNetwork) -> None:
    command = [sys.executable, "-m", "cli", "testnet", "--home", str(network.folder), "add-node", "--json"]
    told = json.loads(subprocess.run(command, capture_output=True, check=True, cwd=PROGRAM).stdout)
    assert (told["node"], told["state"]) == (2, "up")
    assert network.running() == [0, 1, 2]
    wait_for_peers(network, 2, 2)
    height = told["height"]
    network.wait_until_up(height=height + 3)
    assert len({block_hash(network, index, height + 3) for index in range(3)}) == 1
    # The others do not dial it, so after a restart of theirs it must find them again.
    network.signal_node(0, signal.SIGTERM)
    while network.pid(0) is not None:
        time.sleep(0.05)
    network.start(0)
    wait_for_peers(network, 2, 2)
    assert network.stop() == [0, 1, 2]
    again = LocalNetwork(network.folder)
    for index in range(again.node_count):
        network.start(index)
    network.wait_until_up(height=height + 6)
    assert len({block_hash(network, index, height + 6) for index in range(3)}) == 1


def test_a_node_is_not_added_and_started_while_the_others_are_down(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = LocalNetwork(tmp_path / "net")
    network.create(LocalNetworkOptions(validators=1, base_port=BASE_PORT))
    with pytest.raises(SystemExit):
        main(["testnet", "--home", str(network.folder), "add-node"])
    assert "the network does not run" in capsys.readouterr().err
    assert network.node_count == 1
    main(["testnet", "--home", str(network.folder), "add-node", "--stopped", "--json"])
    assert json.loads(capsys.readouterr().out)["state"] == "down"
    assert network.node_count == 2
    main(["testnet", "--home", str(network.folder), "add-node", "--stopped"])
    told = capsys.readouterr().out
    assert f"keys import mnemonic --format mnemonic --index 2 --home {network.home(2).root}" in told
    assert f"create-validator --home {network.home(2).root} --from {checksum_address(operator_of(2))}" in told
