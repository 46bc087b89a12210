"""The harness itself must be able to fail, and must not pass what it cannot read."""

import json
from pathlib import Path
from typing import Any

import pytest

from chain.errors import InvariantViolation
from rpc.dispatch.dispatcher import Dispatcher
from tests.conformance.rpc_compat import __main__ as command
from tests.conformance.rpc_compat.exchanges import Exchange, MalformedFile, compare, differences, read_file
from tests.conformance.rpc_compat.official_chain import OFFICIAL_FOLDER, OfficialChain
from tests.conformance.rpc_compat.suite import Status, run_file
from tests.rpc.json_schema import official_openrpc

CALL = '{"jsonrpc":"2.0","id":1,"method":"eth_blockNumber"}'
RIGHT = '{"jsonrpc":"2.0","id":1,"result":"0x36"}'
WRONG = '{"jsonrpc":"2.0","id":1,"result":"0x35"}'
REVERTED = {"code": 3, "message": "execution reverted", "data": "0xab"}


def write(folder: Path, name: str, *lines: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


def result(value: Any) -> Any:
    return {"jsonrpc": "2.0", "id": 1, "result": value}


def error(**changes: Any) -> Any:
    return {"jsonrpc": "2.0", "id": 1, "error": {**REVERTED, **changes}}


def faults(expected: Any, reply: Any, *, only_form_counts: bool = False) -> int:
    exchange = Exchange(CALL.encode(), expected)
    return len(compare(exchange, reply, official_openrpc(), only_form_counts=only_form_counts).faults)


def test_a_file_is_read_with_its_comments(tmp_path: Path) -> None:
    lines = (
        "// about",
        "// speconly: only the form",
        f">> {CALL}",
        f"<< {RIGHT}",
        f">> {CALL}",
        f"<< {WRONG}",
    )
    file = read_file(write(tmp_path, "eth_blockNumber/two.io", *lines))

    assert (file.label, file.method, file.only_form_counts) == (
        "eth_blockNumber/two.io",
        "eth_blockNumber",
        True,
    )
    assert [exchange.expected["result"] for exchange in file.exchanges] == ["0x36", "0x35"]


@pytest.mark.parametrize(
    "lines",
    [
        (),
        (f">> {CALL}",),
        (f"<< {RIGHT}",),
        (f">> {CALL}", f">> {CALL}", f"<< {RIGHT}"),
        (f">> {CALL}", "<< {"),
        (">> {}", f"<< {RIGHT}"),
        (f">> {CALL}", f"<< {RIGHT}", "something else"),
    ],
)
def test_a_malformed_file_is_refused(lines: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(MalformedFile):
        read_file(write(tmp_path, "eth_blockNumber/bad.io", *lines))


@pytest.mark.parametrize(
    ("expected", "found", "count"),
    [
        ({"a": 1, "b": [1, 2]}, {"b": [1, 2], "a": 1}, 0),
        ({"a": 1}, {}, 1),
        ({}, {"a": 1}, 1),
        ([1, 2], [2, 1], 2),
        ([1], [1, 2], 1),
        (1, True, 1),
        (1, 1.0, 1),
        (None, {}, 1),
    ],
)
def test_every_difference_is_found(expected: Any, found: Any, count: int) -> None:
    assert len(differences(expected, found, "")) == count


def test_results_must_be_equal_and_valid() -> None:
    assert faults(result("0x36"), result("0x36")) == 0
    assert faults(result("0x36"), result("0x35")) == 1
    assert faults(result("0x36"), {**result("0x36"), "id": 2}) == 1
    assert faults(result("0x36"), result("36")) == 2
    assert faults(result("0x36"), error()) == 1


def test_where_only_the_form_counts_it_still_counts() -> None:
    assert faults(result("0x36"), result("0x35"), only_form_counts=True) == 0
    assert faults(result("0x36"), result("36"), only_form_counts=True) == 1
    assert faults(result("0x36"), error(), only_form_counts=True) == 1
    assert faults(error(), error(data="0x"), only_form_counts=True) == 0
    assert faults(error(), error(code=-32000), only_form_counts=True) == 1


def test_a_complaint_about_the_expected_result_too_is_no_fault() -> None:
    assert faults(result("36"), result("36")) == 0


def test_errors_must_have_code_and_data_and_their_text_is_reported() -> None:
    assert faults(error(), error()) == 0
    assert faults(error(), error(code=-32000)) == 1
    assert faults(error(), error(data="0xcd")) == 1
    assert faults(error(), result("0x")) == 1
    other = compare(
        Exchange(CALL.encode(), error()), error(message="no"), official_openrpc(), only_form_counts=False
    )
    assert (other.faults, other.text) == ((), "'no' instead of 'execution reverted'")


def test_the_command_counts_and_tells_failure_by_its_status(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "eth_blockNumber/right.io", f">> {CALL}", f"<< {RIGHT}")
    write(tmp_path, "testing_buildBlockV1/excluded.io", f">> {CALL}", f"<< {RIGHT}")
    assert command.main([str(tmp_path)]) == 0
    assert capsys.readouterr().out.endswith("1 passed, 0 failed, 1 excluded; 0 with another error text\n")

    write(tmp_path, "eth_blockNumber/wrong.io", f">> {CALL}", f"<< {WRONG}")
    write(tmp_path, "eth_blockNumber/malformed.io", "<<")
    assert command.main([str(tmp_path), "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["totals"] == {"passed": 1, "failed": 2, "excluded": 1}
    assert report["methods"]["eth_blockNumber"] == {"passed": 1, "failed": 2, "excluded": 0}
    assert [failure["file"] for failure in report["failures"]] == [
        "eth_blockNumber/malformed.io",
        "eth_blockNumber/wrong.io",
    ]
    assert report["failures"][1]["reasons"] == ['.result is "0x36", expected "0x35"']
    assert list(report["excluded"]) == ["testing_buildBlockV1/excluded.io"]

    for pattern in ("right", "right.io", "*/right.io"):
        assert command.main([str(tmp_path), "--only", pattern]) == 0
    assert command.main([str(tmp_path), "--only", "eth_*"]) == 1


async def test_an_exchange_that_would_end_a_node_fails(
    tmp_path: Path, chain: OfficialChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def handle(_dispatcher: Dispatcher, _body: bytes) -> bytes:
        raise InvariantViolation("broken")

    monkeypatch.setattr(Dispatcher, "handle", handle)
    path = write(tmp_path, "eth_blockNumber/right.io", f">> {CALL}", f"<< {RIGHT}")
    verdict = await run_file(path, chain, official_openrpc())
    assert (verdict.status, verdict.reasons) == (Status.FAILED, ("InvariantViolation: broken",))


def test_the_chain_may_stand_above_the_files(tmp_path: Path) -> None:
    for name in ("chain.rlp", "genesis.json"):
        (tmp_path / name).write_bytes((OFFICIAL_FOLDER / name).read_bytes())
    write(tmp_path, "eth_blockNumber/right.io", f">> {CALL}", f"<< {RIGHT}")
    assert command.main([str(tmp_path / "eth_blockNumber")]) == 0


def test_the_command_refuses_a_folder_without_files(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as stop:
        command.main([str(tmp_path)])
    assert stop.value.code == 2
