"""The filters that clients poll, over the wire and as a table."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
import trio
import trio.testing

from chain.transaction import RecoveredTransaction, recover_sender
from rpc.config import CallLimits, RpcConfig
from rpc.dispatch.deferred import Deadline, OffLoop
from rpc.errors import RpcError
from rpc.notify import filters
from rpc.notify.filters import FilterTable
from rpc.params.log_filter import LogFilter, log_filter
from rpc.reading.chain_view import ChainView
from rpc.reading.rendering import transaction_json
from tests.rpc.dev_chain import EMITTER, UNKNOWN_HASH, FakeNode, build_dev_chain, emit, hexed, signed, word
from tests.rpc.wire import Wire

Serve = Callable[..., Awaitable[int]]

FIRST_NONCE = 11
"""The next one of account 0 on the chain of the fixture."""

NOT_FOUND = (-32000, "filter not found")


@pytest.fixture
def fake_node() -> FakeNode:
    """A node over a chain of its own, because it grows."""
    return FakeNode(build_dev_chain())


@pytest.fixture
async def wire(serve: Serve) -> Wire:
    return await Wire.open(await serve())


def limited(**limits: Any) -> RpcConfig:
    return replace(RpcConfig(port=0), calls=CallLimits(**limits))


def criteria(**members: object) -> LogFilter:
    decoded = log_filter(1_000).decode(members)
    assert isinstance(decoded, LogFilter)
    return decoded


# Over the wire.


async def test_a_block_filter_tells_each_hash_once(wire: Wire, fake_node: FakeNode) -> None:
    kept = await wire.result("eth_newBlockFilter")
    assert await wire.result("eth_getFilterChanges", kept) == []
    blocks = [fake_node.append(), fake_node.append()]

    assert await wire.result("eth_getFilterChanges", kept) == [hexed(block.hash) for block in blocks]
    assert await wire.result("eth_getFilterChanges", kept) == []


async def test_a_log_filter_tells_whole_logs_of_new_blocks(wire: Wire, fake_node: FakeNode) -> None:
    kept = await wire.result("eth_newFilter", {"address": hexed(EMITTER), "fromBlock": "0x0"})
    assert await wire.result("eth_getFilterChanges", kept) == []
    block = fake_node.append(emit(FIRST_NONCE, 1, 7), signed(FIRST_NONCE + 1), emit(FIRST_NONCE + 2, 2, 8))

    logs = await wire.result("eth_getFilterChanges", kept)

    assert [log["data"] for log in logs] == [word(7), word(8)]
    assert logs == await wire.result("eth_getLogs", {"blockHash": hexed(block.hash)})
    assert await wire.result("eth_getFilterChanges", kept) == []


async def test_a_log_filter_has_the_old_logs_too(wire: Wire, fake_node: FakeNode) -> None:
    kept = await wire.result("eth_newFilter", {"topics": [None, word(1)], "fromBlock": "earliest"})
    fake_node.append(emit(FIRST_NONCE, 1, 7))

    old_and_new = await wire.result("eth_getFilterLogs", kept)

    assert old_and_new == await wire.result("eth_getLogs", {"topics": [None, word(1)], "fromBlock": "0x0"})
    assert len(old_and_new) == 4
    assert len(await wire.result("eth_getFilterChanges", kept)) == 1


async def test_a_log_filter_sees_only_its_topics_and_range(wire: Wire, fake_node: FakeNode) -> None:
    by_topic = await wire.result("eth_newFilter", {"topics": [None, word(2)]})
    by_range = await wire.result("eth_newFilter", {"fromBlock": "0x6", "toBlock": "0x6"})
    fake_node.append(emit(FIRST_NONCE, 1, 7), emit(FIRST_NONCE + 1, 2, 8))
    fake_node.append(emit(FIRST_NONCE + 2, 2, 9))

    assert [log["data"] for log in await wire.result("eth_getFilterChanges", by_topic)] == [word(8), word(9)]
    assert [log["data"] for log in await wire.result("eth_getFilterChanges", by_range)] == [word(7), word(8)]


async def test_a_transaction_filter_tells_hashes(wire: Wire, fake_node: FakeNode) -> None:
    kept = await wire.result("eth_newPendingTransactionFilter")
    transaction = signed(FIRST_NONCE)
    fake_node.accept(transaction)

    assert await wire.result("eth_getFilterChanges", kept) == [hexed(transaction.hash)]
    assert await wire.result("eth_getFilterChanges", kept) == []


async def test_an_uninstalled_filter_is_not_found(wire: Wire) -> None:
    kept = await wire.result("eth_newBlockFilter")

    assert await wire.result("eth_uninstallFilter", kept) is True
    assert await wire.result("eth_uninstallFilter", kept) is False
    assert await wire.error("eth_getFilterChanges", kept) == NOT_FOUND


@pytest.mark.parametrize("unknown", ["0x0", "0xdeadbeef", "", "0x" + "f" * 1_000])
async def test_an_unknown_filter_is_not_found(wire: Wire, unknown: str) -> None:
    assert await wire.error("eth_getFilterChanges", unknown) == NOT_FOUND
    assert await wire.error("eth_getFilterLogs", unknown) == NOT_FOUND


async def test_only_log_filters_have_logs(wire: Wire) -> None:
    for method in ("eth_newBlockFilter", "eth_newPendingTransactionFilter"):
        assert await wire.error("eth_getFilterLogs", await wire.result(method)) == NOT_FOUND


@pytest.mark.parametrize(
    ("members", "error"),
    [
        ({"fromBlock": "0x7", "toBlock": "0x6"}, (-32602, "invalid block range params")),
        ({"toBlock": "pending"}, (-32000, "pending logs are not supported")),
        ({"topics": [None] * 5}, (-32602, "exceed max topics")),
    ],
)
async def test_a_log_filter_that_cannot_be_is_refused(
    wire: Wire, members: dict[str, object], error: tuple[int, str]
) -> None:
    assert await wire.error("eth_newFilter", members) == error


async def test_a_filter_for_one_block_finds_its_logs(wire: Wire, fake_node: FakeNode) -> None:
    block = fake_node.chain.blocks[1]
    kept = await wire.result("eth_newFilter", {"blockHash": hexed(block.hash)})

    assert len(await wire.result("eth_getFilterLogs", kept)) == 2
    unknown = await wire.result("eth_newFilter", {"blockHash": UNKNOWN_HASH})
    assert await wire.error("eth_getFilterLogs", unknown) == (-32000, "unknown block")


# Bounds.


async def test_the_number_of_filters_is_bounded(serve: Serve) -> None:
    wire = await Wire.open(await serve(limited(max_filters=2)))
    first = await wire.result("eth_newBlockFilter")
    await wire.result("eth_newBlockFilter")
    assert (await wire.error("eth_newBlockFilter"))[0] == -32005
    await wire.result("eth_uninstallFilter", first)

    await wire.result("eth_newFilter", {})


async def test_a_transaction_filter_that_lost_something_says_so(serve: Serve, fake_node: FakeNode) -> None:
    wire = await Wire.open(await serve(limited(max_remembered_transactions=5)))
    kept = await wire.result("eth_newPendingTransactionFilter")
    fake_node.accept(*(signed(n) for n in range(5)))
    assert len(await wire.result("eth_getFilterChanges", kept)) == 5
    fake_node.accept(*(signed(n) for n in range(6)))

    code, text = await wire.error("eth_getFilterChanges", kept)

    assert code == -32000
    assert text.startswith("filter not found: ")
    assert "lost" in text
    assert await wire.error("eth_getFilterChanges", kept) == NOT_FOUND


@pytest.mark.parametrize(
    "limits", [{"max_log_results": 2}, {"max_log_reply_bytes": 1_200}, {"max_log_blocks": 1}]
)
async def test_a_poll_that_does_not_fit_into_a_reply_is_continued_by_the_next(
    serve: Serve, fake_node: FakeNode, limits: dict[str, int]
) -> None:
    wire = await Wire.open(await serve(limited(**limits)))
    kept = await wire.result("eth_newFilter", {})
    for nonce in range(FIRST_NONCE, FIRST_NONCE + 5):
        fake_node.append(emit(nonce, 1, nonce))

    polls = []
    while logs := await wire.result("eth_getFilterChanges", kept):
        polls.append([int(log["data"], 16) for log in logs])

    assert [entry for poll in polls for entry in poll] == list(range(FIRST_NONCE, FIRST_NONCE + 5))
    assert len(polls) > 2


@pytest.mark.parametrize("limits", [{"max_log_results": 2}, {"max_log_reply_bytes": 1_200}])
async def test_a_block_with_more_logs_than_a_reply_may_hold_is_told_in_several(
    serve: Serve, fake_node: FakeNode, limits: dict[str, int]
) -> None:
    """Without this the reply was too large for the listener, and its logs were never told."""
    wire = await Wire.open(await serve(limited(**limits)))
    kept = await wire.result("eth_newFilter", {})
    nonces = range(FIRST_NONCE, FIRST_NONCE + 7)
    fake_node.append(*(emit(nonce, 1, nonce) for nonce in nonces[:5]))
    fake_node.append(*(emit(nonce, 1, nonce) for nonce in nonces[5:]))

    polls = []
    while logs := await wire.result("eth_getFilterChanges", kept):
        polls.append([int(log["data"], 16) for log in logs])

    assert [entry for poll in polls for entry in poll] == list(nonces)
    assert max(map(len, polls)) <= 2


async def test_a_block_that_was_told_in_part_and_then_taken_back_is_told_anew(fake_node: FakeNode) -> None:
    table = _table(fake_node, max_log_results=2)
    kept = table.new_log_filter(criteria())
    fake_node.append(*(emit(nonce, 1, nonce) for nonce in range(FIRST_NONCE, FIRST_NONCE + 3)))
    assert _told(table.changes(kept)) == 2
    overtaken = table.changes(kept)

    table.set_back(6)  # not further than the filter has to be
    assert _told(overtaken) == 1
    table.set_back(5)
    assert _told(table.changes(kept)) == 2
    assert _told(table.changes(kept)) == 1
    assert table.changes(kept) == []


def _told(poll: object) -> int:
    assert isinstance(poll, OffLoop)
    return bytes(poll.job(Deadline(5))).count(b"transactionHash")  # type: ignore[call-overload, no-any-return]


async def test_hashes_that_do_not_fit_into_a_reply_are_told_by_the_next_poll(
    wire: Wire, fake_node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filters, "MAX_HASHES_OF_POLL", 2)
    blocks = await wire.result("eth_newBlockFilter")
    pending = await wire.result("eth_newPendingTransactionFilter")
    hashes = [hexed(fake_node.append().hash) for _ in range(3)]
    transactions = [signed(n) for n in range(3)]
    fake_node.accept(*transactions)

    for kept, expected in ((blocks, hashes), (pending, [hexed(one.hash) for one in transactions])):
        assert await wire.result("eth_getFilterChanges", kept) == expected[:2]
        assert await wire.result("eth_getFilterChanges", kept) == expected[2:]


# The table itself.


def _table(node: FakeNode, **limits: Any) -> FilterTable:
    return FilterTable(ChainView(node), CallLimits(**limits))


async def test_a_filter_that_nobody_polls_is_removed_and_a_polled_one_stays(
    fake_node: FakeNode, autojump_clock: trio.testing.MockClock
) -> None:
    table = _table(fake_node)
    polled, idle = table.new_block_filter(), table.new_transaction_filter(False)
    for _ in range(4):
        await trio.sleep(100)
        table.changes(polled)

    assert table.changes(polled) == []
    with pytest.raises(RpcError, match="filter not found"):
        table.changes(idle)
    assert not table.transactions.has_readers
    await trio.sleep(301)
    table.forget_idle()
    assert table.criteria.held == 0


async def test_a_transaction_filter_tells_whole_transactions_when_asked(fake_node: FakeNode) -> None:
    table = _table(fake_node)
    kept = table.new_transaction_filter(True)
    transaction = signed(FIRST_NONCE)
    sender = recover_sender(transaction)
    table.transactions.append([RecoveredTransaction(transaction, sender)])

    poll = table.changes(kept)

    assert isinstance(poll, OffLoop)
    assert poll.job(Deadline(5)) == [transaction_json(transaction, sender, None, None)]
    assert table.changes(kept) == []


async def test_two_polls_at_the_same_time_tell_a_log_once(fake_node: FakeNode) -> None:
    table = _table(fake_node)
    kept = table.new_log_filter(criteria())
    fake_node.append(emit(FIRST_NONCE, 1, 7))
    first, second = table.changes(kept), table.changes(kept)
    assert isinstance(first, OffLoop)
    assert isinstance(second, OffLoop)

    told = [bytes(poll.job(Deadline(5))) for poll in (second, first)]  # type: ignore[call-overload]

    assert told[0].count(b"transactionHash") == 1
    assert told[1] == b"[]"


async def test_a_poll_that_runs_out_of_time_tells_what_it_found(fake_node: FakeNode) -> None:
    table = _table(fake_node)
    kept = table.new_log_filter(criteria())
    fake_node.append(emit(FIRST_NONCE, 1, 7))
    fake_node.append(emit(FIRST_NONCE + 1, 1, 8))
    late = table.changes(kept)
    assert isinstance(late, OffLoop)
    with pytest.raises(RpcError, match="execution aborted"):
        late.job(Deadline(-1))

    again = table.changes(kept)
    assert isinstance(again, OffLoop)
    assert bytes(again.job(Deadline(5))).count(b"transactionHash") == 2  # type: ignore[call-overload]


async def test_many_empty_blocks_are_passed_without_a_thread_when_they_are_few(fake_node: FakeNode) -> None:
    table = _table(fake_node)
    kept = table.new_log_filter(criteria(address=hexed(EMITTER)))
    for _ in range(filters.INLINE_BLOCKS):
        fake_node.append()
    assert table.changes(kept) == []
    for _ in range(filters.INLINE_BLOCKS + 1):
        fake_node.append()

    assert isinstance(table.changes(kept), OffLoop)


async def test_after_the_chain_was_set_back_the_new_blocks_are_told(fake_node: FakeNode) -> None:
    table = _table(fake_node)
    blocks, logs = table.new_block_filter(), table.new_log_filter(criteria())
    fake_node.append()
    fake_node.append()
    table.changes(blocks)
    table.changes(logs)
    other = build_dev_chain()
    fake_node.chain, fake_node.store = other, other.store
    assert table.changes(blocks) == []

    table.set_back(5)
    block = fake_node.append(emit(FIRST_NONCE, 1, 7))

    assert table.changes(blocks) == [hexed(block.hash)]
    poll = table.changes(logs)
    assert isinstance(poll, OffLoop)
    assert b"transactionHash" in bytes(poll.job(Deadline(5)))  # type: ignore[call-overload]
