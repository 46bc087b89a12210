"""Methods about blocks, transactions and receipts, over a real chain and socket."""

from typing import Any

import pytest

from chain.keccak import keccak256
from state.chain_store import TransactionLocation
from tests.rpc.dev_chain import (
    ACCOUNTS,
    CHAIN_ID,
    COUNTER,
    GWEI,
    SENDER,
    UNKNOWN_HASH,
    DevChain,
    FakeNode,
    hexed,
    signed,
    word,
)
from tests.rpc.header_from_json import header_from_json
from tests.rpc.wire import Wire


async def test_a_block_says_everything_that_its_hash_commits_to(wire: Wire, dev_chain: DevChain) -> None:
    for number in range(6):
        block = await wire.result("eth_getBlockByNumber", hex(number), False)

        assert keccak256(header_from_json(block)).hex() == block["hash"][2:]
        assert await wire.result("eth_getBlockByHash", block["hash"], False) == block
        header = dev_chain.store.header(number)
        assert header is not None
        assert block["hash"] == hexed(header.hash)


async def test_block_tags(wire: Wire) -> None:
    head = await wire.result("eth_getBlockByNumber", "latest", False)

    assert head["number"] == "0x5"
    for tag in ("safe", "finalized", "0x5"):
        assert await wire.result("eth_getBlockByNumber", tag, False) == head
    assert (await wire.result("eth_getBlockByNumber", "earliest"))["number"] == "0x0"


async def test_full_blocks_hold_their_transactions(wire: Wire, dev_chain: DevChain) -> None:
    short = await wire.result("eth_getBlockByNumber", "0x1", False)
    full = await wire.result("eth_getBlockByNumber", "0x1", True)

    assert short["transactions"] == [
        hexed(transaction.hash) for transaction in dev_chain.blocks[0].transactions
    ]
    assert [transaction["hash"] for transaction in full["transactions"]] == short["transactions"]
    assert [transaction["type"] for transaction in full["transactions"]] == ["0x0", "0x1", "0x2", "0x4"]
    assert {transaction["from"] for transaction in full["transactions"]} == {SENDER}
    assert {**full, "transactions": []} == {**short, "transactions": []}
    legacy, access, create, set_code = full["transactions"]
    assert (legacy["chainId"], "yParity" in legacy, "accessList" in legacy) == ("0x539", False, False)
    assert int(legacy["v"], 16) in (35 + 2 * CHAIN_ID, 36 + 2 * CHAIN_ID)
    assert access["accessList"] == [{"address": hexed(COUNTER), "storageKeys": [word(0), word(5)]}]
    assert access["v"] == access["yParity"]
    assert create["to"] is None
    assert create["gasPrice"] == hex(int(full["baseFeePerGas"], 16) + GWEI)
    assert set_code["authorizationList"][0]["address"] == hexed(COUNTER)


@pytest.mark.parametrize(
    "call",
    [
        ("eth_getBlockByNumber", "0x6", True),
        ("eth_getBlockByHash", UNKNOWN_HASH, True),
        ("eth_getBlockReceipts", "0x6"),
        ("eth_getBlockReceipts", UNKNOWN_HASH),
        ("eth_getBlockTransactionCountByNumber", "0x6"),
        ("eth_getBlockTransactionCountByHash", UNKNOWN_HASH),
        ("eth_getUncleCountByBlockNumber", "0x6"),
        ("eth_getUncleCountByBlockHash", UNKNOWN_HASH),
        ("eth_getUncleByBlockNumberAndIndex", "0x1", "0x0"),
        ("eth_getUncleByBlockHashAndIndex", UNKNOWN_HASH, "0x0"),
        ("eth_getTransactionByHash", UNKNOWN_HASH),
        ("eth_getTransactionByBlockNumberAndIndex", "0x6", "0x0"),
        ("eth_getTransactionByBlockNumberAndIndex", "0x1", "0x4"),
        ("eth_getTransactionByBlockHashAndIndex", UNKNOWN_HASH, "0x0"),
        ("eth_getTransactionReceipt", UNKNOWN_HASH),
    ],
)
async def test_what_is_unknown_is_null(wire: Wire, call: tuple[Any, ...]) -> None:
    assert await wire.result(*call) is None


async def test_counts(wire: Wire, dev_chain: DevChain) -> None:
    block_hash = hexed(dev_chain.blocks[3].hash)

    assert await wire.result("eth_getBlockTransactionCountByNumber", "0x4") == "0x5"
    assert await wire.result("eth_getBlockTransactionCountByNumber", "latest") == "0x1"
    assert await wire.result("eth_getBlockTransactionCountByHash", block_hash) == "0x5"
    assert await wire.result("eth_getUncleCountByBlockNumber", "latest") == "0x0"
    assert await wire.result("eth_getUncleCountByBlockHash", block_hash) == "0x0"


