"""Storage and transient storage.

Owns: SLOAD, SSTORE with the prices and refunds of every rule set, TLOAD, TSTORE.
Never does: remember original values or what is warm; WorldState does.
Specification: yellow paper appendix H.2; EIP-1283 (Constantinople), EIP-2200 (Istanbul), EIP-2929 (Berlin), EIP-3529
(London), EIP-1153 (transient storage).
"""

from __future__ import annotations

from dataclasses import dataclass

from chain.types import Address
from state.world import WorldState
from vm.evm.frame import Frame, OutOfGas
from vm.evm.instruction import Handler
from vm.evm.instructions.accounts import refuse_static
from vm.gas import WARM_ACCESS

COLD_SLOT_ACCESS = 2_100  # EIP-2929
COLD_SLOT_SURCHARGE = COLD_SLOT_ACCESS - WARM_ACCESS
STORAGE_SET = 20_000
STORAGE_RESET = 5_000
STORAGE_CLEAR_REFUND = 15_000
STIPEND_GUARD = 2_300  # EIP-2200: SSTORE fails with this much gas or less


@dataclass(frozen=True, slots=True)
class NetPrices:
    """What a write costs that is priced by its net effect.

    access: where nothing changes compared with the beginning of the transaction, or it is dirty already. clear_refund:
    for a slot that ends empty. guard: gas that must be left. cold: on top for a slot not yet touched.
    """

    access: int
    reset: int = STORAGE_RESET
    clear_refund: int = STORAGE_CLEAR_REFUND
    guard: int = 0
    cold: int = 0

    def refund(self, original: int, current: int, value: int) -> int:
        """What writing `value` over `current` adds to the refund counter.

        original: the value when the transaction began. value != current.
        """
        if original == current:
            return self.clear_refund if original and not value else 0
        refund = 0
        if original:
            if not current:
                refund -= self.clear_refund
            elif not value:
                refund += self.clear_refund
        if original == value:
            refund += (self.reset if original else STORAGE_SET) - self.access
        return refund


EIP_1283 = NetPrices(access=200)
EIP_2200 = NetPrices(access=800, guard=STIPEND_GUARD)
EIP_2929 = NetPrices(
    access=WARM_ACCESS, reset=STORAGE_RESET - COLD_SLOT_ACCESS, guard=STIPEND_GUARD, cold=COLD_SLOT_ACCESS
)
EIP_3529 = NetPrices(
    access=WARM_ACCESS,
    reset=STORAGE_RESET - COLD_SLOT_ACCESS,
    clear_refund=4_800,
    guard=STIPEND_GUARD,
    cold=COLD_SLOT_ACCESS,
)


def write_slot(world: WorldState, own: Address, slot: int, value: int, prices: NetPrices) -> int:
    """Writes the slot and settles the refund: the price, in gas. Whoever cannot pay must have all of it reverted."""
    original, current, was_cold = world.exchange_storage(own, slot, value)
    cost = prices.cold if was_cold else 0
    if value == current:
        return cost + prices.access
    refund = prices.refund(original, current, value)
    if refund > 0:
        world.add_refund(refund)
    elif refund < 0:
        world.sub_refund(-refund)
    if original != current:
        return cost + prices.access
    return cost + (prices.reset if original else STORAGE_SET)


def sload_unmetered(frame: Frame, stack: list[int], _operand: int) -> None:
    """Before EIP-2929 the static price is all."""
    stack.append(frame.world.get_storage(frame.address, stack.pop()))


def sload(frame: Frame, stack: list[int], _operand: int) -> None:
    """EIP-2929: the static price is that of a warm slot."""
    value, was_cold = frame.world.access_storage(frame.address, stack.pop())
    if was_cold:
        frame.gas -= COLD_SLOT_SURCHARGE
        if frame.gas < 0:
            raise OutOfGas
    stack.append(value)


def sstore_frontier(frame: Frame, stack: list[int], _operand: int) -> None:
    """Priced by the value that is there and the one to be written."""
    refuse_static(frame)
    slot, value = stack.pop(), stack.pop()
    world, own = frame.world, frame.address
    current = world.get_storage(own, slot)
    frame.charge(STORAGE_SET if value and not current else STORAGE_RESET)
    if current and not value:
        world.add_refund(STORAGE_CLEAR_REFUND)
    world.set_storage(own, slot, value)


def sstore(prices: NetPrices) -> Handler:
    guard = prices.guard

    def handler(frame: Frame, stack: list[int], operand: int) -> None:
        refuse_static(frame)
        slot, value = stack.pop(), stack.pop()
        if guard and frame.gas + operand <= guard:
            raise OutOfGas
        frame.charge(write_slot(frame.world, frame.address, slot, value, prices))

    return handler


def tload(frame: Frame, stack: list[int], _operand: int) -> None:
    stack.append(frame.world.get_transient(frame.address, stack.pop()))


def tstore(frame: Frame, stack: list[int], _operand: int) -> None:
    refuse_static(frame)
    frame.world.set_transient(frame.address, stack.pop(), stack.pop())
