"""eth_subscribe over WebSocket: what is announced, to whom, in which order, and what happens to slow readers."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
import trio

from chain.secp256k1 import PrivateKey
from rpc.backend import SyncStatus
from rpc.config import CallLimits, RpcConfig, WebSocketLimits
from rpc.listener import websockets
from rpc.reading.rendering import header_json
from tests.rpc.dev_chain import (
    ACCOUNTS,
    EMIT_TOPIC,
    EMITTER,
    FakeNode,
    build_dev_chain,
    emit,
    hexed,
    signed,
    word,
)
from tests.rpc.socket_client import SocketClient
from tests.rpc.wire import Wire

Serve = Callable[..., Awaitable[int]]

FIRST_NONCE = 11
"""The next one of account 0 on the chain of the fixture."""


@pytest.fixture
def fake_node() -> FakeNode:
    """A node over a chain of its own, because it grows."""
    return FakeNode(build_dev_chain())


@pytest.fixture
async def client(serve: Serve) -> SocketClient:
    return await SocketClient.open(await serve())


def config(**limits: Any) -> RpcConfig:
    return RpcConfig(port=0, websocket=WebSocketLimits(**limits))


def _wants_transactions(node: FakeNode) -> bool:
    (hub,) = node.listeners
    return hub.wants_transactions


# New heads.


async def test_each_block_is_announced_as_its_header(client: SocketClient, fake_node: FakeNode) -> None:
    subscription = await client.result("eth_subscribe", "newHeads")

    blocks = [fake_node.append(), fake_node.append()]

    for block in blocks:
        head = await client.notification(subscription)
        assert head == json.loads(json.dumps(header_json(block.header)))
        assert "transactions" not in head
        assert "size" not in head


async def test_a_burst_of_blocks_is_announced_completely_and_in_order(
    client: SocketClient, fake_node: FakeNode
) -> None:
    subscription = await client.result("eth_subscribe", "newHeads")
    for _ in range(300):
        fake_node.chain.append()

    fake_node.listeners[0].head_changed()

    numbers = [int((await client.notification(subscription))["number"], 16) for _ in range(300)]
    assert numbers == list(range(6, 306))


async def test_blocks_before_the_subscription_are_not_announced(
    client: SocketClient, fake_node: FakeNode
) -> None:
    for _ in range(3):
        fake_node.append()
    await client.result("eth_blockNumber")
    subscription = await client.result("eth_subscribe", "newHeads")

    fake_node.append()

    assert (await client.notification(subscription))["number"] == "0x9"


async def test_ids_have_the_same_length_and_do_not_repeat(client: SocketClient) -> None:
    ids = {await client.result("eth_subscribe", "newHeads") for _ in range(100)}

    assert len(ids) == 100
    assert {len(one) for one in ids} == {34}
    assert all(one.startswith("0x") and one[2] != "0" for one in ids)


async def test_every_subscriber_hears_of_a_block(serve: Serve, fake_node: FakeNode) -> None:
    port = await serve()
    clients = [await SocketClient.open(port) for _ in range(20)]
    ids = [await client.result("eth_subscribe", "newHeads") for client in clients]

    block = fake_node.append()

    for client, subscription in zip(clients, ids, strict=True):
        assert (await client.notification(subscription))["hash"] == hexed(block.hash)


async def test_the_id_comes_before_the_first_notification_and_no_block_is_missed_in_a_batch(
    client: SocketClient, fake_node: FakeNode
) -> None:
    async def submit(raw: Any) -> Any:
        fake_node.append()
        await trio.sleep(0.05)
        return [signed(99).hash for _ in raw]

    fake_node.submit = submit  # type: ignore[method-assign]
    calls = [("eth_subscribe", ["newHeads"]), ("eth_sendRawTransaction", ["0x00"]), ("eth_blockNumber", [])]
    await client.send(
        json.dumps([{"jsonrpc": "2.0", "id": n, "method": m, "params": p} for n, (m, p) in enumerate(calls)])
    )

    replies = await client.receive_json()

    assert replies[2]["result"] == "0x6"
    assert (await client.notification(replies[0]["result"]))["number"] == "0x6"


async def test_a_chain_that_was_set_back_goes_on_from_its_new_head(
    client: SocketClient, fake_node: FakeNode
) -> None:
    subscription = await client.result("eth_subscribe", "newHeads")
    block_filter = await client.result("eth_newBlockFilter")
    for _ in range(3):
        fake_node.append()
    for _ in range(3):
        await client.notification(subscription)
    assert len(await client.result("eth_getFilterChanges", block_filter)) == 3

    other = build_dev_chain()
    fake_node.chain, fake_node.store = other, other.store
    fake_node.listeners[0].head_changed()
    block = fake_node.append(signed(FIRST_NONCE))

    head = await client.notification(subscription)
    assert (head["number"], head["hash"]) == ("0x6", hexed(block.hash))
    assert await client.result("eth_getFilterChanges", block_filter) == [hexed(block.hash)]
    assert await client.is_quiet()


# Logs.


async def test_logs_are_announced_one_by_one_as_eth_get_logs_shows_them(
    client: SocketClient, fake_node: FakeNode
) -> None:
    subscription = await client.result("eth_subscribe", "logs", {"address": hexed(EMITTER)})
    block = fake_node.append(emit(FIRST_NONCE, 1, 7), signed(FIRST_NONCE + 1), emit(FIRST_NONCE + 2, 2, 8))

    logs = [await client.notification(subscription) for _ in range(2)]

    assert [log["data"] for log in logs] == [word(7), word(8)]
    assert logs == await client.result("eth_getLogs", {"blockHash": hexed(block.hash)})
    assert await client.is_quiet()


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        ({}, [1, 2, 3]),
        ({"address": hexed(ACCOUNTS[0].address)}, []),
        ({"address": [hexed(EMITTER), hexed(ACCOUNTS[0].address)]}, [1, 2, 3]),
        ({"topics": [hexed(EMIT_TOPIC.rjust(32, b"\0"))]}, [1, 2, 3]),
        ({"topics": [None, word(2)]}, [2]),
        ({"topics": [None, [word(1), word(3)]]}, [1, 3]),
        ({"topics": [word(1)]}, []),
        ({"fromBlock": "0x6", "toBlock": "0x6"}, [1, 2, 3]),
        ({"fromBlock": "0x7"}, []),
        ({"fromBlock": "0x1", "toBlock": "0x5"}, []),
        ({"fromBlock": "earliest", "toBlock": "latest"}, [1, 2, 3]),
    ],
)
async def test_only_logs_that_the_filter_accepts_are_announced(
    client: SocketClient, fake_node: FakeNode, criteria: dict[str, object], expected: list[int]
) -> None:
    subscription = await client.result("eth_subscribe", "logs", criteria)
    heads = await client.result("eth_subscribe", "newHeads")
    fake_node.append(*(emit(FIRST_NONCE + i, i + 1, i) for i in range(3)))
    await client.notification(heads)
    fake_node.append()

    for topic in expected:
        assert (await client.notification(subscription))["topics"][1] == word(topic)
    await client.notification(heads)


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ((), (-32602, "expected subscription name as first argument")),
        ((None,), (-32602, "expected subscription name as first argument")),
        ((5,), (-32602, "expected subscription name as first argument")),
        (("nothing",), (-32601, 'no "nothing" subscription in eth namespace')),
        (("logs",), (-32602, "missing value for required argument 1")),
        (("newHeads", True), (-32602, "too many arguments, want at most 1")),
        (("newHeads", None, 1), (-32602, "too many arguments, want at most 2")),
        (("logs", {"fromBlock": "0x7", "toBlock": "0x6"}), (-32602, "invalid block range params")),
        (("logs", {"toBlock": "0x6"}), (-32602, "invalid block range params")),
        (("logs", {"fromBlock": "pending"}), (-32000, "pending logs are not supported")),
    ],
)
async def test_a_subscription_that_cannot_be_is_refused_in_the_words_of_go_ethereum(
    client: SocketClient, params: tuple[object, ...], error: tuple[int, str]
) -> None:
    assert await client.error("eth_subscribe", *params) == error


async def test_equal_subscriptions_share_their_work_and_have_ids_of_their_own(
    client: SocketClient, fake_node: FakeNode
) -> None:
    ids = {await client.result("eth_subscribe", "logs", {"topics": [None, word(1)]}) for _ in range(3)}
    fake_node.append(emit(FIRST_NONCE, 1, 7))

    messages = [await client.receive_json() for _ in range(3)]

    assert {message["params"]["subscription"] for message in messages} == ids


# Transactions.


async def test_accepted_transactions_are_announced_by_hash_or_whole(
    client: SocketClient, fake_node: FakeNode
) -> None:
    hashes = await client.result("eth_subscribe", "newPendingTransactions")
    whole = await client.result("eth_subscribe", "newPendingTransactions", True)
    transaction = signed(FIRST_NONCE)

    fake_node.accept(transaction)

    told = {}
    for _ in range(2):
        message = await client.receive_json()
        told[message["params"]["subscription"]] = message["params"]["result"]
    assert told[hashes] == hexed(transaction.hash)
    assert told[whole] == await client.result("eth_getTransactionByHash", hexed(transaction.hash))
    assert told[whole]["blockHash"] is None


async def test_nobody_is_asked_to_tell_of_transactions_that_nobody_wants(
    client: SocketClient, fake_node: FakeNode
) -> None:
    await client.result("eth_subscribe", "newHeads")
    assert not _wants_transactions(fake_node)
    subscription = await client.result("eth_subscribe", "newPendingTransactions")
    assert _wants_transactions(fake_node)
    await client.result("eth_unsubscribe", subscription)

    assert not _wants_transactions(fake_node)


async def test_a_flood_of_transactions_that_cannot_be_kept_ends_the_subscribers(
    serve: Serve, fake_node: FakeNode
) -> None:
    port = await serve(replace(config(), calls=CallLimits(max_remembered_transactions=100)))
    pending, heads = await SocketClient.open(port), await SocketClient.open(port)
    await pending.result("eth_subscribe", "newPendingTransactions")
    subscription = await heads.result("eth_subscribe", "newHeads")
    assert _wants_transactions(fake_node)
    fake_node.accept(*(signed(n) for n in range(101)))

    assert await pending.close_code() == 1013
    fake_node.append()
    await heads.notification(subscription)


async def test_a_block_is_announced_before_transactions_that_came_with_it(
    client: SocketClient, fake_node: FakeNode
) -> None:
    pending = await client.result("eth_subscribe", "newPendingTransactions")
    heads = await client.result("eth_subscribe", "newHeads")
    assert _wants_transactions(fake_node)
    fake_node.accept(*(signed(n) for n in range(200)))
    fake_node.append()

    await client.notification(heads)
    for _ in range(200):
        await client.notification(pending)


# Synchronisation.


async def test_begin_and_end_of_catching_up_are_announced(client: SocketClient, fake_node: FakeNode) -> None:
    subscription = await client.result("eth_subscribe", "syncing")
    fake_node.append()
    assert await client.is_quiet()

    fake_node.sync_status = SyncStatus(0, 6, 99)
    fake_node.append()
    fake_node.append()

    assert await client.notification(subscription) == {
        "syncing": True,
        "status": {"startingBlock": "0x0", "currentBlock": "0x6", "highestBlock": "0x63"},
    }
    fake_node.sync_status = None
    fake_node.append()
    assert await client.notification(subscription) is False


# The end of a subscription.


async def test_an_ended_subscription_is_silent(client: SocketClient, fake_node: FakeNode) -> None:
    first = await client.result("eth_subscribe", "newHeads")
    second = await client.result("eth_subscribe", "newHeads")
    assert await client.result("eth_unsubscribe", first) is True

    fake_node.append()

    await client.notification(second)
    assert await client.is_quiet()
    assert await client.error("eth_unsubscribe", first) == (-32000, "subscription not found")


async def test_nobody_ends_the_subscription_of_another_connection(serve: Serve, fake_node: FakeNode) -> None:
    port = await serve()
    owner, other = await SocketClient.open(port), await SocketClient.open(port)
    subscription = await owner.result("eth_subscribe", "newHeads")

    assert await other.error("eth_unsubscribe", subscription) == (-32000, "subscription not found")

    fake_node.append()
    await owner.notification(subscription)


async def test_http_has_no_subscriptions(wire: Wire) -> None:
    assert await wire.error("eth_subscribe", "newHeads") == (-32601, "notifications not supported")
    assert await wire.error("eth_unsubscribe", "0x1") == (-32000, "subscription not found")


async def test_subscriptions_of_a_connection_are_bounded(serve: Serve) -> None:
    port = await serve(config(max_subscriptions=2))
    client = await SocketClient.open(port)
    first = await client.result("eth_subscribe", "newHeads")
    await client.result("eth_subscribe", "syncing")
    code, text = await client.error("eth_subscribe", "newHeads")
    assert (code, "more than 2 subscriptions" in text) == (-32005, True)
    await client.result("eth_unsubscribe", first)

    await client.result("eth_subscribe", "newHeads")
    await (await SocketClient.open(port)).result("eth_subscribe", "newHeads")


async def test_the_memory_of_all_criteria_is_bounded_and_given_back(serve: Serve) -> None:
    port = await serve(replace(config(), calls=CallLimits(max_criteria_bytes=200_000)))
    large = {"address": [hexed(PrivateKey(n.to_bytes(32, "big")).address) for n in range(1, 401)]}
    client, other = await SocketClient.open(port), await SocketClient.open(port)
    await client.result("eth_subscribe", "logs", large)
    assert (await other.error("eth_subscribe", "logs", large))[0] == -32005
    assert (await other.error("eth_newFilter", large))[0] == -32005

    await client.close()
    await client.close_code()

    kept = await other.result("eth_newFilter", large)
    assert (await other.error("eth_subscribe", "logs", large))[0] == -32005
    await other.result("eth_uninstallFilter", kept)
    await other.result("eth_subscribe", "logs", large)


# Slow readers.


@pytest.mark.parametrize(
    "limits",
    [
        {"max_queued_bytes": 1_000_000},
        {"max_queued_notifications": 3},
        {"max_queued_bytes_together": 1_000_000},
    ],
)
async def test_a_reader_that_is_too_slow_is_told_so_and_nobody_else_notices(
    serve: Serve, fake_node: FakeNode, limits: dict[str, int]
) -> None:
    port = await serve(config(**limits))
    slow, quick = await SocketClient.open(port), await SocketClient.open(port)
    await slow.result("eth_subscribe", "newPendingTransactions", True)
    subscription = await quick.result("eth_subscribe", "newPendingTransactions", True)
    sent = 0
    while _wants_transactions(fake_node) and sent < 100:  # 200 kB each; sockets hold some megabytes
        fake_node.accept(signed(sent, data=bytes(100_000), key=ACCOUNTS[1]))
        await quick.notification(subscription)
        sent += 1

    received, code = await slow.read_to_the_end()
    assert code == 1013
    assert 0 < received < sent
    fake_node.accept(signed(1))
    await quick.notification(subscription)


async def test_a_reader_that_has_stopped_is_ended_by_the_clock(
    serve: Serve, fake_node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websockets, "CHECK_S", 0.02)
    port = await serve(config(write_timeout_s=0.2, close_within_s=0.2, max_connections=1))
    client = await SocketClient.open(port)
    calls = [
        {"jsonrpc": "2.0", "id": n, "method": "eth_getBlockByNumber", "params": ["0x1", True]}
        for n in range(900)
    ]
    for _ in range(6):  # 3 MB of replies each
        await client.send(json.dumps(calls))
    await trio.sleep(1.5)

    await (await SocketClient.open(port)).result("eth_chainId")


@pytest.mark.parametrize("goodbye", [b"\xff\xff", b"\x88\x80\0\0\0\0", None])
async def test_a_client_that_ends_while_much_waits_for_it_does_no_harm(
    serve: Serve, fake_node: FakeNode, goodbye: bytes | None
) -> None:
    port = await serve(config(close_within_s=0.1, max_queued_bytes=50_000_000))
    client, other = await SocketClient.open(port), await SocketClient.open(port)
    await client.result("eth_subscribe", "newPendingTransactions", True)
    assert _wants_transactions(fake_node)
    fake_node.accept(*(signed(n, data=bytes(100_000)) for n in range(60)))  # 12 MB
    await trio.sleep(0.2)

    if goodbye is None:
        await client.wire.stream.send_eof()
    else:
        await client.wire.send(goodbye)
    await trio.sleep(0.3)

    assert await other.result("eth_chainId") == "0x539"
    assert await client.close_code() == 1006