async def test_a_transaction_is_the_same_however_it_is_found(wire: Wire, dev_chain: DevChain) -> None:
    block = dev_chain.blocks[3]
    by_number = await wire.result("eth_getTransactionByBlockNumberAndIndex", "0x4", "0x1")

    assert by_number["from"] == hexed(ACCOUNTS[1].address)
    assert by_number["blockHash"] == hexed(block.hash)
    assert by_number["transactionIndex"] == "0x1"
    assert await wire.result("eth_getTransactionByHash", by_number["hash"]) == by_number
    assert await wire.result("eth_getTransactionByBlockHashAndIndex", hexed(block.hash), "0x1") == by_number


async def test_a_pooled_transaction_is_found_without_a_block(wire: Wire) -> None:
    transaction = signed(11)
    assert await wire.result("eth_sendRawTransaction", hexed(transaction.raw)) == hexed(transaction.hash)

    found = await wire.result("eth_getTransactionByHash", hexed(transaction.hash))

    assert (found["blockHash"], found["blockNumber"], found["transactionIndex"]) == (None, None, None)
    assert (found["from"], found["nonce"], found["gasPrice"]) == (SENDER, "0xb", hex(3 * GWEI))
    assert await wire.result("eth_getTransactionReceipt", hexed(transaction.hash)) is None


async def test_a_transaction_is_found_while_its_block_is_being_committed(
    wire: Wire, fake_node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store has the block, and it is not the head yet."""
    transaction = signed(11)
    fake_node.accept(transaction)
    monkeypatch.setattr(fake_node, "transaction_location", lambda _: TransactionLocation(6, 0))
    found = await wire.result("eth_getTransactionByHash", hexed(transaction.hash))
    assert (found["hash"], found["blockHash"]) == (hexed(transaction.hash), None)
    assert await wire.result("eth_getRawTransactionByHash", hexed(transaction.hash)) == hexed(transaction.raw)


async def test_receipts(wire: Wire, dev_chain: DevChain) -> None:
    receipts = await wire.result("eth_getBlockReceipts", "0x4")

    assert [receipt["status"] for receipt in receipts] == ["0x1", "0x1", "0x0", "0x1", "0x1"]
    assert [[log["logIndex"] for log in receipt["logs"]] for receipt in receipts] == [
        ["0x0"],
        ["0x1"],
        [],
        [],
        ["0x2"],
    ]
    assert sum(int(receipt["gasUsed"], 16) for receipt in receipts) == dev_chain.blocks[3].header.gas_used
    assert receipts[-1]["cumulativeGasUsed"] == hex(dev_chain.blocks[3].header.gas_used)
    for receipt in receipts:
        assert await wire.result("eth_getTransactionReceipt", receipt["transactionHash"]) == receipt
    assert await wire.result("eth_getBlockReceipts", hexed(dev_chain.blocks[3].hash)) == receipts
    assert (
        await wire.result("eth_getBlockReceipts", {"blockHash": hexed(dev_chain.blocks[3].hash)}) == receipts
    )
    assert await wire.result("eth_getBlockReceipts", "earliest") == []


async def test_the_receipt_of_a_creation_names_the_contract(wire: Wire) -> None:
    receipts = await wire.result("eth_getBlockReceipts", "0x1")
    created = receipts[2]["contractAddress"]

    assert receipts[2]["to"] is None
    assert receipts[0]["contractAddress"] is None
    assert await wire.result("eth_getCode", created) == "0x00"


async def test_large_blocks_are_answered_the_same_from_a_thread(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[Any, ...]] = [
        ("eth_getBlockByNumber", "0x4", True),
        ("eth_getBlockByNumber", "0x4", False),
        ("eth_getBlockReceipts", "0x4"),
        ("eth_getTransactionByBlockNumberAndIndex", "0x4", "0x1"),
        ("eth_getBlockTransactionCountByNumber", "0x4"),
    ]
    here = [await wire.result(*call) for call in calls]
    monkeypatch.setattr("rpc.reading.chain_view.LARGE_BLOCK_GAS", 0)

    assert [await wire.result(*call) for call in calls] == here


async def test_pruned_bodies_are_null(wire: Wire, fake_node: FakeNode) -> None:
    fake_node.pruned_below = 3
    assert await wire.result("eth_getBlockByNumber", "0x2", False) is None
    assert await wire.error("eth_getLogs", {"fromBlock": "0x1"}) == (4444, "pruned history unavailable")
    assert (await wire.error("eth_feeHistory", "0x9", "latest", []))[0] == 4444
