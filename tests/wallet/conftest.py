"""A running network of four validators, a Chromium and the npm packages for the tests of a wallet."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from genesis import dev_accounts
from node.local_network import LocalNetwork, LocalNetworkOptions
from tests.wallet.flows import CLOSED_NODE, Flow, run_flow

HERE = Path(__file__).parent
WALLET_BASE_PORT = 22_545
CHROMIUM_VARIABLE = "AURIGRAPH_CHROMIUM"


def unavailable(reason: str) -> None:
    """Skips, visibly; where everything has to be installed, fails."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def run(*command: str, timeout_s: float) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, cwd=HERE, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium: what AURIGRAPH_CHROMIUM names, or Debian's, installed if this is root on Debian."""
    chosen = os.environ.get(CHROMIUM_VARIABLE) or shutil.which("chromium")
    if chosen is None and os.geteuid() == 0 and shutil.which("apt-get") is not None:
        os.environ["DEBIAN_FRONTEND"] = "noninteractive"
        run("apt-get", "update", "-q", timeout_s=180)
        run("apt-get", "install", "-y", "-q", "--no-install-recommends", "chromium", timeout_s=400)
        chosen = shutil.which("chromium")
    if chosen is None:
        unavailable(f"no chromium: install Debian's package, or name one with {CHROMIUM_VARIABLE}")
    assert chosen is not None
    return chosen


@pytest.fixture(scope="session")
def npm_packages() -> Path:
    """The locked npm packages, installed on first use."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        unavailable("node and npm are needed for the tests with a wallet")
    modules = HERE / "node_modules"
    stamp = modules / ".installed"
    lock = (HERE / "package-lock.json").read_text()
    if not stamp.is_file() or stamp.read_text() != lock:
        # playwright-core brings no browser, and esbuild's binary is a package: install scripts stay off.
        run("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", timeout_s=300)
        stamp.write_text(lock)
    return modules


@pytest.fixture(scope="session")
def permit_token(npm_packages: Path) -> dict[str, Any]:
    """{abi, bytecode} of PermitToken.sol."""
    compiled: dict[str, Any] = json.loads(run("node", "compile.mjs", "PermitToken.sol", timeout_s=90))
    return compiled


@pytest.fixture(scope="session")
def keys() -> list[str]:
    return ["0x" + key.secret.hex() for key in dev_accounts()]


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalNetwork]:
    """Four validator processes with blocks every 400 ms; pages may use all of them but CLOSED_NODE."""
    local = LocalNetwork(tmp_path_factory.mktemp("wallet") / "net")
    local.create(LocalNetworkOptions(validators=4, block_ms=400, base_port=WALLET_BASE_PORT))
    config = local.home(CLOSED_NODE).root / "config.toml"
    text = config.read_text()
    assert 'cors_origins = ["*"]' in text
    config.write_text(text.replace('cors_origins = ["*"]', "cors_origins = []"))
    try:
        for index in range(4):
            local.start(index)
        local.wait_until_up()
        yield local
    finally:
        local.stop()


@pytest.fixture
def flow(network: LocalNetwork, npm_packages: Path, chromium: str, tmp_path: Path) -> Flow:
    """Runs a script with the browser against the network; returns what it found."""

    def start(script: str, **more: Any) -> dict[str, Any]:
        rpc = [network.rpc_url(index) for index in range(network.options.validators)]
        return run_flow(script, {"chromium": chromium, "rpc": rpc, **more}, tmp_path)

    return start
