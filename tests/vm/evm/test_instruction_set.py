"""Which instructions each rule set has, and their static prices."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from vm.evm.instruction import Flow, Instruction
from vm.evm.instruction_set import instruction_set
from vm.forks import Fork

FORKS_OF_PY_EVM = [fork for fork in Fork if fork <= Fork.PRAGUE]
PUSHES = range(0x60, 0x80)
CUTS = {0xF0, 0xF1, 0xF2, 0xF4, 0xF5, 0xFA}


def py_evm_opcodes(fork: Fork) -> Any:
    module = importlib.import_module(f"eth.vm.forks.{fork.name.lower()}.computation")
    return getattr(
        module, "".join(part.capitalize() for part in fork.name.split("_")) + "Computation"
    ).opcodes


def defined(fork: Fork) -> set[int]:
    return {i.opcode for i in instruction_set(fork) if i.flow is not Flow.UNDEFINED}


@pytest.mark.parametrize("fork", FORKS_OF_PY_EVM, ids=lambda fork: fork.name)
def test_a_rule_set_has_the_instructions_that_py_evm_has(fork: Fork) -> None:
    # INVALID is an instruction there, and a byte without one here.
    assert defined(fork) == set(py_evm_opcodes(fork)) - {0xFE}


def test_osaka_adds_one_instruction() -> None:
    assert defined(Fork.OSAKA) - defined(Fork.PRAGUE) == {0x1E}
    assert instruction_set(Fork.OSAKA)[0x1E].gas == 5
    assert instruction_set(Fork.OSAKA)[0x1E].name == "CLZ"


@pytest.mark.parametrize("fork", FORKS_OF_PY_EVM, ids=lambda fork: fork.name)
def test_static_prices_are_those_of_py_evm(fork: Fork) -> None:
    """Where the whole price is static there; what is charged by access or effect differs in how it is divided."""
    divided = {0x31, 0x3B, 0x3C, 0x3F, 0x54} if fork >= Fork.BERLIN else set()
    divided |= {0x55, 0xA1, 0xA2, 0xA3, 0xA4} | CUTS | {0xFF}
    ours = instruction_set(fork)
    for opcode, theirs in py_evm_opcodes(fork).items():
        if opcode not in divided and opcode != 0xFE:
            assert ours[opcode].gas == theirs.gas_cost, ours[opcode].name


# Yellow paper appendix G, EIP-150, EIP-1884, EIP-2929: price before anything dynamic.
PRICES: dict[str, dict[Fork, int]] = {
    "BALANCE": {Fork.FRONTIER: 20, Fork.TANGERINE_WHISTLE: 400, Fork.ISTANBUL: 700, Fork.BERLIN: 100},
    "EXTCODESIZE": {Fork.FRONTIER: 20, Fork.TANGERINE_WHISTLE: 700, Fork.BERLIN: 100},
    "EXTCODECOPY": {Fork.FRONTIER: 20, Fork.TANGERINE_WHISTLE: 700, Fork.BERLIN: 100},
    "EXTCODEHASH": {Fork.CONSTANTINOPLE: 400, Fork.ISTANBUL: 700, Fork.BERLIN: 100},
    "SLOAD": {Fork.FRONTIER: 50, Fork.TANGERINE_WHISTLE: 200, Fork.ISTANBUL: 800, Fork.BERLIN: 100},
    "CALL": {Fork.FRONTIER: 40, Fork.TANGERINE_WHISTLE: 700, Fork.BERLIN: 100},
    "CALLCODE": {Fork.FRONTIER: 40, Fork.TANGERINE_WHISTLE: 700, Fork.BERLIN: 100},
    "DELEGATECALL": {Fork.HOMESTEAD: 40, Fork.TANGERINE_WHISTLE: 700, Fork.BERLIN: 100},
    "STATICCALL": {Fork.BYZANTIUM: 700, Fork.BERLIN: 100},
    "SELFDESTRUCT": {Fork.FRONTIER: 0, Fork.TANGERINE_WHISTLE: 5_000},
    "CREATE": {Fork.FRONTIER: 32_000},
    "CREATE2": {Fork.CONSTANTINOPLE: 32_000},
    "LOG3": {Fork.FRONTIER: 1_500},
}


@pytest.mark.parametrize("name", PRICES)
def test_a_price_changes_when_its_eip_says(name: str) -> None:
    expected: int | None = None
    for fork in Fork:
        expected = PRICES[name].get(fork, expected)
        found = [i.gas for i in instruction_set(fork) if i.name == name]
        assert found == ([] if expected is None else [expected]), fork.name


def test_difficulty_becomes_prevrandao_in_paris() -> None:
    assert instruction_set(Fork.LONDON)[0x44].name == "DIFFICULTY"
    assert instruction_set(Fork.PARIS)[0x44].name == "PREVRANDAO"


@pytest.mark.parametrize("fork", list(Fork), ids=lambda fork: fork.name)
def test_the_records_are_consistent(fork: Fork) -> None:
    records = instruction_set(fork)
    assert [i.opcode for i in records] == list(range(256))
    names = [i.name for i in records]
    assert len(set(names)) == 256
    for i in records:
        assert (i.handler is None) == (i.flow in (Flow.JUMP, Flow.JUMPI, Flow.JUMPDEST))
        assert i.immediate == (i.opcode - 0x5F if i.opcode in PUSHES else 0)
        assert (i.flow is Flow.CUT) == (i.opcode in CUTS and i.opcode in defined(fork))


def test_the_records_of_a_rule_set_are_made_once() -> None:
    assert instruction_set(Fork.PRAGUE) is instruction_set(Fork.PRAGUE)


@pytest.mark.parametrize(("opcode", "name"), [(0xFE, "INVALID"), (0x0C, "opcode 0xc not defined")])
def test_a_byte_without_instruction_is_named_as_go_ethereum_does(opcode: int, name: str) -> None:
    record: Instruction = instruction_set(Fork.PRAGUE)[opcode]
    assert (record.name, record.flow, record.gas) == (name, Flow.UNDEFINED, 0)
