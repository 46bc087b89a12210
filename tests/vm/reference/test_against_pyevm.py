"""Random programs run by our call path and by py-evm's own state, journal and call logic: same results.

The instruction functions are partly the same code, so this judges what is ours: gas of calls, creations and
storage, forwarding, reverts, warmth, logs, refunds. Known faults of py-evm are left out of the programs:
creations on addresses that have storage (EIP-7610) and costly precompiles.
"""

import random
from dataclasses import replace
from typing import Any

import pytest
from eth import constants
from eth.db.atomic import AtomicDB
from eth.db.backends.memory import MemoryDB
from eth.vm.execution_context import ExecutionContext as PyEvmExecutionContext
from eth.vm.forks.cancun import CancunVM
from eth.vm.forks.prague import PragueVM
from eth.vm.message import Message as PyEvmMessage

from state.world import WorldState
from tests.vm.worlds import (
    ALICE,
    BOB,
    ENVIRONMENT,
    Accounts,
    address,
    assemble,
    init_code,
)
from vm.call import new_context
from vm.context import DELEGATION_PREFIX
from vm.environment import BlockEnvironment, TransactionContext
from vm.forks import Fork
from vm.message import CallKind, Message, Status

MACHINES = {Fork.CANCUN: CancunVM, Fork.PRAGUE: PragueVM}
CONTRACTS = tuple(address(0xC000 + index) for index in range(4))
DELEGATED = address(0xDE1E)
GAS = 400_000
SLOTS = range(4)
PROGRAM_STEPS = 14
PROGRAMS = 60
GAS_CHOICES: tuple[int | str, ...] = ("GAS", 3_000, 30_000)


def random_step(rng: random.Random) -> bytes:
    """A piece of code that leaves the stack as it found it."""
    target = rng.choice([*CONTRACTS, DELEGATED, BOB.address, address(4), address(0xFADE)])
    gas = rng.choice(GAS_CHOICES)
    span = (rng.choice([0, 32, 64]), rng.choice([0, 32]), rng.choice([0, 5, 32]), rng.choice([0, 32]))
    slot, value = rng.choice(SLOTS), rng.choice([0, 0, 1, 2])
    tiny = init_code(assemble(rng.choice([0, 1]), slot, "SSTORE"))
    prepare = assemble(int.from_bytes(tiny, "big"), 0, "MSTORE")
    placed = (len(tiny), 32 - len(tiny), rng.choice([0, 0, 3]))
    return rng.choice(
        [
            assemble(value, slot, "SSTORE"),
            assemble(slot, "SLOAD", rng.choice([0, 32]), "MSTORE"),
            assemble(value, slot, "TSTORE"),
            assemble(slot, "TLOAD", slot, "SSTORE"),
            assemble(*span, rng.choice([0, 0, 2, 10**6]), target, gas, "CALL", slot, "SSTORE"),
            assemble(*span, rng.choice([0, 1]), target, gas, "CALLCODE", "POP"),
            assemble(*span, target, gas, "DELEGATECALL", "POP"),
            assemble(*span, target, gas, "STATICCALL", slot, "SSTORE"),
            prepare + assemble(*placed, "CREATE", slot, "SSTORE"),
            prepare + assemble(rng.choice([0, 1]), *placed, "CREATE2", "POP"),
            assemble(value, 32, 0, "LOG1"),
            assemble("RETURNDATASIZE", 0, 0, "RETURNDATACOPY", "RETURNDATASIZE", 0, "MSTORE"),
            assemble(target, "BALANCE", "POP", target, "EXTCODEHASH", 64, "MSTORE"),
            assemble(target, "EXTCODESIZE", slot, "SSTORE"),
            assemble("GAS", 96, "MSTORE", 32, 96, "SHA3", 96, "MSTORE"),
            assemble(
                rng.randrange(2**64), rng.randrange(1, 9), rng.choice(["MUL", "ADD", "DIV"]), 32, "MSTORE"
            ),
        ]
    )


def random_ending(rng: random.Random) -> bytes:
    return rng.choice(
        [
            assemble(64, 0, "RETURN"),
            assemble(64, 0, "RETURN"),
            assemble("STOP"),
            assemble(32, 32, "REVERT"),
            assemble("INVALID"),
            assemble(BOB.address, "SELFDESTRUCT"),
        ]
    )


