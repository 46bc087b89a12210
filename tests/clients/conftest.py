"""A running network of four validators, and the npm packages, for tests with clients that we did not write."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from node.local_network import LocalNetwork, LocalNetworkOptions
from tests.clients.commands import HERE, install_npm_packages, script

ROOT = HERE.parent.parent
CLIENTS_BASE_PORT = 18_545


@pytest.fixture(scope="session")
def npm_packages() -> Path:
    """The packages of this folder: clients and contracts."""
    return install_npm_packages(HERE)


@pytest.fixture(scope="session")
def token(npm_packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Path of {Token: {abi, bytecode}}, compiled with npm solc."""
    compiled = script("node", "compile.cjs", str(ROOT / "contracts" / "solidity" / "Token.sol"))
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
