"""The index never hides a log, whatever the chain, and wherever it was closed, killed, or upgraded."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chain.receipt import EMPTY_BLOOM, Log, Receipt, logs_bloom
from chain.transaction import TransactionType
from chain.types import Hash32
from state import log_index
from state.account import Account
from state.chain_store import ChainStore
from state.changes import StateChanges
from state.columns import META_LOG_INDEX, Column
from state.kv import DatabaseDamaged, DatabaseUnavailable, MemoryStore, WriteBatch
from state.log_index import BUCKETS, LogIndex
from state.log_terms import LocatedLog, LogTerms
from tests.state.chain_builder import CHAIN_ID, ChainBuilder, make_address, make_transaction

TRANSACTIONS = [make_transaction(nonce) for nonce in range(3)]
INDEX_KEY = Column.META.value + META_LOG_INDEX


def topic(number: int) -> Hash32:
    return Hash32(number.to_bytes(32, "big"))


def log(address: int, *topics: int, payload: bytes = b"") -> Log:
    return Log(make_address(address), tuple(topic(number) for number in topics), payload)


def receipt(*logs: Log) -> Receipt:
    return Receipt(TransactionType.DYNAMIC_FEE, True, 21_000, EMPTY_BLOOM, logs)


def terms(addresses: Sequence[int] = (), *positions: Sequence[int]) -> LogTerms:
    return LogTerms(
        frozenset(make_address(number) for number in addresses),
        tuple(frozenset(topic(number) for number in accepted) for accepted in positions),
    )


def nothing() -> None:
    """A check that never ends a search."""


# Few addresses and topics, so that searches find something; blocks of up to three transactions with up to three logs.
LOGS = st.builds(
    lambda address, topics: log(address, *topics), st.integers(1, 4), st.lists(st.integers(0, 3), max_size=4)
)
BLOCKS = st.lists(st.lists(st.lists(LOGS, max_size=3), max_size=3), max_size=14)
TERMS = st.builds(
    terms,
    st.lists(st.integers(1, 5), max_size=2),
    *[st.lists(st.integers(0, 4), max_size=2)] * 3,
) | st.builds(terms, st.lists(st.integers(1, 5), max_size=2))


@contextmanager
def small_sections(entries: int, blocks: int) -> Iterator[None]:
    """Sections that fill up within a few blocks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_index, "SECTION_ENTRIES", entries)
        patch.setattr(log_index, "SECTION_BLOCKS", blocks)
        patch.setattr(log_index, "STEP_BLOCKS", 2)
        yield


@dataclass
class Chain:
    """A chain, and the logs that it should have."""

    rows: MemoryStore
    store: ChainStore
    blocks: list[list[list[Log]]]

    @classmethod
    def start(cls) -> "Chain":
        rows = MemoryStore()
        store = ChainStore.open(rows, chain_id=CHAIN_ID)
        ChainBuilder(store).start()
        return cls(rows, store, [[]])

    def append(self, block: list[list[Log]]) -> None:
        changes = StateChanges({make_address(1): Account(0, self.store.head.number)})
        receipts = [receipt(*logs) for logs in block]
        ChainBuilder(self.store).commit(changes, TRANSACTIONS[: len(block)], receipts)
        self.blocks.append(block)

    def reopen(self) -> None:
        self.store = ChainStore.open(self.rows, chain_id=CHAIN_ID)

    def forget_index(self) -> None:
        """Make the database one of a version without index."""
        rows: WriteBatch = {key: None for key, _ in self.rows.iterate(Column.LOG_SECTION.value)}
        self.rows.write({**rows, INDEX_KEY: None}, sync=True)

    def brute_force(self, wanted: LogTerms, first: int, last: int) -> list[tuple[int, LocatedLog]]:
        found = []
        for number in range(first, min(last + 1, len(self.blocks))):
            logs = [(index, log) for index, logs in enumerate(self.blocks[number]) for log in logs]
            for log_index_, (index, one) in enumerate(logs):
                if wanted.accepts(one.address, one.topics):
                    where = (index, TRANSACTIONS[index].hash, log_index_)
                    found.append((number, LocatedLog(one.address, one.topics, one.data, *where)))
        return found

    def search(self, wanted: LogTerms, first: int, last: int) -> list[tuple[int, LocatedLog]]:
        numbers = list(self.store.log_candidates(wanted, first, last, nothing))
        assert numbers == sorted(set(numbers))
        assert all(first <= number <= last for number in numbers)
        return [
            (number, found) for number in numbers for found in self.store.matching_logs(number, wanted) or ()
        ]

    def check(self, wanted: LogTerms, first: int, last: int) -> None:
        assert self.search(wanted, first, last) == self.brute_force(wanted, first, last)


