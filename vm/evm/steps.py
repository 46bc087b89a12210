"""One instruction at a time.

Owns: the loop that runs code seldom seen straight from its bytes, and the loop that a tracer listens to.
Never does: decode. Both loops and the blocks (vm/evm/engine.py) come to the same results.
Specification: yellow paper section 9.4. Of several errors of one instruction, out of gas comes first, then the stack.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vm.evm.blocks import (
    CUT,
    DUP,
    END,
    ENDED_REVERT,
    ENDED_SUCCESS,
    JUMP,
    JUMPDEST,
    JUMPI,
    PLAIN,
    POP,
    POSITION,
    PUSH,
    REVERT,
    Step,
    pushed_word,
)
from vm.evm.frame import STACK_LIMIT, ExceptionalHalt, Frame, OutOfGas
from vm.evm.jump_table import JUMPDEST as JUMPDEST_BYTE

if TYPE_CHECKING:
    from vm.evm.code import Code
    from vm.tracer import Tracer

from_bytes = int.from_bytes

INVALID_JUMP = "invalid jump destination"


def run_steps(frame: Frame, code: Code, position: int) -> int:
    """Runs from `position` to the end of the block: behind the next jump, call or end.

    Answers the position that comes next, ENDED_SUCCESS or ENDED_REVERT. Raises ExceptionalHalt.
    """
    raw, steps, stack = code.raw, code.program.steps, frame.stack
    size = len(raw)
    while True:
        try:
            opcode = raw[position]
        except IndexError:
            return ENDED_SUCCESS
        if opcode == JUMPDEST_BYTE:
            # One gas in every rule set, and nothing to do: a run of them is paid at once.
            start = position
            position += 1
            while position < size and raw[position] == JUMPDEST_BYTE:
                position += 1
            gas = frame.gas = frame.gas + start - position
            if gas < 0:
                raise OutOfGas
            continue
        price, need, limit, kind, handler, operand = steps[opcode]
        gas = frame.gas - price
        if gas < 0:
            raise OutOfGas
        frame.gas = gas
        if not need <= len(stack) <= limit:
            raise _stack_error(len(stack), steps[opcode])
        position += 1
        if kind == PLAIN:
            handler(frame, stack, operand)
        elif kind == PUSH:
            end = position + operand
            stack.append(
                from_bytes(raw[position:end]) if end <= size else pushed_word(raw, position, operand)
            )
            position = end
        elif kind == POP:
            stack.pop()
        elif kind == DUP:
            stack.append(stack[operand])
        elif kind == JUMPI:
            destination = stack.pop()
            return checked_jump(code, destination) if stack.pop() else position
        elif kind == JUMP:
            return checked_jump(code, stack.pop())
        elif kind == POSITION:
            stack.append(position - 1)
        else:
            handler(frame, stack, operand)
            if kind == CUT:
                return position
            if kind >= END:
                return ENDED_REVERT if kind == REVERT else ENDED_SUCCESS


def checked_jump(code: Code, destination: int) -> int:
    """`destination`, if a jump may land there. Raises ExceptionalHalt."""
    if not code.is_target(destination):
        raise ExceptionalHalt(INVALID_JUMP)
    return destination


def _stack_error(height: int, step: Step) -> ExceptionalHalt:
    """Yellow paper section 9.4.2, in go-ethereum's words."""
    _, need, limit, _, _, _ = step
    return ExceptionalHalt(
        "stack underflow" if height < need else f"stack limit reached {STACK_LIMIT} ({limit})"
    )


def run_traced(frame: Frame, code: Code, tracer: Tracer) -> int:
    """Runs the whole frame and tells `tracer` of each instruction. ENDED_SUCCESS or ENDED_REVERT.

    Raises ExceptionalHalt, of which the tracer was told.
    """
    instructions, checkpoint = code.program.instructions, frame.context.checkpoint
    position = 0
    raw = code.raw
    while position >= 0:
        instruction = instructions[raw[position] if position < len(raw) else 0]
        tracer.step(frame, position, instruction)
        try:
            position = _traced_step(frame, code, position)
        except ExceptionalHalt as halt:
            tracer.fault(frame, position, instruction, str(halt))
            raise
        if checkpoint is not None:
            checkpoint()
    return position


def _traced_step(frame: Frame, code: Code, position: int) -> int:
    """Runs the instruction at `position`. Answers as `run_steps` does."""
    raw, stack = code.raw, frame.stack
    step = code.program.steps[raw[position] if position < len(raw) else 0]
    gas, need, limit, kind, handler, operand = step
    frame.charge(gas)
    if not need <= len(stack) <= limit:
        raise _stack_error(len(stack), step)
    position += 1
    if kind == PUSH:
        stack.append(pushed_word(raw, position, operand))
        position += operand
    elif kind == POSITION:
        stack.append(position - 1)
    elif kind == JUMP:
        position = checked_jump(code, stack.pop())
    elif kind == JUMPI:
        destination = stack.pop()
        if stack.pop():
            position = checked_jump(code, destination)
    elif kind != JUMPDEST:
        handler(frame, stack, operand)
        if kind >= END:
            position = ENDED_REVERT if kind == REVERT else ENDED_SUCCESS
    return position
