"""`aurigraph contracts`: names, published texts, and storage read through a node."""

from __future__ import annotations

import json
from typing import Any

import pytest

import cli
from chain.types import checksum_address
from node.commands.common import ExitCode
from node.rpc_client import RpcCallFailed, RpcClient
from vm.system.addresses import UPGRADES, WRAPPED_COIN
from vm.system.contract import MARKER, code_of_class
from vm.system.registry import CHAIN_CONTRACTS
from vm.system.testing import ContractHandle, TestChain, address_of
from vm.system.tokens.templates.fungible import CappedToken
from vm.system.tooling.publish import INTERFACES, ROOT

ALICE = address_of("alice")
EVM = "0x" + "ee" * 20


def run(*arguments: str) -> int:
    try:
        cli.main(list(arguments))
    except SystemExit as leaving:
        return int(leaving.code or 0)
    return 0


# --- without a node ---------------------------------------------------------------------------------------------------


def test_the_list_has_every_class_once_with_the_addresses_of_chain_contracts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("contracts", "list", "--json") == ExitCode.OK
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    names = dict.fromkeys([contract.__name__ for contract in CHAIN_CONTRACTS.classes])  # of all versions
    assert [row["name"] for row in rows] == list(names)
    by_name = {row["name"]: row for row in rows}
    assert by_name["Upgrades"]["address"] == checksum_address(UPGRADES)
    assert by_name["WrappedCoin"]["address"] == checksum_address(WRAPPED_COIN)
    assert by_name["FixedToken"]["address"] is None
    assert by_name["FixedToken"]["class"] == "0x00000100"
    assert run("contracts", "list") == ExitCode.OK
    assert "A token whose whole supply is made at once" in capsys.readouterr().out


def test_abi_and_interface_are_what_is_published(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("FixedToken", "fixedtoken", "wrapped_coin", "WrappedCoin"):
        published = "FixedToken" if "fixed" in name.lower() else "WrappedCoin"
        assert run("contracts", "abi", name) == ExitCode.OK
        assert capsys.readouterr().out == (ROOT / INTERFACES / f"{published}.json").read_text()
        assert run("contracts", "sol", name) == ExitCode.OK
        assert capsys.readouterr().out == (ROOT / INTERFACES / f"I{published}.sol").read_text()


def test_docs_are_the_chapter_of_the_reference(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("contracts", "docs", "upgrades") == ExitCode.OK
    printed = capsys.readouterr().out
    assert printed.startswith("## Upgrades\n")
    assert printed in (ROOT / "docs" / "system-contracts-reference.md").read_text()


@pytest.mark.parametrize("what", ["abi", "sol", "docs"])
def test_an_unknown_name_is_wrong_usage_and_names_those_there_are(
    capsys: pytest.CaptureFixture[str], what: str
) -> None:
    assert run("contracts", what, "Lottery") == ExitCode.USAGE
    error = capsys.readouterr().err
    assert "there is no contract 'Lottery'; there are: " in error
    assert "FixedToken" in error


# --- through a node --------------------------------------------------------------------------------------------------


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> ContractHandle:
    """A token in a state that every node answers from; the block number rises between any two questions."""
    chain = TestChain()
    token = chain.deploy(
        CappedToken, "A name that is longer than one slot of storage", "TOK", 6, 10**30, 5, ALICE
    )
    token.approve(token, 7, sender=ALICE)
    slots = chain.storage(token)
    height = iter(range(16, 10_000))
    asked = ["0x5"]

    def call(client: RpcClient, method: str, *params: Any) -> Any:
        now = hex(next(height))
        if method == "eth_blockNumber":
            asked[:] = ["0x5", now]
            return now
        account, tag = bytes.fromhex(params[0][2:]), params[-1]
        assert tag in asked
        if method == "eth_getCode":
            return "0x00" if params[0].lower() == EVM else f"0x{chain.code(account).hex()}"  # type: ignore[arg-type]
        assert method == "eth_getStorageAt"
        assert len(params[1]) == 66
        return f"0x{slots.get(int(params[1], 16), 0):064x}"

    monkeypatch.setattr(RpcClient, "call", call)
    return token


def stored(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert run("contracts", "storage", *arguments, "--json") == ExitCode.OK
    return json.loads(capsys.readouterr().out)


def test_all_fields_of_a_contract_are_read_in_one_block(
    token: ContractHandle, capsys: pytest.CaptureFixture[str]
) -> None:
    account = checksum_address(token.address)
    told = stored(capsys, account)
    assert (told["address"], told["contract"], told["version"]) == (account, "CappedToken", 1)
    fields = told["storage"]
    assert fields["owner_"] == checksum_address(ALICE)
    assert fields["name_"] == "A name that is longer than one slot of storage"
    assert fields["total_supply"] == 5
    assert str(10**30) in fields.values()  # the cap, as text: JSON numbers are not so large
    assert fields["balances"] == "mapping(address => uint256)"
    assert run("contracts", "storage", account) == ExitCode.OK
    printed = capsys.readouterr().out
    assert "CappedToken version 1" in printed
    assert "mapping(address => uint256)" in printed


def test_one_field_and_what_is_under_its_keys(
    token: ContractHandle, capsys: pytest.CaptureFixture[str]
) -> None:
    account, alice = checksum_address(token.address), checksum_address(ALICE)
    assert stored(capsys, account, "balances", alice) == {"type": "uint256", "value": 5}
    assert stored(capsys, account, "balances", "0x" + "12" * 20)["value"] == 0
    assert stored(capsys, account, "allowances", alice, account)["value"] == 7
    assert stored(capsys, account, "symbol_", "--block", "5") == {"type": "string", "value": "TOK"}
    assert run("contracts", "storage", account, "balances", alice) == ExitCode.OK
    assert capsys.readouterr().out.split() == ["balances", "5"]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("nothing",), "CappedToken: there is no 'nothing'; there are: "),
        (("balances", "x"), "'x' is no address"),
        (("symbol_", "x"), "leads nowhere: string has no parts"),
    ],
)
def test_a_path_that_leads_nowhere_is_wrong_usage(
    token: ContractHandle, capsys: pytest.CaptureFixture[str], path: tuple[str, ...], text: str
) -> None:
    assert run("contracts", "storage", checksum_address(token.address), *path) == ExitCode.USAGE
    assert text in capsys.readouterr().err


