"""Arithmetic on words.

Owns: ADD to SIGNEXTEND, and the price of the exponent's bytes.
Never does: anything but numbers. Specification: yellow paper appendix H.2, group 0s; EIP-160 (EXP).
"""

from __future__ import annotations

from vm.evm.frame import WORD_LIMIT, WORD_MASK, Frame
from vm.evm.instruction import Handler

SIGN_BIT = 1 << 255


def add(_frame: Frame, stack: list[int], _operand: int) -> None:
    stack.append((stack.pop() + stack.pop()) & WORD_MASK)


def mul(_frame: Frame, stack: list[int], _operand: int) -> None:
    stack.append(stack.pop() * stack.pop() & WORD_MASK)


def sub(_frame: Frame, stack: list[int], _operand: int) -> None:
    stack.append((stack.pop() - stack.pop()) & WORD_MASK)


def div(_frame: Frame, stack: list[int], _operand: int) -> None:
    numerator = stack.pop()
    denominator = stack[-1]
    if denominator:
        stack[-1] = numerator // denominator


def sdiv(_frame: Frame, stack: list[int], _operand: int) -> None:
    """Rounds towards zero."""
    numerator, denominator = stack.pop(), stack.pop()
    if numerator < SIGN_BIT:
        if denominator < SIGN_BIT:
            stack.append(numerator // denominator if denominator else 0)
        else:
            stack.append(-(numerator // (WORD_LIMIT - denominator)) & WORD_MASK)
    elif denominator >= SIGN_BIT:
        # -2**255 / -1 does not fit and wraps to itself, as the numbers without sign say.
        stack.append((WORD_LIMIT - numerator) // (WORD_LIMIT - denominator))
    else:
        stack.append(-((WORD_LIMIT - numerator) // denominator) & WORD_MASK if denominator else 0)


def mod(_frame: Frame, stack: list[int], _operand: int) -> None:
    value = stack.pop()
    modulus = stack[-1]
    if modulus:
        stack[-1] = value % modulus


def smod(_frame: Frame, stack: list[int], _operand: int) -> None:
    """The result has the sign of the first number."""
    value, modulus = stack.pop(), stack.pop()
    if modulus >= SIGN_BIT:
        modulus = WORD_LIMIT - modulus
    if not modulus:
        stack.append(0)
    elif value < SIGN_BIT:
        stack.append(value % modulus)
    else:
        stack.append(-((WORD_LIMIT - value) % modulus) & WORD_MASK)


def addmod(_frame: Frame, stack: list[int], _operand: int) -> None:
    total = stack.pop() + stack.pop()
    modulus = stack[-1]
    if modulus:
        stack[-1] = total % modulus


def mulmod(_frame: Frame, stack: list[int], _operand: int) -> None:
    product = stack.pop() * stack.pop()
    modulus = stack[-1]
    if modulus:
        stack[-1] = product % modulus


def exp(gas_per_byte: int) -> Handler:
    """EXP where each byte of the exponent costs `gas_per_byte`."""

    def handler(frame: Frame, stack: list[int], _operand: int) -> None:
        base = stack.pop()
        exponent = stack[-1]
        if exponent:
            frame.charge((exponent.bit_length() + 7 >> 3) * gas_per_byte)
        stack[-1] = pow(base, exponent, WORD_LIMIT)

    return handler


def signextend(_frame: Frame, stack: list[int], _operand: int) -> None:
    """The first number is the index of the byte, 0 the lowest, whose highest bit is the sign."""
    index = stack.pop()
    if index < 31:
        value = stack[-1]
        sign = 0x80 << 8 * index
        stack[-1] = value | WORD_LIMIT - sign if value & sign else value & sign - 1
