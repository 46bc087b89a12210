"""Storage, transient storage, self-destruction, code inspection, and instruction limits."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.keccak import keccak256
from chain.types import Address, Hash32
from state.world import WorldState
from tests.vm.worlds import (
    ALICE,
    BOB,
    CANCUN_ENVIRONMENT,
    ENVIRONMENT,
    ETHER,
    OPCODES,
    Accounts,
    address,
    assemble,
    call,
    funded,
    init_code,
    returning,
    transaction,
    word,
)
from vm.call import new_context
from vm.creation_address import create_address
from vm.environment import BlockEnvironment, TransactionContext
from vm.message import CallKind, Message, Outcome, Status
from vm.reference.instructions import storage_refund
from vm.transaction import apply_transaction

CONTRACT, OTHER = address(0xC0DE), address(0xBEEF)


def run(code: bytes, *, env: BlockEnvironment = ENVIRONMENT, **fields: Any) -> Outcome:
    return call(funded().add(CONTRACT, nonce=1, code=code, **fields).world, CONTRACT, env=env)


# --- storage: the table of EIP-3529 (which is that of EIP-2200 with the prices of EIP-2929)


@pytest.mark.parametrize(
    ("writes", "original", "gas", "refund"),
    [
        ("6000600055600060005500", 0, 212, 0),
        ("6000600055600160005500", 0, 20112, 0),
        ("6001600055600060005500", 0, 20112, 19900),
        ("6001600055600260005500", 0, 20112, 0),
        ("6001600055600160005500", 0, 20112, 0),
        ("6000600055600060005500", 1, 3012, 4800),
        ("6000600055600160005500", 1, 3012, 2800),
        ("6000600055600260005500", 1, 3012, 0),
        ("6002600055600060005500", 1, 3012, 4800),
        ("6002600055600360005500", 1, 3012, 0),
        ("6002600055600160005500", 1, 3012, 2800),
        ("6002600055600260005500", 1, 3012, 0),
        ("6001600055600060005500", 1, 3012, 4800),
        ("6001600055600260005500", 1, 3012, 0),
        ("6001600055600160005500", 1, 212, 0),
        ("600160005560006000556001600055", 0, 40118, 19900),
        ("600060005560016000556000600055", 1, 5918, 7600),
    ],
)
def test_storage_gas_and_refund_of_eip_3529(writes: str, original: int, gas: int, refund: int) -> None:
    stored = {0: original} if original else {}
    world = funded().add(CONTRACT, nonce=1, code=bytes.fromhex(writes), storage=stored).world
    world.begin_transaction()
    outcome = call_with_warm_slot(world)
    assert (1_000_000 - outcome.gas_left, world.refund) == (gas, refund)


def call_with_warm_slot(world: WorldState) -> Outcome:
    world.warm_slot(CONTRACT, 0)
    context = new_context(world, ENVIRONMENT, TransactionContext(ALICE.address, 0))
    return context.execute_message(
        context, Message(CallKind.CALL, ALICE.address, CONTRACT, CONTRACT, 0, b"", 1_000_000)
    )


def test_a_storage_write_needs_more_than_the_stipend() -> None:
    for gas, status in ((2_305, Status.FAILURE), (2_306, Status.SUCCESS)):
        world = funded().add(CONTRACT, nonce=1, code=assemble(5, 0, "SSTORE"), storage={0: 5}).world
        assert call(world, CONTRACT, gas=gas).status is status


@given(*[st.integers(0, 2)] * 3)
def test_the_refund_counter_never_ends_below_zero(original: int, first: int, second: int) -> None:
    total = 0
    for current, value in ((original, first), (first, second)):
        if current != value:
            total += storage_refund(original, current, value)
            assert total >= 0


# --- transient storage (EIP-1153)


def test_transient_storage_is_read_back_and_ends_with_the_transaction() -> None:
    code = returning(0, "TLOAD", 7, 0, "TSTORE")
    world = funded().add(CONTRACT, nonce=1, code=code).world
    assert word(call(world, CONTRACT)) == 0
    code = returning(7, 0, "TSTORE", 0, "TLOAD")
    world = funded().add(CONTRACT, nonce=1, code=code).world
    for nonce in (0, 1):
        result = apply_transaction(world, ENVIRONMENT, transaction(nonce=nonce, to=CONTRACT))
        assert int.from_bytes(result.output, "big") == 7
        assert world.get_storage(CONTRACT, 0) == 0


def test_transient_storage_outlives_a_call_within_the_transaction() -> None:
    inner = assemble(0, "TLOAD", 1, "ADD", "DUP1", 0, "TSTORE", 0, "MSTORE", 32, 0, "RETURN")
    once = assemble(32, 0, 0, 0, 0, OTHER, "GAS", "CALL", "POP")
    world = (
        funded()
        .add(OTHER, nonce=1, code=inner)
        .add(CONTRACT, nonce=1, code=once * 3 + assemble(32, 0, "RETURN"))
    )
    assert word(call(world.world, CONTRACT)) == 3


def test_transient_storage_belongs_to_the_executing_account() -> None:
    inner = assemble(9, 0, "TSTORE")
    outer = assemble(0, 0, 0, 0, OTHER, "GAS", "DELEGATECALL", "POP") + returning(0, "TLOAD")
    world = funded().add(OTHER, nonce=1, code=inner).add(CONTRACT, nonce=1, code=outer).world
    assert word(call(world, CONTRACT)) == 9
    assert world.get_transient(OTHER, 0) == 0


# --- SELFDESTRUCT (EIP-6780)


def test_an_old_contract_only_sends_its_balance() -> None:
    world = (
        funded().add(CONTRACT, nonce=1, balance=5, code=assemble(OTHER, "SELFDESTRUCT"), storage={1: 1}).world
    )
    result = apply_transaction(world, ENVIRONMENT, transaction(to=CONTRACT))
    assert result.succeeded
    assert (world.get_balance(CONTRACT), world.get_balance(OTHER)) == (0, 5)
    assert world.get_code(CONTRACT) != b""
    assert world.get_storage(CONTRACT, 1) == 1


def test_an_old_contract_that_names_itself_keeps_its_balance() -> None:
    world = funded().add(CONTRACT, nonce=1, balance=5, code=assemble("ADDRESS", "SELFDESTRUCT")).world
    assert apply_transaction(world, ENVIRONMENT, transaction(to=CONTRACT)).succeeded
    assert world.get_balance(CONTRACT) == 5


def test_a_contract_destroyed_in_its_own_creation_is_gone_and_can_burn_its_balance() -> None:
    created = create_address(ALICE.address, 0)
    for code, heir in ((assemble(OTHER, "SELFDESTRUCT"), 5), (assemble("ADDRESS", "SELFDESTRUCT"), 0)):
        world = funded().world
        result = apply_transaction(world, ENVIRONMENT, transaction(data=code, value=5))
        assert result.succeeded
        assert not world.exists(created)
        assert world.get_balance(OTHER) == heir


def test_a_destroyed_contract_still_runs_until_the_transaction_ends() -> None:
    # Deploys a contract that destroys itself when called, calls it, and reads its code size afterwards.
    init = init_code(assemble(OTHER, "SELFDESTRUCT"))
    head = assemble(len(init), b"\x00\x00", 0, "CODECOPY", len(init), 0, 0, "CREATE")
    tail = assemble(0, 0, 0, 0, 0) + bytes([0x85]) + assemble("GAS", "CALL", "POP", "EXTCODESIZE")
    tail += assemble(0, "MSTORE", 32, 0, "RETURN")
    start = (len(head) + len(tail)).to_bytes(2, "big")
    code = head.replace(b"\x61\x00\x00", b"\x61" + start, 1) + tail + init
    world = funded().add(CONTRACT, nonce=1, code=code).world
    result = apply_transaction(world, ENVIRONMENT, transaction(to=CONTRACT))
    assert int.from_bytes(result.output, "big") == len(assemble(OTHER, "SELFDESTRUCT"))
    assert not world.exists(create_address(CONTRACT, 1))


@pytest.mark.parametrize(
    ("balance", "heir", "gas"),
    [
        (0, OTHER, 5_000 + 2_600),
        (5, OTHER, 5_000 + 2_600 + 25_000),
        (5, BOB.address, 5_000 + 2_600),
        (5, ALICE.address, 5_000),  # warm: the caller
        (5, address(2), 5_000 + 25_000),  # warm: a precompile
    ],
)
def test_gas_of_self_destruction(balance: int, heir: Address, gas: int) -> None:
    outcome = run(assemble(heir, "SELFDESTRUCT"), balance=balance)
    assert 1_000_000 - outcome.gas_left == gas + 3


def test_nothing_is_refunded_for_self_destruction() -> None:
    world = funded().add(CONTRACT, nonce=1, code=assemble(ALICE.address, "SELFDESTRUCT")).world
    result = apply_transaction(world, ENVIRONMENT, transaction(to=CONTRACT))
    assert result.gas_used == result.peak_gas


# --- accounts and code seen from outside


def test_code_inspection() -> None:
    code = assemble("STOP", "STOP", "STOP")
    accounts = funded().add(OTHER, nonce=1, code=code)

    def answer(*parts: int | str | bytes) -> int:
        return word(call(accounts.add(CONTRACT, nonce=1, code=returning(*parts)).world, CONTRACT))

    assert answer(OTHER, "EXTCODESIZE") == 3
    assert answer(OTHER, "EXTCODEHASH") == int.from_bytes(keccak256(code), "big")
    assert answer(ALICE.address, "EXTCODEHASH") == int.from_bytes(keccak256(b""), "big")
    assert answer(address(0xDEAD), "EXTCODEHASH") == 0
    assert answer(ALICE.address, "BALANCE") == 100 * ETHER


def test_logs_carry_topics_and_data_in_order() -> None:
    world = (
        funded()
        .add(CONTRACT, nonce=1, code=assemble(0xAB, 0, "MSTORE8", 2, 1, 1, 0, "LOG2", 0, 0, "LOG0"))
        .world
    )
    call(world, CONTRACT)
    first, second = world.logs
    assert first.topics == ((1).to_bytes(32, "big"), (2).to_bytes(32, "big"))
    assert (first.data, first.address) == (b"\xab", CONTRACT)
    assert (second.topics, second.data) == ((), b"")


def test_blob_hashes_are_those_of_the_transaction() -> None:
    code = returning(1, "BLOBHASH")
    world = funded().add(CONTRACT, nonce=1, code=code).world
    hashes = (Hash32(b"\x01" * 32), Hash32(b"\x02" * 32))
    result = apply_transaction(world, ENVIRONMENT, transaction(to=CONTRACT), blob_hashes=hashes)
    assert result.output == hashes[1]
    assert word(call(world, CONTRACT)) == 0


# --- failures


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (assemble("ADD"), "stack underflow"),
        (assemble(*[0] * 1_025), "stack limit reached 1024 (1023)"),
        (assemble("INVALID"), "invalid opcode: INVALID"),
        (bytes([0x0C]), "invalid opcode: opcode 0xc not defined"),
        (assemble(1, 0, 0, "RETURNDATACOPY"), "return data out of bounds"),
        (assemble(1, 2**255, "MSTORE"), "out of gas"),
        (assemble(2**64, 0, "RETURN"), "out of gas"),
        (assemble(2**256 - 1, 2**256 - 1, "SHA3"), "out of gas"),
    ],
)
def test_an_exceptional_halt_takes_all_gas_and_names_its_reason(code: bytes, error: Any) -> None:
    outcome = run(code)
    assert (outcome.status, outcome.gas_left, outcome.output, outcome.error) == (
        Status.FAILURE,
        0,
        b"",
        error,
    )


def test_a_full_stack_is_allowed() -> None:
    assert run(assemble(*[0] * 1_024)).status is Status.SUCCESS


def test_code_that_runs_off_its_end_stops() -> None:
    outcome = run(assemble(1, "POP"))
    assert (outcome.status, outcome.output) == (Status.SUCCESS, b"")
    assert run(b"\x61\x01").status is Status.SUCCESS  # a PUSH2 whose operand is cut off


EXTREMES = (0, 1, 31, 32, 2**31, 2**63, 2**64 - 1, 2**64, 2**128, 2**255, 2**256 - 1)


@given(
    st.lists(st.sampled_from(EXTREMES), min_size=7, max_size=7),
    st.lists(st.integers(0, 255), min_size=1, max_size=4),
    st.booleans(),
)
def test_no_instruction_fails_in_any_other_way_than_an_outcome(
    operands: list[int], instructions: list[int], is_static: bool
) -> None:
    code = assemble(*operands) + bytes(instructions)
    accounts = Accounts().add(ALICE.address, balance=ETHER).add(CONTRACT, nonce=1, balance=3, code=code)
    world = accounts.world
    outcome = call(world, CONTRACT, gas=100_000, is_static=is_static, data=b"\x01\x02\x03")
    assert 0 <= outcome.gas_left <= 100_000
    world.end_transaction()
    world.changes()


def test_both_rule_sets_know_the_cancun_instructions_only() -> None:
    for env in (ENVIRONMENT, CANCUN_ENVIRONMENT):
        assert run(assemble(0, 0, 0, "MCOPY"), env=env).status is Status.SUCCESS
        assert run(assemble(1) + bytes([0x1E]), env=env).status is Status.FAILURE  # CLZ comes with Osaka
    assert len(OPCODES) == len(set(OPCODES.values()))
