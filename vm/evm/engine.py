"""The engine: runs Ethereum bytecode block by block.

Owns: the loop that picks what runs next (single steps for code that is new, decoded blocks, compiled regions) and the
translation of what ends a frame into an outcome.
Never does: move value, take snapshots, follow delegations or run precompiles: the call path (vm/call.py) has done so.
Specification: yellow paper section 9.
"""

from __future__ import annotations

from itertools import repeat
from threading import Lock
from typing import TYPE_CHECKING, Protocol

from vm.evm.blocks import (
    BRANCH,
    DYNAMIC_JUMP,
    DYNAMIC_JUMPI,
    ENDED_REVERT,
    ENDED_SUCCESS,
    FALL,
    GOTO,
    NOT_RUN,
    SUCCESS,
    Block,
    Program,
)
from vm.evm.code import CACHE_BYTES_LIMIT, Code, CodeCache
from vm.evm.frame import ExceptionalHalt, Frame
from vm.evm.instruction_set import instruction_set
from vm.evm.steps import checked_jump, run_steps, run_traced
from vm.forks import Fork
from vm.message import CallKind, Message, Outcome, Status

if TYPE_CHECKING:
    from vm.context import ExecutionContext

ENTRIES_BETWEEN_LOOKS = 8_192
"""So many blocks run in a frame before the heat of its code is looked at; otherwise that is done when it ends."""

HEAT_TO_COMPILE = 500_000
"""Gas. Some 30 ms of the interpreter."""


class Compiler(Protocol):
    """Tier 2."""

    def consider(self, code: Code) -> None:
        """`code` has used HEAT_TO_COMPILE gas since the last time. May put regions into `code.entries`, now or from
        another thread later, and accounts for their memory with `code.grow`. Never asked about init code."""


class NativeEngine:
    """vm.engines.Engine for Ethereum bytecode of every rule set. Keeps decoded code between transactions."""

    def __init__(
        self,
        compiler: Compiler | None = None,
        cache_bytes: int = CACHE_BYTES_LIMIT,
        code_class: type[Code] = Code,
    ) -> None:
        """cache_bytes: what decoded and compiled code may take, for each rule set in use."""
        self._code_class = code_class
        self._compiler = compiler
        self._cache_bytes = cache_bytes
        self._caches: dict[Fork, CodeCache] = {}
        self._lock = Lock()
        self._name = f"evm {id(self)}"  # of this engine's entry in ExecutionContext.engine_state

    def run(self, context: ExecutionContext, message: Message, code: bytes) -> Outcome:
        """Runs `code`; for creations `message.input` is the init code itself and there is no call data."""
        frame = Frame(context, message, code)
        cache = context.engine_state.get(self._name)
        if type(cache) is not CodeCache:
            cache = context.engine_state[self._name] = self.cache_of(context.rules.fork)
        known = self._code_class(code, cache.program) if message.kind >= CallKind.CREATE else cache.get(code)
        try:
            if context.tracer is None:
                ended = self._run_blocks(frame, known)
            else:
                ended = run_traced(frame, known, context.tracer)
        except ExceptionalHalt as halt:
            return Outcome(Status.FAILURE, 0, error=str(halt))
        if ended == ENDED_SUCCESS:
            return Outcome(Status.SUCCESS, frame.gas, frame.output)
        return Outcome(Status.REVERT, frame.gas, frame.output, "execution reverted")

    def cache_of(self, fork: Fork) -> CodeCache:
        """What is kept for one rule set."""
        cache = self._caches.get(fork)
        if cache is None:
            with self._lock:
                cache = self._caches.setdefault(
                    fork, CodeCache(Program(instruction_set(fork)), self._cache_bytes, self._code_class)
                )
        return cache

    def _run_blocks(self, frame: Frame, code: Code) -> int:
        """Runs the frame. Answers ENDED_SUCCESS or ENDED_REVERT. Raises ExceptionalHalt."""
        entries, stack, checkpoint = code.entries, frame.stack, frame.context.checkpoint
        seen = frame.gas
        position = 0
        while True:
            for _ in repeat(None, ENTRIES_BETWEEN_LOOKS):
                try:
                    entry = entries[position]
                except KeyError:
                    if code.visit(position):
                        continue
                    position = run_steps(frame, code, position)
                else:
                    if type(entry) is not Block:
                        position = entry.run(frame)
                        if position <= NOT_RUN:
                            position = run_steps(frame, code, NOT_RUN - position)
                    elif (gas := frame.gas - entry.gas) < 0 or not entry.need <= len(stack) <= entry.limit:
                        position = run_steps(frame, code, position)  # which meets the exact error
                    else:
                        frame.gas = gas
                        for handler, operand in entry.operations:
                            handler(frame, stack, operand)
                        leave = entry.exit
                        if leave == BRANCH:
                            position = entry.target if stack.pop() else entry.following
                        elif leave == FALL:
                            position = entry.following
                        elif leave == GOTO:
                            position = entry.target
                        elif leave == DYNAMIC_JUMP:
                            position = checked_jump(code, stack.pop())
                        elif leave == DYNAMIC_JUMPI:
                            position = stack.pop()
                            position = checked_jump(code, position) if stack.pop() else entry.following
                        else:
                            position = ENDED_SUCCESS if leave == SUCCESS else ENDED_REVERT
                if position < 0:
                    self._warm_up(code, seen - frame.gas - frame.gas_of_calls)
                    return position
                if checkpoint is not None:
                    checkpoint()
            self._warm_up(code, seen - frame.gas - frame.gas_of_calls)
            seen, frame.gas_of_calls = frame.gas, 0

    def _warm_up(self, code: Code, gas: int) -> None:
        if self._compiler is None or code.cache is None:
            return
        code.heat += gas
        if code.heat >= HEAT_TO_COMPILE:
            code.heat = 0
            self._compiler.consider(code)
