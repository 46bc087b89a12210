"""eth_getLogs over a real chain and socket."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from rpc.config import CallLimits, RpcConfig
from tests.rpc.dev_chain import (
    EMIT_TOPIC,
    EMITTER,
    NOBODY,
    UNKNOWN_HASH,
    DevChain,
    FakeNode,
    hexed,
    word,
)
from tests.rpc.wire import Wire

Serve = Callable[..., Awaitable[int]]


async def test_logs_of_a_range(wire: Wire) -> None:
    logs = await wire.result("eth_getLogs", {"fromBlock": "earliest", "toBlock": "latest"})

    assert [int(log["data"], 16) for log in logs] == [100, 200, 300, 400, 500]
    assert [log["blockNumber"] for log in logs] == ["0x2", "0x2", "0x4", "0x4", "0x4"]
    receipts = await wire.result("eth_getBlockReceipts", "0x4")
    assert logs[2:] == [log for receipt in receipts for log in receipt["logs"]]


ANY_TOPIC = hexed(EMIT_TOPIC)


@pytest.mark.parametrize("by", ["bloom", "index"])
@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"topics": [ANY_TOPIC, word(1)]}, [100, 300, 500]),
        ({"topics": [None, word(3)]}, [400]),
        ({"topics": [[], [word(2), word(3)]]}, [200, 400]),
        ({"topics": [[None], word(2)]}, [200]),
        ({"topics": [word(1)]}, []),
        ({"topics": [ANY_TOPIC, None, None]}, []),
        ({"topics": []}, [100, 200, 300, 400, 500]),
        ({"topics": None, "address": None}, [100, 200, 300, 400, 500]),
        ({"address": hexed(EMITTER)}, [100, 200, 300, 400, 500]),
        ({"address": [NOBODY, hexed(EMITTER)], "topics": [None, word(1)]}, [100, 300, 500]),
        ({"address": [NOBODY]}, []),
        ({"fromBlock": "0x3"}, [300, 400, 500]),
        ({"fromBlock": "0x1", "toBlock": "0x3"}, [100, 200]),
        ({"fromBlock": "0x6", "toBlock": "latest"}, []),
        ({"fromBlock": "latest"}, []),
    ],
)
async def test_log_filters(
    wire: Wire,
    fake_node: FakeNode,
    monkeypatch: pytest.MonkeyPatch,
    wanted: dict[str, Any],
    found: list[int],
    by: str,
) -> None:
    if by == "index":
        monkeypatch.setattr(fake_node, "log_candidates", fake_node.store.log_candidates)
        monkeypatch.setattr(fake_node, "matching_logs", fake_node.store.matching_logs)

    logs = await wire.result("eth_getLogs", {"fromBlock": "0x0", **wanted})

    assert [int(log["data"], 16) for log in logs] == found


async def test_logs_of_one_block(wire: Wire, dev_chain: DevChain) -> None:
    logs = await wire.result("eth_getLogs", {"blockHash": hexed(dev_chain.blocks[1].hash)})

    assert [int(log["data"], 16) for log in logs] == [100, 200]


@pytest.mark.parametrize(
    ("wanted", "code", "message"),
    [
        (
            {"blockHash": UNKNOWN_HASH, "fromBlock": "0x3"},
            -32602,
            "invalid argument 0: cannot specify both BlockHash and FromBlock/ToBlock, choose one or the other",
        ),
        ({"fromBlock": "0x2", "toBlock": "0x8"}, -32602, "block range extends beyond current head block"),
        ({"fromBlock": "0x3", "toBlock": "0x2"}, -32602, "invalid block range params"),
        ({"fromBlock": "pending"}, -32000, "pending logs are not supported"),
        ({"blockHash": UNKNOWN_HASH}, -32000, "unknown block"),
        ({"topics": [None] * 5}, -32602, "exceed max topics"),
        ({"topics": [[word(0)] * 1001]}, -32602, "exceed max addresses or topics per search position"),
        ({"address": [NOBODY] * 1001}, -32602, "exceed max addresses or topics per search position"),
        ({"topics": [7]}, -32602, "invalid argument 0: invalid topic(s)"),
        ({"address": 7}, -32602, "invalid argument 0: invalid addresses in query"),
    ],
)
async def test_log_queries_that_are_refused(
    wire: Wire, wanted: dict[str, Any], code: int, message: str
) -> None:
    assert await wire.error("eth_getLogs", wanted) == (code, message)


@pytest.mark.parametrize(
    ("limits", "code", "message"),
    [
        (CallLimits(max_log_blocks=3), -32005, "exceed maximum block range: 3"),
        (CallLimits(max_log_results=4), -32005, "query returned more than 4 results"),
        (CallLimits(max_log_reply_bytes=2_000), -32003, "response too large"),
    ],
)
async def test_log_queries_are_bounded(serve: Serve, limits: CallLimits, code: int, message: str) -> None:
    wire = await Wire.open(await serve(RpcConfig(port=0, calls=limits)))

    assert await wire.error("eth_getLogs", {"fromBlock": "0x0"}) == (code, message)


async def test_a_range_may_be_longer_with_an_address_or_topic(serve: Serve) -> None:
    limits = CallLimits(max_log_blocks=2, max_indexed_log_blocks=5)
    wire = await Wire.open(await serve(RpcConfig(port=0, calls=limits)))

    selective: list[dict[str, Any]] = [{"address": hexed(EMITTER)}, {"topics": [None, word(1)]}]
    for wanted in selective:
        assert await wire.result("eth_getLogs", {"fromBlock": "0x1", **wanted})
        assert await wire.error("eth_getLogs", {"fromBlock": "0x0", **wanted}) == (
            -32005,
            "exceed maximum block range: 5",
        )
    unselective: list[dict[str, Any]] = [{"address": []}, {"topics": [None, []]}]
    for wanted in unselective:
        assert await wire.error("eth_getLogs", {"fromBlock": "0x1", **wanted}) == (
            -32005,
            "exceed maximum block range: 2",
        )
