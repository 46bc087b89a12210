"""Making node homes: a development node, or one member of a network whose genesis is given.

Owns which files a new home gets and with what content. Never overwrites a file that exists.
"""

from __future__ import annotations

import dataclasses
import secrets
from dataclasses import dataclass

from chain.secp256k1 import PrivateKey
from chain.types import Address
from consensus.signer import FileSigner, KeyFile
from genesis import DEV_CHAIN_ID, DEV_OPERATOR, Genesis, GenesisValidator, dev_genesis, dump_genesis
from node.config import NodeConfig, P2pSettings, dump_config
from node.errors import HomeError
from node.home import NodeHome, write_public
from p2p.identity import create_identity, load_or_create_identity
from vm.forks import ForkSchedule


@dataclass(frozen=True, slots=True)
class ValidatorIdentity:
    """What others must know of a new validator to put it into a genesis."""

    name: str
    public_key: bytes
    address: Address


def create_validator_key(home: NodeHome, name: str) -> ValidatorIdentity:
    """Makes the consensus key and its signer guard in `home`."""
    home.make_folders()
    key = PrivateKey(_secret())
    FileSigner.create(home.validator_key, key.secret)
    return ValidatorIdentity(name, key.public_key, key.address)


def node_key(home: NodeHome) -> str:
    """The peer id of `home`, whose network identity is made if it has none."""
    return load_or_create_identity(home.node_key).text


def show_validator_key(home: NodeHome, name: str) -> ValidatorIdentity:
    """The consensus key that `home` has. Raises KeyInUse while a node runs with it."""
    opened = KeyFile.open(home.validator_key)
    try:
        return ValidatorIdentity(name, opened.key.public_key, opened.key.address)
    finally:
        opened.close()


def create_node_key(home: NodeHome) -> str:
    """Makes the network identity in `home`; returns the peer id's text form."""
    return create_identity(home.node_key).text


def join_chain(home: NodeHome, genesis: Genesis, peers: tuple[str, ...]) -> None:
    """Puts the genesis into a home that has none, and a configuration unless there is one. Raises HomeError."""
    if home.genesis.exists():
        raise HomeError(f"{home.root} belongs to a chain already; choose another --home")
    if not home.config.exists():
        write_public(home.config, dump_config(NodeConfig(p2p=P2pSettings(peers=peers))).encode())
    elif peers:
        raise HomeError(f"{home.config} exists already: write the peers there, under [p2p]")
    write_public(home.genesis, dump_genesis(genesis))


def write_genesis_and_config(home: NodeHome, genesis: Genesis, config: NodeConfig) -> None:
    """Puts the two plain files into `home`."""
    write_public(home.genesis, dump_genesis(genesis))
    write_public(home.config, dump_config(config).encode())


def initialise_dev_home(
    home: NodeHome,
    config: NodeConfig,
    timestamp: int,
    forks: ForkSchedule | None = None,
    chain_id: int = DEV_CHAIN_ID,
) -> Genesis:
    """A home for `start --dev`: one validator, ten funded accounts of the public mnemonic."""
    if home.genesis.exists():
        raise HomeError(f"{home.root} holds a node already")
    identity = create_validator_key(home, "dev")
    validator = GenesisValidator(identity.name, identity.public_key, 1, DEV_OPERATOR)
    genesis = dev_genesis([validator], timestamp=timestamp, chain_id=chain_id)
    if forks is not None:
        genesis = dataclasses.replace(genesis, forks=forks)
    write_genesis_and_config(home, genesis, config)
    return genesis


def _secret() -> bytes:
    return secrets.token_bytes(32)
