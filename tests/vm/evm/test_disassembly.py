"""Listing bytecode."""

from tests.vm.worlds import assemble
from vm.evm.disassembly import Line, disassemble
from vm.evm.instruction_set import instruction_set
from vm.forks import Fork

PRAGUE = instruction_set(Fork.PRAGUE)


def test_operands_belong_to_their_push_and_data_behind_an_end_is_marked() -> None:
    code = assemble(5, "JUMPDEST", "STOP") + b"\x0c\x5b\x62\x01"
    assert list(disassemble(code, PRAGUE)) == [
        Line(0, "PUSH1", b"\x05", 3, True),
        Line(2, "JUMPDEST", b"", 1, True),
        Line(3, "STOP", b"", 0, True),
        Line(4, "0x0c", b"", 0, False),
        Line(5, "JUMPDEST", b"", 1, True),
        Line(6, "PUSH3", b"\x01", 3, True),  # cut off by the end of the code
    ]


def test_names_are_those_of_the_rule_set() -> None:
    assert [line.name for line in disassemble(b"\x1e\x44", PRAGUE)] == ["0x1e", "PREVRANDAO"]
    assert [line.name for line in disassemble(b"\x1e\x44", instruction_set(Fork.OSAKA))] == [
        "CLZ",
        "PREVRANDAO",
    ]
    assert [line.name for line in disassemble(b"\x44", instruction_set(Fork.FRONTIER))] == ["DIFFICULTY"]
