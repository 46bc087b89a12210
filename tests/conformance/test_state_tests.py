"""The official Ethereum state tests, run through this node's executor.

AURIGRAPH_STATE_TESTS_SAMPLE: all (the default), a number of files, or a percentage such as 10%.
AURIGRAPH_STATE_TESTS_SEED: which files a sample takes (default 1).
The whole set takes about 50 s of processor time; counts and history are in docs/conformance.md.
"""

import os
from pathlib import Path
from typing import Final

import pytest

from tests.conformance.state_case import FORKS, Status
from tests.conformance.state_tests import run_files
from tests.conformance.vectors import ARCHIVE, sample, state_test_files, unpack, vectors_folder
from tests.conformance.worker import REPOSITORY

SAMPLE: Final = os.environ.get("AURIGRAPH_STATE_TESTS_SAMPLE", "all")
SEED: Final = int(os.environ.get("AURIGRAPH_STATE_TESTS_SEED", "1"))
QUICK_SAMPLE: Final = "40"
CASE_TIMEOUT_S: Final = 60.0
"""The slowest case takes 2.5 s of processor time; the machines that run the tests are shared."""
LEAST_FILES: Final = 1_300
LEAST_CASES: Final = 4_000
"""Of each rule set in the whole archive: a broken reader must not pass by finding nothing."""


@pytest.fixture(scope="module")
def state_tests_folder() -> Path:
    archive = vectors_folder(REPOSITORY, "AURIGRAPH_VECTORS") / ARCHIVE
    if not archive.is_file():
        pytest.fail(f"official state tests not found: {archive} (AURIGRAPH_VECTORS names their folder)")
    return unpack(archive, REPOSITORY / ".cache")


def failures_of(folder: Path, files: list[Path]) -> list[str]:
    report = run_files(files, folder, forks=tuple(FORKS), timeout_s=CASE_TIMEOUT_S)
    print(f"seed {SEED}: {report.as_json()['forks']} in {report.seconds:.0f} s")
    assert set(FORKS) <= set(report.counts)
    if SAMPLE == "all" and len(files) >= LEAST_FILES:
        for fork in FORKS:
            assert report.counts[fork][Status.PASSED] >= LEAST_CASES
    return [f"{r.file} {r.name} {r.fork}: {r.verdict.reason}" for r in report.failures]


def test_a_small_sample_passes(state_tests_folder: Path) -> None:
    files = sample(state_test_files(state_tests_folder), state_tests_folder, QUICK_SAMPLE, SEED)
    assert failures_of(state_tests_folder, files) == []


@pytest.mark.slow
def test_the_official_state_tests_pass(state_tests_folder: Path) -> None:
    every_file = state_test_files(state_tests_folder)
    assert len(every_file) >= LEAST_FILES
    files = sample(every_file, state_tests_folder, SAMPLE, SEED)
    assert failures_of(state_tests_folder, files) == []
