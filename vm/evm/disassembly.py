"""Bytecode as text.

Owns: the walk over the instructions, and what is known of each place without running anything.
Never does: execute.
Specification: yellow paper 9.4.3 (the operand of a PUSH is no instruction); "Contract Metadata" in the documentation of
Solidity.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from vm.evm.instruction import Flow, InstructionSet

METADATA = "METADATA"
"""The name of the one line for what solc writes behind the code."""

_METADATA_KEYS = (b"ipfs", b"bzzr0", b"bzzr1", b"solc", b"experimental")
_MAP_OF_ONE, _MAP_OF_FOUR = 0xA1, 0xA4  # CBOR
_SHORT_TEXT = 0x60
_LENGTH_BYTES = 2

_ENDS = (Flow.END, Flow.REVERT, Flow.UNDEFINED, Flow.JUMP)


@dataclass(frozen=True, slots=True)
class Line:
    """position: of the opcode. operand: bytes of the immediate, cut off by the end of the code as they are there.

    gas: static price. is_reachable: False behind an end, until the next JUMPDEST; data is there. All metadata is one
    line, whose operand has the rest of it.
    """

    position: int
    name: str
    operand: bytes
    gas: int
    is_reachable: bool


def disassemble(code: bytes, instructions: InstructionSet) -> Iterator[Line]:
    """The instructions of `code` in order. Metadata is recognised only where an instruction would begin."""
    position = 0
    is_reachable = True
    metadata = metadata_position(code)
    while position < len(code):
        if position == metadata:
            yield Line(position, METADATA, code[position + 1 :], 0, is_reachable=False)
            return
        instruction = instructions[code[position]]
        is_reachable = is_reachable or instruction.flow is Flow.JUMPDEST
        following = position + 1 + instruction.immediate
        name = instruction.name if instruction.name.isidentifier() else f"0x{code[position]:02x}"
        yield Line(position, name, code[position + 1 : following], instruction.gas, is_reachable)
        if instruction.flow in _ENDS:
            is_reachable = False
        position = following


def metadata_position(code: bytes) -> int | None:
    """Where the metadata begins that solc writes behind the code: a CBOR map, its length in the last two bytes."""
    start = len(code) - _LENGTH_BYTES - int.from_bytes(code[-_LENGTH_BYTES:])
    if start < 0 or not _MAP_OF_ONE <= code[start] <= _MAP_OF_FOUR:
        return None
    key = (
        code[start + 2 : start + 2 + (code[start + 1] - _SHORT_TEXT)]
        if code[start + 1] > _SHORT_TEXT
        else b""
    )
    return start if key in _METADATA_KEYS else None
