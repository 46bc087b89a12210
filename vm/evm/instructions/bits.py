"""Comparisons, bits and shifts.

Owns: LT to CLZ.
Never does: anything but numbers. Specification: yellow paper appendix H.2, group 10s; EIP-145 (shifts), EIP-7939 (CLZ).
"""

from __future__ import annotations

from vm.evm.frame import WORD_LIMIT, WORD_MASK, Frame
from vm.evm.instructions.arithmetic import SIGN_BIT


def lt(_frame: Frame, stack: list[int], _operand: int) -> None:
    stack.append(1 if stack.pop() < stack.pop() else 0)


def gt(_frame: Frame, stack: list[int], _operand: int) -> None:
    stack.append(1 if stack.pop() > stack.pop() else 0)


def slt(_frame: Frame, stack: list[int], _operand: int) -> None:
    # With the sign bits flipped the order of signed numbers is that of unsigned ones.
    stack.append(1 if stack.pop() ^ SIGN_BIT < stack.pop() ^ SIGN_BIT else 0)


def sgt(_frame: Frame, stack: list[int], _operand: int) -> None:
    stack.append(1 if stack.pop() ^ SIGN_BIT > stack.pop() ^ SIGN_BIT else 0)


def eq(_frame: Frame, stack: list[int], _operand: int) -> None:
    stack.append(1 if stack.pop() == stack.pop() else 0)


def iszero(_frame: Frame, stack: list[int], _operand: int) -> None:
    stack.append(0 if stack.pop() else 1)


def and_(_frame: Frame, stack: list[int], _operand: int) -> None:
    stack.append(stack.pop() & stack.pop())


def or_(_frame: Frame, stack: list[int], _operand: int) -> None:
    stack.append(stack.pop() | stack.pop())


def xor(_frame: Frame, stack: list[int], _operand: int) -> None:
    stack.append(stack.pop() ^ stack.pop())


def not_(_frame: Frame, stack: list[int], _operand: int) -> None:
    stack.append(stack.pop() ^ WORD_MASK)


def byte(_frame: Frame, stack: list[int], _operand: int) -> None:
    """Byte 0 is the highest."""
    index, value = stack.pop(), stack.pop()
    stack.append(value >> 248 - 8 * index & 0xFF if index < 32 else 0)


def shl(_frame: Frame, stack: list[int], _operand: int) -> None:
    shift, value = stack.pop(), stack.pop()
    stack.append(value << shift & WORD_MASK if shift < 256 else 0)


def shr(_frame: Frame, stack: list[int], _operand: int) -> None:
    shift, value = stack.pop(), stack.pop()
    stack.append(value >> shift if shift < 256 else 0)


def sar(_frame: Frame, stack: list[int], _operand: int) -> None:
    shift, value = stack.pop(), stack.pop()
    if value < SIGN_BIT:
        stack.append(value >> shift if shift < 256 else 0)
    else:
        stack.append((value - WORD_LIMIT >> shift) & WORD_MASK if shift < 256 else WORD_MASK)


def clz(_frame: Frame, stack: list[int], _operand: int) -> None:
    stack.append(256 - stack.pop().bit_length())
