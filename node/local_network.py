"""A network of real node processes on this machine: lays out the homes, starts, watches and stops the processes.

Owns the folder of a local network (network.json, one home a node, logs, pid files, the network identities of nodes that
may join later) and its ports. Only ends processes that it started: a pid counts only while it still runs our command
for that home. Nodes 0 to `validators` - 1 are in the genesis; those after them joined the running network.
Ports from a base b: RPC of node i at b + 10·i, its p2p at b + 10·i + 1.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from chain.errors import CallerError, EnvironmentFault, NodeError
from chain.types import Address
from genesis import (
    AUR,
    DEV_ACCOUNT_COUNT,
    DEV_KEY_COUNT,
    Allocation,
    ConsensusParameters,
    Genesis,
    GenesisValidator,
    dev_accounts,
    dev_genesis,
    load_genesis,
)
from node.clock import wall_time_ms
from node.config import (
    ENVIRONMENT_PREFIX,
    LogSettings,
    NodeConfig,
    P2pSettings,
    RpcSettings,
    VmSettings,
    dump_config,
    load_config,
)
from node.fork_option import USUAL_FORK, check_forks, forks_text, parse_forks
from node.home import NodeHome, write_public
from node.initialise import (
    ValidatorIdentity,
    create_node_key,
    create_validator_key,
    join_chain,
    write_genesis_and_config,
)
from node.rpc_client import RpcClient
from node.staking_option import staking_parameters
from p2p.identity import create_identity, load_identity
from vm.forks import ForkSchedule

PORTS_PER_NODE = 10
MAX_NODES = DEV_KEY_COUNT  # 16: more processes than this on one machine only measure the machine
MAX_VALIDATORS = MAX_NODES
MAX_BLOCK_MS = 600_000
MAX_BASE_PORT = 65_000  # the ports of MAX_NODES nodes are above it
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0
POLL_S = 0.1
MAX_TAIL_BYTES = 32 << 20  # some 100,000 lines; a log may have grown for weeks
PROGRAM = Path(__file__).resolve().parent.parent  # the folder that holds cli.py and the packages
VALIDATOR_POWER = 100  # coins that each validator of the genesis has staked
BEYOND_OPERATOR_BALANCE = 100 * AUR  # of operators after the ten rich accounts: for gas


class LocalNetworkError(EnvironmentFault):
    """The local network cannot be made, started or stopped."""


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """One node as seen from outside; the chain fields are None while it does not answer."""

    index: int
    rpc: str
    p2p_port: int
    home: str
    pid: int | None
    height: int | None = None
    hash: str | None = None
    state_root: str | None = None
    peers: int | None = None

    @property
    def state(self) -> str:
        """down, starting or up."""
        if self.pid is None:
            return "down"
        return "up" if self.height is not None else "starting"


@dataclass(frozen=True, slots=True)
class LocalNetworkOptions:
    """What `up` decides when it makes a new network."""

    validators: int = 4
    block_ms: int = 1000
    base_port: int = 8545
    cross_check: bool = False
    forks: str = forks_text(ForkSchedule.constant(USUAL_FORK))  # as node.fork_option writes it
    staking: Mapping[str, int] = field(default_factory=dict)  # what differs from the usual staking parameters

    def check(self) -> None:
        """Raises ValueError for what no command line admits, as after editing network.json by hand."""
        for name, least, most in (
            ("validators", 1, MAX_VALIDATORS),
            ("block_ms", 1, MAX_BLOCK_MS),
            ("base_port", 1, MAX_BASE_PORT),
        ):
            value = getattr(self, name)
            if type(value) is not int or not least <= value <= most:
                raise ValueError(f"{name} is {value!r}, must be a whole number in {least}..{most}")
        if type(self.cross_check) is not bool:
            raise ValueError(f"cross_check is {self.cross_check!r}, must be true or false")
        if type(self.forks) is not str or check_forks(self.forks) != self.forks:
            raise ValueError(f"forks is {self.forks!r}, must be as in prague,osaka@100")
        staking_parameters(self.staking)


@dataclass(frozen=True, slots=True)
class JoinedNode:
    """A node that was added to a network, and the account of the development mnemonic that may stake for it."""

    index: int
    peer_id: str
    validator: ValidatorIdentity
    operator: Address


class LocalNetwork:
    """The network in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self._children: dict[int, subprocess.Popen[bytes]] = {}  # started by this object, to be reaped by it

    # --- layout -------------------------------------------------------------------------------------------

    @property
    def exists(self) -> bool:
        """Whether the folder holds a network."""
        return self._file.is_file()

    @property
    def options(self) -> LocalNetworkOptions:
        """What the network was made with. Raises LocalNetworkError if there is none."""
        try:
            options = LocalNetworkOptions(**json.loads(self._file.read_text()))
            options.check()
            return options
        except FileNotFoundError as error:
            raise LocalNetworkError(f"{self.folder} holds no network; make one with: testnet up") from error
        except (OSError, ValueError, TypeError) as error:
            raise LocalNetworkError(
                f"{self._file} cannot be read ({error}); make a new one: up --fresh"
            ) from error

    def create(self, options: LocalNetworkOptions, observers: Sequence[str] = ()) -> None:
        """Makes keys, genesis and configuration of all nodes; `observers` are peer ids that may connect too."""
        leftovers = [index for index in range(MAX_NODES) if self._node_folder(index).exists()]
        if leftovers or self._spare_keys.exists():
            raise LocalNetworkError(
                f"{self.folder} has folders of nodes but no network.json; throw them away with: testnet up --fresh"
            )
        self._spare_keys.mkdir(parents=True)
        homes = [self.home(index) for index in range(options.validators)]
        validators: list[GenesisValidator] = []
        peer_ids: list[str] = []
        for index, home in enumerate(homes):
            identity = create_validator_key(home, f"node{index}")
            peer_ids.append(create_node_key(home))
            validators.append(
                GenesisValidator(identity.name, identity.public_key, VALIDATOR_POWER, operator_of(index))
            )
        later = [
            create_identity(self._spare_key(index)).text for index in range(options.validators, MAX_NODES)
        ]
        genesis = local_genesis(validators, options)
        for index, home in enumerate(homes):
            config = node_config(options, index, peer_ids, [*observers, *later])
            write_genesis_and_config(home, genesis, config)
        self._file.write_text(json.dumps(dataclasses.asdict(options)))

    def add_node(self) -> JoinedNode:
        """Lays out one more node: it follows the chain, and has a consensus key with which it may become a validator.

        The others know its network identity since the network was made, so they need no restart.
        Raises LocalNetworkError if there are MAX_NODES already.
        """
        options, index = self.options, self.node_count
        if index == MAX_NODES:
            raise LocalNetworkError(f"{self.folder} has {MAX_NODES} nodes already")
        home = self.home(index)
        shutil.rmtree(home.root, ignore_errors=True)  # of an attempt that broke off: nobody has used its keys
        validator = create_validator_key(home, f"node{index}")
        shutil.copyfile(self._spare_key(index), home.node_key)
        home.node_key.chmod(0o600)
        peer_ids = [load_identity(self.home(other).node_key).text for other in range(index + 1)]
        allowed = load_config(self.home(0).config, {}).p2p.allowed_peers
        config = node_config(options, index, peer_ids, [peer for peer in allowed if peer not in peer_ids])
        write_public(home.config, dump_config(config).encode())
        join_chain(home, load_genesis(self.home(0).genesis), ())  # the genesis last: with it the node counts
        return JoinedNode(index, peer_ids[index], validator, operator_of(index))

    def remove(self) -> None:
        """Deletes the network's folder. The nodes must be stopped."""
        running = self.running()
        if running:
            raise LocalNetworkError(
                f"nodes {', '.join(map(str, running))} still run; stop them with: testnet down"
            )
        for index in range(MAX_NODES):
            shutil.rmtree(self._node_folder(index), ignore_errors=True)
        shutil.rmtree(self._spare_keys, ignore_errors=True)
        self._file.unlink(missing_ok=True)
        try:
            self.folder.rmdir()
        except OSError:
            pass  # something of the user's is in there

    @property
    def node_count(self) -> int:
        """How many nodes there are: the validators of the genesis, and those that joined."""
        count = self.options.validators
        while count < MAX_NODES and self.home(count).genesis.is_file():
            count += 1
        return count

    def home(self, index: int) -> NodeHome:
        """The home of node `index`."""
        return NodeHome(self._node_folder(index))

    def log_path(self, index: int) -> Path:
        """Where node `index` writes its log."""
        return self._node_folder(index) / "node.log"

    def rpc_url(self, index: int) -> str:
        """Address of the JSON-RPC of node `index`."""
        return f"http://127.0.0.1:{rpc_port(self.options, index)}"

    def peer_addresses(self) -> list[str]:
        """Multiaddrs of all nodes."""
        options = self.options
        return [
            peer_address(options, index, load_identity(self.home(index).node_key).text)
            for index in range(self.node_count)
        ]

    # --- processes ----------------------------------------------------------------------------------------

    def start(self, index: int) -> int:
        """Starts one node in the background; returns its pid. Raises LocalNetworkError."""
        self._check_index(index)
        if self.pid(index) is not None:
            raise LocalNetworkError(f"node {index} runs already")
        for port in (rpc_port(self.options, index), p2p_port(self.options, index)):
            _require_free(port)
        with self.log_path(index).open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "cli", "start", "--home", str(self.home(index).root)],
                cwd=PROGRAM,  # not the caller's, where other modules may have our names
                env=_environment_without_addresses(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._children[index] = process
        self._pid_file(index).write_text(str(process.pid))
        return process.pid

    def signal_node(self, index: int, number: signal.Signals) -> bool:
        """Sends a signal to a node; False if it does not run."""
        self._check_index(index)
        pid = self.pid(index)
        if pid is None:
            return False
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return False
        return True

    def stop(self) -> list[int]:
        """Stops all nodes: first politely, then for good; returns the indexes that ran."""
        running = self.running()
        for index in running:
            self.signal_node(index, signal.SIGTERM)
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while time.monotonic() < deadline and self.running():
            time.sleep(POLL_S)
        for index in self.running():
            self.signal_node(index, signal.SIGKILL)
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while self.running():
            if time.monotonic() > deadline:
                raise LocalNetworkError(f"nodes {', '.join(map(str, self.running()))} cannot be killed")
            time.sleep(POLL_S)
        for index in running:
            self._pid_file(index).unlink(missing_ok=True)
        return running

    def running(self) -> list[int]:
        """Indexes of the nodes whose process lives."""
        if not self.exists:
            return []
        return [index for index in range(self.node_count) if self.pid(index) is not None]

    def pid(self, index: int) -> int | None:
        """The pid of a living node, or None; a pid that now belongs to another program does not count."""
        child = self._children.get(index)
        if child is not None:
            return child.pid if child.poll() is None else None
        try:
            pid = int(self._pid_file(index).read_text())
            if pid <= 1:
                return None  # a damaged file: to os.kill, such numbers mean groups, or everybody
            os.kill(pid, 0)
        except (OSError, ValueError, OverflowError):
            return None
        return pid if _command_line(pid).endswith(f" --home {self.home(index).root}") else None

    def wait_until_up(self, timeout_s: float = START_TIMEOUT_S, height: int = 1) -> list[NodeStatus]:
        """Waits until all nodes answer at `height` or above. Raises LocalNetworkError with the log's last lines."""
        return self._wait(list(range(self.node_count)), timeout_s, height)

    def wait_for_node(self, index: int, timeout_s: float = START_TIMEOUT_S, height: int = 1) -> NodeStatus:
        """As `wait_until_up` for one node."""
        self._check_index(index)
        return self._wait([index], timeout_s, height)[0]

    def _wait(self, indexes: list[int], timeout_s: float, height: int) -> list[NodeStatus]:
        deadline = time.monotonic() + timeout_s
        while True:
            statuses = [self.node_status(index) for index in indexes]
            if all(status.height is not None and status.height >= height for status in statuses):
                return statuses
            for status in statuses:
                if status.pid is None:
                    raise LocalNetworkError(f"node {status.index} ended:\n{self.log_tail(status.index)}")
            if time.monotonic() > deadline:
                slow = [str(s.index) for s in statuses if s.height is None or s.height < height]
                text = f"nodes {', '.join(slow)} made no block {height} within {timeout_s:.0f} s; see: testnet logs"
                raise LocalNetworkError(text)
            time.sleep(POLL_S)

    def status(self) -> list[NodeStatus]:
        """All nodes."""
        return [self.node_status(index) for index in range(self.node_count)]

    def node_status(self, index: int) -> NodeStatus:
        """One node."""
        options = self.options
        base = NodeStatus(
            index=index,
            rpc=self.rpc_url(index),
            p2p_port=p2p_port(options, index),
            home=str(self.home(index).root),
            pid=self.pid(index),
        )
        if base.pid is None:
            return base
        try:
            told: dict[str, Any] = RpcClient(base.rpc, timeout_s=2.0).call("node_status")
            return dataclasses.replace(
                base,
                height=told["height"],
                hash=told["hash"],
                state_root=told["stateRoot"],
                peers=told["peers"],
            )
        except (NodeError, KeyError, TypeError):
            return base

    def log_tail(self, index: int, lines: int = 15) -> str:
        """The last lines of a node's log, as far as they are in its last MAX_TAIL_BYTES."""
        try:
            with self.log_path(index).open("rb") as file:
                file.seek(-min(file.seek(0, os.SEEK_END), MAX_TAIL_BYTES), os.SEEK_END)
                kept = file.read(MAX_TAIL_BYTES).decode(errors="replace").splitlines()
        except FileNotFoundError:
            return "(no log)"
        return "\n".join(kept[len(kept) - lines :] if lines < len(kept) else kept)

    # --- inside -------------------------------------------------------------------------------------------

    def _check_index(self, index: int) -> None:
        count = self.node_count
        if not 0 <= index < count:
            raise CallerError(f"there is no node {index}; nodes are 0 to {count - 1}")

    @property
    def _file(self) -> Path:
        return self.folder / "network.json"

    @property
    def _spare_keys(self) -> Path:
        return self.folder / "spare_keys"

    def _spare_key(self, index: int) -> Path:
        return self._spare_keys / f"node{index}"

    def _node_folder(self, index: int) -> Path:
        return self.folder / f"node{index}"

    def _pid_file(self, index: int) -> Path:
        return self._node_folder(index) / "pid"


def rpc_port(options: LocalNetworkOptions, index: int) -> int:
    """Port of the JSON-RPC of node `index`."""
    return options.base_port + PORTS_PER_NODE * index


def peer_address(options: LocalNetworkOptions, index: int, peer_id: str) -> str:
    """Multiaddr under which others reach node `index`."""
    return f"/ip4/127.0.0.1/tcp/{p2p_port(options, index)}/p2p/{peer_id}"


def p2p_port(options: LocalNetworkOptions, index: int) -> int:
    """Port on which node `index` meets its peers."""
    return rpc_port(options, index) + 1


def node_config(
    options: LocalNetworkOptions, index: int, peer_ids: Sequence[str], observers: Sequence[str] = ()
) -> NodeConfig:
    """Local settings of one node: everybody knows everybody."""
    peers = tuple(
        peer_address(options, other, peer_id) for other, peer_id in enumerate(peer_ids) if other != index
    )
    return NodeConfig(
        rpc=RpcSettings(port=rpc_port(options, index), cors_origins=("*",)),
        p2p=P2pSettings(
            listen=f"/ip4/127.0.0.1/tcp/{p2p_port(options, index)}",
            peers=peers,
            allowed_peers=tuple(observers),
        ),
        vm=VmSettings(cross_check=options.cross_check),
        log=LogSettings(format="json"),
    )


def operator_of(index: int) -> Address:
    """The account that has staked for the validator of node `index`: one of the development mnemonic."""
    return _operators()[index]


@cache
def _operators() -> tuple[Address, ...]:
    return tuple([key.address for key in dev_accounts(count=DEV_KEY_COUNT)])


def local_genesis(validators: list[GenesisValidator], options: LocalNetworkOptions) -> Genesis:
    """The genesis of a local network: development chain id, ten rich accounts, and something for the operators beyond
    them, also for those of nodes that join later."""
    beyond = {
        operator: Allocation(balance=BEYOND_OPERATOR_BALANCE) for operator in _operators()[DEV_ACCOUNT_COUNT:]
    }
    genesis = dev_genesis(
        validators,
        timestamp=wall_time_ms() // 1000,
        parameters=ConsensusParameters(block_interval_ms=options.block_ms, empty_block_interval_ms=0),
        allocations=beyond,
        staking=staking_parameters(options.staking),
    )
    return dataclasses.replace(genesis, forks=parse_forks(options.forks))


def require_free_ports(options: LocalNetworkOptions, indexes: Iterable[int] | None = None) -> None:
    """Raises LocalNetworkError for the first port of these nodes (of all in the genesis) that is in use."""
    for index in range(options.validators) if indexes is None else indexes:
        for port in (rpc_port(options, index), p2p_port(options, index)):
            _require_free(port)


def _require_free(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise LocalNetworkError(
                f"port {port} is in use: stop what uses it, or choose other ports with --base-port ({error.strerror})"
            ) from error


def _command_line(pid: int) -> str:
    """What a process was started with, its parts separated by spaces; empty if it is gone."""
    if Path("/proc/self/cmdline").exists():
        try:
            raw = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
        except OSError:
            return ""
    else:
        raw = subprocess.run(["ps", "-p", str(pid), "-o", "args="], capture_output=True, check=False).stdout
    return os.fsdecode(raw).strip()


def _environment_without_addresses() -> dict[str, str]:
    """Settings that the caller has for a node of its own would override the ports of ours."""
    sections = (f"{ENVIRONMENT_PREFIX}RPC_", f"{ENVIRONMENT_PREFIX}P2P_")
    return {name: value for name, value in os.environ.items() if not name.startswith(sections)}
