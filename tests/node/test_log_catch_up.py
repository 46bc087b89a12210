"""A database without log index gets one while the node runs."""

import pytest
import trio
import trio.testing

from chain.receipt import EMPTY_BLOOM, Log, Receipt
from chain.transaction import TransactionType
from node.log_catch_up import complete_log_index
from state import log_index
from state.chain_store import ChainStore
from state.changes import StateChanges
from state.columns import META_LOG_INDEX, Column
from state.kv import MemoryStore
from state.log_terms import LogTerms
from tests.state.chain_builder import CHAIN_ID, ChainBuilder, make_address, make_transaction

WANTED = LogTerms(frozenset((make_address(3),)))


def commit_log(store: ChainStore) -> None:
    logs = (Log(make_address(3), (), b""),)
    receipt = Receipt(TransactionType.DYNAMIC_FEE, True, 21_000, EMPTY_BLOOM, logs)
    ChainBuilder(store).commit(StateChanges(), [make_transaction(0)], [receipt])


@pytest.fixture
def old_store(monkeypatch: pytest.MonkeyPatch) -> ChainStore:
    """Twenty blocks with a log each, whose index got lost; opening makes no more than a part of it again."""
    monkeypatch.setattr(log_index, "SECTION_BLOCKS", 4)
    monkeypatch.setattr(log_index, "STEP_BLOCKS", 2)
    rows = MemoryStore()
    store = ChainStore.open(rows, chain_id=CHAIN_ID)
    ChainBuilder(store).start()
    for _ in range(20):
        commit_log(store)
    rows.write({key: None for key, _ in rows.iterate(Column.LOG_SECTION.value)}, sync=True)
    rows.write({Column.META.value + META_LOG_INDEX: None}, sync=True)
    return ChainStore.open(rows, chain_id=CHAIN_ID)


async def test_the_index_is_completed_beside_commits(old_store: ChainStore) -> None:
    assert old_store.logs_indexed_to < 10

    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(complete_log_index, old_store)
            for _ in range(10):
                commit_log(old_store)
                await trio.sleep(0.001)

    head = old_store.head.number
    assert old_store.logs_indexed_to == head + 1
    assert list(old_store.log_candidates(WANTED, 0, head, lambda: None)) == list(range(1, head + 1))
    commit_log(old_store)
    assert old_store.logs_indexed_to == head + 2


async def test_a_complete_index_needs_nothing(autojump_clock: trio.testing.MockClock) -> None:
    store = ChainStore.open(MemoryStore(), chain_id=CHAIN_ID)
    ChainBuilder(store).start()

    await complete_log_index(store)

    assert store.logs_indexed_to == 1


async def test_damaged_receipts_leave_the_rest_to_the_blooms(old_store: ChainStore) -> None:
    damaged = Column.RECEIPTS.value + (15).to_bytes(8, "big")
    old_store._rows.write({damaged: b"\x07"}, sync=True)

    with trio.fail_after(10):
        await complete_log_index(old_store)

    assert old_store.logs_indexed_to == 15
    commit_log(old_store)
    assert old_store.logs_indexed_to == 15
