"""`aurigraph start --dev` as a user runs it: a process, the command line against it, signals, bad surroundings."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from chain.errors import NodeError
from genesis import DEV_MNEMONIC
from node.commands.common import ExitCode
from node.rpc_client import RpcClient

pytestmark = [pytest.mark.cluster, pytest.mark.slow]
RECEIVER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
SENDER = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
ROOT = Path(__file__).parent.parent.parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class DevNode:
    """One process of `start --dev`."""

    home: Path
    port: int

    def __post_init__(self) -> None:
        self.log = self.home.with_suffix(".log")
        self.process = self.begin()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def rpc(self) -> RpcClient:
        return RpcClient(self.url)

    def begin(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "cli",
                    "start",
                    "--dev",
                    "--home",
                    str(self.home),
                    "--rpc-port",
                    str(self.port),
                ],
                stdout=log,
                stderr=log,
                cwd=ROOT,
            )

    def wait_until_up(self) -> None:
        deadline = time.monotonic() + 30
        while True:
            try:
                self.rpc.call("eth_chainId")
                return
            except NodeError:
                assert self.process.poll() is None, self.log.read_text()
                assert time.monotonic() < deadline, "the node does not answer"
                time.sleep(0.05)

    def restart(self, number: signal.Signals) -> int:
        code = self.stop(number)
        self.process = self.begin()
        self.wait_until_up()
        return code

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)


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


@pytest.fixture
def wallet(tmp_path: Path) -> list[str]:
    """Options that unlock the first development account."""
    home, password, mnemonic = tmp_path / "wallet", tmp_path / "password", tmp_path / "mnemonic"
    for path, text in ((password, "pw"), (mnemonic, DEV_MNEMONIC)):
        path.write_text(text + "\n")
        path.chmod(0o600)
    command = [
        "keys",
        "import",
        str(mnemonic),
        "--light",
        "--home",
        str(home),
        "--password-file",
        str(password),
    ]
    assert aurigraph(*command).returncode == 0
    return ["--from", SENDER, "--home", str(home), "--password-file", str(password)]


def aurigraph(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli", *arguments],
        capture_output=True,
        text=True,
        timeout=90,
        cwd=ROOT,
        check=False,
    )


def test_the_command_line_pays_deploys_calls_and_asks(
    node: DevNode, wallet: list[str], tmp_path: Path
) -> None:
    at = ["--rpc", node.url, "--json"]
    paid = aurigraph("tx", "transfer", "--to", RECEIVER, "--value", "1.5aur", *wallet, *at)
    assert paid.returncode == 0, paid.stderr
    receipt = json.loads(paid.stdout)
    assert receipt["status"] == "0x1"
    balance = json.loads(aurigraph("query", "balance", RECEIVER, *at).stdout)
    assert balance["wei"] == str(10_001_5 * 10**17)
    told = json.loads(aurigraph("query", "tx", receipt["transactionHash"], *at).stdout)
    assert told["receipt"] == receipt
    # Creation code that returns the runtime code 0x602a60005260206000f3: it answers every call with 42.
    code = tmp_path / "code.hex"
    code.write_text("0x69602a60005260206000f3600052600a6016f3\n")
    deployed = aurigraph("tx", "deploy", str(code), *wallet, *at)
    assert deployed.returncode == 0, deployed.stderr
    contract = json.loads(deployed.stdout)["contractAddress"]
    assert node.rpc.call("eth_call", {"to": contract}, "latest") == "0x" + (42).to_bytes(32, "big").hex()
    called = aurigraph("tx", "call", contract, "answer(uint256)", "7", *wallet, *at)
    assert json.loads(called.stdout)["status"] == "0x1"
    block = json.loads(aurigraph("query", "block", "latest", *at).stdout)
    assert int(block["number"], 16) == 3
    status = json.loads(aurigraph("tx", "status", receipt["transactionHash"], *at).stdout)
    assert status["blockNumber"] == "0x1"
    assert len(aurigraph("query", "validators", *at).stdout.splitlines()) == 1


def test_refused_and_reverted_transactions_have_their_own_exit_codes(
    node: DevNode, wallet: list[str], tmp_path: Path
) -> None:
    at = ["--rpc", node.url, *wallet]
    poor = aurigraph("tx", "transfer", "--to", RECEIVER, "--value", "10001", "--gas", "21000", *at)
    assert poor.returncode == ExitCode.TRANSACTION_REJECTED
    assert "insufficient funds" in poor.stderr
    reverting = tmp_path / "revert.hex"
    reverting.write_text("60006000fd")
    assert aurigraph("tx", "deploy", str(reverting), *at).returncode == ExitCode.TRANSACTION_REVERTED
    forced = aurigraph("tx", "deploy", str(reverting), "--gas", "100000", *at)
    assert forced.returncode == ExitCode.TRANSACTION_REVERTED


def test_blocks_come_with_transactions_only_and_survive_a_kill(node: DevNode, wallet: list[str]) -> None:
    assert node.rpc.call("eth_blockNumber") == "0x0"
    sent = aurigraph("tx", "transfer", "--to", RECEIVER, "--value", "1", *wallet, "--rpc", node.url, "--json")
    receipt = json.loads(sent.stdout)
    assert node.restart(signal.SIGKILL) == -signal.SIGKILL
    assert node.rpc.call("eth_getTransactionReceipt", receipt["transactionHash"]) == receipt
    assert node.rpc.call("eth_blockNumber") == "0x1"
    aurigraph("tx", "transfer", "--to", RECEIVER, "--value", "1", *wallet, "--rpc", node.url)
    assert node.rpc.call("eth_blockNumber") == "0x2"


def test_sigterm_ends_the_node_cleanly(node: DevNode) -> None:
    assert node.restart(signal.SIGTERM) == 0
    assert node.stop(signal.SIGINT) == 0


def test_a_second_node_on_the_same_home_or_port_says_what_is_wrong(node: DevNode, tmp_path: Path) -> None:
    same_home = aurigraph("start", "--dev", "--home", str(node.home), "--rpc-port", "0")
    assert same_home.returncode == ExitCode.FAILURE
    assert "error:" in same_home.stderr
    assert "use" in same_home.stderr.splitlines()[-1]
    same_port = aurigraph("start", "--dev", "--home", str(tmp_path / "other"), "--rpc-port", str(node.port))
    assert same_port.returncode == ExitCode.FAILURE
    assert str(node.port) in same_port.stderr.splitlines()[-1]
    assert node.rpc.call("eth_chainId") == "0x539"


def test_a_damaged_database_is_named(node: DevNode) -> None:
    node.stop()
    current = node.home / "data" / "chain" / "CURRENT"
    current.write_bytes(b"garbage")
    again = aurigraph("start", "--dev", "--home", str(node.home), "--rpc-port", "0")
    assert again.returncode == ExitCode.FAILURE
    assert str(node.home / "data" / "chain") in again.stderr.splitlines()[-1]
