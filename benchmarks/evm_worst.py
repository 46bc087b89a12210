"""Part of benchmark `evm`: the family of programs among which the slowest bytecode is looked for.

Owns: the programs, one or more for each instruction and for each pattern that is hard on an engine, and four ways to
run one: in a loop in the interpreter; in a loop that the compiler has dealt with; in many contracts that differ, each
called so often that it is just not decoded ("new code"); in many that each become just hot enough to be compiled, where
compiling counts too ("just hot"). Figures are CPU seconds for the gas of a block, scaled from what a run used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from benchmarks.evm_works import BLOCK_GAS, CALLER, Holding, Stage, Work, reader_of
from benchmarks.measurement import Measurement, Options, best_seconds
from chain.types import Address
from vm.engines import INTERPRETER, Engine
from vm.evm.code import VISITS_BEFORE_DECODING
from vm.evm.compiler.service import ImmediateCompiler
from vm.evm.engine import HEAT_TO_COMPILE, NativeEngine
from vm.evm.instruction_set import instruction_set
from vm.forks import Fork

LARGEST: Final = 24_576
MARK_BYTES: Final = 4  # behind the code of contracts that differ only by it
CALL_OVERHEAD: Final = 150
COLD_CALL: Final = 2_600
JUMPS: Final = 4_096
SCAN_GAS: Final = 3_000_000
SHOWN: Final = 15
WARM_UP_GAS: Final = 4_000_000  # enough for several turns of the compiler
CONTRACT: Final = Address(bytes.fromhex("c0de".rjust(40, "0")))
_OPCODES: Final = {
    instruction.name: instruction.opcode for instruction in instruction_set(Fork.PRAGUE) if instruction.name
}
_PUSH0: Final = 0x5F

ONES: Final = "0x" + "ff" * 32
ODD: Final = "0x" + "fe" * 31 + "01"
LOWEST: Final = "0x80" + "00" * 31


def assemble(text: str) -> bytes:
    """Names of instructions; numbers become the shortest PUSH, 0x... a PUSH of just these bytes."""
    code = bytearray()
    for token in text.split():
        if token.startswith("0x"):
            pushed = bytes.fromhex(token[2:])
        elif token.isdigit():
            pushed = int(token).to_bytes((int(token).bit_length() + 7) // 8, "big")
        else:
            code.append(_OPCODES[token])
            continue
        code += bytes([_PUSH0 + len(pushed)]) + pushed
    return bytes(code)


@dataclass(frozen=True, slots=True)
class Program:
    """body runs for ever behind set_up, which leaves operands on the stack. once: fill a contract with it."""

    body: bytes
    set_up: bytes = b""
    payload: bytes = b"\x01\x02\x03"
    once: bool = True
    holdings: Mapping[Address, Holding] = field(default_factory=dict)

    @property
    def loop(self) -> bytes:
        back = b"\x61" + len(self.set_up).to_bytes(2, "big") + b"\x56"
        return self.set_up + b"\x5b" + self.body + back

    @property
    def straight(self) -> bytes:
        """As much of it as a contract can be long, run once."""
        room = LARGEST - MARK_BYTES - 1 - len(self.set_up)
        return self.set_up + self.body * (room // len(self.body)) + b"\x00"

    @property
    def long_loop(self) -> bytes:
        """The same for ever."""
        room = LARGEST - MARK_BYTES - 5 - len(self.set_up)
        return Program(self.body * (room // len(self.body)), self.set_up).loop


def _callee(number: int, text: str, tail: bytes = b"") -> tuple[Address, Holding]:
    return Address(number.to_bytes(20, "big")), Holding(code=assemble(text) + tail)


CALLEES: Final[Mapping[Address, Holding]] = dict(
    [
        _callee(0xC001, "STOP"),
        _callee(0xC002, "STOP", b"\x5b" * (LARGEST - 1)),
        _callee(0xC003, "0 0 REVERT"),
        _callee(0xC004, "8192 0 RETURN"),
        _callee(0xC005, "8192 0 REVERT"),
        _callee(0xC006, "INVALID"),
        _callee(0xC007, "ADDRESS SELFDESTRUCT"),
        _callee(0xC008, "0 SLOAD NOT 0 SSTORE 0 0 REVERT"),
        _callee(0xC009, "", b"\xef\x01\x00" + (0xC001).to_bytes(20, "big")),
        _callee(0xC00A, "0 CALLDATALOAD JUMP", b"\x5b\x5f\x50" * 8_000),
    ]
)


def _call(number: int, inputs: str = "0 0", outputs: str = "0 0") -> str:
    return f"{outputs} {inputs} 0 {number} GAS CALL POP"


def _text(body: str, set_up: str = "", **more: object) -> Program:
    return Program(assemble(body), assemble(set_up), **more)  # type: ignore[arg-type]


_NULLARY = """ADDRESS ORIGIN CALLER CALLVALUE CALLDATASIZE CODESIZE GASPRICE RETURNDATASIZE COINBASE TIMESTAMP NUMBER
    PREVRANDAO GASLIMIT CHAINID SELFBALANCE BASEFEE BLOBBASEFEE PC MSIZE GAS PUSH0"""
_BINARY = "ADD MUL SUB DIV SDIV MOD SMOD SIGNEXTEND LT GT SLT SGT EQ AND OR XOR BYTE SHL SHR SAR EXP"


def _arithmetic() -> Iterator[tuple[str, Program]]:
    for name in _NULLARY.split():
        yield name, _text(f"{name} POP")
    for name in _BINARY.split():
        yield f"{name} of full words", _text(f"DUP2 DUP2 {name} POP", f"{ONES} {ODD} {ONES}")
        yield f"{name} of its result", _text(f"DUP2 {name}", f"{ONES} {ODD} {LOWEST}")
    for name in ("SIGNEXTEND", "BYTE", "SHL", "SHR", "SAR"):
        yield f"{name} by 30", _text(f"DUP1 30 {name} POP", LOWEST)
    for name in ("SDIV", "SMOD"):
        yield f"{name} of negative numbers", _text(f"DUP2 DUP2 {name} POP", f"0x{'f0' * 20} {LOWEST}")
    for name in ("ADDMOD", "MULMOD"):
        yield name, _text(f"DUP3 DUP3 DUP3 {name} POP", f"{ODD} {ONES} {ONES}")
    yield "NOT", _text("NOT", ONES)
    yield "ISZERO", _text("ISZERO", ONES)
    yield "DUP16", _text("DUP16 POP", "0 " * 16)
    yield "SWAP16", _text("SWAP16", "0 " * 17)
    yield "PUSH1 POP", _text("1 POP")
    yield "PUSH32 POP", _text(f"{ONES} POP")
    yield "stack filled and emptied", _text("PUSH0 " * 1_000 + "POP " * 1_000)


def _memory() -> Iterator[tuple[str, Program]]:
    yield "MLOAD unaligned", _text("1 MLOAD POP")
    yield "MSTORE of a full word", _text("DUP1 1 MSTORE", ONES)
    yield "MSTORE8", _text("DUP1 0 MSTORE8", ONES)
    yield "CALLDATALOAD at the end", _text("2 CALLDATALOAD POP")
    yield "CALLDATALOAD far out", _text("DUP1 CALLDATALOAD POP", ONES)
    yield "CALLDATALOAD of its result", _text("CALLDATALOAD", "0", payload=bytes(100_000))
    for name in ("CALLDATACOPY", "CODECOPY", "RETURNDATACOPY", "MCOPY"):
        yield f"{name} of nothing", _text(f"0 0 0 {name}")
        if name != "RETURNDATACOPY":
            yield f"{name} of a word", _text(f"32 0 0 {name}")
            yield f"{name} of 100 KB", _text(f"100000 0 1 {name}", once=False)
    big_return = f"{_call(0xC004)} 8192 0 0 RETURNDATACOPY"
    yield "RETURNDATACOPY of 8 KB", _text(big_return, once=False)
    yield "EXTCODECOPY of nothing", _text("0 0 0 49154 EXTCODECOPY")
    yield "EXTCODECOPY of 24 KB", _text("24576 0 0 49154 EXTCODECOPY", once=False)
    for size in (0, 1, 32, 135, 136, 100_000):
        yield f"KECCAK256 of {size} bytes", _text(f"{size} 0 KECCAK256 POP", once=size < 200)
    yield "memory in many frames", _text(f"0 100000 MSTORE {_call(0xC0DE)}", once=False)
    yield "memory that grows", _text("0 MSIZE MSTORE")


def _state() -> Iterator[tuple[str, Program]]:
    for name in ("BALANCE", "EXTCODESIZE", "EXTCODEHASH"):
        yield f"{name} warm", _text(f"49154 {name} POP")
        yield f"{name} cold", _text(f"GAS {name} POP", once=False)
    yield "SLOAD warm", _text("0 SLOAD POP")
    yield "SLOAD cold", _text("GAS SLOAD POP", once=False)
    yield "SSTORE of the same", _text("0 0 SSTORE")
    yield "SSTORE back and forth", _text("0 SLOAD ISZERO 0 SSTORE")
    yield "SSTORE of new slots", _text("1 GAS SSTORE", once=False)
    yield "TLOAD", _text("0 TLOAD POP")
    yield "TSTORE of one slot", _text("GAS 0 TSTORE")
    yield "TSTORE of new slots", _text("GAS GAS TSTORE")
    yield "LOG0 of nothing", _text("0 0 LOG0")
    yield "LOG4 of nothing", _text("0 0 0 0 0 0 LOG4")
    yield "LOG0 of 8 KB", _text("8192 0 LOG0", once=False)
    yield "BLOCKHASH", _text("1 BLOCKHASH POP")
    yield "BLOBHASH", _text("0 BLOBHASH POP")


def _calls() -> Iterator[tuple[str, Program]]:
    kinds = {
        "an empty account": 0xDEAD,
        "a contract that stops": 0xC001,
        "the largest contract": 0xC002,
        "a contract that reverts": 0xC003,
        "a contract that returns 8 KB": 0xC004,
        "a contract that reverts with 8 KB": 0xC005,
        "a contract that destroys itself": 0xC007,
        "a contract that undoes a write": 0xC008,
        "a delegated account": 0xC009,
        "itself": 0xC0DE,
    }
    for name, number in kinds.items():
        yield f"CALL of {name}", _text(_call(number), once=False)
    for kind in ("STATICCALL", "DELEGATECALL"):
        yield f"{kind}", _text(f"0 0 0 0 49153 GAS {kind} POP", once=False)
    yield "CALLCODE", _text("0 0 0 0 0 49153 GAS CALLCODE POP", once=False)
    yield "CALL that fails", _text("0 0 0 0 0 49158 0 CALL POP", once=False)
    yield "CALL with value", _text("0 0 0 0 1 57005 0 CALL POP", once=False)
    yield "CALL with more value than there is", _text(f"0 0 0 0 {ONES} 57005 0 CALL POP", once=False)
    yield "CALL with 1 MB of input", _text(_call(0xC001, "1000000 0"), once=False)
    yield "CALL with 1 MB for output", _text(_call(0xC004, "0 0", "1000000 0"), once=False)
    yield (
        "CALL that starves behind a jump",
        Program(assemble("DUP1 0 MSTORE 0 0 32 0 0 49162 25 CALL POP 3 ADD"), assemble("4"), once=False),
    )
    for number in range(1, 18):
        yield f"CALL of precompile {number}, no input", _text(_call(number), once=False)
        yield f"CALL of precompile {number}, 192 bytes", _text(_call(number, "192 0"), once=False)
    yield "CREATE of nothing", _text("0 0 0 CREATE POP", once=False)
    yield "CREATE of 48 KB", _text("49152 0 0 CREATE POP", once=False)
    stores = "0x" + assemble("1 0 SSTORE ADDRESS SELFDESTRUCT").hex()
    yield "CREATE that destroys itself", _text(f"{stores} 0 MSTORE 7 25 0 CREATE POP", once=False)
    jumpdests = Program(assemble("49152 0 0 CREATE POP"), assemble("49152 0 0 49165 EXTCODECOPY"), once=False)
    yield "CREATE of 48 KB that runs", _with_init_code(jumpdests)
    yield "CREATE2 of 48 KB", _text("GAS 49152 0 0 CREATE2 POP", once=False)


def _with_init_code(program: Program) -> Program:
    address, holding = Address((0xC00D).to_bytes(20, "big")), Holding(code=b"\x5f\x50" * LARGEST)
    return Program(program.body, program.set_up, once=False, holdings={address: holding})


def _jumps() -> Iterator[tuple[str, Program]]:
    yield "JUMPDEST", _text("JUMPDEST")
    yield "JUMPI not taken", _text("0 0 JUMPI")
    yield "empty loop", _text("JUMPDEST", once=False)
    for count in (1, 2, 3):
        pair = f"{'JUMPDEST ' * count}GAS {'JUMPDEST ' * count}POP"
        yield f"{count} JUMPDEST before each instruction", _text(pair)
    yield "jumps to the next place", Program(_jump_chain(lambda place: place + 1), once=False)
    # 5n + 1 modulo a power of two comes by every place before it is back at the first one.
    to_and_fro = _jump_chain(lambda place: (5 * place + 1) % JUMPS or JUMPS)
    yield "jumps to and fro", Program(to_and_fro, once=False)


def _jump_chain(following: Callable[[int], int]) -> bytes:
    """JUMPS times PUSH2 JUMP JUMPDEST; `following` says at which of them to go on, JUMPS means behind the last."""
    return b"".join(
        [b"\x61" + (5 * following(place)).to_bytes(2, "big") + b"\x56\x5b" for place in range(JUMPS)]
    )


SLOWEST_KNOWN: Final = (
    "GAS",
    "PREVRANDAO",
    "COINBASE",
    "PUSH0",
    "PUSH32 POP",
    "SDIV of negative numbers",
    "MLOAD unaligned",
    "MSTORE of a full word",
    "CALLDATALOAD far out",
    "CALLDATACOPY of a word",
    "CALL of itself",
    "CALL that fails",
    "CREATE of 48 KB that runs",
    "jumps to and fro",
    "2 JUMPDEST before each instruction",
)
"""Of the whole family the programs that have come out slowest, and the slowest of their kinds."""


def run(options: Options) -> Iterator[Measurement]:
    """The slowest programs, slowest first: of those known, or with options.full of the whole family."""
    programs = family()
    names = tuple(programs) if options.full else SLOWEST_KNOWN
    findings = [finding for name in names for finding in measured(name, programs[name], SCAN_GAS)]
    for finding in sorted(findings, key=lambda found: -found.seconds)[:SHOWN]:
        yield Measurement(finding.name, finding.seconds, "s for 30M gas")


def family() -> Mapping[str, Program]:
    """Every program by its name."""
    return {
        name: program for part in (_arithmetic, _memory, _state, _calls, _jumps) for name, program in part()
    }


@dataclass(frozen=True, slots=True)
class Finding:
    """seconds: for the gas of a block. code: what to run to see it."""

    name: str
    seconds: float
    code: bytes


def measured(name: str, program: Program, gas: int = BLOCK_GAS) -> Iterator[Finding]:
    """A program in every way that makes sense for it, with `gas` to use."""
    loops = {"": program.loop, " in a long loop": program.long_loop} if program.once else {"": program.loop}
    for shape, code in loops.items():
        yield Finding(f"{name}{shape}: interpreter", _seconds(program, code, {}, INTERPRETER, gas), code)
        compiler = NativeEngine(ImmediateCompiler())
        _seconds(program, code, {}, compiler, WARM_UP_GAS)
        yield Finding(f"{name}{shape}: compiled", _seconds(program, code, {}, compiler, gas), code)
    if program.once:
        yield _in_many(name, program, gas)
    yield _compiled_again_and_again(name, program, gas)


def _in_many(name: str, program: Program, gas: int) -> Finding:
    """Contracts that are all different, each called as often as it can be without being decoded."""
    code = program.straight
    calls = VISITS_BEFORE_DECODING - 1
    once = _gas_of(program, code)
    number = max(1, gas // (calls * (once + CALL_OVERHEAD) + COLD_CALL))
    caller, copies = _callers(code, number, f"{'PUSH0 ' * 5}DUP6 GAS CALL POP " * calls)
    return Finding(f"{name}: new code", _seconds(program, caller, copies, NativeEngine(), gas), code)


def _compiled_again_and_again(name: str, program: Program, gas: int) -> Finding:
    """Contracts that are all different, each given just the gas to be compiled, and the compiling is counted too."""
    code = program.long_loop
    share = HEAT_TO_COMPILE * 11 // 10
    number = max(1, gas // share)
    caller, copies = _callers(code, number, f"{'PUSH0 ' * 5}DUP6 {share} CALL POP ")
    engine = NativeEngine(ImmediateCompiler())
    return Finding(f"{name}: just hot", _seconds(program, caller, copies, engine, gas), code)


def _callers(code: bytes, number: int, calls: str) -> tuple[bytes, Mapping[Address, Holding]]:
    """Code that calls each of `number` copies of `code` in turn, and the copies, which differ behind their ends."""
    first = 1 << 32
    copies = {
        Address((first + index).to_bytes(20, "big")): Holding(code=code + index.to_bytes(MARK_BYTES, "big"))
        for index in range(number)
    }
    return Program(assemble(calls + "1 ADD"), assemble(str(first))).loop, copies


def _gas_of(program: Program, code: bytes) -> int:
    """What one run of `code` uses."""
    work = _work(program, code, {}, BLOCK_GAS)
    return BLOCK_GAS - Stage(reader_of(work.holdings), work, INTERPRETER).run().gas_left


def _seconds(
    program: Program, code: bytes, others: Mapping[Address, Holding], engine: Engine, gas: int
) -> float:
    work = _work(program, code, others, gas)
    stage = Stage(reader_of(work.holdings), work, engine)
    left: list[int] = []
    seconds = best_seconds(lambda: left.append(stage.run().gas_left), 1)
    return seconds * BLOCK_GAS / max(gas - left[0], 1)


def _work(program: Program, code: bytes, others: Mapping[Address, Holding], gas: int) -> Work:
    holdings = {
        CALLER: Holding(balance=10**18),
        CONTRACT: Holding(balance=10**18, code=code),
        **CALLEES,
        **program.holdings,
        **others,
    }
    return Work("", holdings, CONTRACT, program.payload, gas, by_gas=True)
