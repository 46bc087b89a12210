"""The genesis state and block 0."""

from collections.abc import Callable

import pytest

from chain.block import decode_block
from chain.keccak import EMPTY_KECCAK, EMPTY_REQUESTS_HASH, EMPTY_TRIE_ROOT, keccak256
from chain.secp256k1 import address_of_public_key
from chain.types import ZERO_HASH, Address, Hash32
from genesis import Allocation, Genesis, genesis_block, genesis_state
from genesis.predeploys import PREDEPLOYS
from state.account import Account
from state.chain_store import ChainStore
from state.changes import StateChanges
from state.kv import MemoryStore
from state.reader import DictReader
from tests.genesis.conftest import FIRST_CONTRACTS
from vm.forks import Fork, ForkSchedule
from vm.system.addresses import STAKING, UPGRADES, WRAPPED_COIN
from vm.system.contract import MARKER
from vm.system.registry import CHAIN_CONTRACTS
from vm.system.staking.reading import operator_of

MakeGenesis = Callable[..., Genesis]


def state_root(changes: StateChanges) -> Hash32:
    store = ChainStore.open(MemoryStore(), chain_id=4242, genesis_id=b"id")
    return store.compute_root(changes).root


def state_of(genesis: Genesis) -> DictReader:
    changes = genesis_state(genesis)
    accounts = {address: account for address, account in changes.accounts.items() if account is not None}
    return DictReader(accounts, changes.storage, changes.code)


STATE_ROOT = Hash32(b"\x0a" * 32)
CONSENSUS_ROOT = Hash32(b"\x0b" * 32)


def test_block_0_is_a_prague_header_that_carries_the_consensus_root(make_genesis: MakeGenesis) -> None:
    genesis = make_genesis()
    block = genesis_block(genesis, STATE_ROOT, CONSENSUS_ROOT)
    header = block.header
    assert block.transactions == ()
    assert (header.number, header.difficulty, header.gas_used) == (0, 0, 0)
    assert header.parent_hash == ZERO_HASH
    assert header.state_root == STATE_ROOT
    assert header.parent_beacon_block_root == CONSENSUS_ROOT
    assert header.timestamp == genesis.timestamp
    assert header.gas_limit == genesis.gas_limit
    assert header.base_fee_per_gas == genesis.base_fee_per_gas
    assert header.extra_data == genesis.extra_data
    assert header.requests_hash == EMPTY_REQUESTS_HASH
    assert header.withdrawals_root == EMPTY_TRIE_ROOT
    assert decode_block(block.encode(), genesis.chain_id) == block


def test_the_hash_of_a_known_genesis_block_never_changes(make_genesis: MakeGenesis) -> None:
    block = genesis_block(make_genesis(), STATE_ROOT, CONSENSUS_ROOT)
    assert block.hash.hex() == "86e8c2b3866bce5f5cca44945a8184ffb5f61525629aa84e63086ee5acb7f102"


def test_a_chain_that_starts_before_prague_has_no_requests_hash(make_genesis: MakeGenesis) -> None:
    genesis = make_genesis(forks=ForkSchedule(((Fork.CANCUN, 0), (Fork.PRAGUE, 10))))
    assert genesis_block(genesis, STATE_ROOT, CONSENSUS_ROOT).header.requests_hash is None


def test_the_state_holds_allocations_and_predeploys(make_genesis: MakeGenesis) -> None:
    changes = genesis_state(make_genesis())
    own = [entry.address for entry in CHAIN_CONTRACTS.chain_contracts]
    assert list(changes.storage) == sorted(changes.storage)
    assert list(changes.accounts) == sorted(changes.accounts)
    assert changes.accounts[Address(b"\x11" * 20)] == Account(0, 10**24, EMPTY_TRIE_ROOT, EMPTY_KECCAK)
    code = b"\x60\x00"
    with_code = changes.accounts[Address(b"\x22" * 20)]
    assert with_code is not None
    assert (with_code.nonce, with_code.balance, with_code.code_hash) == (1, 1, keccak256(code))
    assert changes.code[keccak256(code)] == code
    theirs = {address: slots for address, slots in changes.storage.items() if address not in own}
    assert theirs == {Address(b"\x22" * 20): {0: 5, 2**255: 2**256 - 1}}
    assert changes.wiped == ()
    for contract in PREDEPLOYS.values():
        assert changes.accounts[contract.address] == Account(1, 0, EMPTY_TRIE_ROOT, contract.code_hash)
        assert changes.code[contract.code_hash] == contract.runtime_code()


