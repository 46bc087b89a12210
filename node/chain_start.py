"""Opening a node's chain: genesis file, database, and what both must agree on.

Owns the step from files to the objects that the node runs on. Never starts a task.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from chain.types import Address
from consensus.params import ConsensusParams
from consensus.validator_set import ValidatorSet, new_validator_set, validator_of
from genesis import Genesis, genesis_block, genesis_id, genesis_state, load_genesis
from node.chain_record import encode_chain_record, genesis_chain_record
from node.chain_rules import ChainConstants, genesis_consensus_root
from node.payload import ConsensusRecord, encode_record
from state.chain_store import ChainStore


def read_chain(path: Path) -> tuple[Genesis, ChainConstants, ValidatorSet]:
    """The genesis file and what follows from it. Raises EnvironmentFault naming what is wrong in the file."""
    genesis = load_genesis(path)
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
    return genesis, constants, new_validator_set(members)


def open_store(
    path: Path, genesis: Genesis, constants: ChainConstants, validators: ValidatorSet
) -> ChainStore:
    """Opens the database, writing block 0 into an empty one. Raises EnvironmentFault."""
    store = ChainStore.open(path, chain_id=genesis.chain_id, genesis_id=genesis_id(genesis))
    if not store.is_initialised:
        record = encode_record(ConsensusRecord(genesis.timestamp * 1000, None))
        changes = genesis_state(genesis)
        root = store.compute_root(changes).root
        chain_record = genesis_chain_record(validators, record)
        root_of_consensus = genesis_consensus_root(
            constants, chain_record.validators, chain_record.next_validators, genesis.timestamp * 1000
        )
        block = genesis_block(genesis, root, root_of_consensus)
        store.initialise(block, changes, encode_chain_record(chain_record))
    return store
