"""What is published is what the classes say, and layouts only grow."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.vm.system.testing.bank import Bank
from vm.system.contract import Contract
from vm.system.functions import Function
from vm.system.layouts import changes
from vm.system.registry import CHAIN_CONTRACTS, Registry
from vm.system.tooling.declared import abi_of, errors_of, events_of, first_paragraph, solidity_of
from vm.system.tooling.publish import INTERFACES, LAYOUTS, ROOT, layout_file, main, published, stale
from vm.system.tooling.reference import chapter, newest

CLASSES = CHAIN_CONTRACTS.classes


def test_nothing_that_is_published_is_stale() -> None:
    assert stale(published()) == [], "run python -m vm.system.tooling.publish"


def test_no_file_is_left_of_a_contract_that_is_no_more() -> None:
    """Layouts stay as long as a chain may replay them, which the registry says."""
    expected = {place.name for place in published()}
    found = [path.name for folder in (LAYOUTS, INTERFACES) for path in (ROOT / folder).glob("*.[js]*")]
    assert [name for name in found if name not in expected] == []


def test_a_new_version_only_appends_to_the_layout_of_the_one_before() -> None:
    """The committed files are compared, so that nobody changes an old class to fit a new one."""
    for contract in CLASSES:
        older = [
            one for one in CLASSES if one.class_id == contract.class_id and one.version < contract.version
        ]
        if older:
            before, after = layout_file(older[-1]), layout_file(contract)
            assert (
                changes(json.loads((ROOT / before).read_text()), json.loads((ROOT / after).read_text())) == ()
            )


# --- what is told of each contract ----------------------------------------------------------------------------------


@pytest.mark.parametrize("contract", CLASSES, ids=lambda one: one.__name__)
def test_everything_that_a_contract_declares_says_what_it_is(contract: type[Contract]) -> None:
    assert first_paragraph(vars(contract).get("__doc__"))
    silent = [name for name, function in contract.functions.items() if not first_paragraph(function.__doc__)]
    silent += [
        one.__name__ for one in (*events_of(contract), *errors_of(contract)) if not vars(one).get("__doc__")
    ]
    assert silent == []


@pytest.mark.parametrize("contract", CLASSES, ids=lambda one: one.__name__)
def test_names_that_solidity_keeps_apart_do_not_clash(contract: type[Contract]) -> None:
    """A class with an event and a function of one name compiles in Python, but not as an interface."""
    functions = [function.signature.name for function in contract.functions.values()]
    others = [one.__name__ for one in (*events_of(contract), *errors_of(contract))]
    assert len(others) == len(dict.fromkeys(others))
    assert [name for name in others if name in functions] == []


def test_the_abi_of_a_contract_lists_everything_once() -> None:
    items = abi_of(Bank)
    assert [item["type"] for item in items[:2]] == ["constructor", "receive"]
    named = {(item["type"], item.get("name")) for item in items}
    assert {("function", "deposit"), ("event", "Deposited"), ("error", "TooLittle")} <= named
    assert ("error", "ReentrancyGuardReentrantCall") in named
    assert len([item for item in items if item.get("name") == "twice"]) == 2


def test_the_interface_has_the_documentation_of_the_functions() -> None:
    text = solidity_of(Bank)
    assert "interface IBank {" in text
    assert "/// @notice Takes coins." in text
    assert "receive() external payable;" in text


def test_the_chapter_says_who_may_call_what() -> None:
    text = chapter(Registry((Bank,), ()), Bank)
    rows = {line.split("`")[1]: line for line in text.splitlines() if line.startswith("| `")}
    assert "| locked | 500 | the owner |" in rows["set_level(uint256 level)"]
    assert "| payable, locked | 500 | anybody | Takes coins. |" in rows["deposit(string note) → (uint256)"]
    assert "| view | 500 |  | Coins of an account. |" in rows["balanceOf(address owner) → (uint256)"]
    assert "| 0 | 20 | `level` | `uint8` |" in text
    assert "each instance its own" in text


def test_only_the_newest_version_is_described() -> None:
    class Bank2(Bank, class_id=Bank.class_id, version=2):
        """The next one."""

    assert newest((Bank, Bank2)) == [Bank2]
    assert newest((Bank2, Bank)) == [Bank2]
    files = published(Registry((Bank, Bank2), ()))
    assert LAYOUTS / "Bank.v1.json" in files
    assert LAYOUTS / "Bank2.v2.json" in files
    assert INTERFACES / "IBank.sol" not in files


def test_stale_files_are_named_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("vm.system.tooling.publish.ROOT", tmp_path)
    assert main(["--check"]) == 1
    assert "stale: docs/system-contracts-reference.md" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []
    assert main([]) == 0
    assert "wrote: docs/system-contracts-reference.md" in capsys.readouterr().out
    assert stale(published(), tmp_path) == []
    assert main(["--check"]) == 0


def test_a_function_without_a_docstring_is_published_all_the_same() -> None:
    assert isinstance(Bank.functions["panic"], Function)
    assert "function panic(uint8 code) external;" in solidity_of(Bank)
