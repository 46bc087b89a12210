"""Uniswap, Safe, ERC-4337, EIP-7702 and Aave from their published bytecode, used on four real validators.

Each script deploys and uses one system and checks calls, events and balances itself; a line that begins with "ok" is
a check. All scripts run at once, each on a node and with an account of its own, so blocks hold a mixture of them.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from genesis import dev_accounts
from node.local_network import LocalNetwork
from node.rpc_client import RpcClient

pytestmark = [pytest.mark.clients, pytest.mark.cluster, pytest.mark.slow]
HERE = Path(__file__).parent
SCRIPT_TIMEOUT_S = 240
VALIDATORS = 4
# Script, index of the account that pays, and the least number of checks: a script that ends early is no success.
SCRIPTS = {
    "uniswap_v2.mjs": (0, 36),
    "uniswap_v3.mjs": (5, 71),
    "safe.mjs": (6, 59),
    "erc4337.mjs": (7, 57),
    "eip7702.mjs": (8, 40),
    "aave_v3.mjs": (9, 52),
}


@dataclass(frozen=True)
class Script:
    process: subprocess.Popen[bytes]
    output: Path


@pytest.fixture(scope="module")
def scripts(
    network: LocalNetwork, npm_packages: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Script]]:
    """All scripts, started together."""
    keys = ["0x" + key.secret.hex() for key in dev_accounts()]
    folder = tmp_path_factory.mktemp("protocols")
    started: dict[str, Script] = {}
    try:
        for position, (name, (account, _)) in enumerate(SCRIPTS.items()):
            output = folder / f"{name}.log"
            command = ["node", name, network.rpc_url(position % VALIDATORS), keys[account]]
            with output.open("wb") as log:
                process = subprocess.Popen(command, cwd=HERE, stdout=log, stderr=subprocess.STDOUT)
            started[name] = Script(process, output)
        yield started
    finally:
        for script in started.values():
            script.process.kill()
            script.process.wait()


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_published_bytecode_works_in_every_step(name: str, scripts: dict[str, Script]) -> None:
    status = scripts[name].process.wait(SCRIPT_TIMEOUT_S)
    told = scripts[name].output.read_text()
    assert status == 0, told
    least = SCRIPTS[name][1]
    lines = told.splitlines()
    assert sum(line.startswith("ok ") for line in lines) >= least, told
    assert lines[-1].startswith("done ")


def test_every_node_has_the_same_blocks_and_receipts_of_the_protocols(
    network: LocalNetwork, scripts: dict[str, Script]
) -> None:
    for script in scripts.values():
        script.process.wait(SCRIPT_TIMEOUT_S)
    nodes = [RpcClient(network.rpc_url(index)) for index in range(VALIDATORS)]
    head = max(int(node.call("eth_blockNumber"), 16) for node in nodes)
    network.wait_until_up(timeout_s=60, height=head)
    transactions = 0
    for number in range(head + 1):
        told = [node.call("eth_getBlockByNumber", hex(number), False) for node in nodes]
        assert all(block == told[0] for block in told), number
        transactions += len(told[0]["transactions"])
        receipts = [node.call("eth_getBlockReceipts", hex(number)) for node in nodes]
        assert all(answer == receipts[0] for answer in receipts), number
    assert transactions > 20 * len(SCRIPTS)
