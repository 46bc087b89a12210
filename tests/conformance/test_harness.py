"""The harness itself must be able to fail, to time out, and to refuse a hostile archive."""

import copy
import io
import json
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conformance import state_tests
from tests.conformance.state_case import StateCase, Status, load_cases, run_case
from tests.conformance.state_tests import run_files
from tests.conformance.vectors import UnsafeArchive, sample, state_test_files, unpack
from tests.conformance.worker import Worker

ONE_LOG = Path(__file__).with_name("one_log.json")
CONTRACT = "0x69621b40dbf7532fba7f17901cebb76d24df63d8"
BENEFICIARY = "0x2adc25665018aa1fe0e6bc666dac8fc2697ff9ba"
SENDER = "0x172f556fd05e3024ea7b25d21e2495bea340841f"


def official_case() -> StateCase:
    (case,) = load_cases(ONE_LOG)
    return case


def altered(change: Callable[[Any, Any], None]) -> StateCase:
    case = official_case()
    test = copy.deepcopy(case.test)
    (post,) = test["post"]["Prague"]
    change(test, post)
    return StateCase(case.name, case.fork, test, post)


def test_an_official_case_passes() -> None:
    assert run_case(official_case()).status is Status.PASSED


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda test, post: post.update(hash="0x" + "11" * 32), "state root"),
        (lambda test, post: post.update(logs="0x" + "11" * 32), "hash of 1 logs differs"),
        (lambda test, post: post.update(expectException="TransactionException.NONCE_IS_MAX"), "accepted"),
        (lambda test, post: test["pre"][SENDER].update(balance="0x01"), "rejected: InsufficientFunds"),
        (lambda test, post: test["pre"][CONTRACT].update(code="0x00"), "slot 0x0 is 0x0, expected 0x1"),
        (lambda test, post: test["pre"][CONTRACT].update(balance="0x01"), f"{CONTRACT} balance"),
        (
            lambda test, post: test["env"].update(currentBaseFee="0x09"),
            "0x2adc25665018aa1fe0e6bc666dac8fc2697ff9ba exists",
        ),
        (lambda test, post: test["env"].update(currentBaseFee="0x0b"), "rejected: FeeCapBelowBaseFee"),
    ],
)
def test_anything_that_differs_fails_with_its_reason(change: Callable[[Any, Any], None], reason: str) -> None:
    verdict = run_case(altered(change))
    assert verdict.status is Status.FAILED
    assert reason in verdict.reason


def test_a_rejection_must_be_the_expected_one() -> None:
    def no_funds_but_nonce_expected(test: Any, post: Any) -> None:
        test["pre"][SENDER]["balance"] = "0x01"
        post["expectException"] = "TransactionException.NONCE_IS_MAX"

    verdict = run_case(altered(no_funds_but_nonce_expected))
    assert verdict.status is Status.FAILED
    assert "rejected as InsufficientFunds" in verdict.reason


def test_another_rule_set_is_skipped_with_a_reason() -> None:
    case = official_case()
    unknown = run_case(StateCase(case.name, "Amsterdam", case.test, case.post))
    assert (unknown.status, unknown.reason) == (Status.SKIPPED, "rule set Amsterdam is unknown")


def test_a_malformed_blob_transaction_is_no_pass() -> None:
    verdict = run_case(altered(lambda test, post: post.update(txbytes="0x03c0")))
    assert verdict.status is Status.FAILED
    assert "rejected: MalformedTransaction" in verdict.reason


def write_file(folder: Path, name: str, content: Any) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_files_run_in_workers_and_unreadable_ones_are_reported(tmp_path: Path) -> None:
    good = json.loads(ONE_LOG.read_bytes())
    bad = copy.deepcopy(good)
    next(iter(bad.values()))["post"]["Prague"][0]["hash"] = "0x" + "00" * 32
    write_file(tmp_path, "a/good.json", good)
    write_file(tmp_path, "a/bad.json", bad)
    write_file(tmp_path, "b/pointer.json", "version https://git-lfs.github.com/spec/v1\noid sha256:00\n")
    report = run_files(state_test_files(tmp_path), tmp_path, jobs=1)
    assert report.counts["Prague"] == {Status.PASSED: 1, Status.FAILED: 1}
    assert [failure.file for failure in report.failures] == ["a/bad.json"]
    assert dict(report.skip_reasons) == {"the archive holds only a git-lfs pointer": 1}


def test_an_excluded_file_is_skipped_with_its_reason_unless_asked_for(tmp_path: Path) -> None:
    write_file(tmp_path, "static/VMTests/vmPerformance/loopMul.json", json.loads(ONE_LOG.read_bytes()))
    files = state_test_files(tmp_path)
    left_out = run_files(files, tmp_path, forks=("Prague",), jobs=1)
    assert left_out.counts["Prague"] == {Status.SKIPPED: 1}
    assert [reason[:9] for reason in left_out.skip_reasons] == ["excluded:"]
    asked_for = run_files(files, tmp_path, forks=("Prague",), jobs=1, include_excluded=True)
    assert asked_for.counts["Prague"] == {Status.PASSED: 1}


