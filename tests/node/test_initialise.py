"""Homes of new nodes."""

from __future__ import annotations

from pathlib import Path

from genesis import DEV_OPERATOR, dev_accounts
from node.chain_start import open_dev_store, read_chain
from node.config import NodeConfig
from node.home import NodeHome
from node.initialise import initialise_dev_home
from vm.system.addresses import UPGRADES
from vm.system.registry import CHAIN_CONTRACTS
from vm.system.staking.reading import operator_of
from vm.system.upgrades.contract import Upgrades


def test_a_development_chain_has_the_chain_contracts_and_a_staked_validator(tmp_path: Path) -> None:
    home = NodeHome(tmp_path / "dev")
    genesis = initialise_dev_home(home, NodeConfig(), 1_700_000_000)
    assert dict(genesis.chain_contracts) == {entry.name: 1 for entry in CHAIN_CONTRACTS.chain_contracts}
    chain = read_chain(home.genesis)
    assert chain.genesis == genesis
    home.make_folders()
    store = open_dev_store(home.database, chain)
    state = store.latest_state()
    for entry in CHAIN_CONTRACTS.chain_contracts:
        account = state.account(entry.address)
        assert account is not None
        assert state.code(account.code_hash) == entry.contract.code
    (validator,) = chain.record.validators.validators
    assert operator_of(state, validator.address) == DEV_OPERATOR
    authority = dev_accounts()[0].address
    assert any(state.storage(UPGRADES, slot) == int.from_bytes(authority) for slot in range(3))
    assert Upgrades.code == CHAIN_CONTRACTS.chain_contracts[0].contract.code
    store.close()