@settings(deadline=None, max_examples=150)
@given(
    BLOCKS,
    st.lists(TERMS, max_size=4),
    st.integers(0, 15),
    st.integers(0, 15),
    st.integers(8, 60),
    st.integers(1, 6),
)
def test_a_search_finds_what_reading_everything_finds(
    blocks: list[list[list[Log]]], wanted: list[LogTerms], first: int, last: int, entries: int, length: int
) -> None:
    with small_sections(entries, length):
        chain = Chain.start()
        for block in blocks:
            chain.append(block)
        for one in wanted:
            chain.check(one, first, last)
            chain.check(one, 0, 20)
        chain.reopen()
        for one in wanted:
            chain.check(one, first, last)


@settings(deadline=None, max_examples=60)
@given(BLOCKS, TERMS, st.integers(8, 40), st.integers(1, 6), st.data())
def test_the_index_does_not_depend_on_when_the_chain_was_opened(
    blocks: list[list[list[Log]]], wanted: LogTerms, entries: int, length: int, data: st.DataObject
) -> None:
    with small_sections(entries, length):
        chain, restarted = Chain.start(), Chain.start()
        for block in blocks:
            chain.append(block)
            restarted.append(block)
            if data.draw(st.booleans()):
                restarted.reopen()
        assert dict(restarted.rows.iterate(b"")) == dict(chain.rows.iterate(b""))
        restarted.check(wanted, 0, 20)


@settings(deadline=None, max_examples=60)
@given(BLOCKS, BLOCKS, TERMS, st.integers(8, 40), st.integers(1, 6), st.data())
def test_a_database_without_index_gets_one_while_the_chain_grows(
    before: list[list[list[Log]]],
    after: list[list[list[Log]]],
    wanted: LogTerms,
    entries: int,
    length: int,
    data: st.DataObject,
) -> None:
    with small_sections(entries, length):
        chain = Chain.start()
        for block in before:
            chain.append(block)
        chain.forget_index()
        chain.reopen()
        for block in after:
            chain.append(block)
            if data.draw(st.booleans()):
                chain.store.extend_log_index()
            if data.draw(st.booleans()):
                chain.reopen()
            # Blooms of these chains are empty, so that only what is indexed can be found.
            chain.check(wanted, 0, chain.store._log_index.next_number - 1)
        while chain.store.extend_log_index():
            pass
        chain.check(wanted, 0, 40)
        assert chain.store._log_index.next_number == len(chain.blocks)


class FailingStore(MemoryStore):
    """A store whose disk is full while `fails`."""

    fails = False

    def write(self, batch: WriteBatch, *, sync: bool) -> None:
        if self.fails:
            raise DatabaseUnavailable("disk full")
        super().write(batch, sync=sync)


def test_a_block_whose_write_failed_is_not_in_the_index() -> None:
    with small_sections(1000, 3):
        chain = Chain.start()
        rows = chain.rows = FailingStore()
        chain.store = ChainStore.open(rows, chain_id=CHAIN_ID)
        ChainBuilder(chain.store).start()
        for number in range(1, 9):
            rows.fails = True
            with pytest.raises(DatabaseUnavailable):
                chain.append([[log(4)]])
            rows.fails = False
            chain.append([[log(2 + number % 2)]])

        for _ in range(2):
            for address in (2, 3, 4):
                chain.check(terms([address]), 0, 20)
            assert list(chain.store.log_candidates(terms([4]), 0, 20, nothing)) == []
            chain.reopen()


