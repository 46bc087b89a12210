"""Foundry as a developer uses it: forge create, forge script --broadcast, and tests on a fork of the node."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from genesis import dev_accounts
from node.local_network import LocalNetwork
from node.rpc_client import RpcClient

pytestmark = [pytest.mark.clients, pytest.mark.cluster, pytest.mark.slow]
HERE = Path(__file__).parent
KEY = "0x" + dev_accounts()[6].secret.hex()
CREATE2_DEPLOYER = "0x4e59b44847b379578588920ca78fbf26c0b4956c"


class Forge:
    """The project in a folder of its own, and the program."""

    def __init__(self, folder: Path, packages: Path, url: str) -> None:
        shutil.copytree(HERE / "forge_project", folder)
        self.folder = folder
        self.url = url
        self._program = str(packages / ".bin" / "forge")

    def __call__(self, *words: str, **environment: str) -> str:
        done = subprocess.run(
            [self._program, words[0], "--use", str(HERE / "solc.sh"), *words[1:]],
            capture_output=True,
            text=True,
            timeout=120,
            cwd=self.folder,
            env={**os.environ, "NODE_URL": self.url, **environment},
            check=False,
        )
        text = done.stdout + done.stderr
        assert done.returncode == 0, text
        assert "Error" not in text, text  # the npm wrapper around forge exits 0 whatever forge did
        return done.stdout


@pytest.fixture(scope="module")
def forge(network: LocalNetwork, npm_packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Forge:
    return Forge(tmp_path_factory.mktemp("forge") / "project", npm_packages, network.rpc_url(1))


def test_forge_creates_a_contract(forge: Forge, network: LocalNetwork) -> None:
    sender = ("--rpc-url", forge.url, "--private-key", KEY, "--broadcast")

    made = json.loads(
        forge("create", "src/Counter.sol:Counter", "--json", *sender, "--constructor-args", "41")
    )

    node = RpcClient(forge.url)
    code = node.call("eth_getCode", made["deployedTo"], "latest")
    slot = node.call("eth_getStorageAt", made["deployedTo"], "0x0", "latest")
    assert len(code) > 100
    assert int(slot, 16) == 41


def test_forge_scripts_broadcast_and_tests_run_on_a_fork(forge: Forge, network: LocalNetwork) -> None:
    sender = ("--rpc-url", forge.url, "--private-key", KEY, "--broadcast", "--slow")

    out = forge("script", "script/Deploy.s.sol:Deploy", *sender)

    assert "ONCHAIN EXECUTION COMPLETE & SUCCESSFUL" in out
    journal = json.loads((forge.folder / "broadcast/Deploy.s.sol/1337/run-latest.json").read_text())
    kinds = [entry["transactionType"] for entry in journal["transactions"]]
    assert kinds == ["CREATE", "CALL", "CREATE2", "CALL"]
    assert [receipt["status"] for receipt in journal["receipts"]] == ["0x1"] * 4
    assert journal["transactions"][2]["transaction"]["to"] == CREATE2_DEPLOYER

    tested = forge("test", COUNTER=journal["transactions"][0]["contractAddress"])

    assert "2 tests passed, 0 failed" in tested
