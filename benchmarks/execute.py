"""Benchmark `execute`: how many transactions per second a block executor gets through, senders known.

Owns two kinds of block, 1559 transfers and ERC-20 transfers, on a state in a temporary LevelDB chain store. A block is
executed, its receipts encoded and its roots computed, the state root included; it is not committed. Times are CPU times
of the calling thread. The peer is py-evm with its own state and journal in memory: it executes the same transactions,
decoded and with their senders known, but computes neither receipts nor roots.
"""

from __future__ import annotations

import json
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from benchmarks.measurement import Measurement, Options, best_seconds
from chain.block import Block
from chain.errors import InvariantViolation
from chain.fees import INITIAL_BASE_FEE
from chain.header import Header
from chain.keccak import EMPTY_OMMERS_HASH, EMPTY_REQUESTS_HASH, EMPTY_TRIE_ROOT, keccak256
from chain.receipt import EMPTY_BLOOM
from chain.secp256k1 import PrivateKey
from chain.transaction import RecoveredTransaction, TransactionType, UnsignedTransaction, sign_transaction
from chain.types import ZERO_ADDRESS, ZERO_HASH, Address, Hash32
from state.account import Account
from state.chain_store import ChainStore
from state.changes import StateChanges
from state.world import WorldState
from vm.block import BlockBuilder, execute_block
from vm.creation_address import create_address
from vm.engines import Engine
from vm.environment import BlockEnvironment
from vm.forks import Fork
from vm.transaction import apply_transaction

CHAIN_ID: Final = 1337
SENDERS: Final = 200
TRANSFERS: Final = 2_000
TOKEN_TRANSFERS: Final = 400
FULL_FACTOR: Final = 5
ROUNDS: Final = 5
PEER_TRANSACTIONS: Final = 200
TOKEN_BLOCK: Final = 1_000
COMPILER_SECONDS: Final = 1.0
WEALTH: Final = 10**24
TOKEN: Final = Path(__file__).parent.parent / "tests" / "fixtures" / "token.json"
TRANSFER_SELECTOR: Final = keccak256(b"transfer(address,uint256)")[:4]


def run(options: Options) -> Iterator[Measurement]:
    """Transactions per second of blocks of each kind, and the cost of one transfer without block and root."""
    factor = FULL_FACTOR if options.full else 1
    keys = [PrivateKey((index + 1).to_bytes(32, "big")) for index in range(SENDERS)]
    with tempfile.TemporaryDirectory(prefix="benchmark-execute-") as folder:
        scene = _Scene.create(Path(folder) / "chain", keys)
        try:
            transfers = _transfers(keys, TRANSFERS * factor, nonce=1)
            tokens = token_transfers(keys, scene.token, TOKEN_TRANSFERS * factor, nonce=1)
            peers = (_peer_seconds(scene, transfers), _peer_seconds(scene, tokens))
            for name, transactions, peer in (
                ("transfers", transfers, peers[0]),
                ("ERC-20 transfers", tokens, peers[1]),
            ):
                yield from _block_measurements(scene, name, transactions, peer)
            yield _single_transfer(scene, transfers)
        finally:
            scene.store.close()


@dataclass(frozen=True, slots=True)
class _Scene:
    """A chain whose block 1 gave every sender a nonce, deployed the token and shared it out."""

    store: ChainStore
    token: Address
    environment: BlockEnvironment

    @classmethod
    def create(cls, path: Path, keys: Sequence[PrivateKey]) -> _Scene:
        store = ChainStore.open(path, chain_id=CHAIN_ID)
        wealth = StateChanges({key.address: Account(0, WEALTH) for key in keys})
        genesis = Block(header(0, ZERO_HASH, store.compute_root(wealth).root), ())
        store.initialise(genesis, wealth, b"benchmark")
        token = create_address(keys[0].address, 0)
        builder = BlockBuilder(store.latest_state(), environment_of(1))
        builder.try_add(signed(keys[0], 0, None, deployment(), gas=2_000_000))
        for nonce, key in enumerate(keys[1:], start=1):
            builder.try_add(signed(keys[0], nonce, token, transfer_call(key.address, 10**6)))
            builder.try_add(signed(key, 0, keys[0].address, b"", gas=21_000))
        result = builder.finish()
        update = store.compute_root(result.changes)
        block = Block(
            header(1, genesis.hash, update.root),
            tuple(added.transaction for added in builder.included),
        )
        store.commit_block(block, result.receipts, update, b"", b"")
        return cls(store, token, environment_of(2))


