"""The determinism lint: every rule has a sample that breaks it and one that does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from vm.system.tooling.lint import SYSTEM, lint_paths, lint_source, main, profile_of
from vm.system.tooling.lint_rules import Profile

CONTRACT = """
class Ledger(Contract):
    total: Slot[u256]
    balances: Map[address, u256]
    holders: Array[address]

    @external
    def act(self, given: list[u256], text: str) -> None:
{body}
"""


def findings(body: str) -> list[tuple[str, int]]:
    """(rule, line within `body`) for each finding."""
    source = CONTRACT.format(body="\n".join(f"        {line}" for line in body.splitlines()))
    return [(found.rule, found.line - 8) for found in lint_source(source)]


def rules(source: str, profile: Profile = Profile.CONTRACT) -> list[str]:
    return [found.rule for found in lint_source(source, profile=profile)]


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        ("self.total = 1.5", "FLOAT"),
        ("self.total = 1e18", "FLOAT"),
        ("self.total = 1j", "FLOAT"),
        ("self.total = given[0] / 2", "FLOAT"),
        ("self.total /= 2", "FLOAT"),
        ("self.total = 10 ** -2", "FLOAT"),
        ("self.total = float(3)", "CALL"),
        ("self.total = round(3)", "CALL"),
        ("for one in {1, 2}: self.total = one", "SET"),
        ("self.total = max({n for n in given})", "SET"),
        ("self.total = len(set(given))", "SET"),
        ("self.total = len(frozenset(given))", "SET"),
        ("given.sort(key=hash)", "CALL"),
        ("self.total = max(map(float, given))", "CALL"),
        ("text = repr(self)", "CALL"),
        ("common = a.keys() & b.keys()", "SET"),
        ("for pair in a.items() - b: pass", "SET"),
        ("self.total = id(given)", "CALL"),
        ("self.total = hash(text)", "CALL"),
        ("print(text)", "CALL"),
        ("exec(text)", "CALL"),
        ("for name in vars(self): pass", "CALL"),
        ("for name in globals(): pass", "CALL"),
        ("for name in self.__dict__: pass", "HIDDEN"),
        ("self.total = int(self.frame.context.transaction.origin == self.sender)", "HIDDEN"),
        ("self.total = self.frame.gas_price", "HIDDEN"),
        ("if text.lower() == 'a': pass", "UNICODE"),
        ("if text.isalnum(): pass", "UNICODE"),
        ("import time", "IMPORT"),
        ("from random import randint", "IMPORT"),
        ("import os.path", "IMPORT"),
        ("from secrets import token_bytes", "IMPORT"),
        ("from uuid import uuid4", "IMPORT"),
        ("from datetime import datetime", "IMPORT"),
        ("from math import sqrt", "IMPORT"),
        ("import math", "IMPORT"),
        ("import numpy", "IMPORT"),
        ("try:\n    self.work()\nexcept:\n    pass", "SWALLOW"),
        ("try:\n    self.work()\nexcept Exception:\n    pass", "SWALLOW"),
        ("try:\n    self.work()\nexcept (KeyError, Revert):\n    pass", "SWALLOW"),
        ("try:\n    self.work()\nexcept errors.Panic as panic:\n    pass", "SWALLOW"),
        ("with suppress(ValueError): self.work()", "SWALLOW"),
        ("assert self.total", "ASSERT"),
        ("global counter", "STATE"),
        ("self.cached = 5", "STATE"),
        ("self.total, self.cached = 1, 2", "STATE"),
        ("Ledger.counter = 5", "STATE"),
        ("self.balances = {}", "MAP"),
        ("self.holders = []", "MAP"),
        ("del self.balances", "MAP"),
        ("if self.total is 5: pass", "IDENTITY"),
        ("if text is not 'a': pass", "IDENTITY"),
        ("for holder in self.holders: self.balances[holder] = 0", "LOOP"),
        ("for i in range(len(self.holders)): pass", "LOOP"),
        ("for i in range(0, len(self.holders) - 1): pass", "LOOP"),
        ("for i, holder in enumerate(self.holders): pass", "LOOP"),
        ("self.total = sum(self.balances[a] for a in self.holders)", "LOOP"),
        ("while self.total: self.total -= 1", "LOOP"),
    ],
)
def test_what_nodes_could_disagree_about_is_found_on_its_line(body: str, rule: str) -> None:
    found = findings(body)
    assert [name for name, _ in found] == [rule]
    assert 1 <= found[0][1] <= len(body.splitlines())


@pytest.mark.parametrize(
    "body",
    [
        "self.total = given[0] // 2 + 10 ** 18",
        "self.balances[self.sender] -= 1",
        "self.holders[0] = self.sender",
        "self.holders.append(self.sender)",
        "if self.total == 5 and text is not None: pass",
        "for amount in given: self.total += amount",
        "for i in range(min(given[0], 50)): pass",
        "from math import isqrt",
        "try:\n    self.work()\nexcept Exception:\n    raise",
        "try:\n    self.work()\nexcept KeyError:\n    pass",
        "del self.balances[self.sender]",
        "if isinstance(text, set): pass",
        "for id in given: self.burn(id)",
        "held = self.balances[self.sender]",
        "for holder in self.holders:  # bounded: at most 16 holders, see add\n    pass",
        "# bounded: each round halves it\nwhile self.total:\n    self.total //= 2",
        "if text.lower() == 'a': pass  # deterministic: checked to be ASCII above",
    ],
)
def test_what_contracts_need_is_left_alone(body: str) -> None:
    assert findings(body) == []


@pytest.mark.parametrize(
    "excuse", ["# bounded:", "# bounded:   ", "# deterministic: a wrong word for loops", "# it is bounded"]
)
def test_an_excuse_needs_its_word_and_a_reason(excuse: str) -> None:
    assert findings(f"while self.total:  {excuse}\n    pass") == [("LOOP", 1)]


def test_an_excuse_behind_the_line_above_does_not_reach_further() -> None:
    assert findings("held = 5  # bounded: it is\nwhile held: pass") == [("LOOP", 2)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("TABLE = {1: 2}", ["STATE"]),
        ("SEEN = []", ["STATE"]),
        ("SEEN = defaultdict(int)", ["STATE"]),
        ("class A(Contract):\n    seen = []", ["STATE"]),
        ("class A(Contract):\n    seen: list[int] = []", ["STATE"]),
        ("@lru_cache\ndef f(x): return x", ["STATE"]),
        ("@functools.cache\ndef f(x): return x", ["STATE"]),
        ("def f(**options): return options", ["ORDER"]),
        ("async def f(): return 1", ["ASYNC"]),
        ("TABLE: Final[Mapping[int, int]] = {1: 2}", []),
        ("NAMES: Sequence[str] = ['a']", []),
        ("NAMES = ('a', 'b')", []),
        ("__all__ = ['A']", []),
    ],
)
def test_what_a_module_keeps_must_be_read_only(source: str, expected: list[str]) -> None:
    assert rules(source) == expected


def test_what_runs_while_a_class_is_made_may_shape_the_class() -> None:
    source = (
        "class A(Contract):\n    def __init_subclass__(cls, **options):\n        cls.ids = dict(options)\n"
    )
    assert rules(source) == []
    assert rules(source.replace("__init_subclass__", "other")) == ["ORDER", "STATE"]


def test_the_framework_may_use_sets_but_no_floats_and_no_clock() -> None:
    source = "import time\nNAMES = {1}\nSEEN = {}\nX = 1 / 2\nY = hash(3)\n"
    assert rules(source, Profile.FRAMEWORK) == ["IMPORT", "FLOAT", "CALL"]
    assert rules(source, Profile.NONE) == []


def test_every_package_is_a_contract_unless_the_table_says_otherwise() -> None:
    assert profile_of(SYSTEM / "contract.py") is Profile.FRAMEWORK
    assert profile_of(SYSTEM / "runtime" / "frame.py") is Profile.FRAMEWORK
    assert profile_of(SYSTEM / "testing" / "chain.py") is Profile.NONE
    assert profile_of(SYSTEM / "lottery" / "lottery.py") is Profile.CONTRACT


def test_storage_that_another_module_declares_is_known(tmp_path: Path) -> None:
    (tmp_path / "base.py").write_text(
        "class Base(Contract):\n    held: Map[address, u256]\n    sum: Slot[u256]\n"
    )
    (tmp_path / "token.py").write_text(
        "class Token(Base):\n    def f(self) -> None:\n        self.sum = 1\n        self.held = {}\n"
    )
    assert [(found.rule, found.line) for found in lint_paths([tmp_path])] == [("MAP", 4)]


def test_the_command_names_file_and_line_and_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text("X = 1\nY = 0.5\n")
    assert main([str(bad)]) == 1
    assert capsys.readouterr().out == f"{bad}:2: FLOAT 0.5 is a float; use whole numbers of a smaller unit\n"
    bad.write_text("X = 1\n")
    assert main([str(bad)]) == 0
    assert capsys.readouterr().out == ""


def test_the_system_contracts_are_clean() -> None:
    assert [str(finding) for finding in lint_paths([SYSTEM])] == []
