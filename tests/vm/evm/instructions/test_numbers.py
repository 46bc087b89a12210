"""Arithmetic, comparisons and shifts against their definitions on whole numbers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vm.worlds import ALICE, ENVIRONMENT, funded
from vm.call import new_context
from vm.environment import TransactionContext
from vm.evm.frame import Frame, OutOfGas
from vm.evm.instruction_set import instruction_set
from vm.forks import Fork
from vm.message import CallKind, Message

LIMIT = 2**256
HALF = 2**255
OSAKA = {i.name: i for i in instruction_set(Fork.OSAKA)}

EDGES = st.sampled_from([0, 1, 2, 31, 32, 33, 255, 256, 257, HALF - 1, HALF, HALF + 1, LIMIT - 2, LIMIT - 1])
WORDS = EDGES | st.integers(0, LIMIT - 1) | st.integers(0, 300)


def frame(gas: int = 10**6) -> Frame:
    context = new_context(funded().world, ENVIRONMENT, TransactionContext(ALICE.address, 0))
    message = Message(CallKind.CALL, ALICE.address, ALICE.address, ALICE.address, 0, b"", gas)
    return Frame(context, message, b"")


FRAME = frame()


def result(name: str, *arguments: int) -> int:
    """Of the instruction with these arguments, the top of the stack first. What lies below must not change."""
    instruction = OSAKA[name]
    assert instruction.handler is not None
    stack = [77, *reversed(arguments)]
    instruction.handler(FRAME, stack, 0)
    assert stack[:-1] == [77]
    assert 0 <= stack[-1] < LIMIT
    return stack[-1]


def signed(word: int) -> int:
    return word - LIMIT if word >= HALF else word


def quotient(a: int, b: int) -> int:
    """Towards zero."""
    return 0 if not b else abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def remainder(a: int, b: int) -> int:
    """With the sign of the first."""
    return 0 if not b else abs(a) % abs(b) * (-1 if a < 0 else 1)


TWO: dict[str, Callable[[int, int], int]] = {
    "ADD": lambda a, b: a + b,
    "MUL": lambda a, b: a * b,
    "SUB": lambda a, b: a - b,
    "DIV": lambda a, b: a // b if b else 0,
    "SDIV": lambda a, b: quotient(signed(a), signed(b)),
    "MOD": lambda a, b: a % b if b else 0,
    "SMOD": lambda a, b: remainder(signed(a), signed(b)),
    "LT": lambda a, b: a < b,
    "GT": lambda a, b: a > b,
    "SLT": lambda a, b: signed(a) < signed(b),
    "SGT": lambda a, b: signed(a) > signed(b),
    "EQ": lambda a, b: a == b,
    "AND": lambda a, b: a & b,
    "OR": lambda a, b: a | b,
    "XOR": lambda a, b: a ^ b,
    "SHL": lambda shift, value: value << min(shift, 256),
    "SHR": lambda shift, value: value >> min(shift, 256),
    "SAR": lambda shift, value: signed(value) >> min(shift, 256),
    "BYTE": lambda index, value: value.to_bytes(32)[index] if index < 32 else 0,
    "EXP": lambda base, exponent: pow(base, exponent, LIMIT),
}


@pytest.mark.parametrize("name", TWO)
@given(a=WORDS, b=WORDS)
def test_two_numbers(name: str, a: int, b: int) -> None:
    FRAME.gas = 10**6
    assert result(name, a, b) == TWO[name](a, b) % LIMIT


@given(WORDS, WORDS, WORDS)
def test_addmod_and_mulmod_do_not_wrap_in_between(a: int, b: int, modulus: int) -> None:
    assert result("ADDMOD", a, b, modulus) == ((a + b) % modulus if modulus else 0)
    assert result("MULMOD", a, b, modulus) == (a * b % modulus if modulus else 0)


@given(WORDS)
def test_one_number(a: int) -> None:
    assert result("ISZERO", a) == (a == 0)
    assert result("NOT", a) == LIMIT - 1 - a
    assert result("CLZ", a) == len(f"{a:0256b}".split("1", 1)[0])


@given(WORDS, WORDS)
def test_signextend_repeats_the_highest_bit_of_a_byte(index: int, value: int) -> None:
    kept = value.to_bytes(32)[31 - index :] if index < 31 else value.to_bytes(32)
    assert result("SIGNEXTEND", index, value) == int.from_bytes(kept, signed=True) % LIMIT


def test_the_most_negative_number_divided_by_minus_one_stays() -> None:
    assert result("SDIV", HALF, LIMIT - 1) == HALF


@pytest.mark.parametrize(
    ("fork", "exponent", "gas"),
    [
        (Fork.FRONTIER, 0, 0),
        (Fork.FRONTIER, 255, 10),
        (Fork.TANGERINE_WHISTLE, 256, 20),
        (Fork.SPURIOUS_DRAGON, 0, 0),
        (Fork.SPURIOUS_DRAGON, 1, 50),
        (Fork.OSAKA, LIMIT - 1, 1_600),
    ],
)
def test_each_byte_of_an_exponent_costs(fork: Fork, exponent: int, gas: int) -> None:
    handler = instruction_set(fork)[0x0A].handler
    assert handler is not None
    enough = frame(gas)
    handler(enough, [exponent, 3], 0)
    assert enough.gas == 0
    if gas:
        with pytest.raises(OutOfGas):
            handler(frame(gas - 1), [exponent, 3], 0)
