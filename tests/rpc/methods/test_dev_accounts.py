"""Unlocked accounts of a development chain: what is filled in, what is signed, and for whom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct, encode_typed_data

from tests.node.dev.dev_fixture import ACCOUNTS, FIRST, SECOND, STRANGER, open_dev
from tests.rpc.params.test_typed_data import MAIL

REVERTING = "0x60006000fd"
EMIT = "0x600a600c600039600a6000f3602a60005260206000f3"


async def test_the_accounts_are_those_of_the_mnemonic(tmp_path: Path) -> None:
    async with open_dev(tmp_path) as dev:
        accounts = await dev.call("eth_accounts")
        assert accounts == ["0x" + key.address.hex() for key in ACCOUNTS]
        assert await dev.call("personal_listAccounts") == accounts
        assert await dev.call("personal_unlockAccount", FIRST, "secret", 300) is True
        assert "unknown account" in (await dev.error("personal_unlockAccount", STRANGER))[1]


async def test_messages_are_signed_as_wallets_do(tmp_path: Path) -> None:
    message = b"hello \xff\x00"
    async with open_dev(tmp_path) as dev:
        signed = await dev.call("eth_sign", FIRST, "0x" + message.hex())
        assert Account.recover_message(encode_defunct(message), signature=signed).lower() == FIRST
        assert await dev.call("personal_sign", "0x" + message.hex(), FIRST) == signed
        assert await dev.call("personal_sign", "0x" + message.hex(), FIRST, "password") == signed
        typed = await dev.call("eth_signTypedData_v4", SECOND, MAIL)
        assert (
            Account.recover_message(encode_typed_data(full_message=MAIL), signature=typed).lower() == SECOND
        )
        code, text = await dev.error("eth_sign", STRANGER, "0x00")
        assert (code, text.startswith("unknown account")) == (-32000, True)
        assert (await dev.error("eth_signTypedData_v4", FIRST, {"types": {}}))[0] == -32602


async def test_a_signed_transaction_is_what_the_account_would_sign(tmp_path: Path) -> None:
    fields: dict[str, Any] = {
        "from": FIRST, "to": STRANGER, "value": "0x5", "gas": "0x5208", "nonce": "0x2",
        "maxFeePerGas": "0x77359400", "maxPriorityFeePerGas": "0x3b9aca00",
    }  # fmt: skip
    async with open_dev(tmp_path) as dev:
        signed = await dev.call("eth_signTransaction", fields)
    expected = Account.sign_transaction(
        {
            "to": STRANGER, "value": 5, "gas": 21_000, "nonce": 2, "chainId": 1337,
            "maxFeePerGas": 2 * 10**9, "maxPriorityFeePerGas": 10**9,
        },
        ACCOUNTS[0].secret,
    )  # fmt: skip
    assert signed["raw"] == "0x" + expected.raw_transaction.hex().removeprefix("0x")
    assert signed["tx"]["nonce"] == "0x2"


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({}, "0x2"),
        ({"gasPrice": "0x77359400"}, "0x0"),
        ({"gasPrice": "0x77359400", "accessList": [{"address": STRANGER, "storageKeys": []}]}, "0x1"),
        ({"accessList": [{"address": STRANGER, "storageKeys": []}]}, "0x2"),
        ({"type": "0x0"}, "0x0"),
        ({"type": "0x1"}, "0x1"),
        ({"maxFeePerGas": "0x77359400"}, "0x2"),
        ({"maxPriorityFeePerGas": "0x1"}, "0x2"),
        ({"type": "0x2", "gasPrice": "0x77359400"}, "0x2"),
    ],
    ids=str,
)
async def test_a_transaction_is_filled_in(tmp_path: Path, fields: dict[str, Any], kind: str) -> None:
    async with open_dev(tmp_path) as dev:
        sent = await dev.pay(**fields)
        shown = await dev.call("eth_getTransactionByHash", sent)
        assert (shown["type"], shown["nonce"], shown["chainId"]) == (kind, "0x0", hex(1337))
        for name, value in fields.items():
            if name not in ("accessList",) and not (name == "gasPrice" and kind == "0x2"):
                assert shown[name] == value
        assert (await dev.call("eth_getTransactionReceipt", sent))["status"] == "0x1"


async def test_gas_is_estimated_and_a_revert_is_told_before_sending(tmp_path: Path) -> None:
    async with open_dev(tmp_path) as dev:
        sent = await dev.call("eth_sendTransaction", {"from": FIRST, "data": EMIT})
        receipt = await dev.call("eth_getTransactionReceipt", sent)
        assert receipt["status"] == "0x1"
        assert int(await dev.call("eth_call", {"to": receipt["contractAddress"]}), 16) == 42
        reply = await dev.reply("eth_sendTransaction", {"from": FIRST, "data": REVERTING})
        assert reply["error"]["code"] == 3
        assert await dev.height() == 1
        forced = await dev.call("eth_sendTransaction", {"from": FIRST, "data": REVERTING, "gas": "0x186a0"})
        assert (await dev.call("eth_getTransactionReceipt", forced))["status"] == "0x0"


async def test_an_estimate_sees_what_waits(tmp_path: Path) -> None:
    first_contract = "0x5fbdb2315678afecb367f032d93f642f64180aa3"  # of the first account's first transaction
    async with open_dev(tmp_path, automine=False) as dev:
        await dev.call("eth_sendTransaction", {"from": FIRST, "data": EMIT})
        called = await dev.call("eth_sendTransaction", {"from": SECOND, "to": first_contract})
        assert int((await dev.call("eth_getTransactionByHash", called))["gas"], 16) > 21_000
        await dev.call("evm_mine")
        await dev.call("evm_mine")
        assert (await dev.call("eth_getTransactionReceipt", called))["status"] == "0x1"


async def test_bad_transactions_are_refused(tmp_path: Path) -> None:
    async with open_dev(tmp_path) as dev:
        cases: tuple[tuple[dict[str, Any], str], ...] = (
            ({"from": STRANGER}, "unknown account"),
            ({"from": FIRST, "chainId": "0x1"}, "chainId does not match"),
            ({"from": FIRST, "gasPrice": "0x1", "maxFeePerGas": "0x1"}, "both gasPrice and"),
            ({"from": FIRST, "type": "0x0", "maxFeePerGas": "0x1"}, "has a gasPrice"),
            ({"from": FIRST, "nonce": "0x0", "maxFeePerGas": "0x1", "gas": "0x5208"}, "max fee per gas"),
            ({"from": FIRST, "value": hex(10**30), "gas": "0x5208"}, "insufficient funds"),
            ({"from": FIRST, "gas": hex(31_000_000)}, "exceeds block gas limit"),
            ({"from": FIRST, "gas": "0x1"}, "intrinsic gas too low"),
        )
        for fields, words in cases:
            code, text = await dev.error("eth_sendTransaction", {"to": SECOND, **fields})
            assert (code, words in text) == (-32000, True), (fields, text)
        assert (await dev.error("eth_sendTransaction", {"from": FIRST, "type": "0x9"}))[0] == -32602
        assert (await dev.error("eth_sendTransaction", {"from": FIRST, "to": SECOND, "type": "0x3"}))[
            0
        ] == -32000
        assert await dev.height() == 0
        await dev.pay()
        assert "nonce too low" in (await dev.error("eth_sendTransaction", {"from": FIRST, "nonce": "0x0"}))[1]
