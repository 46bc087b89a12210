"""Client libraries recognise failures by their texts: the table is held against the patterns they use."""

import re
from typing import Any

import pytest

from chain.errors import CallerError
from chain.transaction import (
    BlobTransactionUnsupported,
    MalformedTransaction,
    UnprotectedTransaction,
    WrongChainId,
)
from chain.types import Address
from rpc.errors import MAX_QUOTED_CHARS, Code, RpcError, RpcFault, quoted, to_rpc_error
from vm import errors as vm_errors

SENDER = Address(b"\xaa" * 20)

# viem's error classes, ethers' regular expressions, and the substrings that web3.py and wallets look for.
EXECUTION = [
    (vm_errors.NonceTooLow(SENDER, 1, 2), r"nonce too low|transaction already imported|already known"),
    (vm_errors.NonceTooHigh(SENDER, 3, 2), r"nonce too high"),
    (vm_errors.NonceMax(2**64 - 1, SENDER), r"nonce has max value"),
    (vm_errors.InsufficientFunds(SENDER, 1, 2), r"insufficient funds for gas \* price \+ value"),
    (
        vm_errors.InsufficientFunds(SENDER, 1, 2),
        r"insufficient funds|exceeds transaction sender account balance",
    ),
    (vm_errors.IntrinsicGasTooLow(1, 2), r"intrinsic gas too low"),
    (vm_errors.GasLimitAboveBlock(2, 1), r"exceeds block gas limit"),
    (vm_errors.BlockGasExhausted(2, 1), r"intrinsic gas too high|gas limit reached"),
    (
        vm_errors.FeeCapBelowBaseFee(SENDER, 1, 2),
        r"fee cap less than block base fee|max fee per gas less than block base fee|transaction is outdated",
    ),
    (
        vm_errors.TipAboveFeeCap(2, 1, SENDER),
        r"max priority fee per gas higher than max fee per gas|tip higher than fee cap",
    ),
    (vm_errors.TransactionTypeNotSupported(3), r"transaction type not valid"),
    (vm_errors.TransactionTypeNotSupported(3), r"transaction type not supported"),
    (vm_errors.GasRequiredExceedsAllowance(7), r"^gas required exceeds allowance \(7\)$"),
    (vm_errors.GasRequiredExceedsAllowance(7), r"execution reverted|gas required exceeds allowance"),
    (BlobTransactionUnsupported("blob"), r"transaction type not supported"),
    (BlobTransactionUnsupported("blob"), r"transaction type not valid"),
    (UnprotectedTransaction(), r"^only replay-protected \(EIP-155\) transactions allowed over RPC$"),
    (WrongChainId(5, 1337), r"^invalid chain id for signer: have 5 want 1337$"),
    (MalformedTransaction("rlp"), r"rlp"),
]


@pytest.mark.parametrize(("error", "pattern"), EXECUTION)
def test_rejections_have_code_32000_and_the_text_that_clients_search(
    error: CallerError, pattern: str
) -> None:
    answer = to_rpc_error(error)

    assert answer.code == -32000
    assert answer.data is None
    assert re.search(pattern, answer.message)


def test_an_unknown_method_has_the_text_that_ethers_and_viem_search() -> None:
    error = RpcFault.UNKNOWN_METHOD.error(method="eth_fillTransaction")

    assert error.code == -32601
    assert re.search(r"the method .* does not exist", error.message)
    assert error.message == "the method eth_fillTransaction does not exist/is not available"


@pytest.mark.parametrize(
    ("reason", "message"),
    [(None, "execution reverted"), ("user error", "execution reverted: user error")],
)
def test_a_revert_has_code_3_and_its_output_as_hex_text(reason: str | None, message: str) -> None:
    answer = to_rpc_error(vm_errors.ExecutionReverted(b"\x08\xc3", reason))

    assert (answer.code, answer.message, answer.data) == (3, message, "0x08c3")


@pytest.mark.parametrize(
    ("fault", "values", "code", "message"),
    [
        (RpcFault.MISSING_ARGUMENT, {"position": 0}, -32602, "missing value for required argument 0"),
        (RpcFault.INVALID_ARGUMENT, {"position": 0, "detail": "x"}, -32602, "invalid argument 0: x"),
        (RpcFault.TOO_MANY_ARGUMENTS, {"count": 2}, -32602, "too many arguments, want at most 2"),
        (RpcFault.NAMED_PARAMS, {}, -32602, "non-array args"),
        (RpcFault.INVALID_REQUEST, {}, -32600, "invalid request"),
        (RpcFault.EMPTY_BATCH, {}, -32600, "empty batch"),
        (RpcFault.BATCH_TOO_LARGE, {}, -32600, "batch too large"),
        (RpcFault.LOG_RANGE_BEYOND_HEAD, {}, -32602, "block range extends beyond current head block"),
        (RpcFault.LOG_RANGE_INVALID, {}, -32602, "invalid block range params"),
        (RpcFault.LOG_RESULTS_TOO_MANY, {"limit": 10_000}, -32005, "query returned more than 10000 results"),
        (RpcFault.HEADER_NOT_FOUND, {}, -32000, "header not found"),
        (RpcFault.EXECUTION_TIMED_OUT, {"seconds": "5"}, -32000, "execution aborted (timeout = 5s)"),
        (RpcFault.TIMED_OUT, {}, -32002, "request timed out"),
        (RpcFault.RESPONSE_TOO_LARGE, {}, -32003, "response too large"),
    ],
)
def test_the_table_gives_codes_and_texts_of_go_ethereum(
    fault: RpcFault, values: dict[str, Any], code: int, message: str
) -> None:
    error = fault.error(**values)

    assert (error.code, error.message) == (code, message)


def test_every_entry_has_a_known_code_and_a_text() -> None:
    for fault in RpcFault:
        assert isinstance(fault.value.code, Code)
        assert fault.value.text


def test_an_error_without_text_is_named_by_its_class() -> None:
    assert to_rpc_error(CallerError()).message == "CallerError"


def test_a_finished_error_stays_as_it_is() -> None:
    error = RpcError(-1, "x", "0x00")

    assert to_rpc_error(error) is error


def test_what_a_client_sent_is_repeated_only_in_part_and_printable() -> None:
    assert quoted("a" * 1000) == "a" * MAX_QUOTED_CHARS + "…"
    assert quoted("a\x00\n") == "a\\x00\\n"
    assert quoted("ö") == "ö"
    assert len(RpcFault.UNKNOWN_METHOD.error(method="x" * 100_000).message) < 300
