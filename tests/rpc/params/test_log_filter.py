"""A block's bloom may only be skipped when no log of the block matches."""

from hypothesis import given
from hypothesis import strategies as st

from chain.receipt import Log, logs_bloom
from chain.types import Address, Hash32
from rpc.params.log_filter import LogFilter
from rpc.params.values import BlockTag

ADDRESSES = st.integers(0, 3).map(lambda number: Address(number.to_bytes(20, "big")))
TOPICS = st.integers(0, 3).map(lambda number: Hash32(number.to_bytes(32, "big")))
LOGS = st.builds(Log, ADDRESSES, st.lists(TOPICS, max_size=4).map(tuple), st.binary(max_size=4))
FILTERS = st.builds(
    LogFilter,
    first=st.just(BlockTag.LATEST),
    last=st.just(BlockTag.LATEST),
    block_hash=st.none(),
    addresses=st.frozensets(ADDRESSES, max_size=2),
    topics=st.lists(st.frozensets(TOPICS, max_size=2), max_size=4).map(tuple),
)


def matches(wanted: LogFilter, log: Log) -> bool:
    """The rule in its plainest form."""
    if wanted.addresses and log.address not in wanted.addresses:
        return False
    for position, accepted in enumerate(wanted.topics):
        if position >= len(log.topics):
            return False
        if accepted and log.topics[position] not in accepted:
            return False
    return True


@given(FILTERS, LOGS)
def test_a_log_matches_by_the_rule(wanted: LogFilter, log: Log) -> None:
    assert wanted.matches(log) == matches(wanted, log)


@given(FILTERS, st.lists(LOGS, max_size=5))
def test_the_bloom_never_hides_a_match(wanted: LogFilter, logs: list[Log]) -> None:
    if any(wanted.matches(log) for log in logs):
        assert wanted.bloom_test()(logs_bloom(logs))


def test_the_bloom_rules_out_most_blocks() -> None:
    wanted = LogFilter(BlockTag.LATEST, BlockTag.LATEST, None, frozenset((Address(b"\x01" * 20),)), ())
    others = [logs_bloom((Log(Address(bytes((number,)) * 20), (), b""),)) for number in range(2, 200)]

    assert sum(map(wanted.bloom_test(), others)) < 5


def test_a_filter_without_terms_looks_at_every_block() -> None:
    wanted = LogFilter(BlockTag.LATEST, BlockTag.LATEST, None, frozenset(), (frozenset(),))

    assert wanted.bloom_test()(bytes(256))