def token_block(engines: Mapping[str, Engine]) -> Iterator[Measurement]:
    """Transfers per second of a block of 1,000 ERC-20 transfers, with receipts and state root, on each engine."""
    keys = [PrivateKey((index + 1).to_bytes(32, "big")) for index in range(SENDERS)]
    with tempfile.TemporaryDirectory(prefix="benchmark-execute-") as folder:
        scene = _Scene.create(Path(folder) / "chain", keys)
        try:
            transactions = token_transfers(keys, scene.token, TOKEN_BLOCK, nonce=1)
            peer = 1 / _peer_seconds(scene, transactions)
            for name, engine in engines.items():
                environment = replace(scene.environment, evm=engine)

                def execute(environment: BlockEnvironment = environment) -> None:
                    result = execute_block(scene.store.latest_state(), environment, transactions)
                    scene.store.compute_root(result.changes)

                execute()
                time.sleep(COMPILER_SECONDS)  # hot code is compiled beside
                rate = TOKEN_BLOCK / best_seconds(execute, ROUNDS)
                yield Measurement(f"block of 1,000 ERC-20 transfers: {name}", rate, "tx/s", "higher", peer)
        finally:
            scene.store.close()


def _block_measurements(
    scene: _Scene, name: str, transactions: Sequence[RecoveredTransaction], peer_seconds: float
) -> Iterator[Measurement]:
    def execute() -> None:
        execute_block(scene.store.latest_state(), scene.environment, transactions)

    def execute_with_root() -> None:
        result = execute_block(scene.store.latest_state(), scene.environment, transactions)
        scene.store.compute_root(result.changes)

    receipts = execute_block(scene.store.latest_state(), scene.environment, transactions).receipts
    if not all(receipt.succeeded for receipt in receipts):
        raise InvariantViolation("a transaction of the benchmark failed, so it measures something else")
    count = len(transactions)
    peer = 1 / peer_seconds
    yield Measurement(f"{name}: execute", count / best_seconds(execute, ROUNDS), "tx/s", "higher", peer)
    yield Measurement(
        f"{name}: execute and state root",
        count / best_seconds(execute_with_root, ROUNDS),
        "tx/s",
        "higher",
        peer,
    )


def _single_transfer(scene: _Scene, transactions: Sequence[RecoveredTransaction]) -> Measurement:
    reader = scene.store.latest_state()

    def apply_all() -> None:
        world = WorldState(reader)
        for recovered in transactions:
            apply_transaction(world, scene.environment, recovered)

    microseconds = best_seconds(apply_all, ROUNDS) / len(transactions) * 1e6
    return Measurement("one transfer without block", microseconds, "us")


def signed(
    key: PrivateKey, nonce: int, to: Address | None, payload: bytes, *, gas: int = 100_000
) -> RecoveredTransaction:
    unsigned = UnsignedTransaction(
        TransactionType.DYNAMIC_FEE, CHAIN_ID, nonce, 1, 2 * INITIAL_BASE_FEE, gas, to, 0, payload
    )
    return RecoveredTransaction(sign_transaction(unsigned, key), key.address)


def _transfers(keys: Sequence[PrivateKey], count: int, *, nonce: int) -> list[RecoveredTransaction]:
    """Every sender pays others in turn; `nonce` is what the senders other than the first one have."""
    senders = keys[1:]
    return [
        signed(
            senders[index % len(senders)],
            nonce + index // len(senders),
            senders[(index * 7 + 3) % len(senders)].address,
            b"",
            gas=21_000,
        )
        for index in range(count)
    ]


def token_transfers(
    keys: Sequence[PrivateKey], token: Address, count: int, *, nonce: int
) -> list[RecoveredTransaction]:
    senders = keys[1:]
    return [
        signed(
            senders[index % len(senders)],
            nonce + index // len(senders),
            token,
            transfer_call(senders[(index * 7 + 3) % len(senders)].address, 5),
        )
        for index in range(count)
    ]


def transfer_call(recipient: Address, amount: int) -> bytes:
    return TRANSFER_SELECTOR + recipient.rjust(32, b"\0") + amount.to_bytes(32, "big")


