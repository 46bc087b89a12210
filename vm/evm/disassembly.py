"""Bytecode as text.

Owns: the walk over the instructions, and what is known of each place without running anything.
Never does: execute.
Specification: yellow paper 9.4.3 (the operand of a PUSH is no instruction).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from vm.evm.instruction import Flow, InstructionSet

_ENDS = (Flow.END, Flow.REVERT, Flow.UNDEFINED, Flow.JUMP)


@dataclass(frozen=True, slots=True)
class Line:
    """position: of the opcode. operand: bytes of the immediate, cut off by the end of the code as they are there.

    gas: static price. is_reachable: False behind an end, until the next JUMPDEST; data such as compilers' metadata is
    there.
    """

    position: int
    name: str
    operand: bytes
    gas: int
    is_reachable: bool


def disassemble(code: bytes, instructions: InstructionSet) -> Iterator[Line]:
    """The instructions of `code` in order."""
    position = 0
    is_reachable = True
    while position < len(code):
        instruction = instructions[code[position]]
        is_reachable = is_reachable or instruction.flow is Flow.JUMPDEST
        following = position + 1 + instruction.immediate
        name = instruction.name if instruction.name.isidentifier() else f"0x{code[position]:02x}"
        yield Line(position, name, code[position + 1 : following], instruction.gas, is_reachable)
        if instruction.flow in _ENDS:
            is_reachable = False
        position = following
