"""The suites of the token standards, run by ethers on four validators, on OpenZeppelin's bytecode.

A suite checks return values, revert data and logs exactly; it knows nothing of who made the token.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from genesis import dev_accounts
from node.local_network import LocalNetwork
from tests.clients.commands import script

pytestmark = [pytest.mark.clients, pytest.mark.cluster, pytest.mark.slow]
HERE = Path(__file__).parent
TOKENS = HERE / "tokens"
SUITES_TIMEOUT_S = 240
# Who makes the tokens, and index of the account that pays.
MAKERS = {"openzeppelin": 5}
# The least number of checks of each suite: one that ends early is no success.
SUITES = {"erc20": 81}


@dataclass(frozen=True)
class Run:
    process: subprocess.Popen[bytes]
    output: Path
    record: Path

    def results(self) -> dict[str, Any]:
        """What the suites recorded, when all have ended."""
        self.process.wait(SUITES_TIMEOUT_S)
        assert self.record.is_file(), self.output.read_text()
        told: dict[str, Any] = json.loads(self.record.read_text())
        return told


@pytest.fixture(scope="module")
def artifacts(npm_packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Path of {contract: {abi, bytecode}} of all contracts in tokens/contracts."""
    path = tmp_path_factory.mktemp("tokens") / "artifacts.json"
    path.write_text(script("node", "compile.cjs", *map(str, sorted((TOKENS / "contracts").glob("*.sol")))))
    return path


@pytest.fixture(scope="module")
def runs(
    network: LocalNetwork, artifacts: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Run]]:
    """All suites on the tokens of all makers, started together, each maker on a node of its own."""
    keys = ["0x" + key.secret.hex() for key in dev_accounts()]
    folder = tmp_path_factory.mktemp("suites")
    started: dict[str, Run] = {}
    try:
        for position, (maker, account) in enumerate(MAKERS.items()):
            record, output = folder / f"{maker}.json", folder / f"{maker}.log"
            words = ["node", "main.mjs", network.rpc_url(position), keys[account], maker]
            with output.open("wb") as log:
                process = subprocess.Popen(
                    [*words, str(artifacts), str(record)], cwd=TOKENS, stdout=log, stderr=subprocess.STDOUT
                )
            started[maker] = Run(process, output, record)
        yield started
    finally:
        for run in started.values():
            run.process.kill()
            run.process.wait()


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("maker", MAKERS)
def test_the_tokens_of_a_maker_keep_the_standard(maker: str, suite: str, runs: dict[str, Run]) -> None:
    result = runs[maker].results()[suite]
    assert result["error"] is None, result["error"]
    assert len(result["record"]) >= SUITES[suite]
