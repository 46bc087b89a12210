"""What one instruction is: the record that the interpreter, the compiler, the tracer and the disassembler share.

Owns: the record. Never does: hold the instructions themselves (vm/evm/instruction_set.py and vm/evm/instructions/).
Specification: yellow paper appendix H.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from vm.evm.frame import Frame

Handler: TypeAlias = Callable[[Frame, list[int], int], None]
"""(frame, stack, operand). Pops its arguments off `stack`, which need not be the frame's own: compiled code hands over
a list with just the arguments. Raises ExceptionalHalt. Dynamic gas is charged on `frame.gas`.

operand: PUSH the value; DUP and SWAP the negative index of the item; PC its position; GAS and SSTORE the gas that
the block has charged ahead for the instructions behind this one, 0 if each is charged by itself; else 0."""


class Flow(Enum):
    """What comes after an instruction."""

    NEXT = "next"
    CUT = "cut"  # the next one, but it begins a new block: what follows must not be charged before it (calls)
    JUMP = "jump"
    JUMPI = "jumpi"
    JUMPDEST = "jumpdest"  # begins a block
    END = "end"  # STOP, RETURN, SELFDESTRUCT: success; the handler has set frame.output
    REVERT = "revert"
    UNDEFINED = "undefined"  # INVALID and every byte without an instruction


@dataclass(frozen=True, slots=True)
class Instruction:
    """opcode: the byte. name: as in Solidity's assembly. gas: static part of the price, in this rule set.

    pops, pushes: stack items taken and left; DUPn takes n and leaves n + 1, SWAPn takes and leaves n + 1.
    immediate: bytes of operand in the code (PUSH). handler: None where only the loop can do it (JUMP, JUMPI, JUMPDEST).
    """

    opcode: int
    name: str
    gas: int
    pops: int
    pushes: int
    flow: Flow
    handler: Handler | None
    immediate: int = 0


InstructionSet: TypeAlias = tuple[Instruction, ...]
"""256 records, by opcode."""
