"""scripts/testnet/*: what a newcomer types, with real processes."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.cluster, pytest.mark.slow]
ROOT = Path(__file__).parent.parent.parent
BASE_PORT = 20_545


class Scripts:
    """The scripts on a network of their own."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def __call__(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "AURIGRAPH_TESTNET_HOME": str(self.home)}
        return subprocess.run(
            [str(ROOT / "scripts" / "testnet" / name), *arguments],
            capture_output=True,
            text=True,
            timeout=180,
            env=environment,
            check=False,
        )

    def nodes(self) -> list[dict[str, Any]]:
        done = self("status", "--json")
        assert done.returncode == 0, done.stderr
        nodes: list[dict[str, Any]] = json.loads(done.stdout)["nodes"]
        return nodes


@pytest.fixture
def scripts(tmp_path: Path) -> Iterator[Scripts]:
    made = Scripts(tmp_path / "net")
    yield made
    made("down")


def same_head(scripts: Scripts, above: int) -> int:
    """Waits until all four tell the same height above `above`, with one hash and one state root."""
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline:
        nodes = scripts.nodes()
        heads = {(node["height"], node["hash"], node["state_root"]) for node in nodes}
        height = nodes[0]["height"]
        if len(heads) == 1 and height is not None and height > above:
            return int(height)
        time.sleep(0.1)
    raise AssertionError(f"no common head above {above}: {scripts.nodes()}")


def test_a_network_comes_up_grows_survives_a_kill_and_leaves_nothing(scripts: Scripts) -> None:
    begun = time.monotonic()
    options = ("--block-ms", "500", "--base-port", str(BASE_PORT), "--cross-check", "--forks", "osaka@3")
    up = scripts("up", "--detach", *options)
    assert up.returncode == 0, up.stderr
    assert "first block after" in up.stderr
    for words in ("MetaMask", "cast send", "10,000 AUR", f"http://127.0.0.1:{BASE_PORT}", "test test test"):
        assert words in up.stdout
    assert time.monotonic() - begun < 60
    nodes = scripts.nodes()
    assert [node["state"] for node in nodes] == ["up"] * 4
    assert [node["rpc"] for node in nodes] == [f"http://127.0.0.1:{BASE_PORT + 10 * i}" for i in range(4)]
    height = same_head(scripts, 3)
    assert same_head(scripts, height) > height

    assert scripts("up", "--detach").returncode == 0  # again: everything runs already
    other = scripts("up", "--detach", "--validators", "3")
    assert other.returncode == 1
    assert "--fresh" in other.stderr

    assert scripts("kill", "2").returncode == 0
    assert scripts("kill", "2").returncode == 1
    assert scripts("start", "2").returncode == 0
    assert same_head(scripts, same_head_without(scripts, 2)) > height
    assert "block_committed" in scripts("logs", "1", "-n", "5").stdout
    assert height > 3  # across the change of the rule sets, which every node executes with both engines
    assert '"cross_check": "py-evm"' in scripts("logs", "1", "-n", "100000").stdout

    assert scripts("down", "--keep").returncode == 0
    again = scripts("up", "--detach")
    assert again.returncode == 0, again.stderr
    assert same_head(scripts, height) > height

    assert scripts("down").returncode == 0
    assert not scripts.home.exists()
    for index in range(4):
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", BASE_PORT + 10 * index)) != 0
    missing = scripts("status")
    assert missing.returncode == 1
    assert "testnet up" in missing.stderr


def same_head_without(scripts: Scripts, index: int) -> int:
    return max(int(node["height"]) for node in scripts.nodes() if node["index"] != index)


def test_a_port_in_use_is_named_and_nothing_stays_behind(scripts: Scripts) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", BASE_PORT + 111))
        taken.listen()
        up = scripts("up", "--detach", "--base-port", str(BASE_PORT + 100))
    assert up.returncode == 1
    assert f"port {BASE_PORT + 111} is in use" in up.stderr
    assert not scripts.home.exists()
