"""How simple instructions look in Python.

Owns: one small function for each instruction that is written out in compiled code instead of called. Each takes
the symbolic operands, the top of the stack first, and answers an expression, or a value that needs no statement.
Never does: handle gas, memory or effects: only instructions with a fixed price whose result depends on their operands
alone are here. Operands that are all constants never get here: the interpreter's own handler computes those.
Specification: yellow paper appendix H.2, group 0s and 10s; EIP-145 (shifts).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from vm.evm.compiler.values import WORD_BITS, ZERO, Condition, Constant, Value, truth


@dataclass(frozen=True, slots=True)
class Expression:
    """Python text whose value is below 2**bits."""

    text: str
    bits: int = WORD_BITS


Result: TypeAlias = Expression | Value
Template: TypeAlias = Callable[..., Result | None]


def _wrapped(text: str, bits: int) -> Expression:
    """`text` cut to a word, unless its `bits` show that it fits."""
    return Expression(text, bits) if bits <= WORD_BITS else Expression(f"({text}) & M")


def _add(a: Value, b: Value) -> Result:
    if a == ZERO:
        return b
    if b == ZERO:
        return a
    return _wrapped(f"{a.text} + {b.text}", max(a.bits, b.bits) + 1)


def _mul(a: Value, b: Value) -> Result:
    if ZERO in (a, b):
        return ZERO
    return _wrapped(f"{a.text} * {b.text}", a.bits + b.bits)


def _sub(a: Value, b: Value) -> Result:
    return a if b == ZERO else Expression(f"({a.text} - {b.text}) & M")


def _divided(sign: str) -> Template:
    def template(a: Value, b: Value) -> Result:
        if isinstance(b, Constant):
            return Expression(f"{a.text} {sign} {b.text}", a.bits) if b.number else ZERO
        return Expression(f"{a.text} {sign} {b.text} if {b.text} else 0", a.bits)

    return template


def _modular(sign: str) -> Template:
    def template(a: Value, b: Value, modulus: Value) -> Result:
        if isinstance(modulus, Constant):
            if not modulus.number:
                return ZERO
            return Expression(f"({a.text} {sign} {b.text}) % {modulus.text}", modulus.bits)
        return Expression(
            f"({a.text} {sign} {b.text}) % {modulus.text} if {modulus.text} else 0", modulus.bits
        )

    return template


def _and(a: Value, b: Value) -> Result:
    for mask, other in ((a, b), (b, a)):
        if isinstance(mask, Constant):
            whole = mask.number + 1
            if whole & mask.number == 0 and other.bits <= mask.bits:
                return other  # a mask of ones that takes nothing away
    return Expression(f"{a.text} & {b.text}", min(a.bits, b.bits))


def _or(a: Value, b: Value) -> Result:
    if a == ZERO:
        return b
    if b == ZERO:
        return a
    return Expression(f"{a.text} | {b.text}", max(a.bits, b.bits))


def _xor(a: Value, b: Value) -> Result:
    return Expression(f"{a.text} ^ {b.text}", max(a.bits, b.bits))


def _not(a: Value) -> Result:
    return Expression(f"{a.text} ^ M")


def _compared(sign: str, opposite: str) -> Template:
    def template(a: Value, b: Value) -> Result:
        return Condition(f"{a.text} {sign} {b.text}", f"{a.text} {opposite} {b.text}")

    return template


def _signed(sign: str, opposite: str) -> Template:
    """Flipping the sign bit turns the order of signed numbers into that of unsigned ones."""

    def template(a: Value, b: Value) -> Result:
        left, right = (
            str(value.number ^ 1 << 255) if isinstance(value, Constant) else f"({value.text} ^ SIGN)"
            for value in (a, b)
        )
        return Condition(f"{left} {sign} {right}", f"{left} {opposite} {right}")

    return template


def _iszero(a: Value) -> Result:
    return truth(a).negation


def _shl(shift: Value, value: Value) -> Result:
    if isinstance(shift, Constant):
        if shift.number >= WORD_BITS:
            return ZERO
        return _wrapped(f"{value.text} << {shift.number}", value.bits + shift.number)
    return Expression(f"({value.text} << {shift.text}) & M if {shift.text} < 256 else 0")


def _shr(shift: Value, value: Value) -> Result:
    if isinstance(shift, Constant):
        bits = value.bits - shift.number
        return Expression(f"{value.text} >> {shift.number}", bits) if bits > 0 else ZERO
    return Expression(f"{value.text} >> {shift.text} if {shift.text} < 256 else 0", value.bits)


def _byte(index: Value, value: Value) -> Result:
    if isinstance(index, Constant):
        shift = 248 - 8 * index.number
        return Expression(f"{value.text} >> {shift} & 255", 8) if shift >= 0 else ZERO
    return Expression(f"{value.text} >> 248 - 8 * {index.text} & 255 if {index.text} < 32 else 0", 8)


def _sar(shift: Value, value: Value) -> Result:
    signed = f"(({value.text} ^ SIGN) - SIGN"
    if isinstance(shift, Constant):
        return Expression(f"{signed} >> {min(shift.number, WORD_BITS)}) & M")
    return Expression(f"{signed} >> ({shift.text} if {shift.text} < 256 else 256)) & M")


def _signextend(size: Value, value: Value) -> Result | None:
    """Only for a size that the code fixes, as compilers do."""
    if not isinstance(size, Constant):
        return None
    if size.number >= 31:
        return value
    sign = 1 << 8 * size.number + 7
    return Expression(f"(({value.text} & {2 * sign - 1:#x} ^ {sign:#x}) - {sign:#x}) & M")


TEMPLATES: Mapping[str, Template] = {
    "ADD": _add,
    "MUL": _mul,
    "SUB": _sub,
    "DIV": _divided("//"),
    "MOD": _divided("%"),
    "ADDMOD": _modular("+"),
    "MULMOD": _modular("*"),
    "LT": _compared("<", ">="),
    "GT": _compared(">", "<="),
    "SLT": _signed("<", ">="),
    "SGT": _signed(">", "<="),
    "EQ": _compared("==", "!="),
    "ISZERO": _iszero,
    "AND": _and,
    "OR": _or,
    "XOR": _xor,
    "NOT": _not,
    "BYTE": _byte,
    "SHL": _shl,
    "SHR": _shr,
    "SAR": _sar,
    "SIGNEXTEND": _signextend,
}
"""By name. Every other instruction is a call of the interpreter's handler."""
