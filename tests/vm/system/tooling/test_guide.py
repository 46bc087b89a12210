"""The guide's example is executed as it stands, and its tables say what the program does."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.vm.system.testing.bank import Bank
from vm.message import CallKind
from vm.system import gas
from vm.system.addresses import UPGRADES
from vm.system.framework import Guard
from vm.system.layouts import changes
from vm.system.registry import ChainContract, Registry
from vm.system.storage.access import WORD_KEY_GAS
from vm.system.storage.bind import layout_of
from vm.system.storage.description import describe
from vm.system.testing import TestChain, reverts
from vm.system.testing.bytecode import proxy, through_proxy
from vm.system.tooling.lint import lint_source

ROOT = Path(__file__).resolve().parents[4]
GUIDE = (ROOT / "docs" / "system-contracts.md").read_text()
BLOCKS = dict(re.findall(r"```python\n# (\S+)\n(.*?)```", GUIDE, re.DOTALL))
CONTRACT, TESTS, SECOND = (
    "vm/system/jar/contract.py",
    "tests/vm/system/jar/test_tip_jar.py",
    "vm/system/jar/contract_v2.py",
)


@pytest.fixture
def jar(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    """The modules of the guide, importable by the names that it gives them."""
    made: dict[str, ModuleType] = {}
    for path in (CONTRACT, SECOND, TESTS):
        name = path.removesuffix(".py").replace("/", ".")
        module = ModuleType(name)
        for parent in ("vm.system.jar", name):
            monkeypatch.setitem(sys.modules, parent, module if parent == name else ModuleType(parent))
        exec(compile(BLOCKS[path], path, "exec"), vars(module))
        made[path] = module
    return made


def test_the_tests_of_the_example_pass(jar: dict[str, ModuleType]) -> None:
    tests = [value for name, value in vars(jar[TESTS]).items() if name.startswith("test_")]
    assert len(tests) == 3
    for test in tests:
        test()


@pytest.mark.parametrize("path", [CONTRACT, SECOND])
def test_the_example_follows_the_rules(path: str) -> None:
    assert lint_source(BLOCKS[path]) == []
    assert max(map(len, BLOCKS[path].splitlines())) <= 120


def test_the_storage_of_the_example_is_where_the_guide_says(jar: dict[str, ModuleType]) -> None:
    layout = layout_of(jar[CONTRACT].TipJar)
    assert [(one.name, one.slot, one.offset) for one in layout.variables] == [
        ("owner_", 0, 0),
        ("given", 1, 0),
        ("tips", 2, 0),
        ("largest", 2, 8),
    ]


def test_the_second_version_only_appends(jar: dict[str, ModuleType]) -> None:
    first, second = (describe(layout_of(jar[path].TipJar)) for path in (CONTRACT, SECOND))
    assert changes(first, second) == ()
    assert changes(second, first) != ()


def test_the_upgrade_of_the_example_happens_at_its_height(jar: dict[str, ModuleType]) -> None:
    from vm.system.upgrades.contract import Upgrades
    from vm.system.upgrades.parameters import UpgradesGenesis

    first, second = jar[CONTRACT].TipJar, jar[SECOND].TipJar
    chain = TestChain(registry=Registry((first, second), (ChainContract("upgrades", UPGRADES, Upgrades),)))
    alice = chain.account("alice")
    (upgrades,) = chain.genesis((Upgrades, UpgradesGenesis(authority=alice, notice_blocks=10)))
    old = chain.deploy(first, alice)
    old.tip("before", value=5, sender=alice)
    height = chain.block.number + upgrades.noticeBlocks() + 1
    upgrades.schedule([old], 2, height, sender=alice)
    chain.mine(height - chain.block.number - 1)
    assert chain.code(old) == first.code
    chain.mine()
    new = chain.at(old, second)
    assert chain.code(new) == second.code
    assert (new.givenBy(alice), new.record(), new.leastTip()) == (5, (1, 5), 1)
    new.setLeastTip(9, sender=alice)
    assert new.leastTip() == 9


def test_the_prices_in_the_guide_are_those_of_the_program() -> None:
    table = dict(re.findall(r"^\| ([^|]+?) +\| (\d+)[^|]*\|$", GUIDE, re.MULTILINE))
    assert table["base of a call"] == str(gas.CALL_BASE)
    assert table["Python code of a function (`work`)"] == str(gas.DEFAULT_WORK)
    assert table["call data, return data, constructor arguments, per word of 32 bytes"] == str(
        gas.DECODE_WORD
    )
    assert table["hash for a map key of a value type"] == str(WORD_KEY_GAS)
    assert table["`self.recover`"] == str(gas.RECOVER)
    assert table["one hook of one contract in a block, at most"] == str(gas.HOOK_GAS)
    assert f"is worth {gas.GAS_PER_MICROSECOND} gas" in GUIDE


def test_the_rules_in_the_guide_are_those_of_the_lint() -> None:
    source = (ROOT / "vm" / "system" / "tooling" / "lint_rules.py").read_text()
    rules = set(re.findall(r'report\(\s*[\w.]+, "([A-Z]+)"', source)) | {"SET", "CALL"}
    told = set(re.findall(r"\b[A-Z]{3,}\b", GUIDE.partition("| rule | what |")[2].partition("\n\n")[0]))
    assert rules <= told


def test_a_delegated_call_reverts_with_the_text_of_the_guide() -> None:
    text = "system contract: delegated call"
    assert f'"{text}"' in GUIDE
    chain = TestChain(registry=Registry((), ()))
    bank = chain.deploy(Bank, chain.sender, "x")
    with reverts(text):
        chain.call(
            chain.run_evm(proxy(CallKind.DELEGATECALL)), through_proxy(bank.address, bank.both.encode())
        )
    assert isinstance(Bank.functions["set_level"].only, Guard)
