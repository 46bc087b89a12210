"""Opening a node's chain: genesis file, database, and what both must agree on.

Owns the step from files to the objects that the node runs on. Never starts a task.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from chain.transaction import MAX_TRANSACTION_BYTES
from consensus.errors import InvalidConsensusParams, InvalidValidatorSet
from consensus.params import ConsensusParams
from consensus.validator_set import new_validator_set, validator_of
from genesis import (
    DEV_CHAIN_IDS,
    Genesis,
    GenesisError,
    genesis_block,
    genesis_id,
    genesis_state,
    load_genesis,
)
from node.block_execution import HEADER_ROOM_BYTES
from node.chain_record import GenesisRecord, genesis_chain_record
from node.chain_rules import ChainConstants, genesis_consensus_root
from node.errors import ConfigError, HomeError
from node.payload import MAX_EVIDENCE_BYTES, MAX_EVIDENCE_PER_BLOCK, ConsensusRecord, encode_record
from node.validator_registry import STAKING_REGISTRY
from state.chain_store import ChainStore
from state.dev_store import DEV_MARK, DevChainStore
from vm.system.addresses import DISTRIBUTION

# Consensus record with a commit, its slots aside, all the evidence, and the framing of one transaction.
RECORD_BYTES = 256 + MAX_EVIDENCE_PER_BLOCK * MAX_EVIDENCE_BYTES
COMMIT_SLOT_BYTES = 96  # address, flag and signature of one validator in a commit


@dataclass(frozen=True, slots=True)
class ChainFile:
    """A genesis file and what follows from it."""

    genesis: Genesis
    constants: ChainConstants
    record: GenesisRecord


def read_chain(path: Path) -> ChainFile:
    """Reads the genesis file. Raises EnvironmentFault naming what is wrong in it."""
    try:
        genesis = load_genesis(path)
        params = ConsensusParams(**dataclasses.asdict(genesis.parameters))
        members = [validator_of(validator.public_key, validator.power) for validator in genesis.validators]
        validators = new_validator_set(members)
    except (GenesisError, InvalidConsensusParams, InvalidValidatorSet) as error:
        raise ConfigError(f"{path}: {error}") from error
    seats = genesis.staking.max_validators
    least = least_block_bytes(seats)
    if params.max_block_bytes < least:
        raise ConfigError(
            f"{path}: $.parameters.max_block_bytes: with {seats} validators, which there may be, a block with "
            f"one transaction of the largest size takes {least} bytes, {params.max_block_bytes} are allowed"
        )
    constants = ChainConstants(
        chain_id=genesis.chain_id,
        gas_limit=genesis.gas_limit,
        forks=genesis.forks,
        params=params,
        registry=STAKING_REGISTRY,
        fee_recipient=DISTRIBUTION,
    )
    record = encode_record(ConsensusRecord(genesis.timestamp * 1000, None))
    return ChainFile(genesis, constants, genesis_chain_record(validators, record))


def least_block_bytes(validators: int) -> int:
    """What every chain must allow, or a commit makes its blocks invalid, or a transaction waits for ever."""
    record = RECORD_BYTES + validators * COMMIT_SLOT_BYTES
    return HEADER_ROOM_BYTES + record + MAX_TRANSACTION_BYTES


def open_store(path: Path, chain: ChainFile) -> ChainStore:
    """Opens the database, writing block 0 into an empty one. Raises EnvironmentFault."""
    genesis = chain.genesis
    store = ChainStore.open(path, chain_id=genesis.chain_id, genesis_id=genesis_id(genesis))
    if store.meta_get(DEV_MARK) is not None:
        store.close()
        raise HomeError(
            f"{path} holds a development chain, whose state may have been changed by hand: start it with --dev"
        )
    if not store.is_initialised:
        write_first_block(store, chain)
    return store


def require_development_chain(genesis: Genesis) -> None:
    """Raises ConfigError unless `start --dev` may run this chain."""
    if genesis.chain_id not in DEV_CHAIN_IDS:
        known = " and ".join([str(chain_id) for chain_id in DEV_CHAIN_IDS])
        raise ConfigError(
            f"chain id {genesis.chain_id} is not that of a development chain ({known}): start it without --dev"
        )
    if len(genesis.validators) != 1:
        raise ConfigError(
            f"a chain of {len(genesis.validators)} validators needs consensus: start it without --dev"
        )


def open_dev_store(path: Path, chain: ChainFile) -> DevChainStore:
    """Opens the database for `start --dev`; from then on no other node takes it. Raises EnvironmentFault."""
    genesis = chain.genesis
    require_development_chain(genesis)
    store = DevChainStore.open_dev(path, chain_id=genesis.chain_id, genesis_id=genesis_id(genesis))
    if not store.is_initialised:
        write_first_block(store, chain)
    if store.meta_get(DEV_MARK) is None:
        store.meta_put(DEV_MARK, b"\x01")
    return store


def start_over(store: DevChainStore, chain: ChainFile) -> None:
    """Puts a development chain back to its block 0."""
    store.start_over(lambda empty: write_first_block(empty, chain))


def write_first_block(store: ChainStore, chain: ChainFile) -> None:
    """Initialises an empty store."""
    genesis, sets = chain.genesis, chain.record
    changes = genesis_state(genesis)
    root = store.compute_root(changes).root
    root_of_consensus = genesis_consensus_root(
        chain.constants, sets.validators, sets.next_validators, genesis.timestamp * 1000
    )
    store.initialise(genesis_block(genesis, root, root_of_consensus), changes, genesis_id(genesis))
