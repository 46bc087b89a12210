"""`aurigraph evm …` without a node."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import cli
from node.commands.common import ExitCode
from tests.vm.worlds import assemble, init_code, returning

ADDS = returning(0, "CALLDATALOAD", 1, "SLOAD", "ADD").hex()


def run(*arguments: str) -> int:
    try:
        cli.main(["evm", *arguments])
    except SystemExit as leaving:
        return int(leaving.code or 0)
    return 0


def answer(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    assert run(*arguments, "--json") == code
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("engine", ["native", "py-evm"])
def test_code_runs_on_the_chosen_engine_with_input_and_storage(
    engine: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = answer(
        capsys, "run", "--code", ADDS, "--input", f"0x{40:064x}", "--storage", "0x1=2", "--engine", engine
    )
    assert found["status"] == "success"
    assert int(found["output"], 16) == 42
    assert (found["error"], found["logs"]) == (None, [])
    assert found["gasUsed"] > 21_000


def test_a_failing_run_says_why_and_has_its_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(
        capsys, "run", "--code", assemble(0, 0, "REVERT").hex(), code=ExitCode.TRANSACTION_REVERTED
    )
    assert (found["status"], found["error"]) == ("revert", "execution reverted")
    found = answer(capsys, "run", "--code", "fe", code=ExitCode.TRANSACTION_REVERTED)
    assert found["status"] == "failure"


def test_init_code_shows_what_it_deploys(capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(capsys, "run", "--create", "--code", init_code(b"\x01\x02").hex())
    assert found["output"] == "0x0102"


@pytest.mark.parametrize("engine", ["native", "py-evm"])
def test_logs_are_shown_once_and_only_of_what_was_kept(
    engine: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = assemble(7, 0, "MSTORE", 9, 32, 0, "LOG1")
    found = answer(capsys, "run", "--code", code.hex(), "--engine", engine)
    contract = "0x" + "c0de".rjust(40, "0")
    assert found["logs"] == [{"address": contract, "topics": [f"0x{9:064x}"], "data": f"0x{7:064x}"}]
    undone = code + assemble(0, 0, "REVERT")
    found = answer(capsys, "run", "--code", undone.hex(), "--engine", engine, code=5)
    assert found["logs"] == []


def test_value_caller_and_gas_are_what_the_code_sees(capsys: pytest.CaptureFixture[str]) -> None:
    caller = "0x" + "12" * 20
    for code, option, text, seen in (
        ("CALLVALUE", "--value", "5", 5),
        ("CALLER", "--caller", caller, int(caller, 16)),
        ("GAS", "--gas", "22002", 1_000),
    ):
        found = answer(capsys, "run", "--code", returning(code).hex(), option, text)
        assert int(found["output"], 16) == seen


def test_old_rule_sets_run_too_but_not_on_py_evm(capsys: pytest.CaptureFixture[str]) -> None:
    code = "6001600055"
    assert answer(capsys, "run", "--code", code, "--fork", "frontier")["gasUsed"] == 41_006
    assert answer(capsys, "run", "--code", code, "--fork", "london")["gasUsed"] == 43_106
    assert run("run", "--code", code, "--fork", "berlin", "--engine", "py-evm") == ExitCode.USAGE
    assert "py-evm does not run berlin" in capsys.readouterr().err


def test_a_rule_set_can_be_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    code = returning(1).replace(b"\x60\x01", b"\x60\x01\x1e").hex()  # CLZ
    assert int(answer(capsys, "run", "--code", code, "--fork", "osaka")["output"], 16) == 255
    answer(capsys, "run", "--code", code, "--fork", "prague", code=ExitCode.TRANSACTION_REVERTED)


def test_traces_are_those_of_go_ethereum(capsys: pytest.CaptureFixture[str]) -> None:
    logs = answer(capsys, "trace", "--code", ADDS, "--input", f"0x{40:064x}")
    assert [entry["op"] for entry in logs["structLogs"]][:3] == ["PUSH0", "CALLDATALOAD", "PUSH1"]
    top = answer(
        capsys, "trace", "--code", "5f5fa000", "--tracer", "callTracer", "--tracer-config", '{"withLog":true}'
    )
    assert len(top["logs"]) == 1
    assert run("trace", "--code", ADDS) == 0
    assert "SLOAD" in capsys.readouterr().out


def test_a_listing_and_the_generated_source(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "code.hex"
    file.write_text("0x" + ADDS + "\n")
    assert run("disasm", "--code-file", str(file)) == 0
    assert "SLOAD" in capsys.readouterr().out
    assert run("compile", "--code-file", str(file), "--source") == 0
    printed = capsys.readouterr().out
    assert "def region_0000(frame):" in printed
    compile(printed, "printed", "exec")
    assert run("compile", "--code-file", str(file), "--json") == 0
    assert json.loads(capsys.readouterr().out)["start"] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run"], "either --code or --code-file"),
        (["run", "--code", "0x0"], "odd number"),
        (["run", "--code", "zz"], "is no hex"),
        (["run", "--code", "00", "--input", "0x1"], "odd number"),
        (["run", "--code", "00", "--storage", "1"], "expected SLOT=VALUE"),
        (["run", "--code", "00", "--storage", f"1={2**256}"], "does not fit"),
        (["run", "--code", "00", "--caller", "0x12"], "is not an address"),
        (["run", "--code", "00" * ((1 << 20) + 1)], "is longer than"),
        (["trace", "--code", "00", "--tracer-config", "{"], "is no JSON"),
        (["trace", "--code", "00", "--tracer-config", "[]"], "must be a JSON object"),
        (["trace", "--code", "00", "--tracer-config", '{"nope":true}'], "has no option nope"),
        (["trace", "--code", "00", "--tracer-config", "[" * 4_000], "is no JSON"),
        (["trace", "--code", "00", "--tracer-config", "[" * 5_000], "longer than 4096 characters"),
        (["trace", "--code", "5b5f56"], "trace too large"),
    ],
)
def test_wrong_arguments_are_one_clear_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) in (ExitCode.USAGE, ExitCode.FAILURE)
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
