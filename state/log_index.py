"""The index of logs: which blocks may hold a log of an address, or with a topic at a position.

Owns the fingerprints, the sections on disk, the open section in memory, and the search over both. Never answers a
query alone: a block that it names may hold no match, one that it does not name holds none.

A term is an address, or a topic and its position. Its fingerprint is a CRC-32, which starts from the position. Each
block that holds a term makes one entry: fingerprint and number of the block. Entries gather in memory, in 256 buckets
by the last byte of the fingerprint; when the section is full they become 256 rows, one for each bucket, in the same
batch as the block that filled it. So a block costs a commit neither rows nor reads of its own, whatever its logs are,
and a query reads one row per section and term.

Two terms of one fingerprint cost a query time and nothing else: it reads a block in vain, by chance one in 60 million
blocks of 70 terms. They can be made on purpose, but whoever wants to waste the time of a query need not: emitting the
very topics does the same. A cryptographic hash would double what the index adds to a commit.

The index is a function of the stored receipts: the open section is made from them at opening, and so is the whole index
of a database that has none yet, step by step (`catch_up`). META_LOG_INDEX says how far the sections reach.

Threads: `candidates` and `next_number` from any thread at any time. Commits and `catch_up` may run at the same time.
Related schemes: go-ethereum's former bloombits, and its filter maps (EIP-7745).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Final
from zlib import crc32

from chain.errors import InvariantViolation
from chain.receipt import MAX_TOPICS, Receipt
from state.block_codec import decode_logs
from state.columns import META_LOG_INDEX, Column
from state.kv import DatabaseDamaged, KeyValueStore, WriteBatch
from state.log_terms import ADDRESS_POSITION, LogTerms

# 0.7 MB. Filling one takes 65 blocks of 1,000 token transfers each; with 512 entries a row stays below the 4 kB that
# LevelDB reads at least, and a search over a million such blocks reads 15,000 rows per term.
SECTION_ENTRIES: Final = 131_072
# A quiet chain: bounds what opening reads again, and fits the two bytes of a number in an entry.
SECTION_BLOCKS: Final = 4_096
# Bounds of one step of `catch_up`, about 20 ms: it shares the interpreter with consensus.
STEP_BLOCKS: Final = 512
STEP_ENTRIES: Final = 16_384

BUCKETS: Final = 256
ENTRY_BYTES: Final = 5  # what the bucket does not say of the fingerprint (3), and the number modulo 2**16 (2)

_COLUMN: Final = Column.LOG_SECTION.value
_META_KEY: Final = Column.META.value + META_LOG_INDEX
_TOPIC_POSITIONS: Final = tuple(range(ADDRESS_POSITION + 1, ADDRESS_POSITION + 1 + MAX_TOPICS))
# No address is empty, so this term is free to stand for "the block has logs": a search for any log is one for it.
_ANY_POSITION: Final = ADDRESS_POSITION
_ANY_TERM: Final = b""


def _fingerprints(addresses: Collection[bytes], topics: Collection[Sequence[bytes]]) -> set[int]:
    """The fingerprints of the terms of logs, whose addresses and topics these are."""
    if not addresses:
        return set()
    found = set(map(crc32, set(addresses), repeat(ADDRESS_POSITION)))
    update = found.update
    for of_log in topics:
        update(map(crc32, of_log, _TOPIC_POSITIONS))
    found.add(crc32(_ANY_TERM, _ANY_POSITION))
    return found


@dataclass(slots=True)
class _OpenSection:
    """Entries of the blocks from `first` to `next_number` - 1, in memory only.

    Readers take `next_number` before the buckets, so that they find at least what belongs to it; entries of later
    blocks do no harm.
    """

    first: int
    next_number: int
    entries: int = 0
    buckets: list[bytearray] = field(default_factory=lambda: [bytearray() for _ in range(BUCKETS)])

    def add(self, found: Collection[int]) -> None:
        """Add the fingerprints of block `next_number`."""
        number = self.next_number & 0xFFFF
        buckets = self.buckets
        for fingerprint in found:
            buckets[fingerprint & 0xFF] += (fingerprint >> 8 << 16 | number).to_bytes(ENTRY_BYTES, "big")
        self.entries += len(found)
        self.next_number += 1

    def has_room(self, more: int) -> bool:
        """The section does not fill up with one more block that has `more` entries."""
        return self.entries + more < SECTION_ENTRIES and self.next_number + 1 - self.first < SECTION_BLOCKS

    def copy(self) -> _OpenSection:
        """The same, independent of this one."""
        buckets = [bytearray(bucket) for bucket in self.buckets]
        return _OpenSection(self.first, self.next_number, self.entries, buckets)

    def rows(self) -> WriteBatch:
        """The section as rows of the database, with how far the sections reach then."""
        last = (self.next_number - 1).to_bytes(8, "big")
        rows: WriteBatch = {
            _COLUMN + bytes((at,)) + last: bytes(bucket) for at, bucket in enumerate(self.buckets)
        }
        rows[_META_KEY] = self.next_number.to_bytes(8, "big")
        return rows


@dataclass(frozen=True, slots=True)
class Indexed:
    """What a block adds to the index: `rows` for the batch of its commit; the rest is for `committed`."""

    rows: WriteBatch
    number: int
    found: Collection[int]


class LogIndex:
    """See the module's docstring."""

    def __init__(self, rows: KeyValueStore) -> None:
        self._rows = rows
        self._lock = threading.Lock()  # held while the open section changes, never while anything is read
        self._open = self._empty_section()

    def _empty_section(self) -> _OpenSection:
        raw = self._rows.get(_META_KEY)
        if raw is not None and len(raw) != 8:
            raise DatabaseDamaged("the record of the log index is garbled")
        flushed = int.from_bytes(raw, "big") if raw is not None else 0
        return _OpenSection(flushed, flushed)

    @property
    def next_number(self) -> int:
        """All blocks below this one are in the index."""
        return self._open.next_number

    # --- growing ---------------------------------------------------------------------------------------------

    def block(self, number: int, receipts: Sequence[Receipt]) -> Indexed | None:
        """What the next block adds, without changing anything; None while earlier blocks are missing.

        Its rows go into the batch that stores the block, and `committed` follows once that is written.
        """
        section = self._open
        if section.next_number != number:
            return None
        logs = [log for receipt in receipts for log in receipt.logs]
        found = _fingerprints([log.address for log in logs], [log.topics for log in logs])
        return Indexed(_filled(section, found), number, found)

    def committed(self, indexed: Indexed | None) -> None:
        """The rows are written: let searches see the block. Raises InvariantViolation if it is not the next one."""
        if indexed is not None:
            with self._lock:
                self._apply(indexed)

    def _apply(self, indexed: Indexed) -> None:
        section = self._open
        if section.next_number != indexed.number:
            raise InvariantViolation(
                f"the log index got block {indexed.number} instead of {section.next_number}"
            )
        if indexed.rows:
            self._open = _OpenSection(indexed.number + 1, indexed.number + 1)
        else:
            section.add(indexed.found)

    def catch_up(self, head: int) -> bool:
        """Take in stored blocks up to `head` that are missing, some of them. Returns whether there are more.

        One thread at a time. Safe beside commits: a commit adds its block only when none is missing before it, and
        then there is nothing to do here. A crash loses no more than the open section, which the next opening makes
        again.
        """
        entries = 0
        first = self.next_number
        for number, found in self._stored_fingerprints(first, min(head, first + STEP_BLOCKS - 1)):
            with self._lock:
                rows = _filled(self._open, found)
                if rows:
                    self._rows.write(rows, sync=False)
                self._apply(Indexed(rows, number, found))
            entries += len(found)
            if entries >= STEP_ENTRIES:
                break
        return self.next_number <= head

    def open_section(self, head: int) -> None:
        """Make the open section from the stored receipts, up to `head`. What is missing beyond one section (a database
        from before there was an index) is left to `catch_up`."""
        first = self._open.first
        if first > head + 1:
            raise DatabaseDamaged(f"the log index reaches block {first - 1}, the head is block {head}")
        while self.catch_up(head) and self._open.first == first:
            pass

    def _stored_fingerprints(self, first: int, last: int) -> Iterator[tuple[int, set[int]]]:
        rows = self._rows.iterate(Column.RECEIPTS.value, start=first.to_bytes(8, "big"))
        for number in range(first, last + 1):
            key, raw = next(rows, (b"", b""))
            if key[1:] != number.to_bytes(8, "big"):
                raise DatabaseDamaged(f"the receipts of block {number} are missing")
            try:
                logs = [log for logs in decode_logs(raw) for log in logs]
                found = _fingerprints([log[0] for log in logs], [log[1] for log in logs])
            except (ValueError, TypeError, IndexError) as error:
                raise DatabaseDamaged(f"receipts of block {number}: {error}") from error
            yield number, found

    # --- searching -------------------------------------------------------------------------------------------

    def candidates(self, terms: LogTerms, first: int, last: int, check: Callable[[], None]) -> Iterator[int]:
        """The blocks from `first` to `last` that may hold a match, ascending; none from `next_number` on.

        `check` is called at least once for each section; what it raises ends the search. Raises DatabaseDamaged.
        """
        section = self._open
        last = min(last, section.next_number - 1)
        search = _Search.of(terms)
        if first < section.first:
            for top, rows in self._sections(search.buckets, first, min(last, section.first - 1), check):
                yield from (number for number in search.numbers(rows, top) if first <= number <= last)
        if first <= last and section.first <= last:
            check()
            rows = [bytes(section.buckets[at]) for at in search.buckets]
            numbers = search.numbers(rows, section.first + SECTION_BLOCKS)
            yield from (number for number in numbers if first <= number <= last)

    def _sections(
        self, buckets: Sequence[int], first: int, last: int, check: Callable[[], None]
    ) -> Iterator[tuple[int, list[bytes]]]:
        """For each section that overlaps the range: its last block, and its rows of the buckets."""
        snapshot = self._rows.snapshot()
        start = first.to_bytes(8, "big")
        walks = [snapshot.iterate(_COLUMN + bytes((at,)), start=start) for at in buckets]
        try:
            for rows in zip(*walks, strict=False):
                check()
                number = rows[0][0][2:]
                if any(key[2:] != number for key, _ in rows):
                    break
                top = int.from_bytes(number, "big")
                yield top, [row for _, row in rows]
                if top >= last:
                    return
        finally:
            snapshot.close()
        raise DatabaseDamaged(f"rows of the log index are missing between blocks {first} and {last}")


