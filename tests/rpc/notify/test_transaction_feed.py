"""The stretch of accepted transactions that several readers follow."""

import pytest

from chain.transaction import RecoveredTransaction, recover_sender
from rpc.notify.transaction_feed import ENTRY_OVERHEAD_BYTES, FellBehind, TransactionFeed
from tests.rpc.dev_chain import signed

ITEMS = [RecoveredTransaction(one, recover_sender(one)) for one in (signed(nonce) for nonce in range(6))]


def test_each_reader_goes_at_its_own_pace() -> None:
    feed = TransactionFeed(100, 1_000_000)
    first = feed.add_reader()
    feed.append(ITEMS[:2])
    second = feed.add_reader()
    feed.append(ITEMS[2:])

    assert feed.since(first, 3) == ITEMS[:3]
    assert feed.since(first + 3, 100) == ITEMS[3:]
    assert feed.since(second, 100) == ITEMS[2:]
    assert feed.since(feed.end, 100) == []


def test_nothing_is_kept_for_nobody() -> None:
    feed = TransactionFeed(100, 1_000_000)
    feed.append(ITEMS[:2])
    position = feed.add_reader()
    assert feed.since(position, 100) == []
    feed.append(ITEMS[:2])
    feed.remove_reader()
    assert not feed.has_readers

    position = feed.add_reader()

    assert feed.since(position, 100) == []
    feed.append(ITEMS[:1])
    assert feed.since(position, 100) == ITEMS[:1]


def test_a_reader_that_is_left_behind_is_told() -> None:
    feed = TransactionFeed(3, 1_000_000)
    position = feed.add_reader()
    feed.append(ITEMS[:3])
    assert feed.since(position, 100) == ITEMS[:3]
    feed.append(ITEMS[3:4])

    with pytest.raises(FellBehind):
        feed.since(position, 100)
    assert feed.since(position + 1, 100) == ITEMS[1:4]


def test_the_bytes_are_bounded_too() -> None:
    cost = ENTRY_OVERHEAD_BYTES + len(ITEMS[0].transaction.raw)
    feed = TransactionFeed(100, 2 * cost + 50)
    position = feed.add_reader()
    feed.append(ITEMS[:5])

    with pytest.raises(FellBehind):
        feed.since(position + 2, 100)
    assert feed.since(position + 3, 100) == ITEMS[3:5]
