"""A small committed chain on the real store and the real executor, with one contract for each question."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from chain.block import Block
from chain.errors import CallerError
from chain.fees import next_base_fee
from chain.header import Header
from chain.receipt import Log, Receipt
from chain.secp256k1 import PrivateKey
from chain.transaction import (
    AccessList,
    Authorization,
    RecoveredTransaction,
    Transaction,
    TransactionType,
    UnsignedTransaction,
    decode_transaction,
    recover_sender,
    sign_authorization,
    sign_transaction,
)
from chain.types import Address, Hash32
from chain.validator_update import ValidatorUpdate
from consensus.consensus_root import ConsensusData
from consensus.sign_bytes import sign_digest
from consensus.types import BlockIdFlag, Commit, CommitSignature, Vote, VoteKind
from consensus.validator_set import new_validator_set, validator_of
from genesis.first_block import genesis_block, genesis_state
from genesis.model import Allocation, GenesisValidator
from genesis.presets import DEV_CHAIN_ID, dev_accounts, dev_genesis
from node.block_events import block_events_json
from node.chain_record import ChainRecord
from node.finality import certificate_json
from rpc.backend import EventListener, ForkConfiguration, Health, Json, PendingBlock, SyncStatus
from state.chain_store import ChainStore, Head, TransactionLocation
from state.changed_reader import ChangedReader
from state.kv import MemoryStore
from state.log_terms import LocatedLog, LogTerms, blocks_by_bloom, select_logs
from state.proofs import AccountProof, Checkpoint
from state.reader import StateReader
from state.roots_ahead import RootsAhead
from vm.block import BlockBuilder, BlockResult
from vm.block_simulation import SimulationBase
from vm.environment import BlockEnvironment
from vm.errors import NonceTooLow, TransactionRejected
from vm.forks import Fork

CHAIN_ID = DEV_CHAIN_ID
ACCOUNTS = dev_accounts()
GWEI = 10**9
VALIDATORS = new_validator_set([validator_of(ACCOUNTS[9].public_key, 10)])


SENDER = "0x" + ACCOUNTS[0].address.hex()
NOBODY = "0x" + "99" * 20
UNKNOWN_HASH = "0x" + "ab" * 32


def hexed(value: bytes) -> str:
    """Bytes as the wire shows them."""
    return "0x" + value.hex()


def word(value: int) -> str:
    """A 256-bit word as the wire shows it."""
    return f"0x{value:064x}"


EMIT_TOPIC = bytes(28) + b"emit"


def _at(number: int) -> Address:
    return Address(number.to_bytes(20, "big"))


EMITTER = _at(0xE001)  # logs with topics (EMIT_TOPIC, word 0) and data word 1
COUNTER = _at(0xE002)  # returns slot 0, which is 42
REVERTER = _at(0xE003)  # reverts with its call data
SPINNER = _at(0xE004)  # never ends
INVALID = _at(0xE005)  # the invalid opcode
WRITER = _at(0xE006)  # slot[word 0] = word 1
ENVIRONMENT = _at(0xE007)  # returns (block number, timestamp, base fee, gas price)

CODES = {
    EMITTER: "602035600052600035 63656d6974 60206000a200",
    COUNTER: "60005460005260206000f3",
    REVERTER: "366000600037366000fd",
    SPINNER: "5b600056",
    INVALID: "fe",
    WRITER: "6020356000355500",
    ENVIRONMENT: "43600052 42602052 48604052 3a606052 60806000f3",
}

INIT_CODE = bytes.fromhex("6001600c60003960016000f3") + b"\x00"  # deploys one STOP


@dataclass
class DevChain:
    """The store and how to append to it."""

    store: ChainStore
    blocks: list[Block] = field(default_factory=list)

    def environment(self, header: Header) -> BlockEnvironment:
        return BlockEnvironment(
            chain_id=CHAIN_ID,
            number=header.number,
            timestamp=header.timestamp,
            beneficiary=header.beneficiary,
            gas_limit=header.gas_limit,
            base_fee_per_gas=header.base_fee_per_gas,
            prev_randao=header.prev_randao,
            excess_blob_gas=header.excess_blob_gas,
            parent_beacon_block_root=header.parent_beacon_block_root,
            parent_hash=header.parent_hash,
            fork=Fork.PRAGUE,
            block_hash=self.store.canonical_hash,
        )

    def fork_at(self, number: int, timestamp: int) -> Fork:
        return Fork.PRAGUE

    def pending_environment(self) -> BlockEnvironment:
        parent = self.head_header()
        return BlockEnvironment(
            chain_id=CHAIN_ID,
            number=parent.number + 1,
            timestamp=parent.timestamp + 1,
            beneficiary=_at(0xC01),
            gas_limit=parent.gas_limit,
            base_fee_per_gas=next_base_fee(parent),
            prev_randao=Hash32(bytes(32)),
            excess_blob_gas=0,
            parent_beacon_block_root=Hash32(b"\x11" * 32),
            parent_hash=parent.hash,
            fork=Fork.PRAGUE,
            block_hash=self.store.canonical_hash,
        )

    def head_header(self) -> Header:
        header = self.store.header(self.store.head.number)
        assert header is not None
        return header

    def append(self, *transactions: Transaction) -> Block:
        environment = self.pending_environment()
        builder = BlockBuilder(self.store.latest_state(), environment)
        for transaction in transactions:
            builder.try_add(RecoveredTransaction(transaction, recover_sender(transaction)))
        result = builder.finish()
        update = self.store.compute_root(result.changes)
        block = Block(self._header(environment, result, update.root), transactions)
        self.store.commit_block(block, result.receipts, update, b"", b"")
        self.blocks.append(block)
        return block

    def pending_block(self, pool: Iterable[RecoveredTransaction]) -> PendingBlock:
        """All that runs of the pool, in nonce order."""
        environment = self.pending_environment()
        builder = BlockBuilder(self.store.latest_state(), environment)
        for recovered in sorted(pool, key=lambda item: item.transaction.nonce):
            with suppress(TransactionRejected):
                builder.try_add(recovered)
        result = builder.finish()
        state = ChangedReader(self.store.latest_state())
        state.absorb(result.changes)
        root = self.store.state_root_after(self.store.latest_state(), result.changes)
        return PendingBlock(
            Block(
                self._header(environment, result, root), tuple(item.transaction for item in builder.included)
            ),
            tuple(item.sender for item in builder.included),
            result.receipts,
            state,
            environment,
        )

    def _header(self, environment: BlockEnvironment, result: BlockResult, root: Hash32) -> Header:
        parent = self.head_header()
        return Header(
            parent_hash=parent.hash,
            ommers_hash=parent.ommers_hash,
            beneficiary=environment.beneficiary,
            state_root=root,
            transactions_root=result.transactions_root,
            receipts_root=result.receipts_root,
            logs_bloom=result.logs_bloom,
            difficulty=0,
            number=environment.number,
            gas_limit=environment.gas_limit,
            gas_used=result.gas_used,
            timestamp=environment.timestamp,
            extra_data=b"",
            prev_randao=environment.prev_randao,
            nonce=bytes(8),
            base_fee_per_gas=environment.base_fee_per_gas,
            withdrawals_root=parent.withdrawals_root,
            blob_gas_used=0,
            excess_blob_gas=0,
            parent_beacon_block_root=environment.parent_beacon_block_root,
            requests_hash=result.requests_hash,
        )


def signed(
    nonce: int,
    *,
    key: PrivateKey = ACCOUNTS[0],
    to: Address | None = COUNTER,
    kind: TransactionType = TransactionType.DYNAMIC_FEE,
    value: int = 0,
    data: bytes = b"",
    gas: int = 200_000,
    fee: int = 3 * GWEI,
    tip: int = GWEI,
    chain_id: int | None = CHAIN_ID,
    access_list: AccessList = (),
    authorizations: tuple[Authorization, ...] = (),
) -> Transaction:
    """A signed transaction with the usual fields."""
    old = kind in (TransactionType.LEGACY, TransactionType.ACCESS_LIST)
    return sign_transaction(
        UnsignedTransaction(
            type=kind,
            chain_id=chain_id,
            nonce=nonce,
            max_priority_fee_per_gas=fee if old else tip,
            max_fee_per_gas=fee,
            gas_limit=gas,
            to=to,
            value=value,
            data=data,
            access_list=access_list,
            authorizations=authorizations,
        ),
        key,
    )


def emit(nonce: int, topic: int, word: int, key: PrivateKey = ACCOUNTS[0]) -> Transaction:
    """A call of the emitter."""
    return signed(nonce, key=key, to=EMITTER, data=topic.to_bytes(32, "big") + word.to_bytes(32, "big"))


def build_dev_chain() -> DevChain:
    """Genesis and five blocks: one of each transaction type, one contract creation, logs, one empty block."""
    validator = GenesisValidator("v0", ACCOUNTS[9].public_key, 1, ACCOUNTS[9].address)
    allocations = {
        address: Allocation(
            nonce=1, code=bytes.fromhex(code.replace(" ", "")), storage={0: 42} if address == COUNTER else {}
        )
        for address, code in CODES.items()
    }
    genesis = dev_genesis([validator], timestamp=1_700_000_000, allocations=allocations)
    store = ChainStore.open(MemoryStore(), chain_id=CHAIN_ID)
    state = genesis_state(genesis)
    root = store.compute_root(state).root
    store.initialise(genesis_block(genesis, root, Hash32(b"\x22" * 32)), state, b"id")
    chain = DevChain(store)
    chain.append(
        signed(0, kind=TransactionType.LEGACY, to=ACCOUNTS[1].address, value=7),
        signed(1, kind=TransactionType.ACCESS_LIST, access_list=((COUNTER, (0, 5)),)),
        signed(2, to=None, data=INIT_CODE),
        signed(
            3,
            kind=TransactionType.SET_CODE,
            to=ACCOUNTS[2].address,
            authorizations=(sign_authorization(CHAIN_ID, COUNTER, 0, ACCOUNTS[2]),),
        ),
    )
    chain.append(emit(4, 1, 100), emit(5, 2, 200))
    chain.append()
    chain.append(
        emit(6, 1, 300),
        emit(0, 3, 400, ACCOUNTS[1]),
        signed(7, to=INVALID),
        signed(8, to=WRITER, data=bytes(31) + b"\x07" + bytes(31) + b"\x09"),
        emit(9, 1, 500),
    )
    chain.append(signed(10, kind=TransactionType.LEGACY, to=ACCOUNTS[1].address, value=1, chain_id=CHAIN_ID))
    return chain


class FakeNode:
    """All three backends over a DevChain, with the simplest pool that can be told apart from none."""

    chain_id = CHAIN_ID
    client_version = "aurigraph/test"

    def __init__(self, chain: DevChain) -> None:
        self.chain = chain
        self.store = chain.store
        self.submissions: list[list[bytes]] = []
        self.pool: dict[Hash32, RecoveredTransaction] = {}
        self.sync_status: SyncStatus | None = None
        self.state_of_health = Health(live=True, ready=True, checks={"height": 5})
        self.pruned_below = 0
        self.listeners: list[EventListener] = []

    def listen(self, listener: EventListener) -> None:
        self.listeners.append(listener)

    def stop_listening(self, listener: EventListener) -> None:
        self.listeners.remove(listener)

    def append(self, *transactions: Transaction) -> Block:
        """A new block that listeners hear of."""
        block = self.chain.append(*transactions)
        for listener in self.listeners:
            listener.head_changed()
        return block

    def accept(self, *transactions: Transaction) -> None:
        """Into the pool, and listeners hear of it if they want to."""
        accepted = [RecoveredTransaction(one, recover_sender(one)) for one in transactions]
        self.pool.update({one.transaction.hash: one for one in accepted})
        for listener in self.listeners:
            if listener.wants_transactions:
                listener.transactions_accepted(accepted)

    def head(self) -> Head:
        return self.store.head

    def header(self, number: int) -> Header | None:
        return self.store.header(number) if number >= self.pruned_below else None

    def block(self, number: int) -> Block | None:
        return self.store.block(number) if number >= self.pruned_below else None

    def block_number(self, block_hash: Hash32) -> int | None:
        return self.store.block_number(block_hash)

    def receipts(self, number: int) -> tuple[Receipt, ...] | None:
        return self.store.receipts(number) if number >= self.pruned_below else None

    def log_candidates(
        self, terms: LogTerms, first: int, last: int, check: Callable[[], None]
    ) -> Iterator[int]:
        return blocks_by_bloom(terms, range(first, last + 1), self._bloom, check)

    def _bloom(self, number: int) -> bytes | None:
        header = self.header(number)
        return header.logs_bloom if header is not None else None

    def matching_logs(self, number: int, terms: LogTerms) -> Sequence[LocatedLog] | None:
        block, receipts = self.block(number), self.receipts(number)
        if block is None or receipts is None:
            return None
        return select_logs(receipts, lambda index: block.transactions[index].hash, terms)

    def transaction_location(self, transaction_hash: Hash32) -> TransactionLocation | None:
        return self.store.transaction_location(transaction_hash)

    def state_at(self, number: int) -> StateReader:
        return self.store.state_at(number)

    def oldest_state(self) -> int:
        return self.store.oldest_state()

    def prove(
        self, number: int, address: Address, slots: Sequence[int], checkpoint: Checkpoint
    ) -> AccountProof:
        return self.store.prove(number, address, slots, checkpoint)

    async def pending_block(self) -> PendingBlock | None:
        return self.chain.pending_block(self.pool.values())

    def fork_configurations(self) -> tuple[ForkConfiguration, ...]:
        return (ForkConfiguration(Fork.PRAGUE, 0, 0, 0, 5_007_716, b"\x01\x02\x03\x04", {}),)

    def environment_for(self, number: int) -> BlockEnvironment:
        header = self.store.header(number)
        assert header is not None
        return self.chain.environment(header)

    def pending_environment(self) -> BlockEnvironment:
        return self.chain.pending_environment()

    def simulation_base(self, number: int, checkpoint: Checkpoint) -> SimulationBase:
        header, state = self.store.header(number), self.store.state_at(number)
        assert header is not None
        return SimulationBase(
            self.chain_id,
            header,
            state,
            self.chain.fork_at,
            self.store.canonical_hash,
            RootsAhead(state, checkpoint).advance,
        )

    def next_base_fee(self) -> int:
        return next_base_fee(self.chain.head_header())

    def syncing(self) -> SyncStatus | None:
        return self.sync_status

    async def submit(self, raw: Sequence[bytes]) -> Sequence[Hash32 | CallerError]:
        self.submissions.append(list(raw))
        return [self._submit_one(item) for item in raw]

    def _submit_one(self, raw: bytes) -> Hash32 | CallerError:
        try:
            transaction = decode_transaction(raw, self.chain_id)
            sender = recover_sender(transaction)
        except CallerError as error:
            return error
        account = self.store.latest_state().account(sender)
        state_nonce = account.nonce if account is not None else 0
        if transaction.nonce < state_nonce:
            return NonceTooLow(sender, transaction.nonce, state_nonce)
        if transaction.hash in self.pool:
            return CallerError("already known")
        self.pool[transaction.hash] = RecoveredTransaction(transaction, sender)
        return transaction.hash

    def pending_nonce(self, address: Address) -> int:
        account = self.store.latest_state().account(address)
        nonces = {item.transaction.nonce for item in self.pool.values() if item.sender == address}
        nonce = account.nonce if account is not None else 0
        while nonce in nonces:
            nonce += 1
        return nonce

    def get(self, transaction_hash: Hash32) -> RecoveredTransaction | None:
        return self.pool.get(transaction_hash)

    def content(self, sender: Address | None = None) -> list[RecoveredTransaction]:
        return [item for item in self.pool.values() if sender in (None, item.sender)]

    def waiting(self) -> tuple[int, int]:
        executable = sum(
            item.transaction.nonce < self.pending_nonce(item.sender) for item in self.pool.values()
        )
        return executable, len(self.pool) - executable

    def minimum_tip(self) -> int:
        return 1

    def health(self) -> Health:
        return self.state_of_health

    def peer_count(self) -> int:
        return 3

    def is_listening(self) -> bool:
        return True

    def status(self) -> dict[str, Json]:
        return {"height": self.store.head.number}

    def finality_certificate(self, number: int) -> Mapping[str, Json] | None:
        block = self.block(number)
        if not number or block is None:
            return None
        vote = Vote(VoteKind.PRECOMMIT, number, 0, block.hash, ACCOUNTS[9].address)
        signature = ACCOUNTS[9].sign_compact(sign_digest(CHAIN_ID, vote))
        slot = CommitSignature(ACCOUNTS[9].address, BlockIdFlag.COMMIT, signature)
        known = VALIDATORS.hash()
        tied = ConsensusData(known, known, known, known, known, number * 1000)
        return certificate_json(CHAIN_ID, VALIDATORS, Commit(number, 0, block.hash, (slot,)), tied)

    def block_events(self, number: int) -> Mapping[str, Json] | None:
        block = self.block(number)
        if block is None:
            return None
        log = Log(ACCOUNTS[8].address, (Hash32(b"\x07" * 32),), b"\x01")
        update = ValidatorUpdate(ACCOUNTS[9].public_key, number)
        return block_events_json(number, block.hash, ChainRecord(b"", VALIDATORS, (update,), (log,)))

    def validators(self, number: int | None = None) -> list[dict[str, Json]] | None:
        if number == 0:
            return None
        validator = ACCOUNTS[9]
        return [
            {
                "address": hexed(validator.address),
                "publicKey": hexed(validator.public_key),
                "power": 1,
                "operator": hexed(validator.address),
            }
        ]

    def peers(self) -> list[dict[str, Json]]:
        return [
            {
                "id": "12D3KooWExample",
                "direction": "inbound",
                "address": "/ip4/127.0.0.1/tcp/26656",
                "connectedSeconds": 12.5,
                "roundTripMs": 0.4,
                "penalty": 0,
            }
        ]
