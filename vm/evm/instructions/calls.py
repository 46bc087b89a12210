"""Calls of other accounts.

Owns: CALL, CALLCODE, DELEGATECALL, STATICCALL: their price, the gas they pass on, and what they leave in memory.
Never does: execute a call; `context.execute_message` does.
Specification: yellow paper appendix H.2, group f0s; EIP-7, EIP-150 (all but one 64th), EIP-161 (new accounts), EIP-214,
EIP-2929 (cold accounts), EIP-7702 (delegated code).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from chain.types import Address
from vm.evm.frame import ExceptionalHalt, Frame, OutOfGas
from vm.evm.instruction import Handler
from vm.evm.instructions.accounts import WRITE_PROTECTION, Access, access, address_of, free_access
from vm.gas import CALL_STIPEND, CALL_VALUE, NEW_ACCOUNT
from vm.message import CallKind, Message, Status

Creates: TypeAlias = Callable[[Frame, Address, int], bool]
"""Whether a CALL with this value has to pay for a new account."""


def _missing(frame: Frame, target: Address, _value: int) -> bool:
    return not frame.world.exists(target)


def _dead_and_paid(frame: Frame, target: Address, value: int) -> bool:
    """EIP-161."""
    return value != 0 and frame.world.is_empty(target)


def access_with_delegate(frame: Frame, address: Address) -> None:
    """EIP-7702: whoever calls an account that delegates pays for reaching the other one too."""
    access(frame, address)
    delegate = frame.context.delegation_of(address)
    if delegate is not None:
        frame.charge(frame.context.access_cost(delegate))


@dataclass(frozen=True, slots=True)
class CallRules:
    """reach: charges for the account whose code runs. creates: see Creates. holds_back: a 64th stays with the caller,
    and asking for more than there is is no error (EIP-150)."""

    reach: Access
    creates: Creates
    holds_back: bool = True


FRONTIER = CallRules(free_access, _missing, holds_back=False)
TANGERINE_WHISTLE = CallRules(free_access, _missing)
SPURIOUS_DRAGON = CallRules(free_access, _dead_and_paid)
BERLIN = CallRules(access, _dead_and_paid)
PRAGUE = CallRules(access_with_delegate, _dead_and_paid)

_Parties: TypeAlias = tuple[CallKind, Address, Address, Address, int, bool]
"""kind, caller, target, code address, value, static"""


def call(rules: CallRules) -> Handler:
    def handler(frame: Frame, stack: list[int], _operand: int) -> None:
        gas, target, value = stack.pop(), address_of(stack.pop()), stack.pop()
        if value and frame.is_static:
            raise ExceptionalHalt(WRITE_PROTECTION)
        _perform(
            frame, stack, rules, gas, (CallKind.CALL, frame.address, target, target, value, frame.is_static)
        )

    return handler


def callcode(rules: CallRules) -> Handler:
    def handler(frame: Frame, stack: list[int], _operand: int) -> None:
        gas, code_address, value = stack.pop(), address_of(stack.pop()), stack.pop()
        own = frame.address
        _perform(
            frame, stack, rules, gas, (CallKind.CALLCODE, own, own, code_address, value, frame.is_static)
        )

    return handler


def delegatecall(rules: CallRules) -> Handler:
    def handler(frame: Frame, stack: list[int], _operand: int) -> None:
        gas, code_address = stack.pop(), address_of(stack.pop())
        parties = (
            CallKind.DELEGATECALL,
            frame.caller,
            frame.address,
            code_address,
            frame.value,
            frame.is_static,
        )
        _perform(frame, stack, rules, gas, parties)

    return handler


def staticcall(rules: CallRules) -> Handler:
    def handler(frame: Frame, stack: list[int], _operand: int) -> None:
        gas, target = stack.pop(), address_of(stack.pop())
        _perform(frame, stack, rules, gas, (CallKind.STATICCALL, frame.address, target, target, 0, True))

    return handler


def _perform(frame: Frame, stack: list[int], rules: CallRules, gas: int, parties: _Parties) -> None:
    """Pays, calls, and pushes whether it succeeded. `stack` holds the two memory ranges. gas: what is asked for."""
    kind, caller, target, code_address, value, is_static = parties
    input_at, input_size, output_at, output_size = stack.pop(), stack.pop(), stack.pop(), stack.pop()
    frame.extend_memory(input_at, input_size)
    frame.extend_memory(output_at, output_size)
    rules.reach(frame, code_address)
    if kind is CallKind.CALL and rules.creates(frame, target, value):
        frame.charge(NEW_ACCOUNT)
    stipend = 0
    if value and kind <= CallKind.CALLCODE:
        frame.charge(CALL_VALUE)
        stipend = CALL_STIPEND
    left = frame.gas
    if rules.holds_back:
        gas = min(gas, left - left // 64)
    elif gas > left:
        raise OutOfGas
    frame.gas = left - gas
    context = frame.context
    outcome = context.execute_message(
        context,
        Message(
            kind,
            caller,
            target,
            code_address,
            value,
            frame.call_data(input_at, input_size),
            gas + stipend,
            frame.depth + 1,
            is_static,
        ),
    )
    frame.gas += outcome.gas_left
    frame.gas_of_calls += gas - outcome.gas_left
    frame.return_data = output = outcome.output
    copied = min(output_size, len(output))
    if copied:
        frame.memory[output_at : output_at + copied] = output[:copied]
    stack.append(1 if outcome.status is Status.SUCCESS else 0)
