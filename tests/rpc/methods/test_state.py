"""Methods that read accounts or hand transactions to the pool, over a real chain and socket."""

from typing import Any

import pytest

from chain.transaction import TransactionType, UnsignedTransaction, sign_transaction
from tests.rpc.dev_chain import (
    ACCOUNTS,
    COUNTER,
    GWEI,
    NOBODY,
    SENDER,
    SPINNER,
    UNKNOWN_HASH,
    WRITER,
    DevChain,
    FakeNode,
    emit,
    hexed,
    signed,
    word,
)
from tests.rpc.wire import Wire


async def test_balances(wire: Wire, dev_chain: DevChain) -> None:
    account = dev_chain.store.latest_state().account(ACCOUNTS[0].address)
    assert account is not None

    assert await wire.result("eth_getBalance", SENDER, "latest") == hex(account.balance)
    assert await wire.result("eth_getBalance", SENDER) == hex(account.balance)
    assert await wire.result("eth_getBalance", SENDER, "earliest") == hex(10_000 * 10**18)
    assert await wire.result("eth_getBalance", NOBODY, "latest") == "0x0"


@pytest.mark.parametrize(
    "tag", ["latest", "safe", "finalized", "pending", "0x5", {"blockNumber": "0x5"}, None]
)
async def test_all_names_of_the_head_are_the_same_state(wire: Wire, tag: object) -> None:
    assert await wire.result(
        "eth_getBalance", "0x" + ACCOUNTS[1].address.hex().upper(), tag
    ) == await wire.result("eth_getBalance", hexed(ACCOUNTS[1].address), "latest")


async def test_state_by_block_hash(wire: Wire, dev_chain: DevChain) -> None:
    early = hexed(dev_chain.blocks[0].hash)

    assert await wire.result("eth_getTransactionCount", SENDER, {"blockHash": early}) == "0x4"
    assert await wire.result("eth_getTransactionCount", SENDER, early) == "0x4"


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("0x6", "header not found"),
        ("0x7fffffffffffffff", "header not found"),
        (UNKNOWN_HASH, "header for hash not found"),
        ({"blockHash": UNKNOWN_HASH}, "header for hash not found"),
    ],
)
async def test_state_of_an_unknown_block(wire: Wire, block: object, message: str) -> None:
    calls: list[tuple[Any, ...]] = [
        ("eth_getBalance", SENDER),
        ("eth_getTransactionCount", SENDER),
        ("eth_getCode", SENDER),
        ("eth_getStorageAt", SENDER, "0x0"),
        ("eth_call", {}),
        ("eth_estimateGas", {}),
    ]
    for call in calls:
        assert await wire.error(*call, block) == (-32000, message)


async def test_a_state_that_is_not_kept_is_named(wire: Wire, dev_chain: DevChain) -> None:
    view = dev_chain.store._views.pop(1)
    try:
        code, message = await wire.error("eth_getBalance", SENDER, "0x1")
    finally:
        dev_chain.store._views[1] = view

    assert code == -32000
    assert "block 1 is not available" in message


async def test_nonces(wire: Wire) -> None:
    assert await wire.result("eth_getTransactionCount", SENDER, "latest") == "0xb"
    assert await wire.result("eth_getTransactionCount", SENDER, "pending") == "0xb"
    assert await wire.result("eth_getTransactionCount", NOBODY, "latest") == "0x0"
    assert await wire.result("eth_getTransactionCount", NOBODY, "pending") == "0x0"
    await wire.result("eth_sendRawTransaction", hexed(signed(11).raw))
    await wire.result("eth_sendRawTransaction", hexed(signed(12).raw))

    assert await wire.result("eth_getTransactionCount", SENDER, "latest") == "0xb"
    assert await wire.result("eth_getTransactionCount", SENDER, "pending") == "0xd"


async def test_code_and_storage(wire: Wire) -> None:
    assert await wire.result("eth_getCode", hexed(SPINNER), "latest") == "0x5b600056"
    assert await wire.result("eth_getCode", NOBODY, "latest") == "0x"
    assert await wire.result("eth_getStorageAt", hexed(COUNTER), "0x0", "latest") == word(42)
    assert await wire.result("eth_getStorageAt", hexed(COUNTER), word(0)) == word(42)
    assert await wire.result("eth_getStorageAt", hexed(COUNTER), "0x1", "latest") == word(0)
    assert await wire.result("eth_getStorageAt", hexed(WRITER), "7", "latest") == word(9)
    assert await wire.result("eth_getStorageAt", hexed(WRITER), "0x7", "0x3") == word(0)