_SCRIPT = """
import json, os, sys, time
for line in sys.stdin:
    first = json.loads(line)["first"]
    for number in range(first, 4):
        print(json.dumps({"begin": [f"case {number}", "Prague"]}), flush=True)
        if number == 1:
            time.sleep(600)
        if number == 2:
            os._exit(7)
        print(json.dumps({"status": "passed", "reason": "", "seconds": 0}), flush=True)
    print(json.dumps({"end": True}), flush=True)
"""


def test_a_worker_that_hangs_or_dies_is_replaced_and_the_rest_of_the_file_runs(tmp_path: Path) -> None:
    worker = Worker(1.0, (sys.executable, "-c", _SCRIPT))
    try:
        results = list(worker.run_file(tmp_path, "f.json", ()))
    finally:
        worker.stop()
    assert [(r.name, r.verdict.status, r.verdict.reason) for r in results] == [
        ("case 0", Status.PASSED, ""),
        ("case 1", Status.FAILED, "time limit (1 s)"),
        ("case 2", Status.FAILED, "worker died with status 7"),
        ("case 3", Status.PASSED, ""),
    ]


def test_a_worker_that_never_starts_a_case_fails_the_file(tmp_path: Path) -> None:
    worker = Worker(5.0, (sys.executable, "-c", "raise SystemExit(3)"))
    (result,) = worker.run_file(tmp_path, "f.json", ())
    assert result.verdict.status is Status.FAILED
    assert "status 3" in result.verdict.reason


def test_the_command_prints_counts_and_tells_failure_by_its_status(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = json.loads(ONE_LOG.read_bytes())
    write_file(tmp_path, "case.json", case)
    assert state_tests.main([str(tmp_path), "--jobs", "1"]) == 0
    assert capsys.readouterr().out.endswith("1 passed, 0 failed, 0 skipped\n")
    next(iter(case.values()))["post"]["Prague"][0]["hash"] = "0x" + "00" * 32
    write_file(tmp_path, "case.json", case)
    assert state_tests.main([str(tmp_path), "--jobs", "1", "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["forks"] == {"Prague": {"passed": 0, "failed": 1, "skipped": 0}}
    assert report["failures"][0]["file"] == "case.json"


@pytest.mark.parametrize("arguments", [["--sample", "none"], ["--sample", "0%"], ["--match", "nothing"]])
def test_bad_arguments_are_refused(arguments: list[str], tmp_path: Path) -> None:
    write_file(tmp_path, "case.json", "{}")
    with pytest.raises(SystemExit) as stop:
        state_tests.main([str(tmp_path), *arguments])
    assert stop.value.code == 2


def archive_of(path: Path, members: list[tuple[tarfile.TarInfo, bytes]]) -> Path:
    with tarfile.open(path, "w:xz") as tar:
        for info, content in members:
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def test_an_archive_is_unpacked_once(tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "v.tar.xz", [(tarfile.TarInfo("state_tests/a.json"), b"{}")])
    folder = unpack(archive, tmp_path / "cache")
    assert [path.name for path in state_test_files(folder)] == ["a.json"]
    (folder / "state_tests/a.json").write_text("mine")
    assert unpack(archive, tmp_path / "cache") == folder
    assert (folder / "state_tests/a.json").read_text() == "mine"


def test_a_folder_that_is_not_complete_is_unpacked_anew(tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "v.tar.xz", [(tarfile.TarInfo("a.json"), b"{}")])
    folder = unpack(archive, tmp_path / "cache")
    (folder / ".complete").unlink()
    (folder / "a.json").write_text("mine")
    assert unpack(archive, tmp_path / "cache") == folder
    assert (folder / "a.json").read_text() == "{}"


def _link(name: str, target: str, kind: bytes) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = target
    return info, b""


@pytest.mark.parametrize(
    "member",
    [
        (tarfile.TarInfo("../outside.json"), b"{}"),
        _link("link.json", "/etc/passwd", tarfile.SYMTYPE),
        _link("link.json", "../x", tarfile.LNKTYPE),
        _link("pipe", "", tarfile.FIFOTYPE),
    ],
)
def test_an_unsafe_archive_is_refused_and_leaves_nothing(
    member: tuple[tarfile.TarInfo, bytes], tmp_path: Path
) -> None:
    archive = archive_of(tmp_path / "v.tar.xz", [member])
    with pytest.raises(UnsafeArchive):
        unpack(archive, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []
    assert not (tmp_path / "outside.json").exists()


def test_a_sample_is_fixed_by_its_seed_and_covers_every_topic(tmp_path: Path) -> None:
    for topic, count in (("prague/eip7702", 25), ("cancun/eip1153", 1), ("static/state_tests/stX", 10)):
        for number in range(count):
            write_file(tmp_path, f"state_tests/{topic}/t{number}.json", "{}")
    files = state_test_files(tmp_path)
    chosen = sample(files, tmp_path, "10%", 1)
    assert chosen == sample(files, tmp_path, "10%", 1)
    assert chosen != sample(files, tmp_path, "10%", 2)
    assert sorted(path.parent.name for path in chosen) == ["eip1153"] + ["eip7702"] * 3 + ["stX"]
    assert sample(files, tmp_path, "all", 1) == files
    assert len(sample(files, tmp_path, "7", 1)) == 7
