"""`aurigraph query` and what all commands do with strange input and strange answers."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import cli
from node.commands.common import MAX_ERROR_CHARACTERS, ExitCode
from node.commands.query import block_tag, decimal, flattened
from node.commands.testnet import _termination_as_interrupt
from node.rpc_client import RpcCallFailed, RpcClient

ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
HASH = "0x" + "12" * 32
STATUS = {
    "height": 5,
    "hash": HASH,
    "consensus": {"round": 0, "peers": [{"peer": "a", "height": 4}, {"peer": "b", "height": 5}]},
    "empty": [],
}
QUESTIONS = [
    ("query", "status"),
    ("query", "block", "latest"),
    ("query", "block", HASH),
    ("query", "validators"),
    ("query", "peers"),
    ("query", "balance", ADDRESS),
    ("query", "tx", HASH),
    ("tx", "status", HASH),
    ("token", "templates"),
    ("token", "list"),
    ("token", "show", ADDRESS),
    ("token", "balance", ADDRESS, ADDRESS),
    ("token", "predict", "erc20-fixed", "--creator", ADDRESS),
    ("staking", "validators"),
    ("staking", "validator", ADDRESS),
    ("staking", "delegations", ADDRESS),
    ("staking", "rewards", ADDRESS),
    ("staking", "unbondings", ADDRESS),
    ("staking", "redelegations", ADDRESS),
    ("staking", "params"),
    ("staking", "pool"),
]

Answering = Callable[[Any], None]


def run(*arguments: str) -> int:
    try:
        cli.main(list(arguments))
    except SystemExit as leaving:
        return int(leaving.code or 0)
    return 0


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Answering:
    """Makes every node give one answer, or raise it."""

    def answer_with(answer: Any) -> None:
        def call(_client: RpcClient, _method: str, *_params: Any) -> Any:
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(RpcClient, "call", call)

    return answer_with


@pytest.mark.parametrize("question", QUESTIONS, ids=" ".join)
@pytest.mark.parametrize("answer", [{"a": 1}, [1, 2], "zz", 7], ids=repr)
def test_an_answer_that_no_node_gives_is_one_line_and_no_traceback(
    answering: Answering, capsys: pytest.CaptureFixture[str], question: tuple[str, ...], answer: Any
) -> None:
    answering(answer)
    assert run(*question) == ExitCode.NODE_UNREACHABLE
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1


@pytest.mark.parametrize("question", QUESTIONS, ids=" ".join)
def test_the_error_of_a_server_stays_on_one_line(
    answering: Answering, capsys: pytest.CaptureFixture[str], question: tuple[str, ...]
) -> None:
    answering(RpcCallFailed("first\nsecond", -1, None))
    assert run(*question) == ExitCode.FAILURE
    assert capsys.readouterr().err == "error: first second\n"


@pytest.mark.parametrize("question", [("query", "tx"), ("tx", "status")], ids=" ".join)
def test_what_is_no_hash_is_wrong_usage_before_a_node_is_asked(
    answering: Answering, capsys: pytest.CaptureFixture[str], question: tuple[str, ...]
) -> None:
    answering(AssertionError("asked"))
    assert run(*question, "0x12") == ExitCode.USAGE
    assert "'0x12' is not a transaction hash" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ("query", "balance", "0x12"),
        ("token", "show", "0x12"),
        ("staking", "validator", "0x12"),
        ("tx", "transfer", "--from", ADDRESS, "--to", "0x12", "--value", "1"),
        ("tx", "call", "--from", ADDRESS, "0x12", "f()"),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_a_wrong_address_is_named_and_wrong_usage(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    assert run(*arguments) == ExitCode.USAGE
    assert "'0x12' is not an address" in capsys.readouterr().err


@pytest.mark.parametrize("which", ["9" * 5000, "٣", "-1", "", "1.5"])
def test_a_block_is_named_by_plain_digits_of_64_bits_at_most(
    answering: Answering, capsys: pytest.CaptureFixture[str], which: str
) -> None:
    answering(AssertionError("asked"))
    assert run("query", "block", "--", which) == ExitCode.USAGE
    assert "neither a block number nor a tag" in capsys.readouterr().err


def test_block_numbers_become_hex_and_tags_stay() -> None:
    assert [block_tag(which) for which in ("0", "007", "4096", "latest", "0x5")] == [
        "0x0", "0x7", "0x1000", "latest", "0x5",
    ]  # fmt: skip


def test_a_text_of_any_length_does_not_flood_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("query", "block", "x" * 100_000) == ExitCode.USAGE
    assert len(capsys.readouterr().err) < MAX_ERROR_CHARACTERS + 100


def test_the_status_has_a_row_for_each_figure_and_json_keeps_its_shape(
    answering: Answering, capsys: pytest.CaptureFixture[str]
) -> None:
    answering(STATUS)
    assert run("query", "status") == ExitCode.OK
    rows = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert rows["consensus.round"] == "0"
    assert rows["consensus.peers.1"] == "peer b  height 5"
    assert run("query", "status", "--json") == ExitCode.OK
    assert json.loads(capsys.readouterr().out) == STATUS


def test_flattening_keeps_lists_of_plain_values() -> None:
    assert flattened({"a": {"b": {"c": 1}}, "d": [1, 2]}) == {"a.b.c": 1, "d": [1, 2]}


def test_what_is_no_quantity_is_shown_as_it_came() -> None:
    assert decimal({"gasUsed": "0x10", "nonce": "zz", "value": None}) == {
        "gasUsed": 16, "nonce": "zz", "value": None,
    }  # fmt: skip


def test_a_new_key_gets_no_empty_password(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = tmp_path / "empty"
    empty.touch(0o600)
    home = str(tmp_path / "home")
    assert run("keys", "new", "--home", home, "--password-file", str(empty)) == ExitCode.FAILURE
    assert "the first line is empty" in capsys.readouterr().err
    assert not (tmp_path / "home").exists()


def test_an_export_makes_no_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    password = tmp_path / "password"
    password.write_text("open sesame\n")
    password.chmod(0o600)
    at = ("--home", str(tmp_path), "--json")
    assert run("keys", "new", "--light", "--password-file", str(password), *at) == ExitCode.OK
    address = json.loads(capsys.readouterr().out)["address"]
    assert run("keys", "export", address, str(tmp_path / "typo" / "key"), *at) == ExitCode.FAILURE
    assert "typo is not a folder" in capsys.readouterr().err
    assert not (tmp_path / "typo").exists()


def test_an_empty_file_is_not_deployed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = tmp_path / "empty.bin"
    empty.write_text("0x\n")
    assert run("tx", "deploy", str(empty), "--from", ADDRESS) == ExitCode.FAILURE
    assert "holds no bytecode" in capsys.readouterr().err


def test_a_network_on_taken_ports_is_not_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        base = port - 11  # the p2p port of the second node
        arguments = ("--validators", "2", "--base-port", str(base))
        assert run("testnet", "--home", str(tmp_path / "net"), "up", *arguments) == ExitCode.FAILURE
    assert "in use" in capsys.readouterr().err
    assert not (tmp_path / "net").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_the_end_of_its_terminal_stops_a_local_network_as_ctrl_c_does(number: signal.Signals) -> None:
    inherited = signal.signal(number, signal.SIG_DFL)  # the test itself may run under nohup
    try:
        with pytest.raises(KeyboardInterrupt), _termination_as_interrupt():
            signal.raise_signal(number)
        assert signal.getsignal(number) is signal.SIG_DFL
    finally:
        signal.signal(number, inherited)


def test_nohup_keeps_a_local_network_running() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with _termination_as_interrupt():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
