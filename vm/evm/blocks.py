"""Bytecode cut into blocks, ready to run.

Owns: the decoded form of a stretch of code, the decoder, and what a compiled region looks like from outside.
Never does: execute, or decide what is worth decoding (vm/evm/code.py counts visits).
Specification: yellow paper section 9.4.

A block begins where control can arrive (a jump target, or behind a call) and runs through to the next jump, call or
end. It runs through JUMPDESTs too, so blocks may overlap. Its static gas and its stack needs are checked once. That is
exact: whoever enters a block executes all of it or fails, and a frame that fails loses all its gas and effects.
Two instructions look at the gas in between, GAS and SSTORE: they are told what was charged ahead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol, TypeAlias, final

from chain.errors import InvariantViolation
from vm.evm.frame import STACK_LIMIT, Frame
from vm.evm.instruction import Flow, Handler, Instruction, InstructionSet

Operation: TypeAlias = tuple[Handler, int]
"""A handler and its operand."""

BLOCK_INSTRUCTIONS = 256
"""The longest block. Blocks overlap: without a bound, a jump target in front of each instruction would make the decoded
form quadratic in the code."""

ENDED_SUCCESS = -1
ENDED_REVERT = -2
NOT_RUN = -3

NO_CONSTANT = -1


# How a block ends.
BRANCH: Final = 0  # pops the condition: `target` or `following`
FALL: Final = 1  # to `following`
GOTO: Final = 2  # to `target`
DYNAMIC_JUMP: Final = 3  # pops the destination
DYNAMIC_JUMPI: Final = 4  # pops destination and condition; else `following`
SUCCESS: Final = 5
REVERTED: Final = 6


@final
class Block:
    """gas: the static price of all of it. need, limit: the fewest and most items that may be on the stack at its start.

    operations: what to run, in order. JUMPDEST, JUMP, JUMPI and PUSH of a constant destination are not among them.
    exit, target, following: how it ends and the positions where execution goes on.
    size_bytes: an estimate of the memory that the block takes.
    """

    __slots__ = ("exit", "following", "gas", "limit", "need", "operations", "size_bytes", "target")

    def __init__(
        self,
        gas: int,
        need: int,
        limit: int,
        operations: tuple[Operation, ...],
        leave: tuple[int, int, int],
        size_bytes: int,
    ) -> None:
        """leave: exit, target, following."""
        self.gas = gas
        self.need = need
        self.limit = limit
        self.operations = operations
        self.exit, self.target, self.following = leave
        self.size_bytes = size_bytes


class CompiledRegion(Protocol):
    """Compiled code that takes the place of the block at one position (`Code.entries`)."""

    def run(self, frame: Frame) -> int:
        """Runs from its position on, on `frame.stack` and `frame.gas`.

        Answers where the interpreter goes on, a position >= 0 that control can arrive at (jumps taken are checked),
        ENDED_SUCCESS or ENDED_REVERT with the output in `frame.output`, or `NOT_RUN - position` if it cannot pay
        for, or has no room on the stack for, what begins at `position`: then the interpreter takes one block there by
        single steps, whatever is compiled, and fails with the exact error or gets further. Raises ExceptionalHalt.
        Before it answers or calls a handler that calls out, gas and stack are what the interpreter would have.
        """


Entry: TypeAlias = Block | CompiledRegion


# What the loops do with an instruction. Plain numbers, because members of an enumeration are slow to look up.
PLAIN: Final = 0  # run the handler
PUSH: Final = 1
JUMPDEST: Final = 2
POSITION: Final = 3  # PC: told its position
AHEAD: Final = 4  # GAS, SSTORE: told what is charged ahead
JUMPI: Final = 5
JUMP: Final = 6
CUT: Final = 7
POP: Final = 8  # this and DUP are PLAIN to the decoder
DUP: Final = 9
END: Final = 10
REVERT: Final = 11

Step: TypeAlias = tuple[int, int, int, int, Handler, int]
"""gas, fewest and most stack items before it, kind, handler, operand (for PUSH the number of bytes in the code)."""

Part: TypeAlias = tuple[int, int, int, int, Operation]
"""kind, gas, items it needs, growth of the stack, operation."""

_DUP1, _SWAP1, _LAST_SWAP = 0x80, 0x90, 0x9F
_OPERATION_BYTES = 8
_OWN_OPERATION_BYTES = 130  # a tuple and a number that no other block shares
_BLOCK_BYTES = 300


class Program:
    """The instruction set in the form that the loops and the decoder read. Both tables are by opcode."""

    __slots__ = ("instructions", "parts", "steps")

    def __init__(self, instructions: InstructionSet) -> None:
        self.instructions = instructions
        self.steps: tuple[Step, ...] = tuple([_step(instruction) for instruction in instructions])
        self.parts: tuple[Part, ...] = tuple(
            [
                (PLAIN if kind in (POP, DUP) else kind, gas, need, STACK_LIMIT - limit, (handler, operand))
                for gas, need, limit, kind, handler, operand in self.steps
            ]
        )


def _step(instruction: Instruction) -> Step:
    return (
        instruction.gas,
        instruction.pops,
        STACK_LIMIT - instruction.pushes + instruction.pops,
        _kind(instruction),
        instruction.handler or _left_to_the_loop,
        _operand(instruction),
    )


def _left_to_the_loop(_frame: Frame, _stack: list[int], _operand: int) -> None:
    raise InvariantViolation("only the loop of the interpreter can run this instruction")


def _operand(instruction: Instruction) -> int:
    opcode = instruction.opcode
    if _DUP1 <= opcode < _SWAP1:
        return _DUP1 - 1 - opcode
    if _SWAP1 <= opcode <= _LAST_SWAP:
        return _SWAP1 - 2 - opcode
    return instruction.immediate


_SPECIAL = {0x50: POP, 0x55: AHEAD, 0x58: POSITION, 0x5A: AHEAD}  # POP, SSTORE, PC, GAS
_KINDS = {
    Flow.NEXT: PLAIN,
    Flow.CUT: CUT,
    Flow.JUMP: JUMP,
    Flow.JUMPI: JUMPI,
    Flow.JUMPDEST: JUMPDEST,
    Flow.END: END,
    Flow.REVERT: REVERT,
    Flow.UNDEFINED: END,  # its handler raises
}


def _kind(instruction: Instruction) -> int:
    if instruction.immediate:
        return PUSH
    if _DUP1 <= instruction.opcode < _SWAP1:
        return DUP
    return _SPECIAL.get(instruction.opcode) or _KINDS[instruction.flow]


def pushed_word(raw: bytes, start: int, size: int) -> int:
    """The operand of a PUSH of `size` bytes at `start`. What the end of the code cuts off counts as zeros."""
    end = start + size
    word = int.from_bytes(raw[start:end])
    return word << 8 * (end - len(raw)) if end > len(raw) else word


def decode(raw: bytes, start: int, program: Program, is_target: Callable[[int], bool]) -> Block:
    """The block of `raw` at `start`, a position that control can arrive at (or the end of the code)."""
    parts = program.parts
    operations: list[Operation] = []
    ahead: list[tuple[int, int]] = []
    gas = height = need = highest = own = 0
    pushed = NO_CONSTANT
    position, size = start, len(raw)
    leave = (FALL, 0, 0)
    for _ in range(BLOCK_INSTRUCTIONS):
        kind, price, takes, growth, operation = parts[raw[position] if position < size else 0]
        gas += price
        if takes - height > need:
            need = takes - height
        height += growth
        if height > highest:
            highest = height
        position += 1
        if kind == PLAIN:
            operations.append(operation)
            pushed = NO_CONSTANT
        elif kind == PUSH:
            handler, width = operation
            pushed = pushed_word(raw, position, width)
            operations.append((handler, pushed))
            position += width
            own += 1
        elif kind == JUMPDEST:
            pass
        elif kind == POSITION:
            operations.append((operation[0], position - 1))
            pushed = NO_CONSTANT
            own += 1
        elif kind == AHEAD:
            ahead.append((len(operations), gas))
            operations.append(operation)
            pushed = NO_CONSTANT
            own += 1
        else:
            leave = _leave(kind, operation, operations, pushed, position, is_target)
            break
    else:
        leave = (FALL, 0, position)
    for index, charged in ahead:
        operations[index] = (operations[index][0], gas - charged)
    size_bytes = _BLOCK_BYTES + _OPERATION_BYTES * len(operations) + _OWN_OPERATION_BYTES * own
    return Block(gas, need, STACK_LIMIT - highest, tuple(operations), leave, size_bytes)


def _leave(
    kind: int,
    operation: Operation,
    operations: list[Operation],
    pushed: int,
    following: int,
    is_target: Callable[[int], bool],
) -> tuple[int, int, int]:
    """(exit, target, following) of a block that ends with an instruction of `kind`; completes its operations.

    pushed: the number that the operation before has pushed, or NO_CONSTANT.
    """
    if kind in (JUMP, JUMPI):
        is_known = pushed != NO_CONSTANT and is_target(pushed)
        if is_known:
            operations.pop()
        if kind == JUMP:
            return (GOTO, pushed, 0) if is_known else (DYNAMIC_JUMP, 0, 0)
        return (BRANCH, pushed, following) if is_known else (DYNAMIC_JUMPI, 0, following)
    operations.append(operation)
    if kind == CUT:
        return FALL, 0, following
    return (REVERTED if kind == REVERT else SUCCESS), 0, 0
