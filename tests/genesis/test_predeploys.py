"""Every predeploy is what its public pre-signed transaction deploys, and does its work from block 1."""

from collections.abc import Callable

import pytest
from eth.vm.forks.cancun.constants import BEACON_ROOTS_ADDRESS, BEACON_ROOTS_CONTRACT_CODE
from eth.vm.forks.prague.constants import HISTORY_STORAGE_ADDRESS, HISTORY_STORAGE_CONTRACT_CODE

from chain.errors import EnvironmentFault
from chain.keccak import keccak256
from chain.rlp import encode
from chain.secp256k1 import PrivateKey
from chain.transaction import (
    RecoveredTransaction,
    TransactionType,
    UnsignedTransaction,
    decode_transaction,
    recover_sender,
    sign_transaction,
)
from chain.types import Address, Hash32, checksum_address
from genesis import Allocation, Genesis, genesis_state
from genesis.predeploys import PREDEPLOYS, Predeploy
from state.account import Account
from state.reader import DictReader
from state.world import WorldState
from vm.block import begin_block
from vm.environment import BlockEnvironment
from vm.forks import Fork
from vm.transaction import apply_transaction

CHAIN_ID = 4242
KEY = PrivateKey(b"\x46" * 32)
PARENT_HASH = Hash32(b"\x0c" * 32)
CONSENSUS_ROOT = Hash32(b"\x0b" * 32)
ENVIRONMENT = BlockEnvironment(
    chain_id=CHAIN_ID,
    number=1,
    timestamp=1_700_000_001,
    beneficiary=Address(bytes(20)),
    gas_limit=30_000_000,
    base_fee_per_gas=7,
    prev_randao=Hash32(bytes(32)),
    excess_blob_gas=0,
    parent_beacon_block_root=CONSENSUS_ROOT,
    parent_hash=PARENT_HASH,
    fork=Fork.PRAGUE,
    block_hash=lambda number: PARENT_HASH if number == 0 else None,
)

every_predeploy = pytest.mark.parametrize("contract", PREDEPLOYS.values(), ids=list(PREDEPLOYS))


@every_predeploy
def test_the_signature_of_the_deployment_proves_the_address(contract: Predeploy) -> None:
    transaction = decode_transaction(contract.deployment_transaction(), CHAIN_ID, allow_unprotected=True)
    sender = recover_sender(transaction)
    assert transaction.is_create
    assert transaction.nonce == 0
    assert keccak256(encode([sender, b""]))[12:] == contract.address


@every_predeploy
def test_the_deployment_leaves_exactly_our_runtime_code(contract: Predeploy) -> None:
    transaction = decode_transaction(contract.deployment_transaction(), CHAIN_ID, allow_unprotected=True)
    sender = recover_sender(transaction)
    world = WorldState(DictReader({sender: Account(0, 10**19)}))
    result = apply_transaction(world, ENVIRONMENT, RecoveredTransaction(transaction, sender))
    assert result.succeeded, result.error
    assert result.contract_address == contract.address
    assert world.get_code(contract.address) == contract.runtime_code()
    assert world.get_nonce(contract.address) == 1


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("create2_deployer", "0x4e59b44847b379578588920cA78FbF26c0B4956C"),
        ("multicall3", "0xcA11bde05977b3631167028862bE2a173976CA11"),
        ("history_storage", "0x0000F90827F1C53a10cb7A02335B175320002935"),
        ("beacon_roots", "0x000F3df6D732807Ef1319fB7B8bB8522d0Beac02"),
    ],
)
def test_the_addresses_are_the_ones_tools_expect(name: str, address: str) -> None:
    assert checksum_address(PREDEPLOYS[name].address) == address


def test_the_system_contracts_are_those_of_py_evm() -> None:
    assert PREDEPLOYS["history_storage"].runtime_code() == HISTORY_STORAGE_CONTRACT_CODE
    assert PREDEPLOYS["history_storage"].address.hex() == HISTORY_STORAGE_ADDRESS.hex()
    assert PREDEPLOYS["beacon_roots"].runtime_code() == BEACON_ROOTS_CONTRACT_CODE
    assert PREDEPLOYS["beacon_roots"].address.hex() == BEACON_ROOTS_ADDRESS.hex()


def test_a_changed_code_file_is_noticed() -> None:
    original = PREDEPLOYS["multicall3"]
    damaged = Predeploy(original.name, original.address, Hash32(bytes(32)), original.purpose)
    with pytest.raises(EnvironmentFault, match="installation damaged"):
        damaged.runtime_code()
    missing = Predeploy("missing", original.address, original.code_hash, original.purpose)
    with pytest.raises(EnvironmentFault, match=r"cannot read missing\.runtime\.hex"):
        missing.runtime_code()


def genesis_world(genesis: Genesis) -> WorldState:
    changes = genesis_state(genesis)
    accounts = {address: account for address, account in changes.accounts.items() if account is not None}
    return WorldState(DictReader(accounts, changes.storage, changes.code))


def send(world: WorldState, nonce: int, to: Address, call_data: bytes) -> None:
    request = UnsignedTransaction(
        TransactionType.DYNAMIC_FEE, CHAIN_ID, nonce, 0, 10**9, 1_000_000, to, 0, call_data
    )
    transaction = sign_transaction(request, KEY)
    result = apply_transaction(world, ENVIRONMENT, RecoveredTransaction(transaction, KEY.address))
    assert result.succeeded, result.error


def test_the_create2_deployer_works_in_block_1(make_genesis: Callable[..., Genesis]) -> None:
    world = genesis_world(make_genesis(allocations={KEY.address: Allocation(balance=10**18)}))
    deployer = PREDEPLOYS["create2_deployer"].address
    salt, init_code = bytes(31) + b"\x07", bytes.fromhex("6001600c60003960016000f300")
    send(world, 0, deployer, salt + init_code)
    expected = Address(keccak256(b"\xff" + deployer + salt + keccak256(init_code))[12:])
    assert world.get_nonce(expected) == 1
    assert world.get_code(expected) == b"\x00"


def test_the_system_contracts_answer_from_block_1(make_genesis: Callable[..., Genesis]) -> None:
    world = genesis_world(make_genesis())
    begin_block(world, ENVIRONMENT)
    history, roots = PREDEPLOYS["history_storage"].address, PREDEPLOYS["beacon_roots"].address
    assert world.get_storage(history, 0) == int.from_bytes(PARENT_HASH, "big")
    slot = ENVIRONMENT.timestamp % 8191
    assert world.get_storage(roots, slot) == ENVIRONMENT.timestamp
    assert world.get_storage(roots, slot + 8191) == int.from_bytes(CONSENSUS_ROOT, "big")
