"""Opcode -> (base gas, function), for each rule set.

Owns the choice of the function for each opcode: py-evm's, or ours where the instruction meets the state, the
call path, memory or the code (vm/reference/instructions.py), or only moves stack items (vm/reference/stack.py).
Never does: change prices of py-evm's instructions.
Specification: yellow paper appendix H; EIP-7569 (Cancun) and EIP-7600 (Prague: no new instruction).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from eth.vm.forks.cancun.computation import CancunComputation
from eth.vm.forks.prague.computation import PragueComputation

from chain.errors import InvariantViolation
from vm.forks import Fork
from vm.reference import instructions as own
from vm.reference import stack
from vm.reference.frame import EvmFrame

Instruction: TypeAlias = tuple[int, Callable[[EvmFrame], object]]
InstructionTable: TypeAlias = tuple[Instruction, ...]

OPCODES = 256
CLZ = 0x1E

_OWN: Mapping[int, Instruction] = {
    0x50: (2, stack.pop),
    0x5B: (1, stack.jumpdest),
    0x5F: (2, stack.push0),
    **{0x5F + size: (3, stack.push(size)) for size in range(1, 33)},
    **{0x7F + position: (3, stack.duplicate(position)) for position in range(1, 17)},
    **{0x8F + position: (3, stack.swap(position)) for position in range(1, 17)},
    0x20: (30, own.keccak),
    0x51: (3, own.mload),
    0x52: (3, own.mstore),
    0x53: (3, own.mstore8),
    0x54: (0, own.sload),
    0x55: (0, own.sstore),
    0x56: (8, own.jump),
    0x57: (10, own.jumpi),
    0x5C: (100, own.tload),
    0x5D: (100, own.tstore),
    0xF0: (0, own.create),
    0xF1: (0, own.call),
    0xF2: (0, own.callcode),
    0xF4: (0, own.delegatecall),
    0xF5: (0, own.create2),
    0xFA: (0, own.staticcall),
    0xFF: (0, own.selfdestruct),
}


def _build(opcodes: Mapping[int, object]) -> InstructionTable:
    table: list[Instruction] = [(0, own.undefined)] * OPCODES
    for opcode, instruction in opcodes.items():
        if opcode in _OWN:
            continue
        gas = getattr(instruction, "gas_cost", None)
        logic = getattr(instruction, "logic_fn", None)
        if not isinstance(gas, int) or not callable(logic):
            raise InvariantViolation(f"py-evm changed the form of opcode {opcode:#x}")
        table[opcode] = (gas, logic)
    for opcode, entry in _OWN.items():
        table[opcode] = entry
    return tuple(table)


def _with_clz(table: InstructionTable) -> InstructionTable:
    """EIP-7939, Osaka's only new instruction."""
    return (*table[:CLZ], (5, own.clz), *table[CLZ + 1 :])


INSTRUCTIONS: Mapping[Fork, InstructionTable] = {
    Fork.CANCUN: _build(CancunComputation.opcodes),
    Fork.PRAGUE: _build(PragueComputation.opcodes),
    Fork.OSAKA: _with_clz(_build(PragueComputation.opcodes)),  # py-evm ends with Prague
}
