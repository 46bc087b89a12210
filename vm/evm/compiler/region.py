"""Turns a hot place of bytecode, and the ways that lead on from it, into one Python function.

A region is a tree: it begins at one place and follows jumps with known targets, both sides of a conditional jump,
writing out each way again where ways meet. Because every way is written out, the stack is known symbolically: items are
local variables or constants, return addresses of Solidity's internal functions are constants, so their jumps need no
lookup. A way that comes back to the start of the region runs a Python loop. A way that has become too long, that
meets itself, or whose next jump is not known, leaves: the stack is put in order and the place to go on is returned.

Owns: that walk and the statements it emits. Never does: change a price or a rule: gas is charged per block, as the
interpreter does, and whatever is not plain arithmetic is a call of the interpreter's handler.
Specification: yellow paper 9.4; the return values are those of vm.evm.blocks.CompiledRegion.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vm.evm.blocks import ENDED_REVERT, ENDED_SUCCESS
from vm.evm.compiler.emit import EMITTERS, emit_call
from vm.evm.compiler.path import Path
from vm.evm.compiler.scan import BlockOfCode, Step, scan
from vm.evm.compiler.values import Condition, Constant, truth
from vm.evm.compiler.writer import Writer
from vm.evm.frame import STACK_LIMIT
from vm.evm.instruction import Flow, InstructionSet

MAX_BLOCKS = 200
MAX_STATEMENTS = 1_500
"""Python takes about 10 us to compile a statement, and holds the interpreter lock while it does."""

MAX_CHARACTERS = 80_000
"""Some 40 ms of compiling."""

MAX_ITEMS = 64
"""More items on the symbolic stack than compilers have in use. Each way out writes them all."""

MAX_NESTING = 20  # ways that are open when the bounds are reached; Python refuses 100 levels of indentation
MAX_REPEATS = 4  # how often one way may pass the same block, for instance a function that is called twice
LOOKAHEAD_BLOCKS = 3


@dataclass(frozen=True, slots=True)
class CodeView:
    """What the compiler needs of a piece of code.

    is_cold(pc): True for a place that was never executed; a way that leads there leaves the region. names: the globals
    of all its functions.
    """

    raw: bytes
    instructions: InstructionSet
    is_target: Callable[[int], bool]
    is_cold: Callable[[int], bool]
    names: dict[str, object]


@dataclass(frozen=True, slots=True)
class Region:
    """lines: the body of the function. need, limit: stack height on entry, at least and at most. exits: constant places
    that ways leave to. loops: whether the body belongs into a loop."""

    start: int
    lines: list[str]
    need: int
    limit: int
    loops: bool
    exits: tuple[int, ...]


def build_region(code: CodeView, start: int) -> Region | None:
    """The region that begins at `start`, or None if its first block ends in something only the interpreter does."""
    builder = _Builder(code, start)
    builder.grow(Path(), start, 0)
    if builder.blocks == 0:
        return None
    return builder.result()


class _Builder:
    def __init__(self, code: CodeView, start: int) -> None:
        self._code = code
        self._start = start
        self._writer = Writer()
        self._exits: dict[int, None] = {}
        self._deepest = 0
        self._highest = 0
        self.blocks = 0

    def result(self) -> Region:
        return Region(
            start=self._start,
            lines=self._writer.lines(2 if self._writer.has_back_edge else 1),
            need=self._deepest,
            limit=STACK_LIMIT - self._highest,
            loops=self._writer.has_back_edge,
            exits=tuple(self._exits),
        )

    def grow(self, path: Path, position: int, indent: int) -> None:
        """Writes out the way that goes on at `position`, to all its ends."""
        here: int | None = position
        while here is not None:
            here = self._follow(path, here, indent)
        self._deepest = max(self._deepest, path.deepest)
        self._highest = max(self._highest, path.highest)

    def _follow(self, path: Path, position: int, indent: int) -> int | None:
        """One block; the place where the way goes on, or None if it has ended."""
        if not self._may_enter(path, position, indent):
            return None
        block = scan(self._code.raw, position, self._code.instructions)
        if block.flow is Flow.UNDEFINED:
            self._leave(path, position, indent)
            return None
        self.blocks += 1
        self._writer.line(indent, f"gas -= {block.gas}  # {position:#06x}")
        self._writer.line(indent, "if gas < 0: raise OutOfGas")
        for step in block.steps:
            self._emit(path, step, indent)
        return self._end_block(path, block, indent)

    def _may_enter(self, path: Path, position: int, indent: int) -> bool:
        if self.blocks and position == self._start and not path.growth:
            self._writer.line(indent, "if tick is not None: tick()")
            self._writer.run_back(indent, path)
            return False
        signature = (position, path.constants())
        too_often = path.seen.get(position, 0) >= MAX_REPEATS or signature in path.seen
        is_full = (
            self.blocks >= MAX_BLOCKS
            or self._writer.size >= MAX_STATEMENTS
            or self._writer.characters >= MAX_CHARACTERS
            or len(path.items) > MAX_ITEMS
        )
        if self.blocks and (too_often or is_full or self._code.is_cold(position)):
            self._leave(path, position, indent)
            return False
        path.seen[signature] = 1
        path.seen[position] = path.seen.get(position, 0) + 1
        return True

    def _leave(self, path: Path, position: int, indent: int) -> None:
        self._exits[position] = None
        self._writer.line(indent, "frame.gas = gas")
        self._writer.leave(indent, path, f"return {position}")

    def _emit(self, path: Path, step: Step, indent: int) -> None:
        name = step.instruction.name
        emitter = EMITTERS.get(name)
        if emitter is None or not emitter(self._writer, indent, path, step):
            emit_call(self._writer, indent, path, step)

    def _end_block(self, path: Path, block: BlockOfCode, indent: int) -> int | None:
        match block.flow:
            case Flow.NEXT | Flow.CUT | Flow.JUMPDEST:
                return block.following
            case Flow.JUMP:
                return self._jump(path, indent)
            case Flow.JUMPI:
                return self._branch(path, block.following, indent)
            case Flow.END | Flow.REVERT:
                self._writer.line(
                    indent, f"return {ENDED_SUCCESS if block.flow is Flow.END else ENDED_REVERT}"
                )
                return None
            case Flow.UNDEFINED:
                return None

    def _jump(self, path: Path, indent: int) -> int | None:
        target = path.pop()
        if isinstance(target, Constant) and self._code.is_target(target.number):
            return target.number
        self._writer.line(indent, "frame.gas = gas")
        self._writer.leave(indent, path, f"return checked({target.text}, jump_table, {len(self._code.raw)})")
        return None

    def _branch(self, path: Path, following: int, indent: int) -> int | None:
        target, value = path.pop(), path.pop()
        if isinstance(value, Constant):
            if not value.number:
                return following
            path.push(target)
            return self._jump(path, indent)
        condition = truth(value)
        known = (
            target.number if isinstance(target, Constant) and self._code.is_target(target.number) else None
        )
        if known is None:
            self._writer.line(indent, f"if {condition.holds}:")
            taken = path.copy()
            taken.push(target)
            self._jump(taken, indent + 1)
            return following
        if indent < MAX_NESTING and self._is_short(following) and not self._is_short(known):
            self._nest(path, condition.negation, following, indent)
            return known
        self._nest(path, condition, known, indent)
        return following

    def _nest(self, path: Path, condition: Condition, position: int, indent: int) -> None:
        """Writes out one side of a branch under an `if`."""
        self._writer.line(indent, f"if {condition.holds}:")
        side = path.copy()
        if indent + 1 >= MAX_NESTING:
            self._leave(side, position, indent + 1)
            return
        self.grow(side, position, indent + 1)

    def _is_short(self, position: int) -> bool:
        """Whether the way from here soon ends, without another decision; then it is better nested than followed."""
        for _ in range(LOOKAHEAD_BLOCKS):
            if self._code.is_cold(position):
                return True
            block = scan(self._code.raw, position, self._code.instructions)
            if block.flow in (Flow.END, Flow.REVERT, Flow.UNDEFINED):
                return True
            if block.flow in (Flow.NEXT, Flow.CUT, Flow.JUMPDEST):
                position = block.following
            elif block.flow is Flow.JUMP and len(block.steps) >= 1 and block.steps[-1].instruction.immediate:
                position = block.steps[-1].operand
                if not self._code.is_target(position):
                    return True
            else:
                return False
        return False
