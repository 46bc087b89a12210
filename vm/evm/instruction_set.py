"""Which instructions each rule set has, and what they cost.

Owns: the table of the first rule set and the changes of each later one.
Never does: hold handlers (vm/evm/instructions/).
Specification: yellow paper appendix H; EIP-606 (Homestead) to EIP-7607 (Osaka), the meta EIPs of the rule sets.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TypeAlias

from vm.evm.instruction import Flow, Handler, Instruction, InstructionSet
from vm.evm.instructions import (
    accounts,
    arithmetic,
    bits,
    calls,
    creation,
    environment,
    memory,
    stack,
    storage,
)
from vm.evm.instructions.accounts import access, free_access
from vm.evm.instructions.logs import LOG, LOG_TOPIC, log
from vm.forks import Fork
from vm.gas import CREATE, SELFDESTRUCT, WARM_ACCESS

OPCODES = 256
INVALID = 0xFE

Entry: TypeAlias = tuple[str, int, int, int, Handler | None] | tuple[str, int, int, int, Handler | None, Flow]
"""name, gas, items taken, items left, handler, flow if not NEXT"""

_FRONTIER: Mapping[int, Entry] = {
    0x00: ("STOP", 0, 0, 0, memory.stop, Flow.END),
    0x01: ("ADD", 3, 2, 1, arithmetic.add),
    0x02: ("MUL", 5, 2, 1, arithmetic.mul),
    0x03: ("SUB", 3, 2, 1, arithmetic.sub),
    0x04: ("DIV", 5, 2, 1, arithmetic.div),
    0x05: ("SDIV", 5, 2, 1, arithmetic.sdiv),
    0x06: ("MOD", 5, 2, 1, arithmetic.mod),
    0x07: ("SMOD", 5, 2, 1, arithmetic.smod),
    0x08: ("ADDMOD", 8, 3, 1, arithmetic.addmod),
    0x09: ("MULMOD", 8, 3, 1, arithmetic.mulmod),
    0x0A: ("EXP", 10, 2, 1, arithmetic.exp(10)),
    0x0B: ("SIGNEXTEND", 5, 2, 1, arithmetic.signextend),
    0x10: ("LT", 3, 2, 1, bits.lt),
    0x11: ("GT", 3, 2, 1, bits.gt),
    0x12: ("SLT", 3, 2, 1, bits.slt),
    0x13: ("SGT", 3, 2, 1, bits.sgt),
    0x14: ("EQ", 3, 2, 1, bits.eq),
    0x15: ("ISZERO", 3, 1, 1, bits.iszero),
    0x16: ("AND", 3, 2, 1, bits.and_),
    0x17: ("OR", 3, 2, 1, bits.or_),
    0x18: ("XOR", 3, 2, 1, bits.xor),
    0x19: ("NOT", 3, 1, 1, bits.not_),
    0x1A: ("BYTE", 3, 2, 1, bits.byte),
    0x20: ("KECCAK256", 30, 2, 1, memory.keccak),
    0x30: ("ADDRESS", 2, 0, 1, environment.address),
    0x31: ("BALANCE", 20, 1, 1, accounts.balance(free_access)),
    0x32: ("ORIGIN", 2, 0, 1, environment.origin),
    0x33: ("CALLER", 2, 0, 1, environment.caller),
    0x34: ("CALLVALUE", 2, 0, 1, environment.callvalue),
    0x35: ("CALLDATALOAD", 3, 1, 1, environment.calldataload),
    0x36: ("CALLDATASIZE", 2, 0, 1, environment.calldatasize),
    0x37: ("CALLDATACOPY", 3, 3, 0, memory.calldatacopy),
    0x38: ("CODESIZE", 2, 0, 1, environment.codesize),
    0x39: ("CODECOPY", 3, 3, 0, memory.codecopy),
    0x3A: ("GASPRICE", 2, 0, 1, environment.gasprice),
    0x3B: ("EXTCODESIZE", 20, 1, 1, accounts.extcodesize(free_access)),
    0x3C: ("EXTCODECOPY", 20, 4, 0, accounts.extcodecopy(free_access)),
    0x40: ("BLOCKHASH", 20, 1, 1, environment.blockhash),
    0x41: ("COINBASE", 2, 0, 1, environment.coinbase),
    0x42: ("TIMESTAMP", 2, 0, 1, environment.timestamp),
    0x43: ("NUMBER", 2, 0, 1, environment.number),
    0x44: ("DIFFICULTY", 2, 0, 1, environment.difficulty),
    0x45: ("GASLIMIT", 2, 0, 1, environment.gaslimit),
    0x50: ("POP", 2, 1, 0, stack.pop),
    0x51: ("MLOAD", 3, 1, 1, memory.mload),
    0x52: ("MSTORE", 3, 2, 0, memory.mstore),
    0x53: ("MSTORE8", 3, 2, 0, memory.mstore8),
    0x54: ("SLOAD", 50, 1, 1, storage.sload_unmetered),
    0x55: ("SSTORE", 0, 2, 0, storage.sstore_frontier),
    0x56: ("JUMP", 8, 1, 0, None, Flow.JUMP),
    0x57: ("JUMPI", 10, 2, 0, None, Flow.JUMPI),
    0x58: ("PC", 2, 0, 1, stack.push),
    0x59: ("MSIZE", 2, 0, 1, memory.msize),
    0x5A: ("GAS", 2, 0, 1, stack.gas),
    0x5B: ("JUMPDEST", 1, 0, 0, None, Flow.JUMPDEST),
    **{0x5F + size: (f"PUSH{size}", 3, 0, 1, stack.push) for size in range(1, 33)},
    **{0x7F + item: (f"DUP{item}", 3, item, item + 1, stack.dup) for item in range(1, 17)},
    **{0x8F + item: (f"SWAP{item}", 3, item + 1, item + 1, stack.swap) for item in range(1, 17)},
    **{
        0xA0 + topics: (f"LOG{topics}", LOG + LOG_TOPIC * topics, topics + 2, 0, log(topics))
        for topics in range(5)
    },
    0xF0: ("CREATE", CREATE, 3, 1, creation.create(creation.FRONTIER), Flow.CUT),
    0xF1: ("CALL", 40, 7, 1, calls.call(calls.FRONTIER), Flow.CUT),
    0xF2: ("CALLCODE", 40, 7, 1, calls.callcode(calls.FRONTIER), Flow.CUT),
    0xF3: ("RETURN", 0, 2, 0, memory.return_, Flow.END),
    0xFF: ("SELFDESTRUCT", 0, 1, 0, accounts.selfdestruct_frontier, Flow.END),
}


def _calls(gas: int, rules: calls.CallRules) -> dict[int, Entry]:
    """The calls that exist before Byzantium."""
    return {
        0xF1: ("CALL", gas, 7, 1, calls.call(rules), Flow.CUT),
        0xF2: ("CALLCODE", gas, 7, 1, calls.callcode(rules), Flow.CUT),
        0xF4: ("DELEGATECALL", gas, 6, 1, calls.delegatecall(rules), Flow.CUT),
    }


def _all_calls(gas: int, rules: calls.CallRules) -> dict[int, Entry]:
    return {
        **_calls(gas, rules),
        0xFA: ("STATICCALL", gas, 6, 1, calls.staticcall(rules), Flow.CUT),
    }


_CHANGES: Mapping[str, Mapping[int, Entry]] = {
    "HOMESTEAD": {0xF4: ("DELEGATECALL", 40, 6, 1, calls.delegatecall(calls.FRONTIER), Flow.CUT)},
    "TANGERINE_WHISTLE": {
        0x31: ("BALANCE", 400, 1, 1, accounts.balance(free_access)),
        0x3B: ("EXTCODESIZE", 700, 1, 1, accounts.extcodesize(free_access)),
        0x3C: ("EXTCODECOPY", 700, 4, 0, accounts.extcodecopy(free_access)),
        0x54: ("SLOAD", 200, 1, 1, storage.sload_unmetered),
        0xF0: ("CREATE", CREATE, 3, 1, creation.create(creation.TANGERINE_WHISTLE), Flow.CUT),
        **_calls(700, calls.TANGERINE_WHISTLE),
        0xFF: ("SELFDESTRUCT", SELFDESTRUCT, 1, 0, accounts.selfdestruct_tangerine_whistle, Flow.END),
    },
    "SPURIOUS_DRAGON": {
        0x0A: ("EXP", 10, 2, 1, arithmetic.exp(50)),
        **_calls(700, calls.SPURIOUS_DRAGON),
        0xFF: ("SELFDESTRUCT", SELFDESTRUCT, 1, 0, accounts.selfdestruct_spurious_dragon, Flow.END),
    },
    "BYZANTIUM": {
        0x3D: ("RETURNDATASIZE", 2, 0, 1, environment.returndatasize),
        0x3E: ("RETURNDATACOPY", 3, 3, 0, memory.returndatacopy),
        **_all_calls(700, calls.SPURIOUS_DRAGON),
        0xFD: ("REVERT", 0, 2, 0, memory.return_, Flow.REVERT),
    },
    "CONSTANTINOPLE": {
        0x1B: ("SHL", 3, 2, 1, bits.shl),
        0x1C: ("SHR", 3, 2, 1, bits.shr),
        0x1D: ("SAR", 3, 2, 1, bits.sar),
        0x3F: ("EXTCODEHASH", 400, 1, 1, accounts.extcodehash(free_access)),
        0x55: ("SSTORE", 0, 2, 0, storage.sstore(storage.EIP_1283)),
        0xF5: ("CREATE2", CREATE, 4, 1, creation.create2(creation.TANGERINE_WHISTLE), Flow.CUT),
    },
    "PETERSBURG": {0x55: ("SSTORE", 0, 2, 0, storage.sstore_frontier)},
    "ISTANBUL": {
        0x31: ("BALANCE", 700, 1, 1, accounts.balance(free_access)),
        0x3F: ("EXTCODEHASH", 700, 1, 1, accounts.extcodehash(free_access)),
        0x46: ("CHAINID", 2, 0, 1, environment.chainid),
        0x47: ("SELFBALANCE", 5, 0, 1, accounts.selfbalance),
        0x54: ("SLOAD", 800, 1, 1, storage.sload_unmetered),
        0x55: ("SSTORE", 0, 2, 0, storage.sstore(storage.EIP_2200)),
    },
    "BERLIN": {
        0x31: ("BALANCE", WARM_ACCESS, 1, 1, accounts.balance(access)),
        0x3B: ("EXTCODESIZE", WARM_ACCESS, 1, 1, accounts.extcodesize(access)),
        0x3C: ("EXTCODECOPY", WARM_ACCESS, 4, 0, accounts.extcodecopy(access)),
        0x3F: ("EXTCODEHASH", WARM_ACCESS, 1, 1, accounts.extcodehash(access)),
        0x54: ("SLOAD", WARM_ACCESS, 1, 1, storage.sload),
        0x55: ("SSTORE", 0, 2, 0, storage.sstore(storage.EIP_2929)),
        **_all_calls(WARM_ACCESS, calls.BERLIN),
        0xFF: ("SELFDESTRUCT", SELFDESTRUCT, 1, 0, accounts.selfdestruct_berlin, Flow.END),
    },
    "LONDON": {
        0x48: ("BASEFEE", 2, 0, 1, environment.basefee),
        0x55: ("SSTORE", 0, 2, 0, storage.sstore(storage.EIP_3529)),
        0xFF: ("SELFDESTRUCT", SELFDESTRUCT, 1, 0, accounts.selfdestruct_london, Flow.END),
    },
    "PARIS": {0x44: ("PREVRANDAO", 2, 0, 1, environment.prevrandao)},
    "SHANGHAI": {
        0x5F: ("PUSH0", 2, 0, 1, stack.push),
        0xF0: ("CREATE", CREATE, 3, 1, creation.create(creation.SHANGHAI), Flow.CUT),
        0xF5: ("CREATE2", CREATE, 4, 1, creation.create2(creation.SHANGHAI), Flow.CUT),
    },
    "CANCUN": {
        0x49: ("BLOBHASH", 3, 1, 1, environment.blobhash),
        0x4A: ("BLOBBASEFEE", 2, 0, 1, environment.blobbasefee),
        0x5C: ("TLOAD", 100, 1, 1, storage.tload),
        0x5D: ("TSTORE", 100, 2, 0, storage.tstore),
        0x5E: ("MCOPY", 3, 3, 0, memory.mcopy),
        0xFF: ("SELFDESTRUCT", SELFDESTRUCT, 1, 0, accounts.selfdestruct, Flow.END),
    },
    "PRAGUE": _all_calls(WARM_ACCESS, calls.PRAGUE),
    "OSAKA": {0x1E: ("CLZ", 5, 1, 1, bits.clz)},
}
"""By the name of the rule set, in order."""


@cache
def instruction_set(fork: Fork) -> InstructionSet:
    """The instructions of one rule set, by opcode."""
    table = dict(_FRONTIER)
    for name, changes in _CHANGES.items():
        if Fork[name] <= fork:
            table |= changes
    return tuple([_instruction(opcode, table.get(opcode)) for opcode in range(OPCODES)])


def _instruction(opcode: int, entry: Entry | None) -> Instruction:
    if entry is None:
        name = "INVALID" if opcode == INVALID else f"opcode {opcode:#x} not defined"
        return Instruction(opcode, name, 0, 0, 0, Flow.UNDEFINED, stack.undefined(name))
    name, gas, pops, pushes, handler, *flow = entry
    immediate = opcode - 0x5F if 0x60 <= opcode <= 0x7F else 0
    return Instruction(opcode, name, gas, pops, pushes, flow[0] if flow else Flow.NEXT, handler, immediate)
