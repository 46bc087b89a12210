"""Benchmark `system`: system contracts beside the same contract as bytecode on our own EVM engine.

Owns: an ERC-20 transfer as a message alone and in blocks of 1,000 with receipts and state root (the peer is
contracts/solidity/Token.sol, in the same run), how long a microsecond of each kind of function lasts in gas, and what
withdrawing rewards costs with few and with many delegators. Times are CPU times of the calling thread.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.execute import (
    CHAIN_ID,
    COMPILER_SECONDS,
    ROUNDS,
    SENDERS,
    TOKEN_BLOCK,
    WEALTH,
    deployment,
    environment_of,
    header,
    signed,
    token_transfers,
    transfer_call,
)
from benchmarks.measurement import Measurement, Options, best_seconds
from benchmarks.system_rewards import reward_measurements
from chain.block import Block
from chain.errors import InvariantViolation
from chain.keccak import keccak256
from chain.secp256k1 import PrivateKey
from chain.types import ZERO_HASH, Address
from state.account import Account
from state.chain_store import ChainStore
from state.changes import StateChanges
from state.world import WorldState
from vm.block import BlockBuilder, execute_block
from vm.call import new_context
from vm.creation_address import create_address
from vm.environment import BlockEnvironment, TransactionContext
from vm.message import CallKind, Message, Status
from vm.system.abi.codec import encoder
from vm.system.addresses import TOKEN_FACTORY
from vm.system.tokens.factory import TokenFactory
from vm.system.tokens.templates.fungible import FixedToken
from vm.transaction import TransactionResult

FIXED_TOKEN: Final = keccak256(b"erc20-fixed")
SUPPLY: Final = 10**24
MESSAGES: Final = 200
MESSAGE_GAS: Final = 1_000_000


def run(options: Options) -> Iterator[Measurement]:
    """Rates of blocks, microseconds of messages, gas a microsecond, rewards."""
    keys = [PrivateKey((index + 1).to_bytes(32)) for index in range(SENDERS)]
    with tempfile.TemporaryDirectory(prefix="benchmark-system-") as folder:
        scene = _Scene.create(Path(folder) / "chain", keys)
        try:
            yield _block(scene)
            yield _message(scene)
            yield from _prices(scene)
        finally:
            scene.store.close()
    yield from reward_measurements(options)


@dataclass(frozen=True, slots=True)
class _Scene:
    """A chain on which every sender owns some of two tokens: a system contract, and the same in bytecode."""

    store: ChainStore
    keys: Sequence[PrivateKey]
    token: Address
    bytecode: Address
    environment: BlockEnvironment

    @classmethod
    def create(cls, path: Path, keys: Sequence[PrivateKey]) -> _Scene:
        store = ChainStore.open(path, chain_id=CHAIN_ID)
        accounts: dict[Address, Account | None] = {key.address: Account(0, WEALTH) for key in keys}
        accounts[TOKEN_FACTORY] = Account(1, 0, code_hash=TokenFactory.code_hash)
        state = StateChanges(accounts, code={TokenFactory.code_hash: TokenFactory.code})
        genesis = Block(header(0, ZERO_HASH, store.compute_root(state).root), ())
        store.initialise(genesis, state, b"benchmark")
        builder = BlockBuilder(store.latest_state(), environment_of(1))
        first = keys[0]
        _require_success(builder.try_add(signed(first, 0, None, deployment(), gas=2_000_000)))
        made = _require_success(
            builder.try_add(signed(first, 1, TOKEN_FACTORY, _creation(first), gas=2_000_000))
        )
        token, bytecode = Address(made.output[12:]), create_address(first.address, 0)
        nonce = 2
        for key in keys[1:]:
            for each in (token, bytecode):
                _require_success(
                    builder.try_add(signed(first, nonce, each, transfer_call(key.address, 10**6)))
                )
                nonce += 1
        result = builder.finish()
        update = store.compute_root(result.changes)
        block = Block(
            header(1, genesis.hash, update.root), tuple([added.transaction for added in builder.included])
        )
        store.commit_block(block, result.receipts, update, b"", b"")
        return cls(store, keys, token, bytecode, environment_of(2))


def _creation(owner: PrivateKey) -> bytes:
    constructor = FixedToken.constructing
    arguments: list[object] = []
    for parameter in constructor.signature.inputs:
        match parameter.type.canonical:
            case "string":
                arguments.append("Token")
            case "address":
                arguments.append(owner.address)
            case "uint8":
                arguments.append(18)
            case _:
                arguments.append(SUPPLY)
    encoded = encoder(constructor.signature.input_types)(*arguments)
    return TokenFactory.createToken.encode(FIXED_TOKEN, encoded, ZERO_HASH)


def _require_success(result: TransactionResult) -> TransactionResult:
    if not result.succeeded:
        raise InvariantViolation(
            f"a transaction of the benchmark failed, so it measures something else: {result}"
        )
    return result


def _block(scene: _Scene) -> Measurement:
    """Transfers a second in blocks of 1,000, with receipts and state root, senders known."""
    rates = [_block_rate(scene, token) for token in (scene.token, scene.bytecode)]
    return Measurement("block of 1,000 ERC-20 transfers", rates[0], "tx/s", "higher", rates[1])


def _block_rate(scene: _Scene, token: Address) -> float:
    transactions = token_transfers(scene.keys, token, TOKEN_BLOCK, nonce=0)

    def execute() -> None:
        result = execute_block(scene.store.latest_state(), scene.environment, transactions)
        if not all(receipt.succeeded for receipt in result.receipts):
            raise InvariantViolation("a transfer of the benchmark failed")
        scene.store.compute_root(result.changes)

    execute()
    time.sleep(COMPILER_SECONDS)  # hot bytecode is compiled beside
    return TOKEN_BLOCK / best_seconds(execute, ROUNDS)


def _message(scene: _Scene) -> Measurement:
    """Microseconds of one transfer to an account that has tokens, without its transaction."""
    times = []
    for token in (scene.token, scene.bytecode):
        payloads = [
            transfer_call(scene.keys[1 + index % (SENDERS - 1)].address, 1) for index in range(MESSAGES)
        ]
        times.append(_microseconds(scene, token, payloads))
    return Measurement("ERC-20 transfer message", times[0], "us", peer=times[1])


def _microseconds(scene: _Scene, token: Address, payloads: Sequence[bytes]) -> float:
    world = WorldState(scene.store.latest_state())
    caller = scene.keys[0].address

    def call_all() -> None:
        world.begin_transaction()
        context = new_context(world, scene.environment, TransactionContext(caller, 0))
        for payload in payloads:
            message = Message(CallKind.CALL, caller, token, token, 0, payload, MESSAGE_GAS)
            if context.execute_message(context, message).status is not Status.SUCCESS:
                raise InvariantViolation("a message of the benchmark failed")
        world.end_transaction()

    call_all()
    return best_seconds(call_all, 4 * ROUNDS) / len(payloads) * 1e6


def _prices(scene: _Scene) -> Iterator[Measurement]:
    """What a microsecond of a function costs when all its storage is warm: the worst case of the published prices."""
    owner, friend = scene.keys[0].address, scene.keys[1].address
    calls: tuple[tuple[str, Callable[[], bytes]], ...] = (
        ("view of a slot", FixedToken.totalSupply.encode),
        ("view of a string", FixedToken.name.encode),
        ("view of a mapping", lambda: FixedToken.balanceOf.encode(owner)),
        ("view of a nested mapping", lambda: FixedToken.allowance.encode(owner, friend)),
        ("approve", lambda: FixedToken.approve.encode(friend, 5)),
        ("transfer", lambda: FixedToken.transfer.encode(friend, 1)),
    )
    for name, payload_of in calls:
        payload = payload_of()
        microseconds = _microseconds(scene, scene.token, [payload] * MESSAGES)
        yield Measurement(f"{name}, all warm", _warm_gas(scene, payload) / microseconds, "gas/us", "higher")


def _warm_gas(scene: _Scene, payload: bytes) -> int:
    world = WorldState(scene.store.latest_state())
    world.begin_transaction()
    caller = scene.keys[0].address
    context = new_context(world, scene.environment, TransactionContext(caller, 0))
    message = Message(CallKind.CALL, caller, scene.token, scene.token, 0, payload, MESSAGE_GAS)
    for _ in range(2):
        left = context.execute_message(context, message).gas_left
    return MESSAGE_GAS - left