@pytest.mark.usefixtures("token")
@pytest.mark.parametrize(
    ("account", "text"),
    [("0x" + "12" * 20, "is no contract"), (EVM, "is a contract, but none of the chain's own")],
)
def test_an_account_that_is_no_system_contract_is_told(
    capsys: pytest.CaptureFixture[str], account: str, text: str
) -> None:
    assert run("contracts", "storage", account) == ExitCode.FAILURE
    assert text in capsys.readouterr().err


def test_a_version_that_this_program_lacks_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = code_of_class(0x100, 99)
    monkeypatch.setattr(
        RpcClient,
        "call",
        lambda _client, method, *_: "0x1" if method == "eth_blockNumber" else f"0x{code.hex()}",
    )
    assert run("contracts", "storage", EVM) == ExitCode.FAILURE
    assert f"runs 0x{MARKER.hex()}000001000063, which this program does not know" in capsys.readouterr().err


@pytest.mark.parametrize("answer", [None, 5, "zz", "0xzz", ["0x"], {}], ids=repr)
def test_an_answer_that_no_node_gives_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answer: Any
) -> None:
    monkeypatch.setattr(
        RpcClient, "call", lambda _client, method, *_: "0x1" if method == "eth_blockNumber" else answer
    )
    assert run("contracts", "storage", EVM) == ExitCode.NODE_UNREACHABLE
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_short_word_is_no_answer_of_a_node(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = {
        "eth_blockNumber": "0x1",
        "eth_getCode": f"0x{CappedToken.code.hex()}",
        "eth_getStorageAt": "0x01",
    }
    monkeypatch.setattr(RpcClient, "call", lambda _client, method, *_: answers[method])
    assert run("contracts", "storage", EVM) == ExitCode.NODE_UNREACHABLE
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_the_error_of_a_server_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def call(_client: RpcClient, _method: str, *_params: Any) -> Any:
        raise RpcCallFailed("no such block", -32000, None)

    monkeypatch.setattr(RpcClient, "call", call)
    assert run("contracts", "storage", EVM, "--block", "7") == ExitCode.FAILURE
    assert capsys.readouterr().err == "error: no such block\n"
