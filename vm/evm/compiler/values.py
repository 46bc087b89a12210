"""What the compiler knows about a word of the stack.

Owns: the kinds of a symbolic value and their Python text.
Never does: emit statements (vm/evm/compiler/writer.py) or know an opcode (vm/evm/compiler/templates.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

WORD_BITS = 256


@dataclass(frozen=True, slots=True)
class Constant:
    """A number that the code itself fixes."""

    number: int

    @property
    def text(self) -> str:
        return hex(self.number) if self.number > 0xFFFF else str(self.number)

    @property
    def bits(self) -> int:
        return self.number.bit_length()


@dataclass(frozen=True, slots=True)
class Local:
    """A local variable of the compiled function, assigned once on each path. Its value is below 2**bits."""

    text: str
    bits: int = WORD_BITS


@dataclass(frozen=True, slots=True)
class Input:
    """The item that lay `position` below the top (1 is the top) when the region was entered."""

    position: int

    @property
    def text(self) -> str:
        return f"s{self.position}"

    @property
    def bits(self) -> int:
        return WORD_BITS


@dataclass(frozen=True, slots=True)
class Condition:
    """A comparison not yet needed as a number: 1 if `holds`, a Python expression; `fails` is its negation."""

    holds: str
    fails: str

    @property
    def text(self) -> str:
        return f"(1 if {self.holds} else 0)"

    @property
    def bits(self) -> int:
        return 1

    @property
    def negation(self) -> Condition:
        return Condition(self.fails, self.holds)


Value: TypeAlias = Constant | Local | Input | Condition

ZERO = Constant(0)


def truth(value: Value) -> Condition:
    """Whether `value` is not zero, as a condition."""
    if isinstance(value, Condition):
        return value
    return Condition(value.text, f"not {value.text}")
