"""The chain's rule sets as eth_config shows them.

Owns the translation of a schedule by block number into the times and fork ids of EIP-7910. Never decides which rule set
a block has (vm/forks.py).
Specification: EIP-7910; EIP-2124 and EIP-6122 (fork hash).
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Final

from chain.errors import InvariantViolation
from chain.header import Header
from chain.types import Address
from node.chain_rules import ChainConstants
from rpc.backend import ForkConfiguration
from state.chain_store import ChainStore
from vm.block import BEACON_ROOTS_ADDRESS, HISTORY_STORAGE_ADDRESS
from vm.forks import Fork
from vm.rules import rules_of

NO_BLOBS: Final = 0
"""This chain has no blob transactions, whatever the rule set allows."""


def fork_configurations(store: ChainStore, constants: ChainConstants) -> tuple[ForkConfiguration, ...]:
    """The rule sets in order of activation; of several that activate at one block the last."""
    first_blocks: dict[int, Fork] = {}
    for fork, first_block in constants.forks.activations:
        first_blocks[first_block] = fork
    fork_id = zlib.crc32(_header(store, 0).hash)
    configurations: list[ForkConfiguration] = []
    for first_block, fork in first_blocks.items():
        if first_block:
            fork_id = zlib.crc32(first_block.to_bytes(8, "big"), fork_id)
        rules = rules_of(fork)
        configurations.append(
            ForkConfiguration(
                fork=fork,
                activation_time=_activation_time(store, constants, first_block),
                blob_target=NO_BLOBS,
                blob_max=NO_BLOBS,
                blob_base_fee_update_fraction=rules.blob_base_fee_update_fraction,
                fork_id=fork_id.to_bytes(4, "big"),
                system_contracts=_system_contracts(stores_parent_hash=rules.stores_parent_hash),
            )
        )
    return tuple(configurations)


def _activation_time(store: ChainStore, constants: ChainConstants, first_block: int) -> int:
    """Of a block to come the earliest time that it may have: the number decides, not the time."""
    if not first_block:
        return 0
    head = _header(store, store.head.number)
    if first_block <= head.number:
        return _header(store, first_block).timestamp
    return head.timestamp + (first_block - head.number) * constants.params.block_interval_ms // 1000


def _system_contracts(*, stores_parent_hash: bool) -> Mapping[str, Address]:
    contracts = {"BEACON_ROOTS_ADDRESS": BEACON_ROOTS_ADDRESS}
    if stores_parent_hash:
        contracts["HISTORY_STORAGE_ADDRESS"] = HISTORY_STORAGE_ADDRESS
    return contracts


def _header(store: ChainStore, number: int) -> Header:
    header = store.header(number)
    if header is None:
        raise InvariantViolation(f"the store has no header of block {number}")
    return header
