"""Instructions that only move stack items, or look at the frame itself.

Owns: POP, PUSH, DUP, SWAP, PC, GAS, and what a byte without an instruction does.
Never does: jump; the loops do. Specification: yellow paper appendix H.2, groups 50s to 90s; EIP-3855 (PUSH0).
"""

from __future__ import annotations

from vm.evm.frame import ExceptionalHalt, Frame
from vm.evm.instruction import Handler


def pop(_frame: Frame, stack: list[int], _operand: int) -> None:
    stack.pop()


def push(_frame: Frame, stack: list[int], operand: int) -> None:
    """PUSH and PC."""
    stack.append(operand)


def dup(_frame: Frame, stack: list[int], operand: int) -> None:
    stack.append(stack[operand])


def swap(_frame: Frame, stack: list[int], operand: int) -> None:
    stack[-1], stack[operand] = stack[operand], stack[-1]


def gas(frame: Frame, stack: list[int], operand: int) -> None:
    stack.append(frame.gas + operand)


def undefined(name: str) -> Handler:
    """The handler of a byte that is no instruction."""
    text = f"invalid opcode: {name}"

    def handler(_frame: Frame, _stack: list[int], _operand: int) -> None:
        raise ExceptionalHalt(text)

    return handler
