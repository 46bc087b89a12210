"""`aurigraph testnet …`: a local network of real validator processes for people and tests."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from chain.types import checksum_address
from genesis import AUR, DEV_CHAIN_IDS, DEV_MNEMONIC, dev_accounts
from node.chain_start import read_chain
from node.commands.common import CommandFailed, CommandGroup, forks_option, json_option, show, show_rows
from node.local_network import (
    MAX_BASE_PORT,
    MAX_BLOCK_MS,
    MAX_NODES,
    MAX_VALIDATORS,
    VALIDATOR_POWER,
    JoinedNode,
    LocalNetwork,
    LocalNetworkOptions,
    NodeStatus,
    require_free_ports,
)
from node.staking_option import PARAMETER_NAMES, parse_staking

FOLLOW_POLL_S = 0.3
WATCH_POLL_S = 1.0

pass_network = click.make_pass_decorator(LocalNetwork)


def _checked_staking(_context: object, _option: object, values: tuple[str, ...]) -> Mapping[str, int] | None:
    """None if nothing is said, so that `up` takes a network as it is."""
    try:
        return parse_staking(values) if values else None
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.group(cls=CommandGroup)
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".testnet"),
    show_default=True,
    envvar="AURIGRAPH_TESTNET_HOME",
    help="Folder of the network.",
)
@click.pass_context
def testnet(context: click.Context, home: Path) -> None:
    """A local network of real validator processes."""
    context.obj = LocalNetwork(home.resolve())


@testnet.command()
@click.option("--validators", type=click.IntRange(1, MAX_VALIDATORS), help="How many nodes [default: 4].")
@click.option(
    "--block-ms", type=click.IntRange(50, MAX_BLOCK_MS), help="Time between blocks [default: 1000]."
)
@click.option(
    "--base-port",
    type=click.IntRange(1024, MAX_BASE_PORT),
    help="RPC of node i is at base + 10*i [default: 8545].",
)
@click.option(
    "--cross-check",
    is_flag=True,
    default=None,
    help="Every node executes every block with both engines, and stops where they differ.",
)
@forks_option
@click.option(
    "--staking",
    multiple=True,
    callback=_checked_staking,
    metavar="NAME=NUMBER",
    help="A staking parameter of the chain, as in signed_blocks_window=20; may be given several times. "
    f"There are {', '.join(PARAMETER_NAMES)}.",
)
@click.option("--fresh", is_flag=True, help="Throw an existing network away, with its chain.")
@click.option("--detach", is_flag=True, help="Return when all nodes are up; stop them with: testnet down.")
@pass_network
def up(
    network: LocalNetwork,
    validators: int | None,
    block_ms: int | None,
    base_port: int | None,
    cross_check: bool | None,
    forks: str | None,
    staking: Mapping[str, int] | None,
    fresh: bool,
    detach: bool,
) -> None:
    """Start the network, making it first if there is none. Ctrl-C stops it unless --detach is given."""
    wanted = {
        "validators": validators,
        "block_ms": block_ms,
        "base_port": base_port,
        "cross_check": cross_check,
        "forks": forks,
        "staking": staking,
    }
    chosen: dict[str, Any] = {name: value for name, value in wanted.items() if value is not None}
    if fresh:
        network.stop()
        network.remove()
    if not network.exists:
        options = LocalNetworkOptions(**chosen)
        # Before anything is made: a network on ports that are taken would be in the way of the next `up`.
        require_free_ports(options)
        click.echo(f"making {options.validators} nodes in {network.folder}", err=True)
        network.create(options)
    elif any(getattr(network.options, name) != value for name, value in chosen.items()):
        raise CommandFailed(f"{network.folder} holds a network with other options; replace it with --fresh")
    with _termination_as_interrupt():
        _start_all(network)
        if not detach:
            _stay(network)


def _start_all(network: LocalNetwork) -> None:
    started = [index for index in range(network.node_count) if network.pid(index) is None]
    begun = time.monotonic()
    try:
        for index in started:
            network.start(index)
        statuses = network.wait_until_up()
    except BaseException:
        for index in started:
            network.signal_node(index, signal.SIGTERM)
        raise
    click.echo(f"first block after {time.monotonic() - begun:.1f} s", err=True)
    _print_welcome(network, statuses)


@contextmanager
def _termination_as_interrupt() -> Iterator[None]:
    """SIGTERM, and the terminal's end, stop this command as Ctrl-C does: its nodes would outlive it.

    What is ignored from outside, as SIGHUP under nohup, stays ignored.
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    watched = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
    for number in watched:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number in watched:
            signal.signal(number, before[number])


