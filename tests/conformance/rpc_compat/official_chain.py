"""The official chain of ethereum/execution-apis: 54 blocks from Homestead to Osaka, executed by this node's own code.

Owns: the genesis, what a block of Ethereum has beside its transactions (rewards, withdrawals, requests), and the
import, in which every state root, receipts root, bloom and gas figure must be that of the header.
The blocks and states then stand in the product's own store, so that what reads the store reads them.
Specification: the forks of genesis.json; yellow paper section 11.3 (rewards), EIP-4895, EIP-7002, EIP-7251.
"""

import json
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Self

from chain.block import Block
from chain.fees import next_base_fee
from chain.header import Header
from chain.keccak import (
    EMPTY_KECCAK,
    EMPTY_OMMERS_HASH,
    EMPTY_TRIE_ROOT,
    keccak256,
)
from chain.ordered_trie import ordered_root
from chain.receipt import EMPTY_BLOOM, Receipt, logs_bloom, merge_blooms
from chain.rlp import EMPTY_LIST, encode, encode_list_payload, iterate_encoded_items, uint
from chain.transaction import RecoveredTransaction, Transaction, recover_sender
from chain.types import ZERO_HASH, Address, Hash32
from rpc.backend import ForkConfiguration
from state.account import Account
from state.chain_store import ChainStore
from state.changes import StateChanges
from state.kv import MemoryStore
from state.state_root import StateUpdate
from state.world import WorldState
from tests.conformance.blob_transactions import apply_blob_transaction
from tests.conformance.rpc_compat.fork_configuration import official_fork_configurations
from tests.conformance.rpc_compat.records import (
    OfficialBlobTransaction,
    OfficialBlock,
    OfficialReceipt,
    decode_official_block,
    decode_official_header,
    official_receipt,
)
from tests.conformance.vectors import vectors_folder
from tests.conformance.worker import REPOSITORY
from tests.rpc.dev_chain import DevChain
from vm.block import SYSTEM_CALL_GAS, begin_block
from vm.call import new_context
from vm.environment import BlockEnvironment, TransactionContext
from vm.forks import Fork
from vm.message import CallKind, Message
from vm.rules import blob_base_fee, rules_of
from vm.system.addresses import SYSTEM_ADDRESS
from vm.transaction import TransactionResult, apply_transaction

OFFICIAL_FOLDER: Final = vectors_folder(REPOSITORY, "AURIGRAPH_VECTORS") / "execution-apis"

FORK_KEYS: Final = {
    "homesteadBlock": Fork.HOMESTEAD,
    "eip150Block": Fork.TANGERINE_WHISTLE,
    "eip158Block": Fork.SPURIOUS_DRAGON,
    "byzantiumBlock": Fork.BYZANTIUM,
    "constantinopleBlock": Fork.CONSTANTINOPLE,
    "petersburgBlock": Fork.PETERSBURG,
    "istanbulBlock": Fork.ISTANBUL,
    "berlinBlock": Fork.BERLIN,
    "londonBlock": Fork.LONDON,
    "mergeNetsplitBlock": Fork.PARIS,
    "shanghaiTime": Fork.SHANGHAI,
    "cancunTime": Fork.CANCUN,
    "pragueTime": Fork.PRAGUE,
    "osakaTime": Fork.OSAKA,
}
"""Keys of the genesis that change rules of execution; those that end in Time count seconds."""

ETHER: Final = 10**18
GWEI: Final = 10**9
BLOCK_REWARDS: Final = {Fork.FRONTIER: 5 * ETHER, Fork.BYZANTIUM: 3 * ETHER, Fork.CONSTANTINOPLE: 2 * ETHER}
"""From that fork on, while there is proof of work."""

REQUEST_CONTRACTS: Final = {
    1: Address(bytes.fromhex("00000961ef480eb55e80d19ad83579a64c007002")),  # EIP-7002
    2: Address(bytes.fromhex("0000bbddc7ce488642fb579f8b00f3a590007251")),  # EIP-7251
}
"""By the type of their requests; called after the last transaction. The chain has no deposits (type 0)."""

SECONDS_PER_BLOCK: Final = 10


class OfficialStore(ChainStore):
    """The product's store, except that blocks of old forks are kept as objects: its codecs refuse them."""

    records: dict[int, tuple[OfficialBlock, tuple[OfficialReceipt, ...]]]

    def header(self, number: int) -> Header | None:
        return self.records[number][0].header if number in self.records else None

    def header_by_hash(self, block_hash: Hash32) -> Header | None:
        number = self.block_number(block_hash)
        return self.header(number) if number is not None else None

    def block(self, number: int) -> Block | None:
        return self.records[number][0] if number in self.records else None

    def block_by_hash(self, block_hash: Hash32) -> Block | None:
        number = self.block_number(block_hash)
        return self.block(number) if number is not None else None

    def receipts(self, number: int) -> tuple[Receipt, ...] | None:
        return self.records[number][1] if number in self.records else None


