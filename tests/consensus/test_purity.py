"""The pure half of consensus reaches for no clock, randomness, disk or network, not even by import."""

import ast
from pathlib import Path

import pytest

import consensus.engine

PURE = [
    "certificates",
    "codec",
    "consensus_root",
    "early_messages",
    "engine",
    "errors",
    "messages",
    "params",
    "proposal_keeper",
    "proposer",
    "round_machine",
    "sign_bytes",
    "types",
    "upon_rules",
    "validator_set",
    "vote_keeper",
]
ALLOWED = {"__future__", "collections", "dataclasses", "enum", "functools", "msgpack", "struct", "typing"}
FOLDER = Path(consensus.engine.__file__).parent


def _imports(module: str) -> set[str]:
    tree = ast.parse((FOLDER / f"{module}.py").read_text())
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            assert node.module is not None
            if node.module == "consensus":
                names.update(f"consensus.{alias.name}" for alias in node.names)
            else:
                names.add(node.module)
    return names


@pytest.mark.parametrize("module", PURE)
def test_a_pure_module_imports_only_pure_modules(module: str) -> None:
    for name in _imports(module):
        top, _, rest = name.partition(".")
        assert top in ALLOWED or top == "chain" or (top == "consensus" and rest in PURE), name


@pytest.mark.parametrize("module", PURE)
def test_a_pure_module_has_no_float_and_no_assert(module: str) -> None:
    for node in ast.walk(ast.parse((FOLDER / f"{module}.py").read_text())):
        assert not isinstance(node, ast.Assert)
        assert not (isinstance(node, ast.Constant) and isinstance(node.value, float))
        assert not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div))