@testnet.command()
@click.option("--keep", is_flag=True, help="Keep keys and chain, so that `up` goes on from there.")
@pass_network
def down(network: LocalNetwork, keep: bool) -> None:
    """Stop all nodes and delete the network."""
    stopped = network.stop()
    click.echo(f"stopped {len(stopped)} nodes", err=True)
    if not keep:
        network.remove()


@testnet.command()
@json_option
@pass_network
def status(network: LocalNetwork, as_json: bool) -> None:
    """Height, hash and peers of each node. With --json: one object for the network."""
    statuses = network.status()
    if as_json:
        nodes = [{"state": node.state, **dataclasses.asdict(node)} for node in statuses]
        click.echo(json.dumps({"home": str(network.folder), "nodes": nodes}))
        return
    show_rows(_rows(statuses), as_json=False, empty="no nodes")


@testnet.command()
@click.argument("index", type=click.IntRange(0, MAX_NODES - 1), default=0)
@click.option("-f", "--follow", is_flag=True, help="Go on until Ctrl-C.")
@click.option("-n", "--lines", type=click.IntRange(0, 100_000), default=50, show_default=True)
@pass_network
def logs(network: LocalNetwork, index: int, follow: bool, lines: int) -> None:
    """Print the log of node INDEX."""
    path = network.log_path(index)
    if not path.is_file():
        raise CommandFailed(f"node {index} has no log in {network.folder}")
    with path.open(errors="replace") as file:
        file.seek(0, os.SEEK_END)  # before the tail is read: a line may come twice, but none is missed
        tail = network.log_tail(index, lines)
        if tail:
            click.echo(tail)
        while follow:
            text = file.read()
            if text:
                click.echo(text, nl=False)
            else:
                time.sleep(FOLLOW_POLL_S)


@testnet.command()
@click.argument("index", type=click.IntRange(0, MAX_NODES - 1))
@click.option("--gently", is_flag=True, help="SIGTERM instead of SIGKILL.")
@pass_network
def kill(network: LocalNetwork, index: int, gently: bool) -> None:
    """End node INDEX at once, as a crash would."""
    if not network.signal_node(index, signal.SIGTERM if gently else signal.SIGKILL):
        raise CommandFailed(f"node {index} does not run")
    click.echo(f"ended node {index}", err=True)


@testnet.command()
@click.argument("index", type=click.IntRange(0, MAX_NODES - 1))
@pass_network
def start(network: LocalNetwork, index: int) -> None:
    """Start node INDEX again."""
    pid = network.start(index)
    click.echo(f"started node {index} (pid {pid})", err=True)


@testnet.command(name="add-node")
@click.option("--stopped", is_flag=True, help="Only make it; start it with: testnet start INDEX.")
@json_option
@pass_network
def add_node(network: LocalNetwork, stopped: bool, as_json: bool) -> None:
    """Add a node that follows the network, with a key to become a validator with.

    It needs no consent of the others. Its operator is an account of the development mnemonic; when that account has
    staked for the node's consensus key, the node proposes blocks.
    """
    if not network.exists:
        raise CommandFailed(f"{network.folder} holds no network; make one with: testnet up")
    heights = [node.height for node in network.status() if node.height is not None]
    if not stopped and not heights:
        raise CommandFailed(
            "the network does not run; start it with: testnet up, or add the node with --stopped"
        )
    require_free_ports(network.options, [network.node_count])
    joined = network.add_node()
    if not stopped:
        network.start(joined.index)
        network.wait_for_node(joined.index, height=max(heights))
    show(_joined_record(network, joined), as_json)
    if not as_json:
        click.echo(_how_to_stake(network, joined))


