"""Every block, transaction and receipt of the official chain as RPC shows it: all forks, whatever the files ask for."""

import json
from typing import Any, Final

import pytest

from rpc.dispatcher import Dispatcher
from tests.conformance.rpc_compat.official_chain import OfficialChain
from tests.conformance.rpc_compat.official_node import official_dispatcher
from tests.rpc.json_schema import assert_valid_reply

BLOCKS: Final = 55


class Client:
    """Asks, and checks every reply against the official document."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    async def __call__(self, method: str, *params: object) -> Any:
        request = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        reply = await self._dispatcher.handle(request)
        assert reply is not None
        assert_valid_reply(request, reply)
        return json.loads(reply)["result"]


@pytest.fixture
def ask(chain: OfficialChain) -> Client:
    return Client(official_dispatcher(chain))


async def test_blocks_of_all_forks_are_valid_in_all_their_forms(ask: Client) -> None:
    previous = None
    for number in range(BLOCKS):
        full = await ask("eth_getBlockByNumber", hex(number), True)
        short = await ask("eth_getBlockByHash", full["hash"], False)
        assert previous is None or full["parentHash"] == previous["hash"]
        assert {**full, "transactions": [item["hash"] for item in full["transactions"]]} == short
        count = await ask("eth_getBlockTransactionCountByHash", full["hash"])
        assert int(count, 16) == len(full["transactions"])
        previous = full


async def test_every_transaction_is_the_same_wherever_it_is_asked_for(ask: Client) -> None:
    kinds = set()
    for number in range(BLOCKS):
        block = await ask("eth_getBlockByNumber", hex(number), True)
        for index, transaction in enumerate(block["transactions"]):
            kinds.add(transaction["type"])
            assert await ask("eth_getTransactionByHash", transaction["hash"]) == transaction
            place = (hex(number), hex(index))
            assert await ask("eth_getTransactionByBlockNumberAndIndex", *place) == transaction
    assert kinds == {"0x0", "0x1", "0x2", "0x3", "0x4"}


async def test_every_receipt_is_the_same_wherever_it_is_asked_for(ask: Client) -> None:
    outcomes = set()
    for number in range(BLOCKS):
        block = await ask("eth_getBlockByNumber", hex(number), False)
        receipts = await ask("eth_getBlockReceipts", hex(number))
        assert [receipt["transactionHash"] for receipt in receipts] == block["transactions"]
        for receipt in receipts:
            outcomes.add("root" if "root" in receipt else receipt["status"])
            assert await ask("eth_getTransactionReceipt", receipt["transactionHash"]) == receipt
        logs = [log for receipt in receipts for log in receipt["logs"]]
        assert await ask("eth_getLogs", {"blockHash": block["hash"]}) == logs
        assert [int(log["logIndex"], 16) for log in logs] == list(range(len(logs)))
    assert outcomes == {"root", "0x0", "0x1"}


async def test_fees_of_all_forks_have_a_history(ask: Client) -> None:
    history = await ask("eth_feeHistory", hex(BLOCKS), "latest", [0, 50, 100])
    assert len(history["baseFeePerGas"]) == BLOCKS + 1
    assert set(history["baseFeePerGas"][:27]) == {"0x0"}
    assert history["baseFeePerGas"][27] == "0x3b9aca00"
    assert history["baseFeePerGas"][-1] == await ask("eth_baseFee")
