"""`aurigraph tx` against a node that answers as told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import cli
from chain.transaction import decode_transaction
from node.commands.common import ExitCode
from node.keystore import LIGHT_SCRYPT_ROUNDS, Keystore
from node.rpc_client import NodeUnreachable, RpcCallFailed, RpcClient
from tests.node.chain_fixture import ACCOUNTS, RECEIVER

Answer = Any | Exception | Callable[..., Any]
RECEIPT = {"status": "0x1", "transactionHash": "0x12", "blockNumber": "0x5", "gasUsed": "0x5208", "logs": []}


class FakeNode:
    """Answers by method; a list is used up from the front, its last element stays."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.answers: dict[str, list[Answer]] = {
            "eth_chainId": ["0x539"],
            "eth_getTransactionCount": ["0x7"],
            "eth_maxPriorityFeePerGas": ["0x5"],
            "eth_getBlockByNumber": [{"baseFeePerGas": "0xa"}],
            "eth_estimateGas": ["0x5208"],
            "eth_sendRawTransaction": ["0x12"],
            "eth_getTransactionReceipt": [RECEIPT],
        }

    def call(self, _client: RpcClient, method: str, *params: Any) -> Any:
        if method == "eth_sendRawTransaction":
            self.sent.append(bytes.fromhex(params[0][2:]))
        queue = self.answers[method]
        answer = queue.pop(0) if len(queue) > 1 else queue[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def refused(text: str, code: int = -32000) -> RpcCallFailed:
    return RpcCallFailed(text, code, None)


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> FakeNode:
    fake = FakeNode()
    monkeypatch.setattr(RpcClient, "call", lambda *call: fake.call(*call))
    monkeypatch.setattr("node.commands.tx.RECEIPT_POLL_S", 0.001)
    return fake


@pytest.fixture
def transfer(tmp_path: Path) -> list[str]:
    Keystore(tmp_path / "keystore").add(ACCOUNTS[0], "pass", LIGHT_SCRYPT_ROUNDS)
    password = tmp_path / "password"
    password.write_text("pass\n")
    password.chmod(0o600)
    return [
        "tx", "transfer", "--home", str(tmp_path), "--password-file", str(password), "--json",
        "--from", "0x" + ACCOUNTS[0].address.hex(), "--to", "0x" + RECEIVER.hex(), "--value", "2wei",
    ]  # fmt: skip


def run(*arguments: str) -> int:
    try:
        cli.main(list(arguments))
    except SystemExit as leaving:
        return int(leaving.code or 0)
    return 0


def test_what_the_user_leaves_open_is_asked_of_the_node(
    node: FakeNode, transfer: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*transfer) == 0
    assert json.loads(capsys.readouterr().out) == RECEIPT
    sent = decode_transaction(node.sent[0], 1337)
    assert (sent.nonce, sent.gas_limit, sent.value, sent.to) == (7, 21_000, 2, RECEIVER)
    assert (sent.max_priority_fee_per_gas, sent.max_fee_per_gas) == (5, 25)


def test_a_dry_run_sends_nothing(
    node: FakeNode, transfer: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*transfer, "--dry-run", "--nonce", "1", "--gas", "30000", "--tip", "1", "--fee-cap", "3") == 0
    told = json.loads(capsys.readouterr().out)
    assert node.sent == []
    assert decode_transaction(bytes.fromhex(told["raw"][2:]), 1337).hash.hex() == told["hash"][2:]


@pytest.mark.parametrize(
    ("method", "answers", "code", "words"),
    [
        ("eth_sendRawTransaction", [refused("nonce too low")], ExitCode.TRANSACTION_REJECTED, "nonce too low"),
        ("eth_sendRawTransaction", [NodeUnreachable("no answer")], ExitCode.NODE_UNREACHABLE, "tx status 0x"),
        ("eth_estimateGas", [refused("execution reverted: no", 3)], ExitCode.TRANSACTION_REVERTED, "no"),
        ("eth_estimateGas", [refused("insufficient funds")], ExitCode.TRANSACTION_REJECTED, "funds"),
        ("eth_getTransactionReceipt", [{**RECEIPT, "status": "0x0"}], ExitCode.TRANSACTION_REVERTED, "reverted"),
        ("eth_getTransactionReceipt", [None], ExitCode.TIMEOUT, "tx status 0x12"),
        ("eth_getTransactionReceipt", [NodeUnreachable("away")], ExitCode.TIMEOUT, "tx status 0x12"),
        ("eth_getBlockByNumber", [None], ExitCode.FAILURE, "give --fee-cap"),
        ("eth_chainId", [None], ExitCode.NODE_UNREACHABLE, "not a number"),
    ],
)  # fmt: skip
def test_each_failure_has_its_exit_code_and_one_line(
    node: FakeNode,
    transfer: list[str],
    capsys: pytest.CaptureFixture[str],
    method: str,
    answers: list[Answer],
    code: ExitCode,
    words: str,
) -> None:
    node.answers[method] = answers
    assert run(*transfer, "--timeout", "0.02") == code
    error = capsys.readouterr().err.strip()
    assert words in error
    assert len(error.splitlines()) == 1


def test_a_node_that_restarts_while_the_command_waits_is_waited_for(
    node: FakeNode, transfer: list[str]
) -> None:
    node.answers["eth_getTransactionReceipt"] = [
        None,
        NodeUnreachable("away"),
        NodeUnreachable("away"),
        RECEIPT,
    ]
    assert run(*transfer) == 0


@pytest.mark.parametrize(
    "options",
    [["--nonce", "-1"], ["--nonce", str(2**64)], ["--gas", "1"], ["--gas", str(2**64)], ["--timeout", "-1"]],
)
def test_numbers_out_of_range_are_wrong_usage(
    node: FakeNode, transfer: list[str], options: list[str]
) -> None:
    assert run(*transfer, *options) == ExitCode.USAGE
    assert node.sent == []


@pytest.mark.parametrize("value", ["1.5.2", "-1", "1e3", "9" * 5000, "1 btc", "0.1wei", ""])
def test_what_is_no_amount_is_one_line(
    node: FakeNode, transfer: list[str], capsys: pytest.CaptureFixture[str], value: str
) -> None:
    assert run(*transfer, "--value", value) == ExitCode.USAGE
    assert len(capsys.readouterr().err.splitlines()) == 1
