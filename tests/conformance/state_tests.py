"""Runs official Ethereum state tests through this node's executor and counts the verdicts.

    python -m tests.conformance.state_tests DIR [--fork F] [--match TEXT] [--sample N --seed S] [--jobs J]
        [--timeout-s T] [--include-excluded] [--json]

DIR is any folder of state-test files, or the archive of them. Exit status: 0 all passed, 1 failures, 2 usage.
"""

import argparse
import json
import queue
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.conformance.excluded import reason_to_exclude
from tests.conformance.state_case import DEFAULT_ENGINE, ENGINES, FORKS, Status, Verdict
from tests.conformance.vectors import sample, state_test_files, unpack
from tests.conformance.worker import REPOSITORY, CaseResult, Worker

DEFAULT_TIMEOUT_S: Final = 60.0
DEFAULT_JOBS: Final = 2
SLOWEST_SHOWN: Final = 10


@dataclass(slots=True)
class Report:
    """Counts by rule set, and every case that did not pass."""

    files: int = 0
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    failures: list[CaseResult] = field(default_factory=list)
    skip_reasons: Counter[str] = field(default_factory=Counter)
    slowest: list[CaseResult] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, result: CaseResult) -> None:
        self.counts.setdefault(result.fork, Counter())[result.verdict.status] += 1
        if result.verdict.status is Status.FAILED:
            self.failures.append(result)
        elif result.verdict.status is Status.SKIPPED:
            self.skip_reasons[result.verdict.reason] += 1
        self.slowest = sorted((*self.slowest, result), key=lambda r: -r.seconds)[:SLOWEST_SHOWN]

    def total(self, status: Status) -> int:
        return sum(counts[status] for counts in self.counts.values())

    def as_json(self) -> dict[str, Any]:
        return {
            "files": self.files,
            "seconds": round(self.seconds, 1),
            "forks": {
                fork: {status.value: counts[status] for status in Status}
                for fork, counts in sorted(self.counts.items())
            },
            "failures": [
                {"file": r.file, "name": r.name, "fork": r.fork, "reason": r.verdict.reason}
                for r in self.failures
            ],
            "skipped": dict(self.skip_reasons.most_common()),
            "slowest": [
                {"file": r.file, "name": r.name, "fork": r.fork, "seconds": r.seconds} for r in self.slowest
            ],
        }


def run_files(
    files: Sequence[Path],
    folder: Path,
    *,
    forks: Sequence[str] = (),
    jobs: int = DEFAULT_JOBS,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    include_excluded: bool = False,
    engine: str = DEFAULT_ENGINE,
) -> Report:
    """Run `files` below `folder` on `jobs` worker processes, with `timeout_s` for each case.

    forks: the rule sets to run, all if empty. engine: one of state_case.ENGINES.
    """
    report = Report(files=len(files))
    start = time.perf_counter()
    waiting: queue.SimpleQueue[Path] = queue.SimpleQueue()
    for path in files:
        waiting.put(path)
    results: queue.SimpleQueue[CaseResult | BaseException | None] = queue.SimpleQueue()
    workers = [Worker(timeout_s, engine=engine) for _ in range(jobs)]
    threads = [
        threading.Thread(
            target=_work, args=(worker, waiting, results, folder, forks, include_excluded), daemon=True
        )
        for worker in workers
    ]
    for thread in threads:
        thread.start()
    try:
        running = len(threads)
        while running:
            result = results.get()
            if result is None:
                running -= 1
            elif isinstance(result, BaseException):
                raise result
            else:
                report.add(result)
    finally:
        for worker in workers:
            worker.stop()
    report.failures.sort(key=lambda r: (r.file, r.name, r.fork))
    report.seconds = time.perf_counter() - start
    return report


def _work(
    worker: Worker,
    waiting: queue.SimpleQueue[Path],
    results: queue.SimpleQueue[CaseResult | BaseException | None],
    folder: Path,
    forks: Sequence[str],
    include_excluded: bool,
) -> None:
    try:
        while True:
            try:
                path = waiting.get_nowait()
            except queue.Empty:
                break
            label = path.relative_to(folder).as_posix().removeprefix("state_tests/")
            excluded = None if include_excluded else reason_to_exclude(label)
            if excluded is not None:
                for fork in forks or FORKS:
                    verdict = Verdict(Status.SKIPPED, f"excluded: {excluded}")
                    results.put(CaseResult(label, "", fork, verdict, 0.0))
                continue
            for result in worker.run_file(path, label, forks):
                results.put(result)
        results.put(None)
    except BaseException as error:
        results.put(error)


def _print(report: Report) -> None:
    print(f"{'rule set':<20}{'passed':>8}{'failed':>8}{'skipped':>8}")
    for fork, counts in sorted(report.counts.items()):
        print(f"{fork:<20}" + "".join(f"{counts[status]:>8}" for status in Status))
    for reason, count in report.skip_reasons.most_common():
        print(f"skipped {count}: {reason}")
    for result in report.failures:
        print(f"FAILED {result.file} {result.name} {result.fork}: {result.verdict.reason}")
    for result in report.slowest:
        print(f"slow {result.seconds:7.2f} s {result.file} {result.name} {result.fork}")
    print(f"{report.files} files in {report.seconds:.0f} s")
    print(", ".join(f"{report.total(status)} {status}" for status in Status))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.state_tests")
    parser.add_argument("dir", type=Path, help="folder of state-test files, or the .tar.xz archive")
    parser.add_argument("--fork", action="append", default=[], help="run only this rule set (repeatable)")
    parser.add_argument(
        "--sample", default="all", help='number of files, a percentage such as "10%%", or all'
    )
    parser.add_argument("--seed", type=int, default=1, help="chooses the sample")
    parser.add_argument("--jobs", type=int, default=DEFAULT_JOBS, help="worker processes")
    parser.add_argument("--timeout-s", type=float, default=DEFAULT_TIMEOUT_S, help="limit for one case")
    parser.add_argument("--match", default="", help="only files whose path contains this")
    parser.add_argument("--include-excluded", action="store_true", help="run the files of excluded.py too")
    parser.add_argument("--engine", choices=tuple(ENGINES), default=DEFAULT_ENGINE)
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    options = parser.parse_args(arguments)
    folder: Path = options.dir
    if folder.is_file():
        folder = unpack(folder, REPOSITORY / ".cache")
    files = [path for path in state_test_files(folder) if options.match in path.as_posix()]
    if not files:
        parser.error(f"no state-test files in {options.dir}")
    try:
        files = sample(files, folder, options.sample, options.seed)
    except ValueError as error:
        parser.error(str(error))
    report = run_files(
        files,
        folder,
        forks=options.fork,
        jobs=max(1, options.jobs),
        timeout_s=options.timeout_s,
        include_excluded=options.include_excluded,
        engine=options.engine,
    )
    if options.json:
        print(json.dumps(report.as_json(), indent=1))
    else:
        _print(report)
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
