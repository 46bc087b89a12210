"""Bytecode as a listing."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.vm.worlds import assemble
from vm.evm.disassembly import METADATA, Line, disassemble, metadata_position
from vm.evm.instruction_set import instruction_set
from vm.forks import Fork

PRAGUE = instruction_set(Fork.PRAGUE)
FIXTURE = Path(__file__).resolve().parents[2] / "fixtures" / "token.json"
IPFS = b"\xa2\x64ipfs\x58\x22" + bytes(34) + b"\x64solc\x43\x00\x08\x25"
TRAILER = IPFS + len(IPFS).to_bytes(2)


def listing(code: bytes, fork: Fork = Fork.PRAGUE) -> list[Line]:
    return list(disassemble(code, instruction_set(fork)))


def test_operands_are_no_instructions_and_a_cut_one_stays_cut() -> None:
    lines = listing(bytes.fromhex("60016101025b7f0102"))
    assert [(line.position, line.name, line.operand.hex()) for line in lines] == [
        (0, "PUSH1", "01"),
        (2, "PUSH2", "0102"),
        (5, "JUMPDEST", ""),
        (6, "PUSH32", "0102"),
    ]
    assert lines[0].gas == 3


def test_what_stands_behind_an_end_is_not_reached_until_a_jump_target() -> None:
    lines = listing(assemble(0, "JUMP", "ADD", "JUMPDEST", "STOP", "ADD") + b"\x5b\xfe\x01\x5b\x0c\x01")
    assert [line.is_reachable for line in lines] == [
        True, True, False, True, True, False, True, True, False, True, True, False,
    ]  # fmt: skip
    assert lines[-2].name == "0x0c"


def test_an_instruction_has_the_name_and_price_of_its_rule_set() -> None:
    assert [line.name for line in listing(b"\x5f", Fork.LONDON)] == ["0x5f"]
    assert [line.name for line in listing(b"\x5f")] == ["PUSH0"]
    assert listing(b"\x54", Fork.FRONTIER)[0].gas == 50


def test_the_metadata_of_a_compiler_is_one_line() -> None:
    lines = listing(b"\x00\xfe" + TRAILER)
    assert [(line.position, line.name, line.is_reachable) for line in lines] == [
        (0, "STOP", True),
        (1, "INVALID", False),
        (2, METADATA, False),
    ]
    assert lines[-1].operand == TRAILER[1:]


def test_metadata_inside_of_an_operand_is_an_operand() -> None:
    names = [line.name for line in listing(b"\x61" + TRAILER)]
    assert names[0] == "PUSH2"
    assert METADATA not in names


def test_other_endings_are_no_metadata() -> None:
    for code in (
        b"",
        b"\x00",
        b"\xff\xff",
        IPFS + b"\x00\x00",
        b"\xa2\x64abcd\x00\x06",
        b"\xa2\x00\x02",
        b"\xa1\x00\x01",
    ):
        assert metadata_position(code) is None


def test_solc_writes_metadata_that_is_found() -> None:
    code = bytes.fromhex(json.loads(FIXTURE.read_text())["creation"].removeprefix("0x"))
    position = metadata_position(code)
    assert position is not None
    assert b"solc" in code[position:]
    assert listing(code)[-1].name == METADATA


@given(st.binary(max_size=300) | st.builds(lambda head: head + TRAILER, st.binary(max_size=40)))
def test_the_lines_are_all_of_the_code_in_order(code: bytes) -> None:
    position = 0
    for line in disassemble(code, PRAGUE):
        assert line.position == position
        position += 1 + len(line.operand)
    assert position == len(code)
