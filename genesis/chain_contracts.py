"""Which contracts of its own a chain begins with, and what they are told.

Owns: the choice by name and version, and the configuration of each. Never runs a contract (vm/system/runtime/hooks.py).
A genesis file names versions: a later program has more contracts and newer ones, and block 0 must stay what it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from chain.types import Address
from genesis.errors import GenesisError
from vm.system.addresses import DISTRIBUTION, SLASHING, STAKING, UPGRADES, WRAPPED_COIN
from vm.system.contract import Contract
from vm.system.registry import CHAIN_CONTRACTS, ChainContract
from vm.system.staking.parameters import GenesisStaker, StakingGenesis
from vm.system.tokens.wrapped_coin import WrappedCoinGenesis
from vm.system.upgrades.parameters import UpgradesGenesis

if TYPE_CHECKING:
    from genesis.model import Genesis

REQUIRED: Final = (STAKING, DISTRIBUTION, SLASHING)
"""Without them nobody could ever join or leave the validators."""


def newest_contracts() -> dict[str, int]:
    """All contracts that this program knows with their newest versions: what a new chain begins with."""
    known = _by_name()
    return {name: max(_versions(known[name])) for name in sorted(known)}


def check_contracts(chosen: Mapping[str, int]) -> None:
    """Raises GenesisError for a name or version that this program does not have, or if a required one is missing."""
    known = _by_name()
    for name, version in chosen.items():
        entry = known.get(name)
        if entry is None:
            names = ", ".join(sorted(known))
            raise GenesisError(f"$.chain_contracts.{name}", f"unknown contract, known are {names}")
        versions = _versions(entry)
        if type(version) is not int or version not in versions:
            numbers = ", ".join([str(one) for one in versions])
            raise GenesisError(
                f"$.chain_contracts.{name}", f"this program has no version {version!r}, it has {numbers}"
            )
    for name, entry in known.items():
        if entry.address in REQUIRED and name not in chosen:
            raise GenesisError(f"$.chain_contracts.{name}", "missing: every chain has it")


def configured_contracts(genesis: Genesis) -> tuple[tuple[ChainContract, object], ...]:
    """The contracts of `genesis` in the order of their hooks, each with what its `genesis` hook gets."""
    stakers = tuple(
        [GenesisStaker(one.name, one.public_key, one.power, one.operator) for one in genesis.validators]
    )
    staking = StakingGenesis(genesis.staking, stakers)
    configurations: dict[Address, object] = dict.fromkeys(REQUIRED, staking)
    configurations[WRAPPED_COIN] = WrappedCoinGenesis(genesis.coin_symbol)
    configurations[UPGRADES] = UpgradesGenesis(genesis.upgrade_authority, genesis.upgrade_notice_blocks)
    return tuple(
        [
            (
                ChainContract(
                    entry.name, entry.address, _versions(entry)[genesis.chain_contracts[entry.name]]
                ),
                configurations.get(entry.address),
            )
            for entry in CHAIN_CONTRACTS.chain_contracts
            if entry.name in genesis.chain_contracts
        ]
    )


def _by_name() -> dict[str, ChainContract]:
    return {entry.name: entry for entry in CHAIN_CONTRACTS.chain_contracts}


def _versions(entry: ChainContract) -> dict[int, type[Contract]]:
    """All versions of the class of `entry`."""
    return {
        contract.version: contract
        for contract in CHAIN_CONTRACTS.classes
        if contract.class_id == entry.contract.class_id
    }
