"""What compiled functions look like, and that they do what the interpreter does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chain.keccak import keccak256
from tests.vm.worlds import ENVIRONMENT, address, assemble, call, funded, returning
from vm.engines import COMPILED, INTERPRETER, PY_EVM
from vm.evm.blocks import BLOCK_INSTRUCTIONS, NOT_RUN
from vm.evm.code import Code
from vm.evm.compiler.function import compile_region
from vm.evm.compiler.region import MAX_CHARACTERS, MAX_ITEMS, MAX_NESTING, MAX_STATEMENTS
from vm.evm.compiler.service import view_of
from vm.evm.engine import NativeEngine
from vm.forks import Fork
from vm.message import Outcome

CONTRACT = address(0xC0DE)


def code_of(raw: bytes) -> Code:
    engine = INTERPRETER
    assert isinstance(engine, NativeEngine)
    return Code(raw, engine.cache_of(Fork.PRAGUE).program)


def source(raw: bytes, start: int = 0) -> str:
    region = compile_region(view_of(code_of(raw), everything=True), start)
    assert region is not None
    return region.source


def outcomes(code: bytes, *, data: bytes = b"", gas: int = 1_000_000) -> tuple[Outcome, Outcome, Outcome]:
    return tuple(  # type: ignore[return-value]
        call(
            funded().add(CONTRACT, nonce=1, code=code).world,
            CONTRACT,
            data=data,
            gas=gas,
            env=replace(ENVIRONMENT, evm=engine),
        )
        for engine in (PY_EVM, INTERPRETER, COMPILED)
    )


def assert_same(code: bytes, *, data: bytes = b"", gas: int = 1_000_000) -> Outcome:
    reference, interpreted, compiled = outcomes(code, data=data, gas=gas)
    assert interpreted == compiled
    assert (reference.status, reference.gas_left, reference.output) == (
        compiled.status,
        compiled.gas_left,
        compiled.output,
    )
    return compiled


def test_known_numbers_are_computed_while_compiling() -> None:
    text = source(returning(7, 6, "MUL", 2, "SWAP1", "SUB"))
    assert repr((40).to_bytes(32, "big")) in text
    assert "*" not in text


def test_the_hash_of_known_words_is_a_constant() -> None:
    hashed = keccak256((5).to_bytes(32, "big") + (6).to_bytes(32, "big"))
    code = returning(5, 0, "MSTORE", 6, 32, "MSTORE", 64, 0, "SHA3")
    assert repr(hashed) in source(code)
    assert assert_same(code).output == hashed


def test_what_was_computed_once_is_not_computed_again() -> None:
    twice = assemble(0, "CALLDATALOAD", 5, "ADD", 0, "CALLDATALOAD", 5, "ADD", "MUL")
    text = source(twice + assemble(0, "MSTORE", 32, 0, "RETURN"))
    assert text.count("input_word") == 1
    assert text.count(" + ") == 1


def test_a_loop_keeps_its_counter_in_a_local_variable() -> None:
    text = source(assemble(9, "JUMPDEST", 1, "SWAP1", "SUB", "DUP1", 2, "JUMPI", "STOP"), 2)
    assert "while True:" in text
    assert "s1 = v1" in text
    assert text.count("stack") <= 4  # looked at when the region is entered and left, not in between


def test_a_function_called_twice_returns_to_both_places() -> None:
    # main: push the place to return to, jump to the function at `f`, twice; f: adds 1 to the item below and returns.
    def program(f: int, first: int, second: int) -> bytes:
        return assemble(
            0, first, f, "JUMP", "JUMPDEST", second, f, "JUMP", "JUMPDEST", 0, "MSTORE", 32, 0, "RETURN"
        ) + assemble("JUMPDEST", "SWAP1", 1, "ADD", "SWAP1", "JUMP")

    code = program(19, 6, 12)
    assert code[6] == code[12] == code[19] == 0x5B
    assert "checked" not in source(code)  # both ways back are known
    assert assert_same(code).output == (2).to_bytes(32, "big")


def test_a_jump_to_nowhere_is_left_to_the_check() -> None:
    code = assemble(0, "CALLDATALOAD", "JUMP")
    assert "checked(" in source(code)
    assert assert_same(code, data=bytes(31) + b"\x01").error == "invalid jump destination"


def test_a_stack_too_low_or_too_high_is_left_to_the_interpreter() -> None:
    assert assert_same(assemble("ADD")).error == "stack underflow"
    # Pushes 1,023 items in a loop, then enters a block that needs more room than there is.
    code = assemble("JUMPDEST", "GAS", "DUP1", 0xFFFF, "JUMPI")
    assert assert_same(code).error is not None
    region = compile_region(view_of(code_of(assemble("ADD")), everything=True), 0)
    assert region is not None
    assert f"return {NOT_RUN}" in region.source


@pytest.mark.parametrize(
    "code",
    [
        b"\x5b" * 24_576,
        assemble("DUP1", "ADD") * 12_288,
        (b"\x61\x00\x00\x57" * 6_144)[:24_576],
        (b"\x5b\x5f\x35\x61\x00\x00\x57" * 3_600)[:24_576],
        (b"\x5b\x5f\x35\x61\x10\x00\x57" * 3_600)[:24_576],
        b"\x5b\x5f\x5f\x20" * 6_144,
        b"\x5f\x5f\x5f\x5f\x5f\x5f\x5f\xf1" * 3_072,
        bytes.fromhex("6000355f3510" + "8014" * 120 + "5f5500"),
        bytes.fromhex("5f35" + "3610" * 250 + "5f5500"),
        bytes.fromhex("3436" + "36" * 980 + "345a57" * 400),
        (b"\x7f" + b"\xfe" * 32) * 650 + b"\x34\x5a\x57" * 400,
    ],
    ids=[
        "jumpdest",
        "dup-add",
        "jumpi",
        "loops",
        "branches",
        "hashes",
        "calls",
        "compare-itself",
        "compare-again",
        "deep-stack",
        "large-constants",
    ],
)
def test_no_code_makes_a_region_larger_than_its_bounds(code: bytes) -> None:
    """Bombs: every way is written out again where ways meet, so without bounds the text would double at each branch."""
    region = compile_region(view_of(code_of(code), everything=True), 0)
    if region is None:
        return
    assert region.source.count("\n") < MAX_STATEMENTS + BLOCK_INSTRUCTIONS * 5 + MAX_NESTING * 5
    one_exit = (MAX_ITEMS + BLOCK_INSTRUCTIONS) * 70
    assert len(region.source) < 2 * MAX_CHARACTERS + (MAX_NESTING + 1) * one_exit


@pytest.mark.parametrize("gas", range(0, 400, 7))
def test_starved_loops_end_the_same(gas: int) -> None:
    code = (
        assemble(20)
        + b"\x5b"
        + assemble(1, "SWAP1", "SUB", "DUP1", "DUP1", 64, "MUL", "MSTORE", "DUP1", 2, "JUMPI")
    )
    assert_same(code, gas=gas)
