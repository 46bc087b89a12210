"""One running call of a system contract, and everything it can reach.

Owns: the gas that is left, and the doors to state, logs and other accounts, each with the EVM's price.
Never does: know what the contract is; vm/system/contract.py is the language, this is the machine.
Specification: EIP-2929 and EIP-3529 (storage), EIP-150 (all but one 64th), EIP-161, EIP-214 (static calls), EIP-1014,
EIP-7702 (delegated code).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chain.keccak import keccak256
from chain.receipt import Log
from chain.types import Address, Hash32
from vm.context import CreateRequest
from vm.evm.frame import ExceptionalHalt, OutOfGas
from vm.evm.instructions.accounts import WRITE_PROTECTION
from vm.evm.instructions.logs import LOG, LOG_BYTE, LOG_TOPIC
from vm.evm.instructions.storage import COLD_SLOT_ACCESS, EIP_3529, STIPEND_GUARD, write_slot
from vm.gas import (
    CALL_STIPEND,
    CALL_VALUE,
    CODE_DEPOSIT_BYTE,
    CREATE,
    NEW_ACCOUNT,
    WARM_ACCESS,
    all_but_one_64th,
)
from vm.message import CallKind, Message, Outcome
from vm.system.errors import Panic, PanicCode
from vm.system.gas import keccak_gas, words_gas

if TYPE_CHECKING:
    from state.world import WorldState
    from vm.context import ExecutionContext


class Frame:
    """Implements what storage descriptors and contracts ask of the machine. gas: what is left. locks: the contracts of
    this transaction that must not be entered, in the order in which they were entered."""

    __slots__ = ("address", "caller", "context", "depth", "gas", "is_static", "locks", "value", "world")

    def __init__(
        self,
        context: ExecutionContext,
        address: Address,
        caller: Address,
        value: int,
        gas: int,
        depth: int,
        is_static: bool,
        locks: dict[Address, None],
    ) -> None:
        self.context = context
        self.world: WorldState = context.world
        self.address = address
        self.caller = caller
        self.value = value
        self.gas = gas
        self.depth = depth
        self.is_static = is_static
        self.locks = locks

    def charge(self, gas: int) -> None:
        """Takes `gas`. Raises OutOfGas."""
        self.gas -= gas
        if self.gas < 0:
            raise OutOfGas

    def refuse_static(self) -> None:
        """Raises ExceptionalHalt in a static call (EIP-214)."""
        if self.is_static:
            raise ExceptionalHalt(WRITE_PROTECTION)

    # --- storage ------------------------------------------------------------------------------------------

    def sload(self, slot: int) -> int:
        """SLOAD. Raises OutOfGas."""
        value, was_cold = self.world.access_storage(self.address, slot)
        self.gas -= COLD_SLOT_ACCESS if was_cold else WARM_ACCESS
        if self.gas < 0:
            raise OutOfGas
        return value

    def sstore(self, slot: int, value: int) -> None:
        """SSTORE of a word below 2**256. Raises OutOfGas, and ExceptionalHalt in a static call."""
        if self.is_static:
            raise ExceptionalHalt(WRITE_PROTECTION)
        if self.gas <= STIPEND_GUARD:
            raise OutOfGas
        self.charge(write_slot(self.world, self.address, slot, value, EIP_3529))

    # --- what happened ------------------------------------------------------------------------------------

    def log(self, topics: tuple[Hash32, ...], payload: bytes) -> None:
        """LOG0 to LOG4. Raises OutOfGas, and ExceptionalHalt in a static call."""
        if self.is_static:
            raise ExceptionalHalt(WRITE_PROTECTION)
        self.gas -= LOG + LOG_TOPIC * len(topics) + LOG_BYTE * len(payload)
        if self.gas < 0:
            raise OutOfGas
        self.world.add_log(Log(self.address, topics, payload))

    def keccak(self, raw: bytes) -> Hash32:
        """KECCAK256. Raises OutOfGas."""
        self.charge(keccak_gas(len(raw)))
        return keccak256(raw)

    # --- other accounts -----------------------------------------------------------------------------------

    def balance_of(self, address: Address) -> int:
        """BALANCE, in wei. Raises OutOfGas."""
        self.charge(self.context.access_cost(address))
        return self.world.get_balance(address)

    def code_of(self, address: Address) -> bytes:
        """The code of an account, at the price of EXTCODESIZE. Raises OutOfGas."""
        self.charge(self.context.access_cost(address))
        return self.world.get_code(address)

    def mint(self, to: Address, wei: int) -> None:
        """Makes coins; no price, because only the chain's own contracts do."""
        self.world.add_balance(to, wei)

    def call(
        self, target: Address, payload: bytes, value: int = 0, gas: int | None = None, *, static: bool = False
    ) -> Outcome:
        """CALL or STATICCALL: at most `gas`, or all but a 64th of what is left. value: wei.

        Raises OutOfGas, ExceptionalHalt for value in a static call, and Panic(0x11) for less than none.
        """
        context = self.context
        cost = context.access_cost(target) + words_gas(len(payload))
        delegate = context.delegation_of(target)
        if delegate is not None:
            cost += context.access_cost(delegate)
        stipend = 0
        if value:
            self.refuse_static()
            if value < 0:
                raise Panic(PanicCode.OVERFLOW)
            stipend = CALL_STIPEND
            cost += CALL_VALUE + (NEW_ACCOUNT if self.world.is_empty(target) else 0)
        self.charge(cost)
        available = all_but_one_64th(self.gas)
        passed = available if gas is None or gas > available else gas
        self.gas -= passed
        outcome = context.execute_message(
            context,
            Message(
                CallKind.STATICCALL if static else CallKind.CALL,
                self.address,
                target,
                target,
                value,
                payload,
                passed + stipend,
                self.depth + 1,
                self.is_static or static,
            ),
        )
        self.gas += outcome.gas_left
        return outcome

    def create(self, code: bytes, salt: int, arguments: bytes, value: int) -> Outcome:
        """CREATE2 of a system contract with this code; `arguments` is what its constructor decodes.

        Raises OutOfGas, and ExceptionalHalt in a static call.
        """
        self.refuse_static()
        self.charge(CREATE + CODE_DEPOSIT_BYTE * len(code) + keccak_gas(len(code)))
        passed = all_but_one_64th(self.gas)
        self.gas -= passed
        outcome = self.context.execute_create(
            self.context, CreateRequest(self.address, value, arguments, passed, self.depth + 1, salt, code)
        )
        self.gas += outcome.gas_left
        return outcome