def test_a_section_is_written_in_the_batch_of_the_block_that_fills_it() -> None:
    batches: list[WriteBatch] = []

    class Recording(MemoryStore):
        def write(self, batch: WriteBatch, *, sync: bool) -> None:
            batches.append(batch)
            super().write(batch, sync=sync)

    with small_sections(1000, 3):
        store = ChainStore.open(Recording(), chain_id=CHAIN_ID)
        ChainBuilder(store).start()
        chain = Chain(MemoryStore(), store, [])
        for _ in range(5):
            chain.append([[log(2)]])

    with_sections = [batch for batch in batches if INDEX_KEY in batch]
    assert [int.from_bytes(batch[INDEX_KEY] or b"", "big") for batch in with_sections] == [3, 6]
    for batch in with_sections:
        assert Column.META.value + b"head" in batch
        assert sum(key.startswith(Column.LOG_SECTION.value) for key in batch) == BUCKETS


def test_a_search_reads_no_receipts_of_blocks_that_cannot_match() -> None:
    with small_sections(40, 6):
        chain = Chain.start()
        for number in range(1, 50):
            chain.append([[log(2, 1, number)], [log(3, 2)]] if number % 7 == 0 else [[log(2, 1)]])

        assert list(chain.store.log_candidates(terms([3]), 0, 60, nothing)) == [7, 14, 21, 28, 35, 42, 49]
        assert list(chain.store.log_candidates(terms([2], [1], [21]), 0, 60, nothing)) == [21]
        assert list(chain.store.log_candidates(terms((), [2, 9], [1]), 0, 60, nothing)) == []
        assert list(chain.store.log_candidates(terms([5]), 0, 60, nothing)) == []
        # The same topic at another position is another term.
        assert list(chain.store.log_candidates(terms((), (), (), [1]), 0, 60, nothing)) == []


def test_a_search_for_any_log_leaves_out_blocks_without_logs() -> None:
    with small_sections(1000, 4):
        chain = Chain.start()
        for number in range(1, 20):
            chain.append([[log(2)]] if number in (5, 18) else [[]])

        assert list(chain.store.log_candidates(LogTerms(), 0, 60, nothing)) == [5, 18]
        assert list(chain.store.log_candidates(terms((), (), ()), 0, 60, nothing)) == [5, 18]


def test_a_check_that_raises_ends_the_search() -> None:
    class Over(Exception):
        pass

    def over() -> None:
        raise Over

    chain = Chain.start()
    chain.append([[log(2)]])
    with pytest.raises(Over):
        list(chain.store.log_candidates(terms([2]), 0, 1, over))


def test_a_block_with_more_terms_than_a_section_holds_is_one_section() -> None:
    index = LogIndex(rows := MemoryStore())
    flood = [receipt(*[log(2, 4 * n, 4 * n + 1, 4 * n + 2, 4 * n + 3) for n in range(35_000)])]
    for number, receipts in enumerate(([receipt(log(3))], flood, [receipt(log(3))])):
        indexed = index.block(number, receipts)
        assert indexed is not None
        rows.write(indexed.rows, sync=True)
        index.committed(indexed)

    assert sum(1 for _ in rows.iterate(Column.LOG_SECTION.value)) == BUCKETS
    assert list(index.candidates(terms([3]), 0, 9, nothing)) == [0, 2]
    assert list(index.candidates(terms((), [4 * 777]), 0, 9, nothing)) == [1]
    assert list(index.candidates(terms((), (), [4 * 777]), 0, 9, nothing)) == []


def test_numbers_beyond_two_bytes_come_back_whole() -> None:
    rows = MemoryStore()
    start = 3 * 2**16 - 2
    rows.write({INDEX_KEY: start.to_bytes(8, "big")}, sync=True)
    with small_sections(1000, 4):
        index = LogIndex(rows)
        for number in range(start, start + 6):
            indexed = index.block(number, [receipt(log(number % 2))])
            assert indexed is not None
            rows.write(indexed.rows, sync=True)
            index.committed(indexed)

        assert list(index.candidates(terms([0]), start, start + 9, nothing)) == [start, start + 2, start + 4]
        assert list(index.candidates(terms([1]), start, start + 9, nothing)) == [
            start + 1,
            start + 3,
            start + 5,
        ]


def test_a_missing_row_of_the_index_is_damage() -> None:
    with small_sections(1000, 2):
        chain = Chain.start()
        for _ in range(8):
            chain.append([[log(2)]])
        rows = [key for key, _ in chain.rows.iterate(Column.LOG_SECTION.value)]
        chain.rows.write({rows[1]: None}, sync=True)
        wanted = terms(list(range(1, 2000)))  # addresses in all buckets
        with pytest.raises(DatabaseDamaged, match="rows of the log index are missing"):
            list(chain.store.log_candidates(wanted, 0, 8, nothing))