async def test_a_delegated_account_shows_its_delegation(wire: Wire) -> None:
    assert await wire.result("eth_getCode", hexed(ACCOUNTS[2].address)) == "0xef0100" + COUNTER.hex()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (("eth_getBalance",), "missing value for required argument 0"),
        (("eth_getStorageAt", SENDER), "missing value for required argument 1"),
        (
            ("eth_getBalance", "0x12"),
            "invalid argument 0: hex string has length 2, want 40 for common.Address",
        ),
        (("eth_getBalance", SENDER, "5"), "invalid argument 1: hex string without 0x prefix"),
        (("eth_getBalance", SENDER, "latest", 1), "too many arguments, want at most 2"),
        (("eth_getStorageAt", SENDER, "0xasdf"), 'invalid hex in storage key: "0xasdf"'),
        (("eth_getBlockByNumber", "2"), "invalid argument 0: hex string without 0x prefix"),
        (
            ("eth_getBlockByHash", "0x01"),
            "invalid argument 0: hex string has length 2, want 64 for common.Hash",
        ),
        (
            ("eth_sendRawTransaction", "00"),
            "invalid argument 0: json: cannot unmarshal hex string without 0x prefix into Go value of type "
            "hexutil.Bytes",
        ),
    ],
)
async def test_wrong_parameters_are_named(wire: Wire, call: tuple[Any, ...], message: str) -> None:
    assert await wire.error(*call) == (-32602, message)


async def test_a_transaction_is_submitted(wire: Wire, fake_node: FakeNode) -> None:
    transaction = emit(11, 1, 2)

    assert await wire.result("eth_sendRawTransaction", hexed(transaction.raw)) == hexed(transaction.hash)
    assert fake_node.submissions == [[transaction.raw]]
    assert await wire.error("eth_sendRawTransaction", hexed(transaction.raw)) == (-32000, "already known")


async def test_a_batch_of_transactions_is_one_submission(wire: Wire, fake_node: FakeNode) -> None:
    transactions = [emit(11 + number, 1, 2) for number in range(5)]
    calls = [
        b'{"jsonrpc":"2.0","id":%d,"method":"eth_sendRawTransaction","params":["0x%b"]}'
        % (index, transaction.raw.hex().encode())
        for index, transaction in enumerate(transactions)
    ]
    pending = (
        b'{"jsonrpc":"2.0","id":9,"method":"eth_getTransactionCount","params":["%b","pending"]}'
        % SENDER.encode()
    )

    reply = await wire.post(b"[" + b",".join([*calls, pending]) + b"]")

    assert [item["result"] for item in reply.json()] == [*(hexed(item.hash) for item in transactions), "0x10"]
    assert [len(batch) for batch in fake_node.submissions] == [5]


async def test_transactions_that_are_refused(wire: Wire) -> None:
    unprotected = sign_transaction(
        UnsignedTransaction(TransactionType.LEGACY, None, 11, GWEI, GWEI, 21_000, COUNTER, 0), ACCOUNTS[0]
    )
    code, message = await wire.error("eth_sendRawTransaction", hexed(signed(2).raw))
    assert code == -32000
    assert message.startswith("nonce too low")
    assert await wire.error("eth_sendRawTransaction", hexed(unprotected.raw)) == (
        -32000,
        "only replay-protected (EIP-155) transactions allowed over RPC",
    )
    code, message = await wire.error("eth_sendRawTransaction", hexed(signed(11, chain_id=5).raw))
    assert message == "invalid chain id for signer: have 5 want 1337"
    code, message = await wire.error("eth_sendRawTransaction", "0x03" + "c0")
    assert "transaction type not supported" in message
    assert "transaction type not valid" in message
    for raw in ("0x", "0x00", "0xc0", "0x02c0", "0xffff"):
        assert (await wire.error("eth_sendRawTransaction", raw))[0] == -32000
