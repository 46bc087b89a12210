"""Runs files of the official suite through the dispatcher and counts what happened.

Owns: the verdict on a file and the report over many, as text and as JSON.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from tests.conformance.rpc_compat.exchanges import ExchangeFile, MalformedFile, compare, read_file
from tests.conformance.rpc_compat.excluded import reason_to_exclude
from tests.conformance.rpc_compat.official_chain import OfficialChain
from tests.conformance.rpc_compat.official_node import official_dispatcher
from tests.rpc.json_schema import OpenRpc

MAX_SHOWN_FAULTS: Final = 5
"""Differences that a report shows for one exchange."""


class Status(StrEnum):
    """What became of a file."""

    PASSED = "passed"
    FAILED = "failed"
    EXCLUDED = "excluded"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reasons`: what is wrong, or why the file is excluded. `texts`: errors that are right but for their text."""

    label: str
    method: str
    status: Status
    reasons: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()


@dataclass(slots=True)
class Report:
    """The verdicts of a run."""

    verdicts: list[Verdict] = field(default_factory=list)

    def of(self, status: Status) -> list[Verdict]:
        return [verdict for verdict in self.verdicts if verdict.status is status]

    def by_method(self) -> dict[str, dict[Status, int]]:
        counts: dict[str, dict[Status, int]] = {}
        for verdict in sorted(self.verdicts, key=lambda verdict: verdict.method):
            counts.setdefault(verdict.method, dict.fromkeys(Status, 0))[verdict.status] += 1
        return counts

    def as_json(self) -> dict[str, Any]:
        return {
            "files": len(self.verdicts),
            "totals": {status: len(self.of(status)) for status in Status},
            "methods": self.by_method(),
            "failures": [
                {"file": verdict.label, "reasons": list(verdict.reasons)}
                for verdict in self.of(Status.FAILED)
            ],
            "excluded": {verdict.label: verdict.reasons[0] for verdict in self.of(Status.EXCLUDED)},
            "error_texts_that_differ": [
                {"file": verdict.label, "texts": list(verdict.texts)}
                for verdict in self.verdicts
                if verdict.texts
            ],
        }

    def as_text(self) -> str:
        lines = [f"{'method':<40} {'passed':>7} {'failed':>7} {'excluded':>9}"]
        for method, counts in self.by_method().items():
            passed, failed, excluded = (counts[status] for status in Status)
            lines.append(f"{method:<40} {passed:>7} {failed:>7} {excluded:>9}")
        for verdict in self.of(Status.FAILED):
            lines += ["", f"FAILED {verdict.label}", *(f"    {reason}" for reason in verdict.reasons)]
        for verdict in self.verdicts:
            lines += [f"text of {verdict.label}: {text}" for text in verdict.texts]
        for verdict in self.of(Status.EXCLUDED):
            lines.append(f"excluded {verdict.label}: {verdict.reasons[0]}")
        totals = ", ".join(f"{len(self.of(status))} {status}" for status in Status)
        differing = sum(bool(verdict.texts) for verdict in self.verdicts)
        return "\n".join([*lines, f"{totals}; {differing} with another error text"])


def files_of(folder: Path, patterns: Sequence[str] = ()) -> list[Path]:
    """The files under a folder whose label, method or name fits one of the patterns; all without patterns."""
    return [
        path
        for path in sorted(folder.rglob("*.io"))
        if not patterns
        or any(
            fnmatchcase(name, pattern)
            for pattern in patterns
            for name in (f"{path.parent.name}/{path.name}", path.parent.name, path.name, path.stem)
        )
    ]


async def run_file(path: Path, chain: OfficialChain, openrpc: OpenRpc) -> Verdict:
    """The verdict on one file."""
    label = f"{path.parent.name}/{path.name}"
    try:
        file = read_file(path)
    except MalformedFile as error:
        return Verdict(label, path.parent.name, Status.FAILED, (str(error),))
    reason = reason_to_exclude(label)
    if reason is not None:
        return Verdict(label, file.method, Status.EXCLUDED, (reason,))
    return await _run(file, chain, openrpc)


async def _run(file: ExchangeFile, chain: OfficialChain, openrpc: OpenRpc) -> Verdict:
    dispatcher = official_dispatcher(chain)
    reasons: list[str] = []
    texts: list[str] = []
    for exchange in file.exchanges:
        try:
            raw = await dispatcher.handle(exchange.request)
        except Exception as error:  # a broken invariant, which ends a node: the other files still run
            reasons.append(f"{type(error).__name__}: {error}")
            break
        reply = json.loads(raw) if raw is not None else {}
        found = compare(exchange, reply, openrpc, only_form_counts=file.only_form_counts)
        reasons += found.faults[:MAX_SHOWN_FAULTS]
        if len(found.faults) > MAX_SHOWN_FAULTS:
            reasons.append(f"and {len(found.faults) - MAX_SHOWN_FAULTS} more")
        if found.text is not None:
            texts.append(found.text)
    status = Status.FAILED if reasons else Status.PASSED
    return Verdict(file.label, file.method, status, tuple(reasons), tuple(texts))


async def run_files(paths: Iterable[Path], chain: OfficialChain, openrpc: OpenRpc) -> Report:
    """The verdicts on all files, in their order."""
    report = Report()
    for path in paths:
        report.verdicts.append(await run_file(path, chain, openrpc))
    return report
