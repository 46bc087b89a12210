"""Four real validator processes that are killed at any moment: nothing decided is lost, nobody signs twice."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from chain.errors import NodeError
from genesis import dev_accounts
from node.local_network import LocalNetwork, LocalNetworkOptions
from node.rpc_client import RpcClient
from tests.cluster.contract_calls import ContractCalls
from tests.cluster.load import SteadyLoad, wait_for_receipts
from tests.cluster.signed_messages import Listener

pytestmark = [pytest.mark.cluster, pytest.mark.slow]
BASE_PORT = 19_545
LISTENER_PORT = 19_645
SEED = 20_261_125


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[LocalNetwork, Listener]]:
    network = LocalNetwork(tmp_path / "net")
    listener = Listener(network, tmp_path, f"/ip4/127.0.0.1/tcp/{LISTENER_PORT}")
    # Both engines execute every block: a node on which they disagree ends, and the tests with it.
    options = LocalNetworkOptions(validators=4, block_ms=500, base_port=BASE_PORT, cross_check=True)
    network.create(options, observers=[listener.identity.text])
    try:
        with listener:
            start_all(network)
            network.wait_until_up()
            yield network, listener
            assert_engines_agreed(network)
    finally:
        network.stop()


def start_all(network: LocalNetwork) -> None:
    for index in range(4):
        if network.pid(index) is None:
            network.start(index)


def kill(network: LocalNetwork, *indexes: int) -> None:
    for index in indexes:
        network.signal_node(index, signal.SIGKILL)
    while any(network.pid(index) is not None for index in indexes):
        time.sleep(0.01)


def clients(network: LocalNetwork) -> list[RpcClient]:
    return [RpcClient(network.rpc_url(index), timeout_s=5) for index in range(4)]


def height_of(client: RpcClient) -> int:
    return int(client.call("eth_blockNumber"), 16)


def wait_for_height(client: RpcClient, height: int, timeout_s: float) -> float:
    """Waits for a node's head; returns how long it took."""
    begun = time.monotonic()
    while True:
        try:
            if height_of(client) >= height:
                return time.monotonic() - begun
        except NodeError:
            pass
        assert time.monotonic() - begun < timeout_s, f"{client.url} did not reach {height} in {timeout_s} s"
        time.sleep(0.05)


def assert_same_blocks(network: LocalNetwork, first: int = 0) -> int:
    """All nodes tell the same block at each height that all have; returns the last one compared."""
    nodes = clients(network)
    last = min(height_of(node) for node in nodes)
    for number in range(first, last + 1):
        hashes = {node.call("eth_getBlockByNumber", hex(number), False)["hash"] for node in nodes}
        assert len(hashes) == 1, f"height {number}: {hashes}"
    return last


def assert_engines_agreed(network: LocalNetwork) -> None:
    """Every node was checking, and none has found a difference."""
    for index in range(4):
        assert list(network.home(index).root.glob("engines-disagree*")) == []
        assert '"cross_check": "py-evm"' in network.log_path(index).read_text()


def test_the_chain_goes_on_without_one_validator_and_takes_it_back(
    cluster: tuple[LocalNetwork, Listener],
) -> None:
    network, listener = cluster
    nodes = clients(network)
    victim = 3
    validator = bytes.fromhex(nodes[victim].call("node_status")["consensus"]["ownAddress"][2:])
    with SteadyLoad([network.rpc_url(0)], dev_accounts()[0]) as load:
        wait_for_height(nodes[0], height_of(nodes[0]) + 3, 30)
        kill(network, victim)
        at_kill = height_of(nodes[0])
        called = ContractCalls(nodes[1], dev_accounts()[2]).run(timeout_s=60)
        wait_for_height(nodes[0], at_kill + 8, 40)  # every proposer but the dead one had its turn
        network.start(victim)
        wait_for_height(nodes[victim], height_of(nodes[0]), 60)
        head = height_of(nodes[0])
        deadline = time.monotonic() + 10
        while listener.heights.get(validator, 0) < head:
            assert time.monotonic() < deadline, (
                "the restarted validator signs nothing 10 s after reaching the head"
            )
            time.sleep(0.05)
    assert wait_for_receipts(nodes[1], load.acknowledged, 60) == []
    assert wait_for_receipts(nodes[victim], called, 60) == []  # it has executed them while it caught up
    assert assert_same_blocks(network) >= head
    assert listener.double_signatures() == []


@pytest.mark.parametrize("times", [8, pytest.param(20, marks=pytest.mark.extra)])
def test_all_validators_killed_again_and_again_go_on_from_what_was_decided(
    cluster: tuple[LocalNetwork, Listener], times: int
) -> None:
    network, listener = cluster
    nodes = clients(network)
    source = random.Random(SEED)
    hashes: dict[int, str] = {}
    with SteadyLoad([network.rpc_url(index) for index in range(4)], dev_accounts()[1]) as load:
        for _ in range(times):
            time.sleep(source.uniform(0.0, 1.5))
            known = max(height_of(node) for node in nodes)
            for number in range(len(hashes), known + 1):
                hashes[number] = tell_hash(nodes, number)
            order = source.sample(range(4), 4)
            kill(network, *order)
            start_all(network)
            for node in nodes:
                wait_for_height(node, known + 1, 60)
    assert wait_for_receipts(nodes[2], load.acknowledged, 60) == []
    last = assert_same_blocks(network)
    for number, told in hashes.items():
        if number <= last:
            assert nodes[0].call("eth_getBlockByNumber", hex(number), False)["hash"] == told
    assert listener.double_signatures() == []
    assert len(listener.seen) > 4 * times  # the listener did hear the votes


def tell_hash(nodes: list[RpcClient], number: int) -> str:
    """The hash of a height from whichever node has it."""
    for node in nodes:
        block = node.call("eth_getBlockByNumber", hex(number), False)
        if block is not None:
            told: str = block["hash"]
            return told
    raise AssertionError(f"no node has block {number}, which one of them told of before")
