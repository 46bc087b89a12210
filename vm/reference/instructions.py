"""The instructions that meet the rest of the machine: calls, creations, storage, jumps, self-destruction.

Owns their gas and their rules. Everything that only moves numbers around is py-evm's (vm/reference/tables.py).
Never does: execute a call; `context.execute_message` and `context.execute_create` do.
Specification: yellow paper appendix H; EIP-150, EIP-214, EIP-1014, EIP-1153, EIP-2200, EIP-2929, EIP-3529,
EIP-3860, EIP-6780, EIP-7702.
"""

from __future__ import annotations

from eth.exceptions import (
    Halt,
    InvalidInstruction,
    InvalidJumpDestination,
    OutOfGas,
    WriteProtection,
)

from chain.keccak import keccak256
from chain.types import Address
from vm import gas as prices
from vm.context import CreateRequest
from vm.gas import all_but_one_64th, words
from vm.message import CallKind, Message, Outcome, Status
from vm.reference.frame import EvmFrame

COLD_SLOT_ACCESS = 2_100  # EIP-2929
STORAGE_SET = 20_000
STORAGE_RESET = 5_000 - COLD_SLOT_ACCESS
STORAGE_CLEAR_REFUND = 4_800  # EIP-3529
STORAGE_STIPEND_GUARD = 2_300  # EIP-2200: SSTORE fails with this much gas or less

_ADDRESS_MASK = 2**160 - 1


def word_to_address(word: int) -> Address:
    """The low 20 bytes of a stack word."""
    return Address((word & _ADDRESS_MASK).to_bytes(20, "big"))


def _refuse_static(frame: EvmFrame) -> None:
    if frame.msg.is_static:
        raise WriteProtection("write protection")


# --- calls


def call(frame: EvmFrame) -> None:
    gas, to, value, input_at, input_size, output_at, output_size = frame.stack_pop_ints(7)
    if value:
        _refuse_static(frame)
    target = word_to_address(to)
    own = frame.msg.storage_address
    _perform_call(
        frame,
        (CallKind.CALL, own, target, target, value, frame.msg.is_static),
        gas,
        (input_at, input_size, output_at, output_size),
    )


def callcode(frame: EvmFrame) -> None:
    gas, to, value, input_at, input_size, output_at, output_size = frame.stack_pop_ints(7)
    own = frame.msg.storage_address
    _perform_call(
        frame,
        (CallKind.CALLCODE, own, own, word_to_address(to), value, frame.msg.is_static),
        gas,
        (input_at, input_size, output_at, output_size),
    )


def delegatecall(frame: EvmFrame) -> None:
    gas, to, input_at, input_size, output_at, output_size = frame.stack_pop_ints(6)
    message = frame.msg
    own = message.storage_address
    _perform_call(
        frame,
        (
            CallKind.DELEGATECALL,
            message.sender,
            own,
            word_to_address(to),
            message.value,
            message.is_static,
        ),
        gas,
        (input_at, input_size, output_at, output_size),
    )


def staticcall(frame: EvmFrame) -> None:
    gas, to, input_at, input_size, output_at, output_size = frame.stack_pop_ints(6)
    target = word_to_address(to)
    own = frame.msg.storage_address
    _perform_call(
        frame,
        (CallKind.STATICCALL, own, target, target, 0, True),
        gas,
        (input_at, input_size, output_at, output_size),
    )


def _perform_call(
    frame: EvmFrame,
    parties: tuple[CallKind, Address, Address, Address, int, bool],
    gas_requested: int,
    memory: tuple[int, int, int, int],
) -> None:
    """parties: kind, caller, target, code address, value, static. memory: input at, size, output at, size."""
    kind, caller, target, code_address, value, is_static = parties
    input_at, input_size, output_at, output_size = memory
    context = frame.context
    frame.extend_memory(input_at, input_size)
    frame.extend_memory(output_at, output_size)
    frame.charge(context.access_cost(code_address))
    delegate = context.delegation_of(code_address)
    if delegate is not None:
        frame.charge(context.access_cost(delegate))
    stipend = 0
    if value and kind <= CallKind.CALLCODE:
        stipend = prices.CALL_STIPEND
        creates_account = kind is CallKind.CALL and frame.world.is_empty(target)
        frame.charge(prices.CALL_VALUE + (prices.NEW_ACCOUNT if creates_account else 0))
    gas = min(gas_requested, all_but_one_64th(frame.gas_left))
    frame.gas_left -= gas
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
            frame.msg.depth + 1,
            is_static,
        ),
    )
    frame.gas_left += outcome.gas_left
    frame.return_data = output = outcome.output
    copied = min(output_size, len(output))
    if copied:
        frame.memory_write(output_at, copied, output[:copied])
    frame.stack_push_int(1 if outcome.status is Status.SUCCESS else 0)


# --- creation


def create(frame: EvmFrame) -> None:
    _refuse_static(frame)
    value, start, size = frame.stack_pop_ints(3)
    _perform_create(frame, value, start, size, None)


def create2(frame: EvmFrame) -> None:
    _refuse_static(frame)
    value, start, size, salt = frame.stack_pop_ints(4)
    _perform_create(frame, value, start, size, salt)


def _perform_create(frame: EvmFrame, value: int, start: int, size: int, salt: int | None) -> None:
    if size > prices.INITCODE_SIZE_LIMIT:
        raise OutOfGas("max initcode size exceeded")
    per_word = prices.INITCODE_WORD if salt is None else prices.INITCODE_WORD + prices.KECCAK_WORD
    frame.charge(prices.CREATE + per_word * words(size))
    frame.extend_memory(start, size)
    gas = all_but_one_64th(frame.gas_left)
    frame.gas_left -= gas
    context = frame.context
    outcome = context.execute_create(
        context,
        CreateRequest(
            frame.msg.storage_address,
            value,
            frame.memory_read_bytes(start, size),
            gas,
            frame.msg.depth + 1,
            salt,
        ),
    )
    frame.gas_left += outcome.gas_left
    frame.return_data = outcome.output if outcome.status is Status.REVERT else b""
    frame.stack_push_int(_created_word(outcome))


