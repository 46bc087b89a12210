"""The Ethereum engine: runs bytecode with py-evm's instructions on our state.

Owns the instruction loop and the translation of py-evm's exceptions into outcomes.
Never does: move value, take snapshots, follow delegations or run precompiles: the call path has done so.
Specification: yellow paper section 9; the rule sets Cancun and Prague.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from eth.exceptions import (
    FullStack,
    Halt,
    InsufficientStack,
    InvalidInstruction,
    InvalidJumpDestination,
    OutOfBoundsRead,
    OutOfGas,
    Revert,
    VMError,
    WriteProtection,
)
from eth_utils.exceptions import ValidationError

from vm.message import CallKind, Message, Outcome, Status
from vm.reference.frame import EvmFrame
from vm.reference.host import FrameMessage, state_view
from vm.reference.tables import INSTRUCTIONS

if TYPE_CHECKING:
    from vm.context import ExecutionContext

# go-ethereum's words (core/vm/errors.go), which clients show to people.
_ERROR_TEXTS: Mapping[type[VMError], str] = {
    OutOfGas: "out of gas",
    FullStack: "stack limit reached 1024 (1023)",
    InsufficientStack: "stack underflow",
    InvalidJumpDestination: "invalid jump destination",
    OutOfBoundsRead: "return data out of bounds",
    WriteProtection: "write protection",
}


class PyEvmEngine:
    """vm.engines.Engine for Ethereum bytecode. Stateless; frames of one transaction share a StateView."""

    def run(self, context: ExecutionContext, message: Message, code: bytes) -> Outcome:
        """Runs `code`; for creations `message.input` is the init code itself and there is no call data."""
        frame = EvmFrame(
            context,
            state_view(context),
            FrameMessage(
                sender=message.caller,
                target=message.target,
                value=message.value,
                call_data=b"" if message.kind >= CallKind.CREATE else message.input,
                depth=message.depth,
                is_static=message.is_static,
            ),
            code,
            message.gas,
        )
        instructions = INSTRUCTIONS[context.rules.fork]
        stream = frame.code
        size = len(code)
        try:
            while True:
                position = stream.program_counter
                if position >= size:
                    return Outcome(Status.SUCCESS, frame.gas_left)
                stream.program_counter = position + 1
                gas, instruction = instructions[code[position]]
                left = frame.gas_left - gas
                if left < 0:
                    return Outcome(Status.FAILURE, 0, error="out of gas")
                frame.gas_left = left
                instruction(frame)
        except Halt:
            return Outcome(Status.SUCCESS, frame.gas_left, frame.output_bytes)
        except Revert:
            return Outcome(Status.REVERT, frame.gas_left, frame.output_bytes, "execution reverted")
        except VMError as error:
            return Outcome(Status.FAILURE, 0, error=_error_text(error))
        except ValidationError as error:
            # py-evm's instructions validate operands that code chooses. Fuzzing found no code that gets here,
            # but if there is one it must fail its frame, the same on every node, rather than stop the chain.
            return Outcome(Status.FAILURE, 0, error=f"invalid operand: {error}")


def _error_text(error: VMError) -> str:
    if isinstance(error, InvalidInstruction):
        return str(error)
    return _ERROR_TEXTS.get(type(error), str(error))
