"""Which engine runs a piece of code.

Owns: the Engine protocol and the table from code prefix to engine.
Never does: move value, take snapshots or undo effects: the call path (vm/call.py) does that around `run`.
Specification: EIP-3541 keeps anybody from deploying code that starts with 0xef, so those prefixes are free
for engines of this chain; 0xef0100 is EIP-7702's delegation designator and never runs itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from vm.evm.compiler.service import BackgroundCompiler, EagerCode
from vm.evm.engine import NativeEngine
from vm.message import Message, Outcome, Status
from vm.reference.pyevm import PyEvmEngine
from vm.system.contract import MARKER
from vm.system.runtime.engine import SystemEngine

if TYPE_CHECKING:
    from vm.context import ExecutionContext

RESERVED_FIRST_BYTE = 0xEF
ENGINE_PREFIX_BYTES = 3


class Engine(Protocol):
    """Runs code for a message.

    The call path has already checked depth and balance, moved the value and taken a snapshot, and undoes
    all effects unless the outcome is SUCCESS. Sub-calls go through `context.call` and `context.create`, never
    directly to an engine. An engine must be deterministic and may raise only for a bug of this project.
    """

    def run(self, context: ExecutionContext, message: Message, code: bytes) -> Outcome: ...


class _NoEngine:
    """Reserved code without an engine: 0xef is an undefined instruction, which consumes all gas."""

    def run(self, context: ExecutionContext, message: Message, code: bytes) -> Outcome:  # noqa: ARG002
        return Outcome(Status.FAILURE, 0, error=f"invalid opcode: opcode {code[0]:#x} not defined")


_NO_ENGINE: Engine = _NoEngine()

# First three bytes of the code -> engine. Everything that does not start with 0xef is Ethereum bytecode.
RESERVED_ENGINES: Mapping[bytes, Engine] = {MARKER: SystemEngine()}


PY_EVM: Engine = PyEvmEngine()
"""The reference: py-evm's instructions on our state."""

INTERPRETER: Engine = NativeEngine()
"""Our own engine without the compiler."""

COMPILED: Engine = NativeEngine(code_class=EagerCode)
"""Our own engine, with everything compiled before it runs: for tests."""

NATIVE: Engine = NativeEngine(BackgroundCompiler())
"""Our own engine."""

DEFAULT_EVM: Engine = NATIVE


def engine_for(context: ExecutionContext, code: bytes) -> Engine:
    """The engine of non-empty `code`."""
    if code[0] != RESERVED_FIRST_BYTE:
        return context.evm
    return RESERVED_ENGINES.get(code[:ENGINE_PREFIX_BYTES], _NO_ENGINE)