def random_accounts(seed: int) -> Accounts:
    rng = random.Random(seed)
    accounts = Accounts().add(ALICE.address, balance=10**18).add(BOB.address, balance=1)
    for at in CONTRACTS:
        steps = [random_step(rng) for _ in range(rng.randrange(2, PROGRAM_STEPS))]
        storage = {slot: rng.choice([1, 2]) for slot in SLOTS if rng.random() < 0.5}
        code = b"".join(steps) + random_ending(rng)
        accounts.add(at, nonce=1, balance=rng.choice([0, 50]), code=code, storage=storage)
    accounts.add(DELEGATED, nonce=1, balance=2, code=DELEGATION_PREFIX + CONTRACTS[3])
    return accounts


def pyevm_state(accounts: Accounts, env: BlockEnvironment) -> Any:
    make_context: Any = PyEvmExecutionContext  # its address and hash types are not ours
    context = make_context(
        coinbase=env.beneficiary,
        timestamp=env.timestamp,
        block_number=env.number,
        difficulty=0,
        mix_hash=env.prev_randao,
        gas_limit=env.gas_limit,
        prev_hashes=[env.block_hash(env.number - 1 - back) for back in range(256)],
        chain_id=env.chain_id,
        base_fee_per_gas=env.base_fee_per_gas,
        excess_blob_gas=env.excess_blob_gas,
    )
    machine: Any = MACHINES[env.fork].get_state_class()
    state = machine(AtomicDB(MemoryDB()), context, constants.BLANK_ROOT_HASH)
    for at, account in accounts.accounts.items():
        state.set_balance(at, account.balance)
        state.set_nonce(at, account.nonce)
        state.set_code(at, accounts.codes[account.code_hash])
        for slot, value in accounts.storage.get(at, {}).items():
            state.set_storage(at, slot, value)
    state.persist()
    state.lock_changes()
    return state


def run_pyevm(accounts: Accounts, env: BlockEnvironment) -> tuple[Any, Any]:
    state = pyevm_state(accounts, env)
    for warm in (ALICE.address, CONTRACTS[0], env.beneficiary):
        state.mark_address_warm(warm)
    make_message: Any = PyEvmMessage
    message = make_message(
        gas=GAS,
        to=CONTRACTS[0],
        sender=ALICE.address,
        value=4,
        data=b"\x01" * 40,
        code=state.get_code(CONTRACTS[0]),
    )
    context = state.get_transaction_context_class()(gas_price=10, origin=ALICE.address)
    computation = state.computation_class.apply_message(state, message, context)
    outcome = (
        computation.is_success,
        computation.get_gas_remaining(),
        computation.output,
        computation.get_gas_refund(),
        [
            (at, tuple(topic.to_bytes(32, "big") for topic in topics), data)
            for at, topics, data in computation.get_log_entries()
        ],
        sorted(computation.get_accounts_for_deletion()),
    )
    return outcome, state


def run_ours(accounts: Accounts, env: BlockEnvironment) -> tuple[Any, WorldState]:
    world = accounts.world
    world.begin_transaction()
    context = new_context(world, env, TransactionContext(ALICE.address, 10))
    for warm in (ALICE.address, CONTRACTS[0], env.beneficiary):
        world.warm_address(warm)
    message = Message(CallKind.CALL, ALICE.address, CONTRACTS[0], CONTRACTS[0], 4, b"\x01" * 40, GAS)
    outcome = context.execute_message(context, message)
    logs = [(log.address, log.topics, log.data) for log in world.logs]
    summary = (
        outcome.status is Status.SUCCESS,
        outcome.gas_left,
        outcome.output,
        world.refund,
        logs,
        sorted(world.destroyed()),
    )
    return summary, world


@pytest.mark.parametrize("fork", [Fork.CANCUN, Fork.PRAGUE])
def test_random_programs_end_as_on_pyevm(fork: Fork) -> None:
    env = replace(ENVIRONMENT, fork=fork)
    successes = 0
    for seed in range(PROGRAMS):
        accounts = random_accounts(seed)
        expected, state = run_pyevm(accounts, env)
        got, world = run_ours(accounts, env)
        assert got == expected, seed
        successes += got[0]
        for at in accounts.accounts:
            assert world.get_balance(at) == state.get_balance(at), seed
            assert world.get_nonce(at) == state.get_nonce(at), seed
            assert [world.get_storage(at, slot) for slot in SLOTS] == [
                state.get_storage(at, slot) for slot in SLOTS
            ], seed
    assert successes > PROGRAMS // 4  # the programs do more than fail
