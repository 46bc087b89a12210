"""The loose forms in which tools send numbers to a development chain."""

from __future__ import annotations

import pytest

from rpc.errors import RpcError
from rpc.params.dev_params import MineRequest, interval_ms, mine_request, number, slot_value, without_fork
from rpc.params.method import MalformedArgument


@pytest.mark.parametrize("value", [10, 10.0, "10", "0xa", "0x0A", "0X000a", "0x" + "0" * 63 + "a"])
def test_a_number_in_all_its_forms(value: object) -> None:
    assert number(value) == 10


@pytest.mark.parametrize(
    "value",
    [None, True, -1, "-1", "", "0x", "1e3", "1_000", "0x1_0", " 1", 1.5, float("inf"), 2**256, "9" * 90, []],
)  # fmt: skip
def test_what_is_no_number(value: object) -> None:
    with pytest.raises(MalformedArgument):
        number(value)


def test_slots_are_padded_to_the_left() -> None:
    assert slot_value("0x0102") == 0x0102
    assert slot_value("0x" + "ff" * 32) == 2**256 - 1
    with pytest.raises(MalformedArgument):
        slot_value("0x" + "ff" * 33)


def test_what_to_mine() -> None:
    assert mine_request(1_700_000_000) == MineRequest(1, 1_700_000_000)
    assert mine_request({"blocks": "0x5"}) == MineRequest(5, None)
    assert mine_request({"timestamp": 7, "blocks": 2}) == MineRequest(2, 7)
    with pytest.raises(MalformedArgument):
        mine_request("soon")


def test_a_fork_is_refused_and_no_fork_is_not() -> None:
    without_fork({})
    without_fork({"forking": {}})
    for options in ({"forking": {"jsonRpcUrl": "http://x"}}, {"jsonRpcUrl": "http://x"}):
        with pytest.raises(RpcError, match="forking another chain is not supported"):
            without_fork(options)


def test_an_interval_is_in_seconds_or_milliseconds_and_may_be_a_range() -> None:
    assert [interval_ms(value) for value in (0, 1, 999, 1000, "0x1388")] == [0, 1000, 999_000, 1000, 5000]
    assert interval_ms([1000, 2000]) == 2000
    with pytest.raises(MalformedArgument):
        interval_ms([2, 1])
