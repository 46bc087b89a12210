"""Part of benchmark `evm`: what decoding and compiling cost, what they keep in memory, and what the cache is good for.

Owns: the largest codes that may be deployed: one from a real compiler, others in shapes that are hard on a decoder or a
compiler. All of a code is decoded, and compiled until the compiler finds nothing more to do or meets its bound.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from benchmarks.evm_works import (
    RECIPIENT,
    Holding,
    Stage,
    Work,
    WorkUnavailable,
    call_payload,
    reader_of,
    swap_work,
    works,
)
from benchmarks.evm_worst import LARGEST, Program, assemble
from benchmarks.measurement import Measurement, best_seconds
from chain.types import Address
from vm.evm import blocks
from vm.evm.code import CACHE_BYTES_LIMIT, CODE_BYTES_LIMIT, VISITS_BEFORE_DECODING, Code
from vm.evm.compiler.service import ImmediateCompiler, compile_hot
from vm.evm.engine import NativeEngine
from vm.evm.instruction_set import instruction_set
from vm.forks import Fork

ROUNDS: Final = 3
TOKENS: Final = 40
SMALL_CACHE: Final = 100 << 10
SHAPES: Final[Mapping[str, bytes]] = {
    "JUMPDEST only": b"\x5b" * LARGEST,
    "DUP1 ADD": b"\x80\x01" * (LARGEST // 2),
    "PUSH2 JUMPI": b"\x61\x00\x00\x57" * (LARGEST // 4),
    "loops everywhere": b"\x5b\x5f\x35\x61\x00\x00\x57\x00" * (LARGEST // 8),
    "MSTORE of words": b"\x5f\x35\x5f\x52" * (LARGEST // 4),
}


def run() -> Iterator[Measurement]:
    """Costs of the largest codes, and of a cache that is too small."""
    for name, raw in {**_real(), **SHAPES}.items():
        yield from _costs(name, raw)
    yield from _cache_limit()


def _real() -> Mapping[str, bytes]:
    """Large code from a compiler, if it can be had."""
    try:
        swap = swap_work()
    except WorkUnavailable:
        return {}
    return {"Uniswap V2 router": swap.holdings[swap.to].code}


def _costs(name: str, raw: bytes) -> Iterator[Measurement]:
    program = blocks.Program(instruction_set(Fork.PRAGUE))
    arrivals = _arrivals(Code(raw, program))
    if name not in SHAPES:  # real code jumps to all of its targets
        arrivals = sorted({*arrivals, *filter(Code(raw, program).is_target, range(len(raw)))})
    codes = [Code(raw, program) for _ in range(ROUNDS)]
    todo = iter(codes)
    seconds = best_seconds(lambda: _decode(next(todo), arrivals), ROUNDS)
    name = f"{name}, {len(raw) / 1024:.1f} KB"
    yield Measurement(f"decode {name}", seconds * 1e3, "ms")
    yield Measurement(f"compile {name}", _compile_seconds(codes[0], arrivals) * 1e3, "ms")
    decoded, compiled = _kept_bytes(Code(raw, program), arrivals)
    yield Measurement(f"memory of decoded {name}", decoded / 1024, "KiB")
    yield Measurement(f"memory of compiled {name}", compiled / 1024, "KiB")


def _arrivals(code: Code) -> Sequence[int]:
    """Where control arrives: the start, behind blocks, and jump targets that no block before them runs through."""
    places: list[int] = []
    position = 0
    while position < len(code.raw):
        places.append(position)
        following = blocks.decode(code.raw, position, code.program, code.is_target).following
        position += 1
        if following:
            position = following
        else:
            while position < len(code.raw) and not code.is_target(position):
                position += 1
    return places


def _decode(code: Code, arrivals: Sequence[int]) -> None:
    """As if control had arrived everywhere, often enough."""
    for position in arrivals:
        if position not in code.entries and code.size_bytes < CODE_BYTES_LIMIT:
            for _ in range(VISITS_BEFORE_DECODING):
                if code.visit(position):
                    break


def _compile_seconds(code: Code, arrivals: Sequence[int]) -> float:
    """Turn by turn, until nothing more is compiled. What is not compiled is decoded again in between, which does not
    count."""
    seconds = 0.0
    before = -1
    while before < code.compiled_bytes:
        before = code.compiled_bytes
        seconds += best_seconds(lambda: compile_hot(code), 1)
        _decode(code, arrivals)
    return seconds


def _kept_bytes(code: Code, arrivals: Sequence[int]) -> tuple[int, int]:
    """What `code` keeps once it is decoded, and once it is compiled."""
    tracemalloc.start()
    try:
        _decode(code, arrivals)
        decoded = tracemalloc.get_traced_memory()[0]
        _compile_seconds(code, arrivals)
        return decoded, tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


def _cache_limit() -> Iterator[Measurement]:
    """Forty tokens called in turns, with room for all of them and for hardly one."""
    tokens = next(work for work in works() if work.name.startswith("ERC-20"))
    code = tokens.holdings[tokens.to].code
    first = 1 << 32
    holdings = {
        Address((first + index).to_bytes(20, "big")): Holding(code=code + index.to_bytes(4, "big"))
        for index in range(TOKENS)
    }
    driver = Address(b"\xdd" * 20)
    once = "".join([f"0 0 CALLDATASIZE 0 0 {first + index} GAS CALL POP " for index in range(TOKENS)])
    set_up = assemble("CALLDATASIZE 0 0 CALLDATACOPY")
    holdings[driver] = Holding(code=Program(assemble(once), set_up).loop)
    payload = call_payload("transfer(address,uint256)", RECIPIENT, 0)
    work = Work("", holdings, driver, payload, gas=10_000_000)
    reader = reader_of(holdings)
    for name, limit in (
        (f"{CACHE_BYTES_LIMIT >> 20} MB", CACHE_BYTES_LIMIT),
        (f"{SMALL_CACHE >> 10} KB", SMALL_CACHE),
    ):
        engine = NativeEngine(ImmediateCompiler(), cache_bytes=limit)
        for _ in range(5):
            Stage(reader, work, engine).run()
        stages = iter([Stage(reader, work, engine) for _ in range(ROUNDS)])
        seconds = best_seconds(lambda: next(stages).run(), ROUNDS)  # noqa: B023
        rate = work.gas / seconds / 1e6
        yield Measurement(f"{TOKENS} tokens called in turns, cache of {name}", rate, "Mgas/s", "higher")
