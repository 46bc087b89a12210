"""The determinism lint: what contract code may not say, because two nodes might then disagree.

`python -m vm.system.tooling.lint [PATH…]` prints one line `file:line: RULE message` for each finding, and exits with
1 if there are any; without paths it reads all of vm/system. The rules are in vm/system/tooling/lint_rules.py.
A line with `# deterministic: reason` is believed, a loop with `# bounded: reason` too, on the line or alone above it.
Never does: import what it reads.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from vm.system.tooling.lint_rules import Declarations, Finding, Profile, check, declarations_of

SYSTEM: Final = Path(__file__).resolve().parents[1]

PROFILES: Final = {
    "abi": Profile.FRAMEWORK,
    "storage": Profile.FRAMEWORK,
    "runtime": Profile.FRAMEWORK,
    "testing": Profile.NONE,  # never part of a node
    "tooling": Profile.NONE,
}
"""Packages of vm/system that are no contracts; whatever is not named here is one."""


def profile_of(path: Path) -> Profile:
    """Which rules hold for a file: modules directly in vm/system are framework, files elsewhere contracts."""
    if not path.is_relative_to(SYSTEM):
        return Profile.CONTRACT
    parts = path.relative_to(SYSTEM).parts
    if len(parts) == 1:
        return Profile.FRAMEWORK
    return PROFILES.get(parts[0], Profile.CONTRACT)


def lint_source(
    source: str,
    path: str = "contract.py",
    profile: Profile = Profile.CONTRACT,
    known: Declarations | None = None,
) -> list[Finding]:
    """The findings in one module, by line. known: storage fields that other modules declare. Raises SyntaxError."""
    tree = ast.parse(source, path)
    declared = declarations_of(tree)
    if known is not None:
        declared = declared.with_others(known)
    lines = source.splitlines()
    found = [
        finding
        for finding in check(tree, path, profile, declared)
        if not _is_believed(lines, finding.line, finding.mark)
    ]
    return sorted(found, key=lambda finding: (finding.line, finding.rule))


def lint_paths(paths: Iterable[Path]) -> list[Finding]:
    """The findings in files and folders, in the order of their names."""
    files = list(_files(paths))
    sources = {path: path.read_text() for path in files}
    known = Declarations()
    for path, source in sources.items():
        if profile_of(path) is not Profile.NONE:
            known = known.with_others(declarations_of(ast.parse(source, str(path))))
    return [
        finding
        for path, source in sources.items()
        for finding in lint_source(source, _shown(path), profile_of(path), known)
    ]


def _is_believed(lines: Sequence[str], line: int, mark: str) -> bool:
    """Whether the line, or a comment of its own right above it, gives a reason behind `mark`."""
    here = lines[line - 1]
    above = lines[line - 2].strip() if line >= 2 else ""
    return _has_reason(here, mark) or (above.startswith("#") and _has_reason(above, mark))


def _has_reason(line: str, mark: str) -> bool:
    _, found, reason = line.partition(f"# {mark}:")
    return bool(found) and bool(reason.strip())


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        yield from sorted(path.resolve().rglob("*.py")) if path.is_dir() else [path.resolve()]


def _shown(path: Path) -> str:
    root = SYSTEM.parents[1]
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def main(arguments: Sequence[str]) -> int:
    """Prints the findings; the exit code."""
    findings = lint_paths([Path(argument) for argument in arguments] or [SYSTEM])
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
