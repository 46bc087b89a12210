"""What is published from the classes: interfaces, ABI files, the reference, layout files.

`python -m vm.system.tooling.publish` writes them; with `--check` it only says which are stale, and exits with 1 if any
are.
Owns: where each file is. A layout file of an old version stays what it is.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from vm.system.contract import Contract
from vm.system.registry import CHAIN_CONTRACTS, Registry
from vm.system.storage.bind import layout_of
from vm.system.storage.description import describe
from vm.system.tooling.declared import abi_of, solidity_of
from vm.system.tooling.reference import newest, reference

ROOT: Final = Path(__file__).resolve().parents[3]
INTERFACES: Final = Path("contracts/interfaces")
LAYOUTS: Final = Path("vm/system/layouts")
REFERENCE: Final = Path("docs/system-contracts-reference.md")


def published(registry: Registry = CHAIN_CONTRACTS) -> dict[Path, str]:
    """All files by their place in the repository."""
    files = {REFERENCE: reference(registry)}
    for contract in newest(registry.classes):
        files[INTERFACES / f"I{contract.__name__}.sol"] = solidity_of(contract)
        files[INTERFACES / f"{contract.__name__}.json"] = _json(abi_of(contract))
    for contract in registry.classes:
        files[layout_file(contract)] = _json(describe(layout_of(contract)))
    return files


def layout_file(contract: type[Contract]) -> Path:
    """Where the layout of a version is kept."""
    return LAYOUTS / f"{contract.__name__}.v{contract.version}.json"


def stale(files: Mapping[Path, str], root: Path | None = None) -> list[Path]:
    """Those that are missing or differ, in the repository or another folder."""
    root = ROOT if root is None else root
    return [
        place
        for place, text in files.items()
        if not (root / place).is_file() or (root / place).read_text() != text
    ]


def _json(value: Any) -> str:
    return json.dumps(value, indent=2) + "\n"


def main(arguments: Sequence[str]) -> int:
    """Writes what is stale, or names it; the exit code."""
    files = published()
    changed = stale(files)
    only_check = "--check" in arguments
    for place in changed:
        print(f"{'stale' if only_check else 'wrote'}: {place.as_posix()}")
        if not only_check:
            (ROOT / place).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / place).write_text(files[place])
    return 1 if only_check and changed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
