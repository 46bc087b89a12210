"""The range of a filter that looks at new blocks, in go-ethereum's rules."""

import pytest

from rpc.errors import RpcError
from rpc.params.criteria import check_range, cost_bytes, covers
from rpc.params.log_filter import LogFilter, log_filter

ADDRESS = "0x" + "11" * 20
TOPIC = "0x" + "22" * 32


def criteria(**members: object) -> LogFilter:
    decoded = log_filter(1_000).decode(members)
    assert isinstance(decoded, LogFilter)
    return decoded


@pytest.mark.parametrize(
    ("first", "last", "covered"),
    [
        (None, None, [0, 5, 9]),
        ("latest", "latest", [0, 5, 9]),
        ("safe", "finalized", [0, 5, 9]),
        ("0x5", None, [5, 9]),
        ("0x5", "latest", [5, 9]),
        ("0x5", "0x6", [5]),
        ("earliest", "0x5", [0, 5]),
        ("earliest", "latest", [0, 5, 9]),
        ("earliest", "earliest", [0]),
    ],
)
def test_a_range_covers_new_blocks(first: str | None, last: str | None, covered: list[int]) -> None:
    wanted = criteria(fromBlock=first, toBlock=last)
    check_range(wanted)

    assert [number for number in (0, 5, 9) if covers(wanted, number)] == covered


@pytest.mark.parametrize(
    ("first", "last", "text"),
    [
        ("0x6", "0x5", "invalid block range params"),
        ("latest", "0x5", "invalid block range params"),
        (None, "earliest", "invalid block range params"),
        ("pending", None, "pending logs are not supported"),
        (None, "pending", "pending logs are not supported"),
    ],
)
def test_a_range_that_no_new_block_can_be_in_is_refused(
    first: str | None, last: str | None, text: str
) -> None:
    with pytest.raises(RpcError, match=text):
        check_range(criteria(fromBlock=first, toBlock=last))


def test_each_term_costs() -> None:
    one = cost_bytes(criteria(address=ADDRESS))
    two = cost_bytes(criteria(address=ADDRESS, topics=[TOPIC]))
    three = cost_bytes(criteria(address=ADDRESS, topics=[TOPIC, None, TOPIC]))

    assert cost_bytes(criteria()) < one < two < three
    assert three - two == two - one
