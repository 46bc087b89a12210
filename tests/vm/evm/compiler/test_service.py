"""When code is compiled, and that it makes no difference but in speed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.vm.worlds import ENVIRONMENT, address, assemble, call, funded
from vm.evm.blocks import Block
from vm.evm.code import Code
from vm.evm.compiler import service
from vm.evm.compiler.service import BackgroundCompiler, ImmediateCompiler
from vm.evm.engine import HEAT_TO_COMPILE, NativeEngine
from vm.forks import Fork

CONTRACT = address(0xC0DE)

# Counts down from the first word of the call data; another loop is behind a branch that is taken for odd second words.
COUNTDOWN = (
    assemble(32, "CALLDATALOAD", 18, "JUMPI", 0, "CALLDATALOAD")
    + assemble("JUMPDEST", 1, "SWAP1", "SUB", "DUP1", 8, "JUMPI", "STOP")
    + assemble("JUMPDEST", 0, "CALLDATALOAD")
    + assemble("JUMPDEST", 2, "SWAP1", "SUB", "DUP1", 21, "JUMPI", "STOP")
)


def words(*numbers: int) -> bytes:
    return b"".join([number.to_bytes(32, "big") for number in numbers])


def run(engine: NativeEngine, data: bytes) -> int:
    world = funded().add(CONTRACT, nonce=1, code=COUNTDOWN).world
    outcome = call(world, CONTRACT, data=data, gas=10_000_000, env=replace(ENVIRONMENT, evm=engine))
    assert outcome.error is None
    return outcome.gas_left


def code_in(engine: NativeEngine) -> Code:
    (code,) = engine.cache_of(Fork.PRAGUE).codes
    return code


def regions(code: Code) -> set[int]:
    return {position for position, entry in code.entries.items() if type(entry) is not Block}


def test_the_program_is_what_the_tests_think() -> None:
    assert [COUNTDOWN[place] for place in (8, 18, 21)] == [0x5B] * 3


def test_code_is_compiled_when_it_has_used_enough_gas_and_only_where_it_ran() -> None:
    engine = NativeEngine(ImmediateCompiler())
    turn = 28  # gas of one turn of the loop
    run(engine, words(HEAT_TO_COMPILE // turn // 2, 0))
    assert not regions(code_in(engine))
    expected = run(NativeEngine(), words(HEAT_TO_COMPILE // turn, 0))
    assert run(engine, words(HEAT_TO_COMPILE // turn, 0)) == expected
    assert regions(code_in(engine)) == {0, 8}
    assert run(engine, words(HEAT_TO_COMPILE // turn, 0)) == expected
    # The other side of the branch has not run yet; when it gets hot, it is compiled as well.
    other = run(NativeEngine(), words(4 * HEAT_TO_COMPILE // turn, 1))
    assert run(engine, words(4 * HEAT_TO_COMPILE // turn, 1)) == other
    assert {18, 21} & regions(code_in(engine))


def test_the_memory_of_regions_is_counted() -> None:
    engine = NativeEngine(ImmediateCompiler())
    run(engine, words(100, 0))
    before = code_in(engine).size_bytes
    run(engine, words(HEAT_TO_COMPILE // 20, 0))
    code = code_in(engine)
    assert code.compiled_bytes > 1_000
    assert code.size_bytes >= before + code.compiled_bytes - 5_000  # decoded blocks were forgotten


def test_the_background_thread_compiles_what_it_is_given() -> None:
    compiler = BackgroundCompiler()
    engine = NativeEngine(compiler)
    run(engine, words(HEAT_TO_COMPILE // 20, 0))
    compiler.wait()
    assert 0 in regions(code_in(engine))
    assert compiler.faults == 0


def test_a_fault_of_the_compiler_costs_nothing_but_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(code: Code, rest: object) -> None:
        raise RuntimeError("broken on purpose")

    monkeypatch.setattr(service, "compile_hot", broken)
    compiler = BackgroundCompiler()
    engine = NativeEngine(compiler)
    expected = run(NativeEngine(), words(HEAT_TO_COMPILE // 20, 0))
    assert run(engine, words(HEAT_TO_COMPILE // 20, 0)) == expected
    compiler.wait()
    assert compiler.faults == 1
    assert str(compiler.last_fault) == "broken on purpose"
    assert run(engine, words(HEAT_TO_COMPILE // 20, 0)) == expected


def test_more_hot_code_than_the_queue_holds_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "QUEUE_LIMIT", 1)
    compiler = BackgroundCompiler()
    monkeypatch.setattr(compiler, "_start", lambda: None)  # nobody takes anything out
    engine = NativeEngine(compiler)
    for _ in range(3):
        run(engine, words(HEAT_TO_COMPILE // 20, 0))
    assert not regions(code_in(engine))
