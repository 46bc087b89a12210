"""Fee methods over a real chain and socket."""

from typing import Any

import pytest

from tests.rpc.dev_chain import (
    GWEI,
    DevChain,
    FakeNode,
)
from tests.rpc.wire import Wire


async def test_gas_price_is_base_fee_plus_tip(wire: Wire, fake_node: FakeNode) -> None:
    tip = int(await wire.result("eth_maxPriorityFeePerGas"), 16)

    assert tip == GWEI
    assert await wire.result("eth_gasPrice") == hex(tip + fake_node.next_base_fee())
    assert await wire.result("eth_gasPrice") == hex(tip + fake_node.next_base_fee())


async def test_fee_history(wire: Wire, dev_chain: DevChain, fake_node: FakeNode) -> None:
    history = await wire.result("eth_feeHistory", "0x3", "latest", [0, 50.0, 100])

    headers = [block.header for block in dev_chain.blocks[2:5]]
    assert history["oldestBlock"] == "0x3"
    assert history["baseFeePerGas"] == [hex(header.base_fee_per_gas) for header in headers] + [
        hex(fake_node.next_base_fee())
    ]
    assert history["gasUsedRatio"] == [header.gas_used / header.gas_limit for header in headers]
    assert history["baseFeePerBlobGas"] == ["0x1"] * 4
    assert history["blobGasUsedRatio"] == [0] * 3
    assert history["reward"] == [
        ["0x0"] * 3,
        [hex(GWEI)] * 3,
        [hex(3 * GWEI - headers[2].base_fee_per_gas)] * 3,
    ]


@pytest.mark.parametrize(
    ("params", "oldest", "length"),
    [
        (("0x2", "0x1"), 0, 2),
        ((2, "0x1", None), 0, 2),
        (("2", "0x3", []), 2, 2),
        (("0x400", "latest"), 0, 6),
        (("0xffff", "latest"), 0, 6),
        (("0x1", "earliest"), 0, 1),
        (("0x0", "latest"), 0, 0),
    ],
)
async def test_fee_history_ranges(wire: Wire, params: tuple[Any, ...], oldest: int, length: int) -> None:
    history = await wire.result("eth_feeHistory", *params)

    assert history["oldestBlock"] == hex(oldest)
    assert len(history["gasUsedRatio"]) == length
    assert "reward" not in history


async def test_the_base_fee_after_an_old_block_is_that_of_its_child(wire: Wire, dev_chain: DevChain) -> None:
    history = await wire.result("eth_feeHistory", "0x1", "0x2", [])

    assert history["baseFeePerGas"][1] == hex(dev_chain.blocks[2].header.base_fee_per_gas)


async def test_fee_history_that_is_refused(wire: Wire) -> None:
    code, message = await wire.error("eth_feeHistory", "0x1", "0x9", [])
    assert (code, message) == (-32000, "request beyond head block: requested 9, head 5")
    assert await wire.error("eth_feeHistory", "0x1", "latest", [50, 20]) == (
        -32000,
        "invalid reward percentile: #0:50.000000 >= #1:20.000000",
    )