def test_an_index_ahead_of_the_chain_is_damage() -> None:
    chain = Chain.start()
    chain.rows.write({INDEX_KEY: (7).to_bytes(8, "big")}, sync=True)
    with pytest.raises(DatabaseDamaged, match="the log index reaches block 6, the head is block 0"):
        chain.reopen()


def test_searches_run_beside_commits(chain_path: Path) -> None:
    with small_sections(60, 5):
        chain = Chain(MemoryStore(), ChainStore.open(chain_path, chain_id=CHAIN_ID), [[]])
        ChainBuilder(chain.store).start()
        failures: list[BaseException] = []
        done = threading.Event()

        def read() -> None:
            try:
                while not done.is_set():
                    head = chain.store.head.number
                    wanted = terms([3])
                    found = list(chain.store.log_candidates(wanted, 0, head, nothing))
                    assert found == [number for number in range(1, head + 1) if number % 3 == 0]
            except BaseException as error:
                failures.append(error)

        readers = [threading.Thread(target=read) for _ in range(2)]
        for reader in readers:
            reader.start()
        for number in range(1, 121):
            chain.append([[log(2, number)], [log(3)]] if number % 3 == 0 else [[log(2, number)]])
        done.set()
        for reader in readers:
            reader.join()
        chain.store.close()
    assert failures == []


@given(st.lists(LOGS, max_size=6), TERMS)
def test_the_bloom_of_terms_never_hides_a_match(logs: list[Log], wanted: LogTerms) -> None:
    if any(wanted.accepts(one.address, one.topics) for one in logs):
        assert wanted.bloom_test()(logs_bloom(logs))


def test_logs_of_blocks_in_and_out_of_the_caches_are_the_same() -> None:
    chain = Chain.start()
    chain.append([[], [log(2, 1, payload=b"\x01"), log(3)], [log(2, 1, payload=b"\x02")]])
    wanted = terms([2], [1])

    cached = chain.store.matching_logs(1, wanted)
    chain.reopen()
    assert chain.store.matching_logs(1, wanted) == cached
    assert cached is not None
    assert [(found.transaction_index, found.log_index, found.data) for found in cached] == [
        (1, 0, b"\x01"),
        (2, 2, b"\x02"),
    ]
    assert chain.store.matching_logs(2, wanted) is None


def test_garbled_records_are_damage() -> None:
    chain = Chain.start()
    chain.append([[log(2)]])
    receipts, body = (
        Column.RECEIPTS.value + (1).to_bytes(8, "big"),
        Column.BODY.value + (1).to_bytes(8, "big"),
    )
    good = chain.rows.get(receipts)
    chain.reopen()
    for key, value in (
        (receipts, b"\x01\x93"),
        (receipts, b"\x01\x91\x07"),
        (receipts, b"\x01\x91\x94\x02\xc3\x00\x91\x05"),
    ):
        chain.rows.write({key: value}, sync=True)
        with pytest.raises(DatabaseDamaged):
            chain.store.matching_logs(1, terms([2]))
    chain.rows.write({receipts: good, body: b"\x01\x90"}, sync=True)
    with pytest.raises(DatabaseDamaged, match="more receipts than transactions"):
        chain.store.matching_logs(1, terms([2]))
    chain.rows.write({body: None}, sync=True)
    with pytest.raises(DatabaseDamaged, match="no body"):
        chain.store.matching_logs(1, terms([2]))


@pytest.mark.parametrize(
    "garbled",
    [
        None,
        b"\x01\x93",
        b"\x01\x91\x94\x02\xc3\x00\x91\x05",  # a log that is a number
        b"\x01\x91\x94\x02\xc3\x00\x91\x91\xc4\x01a",  # an address alone
        b"\x01\x91\x94\x02\xc3\x00\x91\x93\xc4\x01a\x05\xc4\x00",  # topics that are a number
    ],
)
def test_an_index_cannot_be_made_of_garbled_receipts(garbled: bytes | None) -> None:
    chain = Chain.start()
    chain.append([[log(2)]])
    chain.rows.write({Column.RECEIPTS.value + (1).to_bytes(8, "big"): garbled}, sync=True)
    with pytest.raises(DatabaseDamaged, match="eceipts of block 1"):
        chain.reopen()
