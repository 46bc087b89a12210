"""All methods together: official shapes, and a chain that grows."""

from collections.abc import Awaitable, Callable
from typing import Any

from tests.rpc.dev_chain import (
    COUNTER,
    GWEI,
    SENDER,
    UNKNOWN_HASH,
    DevChain,
    FakeNode,
    build_dev_chain,
    emit,
    hexed,
    signed,
)
from tests.rpc.wire import Wire

Serve = Callable[..., Awaitable[int]]


async def test_every_result_has_the_official_shape(wire: Wire, dev_chain: DevChain) -> None:
    """`wire` checks each reply against the official document."""
    receipts = await wire.result("eth_getBlockReceipts", "0x1")
    calls: list[tuple[Any, ...]] = [
        *[("eth_getBlockByNumber", hex(number), full) for number in range(6) for full in (True, False)],
        ("eth_getBlockByHash", hexed(dev_chain.blocks[0].hash), True),
        *[("eth_getBlockReceipts", hex(number)) for number in range(6)],
        *[("eth_getTransactionReceipt", receipt["transactionHash"]) for receipt in receipts],
        *[("eth_getTransactionByHash", receipt["transactionHash"]) for receipt in receipts],
        ("eth_getTransactionByHash", UNKNOWN_HASH),
        ("eth_getTransactionByBlockNumberAndIndex", "0x4", "0x0"),
        ("eth_getLogs", {"fromBlock": "0x0"}),
        ("eth_feeHistory", "0x5", "latest", [10, 90]),
        ("eth_gasPrice",),
        ("eth_maxPriorityFeePerGas",),
        ("eth_blobBaseFee",),
        ("eth_chainId",),
        ("eth_blockNumber",),
        ("eth_syncing",),
        ("eth_accounts",),
        ("eth_coinbase",),
        ("eth_getBalance", SENDER, "latest"),
        ("eth_getCode", hexed(COUNTER), "latest"),
        ("eth_getStorageAt", hexed(COUNTER), "0x0", "latest"),
        ("eth_getTransactionCount", SENDER, "latest"),
        ("eth_getBlockTransactionCountByNumber", "0x1"),
        ("eth_getUncleCountByBlockNumber", "0x1"),
        ("eth_call", {"to": hexed(COUNTER)}),
        ("eth_estimateGas", {"to": hexed(COUNTER)}),
        ("net_version",),
    ]
    for call in calls:
        await wire.result(*call)


async def test_answers_follow_the_head(serve: Serve, fake_node: FakeNode) -> None:
    chain = build_dev_chain()
    fake_node.chain, fake_node.store = chain, chain.store
    wire = await Wire.open(await serve())
    assert await wire.result("eth_gasPrice") == hex(GWEI + fake_node.next_base_fee())
    old = await wire.result("eth_getBlockByNumber", "latest", True)

    block = chain.append(emit(11, 9, 900), signed(12, fee=50 * GWEI, tip=40 * GWEI))

    assert await wire.result("eth_blockNumber") == "0x6"
    assert (await wire.result("eth_getBlockByNumber", "latest", True))["hash"] == hexed(block.hash)
    assert await wire.result("eth_getBlockByNumber", "0x5", True) == old
    assert [int(log["data"], 16) for log in await wire.result("eth_getLogs", {"fromBlock": "latest"})] == [
        900
    ]
    history = await wire.result("eth_feeHistory", 1, "latest", [100])
    assert history["reward"] == [[hex(40 * GWEI)]]
    assert await wire.result("eth_gasPrice") == hex(GWEI + fake_node.next_base_fee())
