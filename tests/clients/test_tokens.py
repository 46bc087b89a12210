"""The suites of the token standards, run by ethers on four validators, on the chain's tokens and on OpenZeppelin's.

A suite checks return values, revert data and logs exactly; it knows nothing of who made the token. What the tokens of
both makers answered is compared word for word. The published interfaces are compiled by solc.
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
INTERFACES = HERE.parent.parent / "contracts" / "interfaces"
SUITES_TIMEOUT_S = 240
# Who makes the tokens, and index of the account that pays.
MAKERS = {"openzeppelin": 5, "system": 6}
# The least number of checks of each suite: one that ends early is no success.
SUITES = {
    "abi": 10,
    "erc20": 81,
    "extensions": 100,
    "votes": 50,
    "erc721": 186,
    "collections": 48,
    "erc1155": 130,
    "weth9": 55,
    "hostile": 108,
    "protocols": 18,
}
SYSTEM_SUITES = {"chain": 49, "factory": 46, "solidity": 14}  # what only the chain has
EVERY_RUN = [(maker, suite) for maker in MAKERS for suite in SUITES] + [
    ("system", suite) for suite in SYSTEM_SUITES
]


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
    """Path of {contract: {abi, bytecode}} of the published interfaces and of the contracts in tokens/contracts."""
    sources = [*sorted((TOKENS / "contracts").glob("*.sol")), *sorted(INTERFACES.glob("*.sol"))]
    path = tmp_path_factory.mktemp("tokens") / "artifacts.json"
    path.write_text(script("node", "compile.cjs", *map(str, sources)))
    return path


@pytest.fixture(scope="module")
def runs(
    network: LocalNetwork, artifacts: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Run]]:
    """All suites on the tokens of both makers, started together, each maker on a node of its own."""
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


def test_solc_makes_the_published_abi_of_the_published_interfaces(artifacts: Path) -> None:
    compiled = json.loads(artifacts.read_text())
    sources = sorted(INTERFACES.glob("*.sol"))
    assert len(sources) >= 16
    for source in sources:
        contract = source.stem.removeprefix("I")
        published = json.loads((INTERFACES / f"{contract}.json").read_text())
        # An interface has no constructor, and structs are named after it.
        without = [item for item in published if item["type"] != "constructor"]
        assert _sorted(without) == _sorted(compiled[source.stem]["abi"]), contract


def _sorted(abi: list[dict[str, Any]]) -> list[str]:
    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(part) for key, part in value.items() if key != "internalType"}
        return [plain(part) for part in value] if isinstance(value, list) else value

    return sorted(json.dumps(plain(item), sort_keys=True) for item in abi)


@pytest.mark.parametrize(("maker", "suite"), EVERY_RUN)
def test_the_tokens_of_a_maker_keep_the_standard(maker: str, suite: str, runs: dict[str, Run]) -> None:
    result = runs[maker].results()[suite]
    assert result["error"] is None, result["error"]
    assert len(result["record"]) >= {**SUITES, **SYSTEM_SUITES}[suite]


@pytest.mark.parametrize("suite", SUITES)
def test_the_chains_tokens_answer_as_openzeppelins_do(suite: str, runs: dict[str, Run]) -> None:
    ours, theirs = runs["system"].results()[suite], runs["openzeppelin"].results()[suite]
    for own, other in zip(ours["record"], theirs["record"], strict=True):
        assert own == other


def test_the_chains_tokens_need_about_the_gas_of_openzeppelins(runs: dict[str, Run]) -> None:
    """Storage, logs and call data have the EVM's prices, so only what is computed differs."""
    for suite in SUITES:
        ours, theirs = (dict(runs[maker].results()[suite]["gas"]) for maker in ("system", "openzeppelin"))
        steps = ours.keys() & theirs.keys()
        assert sum(ours[step] for step in steps) <= 1.02 * sum(theirs[step] for step in steps), suite
