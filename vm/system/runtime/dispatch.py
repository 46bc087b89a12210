"""From call data to a function and back.

Owns: the order in which a call is paid for, decoded, guarded, locked and run, and what a class without a fitting
function does.
Never does: end a call: what these functions raise, the engine turns into an outcome (engine.py).
Specification: Solidity's contract ABI; docs/system-contracts.md, "Rules" and "Gas".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vm.evm.frame import OutOfGas
from vm.message import CallData
from vm.system.abi.codec import AbiDecodeError
from vm.system.contract import Contract, ReentrancyGuardReentrantCall
from vm.system.errors import Revert
from vm.system.functions import SELECTOR_BYTES
from vm.system.gas import CALL_BASE, DECODE_WORD, DEFAULT_WORK, words_gas


def run_call(contract: Contract, payload: bytes | CallData) -> bytes:
    """Decodes call data, runs the function and encodes what it returns. Raises Revert and what the frame raises."""
    frame = contract.frame
    size = len(payload)
    function = contract.entries.get(payload[:SELECTOR_BYTES])
    if function is None:
        return _run_without_function(contract, size)
    frame.gas -= function.base_gas + DECODE_WORD * ((size + 27) >> 5)
    if frame.gas < 0:
        raise OutOfGas
    if frame.value and not function.is_payable:
        raise Revert
    try:
        arguments = function.decode_arguments(payload[:])
    except AbiDecodeError:
        raise Revert from None
    if function.is_view:
        frame.is_static = True
    for check in function.guards:
        check(contract)
    result = (
        run_locked(contract, function.method, arguments)
        if function.is_locked
        else function.method(contract, *arguments)
    )
    if function.returns_nothing:
        return b""
    encoded = function.encode_result(result) if function.returns_one else function.encode_result(*result)
    if len(encoded) > 32:  # a word is in the base price
        frame.charge(words_gas(len(encoded)))
    return encoded


def run_locked(contract: Contract, method: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """Runs `method` while no other locked function of this account can be entered."""
    locks, own = contract.frame.locks, contract.address
    if own in locks:
        raise ReentrancyGuardReentrantCall()
    locks[own] = None
    try:
        return method(contract, *arguments)
    finally:
        del locks[own]


def _run_without_function(contract: Contract, size: int) -> bytes:
    """Coins without call data go to `receive`, anything else to `fallback`; a class without them reverts."""
    contract.charge(CALL_BASE + DEFAULT_WORK + words_gas(size))
    method = getattr(contract, "fallback", None) if size else getattr(contract, "receive", None)
    if method is None:
        raise Revert
    method()
    return b""


def run_constructor(contract: Contract, payload: bytes) -> None:
    """Runs the constructor on its encoded arguments. Raises Revert and what the frame raises."""
    contract.charge(words_gas(len(payload)))
    constructor = contract.constructing
    if contract.value and not contract.constructor_takes_coins:
        raise Revert
    try:
        arguments = constructor.decode(payload)
    except AbiDecodeError:
        raise Revert from None
    run_locked(contract, constructor.run, arguments)
