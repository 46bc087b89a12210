"""From a genesis to the first state and block 0.

Owns what the genesis accounts and the genesis header are. Never computes the state root or the consensus root:
both come from the packages that define them. Specification: yellow paper, appendix I, with the header of Prague.
"""

from chain.block import Block
from chain.header import NONCE_BYTES, Header
from chain.keccak import EMPTY_OMMERS_HASH, EMPTY_REQUESTS_HASH, EMPTY_TRIE_ROOT
from chain.receipt import EMPTY_BLOOM
from chain.types import ZERO_ADDRESS, ZERO_HASH, Address, Hash32
from genesis.chain_contracts import configured_contracts
from genesis.model import Allocation, Genesis
from genesis.predeploys import PREDEPLOYS
from state.changes import StateChanges
from state.reader import DictReader
from state.world import WorldState
from vm.environment import BlockEnvironment
from vm.forks import Fork
from vm.system.runtime.hooks import run_genesis

PREDEPLOY_NONCE = 1
"""A deployed contract starts with nonce 1 (EIP-161)."""


def genesis_state(genesis: Genesis) -> StateChanges:
    """Return the accounts, storage and code of the genesis, as changes of an empty state, in ascending order.

    Raises:
        EnvironmentFault: the code of a predeploy is missing or changed on this machine.
        HookFailed: a chain contract refuses its configuration, which is a bug.
    """
    world = WorldState(DictReader())
    for address in sorted(genesis.allocations):
        _allocate(world, address, genesis.allocations[address])
    for name in genesis.predeploys:
        contract = PREDEPLOYS[name]
        _allocate(world, contract.address, Allocation(nonce=PREDEPLOY_NONCE, code=contract.runtime_code()))
    run_genesis(world, _environment(genesis), configured_contracts(genesis))
    changes = world.changes()
    return StateChanges(
        accounts={address: changes.accounts[address] for address in sorted(changes.accounts)},
        storage={
            address: {slot: changes.storage[address][slot] for slot in sorted(changes.storage[address])}
            for address in sorted(changes.storage)
        },
        wiped=(),
        code=changes.code,
    )


def _allocate(world: WorldState, address: Address, allocation: Allocation) -> None:
    world.set_balance(address, allocation.balance)
    world.set_nonce(address, allocation.nonce)
    if allocation.code:
        world.set_code(address, allocation.code)
    for slot, value in allocation.storage.items():
        world.set_storage(address, slot, value)


def _environment(genesis: Genesis) -> BlockEnvironment:
    """What contracts see of block 0 while it is made."""
    return BlockEnvironment(
        chain_id=genesis.chain_id,
        number=0,
        timestamp=genesis.timestamp,
        beneficiary=ZERO_ADDRESS,
        gas_limit=genesis.gas_limit,
        base_fee_per_gas=genesis.base_fee_per_gas,
        prev_randao=ZERO_HASH,
        excess_blob_gas=0,
        parent_beacon_block_root=ZERO_HASH,
        parent_hash=ZERO_HASH,
        fork=genesis.forks.at(0),
        block_hash=lambda _number: None,
    )


def genesis_block(genesis: Genesis, state_root: Hash32, consensus_root: Hash32) -> Block:
    """Return block 0.

    Args:
        genesis: the genesis.
        state_root: root of the state that `genesis_state` describes.
        consensus_root: what consensus commits to before block 1; stands in parent_beacon_block_root.
    """
    has_requests = genesis.forks.at(0) >= Fork.PRAGUE
    header = Header(
        parent_hash=ZERO_HASH,
        ommers_hash=EMPTY_OMMERS_HASH,
        beneficiary=ZERO_ADDRESS,
        state_root=state_root,
        transactions_root=EMPTY_TRIE_ROOT,
        receipts_root=EMPTY_TRIE_ROOT,
        logs_bloom=EMPTY_BLOOM,
        difficulty=0,
        number=0,
        gas_limit=genesis.gas_limit,
        gas_used=0,
        timestamp=genesis.timestamp,
        extra_data=genesis.extra_data,
        prev_randao=ZERO_HASH,
        nonce=bytes(NONCE_BYTES),
        base_fee_per_gas=genesis.base_fee_per_gas,
        withdrawals_root=EMPTY_TRIE_ROOT,
        blob_gas_used=0,
        excess_blob_gas=0,
        parent_beacon_block_root=consensus_root,
        requests_hash=EMPTY_REQUESTS_HASH if has_requests else None,
    )
    return Block(header, ())
