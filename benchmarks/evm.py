"""Benchmark `evm`: the same bytecode on every engine, the cost of decoding and compiling, and the worst code known.

Owns the order of the parts and the comparison of engines: py-evm with its own state (the peer of all others), py-evm's
instructions on our state, our interpreter, our compiler once everything hot is compiled, and pyrevm (compiled Rust) as
a yardstick. All must agree about gas and output before anything is timed. Times are CPU times of the calling thread.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, Protocol, TypeVar

from benchmarks import evm_limits, evm_worst
from benchmarks.evm_peers import PyEvmStage, Timed, pyrevm_results
from benchmarks.evm_works import Result, Stage, Work, WorkUnavailable, reader_of, result_of, swap_work, works
from benchmarks.execute import token_block
from benchmarks.measurement import Measurement, Options, best_seconds
from chain.errors import InvariantViolation
from vm import engines
from vm.engines import Engine
from vm.evm.compiler.service import ImmediateCompiler
from vm.evm.engine import NativeEngine

ROUNDS: Final = 5
PEER_ROUNDS: Final = 3
ROUND_SECONDS: Final = 0.05
MOST_IN_ROUND: Final = 500
WARM_UP_GAS: Final = 30_000_000  # every contract of a work becomes hot several times
PY_EVM: Final = "py-evm"
PYREVM: Final = "pyrevm"


def own_engines() -> Mapping[str, Engine]:
    """Our engines by what the tables call them. The compiler compiles on the spot what has become hot."""
    return {
        "py-evm on our state": engines.PY_EVM,
        "interpreter": engines.INTERPRETER,
        "compiler": NativeEngine(ImmediateCompiler()),
    }


def run(options: Options) -> Iterator[Measurement]:
    """The same work on every engine; a block of token transfers; decoding, compiling, memory; the worst code known."""
    yield from _compared()
    yield from token_block(own_engines())
    yield from evm_limits.run()
    yield from evm_worst.run(options)


def _compared() -> Iterator[Measurement]:
    chosen = list(works())
    try:
        chosen.append(swap_work())
    except WorkUnavailable as missing:
        _say(f"left out: Uniswap V2 swap: {missing}")
    try:
        foreign: Sequence[Timed | None] = pyrevm_results(chosen, ROUNDS)
    except WorkUnavailable as missing:
        _say(f"left out: {PYREVM}: {missing}")
        foreign = [None] * len(chosen)
    for work, timed in zip(chosen, foreign, strict=True):
        yield from _compare(work, timed)


def _compare(work: Work, foreign: Timed | None) -> Iterator[Measurement]:
    peer_stage = PyEvmStage(work)
    expected = peer_stage.result_of(peer_stage.run())
    if not expected.succeeded:
        raise InvariantViolation(f"{work.name} fails, so it measures something else")
    seconds = {PY_EVM: _message_seconds(lambda: PyEvmStage(work), PEER_ROUNDS)}
    reader = reader_of(work.holdings)
    for name, engine in own_engines().items():
        runs = 1 if engine is engines.PY_EVM else 1 + WARM_UP_GAS // expected.gas
        for _ in range(runs):
            _agree(work, name, result_of(work, Stage(reader, work, engine).run()), expected)
        rounds = PEER_ROUNDS if engine is engines.PY_EVM else ROUNDS
        seconds[name] = _message_seconds(lambda engine=engine: Stage(reader, work, engine), rounds)  # type: ignore[misc]
    if foreign is not None:
        _agree(work, PYREVM, foreign.result, expected)
        seconds[PYREVM] = foreign.seconds
    for name, taken in seconds.items():
        peer = None if name == PY_EVM else seconds[PY_EVM]
        yield _figure(work, name, expected.gas, taken, peer)


def _figure(work: Work, name: str, gas: int, seconds: float, peer: float | None) -> Measurement:
    label = f"{work.name}: {name}"
    if work.by_gas:
        rate = gas / seconds / 1e6
        return Measurement(label, rate, "Mgas/s", "higher", peer and gas / peer / 1e6)
    return Measurement(label, seconds * 1e6, "us", "lower", peer and peer * 1e6)


def _agree(work: Work, name: str, result: Result, expected: Result) -> None:
    if result != expected:
        raise InvariantViolation(f"{work.name}: {name} has {result}, {PY_EVM} {expected}")


class _Runnable(Protocol):
    def run(self) -> object: ...


_R = TypeVar("_R", bound=_Runnable)


def _message_seconds(prepare: Callable[[], _R], rounds: int) -> float:
    """Seconds for one message, the preparation left out."""
    first = prepare()
    once = best_seconds(first.run, 1)
    count = max(1, min(MOST_IN_ROUND, int(ROUND_SECONDS / max(once, 1e-6))))
    batches = iter([[prepare() for _ in range(count)] for _ in range(rounds)])

    def run_batch() -> None:
        for stage in next(batches):
            stage.run()

    return best_seconds(run_batch, rounds) / count


def _say(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)
