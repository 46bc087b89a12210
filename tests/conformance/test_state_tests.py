"""The official Ethereum state tests, run through this node's executor.

The usual engine runs the whole set of every rule set: 30 s of processor time. The interpreter alone, code that
is compiled before it runs, and py-evm run a sample.
AURIGRAPH_STATE_TESTS_SAMPLE: all, a number of files, or a percentage such as 10% (the default is 10%).
AURIGRAPH_STATE_TESTS_SEED: which files a sample takes (default 1).
Counts and history are in docs/conformance.md.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.conformance.state_case import FORKS, Status
from tests.conformance.state_tests import run_files
from tests.conformance.vectors import ARCHIVE, sample, state_test_files, unpack, vectors_folder
from tests.conformance.worker import REPOSITORY

SAMPLE: Final = os.environ.get("AURIGRAPH_STATE_TESTS_SAMPLE", "10%")
SEED: Final = int(os.environ.get("AURIGRAPH_STATE_TESTS_SEED", "1"))
QUICK_SAMPLE: Final = "40"
CASE_TIMEOUT_S: Final = 60.0
"""The slowest case takes 2.5 s of processor time; the machines that run the tests are shared."""
LEAST_FILES: Final = 1_300
LEAST_CASES: Final[Mapping[str, int]] = {
    "Frontier": 87,
    "Homestead": 97,
    "Byzantium": 126,
    "ConstantinopleFix": 129,
    "Istanbul": 194,
    "Berlin": 343,
    "London": 336,
    "Paris": 354,
    "Shanghai": 416,
    "Cancun": 4_144,
    "Prague": 4_819,
    "Osaka": 5_012,
}
"""All of the archive: a broken reader must not pass by finding nothing."""
PY_EVM_FORKS: Final = ("Cancun", "Prague", "Osaka")


@pytest.fixture(scope="module")
def state_tests_folder() -> Path:
    archive = vectors_folder(REPOSITORY, "AURIGRAPH_VECTORS") / ARCHIVE
    if not archive.is_file():
        pytest.fail(f"official state tests not found: {archive} (AURIGRAPH_VECTORS names their folder)")
    return unpack(archive, REPOSITORY / ".cache")


def failures_of(
    folder: Path, files: list[Path], *, engine: str = "native", forks: tuple[str, ...] = tuple(FORKS)
) -> list[str]:
    report = run_files(files, folder, forks=forks, timeout_s=CASE_TIMEOUT_S, engine=engine)
    print(f"seed {SEED}, {engine}: {report.as_json()['forks']} in {report.seconds:.0f} s")
    if len(files) >= LEAST_FILES:
        for fork, least in LEAST_CASES.items():
            if fork in forks:
                assert report.counts[fork][Status.PASSED] >= least
    assert report.total(Status.PASSED) >= len(files) // 2
    return [f"{r.file} {r.name} {r.fork}: {r.verdict.reason}" for r in report.failures]


def test_a_small_sample_passes(state_tests_folder: Path) -> None:
    files = sample(state_test_files(state_tests_folder), state_tests_folder, QUICK_SAMPLE, SEED)
    assert failures_of(state_tests_folder, files) == []


@pytest.mark.slow
def test_the_official_state_tests_pass(state_tests_folder: Path) -> None:
    every_file = state_test_files(state_tests_folder)
    assert len(every_file) >= LEAST_FILES
    assert failures_of(state_tests_folder, every_file) == []


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["interpreter", "compiled", "py-evm"])
def test_other_engines_pass_a_sample(state_tests_folder: Path, engine: str) -> None:
    files = sample(state_test_files(state_tests_folder), state_tests_folder, SAMPLE, SEED)
    forks = PY_EVM_FORKS if engine == "py-evm" else tuple(FORKS)
    assert failures_of(state_tests_folder, files, engine=engine, forks=forks) == []