def _created_word(outcome: Outcome) -> int:
    if outcome.status is not Status.SUCCESS or outcome.created is None:
        return 0
    return int.from_bytes(outcome.created, "big")


def selfdestruct(frame: EvmFrame) -> None:
    """EIP-6780: the account goes only if this transaction created it; its balance goes in any case."""
    _refuse_static(frame)
    beneficiary = word_to_address(frame.stack_pop1_int())
    world = frame.world
    own = frame.msg.storage_address
    frame.charge(prices.SELFDESTRUCT)
    if not frame.context.is_warm(beneficiary):
        world.warm_address(beneficiary)
        frame.charge(prices.COLD_ACCOUNT_ACCESS)
    balance = world.get_balance(own)
    if balance and world.is_empty(beneficiary):
        frame.charge(prices.NEW_ACCOUNT)
    if balance:
        world.move_balance(own, beneficiary, balance)
    else:
        world.touch(beneficiary)
    if world.was_created_in_transaction(own):
        if beneficiary == own:
            world.set_balance(own, 0)
        world.mark_destroyed(own)
    raise Halt("SELFDESTRUCT")


# --- storage


def sload(frame: EvmFrame) -> None:
    slot = frame.stack_pop1_int()
    own = frame.msg.storage_address
    frame.charge(COLD_SLOT_ACCESS if frame.world.warm_slot(own, slot) else prices.WARM_ACCESS)
    frame.stack_push_int(frame.world.get_storage(own, slot))


def sstore(frame: EvmFrame) -> None:
    _refuse_static(frame)
    slot, value = frame.stack_pop_ints(2)
    if frame.gas_left <= STORAGE_STIPEND_GUARD:
        raise OutOfGas("out of gas")
    world = frame.world
    own = frame.msg.storage_address
    cost = COLD_SLOT_ACCESS if world.warm_slot(own, slot) else 0
    current = world.get_storage(own, slot)
    if value == current:
        frame.charge(cost + prices.WARM_ACCESS)
        return
    original = world.get_original_storage(own, slot)
    if original != current:
        cost += prices.WARM_ACCESS
    else:
        cost += STORAGE_RESET if original else STORAGE_SET
    frame.charge(cost)
    refund = storage_refund(original, current, value)
    if refund > 0:
        world.add_refund(refund)
    elif refund < 0:
        world.sub_refund(-refund)
    world.set_storage(own, slot, value)


def storage_refund(original: int, current: int, value: int) -> int:
    """What writing `value` over `current` adds to the refund counter (EIP-2200 with EIP-2929 and EIP-3529).

    original: the value when the transaction began. value != current.
    """
    if original == current:
        return STORAGE_CLEAR_REFUND if original and not value else 0
    refund = 0
    if original:
        if not current:
            refund -= STORAGE_CLEAR_REFUND
        elif not value:
            refund += STORAGE_CLEAR_REFUND
    if original == value:
        refund += (STORAGE_RESET if original else STORAGE_SET) - prices.WARM_ACCESS
    return refund


def tload(frame: EvmFrame) -> None:
    slot = frame.stack_pop1_int()
    frame.stack_push_int(frame.world.get_transient(frame.msg.storage_address, slot))


def tstore(frame: EvmFrame) -> None:
    _refuse_static(frame)
    slot, value = frame.stack_pop_ints(2)
    frame.world.set_transient(frame.msg.storage_address, slot, value)


# --- memory


def mload(frame: EvmFrame) -> None:
    start = frame.stack_pop1_int()
    frame.extend_memory(start, 32)
    frame.stack.append(int.from_bytes(frame.memory[start : start + 32], "big"))


def mstore(frame: EvmFrame) -> None:
    start, value = frame.stack_pop_ints(2)
    frame.extend_memory(start, 32)
    frame.memory[start : start + 32] = value.to_bytes(32, "big")


def mstore8(frame: EvmFrame) -> None:
    start, value = frame.stack_pop_ints(2)
    frame.extend_memory(start, 1)
    frame.memory[start] = value & 0xFF


# --- flow and hashing


def _jump(frame: EvmFrame, destination: int) -> None:
    if not frame.code.jump(destination):
        raise InvalidJumpDestination("invalid jump destination")
    if frame.context.checkpoint is not None:  # every loop jumps
        frame.context.checkpoint()


def jump(frame: EvmFrame) -> None:
    _jump(frame, frame.stack_pop1_int())


def jumpi(frame: EvmFrame) -> None:
    destination, condition = frame.stack_pop_ints(2)
    if condition:
        _jump(frame, destination)


def clz(frame: EvmFrame) -> None:
    frame.stack_push_int(256 - frame.stack_pop1_int().bit_length())


def keccak(frame: EvmFrame) -> None:
    start, size = frame.stack_pop_ints(2)
    frame.charge(prices.KECCAK_WORD * words(size))
    frame.extend_memory(start, size)
    frame.stack_push_bytes(keccak256(frame.memory_read_bytes(start, size)))


def undefined(frame: EvmFrame) -> None:
    code = frame.code
    opcode = code.raw[code.program_counter - 1]
    name = "INVALID" if opcode == 0xFE else f"opcode {opcode:#x} not defined"
    raise InvalidInstruction(f"invalid opcode: {name}")
