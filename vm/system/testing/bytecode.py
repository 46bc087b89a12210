"""Small EVM contracts for tests: attackers, proxies and callees that behave as a test wants.

Owns: an assembler of names and numbers, and a few programs made with it.
Never does: run them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from chain.types import Address
from vm.evm.instruction_set import OPCODES, instruction_set
from vm.forks import Fork
from vm.message import CallKind

_CALLS: Mapping[CallKind, str] = {
    CallKind.CALL: "CALL",
    CallKind.CALLCODE: "CALLCODE",
    CallKind.DELEGATECALL: "DELEGATECALL",
    CallKind.STATICCALL: "STATICCALL",
}


@cache
def _opcodes() -> Mapping[str, int]:
    instructions = instruction_set(Fork.PRAGUE)
    return {instructions[opcode].name: opcode for opcode in range(OPCODES)}


def assemble(*parts: int | str | bytes) -> bytes:
    """Bytecode: an int or bytes is pushed with the shortest PUSH, a name is that instruction."""
    code = bytearray()
    for part in parts:
        if isinstance(part, str):
            code.append(_opcodes()[part])
            continue
        operand = part.to_bytes((part.bit_length() + 7) // 8) if isinstance(part, int) else part
        code.append(_opcodes()["PUSH0"] + len(operand))
        code += operand
    return bytes(code)


def _bubbling(before: bytes) -> bytes:
    """`before` leaves a call's success on the stack; then its output is returned, or reverted with."""
    answer = assemble("RETURNDATASIZE", 0, 0, "RETURNDATACOPY")
    revert = assemble("RETURNDATASIZE", 0, "REVERT")
    head = before + answer
    # PUSH2 target JUMPI, then the revert, then JUMPDEST and the return
    target = len(head) + 4 + len(revert)
    return (
        head
        + assemble(target.to_bytes(2), "JUMPI")
        + revert
        + assemble("JUMPDEST", "RETURNDATASIZE", 0, "RETURN")
    )


def proxy(kind: CallKind = CallKind.CALL) -> bytes:
    """Call data is a target in a word and a payload: calls it in this way, with its own value, and passes on what comes
    back."""
    code = assemble(32, "CALLDATASIZE", "SUB", 32, 0, "CALLDATACOPY")
    code += assemble(0, 0, 32, "CALLDATASIZE", "SUB", 0)
    if kind in (CallKind.CALL, CallKind.CALLCODE):
        code += assemble("CALLVALUE")
    return _bubbling(code + assemble(0, "CALLDATALOAD", "GAS", _CALLS[kind]))


def through_proxy(target: Address, payload: bytes) -> bytes:
    """Call data for `proxy`."""
    return bytes(12) + target + payload


def calling(target: Address, payload: bytes, kind: CallKind = CallKind.CALL, value: int = 0) -> bytes:
    """Whatever it is called with, makes one call of its own, and passes on what comes back."""
    code = _in_memory(payload)
    code += assemble(0, 0, len(payload), 0)
    if kind in (CallKind.CALL, CallKind.CALLCODE):
        code += assemble(value)
    return _bubbling(code + assemble(bytes(target), "GAS", _CALLS[kind]))


def answering(output: bytes) -> bytes:
    """Returns `output`, whatever it is called with."""
    return _in_memory(output) + assemble(len(output), 0, "RETURN")


def reverting(output: bytes = b"") -> bytes:
    """Reverts with `output`."""
    return answering(output)[:-1] + assemble("REVERT")


def echoing_selector() -> bytes:
    """Returns the selector that it is called with, as receivers of ERC-721 and ERC-1155 tokens do."""
    return assemble(0, "CALLDATALOAD", 224, "SHR", 224, "SHL", 0, "MSTORE", 32, 0, "RETURN")


def reentering(target: Address, payload: bytes, answer: bytes | None = None) -> bytes:
    """A callee that attacks: calls `target` with `payload`, and reverts if that reverts. Otherwise it returns `answer`,
    or the selector that it was called with, if none is given."""
    before = _in_memory(payload)
    before += assemble(0, 0, len(payload), 0, 0, bytes(target), "GAS", "CALL")
    revert = assemble("RETURNDATASIZE", 0, 0, "RETURNDATACOPY", "RETURNDATASIZE", 0, "REVERT")
    behind = echoing_selector() if answer is None else answering(answer)
    after = len(before) + 4 + len(revert)
    return before + assemble(after.to_bytes(2), "JUMPI") + revert + assemble("JUMPDEST") + behind


def trying(target: Address, payload: bytes, slot: int = 0) -> bytes:
    """A callee that attacks and hides it: calls `target` with `payload`, stores 1 in `slot` if that succeeds and 2 if
    not, and returns the selector that it was called with."""
    call = assemble(0, 0, len(payload), 0, 0, bytes(target), "GAS", "CALL")
    mark = assemble("ISZERO", 1, "ADD", slot, "SSTORE")
    return _in_memory(payload) + call + mark + echoing_selector()


def _in_memory(raw: bytes) -> bytes:
    """Writes `raw` to memory from 0 on."""
    return b"".join(
        assemble(raw[at : at + 32].ljust(32, b"\0"), at, "MSTORE") for at in range(0, len(raw), 32)
    )
