"""Everything that can be asked of the pending block, over a real chain and socket."""

from typing import Any

import pytest

from chain.keccak import keccak256
from chain.transaction import RecoveredTransaction, Transaction
from chain.types import Address
from tests.rpc.dev_chain import (
    ACCOUNTS,
    COUNTER,
    ENVIRONMENT,
    GWEI,
    NOBODY,
    SENDER,
    WRITER,
    DevChain,
    FakeNode,
    emit,
    hexed,
    signed,
    word,
)
from tests.rpc.header_from_json import header_from_json
from tests.rpc.wire import Wire

RICH = ACCOUNTS[3]
POOR = Address(b"\x0b" * 20)


def wait(node: FakeNode, *transactions: Transaction) -> None:
    for transaction in transactions:
        node.pool[transaction.hash] = RecoveredTransaction(transaction, RICH.address)


@pytest.fixture
def transactions(fake_node: FakeNode) -> list[Transaction]:
    """A transfer, a write into storage, a log; and one that cannot run, which is not in the block."""
    waiting = [
        signed(0, key=RICH, to=POOR, value=5),
        signed(1, key=RICH, to=WRITER, data=bytes(31) + b"\x07" + bytes(31) + b"\x63"),
        emit(2, 8, 9, RICH),
        signed(9, key=RICH, to=POOR, value=5),
    ]
    wait(fake_node, *waiting)
    return waiting


async def test_the_pending_block_has_what_waits_and_no_hash(
    wire: Wire, transactions: list[Transaction], dev_chain: DevChain
) -> None:
    block = await wire.result("eth_getBlockByNumber", "pending", False)
    full = await wire.result("eth_getBlockByNumber", "pending", True)
    head = dev_chain.head_header()

    assert (block["hash"], block["nonce"], block["miner"]) == (None, None, None)
    assert (block["number"], block["parentHash"]) == ("0x6", hexed(head.hash))
    assert block["transactions"] == [hexed(transaction.hash) for transaction in transactions[:3]]
    assert block["stateRoot"] != hexed(head.state_root)
    assert int(block["gasUsed"], 16) > 3 * 21_000
    whole = full | {"nonce": hexed(bytes(8)), "miner": hexed(dev_chain.pending_environment().beneficiary)}
    block_hash = hexed(keccak256(header_from_json(whole)))
    for index, transaction in enumerate(full["transactions"]):
        assert (transaction["blockNumber"], transaction["from"]) == ("0x6", hexed(RICH.address))
        assert (transaction["blockHash"], transaction["transactionIndex"]) == (block_hash, hex(index))
        found = await wire.result("eth_getTransactionByBlockNumberAndIndex", "pending", hex(index))
        assert found == transaction
    assert await wire.result("eth_getTransactionByBlockNumberAndIndex", "pending", "0x3") is None
    assert await wire.result("eth_getBlockTransactionCountByNumber", "pending") == "0x3"
    assert await wire.result("eth_getUncleCountByBlockNumber", "pending") == "0x0"


async def test_receipts_of_the_pending_block(wire: Wire, transactions: list[Transaction]) -> None:
    receipts = await wire.result("eth_getBlockReceipts", "pending")

    assert [receipt["transactionHash"] for receipt in receipts] == [
        hexed(item.hash) for item in transactions[:3]
    ]
    assert {receipt["status"] for receipt in receipts} == {"0x1"}
    assert [len(receipt["logs"]) for receipt in receipts] == [0, 0, 1]
    assert await wire.result("eth_getTransactionReceipt", hexed(transactions[0].hash)) is None


