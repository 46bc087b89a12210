"""The operand stack, and the instructions that only move its items.

Owns a stack of integers with the interface that py-evm's instructions use, and PUSH, DUP, SWAP and POP on it.
Replaces py-evm's Stack, which keeps bytes and integers side by side and converts at every pop: most of the
cost of simple instructions was there.
Specification: yellow paper 9.1 (at most 1024 items of 256 bits).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from eth.exceptions import FullStack, InsufficientStack

if TYPE_CHECKING:
    from vm.reference.frame import EvmFrame

STACK_LIMIT = 1_024


class Stack:
    """Items are integers below 2**256, which the instructions guarantee; `values[-1]` is the top."""

    __slots__ = ("values",)

    def __init__(self) -> None:
        self.values: list[int] = []

    def push_int(self, value: int) -> None:
        values = self.values
        if len(values) >= STACK_LIMIT:
            raise FullStack("stack limit reached")
        values.append(value)

    def push_bytes(self, value: bytes) -> None:
        """Pushes at most 32 bytes as a big-endian number."""
        values = self.values
        if len(values) >= STACK_LIMIT:
            raise FullStack("stack limit reached")
        values.append(int.from_bytes(value, "big"))

    def pop1_int(self) -> int:
        try:
            return self.values.pop()
        except IndexError:
            raise InsufficientStack("stack underflow") from None

    def pop1_bytes(self) -> bytes:
        """The top as the fewest big-endian bytes, at least one."""
        value = self.pop1_int()
        return value.to_bytes((value.bit_length() + 7) >> 3 or 1, "big")

    def pop_ints(self, count: int) -> tuple[int, ...]:
        """The topmost items, the top first."""
        values = self.values
        if len(values) < count:
            raise InsufficientStack("stack underflow")
        popped = values[: -count - 1 : -1]
        del values[-count:]
        return tuple(popped)


def pop(frame: EvmFrame) -> None:
    try:
        frame.stack.pop()
    except IndexError:
        raise InsufficientStack("stack underflow") from None


def push0(frame: EvmFrame) -> None:
    stack = frame.stack
    if len(stack) >= STACK_LIMIT:
        raise FullStack("stack limit reached")
    stack.append(0)


def push(size: int) -> Callable[[EvmFrame], None]:
    """PUSH of `size` > 0 bytes. An operand that the end of the code cuts off continues with zeros."""

    def instruction(frame: EvmFrame) -> None:
        stack = frame.stack
        if len(stack) >= STACK_LIMIT:
            raise FullStack("stack limit reached")
        operand = frame.code.read(size)
        missing = size - len(operand)
        value = int.from_bytes(operand, "big")
        stack.append(value << 8 * missing if missing else value)

    return instruction


def duplicate(position: int) -> Callable[[EvmFrame], None]:
    """DUP of the item at `position`, 1 for the top."""

    def instruction(frame: EvmFrame) -> None:
        stack = frame.stack
        if len(stack) >= STACK_LIMIT:
            raise FullStack("stack limit reached")
        try:
            stack.append(stack[-position])
        except IndexError:
            raise InsufficientStack("stack underflow") from None

    return instruction


def swap(position: int) -> Callable[[EvmFrame], None]:
    """SWAP of the top with the item `position` below it."""
    other = -position - 1

    def instruction(frame: EvmFrame) -> None:
        stack = frame.stack
        try:
            stack[-1], stack[other] = stack[other], stack[-1]
        except IndexError:
            raise InsufficientStack("stack underflow") from None

    return instruction


def jumpdest(frame: EvmFrame) -> None:
    """Marks a jump target, and does nothing."""