@dataclass
class OfficialChain(DevChain):
    """The imported chain. `genesis` is genesis.json."""

    genesis: Any = field(default_factory=dict)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Import genesis.json and chain.rlp of a folder; an AssertionError names the block that differs."""
        genesis = json.loads((folder / "genesis.json").read_text())
        store = OfficialStore.open(MemoryStore(), chain_id=genesis["config"]["chainId"])
        store.records = {}
        chain = cls(store, genesis=genesis)
        chain._initialise(store)
        raw = (folder / "chain.rlp").read_bytes()
        for _, encoding, _ in iterate_encoded_items(raw, 0, len(raw)):
            block = decode_official_block(encoding, chain.chain_id)
            receipts, update = chain._execute(block)
            store.records[block.number] = (block, receipts)
            store.commit_block(block, receipts, update, b"", b"")
            chain.blocks.append(block)
        return chain

    @property
    def chain_id(self) -> int:
        identity: int = self.genesis["config"]["chainId"]
        return identity

    @cached_property
    def _forks(self) -> tuple[tuple[Fork, str, int], ...]:
        config = self.genesis["config"]
        return tuple((fork, key, config[key]) for key, fork in FORK_KEYS.items())

    @cached_property
    def fork_configurations(self) -> tuple[ForkConfiguration, ...]:
        """For eth_config."""
        genesis_hash = self.store.canonical_hash(0)
        assert genesis_hash is not None
        return official_fork_configurations(self.genesis["config"], genesis_hash, REQUEST_CONTRACTS)

    def fork_at(self, number: int, timestamp: int) -> Fork:
        """The rules of a block."""
        reached = [
            fork
            for fork, key, start in self._forks
            if (timestamp if key.endswith("Time") else number) >= start
        ]
        return max(reached, default=Fork.FRONTIER)

    def environment(self, header: Header) -> BlockEnvironment:
        return BlockEnvironment(
            chain_id=self.chain_id,
            number=header.number,
            timestamp=header.timestamp,
            beneficiary=header.beneficiary,
            gas_limit=header.gas_limit,
            base_fee_per_gas=header.base_fee_per_gas,
            prev_randao=header.prev_randao,
            excess_blob_gas=header.excess_blob_gas,
            parent_beacon_block_root=header.parent_beacon_block_root,
            parent_hash=header.parent_hash,
            fork=self.fork_at(header.number, header.timestamp),
            block_hash=self.store.canonical_hash,
            difficulty=header.difficulty,
        )

    def pending_environment(self) -> BlockEnvironment:
        parent = self.head_header()
        timestamp = parent.timestamp + SECONDS_PER_BLOCK
        return BlockEnvironment(
            chain_id=self.chain_id,
            number=parent.number + 1,
            timestamp=timestamp,
            beneficiary=parent.beneficiary,
            gas_limit=parent.gas_limit,
            base_fee_per_gas=next_base_fee(parent),
            prev_randao=ZERO_HASH,
            excess_blob_gas=0,  # no block of the chain leaves any
            parent_beacon_block_root=ZERO_HASH,
            parent_hash=parent.hash,
            fork=self.fork_at(parent.number + 1, timestamp),
            block_hash=self.store.canonical_hash,
        )

    def append(self, *transactions: Transaction) -> Block:
        raise AssertionError("the official chain is complete")

    # --- genesis ----------------------------------------------------------------------------------------------

    def _initialise(self, store: OfficialStore) -> None:
        state = _genesis_state(self.genesis["alloc"])
        genesis = self.genesis
        number = [int(genesis[key], 16) for key in ("difficulty", "gasLimit", "timestamp", "nonce")]
        difficulty, gas_limit, timestamp, nonce = number
        header = encode(
            [
                ZERO_HASH,
                EMPTY_OMMERS_HASH,
                _bytes(genesis["coinbase"]),
                store.compute_root(state).root,
                EMPTY_TRIE_ROOT,
                EMPTY_TRIE_ROOT,
                EMPTY_BLOOM,
                uint(difficulty),
                b"",
                uint(gas_limit),
                b"",
                uint(timestamp),
                _bytes(genesis["extraData"]),
                _bytes(genesis["mixHash"]),
                nonce.to_bytes(8, "big"),
            ]
        )
        decoded = decode_official_header(header)
        block = OfficialBlock(decoded, (), encode_list_payload(header + EMPTY_LIST + EMPTY_LIST), (), None)
        store.records[0] = (block, ())
        store.initialise(block, state, b"official")

    # --- execution --------------------------------------------------------------------------------------------

    def _execute(self, block: OfficialBlock) -> tuple[tuple[OfficialReceipt, ...], StateUpdate]:
        header = block.header
        environment = self.environment(header)
        world = WorldState(self.store.latest_state())
        if environment.fork >= Fork.CANCUN:
            begin_block(world, environment)
        receipts: list[OfficialReceipt] = []
        gas_used = 0
        for transaction in block.transactions:
            result = _apply(world, environment, transaction, gas_used)
            gas_used += result.gas_used
            receipts.append(self._receipt(world, environment, transaction, result, gas_used))
        _end_block(world, environment, block)
        assert gas_used == header.gas_used, f"block {block.number}: gas used"
        assert header.receipts_root == ordered_root([receipt.encode() for receipt in receipts]), block.number
        assert header.logs_bloom == merge_blooms([receipt.logs_bloom for receipt in receipts]), block.number
        assert header.transactions_root == ordered_root([item.raw for item in block.transactions])
        update = self.store.compute_root(world.changes())
        assert update.root == header.state_root, f"block {block.number}: state root"
        return tuple(receipts), update

    def _receipt(
        self,
        world: WorldState,
        environment: BlockEnvironment,
        transaction: Transaction,
        result: TransactionResult,
        gas_used: int,
    ) -> OfficialReceipt:
        has_state = environment.fork < Fork.BYZANTIUM
        return official_receipt(
            transaction,
            succeeded=result.succeeded,
            cumulative_gas_used=gas_used,
            logs_bloom=logs_bloom(result.logs),
            logs=result.logs,
            post_state=self.store.compute_root(world.changes()).root if has_state else None,
            blob_gas_price=blob_base_fee(environment.excess_blob_gas, rules_of(environment.fork)),
        )


def _apply(
    world: WorldState, environment: BlockEnvironment, transaction: Transaction, gas_used: int
) -> TransactionResult:
    if isinstance(transaction, OfficialBlobTransaction):
        return apply_blob_transaction(world, environment, transaction.blob)
    recovered = RecoveredTransaction(transaction, recover_sender(transaction))
    return apply_transaction(world, environment, recovered, gas_available=environment.gas_limit - gas_used)


def _end_block(world: WorldState, environment: BlockEnvironment, block: OfficialBlock) -> None:
    """Rewards, withdrawals and requests, whichever the fork has."""
    fork = environment.fork
    world.begin_transaction()
    if block.header.difficulty:
        reward = max((first, amount) for first, amount in BLOCK_REWARDS.items() if first <= fork)[1]
        for ommer in block.ommers:
            world.add_balance(ommer.beneficiary, (8 + ommer.number - block.number) * reward // 8)
        world.add_balance(environment.beneficiary, reward + len(block.ommers) * reward // 32)
    for withdrawal in block.withdrawals or ():
        world.add_balance(withdrawal.address, withdrawal.amount * GWEI)
    world.end_transaction(clears_empty=rules_of(fork).clears_empty_accounts)
    if fork >= Fork.PRAGUE:
        requests = [_requests_of(world, environment, contract) for contract in REQUEST_CONTRACTS.values()]
        digests = [
            sha256(bytes([kind]) + requests).digest()
            for kind, requests in zip(REQUEST_CONTRACTS, requests, strict=True)
            if requests
        ]
        assert block.header.requests_hash == sha256(b"".join(digests)).digest(), (
            f"block {block.number}: requests"
        )


def _requests_of(world: WorldState, environment: BlockEnvironment, contract: Address) -> bytes:
    """What a contract answers to the protocol at the end of a block."""
    world.begin_transaction()
    context = new_context(world, environment, TransactionContext(SYSTEM_ADDRESS, 0))
    world.warm_address(contract)
    message = Message(CallKind.CALL, SYSTEM_ADDRESS, contract, contract, 0, b"", SYSTEM_CALL_GAS)
    outcome = context.execute_message(context, message)
    world.end_transaction()
    return outcome.output


def _genesis_state(allocations: Any) -> StateChanges:
    accounts: dict[Address, Account | None] = {}
    storage: dict[Address, dict[int, int]] = {}
    codes: dict[Hash32, bytes] = {}
    for text, entry in allocations.items():
        address = Address(bytes.fromhex(text))
        code = _bytes(entry.get("code", "0x"))
        if code:
            codes[keccak256(code)] = code
        accounts[address] = Account(
            int(entry.get("nonce", "0x0"), 16),
            int(entry["balance"], 16),
            code_hash=keccak256(code) if code else EMPTY_KECCAK,
        )
        if "storage" in entry:
            storage[address] = {int(slot, 16): int(value, 16) for slot, value in entry["storage"].items()}
    return StateChanges(accounts=accounts, storage=storage, code=codes)


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


@lru_cache(maxsize=2)
def official_chain(folder: Path) -> OfficialChain:
    """The chain of a folder, imported once in a process."""
    return OfficialChain.load(folder)
