"""The layout of a local network, and which processes count as its own. Real nodes: tests/cluster."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from chain.errors import CallerError
from genesis import AUR, load_genesis
from node.config import load_config
from node.initialise import show_validator_key
from node.local_network import (
    MAX_BASE_PORT,
    MAX_VALIDATORS,
    LocalNetwork,
    LocalNetworkError,
    LocalNetworkOptions,
    operator_of,
    p2p_port,
    rpc_port,
)
from p2p.identity import create_identity, load_identity
from vm.system.staking.parameters import StakingParameters


@pytest.fixture
def network(tmp_path: Path) -> LocalNetwork:
    made = LocalNetwork(tmp_path / "net")
    made.create(LocalNetworkOptions(validators=2, block_ms=200, base_port=20_000))
    return made


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()


def pid_file(network: LocalNetwork, index: int) -> Path:
    return network.home(index).root / "pid"


def test_ports_do_not_overlap_and_stay_in_range() -> None:
    options = LocalNetworkOptions(validators=MAX_VALIDATORS, base_port=MAX_BASE_PORT)
    ports = [port(options, index) for index in range(MAX_VALIDATORS) for port in (rpc_port, p2p_port)]
    assert len(set(ports)) == 2 * MAX_VALIDATORS
    assert max(ports) <= 65_535


def test_all_nodes_share_the_genesis_and_know_each_other(network: LocalNetwork) -> None:
    homes = [network.home(index) for index in range(2)]
    genesis = load_genesis(homes[0].genesis)
    assert load_genesis(homes[1].genesis) == genesis
    assert genesis.parameters.block_interval_ms == 200
    assert len({validator.public_key for validator in genesis.validators}) == 2
    for index, home in enumerate(homes):
        config = load_config(home.config, {})
        assert config.rpc.port == 20_000 + 10 * index
        assert config.p2p.listen == f"/ip4/127.0.0.1/tcp/{20_001 + 10 * index}"
        other = load_identity(homes[1 - index].node_key).text
        assert config.p2p.peers == (f"/ip4/127.0.0.1/tcp/{20_001 + 10 * (1 - index)}/p2p/{other}",)
        assert home.validator_key.stat().st_mode & 0o777 == 0o600
    assert network.peer_addresses()[0] == load_config(homes[1].config, {}).p2p.peers[0]


def test_a_network_remembers_its_options_and_goes_without_a_trace(network: LocalNetwork) -> None:
    assert LocalNetwork(network.folder).options == LocalNetworkOptions(2, 200, 20_000)
    (network.folder / "mine.txt").write_text("keep")
    network.remove()
    assert not network.exists
    assert [path.name for path in network.folder.iterdir()] == ["mine.txt"]
    with pytest.raises(LocalNetworkError, match="testnet up"):
        _ = network.options


def test_every_validator_has_an_operator_of_its_own_with_coins_for_gas(tmp_path: Path) -> None:
    network = LocalNetwork(tmp_path / "net")
    network.create(LocalNetworkOptions(validators=MAX_VALIDATORS, base_port=20_000))
    genesis = load_genesis(network.home(15).genesis)
    operators = [validator.operator for validator in genesis.validators]
    assert operators == [operator_of(index) for index in range(MAX_VALIDATORS)]
    assert len(set(operators)) == MAX_VALIDATORS
    assert all(genesis.allocations[operator].balance >= 100 * AUR for operator in operators)
    assert {validator.power for validator in genesis.validators} == {100}
    with pytest.raises(LocalNetworkError, match="has 16 nodes already"):
        network.add_node()


def test_staking_parameters_of_a_network_are_those_of_its_genesis_and_are_remembered(tmp_path: Path) -> None:
    network = LocalNetwork(tmp_path / "net")
    chosen = {"signed_blocks_window": 20, "downtime_jail_s": 5, "unbonding_time_s": 10}
    network.create(LocalNetworkOptions(validators=1, staking=chosen))
    assert load_genesis(network.home(0).genesis).staking == StakingParameters(**chosen)
    assert LocalNetwork(network.folder).options.staking == chosen
    with pytest.raises(ValueError, match="did you mean signed_blocks_window"):
        LocalNetworkOptions(staking={"signed_block_window": 20}).check()


def test_an_added_node_is_known_to_all_before_it_exists(network: LocalNetwork) -> None:
    joined = network.add_node()
    assert (joined.index, joined.operator) == (2, operator_of(2))
    assert LocalNetwork(network.folder).node_count == 3
    home = network.home(2)
    assert home.genesis.read_bytes() == network.home(0).genesis.read_bytes()
    assert load_identity(home.node_key).text == joined.peer_id
    assert home.node_key.stat().st_mode & 0o777 == 0o600
    genesis = load_genesis(home.genesis)
    assert joined.validator.public_key not in [validator.public_key for validator in genesis.validators]
    assert show_validator_key(home, "node2") == joined.validator
    config = load_config(home.config, {})
    assert (config.rpc.port, config.p2p.listen) == (20_020, "/ip4/127.0.0.1/tcp/20021")
    assert config.p2p.peers == tuple(network.peer_addresses()[:2])
    for index in (0, 1):
        assert joined.peer_id in load_config(network.home(index).config, {}).p2p.allowed_peers
    another = network.add_node()
    assert another.peer_id in config.p2p.allowed_peers
    assert load_config(network.home(3).config, {}).p2p.peers == tuple(network.peer_addresses()[:3])
    assert [status.index for status in network.status()] == [0, 1, 2, 3]
    assert another.validator.public_key != joined.validator.public_key


def test_observers_are_admitted_by_added_nodes_too(tmp_path: Path) -> None:
    network = LocalNetwork(tmp_path / "net")
    observer = create_identity(tmp_path / "observer").text
    network.create(LocalNetworkOptions(validators=1), observers=[observer])
    network.add_node()
    for index in (0, 1):
        assert observer in load_config(network.home(index).config, {}).p2p.allowed_peers


def test_an_addition_that_broke_off_is_begun_anew(network: LocalNetwork) -> None:
    first = network.add_node()
    network.home(2).genesis.unlink()  # it is written last
    assert network.node_count == 2
    again = network.add_node()
    assert again.index == 2
    assert again.peer_id == first.peer_id
    assert again.validator != first.validator
    network.remove()
    assert not network.folder.exists()


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        '{"validators": 0}',
        '{"validators": "4"}',
        '{"base_port": 70000}',
        '{"ports": 1}',
        '{"block_ms": 1.5}',
        '{"staking": 1}',
        '{"staking": {"max_validators": 0}}',
        '{"staking": {"max_validators": "4"}}',
    ],
)
def test_an_edited_network_file_is_an_error_that_says_how_to_go_on(
    network: LocalNetwork, content: str
) -> None:
    (network.folder / "network.json").write_text(content)
    with pytest.raises(LocalNetworkError, match="up --fresh"):
        _ = network.options


def test_leftovers_of_an_interrupted_creation_are_not_mixed_with_a_new_network(network: LocalNetwork) -> None:
    (network.folder / "network.json").unlink()
    with pytest.raises(LocalNetworkError, match="up --fresh"):
        network.create(LocalNetworkOptions())
    network.remove()
    network.create(LocalNetworkOptions(validators=1))
    assert network.exists


def test_a_pid_that_belongs_to_another_program_does_not_count(
    network: LocalNetwork, sleeper: subprocess.Popen[bytes]
) -> None:
    pid_file(network, 0).write_text(str(sleeper.pid))
    assert network.pid(0) is None
    assert not network.signal_node(0, signal.SIGKILL)
    assert network.stop() == []
    assert sleeper.poll() is None


@pytest.mark.parametrize("content", ["", "x", "-1", "0", "1", "9" * 30, "-9"])
def test_a_damaged_pid_file_names_nobody(network: LocalNetwork, content: str) -> None:
    """To the kill system call -1 means every process, 0 the group of the caller."""
    pid_file(network, 0).write_text(content)
    assert network.pid(0) is None
    assert network.status()[0].state == "down"


def test_node_1_is_not_taken_for_node_10(tmp_path: Path) -> None:
    network = LocalNetwork(tmp_path / "net")
    network.create(LocalNetworkOptions(validators=11, base_port=20_000))
    ten = network.home(10).root
    code = "import time; time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code, "start", "--home", str(ten)])
    try:
        for index in (1, 10):
            pid_file(network, index).write_text(str(process.pid))
        deadline = time.monotonic() + 10
        while network.pid(10) is None:  # until it has its own command line
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert network.pid(1) is None
    finally:
        process.kill()
        process.wait()


def test_a_node_that_is_not_there_is_the_callers_mistake(network: LocalNetwork) -> None:
    for index in (-1, 2):
        with pytest.raises(CallerError, match="nodes are 0 to 1"):
            network.signal_node(index, signal.SIGTERM)


def test_a_port_in_use_is_named_before_anything_starts(network: LocalNetwork) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        options = {"validators": 2, "block_ms": 200, "base_port": port}
        (network.folder / "network.json").write_text(json.dumps(options))
        with pytest.raises(LocalNetworkError, match=f"port {port} is in use.*--base-port"):
            network.start(0)
    assert not pid_file(network, 0).exists()


def test_the_tail_of_a_log_is_its_last_lines(network: LocalNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    assert network.log_tail(0) == "(no log)"
    network.log_path(0).write_text("".join(f"line {number}\n" for number in range(100)))
    assert network.log_tail(0, 2) == "line 98\nline 99"
    assert network.log_tail(0, 0) == ""
    assert len(network.log_tail(0, 1000).splitlines()) == 100
    monkeypatch.setattr("node.local_network.MAX_TAIL_BYTES", 17)
    assert network.log_tail(0, 1000).splitlines()[-2:] == ["line 98", "line 99"]


FAKE_CLI = """
import json, os, sys, time
print(json.dumps([sys.argv[1:], {n: v for n, v in os.environ.items() if n.startswith("AURIGRAPH_")}]), flush=True)
time.sleep(60)
"""


@pytest.mark.cluster
def test_a_node_is_started_from_anywhere_without_the_callers_addresses_and_stopped(
    network: LocalNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, elsewhere = tmp_path / "program", tmp_path / "elsewhere"
    for folder, code in ((program, FAKE_CLI), (elsewhere, "raise SystemExit('the wrong cli')")):
        folder.mkdir()
        (folder / "cli.py").write_text(code)
    monkeypatch.chdir(elsewhere)
    monkeypatch.setattr("node.local_network.PROGRAM", program)
    monkeypatch.setenv("AURIGRAPH_RPC_PORT", "1")
    monkeypatch.setenv("AURIGRAPH_P2P_LISTEN", "/ip4/0.0.0.0/tcp/1")
    monkeypatch.setenv("AURIGRAPH_LOG_LEVEL", "debug")
    pid = network.start(0)
    try:
        deadline = time.monotonic() + 10
        while not network.log_path(0).read_text():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert json.loads(network.log_path(0).read_text()) == [
            ["start", "--home", str(network.home(0).root)],
            {"AURIGRAPH_LOG_LEVEL": "debug"},
        ]
        other = LocalNetwork(network.folder)  # as another command sees it
        assert (network.pid(0), other.pid(0)) == (pid, pid)
        with pytest.raises(LocalNetworkError, match="runs already"):
            other.start(0)
        with pytest.raises(LocalNetworkError, match="still run"):
            other.remove()
    finally:
        assert network.stop() == [0]
    assert network.running() == []
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