def deployment() -> bytes:
    """Creation code of contracts/solidity/Token.sol and its arguments: name, symbol, supply."""
    creation = bytes.fromhex(json.loads(TOKEN.read_text())["creation"][2:])
    words: list[int | bytes] = [0x60, 0xA0, 10**24, 5, b"Token", 3, b"TOK"]
    return creation + b"".join(
        [entry.to_bytes(32, "big") if isinstance(entry, int) else entry.ljust(32, b"\0") for entry in words]
    )


def environment_of(number: int) -> BlockEnvironment:
    return BlockEnvironment(
        chain_id=CHAIN_ID,
        number=number,
        timestamp=number,
        beneficiary=Address(b"\xc0" * 20),
        gas_limit=10**12,
        base_fee_per_gas=INITIAL_BASE_FEE,
        prev_randao=ZERO_HASH,
        excess_blob_gas=0,
        parent_beacon_block_root=ZERO_HASH,
        parent_hash=ZERO_HASH,
        fork=Fork.PRAGUE,
        block_hash=lambda number: None,
    )


def header(number: int, parent_hash: Hash32, state_root: Hash32) -> Header:
    return Header(
        parent_hash=parent_hash,
        ommers_hash=EMPTY_OMMERS_HASH,
        beneficiary=ZERO_ADDRESS,
        state_root=state_root,
        transactions_root=EMPTY_TRIE_ROOT,
        receipts_root=EMPTY_TRIE_ROOT,
        logs_bloom=EMPTY_BLOOM,
        difficulty=0,
        number=number,
        gas_limit=10**12,
        gas_used=0,
        timestamp=number,
        extra_data=b"",
        prev_randao=ZERO_HASH,
        nonce=bytes(8),
        base_fee_per_gas=INITIAL_BASE_FEE,
        withdrawals_root=EMPTY_TRIE_ROOT,
        blob_gas_used=0,
        excess_blob_gas=0,
        parent_beacon_block_root=ZERO_HASH,
        requests_hash=EMPTY_REQUESTS_HASH,
    )


# --- the peer


def _peer_seconds(scene: _Scene, transactions: Sequence[RecoveredTransaction]) -> float:
    """Seconds py-evm takes for one of the first transactions."""
    from eth import constants
    from eth.db.atomic import AtomicDB
    from eth.db.backends.memory import MemoryDB
    from eth.vm.execution_context import ExecutionContext
    from eth.vm.forks.prague import PragueVM

    chosen = transactions[:PEER_TRANSACTIONS]
    make_context: Any = ExecutionContext
    context = make_context(
        coinbase=scene.environment.beneficiary,
        timestamp=2,
        block_number=2,
        difficulty=0,
        mix_hash=ZERO_HASH,
        gas_limit=10**12,
        prev_hashes=(),
        chain_id=CHAIN_ID,
        base_fee_per_gas=INITIAL_BASE_FEE,
        excess_blob_gas=0,
    )
    decoder: Any = PragueVM.get_transaction_builder()
    decoded = [decoder.decode(recovered.transaction.raw) for recovered in chosen]
    state_class: Any = PragueVM.get_state_class()

    def prepared_state() -> Any:
        state = state_class(AtomicDB(MemoryDB()), context, constants.BLANK_ROOT_HASH)
        _copy_state(scene, chosen, state)
        return state

    def execute(state: Any) -> None:
        for transaction in decoded:
            state.apply_transaction(transaction)
            state.lock_changes()

    for transaction in decoded:
        _ = transaction.sender  # recovered once, kept by the object
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        states = iter([prepared_state() for _ in range(ROUNDS)])
        return best_seconds(lambda: execute(next(states)), ROUNDS) / len(decoded)


def _copy_state(scene: _Scene, transactions: Sequence[RecoveredTransaction], state: Any) -> None:
    reader = scene.store.latest_state()
    addresses = {recovered.sender: None for recovered in transactions} | {scene.token: None}
    for address in addresses:
        account = reader.account(address)
        if account is None:
            continue
        state.set_balance(address, account.balance)
        state.set_nonce(address, account.nonce)
        state.set_code(address, reader.code(account.code_hash))
        slot = int.from_bytes(keccak256(address.rjust(32, b"\0") + (3).to_bytes(32, "big")), "big")
        state.set_storage(scene.token, slot, reader.storage(scene.token, slot))
    state.lock_changes()
