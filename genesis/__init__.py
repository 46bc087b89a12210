"""The genesis file, and the first state and block that follow from it.

Owns the file format, the presets and the predeployed contracts. Never stores anything and never takes part in
consensus. The usual imports are here; the parts are in the modules beside.
"""

from genesis.codec import dump_genesis, genesis_id, load_genesis, parse_genesis
from genesis.errors import GenesisError
from genesis.first_block import genesis_block, genesis_state
from genesis.model import (
    DEV_ACCOUNT_COUNT,
    DEV_CHAIN_IDS,
    DEV_KEY_COUNT,
    DEV_MNEMONIC,
    Allocation,
    ConsensusParameters,
    Genesis,
    GenesisValidator,
)
from genesis.presets import (
    AUR,
    DEV_CHAIN_ID,
    DEV_OPERATOR,
    DevMnemonicRefused,
    check_mnemonic_allowed,
    dev_accounts,
    dev_genesis,
    testnet_genesis,
)

__all__ = [
    "AUR",
    "DEV_ACCOUNT_COUNT",
    "DEV_CHAIN_ID",
    "DEV_CHAIN_IDS",
    "DEV_KEY_COUNT",
    "DEV_MNEMONIC",
    "DEV_OPERATOR",
    "Allocation",
    "ConsensusParameters",
    "DevMnemonicRefused",
    "Genesis",
    "GenesisError",
    "GenesisValidator",
    "check_mnemonic_allowed",
    "dev_accounts",
    "dev_genesis",
    "dump_genesis",
    "genesis_block",
    "genesis_id",
    "genesis_state",
    "load_genesis",
    "parse_genesis",
    "testnet_genesis",
]
