"""Rules of this code base that no linter knows: sizes, docstrings, no asserts, and what must stay deterministic."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("chain", "state", "vm", "genesis", "consensus", "p2p", "rpc", "node")
MAX_MODULE_LINES = 600
MAX_FUNCTION_LINES = 60
# What every node must compute alike may not read a clock, draw a number or depend on the place it runs in.
DETERMINISTIC = ("chain", "state", "vm", "consensus", "genesis")
FORBIDDEN_IMPORTS = frozenset({"time", "random", "datetime", "locale", "uuid", "secrets", "socket"})
ALLOWED = {
    "consensus/signer.py": {"secrets"},  # draws a new key for `create`; signing itself is RFC 6979
    "consensus/wal.py": {
        "secrets"
    },  # marks the frames of one log, so that those of an older one are not taken for its own
    "state/kv.py": {"time"},  # close waits for calls that still run in other threads
}


def modules(packages: tuple[str, ...]) -> Iterator[Path]:
    for package in packages:
        yield from sorted((ROOT / package).rglob("*.py"))
    if packages == PACKAGES:
        yield ROOT / "cli.py"


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", list(modules(PACKAGES)), ids=name_of)
def test_a_module_is_small_says_what_it_owns_and_asserts_nothing(path: Path) -> None:
    source = path.read_text()
    tree = ast.parse(source)
    assert source.count("\n") <= MAX_MODULE_LINES
    assert not source.strip() or ast.get_docstring(tree), "a module begins with what it owns"
    for node in ast.walk(tree):
        assert not isinstance(node, ast.Assert), (
            f"line {node.lineno}: raise InvariantViolation instead of assert"
        )
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= MAX_FUNCTION_LINES, f"{node.name} has {length} lines"


@pytest.mark.parametrize("path", list(modules(DETERMINISTIC)), ids=name_of)
def test_what_must_be_deterministic_imports_no_clock_and_no_chance(path: Path) -> None:
    imported: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported.add(node.module.partition(".")[0])
    assert imported & FORBIDDEN_IMPORTS <= ALLOWED.get(name_of(path), set())


def test_the_exceptions_are_still_needed() -> None:
    for name, allowed in ALLOWED.items():
        source = (ROOT / name).read_text()
        assert all(f"import {module}" in source for module in allowed), f"{name} needs no exception any more"