@pytest.mark.parametrize("names", [(), ("multicall3",)])
def test_only_the_named_predeploys_are_there(make_genesis: MakeGenesis, names: tuple[str, ...]) -> None:
    changes = genesis_state(make_genesis(predeploys=names, allocations={}))
    own = {entry.address for entry in CHAIN_CONTRACTS.chain_contracts}
    assert set(changes.accounts) - own == {PREDEPLOYS[name].address for name in names}


def test_two_accounts_with_the_same_code_share_it(make_genesis: MakeGenesis) -> None:
    accounts = {Address(bytes((number,)) * 20): Allocation(code=b"\x00") for number in (1, 2)}
    code = genesis_state(make_genesis(allocations=accounts, predeploys=())).code
    assert [one for one in code.values() if not one.startswith(MARKER)] == [b"\x00"]


def test_every_chain_contract_has_its_code_and_configuration(make_genesis: MakeGenesis) -> None:
    genesis = make_genesis(upgrade_notice_blocks=77)
    changes = genesis_state(genesis)
    for entry in CHAIN_CONTRACTS.chain_contracts:
        account = changes.accounts[entry.address]
        assert account is not None
        assert (account.nonce, account.code_hash) == (1, keccak256(entry.contract.code))
    words = list(changes.storage[UPGRADES].values())
    assert int.from_bytes(genesis.upgrade_authority) in words
    assert any(word & (2**64 - 1) == 77 or 77 in word.to_bytes(32) for word in words)


def test_the_first_validators_have_their_stake_in_the_staking_contract(make_genesis: MakeGenesis) -> None:
    genesis = make_genesis()
    staking = genesis_state(genesis).accounts[STAKING]
    assert staking is not None
    assert staking.balance == 10 * 10**18
    reader = state_of(genesis)
    key = genesis.validators[0].public_key
    assert operator_of(reader, address_of_public_key(key)) == genesis.validators[0].operator


def test_a_contract_that_the_genesis_does_not_name_is_not_there(make_genesis: MakeGenesis) -> None:
    chosen = {"distribution": 1, "slashing": 1, "staking": 1}
    changes = genesis_state(make_genesis(chain_contracts=chosen))
    assert STAKING in changes.accounts
    assert UPGRADES not in changes.accounts


def test_the_state_of_a_known_genesis_never_changes(make_genesis: MakeGenesis) -> None:
    known = make_genesis(chain_contracts=FIRST_CONTRACTS)
    assert (
        state_root(genesis_state(known)).hex()
        == "2023e66c6289db8f2f952e53c4cc2b6299a28581265613220ae51f5098b1b68c"
    )


def test_the_state_does_not_depend_on_the_order_of_the_genesis(make_genesis: MakeGenesis) -> None:
    genesis = make_genesis()
    turned = dict(reversed(list(genesis.allocations.items())))
    contracts = dict(reversed(list(genesis.chain_contracts.items())))
    assert genesis_state(make_genesis(allocations=turned, chain_contracts=contracts)) == genesis_state(
        genesis
    )


def test_the_wrapped_coin_is_called_after_the_coin(make_genesis: MakeGenesis) -> None:
    changes = genesis_state(make_genesis(coin_symbol="GOLD"))
    name = changes.storage[WRAPPED_COIN][0]  # solc: a short text, and twice its length in the last byte
    assert name.to_bytes(32) == b"Wrapped GOLD".ljust(31, b"\0") + bytes([2 * len("Wrapped GOLD")])
