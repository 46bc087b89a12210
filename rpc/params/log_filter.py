"""What eth_getLogs looks for: the decoded filter.

Owns the filter's JSON form and its limits on terms; the rule of matching is in state.log_terms. Pure: never reads the
chain. Specification: ethereum/execution-apis Filter, go-ethereum eth/filters (FilterCriteria).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from chain.receipt import MAX_TOPICS, Log
from chain.types import Address, Hash32
from rpc.errors import RpcFault
from rpc.params.method import MalformedArgument, Parameter
from rpc.params.values import BlockReference, BlockTag, address, block_number_or_tag, hash32, members
from state.log_terms import LogTerms, accepts

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LogFilter:
    """`block_hash`, or else the range from `first` to `last`. No addresses: any. `topics` holds for each
    position the accepted topics; none: any topic, but one must be there."""

    first: BlockReference
    last: BlockReference
    block_hash: Hash32 | None
    addresses: frozenset[Address]
    topics: tuple[frozenset[Hash32], ...]

    def matches(self, log: Log) -> bool:
        """The log's address and the first topics are accepted."""
        return accepts(self.addresses, self.topics, log.address, log.topics)

    def bloom_test(self) -> Callable[[bytes], bool]:
        """A function that tells whether a block with the given bloom may hold a matching log."""
        return self.terms.bloom_test()

    @property
    def terms(self) -> LogTerms:
        """What a log must have, without the range."""
        return LogTerms(self.addresses, self.topics)


def log_filter(max_terms: int) -> Parameter:
    """The codec of a filter object with at most `max_terms` addresses, and as many topics per position."""

    def decode(value: object) -> LogFilter:
        fields = members(value, "filters.input")
        block_hash = fields.get("blockHash")
        if block_hash is not None and fields.keys() & {"fromBlock", "toBlock"}:
            raise MalformedArgument(
                "cannot specify both BlockHash and FromBlock/ToBlock, choose one or the other"
            )
        return LogFilter(
            first=block_number_or_tag(fields.get("fromBlock", BlockTag.LATEST.value)),
            last=block_number_or_tag(fields.get("toBlock", BlockTag.LATEST.value)),
            block_hash=hash32(block_hash) if block_hash is not None else None,
            addresses=_addresses(fields.get("address"), max_terms),
            topics=_topics(fields.get("topics"), max_terms),
        )

    return Parameter(decode)


def _addresses(value: object, max_terms: int) -> frozenset[Address]:
    if value is None:
        return frozenset()
    if isinstance(value, str):
        return frozenset((address(value),))
    if not isinstance(value, list):
        raise MalformedArgument("invalid addresses in query")
    return frozenset(_terms(value, max_terms, address))


def _topics(value: object, max_terms: int) -> tuple[frozenset[Hash32], ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise MalformedArgument("invalid topic(s)")
    if len(value) > MAX_TOPICS:
        raise RpcFault.LOG_TOPICS_TOO_MANY.error()
    return tuple(_topic_position(item, max_terms) for item in value)


def _topic_position(value: object, max_terms: int) -> frozenset[Hash32]:
    if value is None:
        return frozenset()
    if isinstance(value, str):
        return frozenset((hash32(value),))
    if not isinstance(value, list):
        raise MalformedArgument("invalid topic(s)")
    if any(item is None for item in value):
        return frozenset()  # go-ethereum: null among the alternatives matches everything
    return frozenset(_terms(value, max_terms, hash32))


def _terms(values: list[object], max_terms: int, decode: Callable[[object], T]) -> Iterable[T]:
    if len(values) > max_terms:
        raise RpcFault.LOG_TERMS_TOO_MANY.error()
    return map(decode, values)
