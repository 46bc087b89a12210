"""Memory, and the instructions that read or write ranges of it.

Owns: MLOAD to MCOPY, KECCAK256, the copies of call data, code and return data, and RETURN and REVERT.
Never does: decide what memory costs (vm/evm/frame.py).
Specification: yellow paper appendix H.2; EIP-140 (REVERT), EIP-211 (return data), EIP-5656 (MCOPY).
"""

from __future__ import annotations

from chain.keccak import keccak256
from vm.evm.frame import ExceptionalHalt, Frame, OutOfGas
from vm.gas import KECCAK_WORD
from vm.message import CallData

COPY_WORD = 3
RETURN_DATA_OUT_OF_BOUNDS = "return data out of bounds"

_number = int.from_bytes


def mload(frame: Frame, stack: list[int], _operand: int) -> None:
    start = stack[-1]
    end = start + 32
    memory = frame.memory
    if end > len(memory):
        frame.grow_memory(end)
    stack[-1] = _number(memory[start:end])


def mstore(frame: Frame, stack: list[int], _operand: int) -> None:
    start = stack.pop()
    end = start + 32
    memory = frame.memory
    if end > len(memory):
        frame.grow_memory(end)
    memory[start:end] = stack.pop().to_bytes(32)


def mstore8(frame: Frame, stack: list[int], _operand: int) -> None:
    start = stack.pop()
    memory = frame.memory
    if start >= len(memory):
        frame.grow_memory(start + 1)
    memory[start] = stack.pop() & 0xFF


def msize(frame: Frame, stack: list[int], _operand: int) -> None:
    stack.append(len(frame.memory))


def keccak(frame: Frame, stack: list[int], _operand: int) -> None:
    start, size = stack.pop(), stack.pop()
    end = start + size
    frame.gas -= KECCAK_WORD * (size + 31 >> 5)
    if frame.gas < 0:
        raise OutOfGas
    if size and end > len(frame.memory):
        frame.grow_memory(end)
    stack.append(_number(keccak256(frame.read_memory(start, size))))


def _charge_copy(frame: Frame, start: int, size: int) -> None:
    """For writing `size` > 0 bytes of memory at `start`. Raises OutOfGas."""
    frame.gas -= COPY_WORD * (size + 31 >> 5)
    if frame.gas < 0:
        raise OutOfGas
    end = start + size
    if end > len(frame.memory):
        frame.grow_memory(end)


def _write(frame: Frame, start: int, size: int, content: bytes) -> None:
    """Writes `content`, and zeros where it is shorter than `size`."""
    frame.memory[start : start + size] = content if len(content) == size else content.ljust(size, b"\0")


def calldatacopy(frame: Frame, stack: list[int], _operand: int) -> None:
    target, source, size = stack.pop(), stack.pop(), stack.pop()
    if size:
        _charge_copy(frame, target, size)
        given = frame.input
        _write(frame, target, size, given[source : source + size])
        if type(given) is CallData and given.is_worth_a_copy:
            frame.input = given[:]


def codecopy(frame: Frame, stack: list[int], _operand: int) -> None:
    target, source, size = stack.pop(), stack.pop(), stack.pop()
    if size:
        _charge_copy(frame, target, size)
        _write(frame, target, size, frame.code[source : source + size])


def copy_foreign_code(frame: Frame, target: int, size: int, part: bytes) -> None:
    """EXTCODECOPY, once the account is paid for: `part` is what its code has there."""
    _charge_copy(frame, target, size)
    _write(frame, target, size, part)


def returndatacopy(frame: Frame, stack: list[int], _operand: int) -> None:
    target, source, size = stack.pop(), stack.pop(), stack.pop()
    if size:
        _charge_copy(frame, target, size)
    if source + size > len(frame.return_data):
        raise ExceptionalHalt(RETURN_DATA_OUT_OF_BOUNDS)
    if size:
        frame.memory[target : target + size] = frame.return_data[source : source + size]


def mcopy(frame: Frame, stack: list[int], _operand: int) -> None:
    target, source, size = stack.pop(), stack.pop(), stack.pop()
    if size:
        _charge_copy(frame, max(target, source), size)
        memory = frame.memory
        memory[target : target + size] = memory[source : source + size]


def return_(frame: Frame, stack: list[int], _operand: int) -> None:
    """RETURN and REVERT: the output. What happens to the effects is the loop's and the call path's part."""
    start, size = stack.pop(), stack.pop()
    if size:
        frame.extend_memory(start, size)
        frame.output = frame.read_memory(start, size)


def stop(_frame: Frame, _stack: list[int], _operand: int) -> None:
    """The output of a frame is empty from the start."""
