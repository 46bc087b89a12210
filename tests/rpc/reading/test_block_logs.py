"""The logs of one block: found by address, rendered once, in the order of the block."""

import json

from hypothesis import given
from hypothesis import strategies as st

from chain.block import Block
from chain.receipt import Log, Receipt, logs_bloom
from chain.transaction import TransactionType
from chain.types import Address, Hash32
from rpc.params.log_filter import LogFilter
from rpc.params.values import BlockTag
from rpc.reading.block_logs import BlockLogs
from tests.rpc.dev_chain import DevChain, signed

ADDRESSES = [Address(bytes([n]) * 20) for n in range(4)]
TOPICS = [Hash32(bytes([n]) * 32) for n in range(3)]

logs = st.builds(
    Log,
    st.sampled_from(ADDRESSES),
    st.lists(st.sampled_from(TOPICS), max_size=2).map(tuple),
    st.binary(max_size=3),
)
criteria = st.builds(
    lambda addresses, topics: LogFilter(BlockTag.LATEST, BlockTag.LATEST, None, addresses, tuple(topics)),
    st.frozensets(st.sampled_from(ADDRESSES)),
    st.lists(st.frozensets(st.sampled_from(TOPICS)), max_size=2),
)


def block_logs(dev_chain: DevChain, groups: list[list[Log]]) -> BlockLogs:
    header = dev_chain.head_header()
    transactions = tuple(signed(nonce) for nonce in range(len(groups)))
    receipts = [
        Receipt(TransactionType.DYNAMIC_FEE, True, 21_000, logs_bloom(group), tuple(group))
        for group in groups
    ]
    return BlockLogs(Block(header, transactions), receipts)


@given(groups=st.lists(st.lists(logs, max_size=4), max_size=4), wanted=criteria)
def test_exactly_the_logs_that_match_are_found_in_order(
    dev_chain: DevChain, groups: list[list[Log]], wanted: LogFilter
) -> None:
    found = block_logs(dev_chain, groups)
    indexed = block_logs(dev_chain, groups)
    indexed.index()

    every = [log for group in groups for log in group]
    expected = [index for index, log in enumerate(every) if wanted.matches(log)]
    assert found.matching(wanted) == indexed.matching(wanted) == expected
    assert len(expected) <= indexed.effort(wanted) <= found.effort(wanted) == len(found) == len(every)


def test_an_index_leads_many_filters_to_the_few_logs_that_they_want(dev_chain: DevChain) -> None:
    common = [
        Log(ADDRESSES[0], (TOPICS[0], Hash32(number.to_bytes(32, "big"))), b"") for number in range(3_000)
    ]
    found = block_logs(dev_chain, [common])
    found.index()

    for number in range(3_000):
        one = Hash32(number.to_bytes(32, "big"))
        wanted = LogFilter(
            BlockTag.LATEST,
            BlockTag.LATEST,
            None,
            frozenset(ADDRESSES[:1]),
            (frozenset(), frozenset((one,))),
        )
        assert found.effort(wanted) == 1
        assert found.matching(wanted) == [number]


def test_a_log_knows_its_transaction_and_its_place_in_the_block(dev_chain: DevChain) -> None:
    first, second = Log(ADDRESSES[0], (), b"a"), Log(ADDRESSES[1], (TOPICS[0],), b"b")
    found = block_logs(dev_chain, [[first], [], [first, second]])

    rendered = json.loads(found.encoded(2))

    assert (rendered["logIndex"], rendered["transactionIndex"]) == ("0x2", "0x2")
    assert rendered["transactionHash"] == "0x" + signed(2).hash.hex()
    assert rendered["data"] == "0x62"
    assert found.encoded(2) is found.encoded(2)
