"""eth_simulateV1 over a real chain and socket; every reply is checked against the official document."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from chain.types import checksum_address
from rpc.config import CallLimits, RpcConfig
from tests.rpc.dev_chain import (
    ACCOUNTS,
    COUNTER,
    EMIT_TOPIC,
    EMITTER,
    GWEI,
    INVALID,
    NOBODY,
    REVERTER,
    SENDER,
    SPINNER,
    UNKNOWN_HASH,
    WRITER,
    DevChain,
    FakeNode,
    hexed,
    word,
)
from tests.rpc.wire import Wire

Serve = Callable[..., Awaitable[int]]

COIN = "0x" + "ee" * 20
EMIT = "0x" + (1).to_bytes(32).hex() + (2).to_bytes(32).hex()


def payload(*blocks: Any, **options: Any) -> dict[str, Any]:
    return {"blockStateCalls": list(blocks), **options}


async def test_blocks_and_calls(wire: Wire, dev_chain: DevChain) -> None:
    first, second = await wire.result(
        "eth_simulateV1",
        payload(
            {"calls": [{"to": hexed(COUNTER)}, {"from": SENDER, "to": hexed(EMITTER), "data": EMIT}]},
            {"blockOverrides": {"feeRecipient": NOBODY}, "calls": [{"from": SENDER, "to": NOBODY}]},
        ),
        "latest",
    )
    head = dev_chain.head_header()
    assert (first["number"], first["parentHash"]) == (hex(head.number + 1), hexed(head.hash))
    assert first["timestamp"] == hex(head.timestamp + 12)
    assert (second["parentHash"], second["miner"]) == (first["hash"], NOBODY)
    assert first["calls"][0] == {
        "returnData": word(42),
        "logs": [],
        "gasUsed": first["calls"][0]["gasUsed"],
        "maxUsedGas": first["calls"][0]["gasUsed"],
        "status": "0x1",
    }
    assert first["calls"][1]["logs"] == [
        {
            "address": hexed(EMITTER),
            "topics": [hexed(EMIT_TOPIC), word(1)],
            "data": word(2),
            "blockNumber": first["number"],
            "transactionHash": first["transactions"][1],
            "transactionIndex": "0x1",
            "blockHash": first["hash"],
            "blockTimestamp": first["timestamp"],
            "logIndex": "0x0",
            "removed": False,
        }
    ]
    used = [int(call["gasUsed"], 16) for call in first["calls"]]
    assert first["gasUsed"] == hex(sum(used))
    assert (first["uncles"], first["withdrawals"], first["baseFeePerGas"]) == ([], [], "0x0")


async def test_full_transactions_carry_no_signature(wire: Wire) -> None:
    priced = {"from": SENDER, "to": NOBODY, "value": "0x1", "gas": "0x5208"}
    (block,) = await wire.result(
        "eth_simulateV1",
        payload(
            {
                "calls": [
                    {**priced, "maxFeePerGas": "0x9", "maxPriorityFeePerGas": "0x2"},
                    {**priced, "gasPrice": "0x9"},
                ]
            },
            returnFullTransactions=True,
        ),
    )
    dynamic, legacy = block["transactions"]
    for index, shown in enumerate((dynamic, legacy)):
        assert shown["from"] == SENDER
        assert (shown["blockHash"], shown["transactionIndex"]) == (block["hash"], hex(index))
        assert [shown[name] for name in "vrs"] == ["0x0"] * 3
    assert (dynamic["type"], dynamic["gasPrice"], dynamic["maxFeePerGas"]) == ("0x2", "0x2", "0x9")
    assert dynamic["chainId"] == "0x539"
    assert (legacy["type"], legacy["gasPrice"]) == ("0x0", "0x9")
    assert "chainId" not in legacy


async def test_failed_calls_are_part_of_the_result(wire: Wire) -> None:
    (block,) = await wire.result(
        "eth_simulateV1",
        payload(
            {
                "calls": [
                    {"to": hexed(REVERTER), "data": "0x1234"},
                    {"to": hexed(INVALID), "gas": "0xc350"},
                ]
            }
        ),
    )
    reverted, invalid = block["calls"]
    assert reverted["error"] == {"message": "execution reverted", "code": 3, "data": "0x1234"}
    assert (reverted["status"], reverted["returnData"]) == ("0x0", "0x")
    assert invalid["error"] == {"message": "invalid opcode: INVALID", "code": -32015}


async def test_transfers_as_logs(wire: Wire) -> None:
    call = {"from": SENDER, "to": NOBODY, "value": "0x5"}
    (block,) = await wire.result("eth_simulateV1", payload({"calls": [call]}, traceTransfers=True))
    (log,) = block["calls"][0]["logs"]
    assert (log["address"], log["data"]) == (COIN, word(5))
    assert log["topics"][1:] == ["0x" + "00" * 12 + SENDER[2:], "0x" + "00" * 12 + NOBODY[2:]]
    assert block["logsBloom"] == "0x" + "00" * 256


async def test_all_overrides(wire: Wire) -> None:
    withdrawal = {"index": "0x0", "validatorIndex": "0x1", "address": NOBODY, "amount": "0x2"}
    pretended = {
        "number": "0x10",
        "time": "0x7fffffff",
        "gasLimit": "0x4c4b40",
        "feeRecipient": NOBODY,
        "prevRandao": word(7),
        "baseFeePerGas": "0x3",
        "blobBaseFee": "0x5",
        "beaconRoot": word(9),
        "withdrawals": [withdrawal],
        "difficulty": "0x1",
    }
    blob_fee = {"code": "0x4a60005260206000f3"}
    (*gaps, block) = await wire.result(
        "eth_simulateV1",
        payload(
            {"blockOverrides": pretended, "stateOverrides": {NOBODY: blob_fee}, "calls": [{"to": NOBODY}]}
        ),
    )
    assert [gap["number"] for gap in gaps] == [hex(number) for number in range(6, 16)]
    shown = {
        "number": "0x10",
        "timestamp": "0x7fffffff",
        "gasLimit": "0x4c4b40",
        "miner": NOBODY,
        "mixHash": word(7),
        "baseFeePerGas": "0x3",
        "parentBeaconBlockRoot": word(9),
        "withdrawals": [withdrawal],
        "difficulty": "0x0",
    }
    assert {name: block[name] for name in shown} == shown
    assert block["calls"][0]["returnData"] == word(5)


async def test_nothing_stays(wire: Wire, dev_chain: DevChain) -> None:
    root = dev_chain.store.head.state_root
    write = {"from": SENDER, "to": hexed(WRITER), "data": word(1) + word(77)[2:]}
    (block,) = await wire.result("eth_simulateV1", payload({"calls": [write]}), "pending")
    assert await wire.result("eth_getStorageAt", hexed(WRITER), "0x1", "latest") == word(0)
    assert dev_chain.store.head.state_root == root
    empty = payload({}), hexed(dev_chain.store.head.hash)
    (other,) = await wire.result("eth_simulateV1", *empty)
    assert other["stateRoot"] != block["stateRoot"]
    assert await wire.result("eth_simulateV1", *empty) == [other]


async def test_on_an_earlier_block(wire: Wire, dev_chain: DevChain) -> None:
    (block,) = await wire.result("eth_simulateV1", payload({}), "0x2")
    header = dev_chain.store.header(2)
    assert header is not None
    assert (block["number"], block["parentHash"]) == ("0x3", hexed(header.hash))
    assert block["timestamp"] == hex(header.timestamp + 12)


POOR_CALL = {"from": NOBODY, "to": SENDER, "value": "0x1"}
FEE = {"maxFeePerGas": hex(5 * GWEI)}


@pytest.mark.parametrize(
    ("request_", "code", "message"),
    [
        (payload(), -32602, "empty input"),
        ({}, -32602, "empty input"),
        (payload(*[{}] * 257), -38026, "too many blocks"),
        (payload({"blockOverrides": {"number": "0x106"}}), -38026, "too many blocks"),
        (payload({"calls": [{"to": NOBODY}] * 5001}), -38026, "too many calls in block: 5001 > 5000"),
        (payload({"blockOverrides": {"number": "0x5"}}), -38020, "block numbers must be in order: 5 <= 5"),
        (payload({"blockOverrides": {"time": "0x1"}}), -38021, "block timestamps must be in order: 1 <="),
        (
            payload({"calls": [{"gas": "0xffffffff"}]}),
            -38015,
            "block gas limit reached: remaining: 30000000, required: 4294967295",
        ),
        (payload({"calls": [POOR_CALL]}), -38014, "err: insufficient funds for gas * price + value: address"),
        (payload({"calls": [{"gas": "0x1"}]}), -38013, "err: intrinsic gas too low: have 1, want 53000"),
        (
            payload({"calls": [{"to": NOBODY, "gas": "0x7530", "data": "0x" + "01" * 500}]}),
            -38013,
            "err: insufficient gas for floor data gas cost",
        ),
        (
            payload({"calls": [{"from": SENDER, "nonce": "0x0", **FEE}]}, validation=True),
            -38010,
            "err: nonce too low",
        ),
        (
            payload({"calls": [{"from": SENDER, "nonce": "0xff", **FEE}]}, validation=True),
            -38011,
            "err: nonce too high",
        ),
        (
            payload({"calls": [{"from": NOBODY, "to": SENDER}]}, validation=True),
            -38012,
            "err: max fee per gas less than block base fee",
        ),
        (
            payload({"calls": [{"maxFeePerGas": "0x1", "maxPriorityFeePerGas": "0x2"}]}),
            -32602,
            "err: max priority fee per gas higher than max fee per gas",
        ),
        (payload({"calls": [{"data": "0x" + "00" * 49153}]}), -38025, "err: max initcode size exceeded"),
        (
            payload({"calls": [{"gasPrice": "0x1", "maxFeePerGas": "0x1"}]}),
            -32000,
            "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified",
        ),
        (
            payload({"calls": [{"chainId": "0x1"}]}),
            -32000,
            "chainId does not match node's (have=1, want=1337)",
        ),
        (
            payload({"stateOverrides": {SENDER: {"movePrecompileToAddress": NOBODY}}}),
            -32000,
            f"account {checksum_address(ACCOUNTS[0].address)} is not a precompile",
        ),
        (
            payload({"calls": [{"blobVersionedHashes": [UNKNOWN_HASH]}]}),
            -32000,
            "blob transactions are not supported by this chain",
        ),
        ([], -32602, "invalid argument 0: json: cannot unmarshal array into Go value of type ethapi.simOpts"),
        (payload(5), -32602, "invalid argument 0: json: cannot unmarshal number into Go value"),
        (payload({"calls": {}}), -32602, "invalid argument 0: json: cannot unmarshal object into Go value"),
        (payload({}, validation="0x1"), -32602, "invalid argument 0: json: cannot unmarshal string into Go"),
        (
            payload({"blockOverrides": {"withdrawals": [{"index": "0x1"}]}}),
            -32602,
            "invalid argument 0: missing required field 'validatorIndex'",
        ),
        (None, -32602, "missing value for required argument 0"),
    ],
)
async def test_what_ends_a_simulation(wire: Wire, request_: Any, code: int, message: str) -> None:
    found = await wire.error("eth_simulateV1", request_)
    assert found[0] == code
    assert found[1].startswith(message)


async def test_unknown_blocks(wire: Wire) -> None:
    assert await wire.error("eth_simulateV1", payload({}), "0xffff") == (-32000, "header not found")
    unknown = await wire.error("eth_simulateV1", payload({}), UNKNOWN_HASH)
    assert unknown == (-32000, "header for hash not found")


async def test_time_and_reply_are_bounded(serve: Serve) -> None:
    limits = CallLimits(call_timeout_s=0.2, max_simulation_reply_bytes=2_500)
    wire = await Wire.open(await serve(RpcConfig(port=0, calls=limits)))
    spinning = {"code": "0x5b600056"}
    beacon_roots = "0x000f3df6d732807ef1319fb7b8bb8522d0beac02"
    endless = payload(*[{"stateOverrides": {beacon_roots: spinning}, "calls": []}] * 256)
    assert await wire.error("eth_simulateV1", endless) == (-32000, "execution aborted (timeout = 0.2s)")
    assert await wire.error("eth_simulateV1", payload({}, {})) == (-32003, "response too large")
    assert len(await wire.result("eth_simulateV1", payload({}))) == 1


async def test_gas_is_bounded(serve: Serve) -> None:
    wire = await Wire.open(await serve(RpcConfig(port=0, calls=CallLimits(gas_cap=30_000))))
    (block,) = await wire.result("eth_simulateV1", payload({"calls": [{"to": hexed(SPINNER)}]}))
    assert block["calls"][0]["error"] == {
        "message": "out of gas (gas limit was capped by the RPC server's global gas cap)",
        "code": -32015,
    }
    assert block["gasUsed"] == hex(30_000)


async def test_the_state_of_a_pruned_block_is_an_error(wire: Wire, fake_node: FakeNode) -> None:
    kept = fake_node.store._views.pop(1)
    try:
        code, message = await wire.error("eth_simulateV1", payload({}), "0x1")
    finally:
        fake_node.store._views[1] = kept
    assert code == -32000
    assert "historical state" in message
