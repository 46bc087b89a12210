"""From a region to a Python function.

Owns: the frame around a region's statements, its source text, and handing it to Python.
Never does: decide what is compiled (vm/evm/compiler/service.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from vm.evm.blocks import NOT_RUN
from vm.evm.compiler.region import CodeView, Region, build_region
from vm.evm.compiler.runtime import NAMES
from vm.evm.frame import STACK_LIMIT, Frame
from vm.evm.instruction import InstructionSet

BYTES_PER_CHARACTER = 6
"""How much memory a function takes for each character of its source: measured, 4 to 6."""

REGION_BYTES = 2_000
NAMES_BYTES = 12_000
"""Of the globals, which the regions made in one turn share."""

_WORDS = re.compile(r"\b[a-z]\w*\b")


@dataclass(frozen=True, slots=True)
class CompiledRegion:
    """vm.evm.blocks.CompiledRegion. source: the function as text. exits: constant places that it may go to."""

    start: int
    source: str
    exits: tuple[int, ...]
    run: Callable[[Frame], int]

    @property
    def size_bytes(self) -> int:
        """About how much memory it takes."""
        return REGION_BYTES + len(self.source) * BYTES_PER_CHARACTER


def compile_region(code: CodeView, start: int) -> CompiledRegion | None:
    """The function for the region at `start`; None if there is nothing in it that could be compiled."""
    region = build_region(code, start)
    if region is None:
        return None
    source = region_source(region)
    # The text is made here from a table of templates; nothing of the bytecode but numbers gets into it.
    exec(compile(source, f"<evm {start:#06x}>", "exec"), code.names)  # noqa: S102
    run = cast(Callable[[Frame], int], code.names[_name(region)])
    return CompiledRegion(start, source, region.exits, run)


def global_names(instructions: InstructionSet, jump_table: bytes) -> dict[str, object]:
    """What the functions of one piece of code call: the interpreter's handlers, and vm/evm/compiler/runtime.py."""
    handlers = {
        f"op_{instruction.name}": instruction.handler
        for instruction in instructions
        if instruction.handler is not None and instruction.name.isidentifier()
    }
    return {**NAMES, **handlers, "jump_table": jump_table}


def _name(region: Region) -> str:
    return f"region_{region.start:04x}"


def region_source(region: Region) -> str:
    """The whole function as Python text."""
    used = {word for line in region.lines for word in _WORDS.findall(line)}
    lines = [f"def {_name(region)}(frame):"]
    if region.need or region.limit < STACK_LIMIT or "stack" in used:
        lines.append(" stack = frame.stack")
    if region.need or region.limit < STACK_LIMIT:
        lines.append(
            f" if not {region.need} <= len(stack) <= {region.limit}: return {NOT_RUN - region.start}"
        )
    lines.append(" gas = frame.gas")
    if "memory" in used:
        lines.append(" memory = frame.memory")
    if "data" in used:
        lines.append(" data = frame.input")
    lines += [f" s{index} = stack[-{index}]" for index in range(1, region.need + 1) if f"s{index}" in used]
    if region.loops:
        lines += [" tick = frame.context.checkpoint", " while True:"]
    return "\n".join(lines + region.lines) + "\n"
