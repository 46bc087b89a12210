"""Instructions that look at an account, and SELFDESTRUCT.

Owns: BALANCE, SELFBALANCE, EXTCODE*, SELFDESTRUCT and what it costs to reach an account.
Never does: journal; WorldState does.
Specification: EIP-150 and EIP-1884 (prices that do not depend on what was touched), EIP-2929 (those that do),
EIP-161, EIP-1052 (EXTCODEHASH), EIP-3529 (no refund for SELFDESTRUCT), EIP-6780 (only in the transaction of creation).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from chain.types import Address
from vm.evm.frame import ExceptionalHalt, Frame, OutOfGas
from vm.evm.instruction import Handler
from vm.evm.instructions.memory import copy_foreign_code
from vm.gas import COLD_ACCOUNT_ACCESS, NEW_ACCOUNT, WARM_ACCESS

WRITE_PROTECTION = "write protection"
SELFDESTRUCT_REFUND = 24_000
COLD_SURCHARGE = COLD_ACCOUNT_ACCESS - WARM_ACCESS

ADDRESS_MASK = 2**160 - 1

Access: TypeAlias = Callable[[Frame, Address], None]
"""Charges for reaching an account, on top of the static price."""


def address_of(word: int) -> Address:
    """The low 20 bytes of a stack word."""
    return Address((word & ADDRESS_MASK).to_bytes(20))


def free_access(_frame: Frame, _address: Address) -> None:
    """Before EIP-2929 the static price is all."""


def access(frame: Frame, address: Address) -> None:
    """EIP-2929: the static price is that of a warm account; a cold one is warm afterwards."""
    if address not in frame.rules.precompiles and frame.world.warm_address(address):
        frame.gas -= COLD_SURCHARGE
        if frame.gas < 0:
            raise OutOfGas


def balance(reach: Access) -> Handler:
    def handler(frame: Frame, stack: list[int], _operand: int) -> None:
        address = address_of(stack.pop())
        reach(frame, address)
        stack.append(frame.world.get_balance(address))

    return handler


def selfbalance(frame: Frame, stack: list[int], _operand: int) -> None:
    stack.append(frame.world.get_balance(frame.address))


def extcodesize(reach: Access) -> Handler:
    def handler(frame: Frame, stack: list[int], _operand: int) -> None:
        address = address_of(stack.pop())
        reach(frame, address)
        stack.append(len(frame.world.get_code(address)))

    return handler


def extcodecopy(reach: Access) -> Handler:
    def handler(frame: Frame, stack: list[int], _operand: int) -> None:
        address, target, source, size = address_of(stack.pop()), stack.pop(), stack.pop(), stack.pop()
        reach(frame, address)
        if size:
            part = frame.world.get_code(address)[source : source + size]
            copy_foreign_code(frame, target, size, part)

    return handler


def extcodehash(reach: Access) -> Handler:
    """Zero for an account that is dead (EIP-161)."""

    def handler(frame: Frame, stack: list[int], _operand: int) -> None:
        address = address_of(stack.pop())
        reach(frame, address)
        world = frame.world
        stack.append(0 if world.is_empty(address) else int.from_bytes(world.get_code_hash(address)))

    return handler


# --- SELFDESTRUCT: the static price is in the instruction set


def refuse_static(frame: Frame) -> None:
    """Raises ExceptionalHalt in a static call (EIP-214)."""
    if frame.is_static:
        raise ExceptionalHalt(WRITE_PROTECTION)


def _no_charge(_frame: Frame, _beneficiary: Address) -> None:
    """Before EIP-150."""


def _charge_missing(frame: Frame, beneficiary: Address) -> None:
    """EIP-150: a beneficiary that does not exist is created."""
    if not frame.world.exists(beneficiary):
        frame.charge(NEW_ACCOUNT)


def _charge_dead(frame: Frame, beneficiary: Address) -> None:
    """EIP-161: only if value comes to a dead account."""
    world = frame.world
    if world.get_balance(frame.address) and world.is_empty(beneficiary):
        frame.charge(NEW_ACCOUNT)


def _charge_access(frame: Frame, beneficiary: Address) -> None:
    """EIP-2929: nothing is charged for a warm beneficiary."""
    if beneficiary not in frame.rules.precompiles and frame.world.warm_address(beneficiary):
        frame.charge(COLD_ACCOUNT_ACCESS)
    _charge_dead(frame, beneficiary)


def _destroy_always(charge: Access, refund: int) -> Handler:
    def handler(frame: Frame, stack: list[int], _operand: int) -> None:
        refuse_static(frame)
        beneficiary = address_of(stack.pop())
        charge(frame, beneficiary)
        world, own = frame.world, frame.address
        if refund and own not in world.destroyed():
            world.add_refund(refund)
        world.add_balance(beneficiary, world.get_balance(own))
        world.set_balance(own, 0)  # also what it has just given to itself
        world.mark_destroyed(own)

    return handler


selfdestruct_frontier = _destroy_always(_no_charge, SELFDESTRUCT_REFUND)
selfdestruct_tangerine_whistle = _destroy_always(_charge_missing, SELFDESTRUCT_REFUND)
selfdestruct_spurious_dragon = _destroy_always(_charge_dead, SELFDESTRUCT_REFUND)
selfdestruct_berlin = _destroy_always(_charge_access, SELFDESTRUCT_REFUND)
selfdestruct_london = _destroy_always(_charge_access, 0)


def selfdestruct(frame: Frame, stack: list[int], _operand: int) -> None:
    """EIP-6780: the account goes only if this transaction created it; its balance goes in any case."""
    refuse_static(frame)
    beneficiary = address_of(stack.pop())
    _charge_access(frame, beneficiary)
    world, own = frame.world, frame.address
    amount = world.get_balance(own)
    if amount:
        world.move_balance(own, beneficiary, amount)
    else:
        world.touch(beneficiary)
    if world.was_created_in_transaction(own):
        if beneficiary == own:
            world.set_balance(own, 0)
        world.mark_destroyed(own)
