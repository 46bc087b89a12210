"""One running piece of bytecode.

Owns the mutable things of a frame (stack, memory, gas, return data) and the errors that end one.
Never does: execute. The interpreter, the compiled code and the tracing loop all work on this one class.
Specification: yellow paper section 9.1 (machine state).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vm.message import CallData, CallKind, Message

if TYPE_CHECKING:
    from state.world import WorldState
    from vm.context import ExecutionContext
    from vm.rules import Rules

STACK_LIMIT = 1_024
WORD_LIMIT = 1 << 256
WORD_MASK = WORD_LIMIT - 1
MEMORY_WORD = 3
MEMORY_QUADRATIC_DENOMINATOR = 512
COPIED_INPUT_BYTES = 1_024  # a copy of this size costs less than a window

MEMORY_END_LIMIT = 1 << 40
"""No gas limit (below 2**64) pays for a memory that reaches this far: its price is above 2**61."""


class ExceptionalHalt(Exception):
    """Ends the frame: all its gas is gone and its effects are undone. The text is go-ethereum's, for people."""


class OutOfGas(ExceptionalHalt):
    """The frame cannot pay."""

    def __init__(self, text: str = "out of gas") -> None:
        super().__init__(text)


class Frame:
    """The machine state of one message, and what its instructions may ask.

    stack: numbers below 2**256, the top last. memory: a multiple of 32 bytes; the same object for the life of
    the frame. gas: what is left, after what was charged ahead for the running block of instructions. gas_of_calls:
    what calls and creations of this frame have used. output: set by the instruction that ends the frame.
    input: call data, empty for creations.
    """

    __slots__ = (
        "address",
        "caller",
        "code",
        "context",
        "depth",
        "gas",
        "gas_of_calls",
        "input",
        "is_static",
        "memory",
        "output",
        "return_data",
        "rules",
        "stack",
        "value",
        "world",
    )

    def __init__(self, context: ExecutionContext, message: Message, code: bytes) -> None:
        self.context = context
        self.world: WorldState = context.world
        self.rules: Rules = context.rules
        self.code = code
        self.stack: list[int] = []
        self.memory = bytearray()
        self.gas = message.gas
        self.gas_of_calls = 0
        self.return_data = b""
        self.output = b""
        self.address = message.target
        self.caller = message.caller
        self.value = message.value
        self.input: bytes | CallData = b"" if message.kind >= CallKind.CREATE else message.input
        self.depth = message.depth
        self.is_static = message.is_static

    def charge(self, amount: int) -> None:
        """Takes `amount` gas. Raises OutOfGas."""
        self.gas -= amount
        if self.gas < 0:
            raise OutOfGas

    def extend_memory(self, start: int, size: int) -> None:
        """Charges for and grows memory to hold `size` bytes at `start`; nothing for no bytes. Raises OutOfGas."""
        end = start + size
        if size and end > len(self.memory):
            self.grow_memory(end)

    def grow_memory(self, end: int) -> None:
        """Charges for and grows memory to at least `end` bytes, which is more than it has. Raises OutOfGas."""
        if end > MEMORY_END_LIMIT:
            raise OutOfGas
        memory = self.memory
        before = len(memory) >> 5
        words = (end + 31) >> 5
        self.gas -= (words - before) * MEMORY_WORD + (
            words * words // MEMORY_QUADRATIC_DENOMINATOR - before * before // MEMORY_QUADRATIC_DENOMINATOR
        )
        if self.gas < 0:
            raise OutOfGas
        memory.extend(bytes((words - before) << 5))

    def read_memory(self, start: int, size: int) -> bytes:
        """A copy of memory that `extend_memory` has made."""
        if size <= COPIED_INPUT_BYTES:
            return bytes(self.memory[start : start + size])
        return bytes(memoryview(self.memory)[start : start + size])  # copied once, not twice

    def call_data(self, start: int, size: int) -> bytes | CallData:
        """Input of a call: a copy if it is short, else a window into this memory."""
        if size <= COPIED_INPUT_BYTES:
            return bytes(self.memory[start : start + size])
        return CallData(self.memory, start, size)
