"""From a genesis to the first state and block 0.

Owns what the genesis accounts and the genesis header are. Never computes the state root or the consensus root:
both come from the packages that define them. Specification: yellow paper, appendix I, with the header of Prague.
"""

from chain.block import Block
from chain.header import NONCE_BYTES, Header
from chain.keccak import (
    EMPTY_KECCAK,
    EMPTY_OMMERS_HASH,
    EMPTY_REQUESTS_HASH,
    EMPTY_TRIE_ROOT,
    keccak256,
)
from chain.receipt import EMPTY_BLOOM
from chain.types import ZERO_ADDRESS, ZERO_HASH, Address, Hash32
from genesis.model import Allocation, Genesis
from genesis.predeploys import PREDEPLOYS
from state.account import Account
from state.changes import StateChanges
from vm.forks import Fork

PREDEPLOY_NONCE = 1
"""A deployed contract starts with nonce 1 (EIP-161)."""


def genesis_state(genesis: Genesis) -> StateChanges:
    """Return the accounts, storage and code of the genesis, as changes of an empty state.

    Raises:
        EnvironmentFault: the code of a predeploy is missing or changed on this machine.
    """
    allocations: dict[Address, Allocation] = dict(genesis.allocations)
    for name in genesis.predeploys:
        contract = PREDEPLOYS[name]
        allocations[contract.address] = Allocation(nonce=PREDEPLOY_NONCE, code=contract.runtime_code())
    accounts: dict[Address, Account | None] = {}
    storage: dict[Address, dict[int, int]] = {}
    code: dict[Hash32, bytes] = {}
    for address in sorted(allocations):
        allocation = allocations[address]
        code_hash = EMPTY_KECCAK
        if allocation.code:
            code_hash = keccak256(allocation.code)
            code[code_hash] = allocation.code
        accounts[address] = Account(allocation.nonce, allocation.balance, EMPTY_TRIE_ROOT, code_hash)
        if allocation.storage:
            storage[address] = {slot: allocation.storage[slot] for slot in sorted(allocation.storage)}
    return StateChanges(accounts=accounts, storage=storage, wiped=(), code=code)


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
