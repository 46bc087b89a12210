"""txpool_* over a pool with pending and queued transactions of two senders."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from chain.transaction import TransactionType
from chain.types import checksum_address
from rpc.config import CallLimits, RpcConfig
from tests.rpc.dev_chain import ACCOUNTS, COUNTER, GWEI, NOBODY, SENDER, hexed, signed
from tests.rpc.json_schema import OpenRpc
from tests.rpc.wire import Wire

Serve = Callable[..., Awaitable[int]]

WAITING = (
    signed(11, to=ACCOUNTS[1].address, value=5),
    signed(12, kind=TransactionType.LEGACY),
    signed(14, to=None, data=b"\x00"),  # 13 is missing
    signed(1, key=ACCOUNTS[1]),
)
FIRST, SECOND = (checksum_address(account.address) for account in ACCOUNTS[:2])


@pytest.fixture
async def filled(wire: Wire) -> Wire:
    for transaction in WAITING:
        await wire.result("eth_sendRawTransaction", hexed(transaction.raw))
    return wire


async def test_an_empty_pool(wire: Wire) -> None:
    assert await wire.result("txpool_status") == {"pending": "0x0", "queued": "0x0"}
    for call in (("txpool_content",), ("txpool_inspect",), ("txpool_contentFrom", SENDER)):
        assert await wire.result(*call) == {"pending": {}, "queued": {}}


async def test_transactions_are_counted(filled: Wire) -> None:
    assert await filled.result("txpool_status") == {"pending": "0x3", "queued": "0x1"}


async def test_transactions_are_shown_by_sender_and_nonce(filled: Wire) -> None:
    content = await filled.result("txpool_content")

    assert list(content) == ["pending", "queued"]
    assert {sender: list(items) for sender, items in content["pending"].items()} == {
        FIRST: ["11", "12"],
        SECOND: ["1"],
    }
    assert {sender: list(items) for sender, items in content["queued"].items()} == {FIRST: ["14"]}
    shown = content["pending"][FIRST]["11"]
    assert shown == await filled.result("eth_getTransactionByHash", hexed(WAITING[0].hash))
    assert (shown["blockHash"], shown["transactionIndex"], shown["gasPrice"]) == (None, None, hex(3 * GWEI))


async def test_transactions_of_one_sender(filled: Wire) -> None:
    content = await filled.result("txpool_content")

    assert await filled.result("txpool_contentFrom", SENDER) == {
        "pending": content["pending"][FIRST],
        "queued": content["queued"][FIRST],
    }
    assert await filled.result("txpool_contentFrom", NOBODY) == {"pending": {}, "queued": {}}


async def test_transactions_are_shown_as_lines(filled: Wire) -> None:
    lines = await filled.result("txpool_inspect")

    recipient, counter = checksum_address(ACCOUNTS[1].address), checksum_address(COUNTER)
    assert lines["pending"][FIRST]["11"] == f"{recipient}: 5 wei + 200000 gas × {3 * GWEI} wei"
    assert lines["pending"][SECOND]["1"] == f"{counter}: 0 wei + 200000 gas × {3 * GWEI} wei"
    assert lines["queued"][FIRST]["14"] == f"contract creation: 0 wei + 200000 gas × {3 * GWEI} wei"


async def test_a_pool_that_does_not_fit_into_a_reply_is_refused(serve: Serve) -> None:
    wire = await Wire.open(await serve(RpcConfig(port=0, calls=CallLimits(max_pool_reply_bytes=2_000))))
    for transaction in WAITING:
        await wire.result("eth_sendRawTransaction", hexed(transaction.raw))

    code, message = await wire.error("txpool_content")
    assert code == -32003
    assert "ask txpool_contentFrom, or txpool_inspect" in message
    assert await wire.result("txpool_inspect")
    assert await wire.result("txpool_contentFrom", hexed(ACCOUNTS[1].address))


async def test_replies_have_the_official_shape(filled: Wire, vectors_dir: Path) -> None:
    openrpc = OpenRpc(vectors_dir / "execution-apis" / "openrpc.json")

    for call in (("txpool_status",), ("txpool_content",), ("txpool_contentFrom", SENDER)):
        assert openrpc.complaints(call[0], await filled.result(*call)) == [], call
