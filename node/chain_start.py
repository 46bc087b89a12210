"""Opening a node's chain: genesis file, database, and what both must agree on.

Owns the step from files to the objects that the node runs on. Never starts a task.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from chain.types import Address
from consensus.params import ConsensusParams
from consensus.validator_set import new_validator_set, validator_of
from genesis import Genesis, GenesisError, genesis_block, genesis_id, genesis_state, load_genesis
from node.chain_record import ChainRecord, genesis_chain_record
from node.chain_rules import ChainConstants, genesis_consensus_root
from node.errors import ConfigError
from node.payload import ConsensusRecord, encode_record
from state.chain_store import ChainStore


@dataclass(frozen=True, slots=True)
class ChainFile:
    """A genesis file and what follows from it."""

    genesis: Genesis
    constants: ChainConstants
    record: ChainRecord


def read_chain(path: Path) -> ChainFile:
    """Reads the genesis file. Raises EnvironmentFault naming what is wrong in it."""
    try:
        genesis = load_genesis(path)
    except GenesisError as error:
        raise ConfigError(f"{path}: {error}") from error
    params = ConsensusParams(**dataclasses.asdict(genesis.parameters))
    members = [validator_of(validator.public_key, validator.power) for validator in genesis.validators]
    operators: dict[Address, Address] = {
        member.address: validator.operator
        for member, validator in zip(members, genesis.validators, strict=True)
    }
    constants = ChainConstants(
        chain_id=genesis.chain_id,
        gas_limit=genesis.gas_limit,
        forks=genesis.forks,
        params=params,
        operators=operators,
    )
    record = encode_record(ConsensusRecord(genesis.timestamp * 1000, None))
    return ChainFile(genesis, constants, genesis_chain_record(new_validator_set(members), record))


def open_store(path: Path, chain: ChainFile) -> ChainStore:
    """Opens the database, writing block 0 into an empty one. Raises EnvironmentFault."""
    genesis, sets = chain.genesis, chain.record
    store = ChainStore.open(path, chain_id=genesis.chain_id, genesis_id=genesis_id(genesis))
    if not store.is_initialised:
        changes = genesis_state(genesis)
        root = store.compute_root(changes).root
        root_of_consensus = genesis_consensus_root(
            chain.constants, sets.validators, sets.next_validators, genesis.timestamp * 1000
        )
        store.initialise(genesis_block(genesis, root, root_of_consensus), changes, genesis_id(genesis))
    return store
