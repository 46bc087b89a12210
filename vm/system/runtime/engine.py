"""The engine of system contracts: from a message to the class that the code of the account names.

Owns: the run of one message, and what each way of ending means to the caller.
Never does: move value or undo effects: the call path does (vm/call.py).
Specification: docs/system-contracts.md. Delegated execution is refused because a contract that acts in the name of
another account can be made to act for it (the delegatecall faults of Moonbeam, Aurora and Velas in 2022).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from chain.types import Address
from vm.evm.frame import ExceptionalHalt
from vm.message import Message, Outcome, Status, SystemCreation
from vm.system.contract import Contract
from vm.system.errors import Revert, error_string
from vm.system.runtime.dispatch import run_call, run_constructor
from vm.system.runtime.faults import FAULTS, FAULTS_OF_CODE
from vm.system.runtime.frame import Frame
from vm.system.runtime.traced_frame import TracedFrame

if TYPE_CHECKING:
    from vm.context import ExecutionContext
    from vm.system.registry import Registry

REVERTED: Final = "execution reverted"
DELEGATED: Final = error_string("system contract: delegated call")
UNKNOWN_CLASS: Final = "system contract of an unknown class or version"

_LOCKS: Final = "system locks"


def locks_of(context: ExecutionContext) -> dict[Address, None]:
    """The contracts that are locked at this point of the transaction."""
    locks = context.engine_state.get(_LOCKS)
    if type(locks) is not dict:
        locks = context.engine_state[_LOCKS] = {}
    return locks


class SystemEngine:
    """Runs the classes of a registry; a block may bring another one (tests do)."""

    def run(self, context: ExecutionContext, message: Message, code: bytes) -> Outcome:
        """See vm.engines.Engine."""
        contract_class = registry_of(context).contract(code)
        if contract_class is None:
            return Outcome(Status.FAILURE, 0, error=UNKNOWN_CLASS)
        target = message.target
        if message.code_address != target or context.world.get_code_hash(target) != contract_class.code_hash:
            return Outcome(Status.REVERT, message.gas, DELEGATED, REVERTED)
        frame_class = Frame if context.tracer is None else TracedFrame
        frame = frame_class(
            context,
            target,
            message.caller,
            message.value,
            message.gas,
            message.depth,
            message.is_static,
            locks_of(context),
        )
        output = b""
        try:
            if type(message) is SystemCreation:
                run_constructor(contract_class(frame), message.input[:])
            else:
                output = run_call(contract_class(frame), message.input)
        except Revert as reverted:
            return Outcome(Status.REVERT, frame.gas, reverted.data, REVERTED)
        except ExceptionalHalt as halt:
            return Outcome(Status.FAILURE, 0, error=str(halt))
        except FAULTS_OF_CODE as error:
            FAULTS.report(_place(contract_class, message), error)
            return Outcome(Status.REVERT, frame.gas, b"", REVERTED)
        return Outcome(Status.SUCCESS, frame.gas, output)


def registry_of(context: ExecutionContext) -> Registry:
    """The classes that this block knows."""
    return context.block.system_contracts or _chain_contracts()


@cache
def _chain_contracts() -> Registry:
    from vm.system.registry import CHAIN_CONTRACTS  # which imports every contract

    return CHAIN_CONTRACTS


def _place(contract_class: type[Contract], message: Message) -> str:
    return f"{contract_class.__name__} at 0x{message.target.hex()}, call data 0x{message.input[:68].hex()}"
