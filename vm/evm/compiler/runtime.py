"""What compiled functions call besides the instructions' handlers.

Owns: the global names of generated code. Never does: anything that the interpreter does otherwise.
"""

from __future__ import annotations

from chain.keccak import keccak256
from vm.evm.frame import ExceptionalHalt, Frame, OutOfGas
from vm.evm.steps import INVALID_JUMP
from vm.message import CallData

WORD_BYTES = 32


def grown(frame: Frame, end: int, gas: int) -> int:
    """Grows memory to `end` bytes; what is left of `gas`. Raises OutOfGas."""
    frame.gas = gas
    frame.grow_memory(end)
    return frame.gas


def input_word(data: bytes | CallData, start: int) -> int:
    """CALLDATALOAD: bytes past the end count as zeros."""
    if type(data) is CallData:
        return data.word(start)
    if start >= len(data):
        return 0
    word = data[start : start + WORD_BYTES]
    missing = WORD_BYTES - len(word)
    return int.from_bytes(word, "big") << 8 * missing if missing else int.from_bytes(word, "big")


def checked(destination: int, table: bytes, size: int) -> int:
    """`destination`, if a jump may land there. Raises ExceptionalHalt."""
    if destination >= size or not table[destination >> 3] >> (destination & 7) & 1:
        raise ExceptionalHalt(INVALID_JUMP)
    return destination


NAMES: dict[str, object] = {
    "M": 2**256 - 1,
    "SIGN": 1 << 255,
    "OutOfGas": OutOfGas,
    "grown": grown,
    "input_word": input_word,
    "checked": checked,
    "number": int.from_bytes,
    "keccak256": keccak256,
}
