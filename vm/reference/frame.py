"""One running piece of bytecode: py-evm's computation, attached to our state and gas.

Owns the frame's gas counter, memory growth and program counter, and the hooks through which py-evm's
instructions write logs. Most instructions are py-evm's.
Never does: call, create or undo; those instructions are in vm/reference/instructions.py.
Specification: yellow paper section 9; py-evm 0.12.1b1, eth.vm.computation.BaseComputation.
"""

from __future__ import annotations

from typing import Any

from eth.exceptions import OutOfGas
from eth.vm.forks.prague.computation import PragueComputation

from chain.errors import InvariantViolation
from chain.receipt import Log
from chain.types import Address, Hash32
from vm.context import ExecutionContext
from vm.message import CallData
from vm.reference.code import Code
from vm.reference.host import FrameMessage, StateView
from vm.reference.stack import Stack

MEMORY_WORD = 3
MEMORY_QUADRATIC_DENOMINATOR = 512
COPIED_INPUT_BYTES = 1_024  # a copy of this size costs less than a window


def memory_cost(words: int) -> int:
    """Gas for a memory of `words` words (yellow paper, C_mem)."""
    return words * MEMORY_WORD + words * words // MEMORY_QUADRATIC_DENOMINATOR


class EvmFrame(PragueComputation):
    """Deliberately does not call the constructors of its bases: they build a gas meter and a code stream that
    are replaced here, and warm the coinbase in every frame, which belongs to the transaction (EIP-3651)."""

    state: Any
    _memory: Any
    msg: Any
    code: Any
    transaction_context: Any

    def __init__(
        self, context: ExecutionContext, view: StateView, message: FrameMessage, code: bytes, gas: int
    ) -> None:
        self.context = context
        self.world = context.world
        self.state = view
        self.transaction_context = view.transaction
        self.msg = message
        self.code = Code(code)
        self.gas_left = gas
        self.return_data = b""
        self.output_bytes = b""
        self.memory = self._memory = bytearray()  # the second name is the one that MSIZE reads
        stack = Stack()
        self.stack = stack.values
        # py-evm looks these up lazily through descriptors; bound at once they are plain attributes.
        self.stack_pop_ints = stack.pop_ints
        self.stack_pop1_int = stack.pop1_int
        self.stack_pop1_bytes = stack.pop1_bytes
        self.stack_push_int = stack.push_int
        self.stack_push_bytes = stack.push_bytes

    # -- gas

    def consume_gas(self, amount: int, reason: str) -> None:  # noqa: ARG002  py-evm's signature
        left = self.gas_left - amount
        if left < 0:
            raise OutOfGas("out of gas")
        self.gas_left = left

    def charge(self, amount: int) -> None:
        """Takes `amount` gas, or fails the frame."""
        left = self.gas_left - amount
        if left < 0:
            raise OutOfGas("out of gas")
        self.gas_left = left

    def get_gas_remaining(self) -> int:
        return self.gas_left

    # -- memory

    def extend_memory(self, start_position: int, size: int) -> None:
        """Charges for and grows memory to hold `size` bytes at `start_position`; nothing for no bytes."""
        if not size:
            return
        memory = self.memory
        before = len(memory)
        end = start_position + size
        if end <= before:
            return
        words = (end + 31) >> 5
        self.charge(memory_cost(words) - memory_cost(before >> 5))
        memory.extend(bytes(words * 32 - before))

    def memory_read_bytes(self, start_position: int, size: int) -> bytes:
        if size <= COPIED_INPUT_BYTES:
            return bytes(self.memory[start_position : start_position + size])
        return bytes(
            memoryview(self.memory)[start_position : start_position + size]
        )  # copied once, not twice

    def call_data(self, start_position: int, size: int) -> bytes | CallData:
        """Input of a call: a copy if it is short, else a window into this memory."""
        if size <= COPIED_INPUT_BYTES:
            return bytes(self.memory[start_position : start_position + size])
        return CallData(self.memory, start_position, size)

    def memory_write(self, start_position: int, size: int, value: bytes) -> None:
        """Writes `value`, which is `size` bytes long, where `extend_memory` has made room."""
        if size != len(value):
            raise InvariantViolation(f"memory write of {len(value)} bytes into {size}")
        if size:
            self.memory[start_position : start_position + size] = value

    def memory_copy(self, destination: int, source: int, length: int) -> Any:
        if length:
            self.memory[destination : destination + length] = self.memory[source : source + length]

    # -- results

    @property
    def output(self) -> bytes:
        return self.output_bytes

    @output.setter
    def output(self, value: bytes) -> None:
        self.output_bytes = value

    def add_log_entry(self, account: Any, topics: tuple[int, ...], data: bytes) -> None:
        self.world.add_log(
            Log(Address(account), tuple([Hash32(topic.to_bytes(32, "big")) for topic in topics]), data)
        )
