"""What a query for logs asks for, and what the store answers: the accepted terms, their tests, and located logs.

Owns the rule by which a log matches, for logs and for the bloom of a block. Pure: never reads the store. Which blocks
a query looks at is not part of it.
Specification: ethereum/execution-apis Filter, go-ethereum eth/filters (includes, bloomFilter); yellow paper 4.4.1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from chain.receipt import Log, logs_bloom
from chain.types import Address, Hash32

ADDRESS_POSITION = 0
"""Number of the group of addresses; topic i belongs to group i + 1."""


@dataclass(frozen=True, slots=True)
class LogTerms:
    """No addresses: any. `topics` holds for each position the accepted topics; none: any, but one must be there."""

    addresses: frozenset[Address] = frozenset()
    topics: tuple[frozenset[Hash32], ...] = ()

    def accepts(self, address: Address, topics: Sequence[Hash32]) -> bool:
        """The address and the first topics of a log are accepted."""
        if self.addresses and address not in self.addresses:
            return False
        if len(self.topics) > len(topics):
            return False
        return all(
            not accepted or topic in accepted for accepted, topic in zip(self.topics, topics, strict=False)
        )

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


@dataclass(frozen=True, slots=True)
class LocatedLog:
    """A log and where it stands in its block. `log_index` counts all logs of the block from 0."""

    log: Log
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


def _mask(term: bytes) -> int:
    """The bits of one address or topic. A filter hashes both in the same way, whatever their length."""
    return int.from_bytes(logs_bloom((Log(Address(term), (), b""),)), "big")
