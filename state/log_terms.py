"""What a query for logs asks for, and what the store answers: the accepted terms, their tests, and located logs.

Owns the rule by which a log matches, for logs and for the bloom of a block. Pure: never reads the store. Which blocks
a query looks at is not part of it.
Specification: ethereum/execution-apis Filter, go-ethereum eth/filters (includes, bloomFilter); yellow paper 4.4.1.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from chain.receipt import Log, Receipt, logs_bloom
from chain.types import Address, Hash32

ADDRESS_POSITION = 0
"""Number of the group of addresses; topic i belongs to group i + 1."""


def accepts(
    addresses: Collection[Address],
    accepted_topics: Sequence[Collection[Hash32]],
    address: Address,
    topics: Sequence[Hash32],
) -> bool:
    """The rule: an empty group accepts everything, and a log must have a topic at each position that is asked for."""
    if addresses and address not in addresses:
        return False
    if len(accepted_topics) > len(topics):
        return False
    # A loop: `all` over a generator takes twice as long, and a query asks this of every log of many blocks.
    for accepted, topic in zip(accepted_topics, topics, strict=False):
        if accepted and topic not in accepted:
            return False
    return True


@dataclass(frozen=True, slots=True)
class LogTerms:
    """No addresses: any. `topics` holds for each position the accepted topics; none: any, but one must be there."""

    addresses: frozenset[Address] = frozenset()
    topics: tuple[frozenset[Hash32], ...] = ()

    def accepts(self, address: Address, topics: Sequence[Hash32]) -> bool:
        """The address and the first topics of a log are accepted."""
        return accepts(self.addresses, self.topics, address, topics)

    def groups(self) -> list[tuple[int, tuple[bytes, ...]]]:
        """(position, terms) for each position that asks for something; a match has one term of each."""
        positions: list[frozenset[Address] | frozenset[Hash32]] = [self.addresses, *self.topics]
        return [(position, tuple(sorted(terms))) for position, terms in enumerate(positions) if terms]

    def bloom_test(self) -> Callable[[bytes], bool]:
        """A function that tells whether a block with the given bloom may hold a matching log."""
        needed = [[_mask(term) for term in terms] for _, terms in self.groups()]

        def may_match(bloom: bytes) -> bool:
            bits = int.from_bytes(bloom, "big")
            return all(any(bits & mask == mask for mask in masks) for masks in needed)

        return may_match


class LocatedLog(NamedTuple):
    """A log and where it stands in its block. `log_index` counts all logs of the block from 0.

    A tuple, because a reply may hold thousands: it is made in a third of the time of a frozen class around a Log.
    """

    address: Address
    topics: tuple[Hash32, ...]
    data: bytes
    transaction_index: int
    transaction_hash: Hash32
    log_index: int


def blocks_by_bloom(
    terms: LogTerms,
    numbers: Iterable[int],
    bloom_of: Callable[[int], bytes | None],
    check: Callable[[], None],
) -> Iterator[int]:
    """Those of `numbers` whose bloom does not rule out a match: the slow way, which needs nothing but headers.

    A block without bloom (None) is answered too, so that whoever reads it sees that it is missing. `check` is called
    for each block; what it raises ends the search.
    """
    may_match = terms.bloom_test()
    for number in numbers:
        check()
        bloom = bloom_of(number)
        if bloom is None or may_match(bloom):
            yield number


def select_logs(
    receipts: Sequence[Receipt], hash_of: Callable[[int], Hash32], terms: LogTerms
) -> list[LocatedLog]:
    """The logs of a block that `terms` accept, in order; `hash_of` gives the hash of a transaction of the block."""
    found: list[LocatedLog] = []
    before = 0
    for index, receipt in enumerate(receipts):
        for offset, log in enumerate(receipt.logs):
            if terms.accepts(log.address, log.topics):
                found.append(
                    LocatedLog(log.address, log.topics, log.data, index, hash_of(index), before + offset)
                )
        before += len(receipt.logs)
    return found


def _mask(term: bytes) -> int:
    """The bits of one address or topic. A filter hashes both in the same way, whatever their length."""
    return int.from_bytes(logs_bloom((Log(Address(term), (), b""),)), "big")
