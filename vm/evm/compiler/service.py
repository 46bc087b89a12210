"""Which code is compiled, when, and by whom.

Owns: the choice of the places that become regions, the bounds on what compiling may cost, and the thread that does it
beside the interpreter. Never does: wait: code runs in the interpreter until its regions are there.
How it goes: code that has used HEAT_TO_COMPILE gas in the interpreter gets a region at its start, and regions where the
ways out of that one lead to, as far as code that has run before. The decoded blocks are then forgotten. Places where
execution still arrives outside of the regions are decoded again, and when they have become hot, compiled in turn.
Results do not depend on any of this, only speed does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from queue import Full, Queue
from threading import Event, Lock, Thread

from vm.evm.blocks import Block
from vm.evm.code import Code
from vm.evm.compiler.function import NAMES_BYTES, CompiledRegion, compile_region, global_names
from vm.evm.compiler.region import CodeView

COMPILED_BYTES_LIMIT = 3 << 20
"""For one piece of code: half a million characters of source, half a second of compiling. The rest is interpreted."""

REGIONS_PER_TURN = 12
REST_S_PER_CHARACTER = 2e-6
"""The compiler's thread rests some three times as long as it works: it shares the interpreter lock with the node."""

QUEUE_LIMIT = 64
"""Codes that wait. More hot code than that comes again when it has used as much gas again."""


def view_of(code: Code, *, everything: bool = False) -> CodeView:
    """What the compiler reads of `code`. everything: compile also what was never executed."""
    return CodeView(
        raw=code.raw,
        instructions=code.program.instructions,
        is_target=code.is_target,
        is_cold=(lambda _position: False)
        if everything
        else (lambda position: not code.was_visited(position)),
        names=global_names(code.program.instructions, code.jump_table()),
    )


def compile_hot(code: Code, rest: Callable[[int], object] = lambda _characters: None) -> None:
    """One turn: the places of `code` where the interpreter has been busy become regions.

    rest: called after each with the length of its source, to let others work.
    """
    blocks = [position for position, entry in list(code.entries.items()) if type(entry) is Block]
    wanted = dict.fromkeys(_places(code, blocks))
    view = view_of(code)
    regions: dict[int, CompiledRegion | None] = {}
    size_bytes = code.compiled_bytes
    while wanted and len(regions) < REGIONS_PER_TURN and size_bytes < COMPILED_BYTES_LIMIT:
        position = next(iter(wanted))
        del wanted[position]
        region = regions[position] = compile_region(view, position)
        if region is not None:
            rest(len(region.source))
            size_bytes += region.size_bytes
            wanted |= dict.fromkeys(_ways_out(code, region, regions))
    code.grow(NAMES_BYTES)
    for position, region in regions.items():
        if region is not None:
            code.put_region(position, region, region.size_bytes)
    for position in blocks:
        if position not in regions:
            code.forget_block(position)


def _places(code: Code, blocks: list[int]) -> list[int]:
    """Where regions are missing most: at the start, where ways out of regions lead to, else wherever blocks run."""
    existing = [entry for entry in list(code.entries.values()) if type(entry) is CompiledRegion]
    if not existing:
        return [0]
    return [place for region in existing for place in _ways_out(code, region, {})] or blocks


def _ways_out(code: Code, region: CompiledRegion, others: Mapping[int, object]) -> list[int]:
    """Places that `region` leaves to, where execution has been and no region begins."""
    return [
        place
        for place in region.exits
        if place not in others
        and type(code.entries.get(place)) is not CompiledRegion
        and code.was_visited(place)
    ]


class EagerCode(Code):
    """Code that is compiled wherever control arrives, before anything has run there: for tests and for people who
    want to see all of it."""

    __slots__ = ()

    def visit(self, position: int) -> bool:
        region = compile_region(view_of(self, everything=True), position)
        if region is None:
            return False
        self.put_region(position, region, region.size_bytes + NAMES_BYTES)
        return True


class BackgroundCompiler:
    """vm.evm.engine.Compiler with a thread of its own, which ends with the process.

    faults, last_fault: how often the compiler itself has failed, which costs speed and nothing else.
    """

    def __init__(self) -> None:
        self.faults = 0
        self.last_fault: Exception | None = None
        self._never = Event()
        self._queue: Queue[Code] = Queue(QUEUE_LIMIT)
        self._thread: Thread | None = None
        self._lock = Lock()

    def consider(self, code: Code) -> None:
        """Puts `code` in the queue, if there is room."""
        try:
            self._queue.put_nowait(code)
        except Full:
            return
        if self._thread is None:
            self._start()

    def wait(self) -> None:
        """Until the queue is worked off; for measurements."""
        self._queue.join()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = Thread(target=self._work, name="evm-compiler", daemon=True)
                self._thread.start()

    def _rest(self, characters: int) -> None:
        self._never.wait(characters * REST_S_PER_CHARACTER)

    def _work(self) -> None:
        while True:
            code = self._queue.get()
            try:
                compile_hot(code, self._rest)
            except Exception as error:  # this code stays interpreted; the results are the same
                self.faults += 1
                self.last_fault = error
            finally:
                self._queue.task_done()


class ImmediateCompiler:
    """vm.evm.engine.Compiler that compiles on the spot: for tests and measurements."""

    def consider(self, code: Code) -> None:
        compile_hot(code)