def _filled(section: _OpenSection, found: Collection[int]) -> WriteBatch:
    """The rows of the section with one more block, if that fills it; otherwise none."""
    if section.has_room(len(found)):
        return {}
    full = section.copy()
    full.add(found)
    return full.rows()


@dataclass(frozen=True, slots=True)
class _Search:
    """A query in the language of the index. `groups` holds for each position alternatives: which of `buckets` to look
    into, and how an entry of the term begins there. Groups with few alternatives come first."""

    buckets: tuple[int, ...]
    groups: tuple[tuple[tuple[int, bytes], ...], ...]

    @staticmethod
    def of(terms: LogTerms) -> _Search:
        """The search for `terms`; for any log if they ask for nothing."""
        wanted = terms.groups() or [(_ANY_POSITION, (_ANY_TERM,))]
        groups = [[crc32(term, position) for term in alternatives] for position, alternatives in wanted]
        buckets = tuple(sorted({fingerprint & 0xFF for group in groups for fingerprint in group}))
        slot = {bucket: at for at, bucket in enumerate(buckets)}
        return _Search(
            buckets,
            tuple(
                tuple(
                    (slot[fingerprint & 0xFF], (fingerprint >> 8).to_bytes(3, "big")) for fingerprint in group
                )
                for group in sorted(groups, key=len)
            ),
        )

    def numbers(self, rows: Sequence[bytes], top: int) -> list[int]:
        """The blocks of one section that have a term of each group, ascending. All are at most 2**16 below `top`."""
        for group in self.groups:
            if not any(start in rows[at] for at, start in group):
                return []
        found: set[int] = set()
        for index, group in enumerate(self.groups):
            here = {number for at, start in group for number in _entries(rows[at], start, top)}
            found = found & here if index else here
            if not found:
                break
        return sorted(found)


def _entries(row: bytes, start: bytes, top: int) -> Iterator[int]:
    """The numbers in the entries that begin with `start`."""
    at = row.find(start)
    while at >= 0:
        if at % ENTRY_BYTES:
            at = row.find(start, at + 1)
            continue
        number = row[at + 3] << 8 | row[at + 4]
        yield top - ((top - number) & 0xFFFF)
        at = row.find(start, at + ENTRY_BYTES)
