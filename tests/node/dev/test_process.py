"""`start --dev` as a process: what survives a kill, what the flags do, and what other nodes say to its folder."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.commands.common import ExitCode
from tests.cluster.test_dev_node import ROOT, DevNode, aurigraph, free_port
from tests.node.dev.dev_fixture import FIRST, STRANGER

pytestmark = [pytest.mark.cluster, pytest.mark.slow]


@pytest.fixture
def node(tmp_path: Path) -> Iterator[DevNode]:
    running = DevNode(tmp_path / "dev", free_port())
    try:
        running.wait_until_up()
        yield running
    finally:
        if running.process.poll() is None:
            running.process.kill()
            running.process.wait()


def test_what_was_set_by_hand_survives_a_kill(node: DevNode) -> None:
    rpc = node.rpc
    rpc.call("hardhat_setBalance", STRANGER, hex(5 * 10**18))
    rpc.call("hardhat_impersonateAccount", STRANGER)
    sent = rpc.call("eth_sendTransaction", {"from": STRANGER, "to": FIRST, "value": "0x1"})
    rpc.call("evm_increaseTime", 86_400)
    rpc.call("evm_mine")
    head = rpc.call("eth_getBlockByNumber", "latest", False)
    rpc.call("hardhat_setBalance", FIRST, "0x7")
    assert node.restart(signal.SIGKILL) == -signal.SIGKILL
    assert rpc.call("eth_getBlockByNumber", "latest", False) == head
    assert rpc.call("eth_getBalance", FIRST, "latest") == "0x7"
    assert rpc.call("eth_getTransactionByHash", sent)["from"] == STRANGER
    rpc.call("evm_mine")
    following = rpc.call("eth_getBlockByNumber", "latest", False)
    assert int(following["timestamp"], 16) > time.time() + 86_000


def test_a_revert_survives_a_kill(node: DevNode) -> None:
    rpc = node.rpc
    snapshot = rpc.call("evm_snapshot")
    for _ in range(20):
        rpc.call("eth_sendTransaction", {"from": FIRST, "to": STRANGER, "value": "0x1"})
    assert rpc.call("evm_revert", snapshot) is True
    node.restart(signal.SIGKILL)
    assert rpc.call("eth_blockNumber") == "0x0"
    assert rpc.call("eth_getBalance", STRANGER, "latest") == "0x0"


def test_a_thousand_blocks_take_seconds(node: DevNode) -> None:
    began = time.monotonic()
    node.rpc.call("hardhat_mine", "0x3e8")
    assert time.monotonic() - began < 5
    assert node.rpc.call("eth_blockNumber") == "0x3e8"


def test_the_banner_names_accounts_keys_and_address(node: DevNode) -> None:
    banner = node.log.read_text()
    for words in (
        "(0) 0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266 (10,000 AUR",
        "(9) 0x2a871d0798f97d79848a013d4936a73bf4cc922c825d33c1cf7073dff6d409c6",
        "test test test test test test test test test test test junk",
        "1337",
        f"http://127.0.0.1:{node.port}",
        "with each transaction",
    ):
        assert words in banner


def test_only_a_development_node_takes_the_folder(node: DevNode) -> None:
    node.stop()
    other = aurigraph("start", "--home", str(node.home), "--rpc-port", "0")
    assert other.returncode == ExitCode.FAILURE
    assert "start it with --dev" in other.stderr.splitlines()[-1]


@pytest.mark.parametrize(("flags", "grows"), [(("--block-time", "0.05"), True), (("--no-mining",), False)])
def test_when_blocks_are_made(tmp_path: Path, flags: tuple[str, ...], grows: bool) -> None:
    node = DevNode.__new__(DevNode)
    node.home, node.port = tmp_path / "dev", free_port()
    command = ["-m", "cli", "start", "--dev", "--home", str(node.home), "--rpc-port", str(node.port), *flags]
    node.log = tmp_path / "log"
    with node.log.open("wb") as log:
        node.process = subprocess.Popen([sys.executable, *command], stdout=log, stderr=log, cwd=ROOT)
    try:
        node.wait_until_up()
        sent = node.rpc.call("eth_sendTransaction", {"from": FIRST, "to": STRANGER, "value": "0x1"})
        time.sleep(0.5)
        assert (node.rpc.call("eth_blockNumber") != "0x0") == grows
        assert (node.rpc.call("eth_getTransactionReceipt", sent) is not None) == grows
        node.rpc.call("evm_mine")
        assert node.rpc.call("eth_getTransactionReceipt", sent)["status"] == "0x1"
    finally:
        node.process.kill()
        node.process.wait()


def test_the_chain_id_may_be_that_of_other_development_nodes(tmp_path: Path) -> None:
    home = str(tmp_path / "dev")
    made = aurigraph("init", "--dev", "--chain-id", "31337", "--home", home, "--json")
    assert '"chain_id": 31337' in made.stdout
    refused = aurigraph("start", "--dev", "--chain-id", "1337", "--home", home)
    assert refused.returncode == ExitCode.FAILURE
    assert "holds chain 31337" in refused.stderr
    assert aurigraph("init", "--dev", "--chain-id", "1", "--home", str(tmp_path / "x")).returncode == 2


def test_flags_that_do_not_go_together(tmp_path: Path) -> None:
    for flags, words in (
        (("--block-time", "1"), "go with --dev"),
        (("--no-mining",), "go with --dev"),
        (("--chain-id", "31337"), "go with --dev"),
        (("--dev", "--no-mining", "--block-time", "1"), "leave one of them out"),
    ):
        refused = aurigraph("start", "--home", str(tmp_path / "x"), *flags)
        assert refused.returncode == ExitCode.FAILURE
        assert words in refused.stderr
    assert not (tmp_path / "x").exists()