def _joined_record(network: LocalNetwork, joined: JoinedNode) -> dict[str, object]:
    node = network.node_status(joined.index)
    return {
        "node": joined.index,
        "state": node.state,
        "RPC": node.rpc,
        "height": node.height,
        "home": node.home,
        "peer_id": joined.peer_id,
        "name": joined.validator.name,
        "public_key": "0x" + joined.validator.public_key.hex(),
        "address": checksum_address(joined.validator.address),
        "operator": checksum_address(joined.operator),
    }


def _how_to_stake(network: LocalNetwork, joined: JoinedNode) -> str:
    home, index, operator = network.home(joined.index).root, joined.index, checksum_address(joined.operator)
    return "\n".join(
        [
            "",
            "To make it a validator, put its operator's key into a keystore and stake:",
            f"  (umask 077; echo '{DEV_MNEMONIC}' > mnemonic)",
            f"  aurigraph keys import mnemonic --format mnemonic --index {index} --home {home}",
            f"  aurigraph staking create-validator --home {home} --from {operator} "
            f"--amount {VALIDATOR_POWER} --moniker {joined.validator.name} --rpc {network.rpc_url(0)}",
        ]
    )


def _rows(statuses: list[NodeStatus]) -> list[dict[str, object]]:
    return [
        {
            "node": node.index,
            "state": node.state,
            "RPC": node.rpc,
            "p2p": node.p2p_port,
            "pid": node.pid,
            "height": node.height,
            "hash": node.hash[:14] + "…" if node.hash else None,
            "peers": node.peers,
            "home": node.home,
        }
        for node in statuses
    ]


def _print_welcome(network: LocalNetwork, statuses: list[NodeStatus]) -> None:
    show_rows(_rows(statuses), as_json=False, empty="no nodes")
    genesis = read_chain(network.home(0).genesis).genesis
    url = network.rpc_url(0)
    lines = ["", f"mnemonic   {DEV_MNEMONIC}"]
    if genesis.chain_id in DEV_CHAIN_IDS:
        operators = {one.operator: f"  runs {one.name}" for one in genesis.validators}
        for key in dev_accounts(genesis.chain_id):
            balance = genesis.allocations[key.address].balance // AUR
            lines.append(
                f"  {checksum_address(key.address)}  {balance:,} {genesis.coin_symbol}  key 0x{key.secret.hex()}"
                f"{operators.get(key.address, '')}"
            )
    sender = dev_accounts(genesis.chain_id)[0]
    receiver = checksum_address(dev_accounts(genesis.chain_id)[1].address)
    lines += [
        "",
        f"MetaMask   network name {genesis.name} · RPC URL {url} · chain id {genesis.chain_id} "
        f"· currency symbol {genesis.coin_symbol}",
        "",
        f"cast block-number --rpc-url {url}",
        f"cast balance {receiver} --rpc-url {url} --ether",
        f"cast send {receiver} --value 1ether --private-key 0x{sender.secret.hex()} --rpc-url {url}",
        "",
        "stop with: scripts/testnet/down",
    ]
    click.echo("\n".join(lines))


def _stay(network: LocalNetwork) -> None:
    click.echo("Ctrl-C stops the network", err=True)
    try:
        while network.running():
            time.sleep(WATCH_POLL_S)
        raise CommandFailed("all nodes have ended; see: testnet logs")
    except KeyboardInterrupt:
        click.echo("stopping", err=True)
    finally:
        network.stop()
