"""`aurigraph init`, `start` and `version`."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import click

from chain.types import checksum_address
from genesis import DEV_CHAIN_ID, DEV_CHAIN_IDS
from node.chain_start import read_chain, require_development_chain
from node.clock import wall_time_ms
from node.commands.common import CommandFailed, forks_option, home_option, json_option, show
from node.config import NodeConfig, load_config
from node.fork_option import parse_forks
from node.home import NodeHome
from node.initialise import (
    create_validator_key,
    initialise_dev_home,
    join_chain,
    node_key,
    show_validator_key,
)
from node.logging import configure_logging
from node.service import NodeOptions, run_node
from p2p.multiaddress import InvalidAddress, parse_address


def _checked_peers(_context: object, _option: object, values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        try:
            parse_address(value, needs_peer=True)
        except InvalidAddress as error:
            raise click.BadParameter(str(error)) from error
    return values


_chain_id_option = click.option(
    "--chain-id",
    type=click.Choice([str(chain_id) for chain_id in DEV_CHAIN_IDS]),
    help=f"With --dev: the id of a chain that is made now [default: {DEV_CHAIN_ID}].",
)


@click.command()
@home_option
@click.option("--dev", is_flag=True, help="A development chain of one validator with ten funded accounts.")
@click.option(
    "--genesis",
    "genesis_path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Genesis file of the chain to join.",
)
@click.option(
    "--validator", "validator_name", help="Also make a consensus key, once; prints what a genesis needs."
)
@click.option(
    "--peer",
    "peers",
    multiple=True,
    callback=_checked_peers,
    help="Node to connect to, as /ip4/10.0.0.1/tcp/26656/p2p/12D3Koo…; may be given several times.",
)
@forks_option
@_chain_id_option
@json_option
def init(
    home: NodeHome,
    dev: bool,
    genesis_path: Path | None,
    validator_name: str | None,
    peers: tuple[str, ...],
    forks: str | None,
    chain_id: str | None,
    as_json: bool,
) -> None:
    """Make a node's folder.

    With --dev the folder is complete. With --genesis the node joins that chain as a follower. --validator makes a
    consensus key too, for a validator that the genesis names or that is staked for later. Without --genesis only keys
    are made; give the genesis later, with the same command.
    """
    if dev and (genesis_path or validator_name or peers):
        raise CommandFailed("--dev makes its own genesis and validator; leave the other options out")
    if forks is not None and not dev:
        raise CommandFailed("--forks goes with --dev: other chains have their rule sets in the genesis file")
    if chain_id is not None and not dev:
        raise CommandFailed("--chain-id goes with --dev: other chains have their id in the genesis file")
    if dev:
        schedule = None if forks is None else parse_forks(forks)
        made = initialise_dev_home(
            home, NodeConfig(), wall_time_ms() // 1000, schedule, int(chain_id or DEV_CHAIN_ID)
        )
        show(
            {
                "home": str(home.root),
                "chain_id": made.chain_id,
                "next": f"aurigraph start --dev --home {home.root}",
            },
            as_json,
        )
        return
    if peers and genesis_path is None:
        raise CommandFailed("--peer goes with --genesis: the configuration is made then")
    record: dict[str, object] = {"home": str(home.root)}
    genesis = read_chain(genesis_path).genesis if genesis_path is not None else None
    home.make_folders()
    record["peer_id"] = node_key(home)
    if validator_name is not None:
        has_key = home.validator_key.exists()
        identity = (show_validator_key if has_key else create_validator_key)(home, validator_name)
        record |= {
            "name": identity.name,
            "public_key": "0x" + identity.public_key.hex(),
            "address": checksum_address(identity.address),
        }
    if genesis is not None:
        join_chain(home, genesis, peers)
        record["chain_id"] = genesis.chain_id
    if home.genesis.exists():
        record["next"] = f"aurigraph start --home {home.root}"
    else:
        record["next"] = f"aurigraph init --home {home.root} --genesis FILE --peer ADDRESS"
    show(record, as_json)


@click.command()
@home_option
@click.option(
    "--dev",
    is_flag=True,
    help="A development chain: one validator, no network, unlocked accounts, and the methods of Hardhat and anvil. "
    "Each transaction is mined at once.",
)
@click.option(
    "--block-time",
    "block_time_s",
    type=click.FloatRange(0.001, 86_400),
    metavar="SECONDS",
    help="With --dev: a block at this interval, empty or not, instead of one with each transaction.",
)
@_chain_id_option
@click.option(
    "--no-mining", is_flag=True, help="With --dev: a block only when a client asks for one (evm_mine)."
)
@click.option("--rpc-port", type=click.IntRange(0, 65535), help="Overrides rpc.port.")
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), help="Overrides log.level."
)
def start(
    home: NodeHome,
    dev: bool,
    block_time_s: float | None,
    no_mining: bool,
    chain_id: str | None,
    rpc_port: int | None,
    log_level: str | None,
) -> None:
    """Run a node until SIGTERM or Ctrl-C; a second signal ends it at once."""
    if not dev and (block_time_s is not None or no_mining or chain_id is not None):
        raise CommandFailed(
            "--block-time, --no-mining and --chain-id go with --dev: other chains have consensus"
        )
    if block_time_s is not None and no_mining:
        raise CommandFailed("--block-time makes blocks and --no-mining makes none: leave one of them out")
    if dev and not home.genesis.exists():
        made_for = int(chain_id or DEV_CHAIN_ID)
        initialise_dev_home(home, NodeConfig(), wall_time_ms() // 1000, chain_id=made_for)
    home.require_initialised()
    if dev:
        genesis = read_chain(home.genesis).genesis
        require_development_chain(genesis)
        if chain_id is not None and genesis.chain_id != int(chain_id):
            raise CommandFailed(f"{home.root} holds chain {genesis.chain_id}; choose another --home")
    config = load_config(home.config)
    if dev:
        config = dataclasses.replace(config, rpc=dataclasses.replace(config.rpc, cors_origins=("*",)))
    if rpc_port is not None:
        config = dataclasses.replace(config, rpc=dataclasses.replace(config.rpc, port=rpc_port))
    if log_level is not None:
        config = dataclasses.replace(config, log=dataclasses.replace(config.log, level=log_level))
    configure_logging(config.log)
    if not dev:
        run_node(NodeOptions(home, config))
        return
    from node.dev.banner import dev_banner
    from node.dev.service import DevOptions

    interval_ms = None if block_time_s is None else max(1, round(block_time_s * 1000))
    options = DevOptions(automine=not no_mining and interval_ms is None, interval_ms=interval_ms)
    click.echo(dev_banner(home, config.rpc, options), err=True)
    run_node(NodeOptions(home, config, with_network=False, dev=options))


@click.command()
@json_option
def version(as_json: bool) -> None:
    """Versions of the program and its formats."""
    from node.chain_record import CHAIN_RECORD_VERSION
    from node.payload import PAYLOAD_VERSION
    from node.rpc_backend import CLIENT_VERSION
    from state.columns import SCHEMA_VERSION

    show(
        {
            "client": CLIENT_VERSION,
            "python": sys.version.split()[0],
            "database_schema": SCHEMA_VERSION,
            "block_payload": PAYLOAD_VERSION,
            "chain_record": CHAIN_RECORD_VERSION,
        },
        as_json,
    )
