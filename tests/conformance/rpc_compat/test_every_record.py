"""Every block, transaction and receipt of the official chain as RPC shows it: all forks, whatever the files ask for."""

import json
from typing import Any, Final

import pytest

from chain.keccak import keccak256
from chain.ordered_trie import ordered_root
from rpc.dispatch.dispatcher import Dispatcher
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


async def test_every_transaction_run_again_takes_the_gas_of_its_receipt(ask: Client) -> None:
    for number in range(1, BLOCKS):
        receipts = await ask("eth_getBlockReceipts", hex(number))
        traces = await ask("debug_traceBlockByNumber", hex(number), {"tracer": "callTracer"})
        assert [trace["txHash"] for trace in traces] == [receipt["transactionHash"] for receipt in receipts]
        for trace, receipt in zip(traces, receipts, strict=True):
            assert trace["result"]["gasUsed"] == receipt["gasUsed"], (number, receipt["transactionHash"])
            assert ("error" in trace["result"]) is (receipt.get("status") == "0x0") or "root" in receipt
            assert trace["result"]["from"] == receipt["from"]


async def test_every_raw_record_is_what_the_roots_and_hashes_commit_to(
    ask: Client, chain: OfficialChain
) -> None:
    for number in range(BLOCKS):
        block = await ask("eth_getBlockByNumber", hex(number), False)
        raw = await ask("debug_getRawHeader", hex(number))
        assert "0x" + keccak256(bytes.fromhex(raw[2:])).hex() == block["hash"]
        assert raw[2:] in await ask("debug_getRawBlock", hex(number))
        receipts = [bytes.fromhex(item[2:]) for item in await ask("debug_getRawReceipts", hex(number))]
        assert "0x" + ordered_root(receipts).hex() == block["receiptsRoot"]
        raws = [await ask("debug_getRawTransaction", item) for item in block["transactions"]]
        assert (
            "0x" + ordered_root([bytes.fromhex(item[2:]) for item in raws]).hex() == block["transactionsRoot"]
        )
