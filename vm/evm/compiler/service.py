"""Which code is compiled, when, and by whom.

Owns: the choice of the places that become regions, the bounds on what compiling may cost, and the thread that does it
beside the interpreter. Never does: wait: code runs in the interpreter until its regions are there.
How it goes: code that has used HEAT_TO_COMPILE gas in the interpreter gets a region at its start, and regions where the
ways out of that one lead to, as far as code that has run before. The decoded blocks are then forgotten. Places where
execution still arrives outside of the regions are decoded again, and when they have become hot, compiled in turn.
Results do not depend on any of this, only speed does.
"""

from __future__ import annotations

from collections.abc import Callable
from queue import Full, Queue
from threading import Lock, Thread

from vm.evm.blocks import Block
from vm.evm.code import Code
from vm.evm.compiler.function import CompiledRegion, compile_region
from vm.evm.compiler.region import CodeView

COMPILED_BYTES_LIMIT = 3 << 20
"""For one piece of code: half a million characters of source, half a second of compiling. The rest is interpreted."""

REGIONS_PER_TURN = 12
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
        jump_table=code.jump_table(),
    )


def compile_hot(code: Code) -> None:
    """One turn: the places of `code` where the interpreter has been busy become regions."""
    places = [position for position, entry in list(code.entries.items()) if type(entry) is Block]
    wanted = dict.fromkeys(places if code.compiled_bytes else [0])
    view = view_of(code)
    regions: dict[int, CompiledRegion | None] = {}
    size_bytes = code.compiled_bytes
    while wanted and len(regions) < REGIONS_PER_TURN and size_bytes < COMPILED_BYTES_LIMIT:
        position = next(iter(wanted))
        del wanted[position]
        region = regions[position] = compile_region(view, position)
        if region is None:
            continue
        size_bytes += region.size_bytes
        for place in region.exits:
            is_new = place not in regions and place not in wanted
            if is_new and type(code.entries.get(place)) is not CompiledRegion and code.was_visited(place):
                wanted[place] = None
    for position, region in regions.items():
        if region is not None:
            code.put_region(position, region, region.size_bytes)
    for position in places:
        if position not in regions:
            code.forget_block(position)


class BackgroundCompiler:
    """vm.evm.engine.Compiler with a thread of its own, which ends with the process."""

    def __init__(self, report: Callable[[Exception], None]) -> None:
        """report: told, on the compiler's thread, of a fault in the compiler."""
        self._report = report
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

    def _work(self) -> None:
        while True:
            code = self._queue.get()
            try:
                compile_hot(code)
            except Exception as error:  # this code stays interpreted; the results are the same
                self._report(error)
            finally:
                self._queue.task_done()


class ImmediateCompiler:
    """vm.evm.engine.Compiler that compiles on the spot: for tests and measurements."""

    def consider(self, code: Code) -> None:
        compile_hot(code)