async def test_the_state_behind_the_pending_block(wire: Wire, transactions: list[Transaction]) -> None:
    slot = [hexed(WRITER), "0x7"]

    async def both(method: str, *params: object) -> tuple[Any, Any]:
        return await wire.result(method, *params, "latest"), await wire.result(method, *params, "pending")

    assert await both("eth_getBalance", hexed(POOR)) == ("0x0", "0x5")
    assert await both("eth_getStorageAt", *slot) == (word(9), word(0x63))
    values = {hexed(WRITER): ["0x7"] * 40}
    latest, pending = await both("eth_getStorageValues", values)
    assert (latest, pending) == ({slot[0]: [word(9)] * 40}, {slot[0]: [word(0x63)] * 40})
    assert await both("eth_getTransactionCount", hexed(RICH.address)) == ("0x0", "0x3")
    latest, pending = await both("eth_getCode", hexed(COUNTER))
    assert latest == pending != "0x"


async def test_calls_run_behind_the_pending_block(wire: Wire, transactions: list[Transaction]) -> None:
    # Reads slot 7 of the account whose code is pretended.
    reader = {hexed(WRITER): {"code": "0x60075460005260206000f3"}}
    call = {"to": hexed(WRITER)}

    assert await wire.result("eth_call", call, "latest", reader) == word(9)
    assert await wire.result("eth_call", call, "pending", reader) == word(0x63)
    spend = {"from": hexed(POOR), "to": NOBODY, "value": "0x5", "gasPrice": hex(3 * GWEI), "gas": "0x5208"}
    assert "have 0 want" in (await wire.error("eth_call", spend, "latest"))[1]
    assert "have 5 want" in (await wire.error("eth_call", spend, "pending"))[1]
    assert await wire.result("eth_estimateGas", call, "pending", reader) == await wire.result(
        "eth_estimateGas", call, "latest", reader
    )
    touched = await wire.result("eth_createAccessList", {"to": hexed(COUNTER)}, "pending")
    assert touched["accessList"] == [{"address": hexed(COUNTER), "storageKeys": [word(0)]}]


async def test_a_call_on_pending_sees_the_pending_block(wire: Wire, dev_chain: DevChain) -> None:
    result = await wire.result("eth_call", {"to": hexed(ENVIRONMENT)}, "pending")
    assert int(result[2:66], 16) == dev_chain.head_header().number + 1


async def test_without_transactions_the_pending_block_is_empty(wire: Wire) -> None:
    block = await wire.result("eth_getBlockByNumber", "pending", True)

    assert (block["number"], block["transactions"], block["gasUsed"]) == ("0x6", [], "0x0")
    assert await wire.result("eth_getBlockReceipts", "pending") == []


async def test_a_node_without_a_pending_block_says_so(
    wire: Wire, fake_node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def none() -> None:
        return None

    monkeypatch.setattr(fake_node, "pending_block", none)
    for method, *params in (
        ("eth_getBlockByNumber", "pending", False),
        ("eth_getBalance", SENDER, "pending"),
        ("eth_call", {"to": NOBODY}, "pending"),
        ("eth_estimateGas", {"to": NOBODY}, "pending"),
    ):
        assert await wire.error(str(method), *params) == (-32000, "pending block is not available")


async def test_there_are_no_proofs_of_the_pending_block(wire: Wire) -> None:
    assert await wire.error("eth_getProof", SENDER, [], "pending") == (
        -32000,
        "proofs of the pending block are not available",
    )


async def test_raw_records_of_the_pending_block(wire: Wire, transactions: list[Transaction]) -> None:
    full = await wire.result("eth_getBlockByNumber", "pending", True)

    header = await wire.result("debug_getRawHeader", "pending")
    assert hexed(keccak256(bytes.fromhex(header[2:]))) == full["transactions"][0]["blockHash"]
    assert header[2:] in await wire.result("debug_getRawBlock", "pending")
    assert len(await wire.result("debug_getRawReceipts", "pending")) == 3
    for index, transaction in enumerate(transactions[:3]):
        raw = await wire.result("eth_getRawTransactionByBlockNumberAndIndex", "pending", hex(index))
        assert raw == hexed(transaction.raw)
    assert await wire.result("eth_getRawTransactionByBlockNumberAndIndex", "pending", "0x3") == "0x"
