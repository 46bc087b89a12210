"""The development chain and the test network."""

import pytest

from chain.errors import CallerError
from chain.secp256k1 import PrivateKey
from chain.types import Address, checksum_address
from genesis import (
    AUR,
    DEV_MNEMONIC,
    Allocation,
    DevMnemonicRefused,
    GenesisError,
    GenesisValidator,
    check_mnemonic_allowed,
    dev_accounts,
    dev_genesis,
    presets,
)
from genesis.predeploys import PREDEPLOYS
from vm.forks import Fork
from vm.system.staking.parameters import StakingParameters

KEY = PrivateKey(b"\x03" * 32)
VALIDATORS = [GenesisValidator("one", KEY.public_key, 10, KEY.address)]
OWNER = Address(b"\x11" * 20)


def test_a_development_chain_has_ten_accounts_with_10_000_aur() -> None:
    genesis = dev_genesis(VALIDATORS)
    assert genesis.chain_id == 1337
    assert set(genesis.allocations) == {key.address for key in dev_accounts()}
    assert {account.balance for account in genesis.allocations.values()} == {10_000 * AUR}
    assert checksum_address(dev_accounts()[0].address) == "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
    assert genesis.forks.at(0) is Fork.PRAGUE
    assert genesis.predeploys == tuple(PREDEPLOYS)
    assert genesis.coin_symbol == "AUR"
    assert genesis.upgrade_authority == dev_accounts()[0].address
    assert genesis.staking == StakingParameters()


def test_a_development_chain_takes_other_settings() -> None:
    genesis = dev_genesis(
        VALIDATORS,
        chain_id=31337,
        timestamp=5,
        gas_limit=60_000_000,
        allocations={OWNER: Allocation(balance=1)},
    )
    assert (genesis.chain_id, genesis.timestamp, genesis.gas_limit) == (31337, 5, 60_000_000)
    assert genesis.parameters.max_gas == 60_000_000
    assert genesis.allocations[OWNER].balance == 1
    assert len(genesis.allocations) == 11


def test_a_test_network_makes_a_block_a_second() -> None:
    genesis = presets.testnet_genesis(
        VALIDATORS,
        chain_id=4242,
        timestamp=7,
        allocations={OWNER: Allocation(balance=AUR)},
        upgrade_authority=OWNER,
    )
    assert genesis.gas_limit == 30_000_000
    assert genesis.parameters.block_interval_ms == 1_000
    assert genesis.parameters.empty_block_interval_ms == 0
    assert genesis.base_fee_per_gas == 10**9
    assert (genesis.upgrade_authority, genesis.upgrade_notice_blocks) == (OWNER, 3_600)
    assert genesis.staking == StakingParameters()


@pytest.mark.parametrize("chain_id", [0, 1, 1338, 4242])
def test_the_development_mnemonic_is_refused_elsewhere(chain_id: int) -> None:
    with pytest.raises(DevMnemonicRefused, match="1337 and 31337"):
        dev_genesis(VALIDATORS, chain_id=chain_id)
    with pytest.raises(DevMnemonicRefused):
        dev_accounts(chain_id)
    for spelling in (DEV_MNEMONIC, DEV_MNEMONIC.upper(), "  ".join(DEV_MNEMONIC.split())):
        with pytest.raises(CallerError):
            check_mnemonic_allowed(spelling, chain_id)
    check_mnemonic_allowed("abandon " * 11 + "about", chain_id)


def test_its_accounts_are_refused_in_a_test_network() -> None:
    with pytest.raises(GenesisError, match="public development mnemonic"):
        presets.testnet_genesis(
            VALIDATORS,
            chain_id=4242,
            timestamp=7,
            allocations={dev_accounts()[3].address: Allocation(balance=1)},
            upgrade_authority=OWNER,
        )
