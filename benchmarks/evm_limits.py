"""Part of benchmark `evm`: what decoding and compiling cost, what they keep in memory, and the worst code known.

Owns: the largest codes that may be deployed, in shapes that are hard on a decoder or a compiler; programs that use
their gas as slowly as we could find. Each runs as one message; times are CPU times, scaled to the gas of a block.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from benchmarks.evm_works import CALLER, Holding, Stage, Work, reader_of
from benchmarks.measurement import Measurement, Options, best_seconds
from chain.types import Address
from vm.engines import COMPILED, INTERPRETER, Engine
from vm.evm.blocks import Program, decode
from vm.evm.code import Code
from vm.evm.compiler.function import compile_region
from vm.evm.compiler.service import view_of
from vm.evm.engine import NativeEngine
from vm.evm.instruction_set import instruction_set
from vm.forks import Fork

LARGEST: Final = 24_576
BLOCK_GAS: Final = 30_000_000
SHOWN: Final = 12
CONTRACT: Final = Address(bytes.fromhex("c0de".rjust(40, "0")))

SHAPES: Final[Mapping[str, bytes]] = {
    "JUMPDEST only": b"\x5b" * LARGEST,
    "DUP1 ADD": b"\x80\x01" * (LARGEST // 2),
    "PUSH2 JUMPI": b"\x61\x00\x00\x57" * (LARGEST // 4),
    "loops everywhere": b"\x5b\x5f\x35\x61\x00\x00\x57\x00" * (LARGEST // 8),
    "MSTORE of words": b"\x5f\x35\x5f\x52" * (LARGEST // 4),
}

_ONES, _ODD = "7f" + "ff" * 32, "7f" + "fe" * 31 + "01"
_OPERANDS = _ONES + _ODD + _ONES
_CALLEES: Final[Mapping[Address, Holding]] = {
    Address(number.to_bytes(20, "big")): Holding(nonce=1, code=bytes.fromhex(code))
    for number, code in {0xC001: "00", 0xC002: "00" + "5b" * (LARGEST - 1), 0xC003: "5f5ffd"}.items()
}


@dataclass(frozen=True, slots=True)
class Pattern:
    """body runs for ever behind set_up, which leaves operands on the stack. Both as hex."""

    body: str
    set_up: str = ""

    @property
    def loop(self) -> bytes:
        head = bytes.fromhex(self.set_up)
        return head + b"\x5b" + bytes.fromhex(self.body) + b"\x61" + len(head).to_bytes(2, "big") + b"\x56"

    @property
    def straight(self) -> bytes:
        """As much of it as a contract can be long, run once."""
        head, body = bytes.fromhex(self.set_up), bytes.fromhex(self.body)
        return head + body * ((LARGEST - len(head)) // len(body))


WORST: Final[Mapping[str, Pattern]] = {
    "CALL of itself, 1,024 deep": Pattern("5f5f5f5f5f305af150"),
    "CALL of a contract that stops": Pattern("5f5f5f5f5f61c0015af150"),
    "CALL of the largest contract": Pattern("5f5f5f5f5f61c0025af150"),
    "CALL that reverts": Pattern("5f5f5f5f5f61c0035af150"),
    "CALL of an empty account": Pattern("5f5f5f5f5f61dead5af150"),
    "CALL of the identity precompile": Pattern("5f5f5f5f5f60045af150"),
    "CALL with a megabyte of input": Pattern("5f5f621000005f5f61c0015af150"),
    "DELEGATECALL": Pattern("5f5f5f5f61c0015af450"),
    "CODECOPY of a word": Pattern("60205f5f39"),
    "CALLDATACOPY of a word": Pattern("60205f5f37"),
    "MCOPY of a word": Pattern("60205f5f5e"),
    "CALLDATALOAD far out": Pattern(_ONES + "3550"),
    "MSTORE of a full word": Pattern(_ONES + "600152"),
    "MLOAD unaligned": Pattern("60015150"),
    "MULMOD": Pattern("8282820950", _OPERANDS),
    "SMOD": Pattern("81810750", _OPERANDS),
    "EXP": Pattern("81810a50", _OPERANDS),
    "SAR": Pattern("60ff82901d50", _OPERANDS),
    "KECCAK256 of a word": Pattern("60205f2050"),
    "PUSH32 POP": Pattern(_ONES + "50"),
    "GAS POP": Pattern("5a50"),
    "JUMPDEST": Pattern("5b" * 200),
    "SSTORE warm": Pattern("5a5f55"),
    "SLOAD cold": Pattern("5a5450"),
    "CREATE of nothing": Pattern("5f5f5ff050"),
    "CREATE of 48 KB": Pattern("61c0005f5ff050"),
}


def run(options: Options) -> Iterator[Measurement]:
    """Costs of the largest codes, then the slowest programs (all of them with options.full)."""
    yield from _largest()
    yield from _cache_limit()
    found = sorted(_worst(), key=lambda measurement: -measurement.value)
    yield from found if options.full else found[:SHOWN]


def _largest() -> Iterator[Measurement]:
    program = Program(instruction_set(Fork.PRAGUE))
    for name, raw in SHAPES.items():

        def decode_all(raw: bytes = raw) -> Code:
            code = Code(raw, program)
            position = 0
            while position < len(raw):
                block = code.entries[position] = decode(raw, position, program, code.is_target)
                position = max(block.following, position + 1)
            return code

        def compile_first(raw: bytes = raw) -> None:
            compile_region(view_of(Code(raw, program), everything=True), 0)

        yield Measurement(f"decode 24 KB, {name}", best_seconds(decode_all, 3) * 1e3, "ms")
        yield Measurement(f"compile 24 KB, {name}", best_seconds(compile_first, 3) * 1e3, "ms")
        yield Measurement(f"memory of decoded 24 KB, {name}", _kept_bytes(decode_all) / 1024, "KiB")


def _kept_bytes(make: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        kept = make()
        return tracemalloc.get_traced_memory()[0] if kept is not None else 0
    finally:
        tracemalloc.stop()


def _cache_limit() -> Iterator[Measurement]:
    """Forty contracts called in turns, with room for all of them and for one."""
    holdings = {
        Address((0xD000 + index).to_bytes(20, "big")): Holding(
            nonce=1, code=b"\x5f\x35\x5f\x52" * 1_000 + index.to_bytes(2, "big")
        )
        for index in range(40)
    }
    calls = "".join(f"5f5f5f5f5f{0x61:02x}{0xD000 + index:04x}5af150" for index in range(40))
    work = _work("cache", Pattern(calls).loop, holdings)
    for name, limit in (("128 MB", 128 << 20), ("100 KB", 100 << 10)):
        seconds = _seconds(work, NativeEngine(cache_bytes=limit))
        yield Measurement(f"40 contracts in turns, cache of {name}", seconds, "s for 30M gas")


def _worst() -> Iterator[Measurement]:
    for name, program in WORST.items():
        looped = _work(name, program.loop, _CALLEES)
        yield Measurement(f"{name}: interpreter", _seconds(looped, INTERPRETER), "s for 30M gas")
        yield Measurement(f"{name}: compiled", _seconds(looped, COMPILED), "s for 30M gas")
        cold = _work(name, program.straight, _CALLEES)
        yield Measurement(f"{name}: run once", _seconds(cold, NativeEngine()), "s for 30M gas")


def _work(name: str, code: bytes, others: Mapping[Address, Holding]) -> Work:
    holdings = {
        CALLER: Holding(balance=10**18),
        CONTRACT: Holding(nonce=1, balance=10**18, code=code),
        **others,
    }
    return Work(name, holdings, CONTRACT, b"\x01\x02\x03", BLOCK_GAS, by_gas=True)


def _seconds(work: Work, engine: Engine) -> float:
    """Seconds that 30 million gas take at the speed of this message."""
    stage = Stage(reader_of(work.holdings), work, engine)
    left: list[int] = []
    seconds = best_seconds(lambda: left.append(stage.run().gas_left), 1)
    return seconds * BLOCK_GAS / max(BLOCK_GAS - left[0], 1)
