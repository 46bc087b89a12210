"""The loops of the engine: single steps, blocks and the tracer's loop come to the same end for any code."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chain.receipt import Log
from chain.types import Address
from tests.vm.worlds import ALICE, BOB, ENVIRONMENT, ETHER, OPCODES, Accounts, address, assemble
from vm.call import new_context
from vm.engines import Engine
from vm.environment import TransactionContext
from vm.evm import code as code_module
from vm.evm.blocks import ENDED_REVERT, ENDED_SUCCESS, NOT_RUN
from vm.evm.code import Code
from vm.evm.engine import HEAT_TO_COMPILE, NativeEngine
from vm.evm.frame import ExceptionalHalt, Frame
from vm.evm.instruction import Instruction
from vm.forks import Fork
from vm.message import CallKind, Message, Outcome, Status
from vm.tracer import Tracer

CONTRACT, OTHER = address(0xC0DE), address(0xBEEF)
GAS = 100_000
BLOCKS, STEPS = 1, 10**9
BY_STEPS, BY_BLOCKS, USUAL, TRACED = NativeEngine(), NativeEngine(), NativeEngine(), NativeEngine()


@dataclass
class Listener:
    """Remembers what it hears."""

    steps: list[tuple[int, str, int, int]] = field(default_factory=list)
    faults: list[tuple[int, str]] = field(default_factory=list)

    def enter(self, message: Message) -> None:
        pass

    def leave(self, message: Message, outcome: Outcome) -> None:
        pass

    def step(self, frame: Frame, position: int, instruction: Instruction) -> None:
        self.steps.append((position, instruction.name, frame.gas, len(frame.stack)))

    def touch(self, address: Address, slot: int | None) -> None: ...

    def log(self, log: Log) -> None: ...

    def fault(self, frame: Frame, position: int, instruction: Instruction, error: str) -> None:
        self.faults.append((position, error))


@contextmanager
def decoding_after(visits: int) -> Iterator[None]:
    usual = code_module.VISITS_BEFORE_DECODING
    code_module.VISITS_BEFORE_DECODING = visits
    try:
        yield
    finally:
        code_module.VISITS_BEFORE_DECODING = usual


def run(
    code: bytes,
    engine: Engine | None = None,
    *,
    gas: int = GAS,
    payload: bytes = b"",
    tracer: Tracer | None = None,
    checkpoint: Any = None,
    fork: Fork = Fork.OSAKA,
) -> tuple[Outcome, tuple[Any, ...]]:
    """The outcome, and all that the code has left in the state."""
    accounts = Accounts().add(ALICE.address, balance=ETHER)
    accounts.add(CONTRACT, nonce=1, balance=1_000, code=code, storage={0: 1, 1: 0, 2: 7})
    accounts.add(OTHER, nonce=1, code=assemble("CALLVALUE", 0, "SSTORE", 32, 0, "RETURN"))
    world = accounts.world
    world.begin_transaction()
    env = replace(ENVIRONMENT, fork=fork, evm=engine or NativeEngine())
    context = new_context(world, env, TransactionContext(ALICE.address, 1), checkpoint, tracer)
    message = Message(CallKind.CALL, BOB.address, CONTRACT, CONTRACT, 0, payload, gas)
    outcome = context.execute_message(context, message)
    changed = tuple(world.get_storage(a, slot) for a in (CONTRACT, OTHER) for slot in range(4))
    return outcome, (
        changed,
        world.logs,
        world.refund,
        world.get_balance(CONTRACT),
        world.get_nonce(CONTRACT),
    )


def alike(code: bytes, **how: Any) -> Outcome:
    """Runs `code` in each loop. All must agree; about an error only in that there is one."""
    with decoding_after(STEPS):
        by_steps, state = run(code, BY_STEPS, **how)
    with decoding_after(BLOCKS):
        assert (by_steps, state) == _worded(run(code, BY_BLOCKS, **how), by_steps)
    for _ in range(2):
        assert (by_steps, state) == _worded(run(code, USUAL, **how), by_steps)
    listener = Listener()
    assert (by_steps, state) == _worded(run(code, TRACED, tracer=listener, **how), by_steps)
    assert bool(listener.faults) >= (by_steps.status is Status.FAILURE)
    return by_steps


def _worded(result: tuple[Outcome, tuple[Any, ...]], like: Outcome) -> tuple[Outcome, tuple[Any, ...]]:
    """`result` with the words of `like`, if both have failed."""
    outcome, state = result
    if outcome.status is Status.FAILURE:
        outcome = replace(outcome, error=like.error)
    return outcome, state


# Mostly instructions that leave the stack able to go on, with small operands and jumps to the front.
_PARTS = st.one_of(
    st.sampled_from(sorted(set(OPCODES.values()) - {0xFE, 0xFF})).map(lambda opcode: bytes([opcode])),
    st.integers(0, 255).map(lambda operand: bytes([0x60, operand])),
    st.sampled_from(
        [b"\x5b", b"\x5f", b"\x80", b"\x50", b"\x5a", b"\x60\x00\x55", b"\x5f\x57", b"\x60\x01\x56"]
    ),
    st.binary(min_size=1, max_size=3),
)
CODES = st.lists(_PARTS, min_size=1, max_size=40).map(b"".join).map(lambda body: b"\x5b\x5b" + body)


@settings(max_examples=150)
@given(code=CODES, gas=st.integers(0, 60_000) | st.integers(0, 300), payload=st.binary(max_size=40))
def test_all_loops_agree_about_any_code(code: bytes, gas: int, payload: bytes) -> None:
    alike(code, gas=gas, payload=payload)


def test_all_loops_agree_at_every_gas_limit() -> None:
    # a loop with storage, a log, a call, GAS in the middle of a block, and memory
    code = assemble(
        2, "JUMPDEST", "GAS", 0, "SSTORE", 32, 0, "LOG0", 0, 0, 0, 0, 0, OTHER, 3_000, "CALL", "POP"
    )
    code += assemble(1, "SWAP1", "SUB", "DUP1", 2, "JUMPI", "STOP")
    needed = GAS - alike(code).gas_left
    ends = {alike(code, gas=gas).status for gas in [*range(60), *range(60, needed + 5_000, 211)]}
    assert ends == {Status.SUCCESS, Status.FAILURE}


# --- errors and odd code


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("01", "stack underflow"),
        ("5b5f56", "out of gas"),  # jumps to itself for ever
        ("5b5f6000" + "57" + "600056", "out of gas"),
        ("60ff56", "invalid jump destination"),
        ("600456605b00", "invalid jump destination"),  # into the operand of a PUSH
        ("7f" + "ff" * 32 + "56", "invalid jump destination"),
        ("6001600457605b00", "invalid jump destination"),
        ("5f600557605b00", None),  # the same, not taken
        ("0c", "invalid opcode: opcode 0xc not defined"),
        ("fe", "invalid opcode: INVALID"),
        ("5f5f5f3e", None),
        ("60015f5f3e", "return data out of bounds"),
        ("5b5f5f56", "stack limit reached 1024 (1023)"),  # leaves one item each time
        ("6001600160fe1b51", "out of gas"),  # memory far out
        ("", None),
        ("60", None),
        ("5b", None),
    ],
)
def test_how_code_ends(code: str, error: str | None) -> None:
    assert alike(bytes.fromhex(code)).error == error
    with decoding_after(BLOCKS):
        assert run(bytes.fromhex(code))[0].error == error


@pytest.mark.parametrize("fork", list(Fork), ids=lambda fork: fork.name)
def test_every_instruction_of_every_rule_set_runs_alike_in_all_loops(fork: Fork) -> None:
    for opcode in range(256):
        code = bytes([0x60, 0x01] * 17) + bytes([opcode]) + bytes([0x60, 0x01, 0x50])
        alike(code, fork=fork, gas=200_000)


@pytest.mark.parametrize("unit", ["5b", "5b6001505b", "3450", "600150", "5b5b3450", "5a50", "5850"])
def test_long_code_runs_in_time_linear_in_its_gas(unit: str) -> None:
    """24 KB, from the start and from jumps into its middle."""
    code = bytes.fromhex(unit) * (24_576 // (len(unit) // 2))
    engine = NativeEngine()
    begun_s = time.process_time()
    spent = 0
    for _ in range(12):
        outcome, _ = run(code, engine, gas=10**6)
        spent += 10**6 - outcome.gas_left if outcome.status is Status.SUCCESS else 10**5
    assert (time.process_time() - begun_s) / spent * 30_000_000 < 30, "seconds for the gas of a block"
    assert engine.cache_of(Fork.OSAKA).size_bytes < 4_000_000


def test_code_beyond_every_limit_of_a_chain_runs() -> None:
    """Simulations may bring code of any length."""
    code = bytes.fromhex("3450") * 60_000 + assemble(7, 0, "SSTORE")
    engine = NativeEngine()
    for _ in range(code_module.VISITS_BEFORE_DECODING + 1):
        outcome, state = run(code, engine, gas=10**6)
        assert outcome.status is Status.SUCCESS
        assert state[0][0] == 7


# --- what the engine offers to others


def test_the_checkpoint_is_asked_in_every_loop_of_a_contract() -> None:
    asked = 0

    class GiveUp(Exception):
        pass

    def checkpoint() -> None:
        nonlocal asked
        asked += 1
        if asked > 50:
            raise GiveUp

    for code in ("5b5f56", "5b60015f57", "5b5f5f0156", "5b60015f5f0157"):
        for visits in (BLOCKS, STEPS):
            asked = 0
            with decoding_after(visits), pytest.raises(GiveUp):
                run(bytes.fromhex(code), checkpoint=checkpoint, gas=2**40)


class Collector:
    """A compiler that puts `region` at `position` of the first code that it is asked about."""

    def __init__(self, position: int = 0, region: Any = None) -> None:
        self.position = position
        self.region = region
        self.asked: list[Code] = []

    def consider(self, code: Code) -> None:
        self.asked.append(code)
        if self.region is not None:
            code.put_region(self.position, self.region, 100)


LOOP = bytes.fromhex("5b60015f57")


def test_hot_code_is_shown_to_the_compiler_while_it_runs_and_init_code_is_not() -> None:
    compiler = Collector()
    gas = 4 * HEAT_TO_COMPILE
    run(LOOP, NativeEngine(compiler), gas=gas)
    assert 2 <= len(compiler.asked) <= 4
    assert {code.raw for code in compiler.asked} == {LOOP}

    creating = assemble(LOOP, 0, "MSTORE", len(LOOP), 32 - len(LOOP), 0, "CREATE")
    compiler = Collector()
    run(creating, NativeEngine(compiler), gas=gas)
    assert compiler.asked == []


def test_code_that_only_calls_hot_code_is_not_hot() -> None:
    compiler = Collector()
    calling = assemble(0, 0, 0, 0, 0, address(0x107), "GAS", "CALL")
    accounts = Accounts().add(CONTRACT, nonce=1, code=calling).add(address(0x107), nonce=1, code=LOOP)
    env = replace(ENVIRONMENT, evm=NativeEngine(compiler))
    context = new_context(accounts.world, env, TransactionContext(ALICE.address, 1))
    context.execute_message(
        context,
        Message(CallKind.CALL, BOB.address, CONTRACT, CONTRACT, 0, b"", 3 * HEAT_TO_COMPILE),
    )
    assert {code.raw for code in compiler.asked} == {LOOP}


class Region:
    """Answers what it was made with."""

    def __init__(self, answer: int | ExceptionalHalt, output: bytes = b"") -> None:
        self.answer = answer
        self.output = output

    def run(self, frame: Frame) -> int:
        if isinstance(self.answer, ExceptionalHalt):
            raise self.answer
        frame.output = self.output
        return self.answer


@pytest.mark.parametrize(
    ("answer", "status", "output"),
    [
        (ENDED_SUCCESS, Status.SUCCESS, b"done"),
        (ENDED_REVERT, Status.REVERT, b"no"),
        (5, Status.SUCCESS, b""),  # the interpreter goes on behind the loop
        (NOT_RUN - 5, Status.SUCCESS, b""),
        (ExceptionalHalt("broken"), Status.FAILURE, b""),
    ],
)
def test_a_region_takes_the_place_of_a_block(answer: Any, status: Status, output: bytes) -> None:
    compiler = Collector(0, Region(answer, output))
    outcome, _ = run(LOOP + b"\x00", NativeEngine(compiler), gas=2 * HEAT_TO_COMPILE)
    assert (outcome.status, outcome.output) == (status, output)


def test_a_region_that_cannot_pay_hands_over_to_single_steps() -> None:
    """It is asked again after each block: the frame ends where it would end without it."""
    compiler = Collector(0, Region(NOT_RUN))
    outcome, _ = run(LOOP, NativeEngine(compiler), gas=HEAT_TO_COMPILE * 3)
    assert outcome.error == "out of gas"


def test_a_tracer_hears_each_instruction_before_anything_is_charged() -> None:
    listener = Listener()
    outcome, _ = run(bytes.fromhex("6001600201fe"), tracer=listener)
    assert listener.steps == [
        (0, "PUSH1", GAS, 0),
        (2, "PUSH1", GAS - 3, 1),
        (4, "ADD", GAS - 6, 2),
        (5, "INVALID", GAS - 9, 1),
    ]
    assert listener.faults == [(5, outcome.error)]


def test_a_tracer_hears_of_the_stop_behind_the_end_of_the_code() -> None:
    listener = Listener()
    run(b"\x5b", tracer=listener)
    assert [name for _, name, _, _ in listener.steps] == ["JUMPDEST", "STOP"]
