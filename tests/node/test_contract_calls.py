"""Answers, errors and events of contracts in words, from nodes that answer as told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.types import ZERO_ADDRESS, Address, checksum_address
from node.abi import InvalidCall
from node.contract_calls import (
    ContractCallFailed,
    ContractCalls,
    call_data,
    events_in,
    explained,
    revert_reason,
)
from node.rpc_client import NodeUnreachable, RpcCallFailed, RpcClient
from vm.system.addresses import TOKEN_FACTORY
from vm.system.contract import ReentrancyGuardReentrantCall
from vm.system.errors import Panic, error_string
from vm.system.staking.distribution import Distribution
from vm.system.staking.staking import Staking
from vm.system.tokens.factory import TokenFactory, TokenRecord
from vm.system.tokens.interfaces import IERC20, IERC20Metadata
from vm.system.tokens.templates.collections import CollectionToken
from vm.system.tokens.templates.fungible import FixedToken

TOKEN = Address(b"\x70" * 20)
ALICE, BOB = Address(b"\xa1" * 20), Address(b"\xb0" * 20)
Answering = Callable[[Any], None]


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


def hexed(raw: bytes) -> str:
    return "0x" + raw.hex()


def calls() -> ContractCalls:
    return ContractCalls(RpcClient("http://127.0.0.1:1"))


def test_answers_have_the_types_of_the_function(answering: Answering) -> None:
    answering(hexed(IERC20Metadata.name.encode_result("Gold")))
    assert calls().ask(TOKEN, IERC20Metadata.name) == "Gold"
    record = TokenRecord(TOKEN, bytes(32), ALICE, 7)
    answering(hexed(TokenFactory.record.encode_result(record)))
    assert calls().ask(TOKEN_FACTORY, TokenFactory.record, TOKEN).blockNumber == 7


def test_another_contract_or_none_is_named(answering: Answering) -> None:
    for answer in ("0x", "0x01", hexed(bytes(31))):
        answering(answer)
        with pytest.raises(
            ContractCallFailed, match=f"no contract at {checksum_address(TOKEN)} answers balanceOf"
        ):
            calls().ask(TOKEN, IERC20.balanceOf, ALICE)


@pytest.mark.parametrize("answer", [None, 5, [], {}, "zz", "0xzz", "0x1"])
def test_what_no_node_answers_is_told(answering: Answering, answer: Any) -> None:
    answering(answer)
    with pytest.raises(NodeUnreachable):
        calls().ask(TOKEN, IERC20.balanceOf, ALICE)


def test_a_revert_is_told_with_function_and_reason(answering: Answering) -> None:
    error = TokenFactory.UnknownToken(TOKEN)
    answering(RpcCallFailed("execution reverted", 3, hexed(error.data)))
    token = checksum_address(TOKEN)
    with pytest.raises(ContractCallFailed) as failed:
        calls().ask(TOKEN_FACTORY, TokenFactory.record, TOKEN)
    assert str(failed.value) == (
        f"record of {checksum_address(TOKEN_FACTORY)}: execution reverted: UnknownToken(token: {token})"
    )
    answering(RpcCallFailed("block is out of range", -32000, None))
    with pytest.raises(RpcCallFailed, match="block is out of range"):
        calls().ask(TOKEN_FACTORY, TokenFactory.record, TOKEN)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (error_string("not yours"), "not yours"),
        (Panic(0x11).data, "panic 0x11: arithmetic overflow or underflow"),
        (Panic(0x77).data, "panic 0x77: unknown code"),
        (ReentrancyGuardReentrantCall().data, "ReentrancyGuardReentrantCall()"),
        (
            FixedToken.ERC20InsufficientBalance(ALICE, 1, 2**200).data,
            f"ERC20InsufficientBalance(sender: {checksum_address(ALICE)}, balance: 1, needed: {2**200})",
        ),
        (bytes.fromhex("12345678"), "0x12345678"),
        (b"\x07", "0x07"),
        (bytes(100), f"0x{'00' * 64}…"),
        (Panic(0x11).data[:20], hexed(Panic(0x11).data[:20])),
    ],
)
def test_revert_data_is_read(raw: bytes, text: str) -> None:
    assert revert_reason(raw) == text


@given(st.binary(max_size=200))
def test_no_revert_data_is_too_strange(raw: bytes) -> None:
    assert revert_reason(raw)
    assert revert_reason(FixedToken.ERC20InsufficientBalance(ALICE, 1, 2).data[:4] + raw)


@pytest.mark.parametrize("data", [None, "0x", 5, "zz", {"a": 1}])
def test_an_error_without_revert_data_keeps_its_text(data: Any) -> None:
    assert explained(RpcCallFailed("execution reverted", 3, data)) == "execution reverted"
    assert explained(RpcCallFailed("no", -32000, hexed(error_string("x")))) == "no"


def test_arguments_out_of_range_are_refused_before_a_node_is_asked(answering: Answering) -> None:
    answering(AssertionError("asked"))
    with pytest.raises(InvalidCall, match=r"out of range: transfer\(address,uint256\)"):
        call_data(IERC20.transfer, ALICE, 2**256)


def log(event: Any, address: Address = TOKEN) -> dict[str, Any]:
    return {
        "address": hexed(address),
        "topics": [hexed(topic) for topic in event.topics],
        "data": hexed(event.data),
    }


def test_events_are_read_by_the_standard_that_logs_them() -> None:
    sent = log(FixedToken.Transfer(ALICE, BOB, 5))
    numbered = log(CollectionToken.Transfer(ZERO_ADDRESS, BOB, 5))
    coins, moved = events_in([sent, numbered])
    alice, bob = checksum_address(ALICE), checksum_address(BOB)
    assert (coins.name, dict(coins.values)) == ("Transfer", {"from": alice, "to": bob, "value": "5"})
    assert dict(moved.values) == {"from": checksum_address(ZERO_ADDRESS), "to": bob, "tokenId": "5"}


def test_an_indexed_text_is_shown_as_its_hash() -> None:
    event = Distribution.WithdrawValidatorCommission("0xabc", 7)
    (told,) = events_in([log(event)])
    assert dict(told.values) == {"validatorAddress": hexed(event.topics[1]), "commission": "7"}


def test_small_numbers_and_bytes_have_their_json_form() -> None:
    (told,) = events_in([log(Staking.Slash(ALICE, 9, 500, 2**60))])
    assert (told.values["bps"], told.values["infractionHeight"], told.values["burnt"]) == (
        500,
        "9",
        str(2**60),
    )
    (told,) = events_in([log(Staking.RegisterConsensusKey(ALICE, BOB, b"\x02\x03"))])
    assert told.values["publicKey"] == "0x0203"


@pytest.mark.parametrize(
    "strange",
    [
        None,
        {},
        {"topics": [], "data": "0x", "address": "0x"},
        {"topics": ["0x01"], "data": "0x", "address": "0x"},
        {"topics": 5, "data": "0x", "address": "0x"},
        {"topics": [None], "data": None, "address": "0x"},
        {**log(FixedToken.Transfer(ALICE, BOB, 5)), "data": "0x01"},
        {
            **log(FixedToken.Transfer(ALICE, BOB, 5)),
            "topics": [hexed(FixedToken.Transfer.signature.topic), "0x", "0x"],
        },
    ],
)
def test_a_log_that_cannot_be_read_is_passed_over(strange: Any) -> None:
    assert events_in([strange]) == []
