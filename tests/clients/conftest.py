"""A running network of four validators, and the npm packages, for tests with clients that we did not write."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.local_network import LocalNetwork, LocalNetworkOptions

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
CLIENTS_BASE_PORT = 18_545


def run(*command: str, timeout_s: float = 120) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, cwd=HERE, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def npm_packages() -> Path:
    """The locked npm packages, installed on first use."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        reason = "node and npm are needed for the tests with cast and ethers"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    modules = HERE / "node_modules"
    stamp = modules / ".installed"
    lock = (HERE / "package-lock.json").read_text()
    if not stamp.is_file() or stamp.read_text() != lock:
        # cast ships its binary inside a package of the registry: install scripts are not needed and stay off.
        run("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", timeout_s=300)
        stamp.write_text(lock)
    return modules


@pytest.fixture(scope="session")
def token(npm_packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Path of {Token: {abi, bytecode}}, compiled with npm solc."""
    compiled = run("node", "compile.cjs", str(ROOT / "contracts" / "solidity" / "Token.sol"))
    path = tmp_path_factory.mktemp("artifacts") / "token.json"
    path.write_text(compiled)
    return path


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalNetwork]:
    """Four validator processes with blocks every 400 ms, each executed by both engines."""
    local = LocalNetwork(tmp_path_factory.mktemp("clients") / "net")
    local.create(
        LocalNetworkOptions(validators=4, block_ms=400, base_port=CLIENTS_BASE_PORT, cross_check=True)
    )
    try:
        for index in range(4):
            local.start(index)
        local.wait_until_up()
        yield local
    finally:
        local.stop()
