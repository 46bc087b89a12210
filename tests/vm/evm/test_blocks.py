"""The decoder: what a block costs and needs, where it ends, how it is left."""

from __future__ import annotations

import pytest

from tests.vm.worlds import assemble
from vm.evm.blocks import (
    BLOCK_INSTRUCTIONS,
    BRANCH,
    DYNAMIC_JUMP,
    DYNAMIC_JUMPI,
    FALL,
    GOTO,
    REVERTED,
    SUCCESS,
    Block,
    Program,
    decode,
    pushed_word,
)
from vm.evm.code import Code
from vm.evm.instruction_set import instruction_set
from vm.forks import Fork

PROGRAM = Program(instruction_set(Fork.OSAKA))


def block(code: bytes | str, start: int = 0) -> Block:
    raw = bytes.fromhex(code) if isinstance(code, str) else code
    return decode(raw, start, PROGRAM, Code(raw, PROGRAM).is_target)


def operands(decoded: Block) -> list[int]:
    return [operand for _, operand in decoded.operations]


def test_a_block_sums_up_gas_and_stack() -> None:
    decoded = block(assemble(1, "ADD", "DUP1", "DUP1", "MUL", "STOP"))
    assert decoded.gas == 3 + 3 + 3 + 3 + 5
    assert decoded.need == 1
    assert decoded.limit == 1024 - 2  # three items where one was
    assert (decoded.exit, len(decoded.operations)) == (SUCCESS, 6)


@pytest.mark.parametrize(
    ("code", "need", "limit"),
    [
        ("00", 0, 1024),
        ("50", 1, 1024),
        ("5f50", 0, 1023),
        ("505f", 1, 1024),
        ("8f", 16, 1023),  # DUP16
        ("9f", 17, 1024),  # SWAP16
        ("5f5f8f", 14, 1021),
        ("01010101", 5, 1024),
        ("f1", 7, 1024),
    ],
)
def test_what_must_be_on_the_stack_and_what_may(code: str, need: int, limit: int) -> None:
    decoded = block(code)
    assert (decoded.need, decoded.limit) == (need, limit)


@pytest.mark.parametrize("name", ["CALL", "CALLCODE", "DELEGATECALL", "STATICCALL", "CREATE", "CREATE2"])
def test_a_block_ends_with_a_call(name: str) -> None:
    decoded = block(assemble("CALLER", name, "CALLER"))
    assert (decoded.exit, decoded.following, len(decoded.operations)) == (FALL, 2, 2)


@pytest.mark.parametrize(
    ("code", "leave"),
    [("00", SUCCESS), ("f3", SUCCESS), ("ff", SUCCESS), ("fd", REVERTED), ("fe", SUCCESS), ("", SUCCESS)],
)
def test_a_block_ends_with_the_frame(code: str, leave: int) -> None:
    assert block(code).exit == leave


def test_gas_and_sstore_are_told_what_is_charged_ahead() -> None:
    # GAS(2) PUSH1(3) SSTORE(0) GAS(2) POP(2) STOP
    decoded = block("5a6001555a5000")
    assert operands(decoded) == [3 + 0 + 2 + 2, 1, 2 + 2, 2, 0, 0]


def test_pc_is_told_its_position() -> None:
    assert operands(block("5f585b5850")) == [0, 1, 3, 0, 0]


def test_known_destinations_are_resolved() -> None:
    jump = block("600456005b")  # PUSH1 4 JUMP STOP JUMPDEST
    assert (jump.exit, jump.target, jump.operations) == (GOTO, 4, ())
    branch = block("3460065700005b")  # CALLVALUE PUSH1 6 JUMPI STOP STOP JUMPDEST
    assert (branch.exit, branch.target, branch.following) == (BRANCH, 6, 4)
    assert len(branch.operations) == 1


@pytest.mark.parametrize(
    "destination",
    [
        0x03,  # a STOP
        0x06,  # a JUMPDEST in the operand of a PUSH
        0x40,  # behind the end
    ],
)
def test_a_known_destination_that_is_none_is_left_to_fail_when_it_is_jumped_to(destination: int) -> None:
    raw = bytes([0x60, destination, 0x57, 0x00, 0x00, 0x60, 0x5B, 0x00])
    decoded = block(raw)
    assert (decoded.exit, len(decoded.operations)) == (DYNAMIC_JUMPI, 1)
    assert block(raw.replace(b"\x57", b"\x56")).exit == DYNAMIC_JUMP


def test_a_computed_destination_is_dynamic_even_where_it_looks_known() -> None:
    # PUSH1 5 PUSH0 ADD JUMP: the last thing pushed is a sum
    assert block("60055f0156" + "5b").exit == DYNAMIC_JUMP
    # a number that something was pushed over or that was moved
    assert block("600534" + "56" + "005b").exit == DYNAMIC_JUMP
    assert block("6005349056" + "5b").exit == DYNAMIC_JUMP


def test_a_block_runs_through_jump_destinations_without_a_trace() -> None:
    decoded = block("5b5b34" + "5b5b" + "3450005b")
    assert decoded.gas == 4 + 2 + 2 + 2
    assert len(decoded.operations) == 4
    # A destination known before a JUMPDEST is still known behind it.
    assert block("60035b56").exit == DYNAMIC_JUMP
    assert block("60025b56").exit == GOTO


def test_a_push_cut_off_by_the_end_continues_with_zeros() -> None:
    assert operands(block("61ab")) == [0xAB00, 0]
    assert operands(block("7f")) == [0, 0]
    assert pushed_word(b"\x62\x01\x02", 1, 3) == 0x010200
    assert block("61ab").exit == SUCCESS


def test_blocks_have_a_bound_and_what_is_behind_it_follows() -> None:
    code = bytes.fromhex("5b" + "3450" * BLOCK_INSTRUCTIONS)
    position, gas = 0, 0
    starts = []
    while position < len(code):
        starts.append(position)
        decoded = block(code, position)
        assert len(decoded.operations) <= BLOCK_INSTRUCTIONS
        gas += decoded.gas
        if decoded.exit == SUCCESS:
            break
        position = decoded.following
    assert gas == 1 + 4 * BLOCK_INSTRUCTIONS
    assert len(starts) >= 3


def test_what_a_block_takes_grows_with_what_it_holds() -> None:
    small, large = block("3450"), block("3450" * 50)
    pushing = block(("7f" + "11" * 32 + "50") * 50)
    assert small.size_bytes < large.size_bytes < pushing.size_bytes
