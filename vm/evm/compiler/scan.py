"""A block of bytecode as the compiler sees it: from one place to the next jump, cut or end.

Owns: that walk, which must find the same blocks as the interpreter's decoder, because gas is charged once per block.
Never does: emit code.
Specification: yellow paper 9.4.
"""

from __future__ import annotations

from dataclasses import dataclass

from vm.evm.blocks import BLOCK_INSTRUCTIONS, pushed_word
from vm.evm.instruction import Flow, Instruction, InstructionSet


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction of a block. operand: the value of a PUSH, else 0. gas_behind: charged ahead for what follows."""

    position: int
    instruction: Instruction
    operand: int
    gas_behind: int


@dataclass(frozen=True, slots=True)
class BlockOfCode:
    """flow: how it ends; NEXT if it runs on into `following`. gas: of all its instructions."""

    start: int
    steps: tuple[Step, ...]
    gas: int
    flow: Flow
    following: int


def scan(code: bytes, start: int, instructions: InstructionSet) -> BlockOfCode:
    """The block at `start`. Past the end of the code stands a STOP (yellow paper 9.4.1)."""
    found: list[tuple[int, Instruction, int, int]] = []
    position = start
    gas = 0
    flow = Flow.NEXT
    for _ in range(BLOCK_INSTRUCTIONS):
        instruction = instructions[code[position]] if position < len(code) else instructions[0]
        following = position + 1 + instruction.immediate
        gas += instruction.gas
        flow = instruction.flow
        if flow not in (Flow.JUMPDEST, Flow.JUMP, Flow.JUMPI):
            operand = pushed_word(code, position + 1, instruction.immediate)
            found.append((position, instruction, operand, gas))
        position = following
        if flow not in (Flow.NEXT, Flow.JUMPDEST):
            break
    steps = tuple(
        [Step(place, instruction, operand, gas - charged) for place, instruction, operand, charged in found]
    )
    return BlockOfCode(start, steps, gas, flow, position)
