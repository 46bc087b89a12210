"""Ready-made genesis values: a development chain and a test network.

Owns their numbers, and the accounts of the public development mnemonic, which exist on development chains only.
Never draws keys or reads a clock: validators and timestamp are arguments.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from chain.errors import CallerError
from chain.fees import INITIAL_BASE_FEE
from chain.hd import derive_accounts
from chain.secp256k1 import PrivateKey
from chain.types import Address
from genesis.model import (
    DEFAULT_GAS_LIMIT,
    DEFAULT_STAKING,
    DEV_ACCOUNT_COUNT,
    DEV_CHAIN_IDS,
    DEV_MNEMONIC,
    Allocation,
    ConsensusParameters,
    Genesis,
    GenesisValidator,
)
from vm.forks import Fork, ForkSchedule
from vm.system.staking.parameters import StakingParameters

AUR: Final = 10**18
"""One coin in wei."""

DEV_CHAIN_ID: Final = 1337
DEV_OPERATOR: Final = Address(b"\xc0\x14\xba\x5e" * 5)
"""Earns the fees of a development chain: none of its accounts, so that a test can reckon with what they pay. The
Hardhat network uses the same."""

DEV_ACCOUNT_BALANCE: Final = 10_000 * AUR

DEV_PARAMETERS: Final = ConsensusParameters(block_interval_ms=100, empty_block_interval_ms=None)
"""A block as soon as there is a transaction, none without: what contract developers expect of a local chain."""

TESTNET_PARAMETERS: Final = ConsensusParameters(block_interval_ms=1_000, empty_block_interval_ms=0)
"""A block every second, empty or not, so that time and finality never stand still."""


DEV_NOTICE_BLOCKS: Final = 10
"""Notice of an upgrade on a development chain, where somebody waits for it."""

USUAL_FORKS: Final = ForkSchedule(((Fork.PRAGUE, 0),))


class DevMnemonicRefused(CallerError):
    """The public mnemonic was about to be used on a chain where its accounts could own something of value."""

    def __init__(self, chain_id: int) -> None:
        allowed = " and ".join([str(known) for known in DEV_CHAIN_IDS])
        super().__init__(
            "everybody has the keys of the development mnemonic: "
            f"it is refused on chain id {chain_id}, allowed on {allowed}"
        )
        self.chain_id = chain_id


def check_mnemonic_allowed(mnemonic: str, chain_id: int) -> None:
    """Refuse the public development mnemonic outside development chains.

    Raises:
        DevMnemonicRefused: it is that mnemonic, and `chain_id` is not one of DEV_CHAIN_IDS.
    """
    if chain_id not in DEV_CHAIN_IDS and mnemonic.lower().split() == DEV_MNEMONIC.split():
        raise DevMnemonicRefused(chain_id)


def dev_accounts(chain_id: int = DEV_CHAIN_ID, count: int = DEV_ACCOUNT_COUNT) -> tuple[PrivateKey, ...]:
    """Return the first `count` keys of the development mnemonic.

    Raises:
        DevMnemonicRefused: `chain_id` is not that of a development chain.
    """
    check_mnemonic_allowed(DEV_MNEMONIC, chain_id)
    return derive_accounts(DEV_MNEMONIC, count)


def dev_genesis(
    validators: Sequence[GenesisValidator],
    *,
    chain_id: int = DEV_CHAIN_ID,
    timestamp: int = 0,
    parameters: ConsensusParameters | None = None,
    gas_limit: int = DEFAULT_GAS_LIMIT,
    allocations: Mapping[Address, Allocation] | None = None,
    staking: StakingParameters = DEFAULT_STAKING,
) -> Genesis:
    """Return the genesis of a development chain: ten accounts with 10,000 AUR each, and `allocations` on top. The first
    account may schedule upgrades, with a notice of DEV_NOTICE_BLOCKS.

    Raises:
        DevMnemonicRefused: `chain_id` is not that of a development chain.
        GenesisError: an argument breaks a rule of the genesis.
    """
    accounts = [key.address for key in dev_accounts(chain_id)]
    balances = {address: Allocation(balance=DEV_ACCOUNT_BALANCE) for address in accounts}
    return Genesis(
        chain_id=chain_id,
        name="Aurigraph development chain",
        timestamp=timestamp,
        gas_limit=gas_limit,
        base_fee_per_gas=INITIAL_BASE_FEE,
        forks=USUAL_FORKS,
        parameters=parameters or replace(DEV_PARAMETERS, max_gas=gas_limit),
        validators=tuple(validators),
        allocations=_in_order({**balances, **(allocations or {})}),
        upgrade_authority=accounts[0],
        upgrade_notice_blocks=DEV_NOTICE_BLOCKS,
        staking=staking,
    )


def testnet_genesis(
    validators: Sequence[GenesisValidator],
    *,
    chain_id: int,
    timestamp: int,
    allocations: Mapping[Address, Allocation],
    upgrade_authority: Address,
    name: str = "Aurigraph test network",  # noqa: PT028  (not a test)
    parameters: ConsensusParameters | None = None,  # noqa: PT028
    gas_limit: int = DEFAULT_GAS_LIMIT,  # noqa: PT028
    staking: StakingParameters = DEFAULT_STAKING,  # noqa: PT028
) -> Genesis:
    """Return the genesis of a test network.

    Args:
        validators: the validators of block 1.
        chain_id: of one's own choice; 1337 and 31337 are for development chains.
        timestamp: of block 0, in seconds.
        allocations: the accounts that own the first coins; not those of the development mnemonic.
        upgrade_authority: who may give chain contracts a new version.
        name: for people.
        parameters: block interval, empty-block policy, timeouts; TESTNET_PARAMETERS if not given.
        gas_limit: gas per block.
        staking: rewards, penalties, times; those of the Cosmos Hub if not given.

    Raises:
        GenesisError: an argument breaks a rule of the genesis.
    """
    return Genesis(
        chain_id=chain_id,
        name=name,
        timestamp=timestamp,
        gas_limit=gas_limit,
        base_fee_per_gas=INITIAL_BASE_FEE,
        forks=USUAL_FORKS,
        parameters=parameters or replace(TESTNET_PARAMETERS, max_gas=gas_limit),
        validators=tuple(validators),
        allocations=_in_order(allocations),
        upgrade_authority=upgrade_authority,
        staking=staking,
    )


def _in_order(allocations: Mapping[Address, Allocation]) -> dict[Address, Allocation]:
    return {address: allocations[address] for address in sorted(allocations)}
