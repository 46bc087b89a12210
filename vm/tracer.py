"""What a tracer hears from execution.

Owns: the protocol between the call path, the tracing loop and the tracers (vm/tracing/).
Never does: influence execution. Without a tracer nothing of this runs: the engines have a loop of its own for it.
Specification: go-ethereum core/tracing/hooks.go, whose events these are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from chain.receipt import Log
    from chain.types import Address
    from vm.evm.frame import Frame
    from vm.evm.instruction import Instruction
    from vm.message import Message, Outcome


class Tracer(Protocol):
    """Hears every message and every instruction of one transaction, in order, and what system contracts do instead."""

    def enter(self, message: Message) -> None:
        """A call or creation begins, also of a precompile, of an account without code, or one that cannot start."""

    def leave(self, message: Message, outcome: Outcome) -> None:
        """The message that was entered last, and not yet left, has ended."""

    def step(self, frame: Frame, position: int, instruction: Instruction) -> None:
        """`instruction` at `position` is about to run; nothing of it is charged yet."""

    def touch(self, address: Address, slot: int | None) -> None:
        """A system contract, which has no instructions, has looked at an account, or at a slot of its own."""

    def log(self, log: Log) -> None:
        """A system contract has logged."""

    def fault(self, frame: Frame, position: int, instruction: Instruction, error: str) -> None:
        """The instruction of the last step of `frame` has failed, and so has the frame."""
