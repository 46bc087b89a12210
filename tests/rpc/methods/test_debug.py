"""debug_* over a real chain and socket."""

import json
import tracemalloc
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from chain.header import decode_header
from chain.receipt import decode_receipt
from chain.transaction import decode_transaction
from rpc.config import CallLimits, RpcConfig
from rpc.params.trace_params import duration
from state.chain_store import StateUnavailable
from tests.rpc.dev_chain import (
    ACCOUNTS,
    CHAIN_ID,
    COUNTER,
    ENVIRONMENT,
    GWEI,
    NOBODY,
    REVERTER,
    SENDER,
    SPINNER,
    UNKNOWN_HASH,
    WRITER,
    DevChain,
    FakeNode,
    hexed,
    signed,
    word,
)
from tests.rpc.json_schema import OpenRpc
from tests.rpc.wire import Wire

Serve = Callable[..., Awaitable[int]]


def hash_of(chain: DevChain, block: int, index: int) -> str:
    return hexed(chain.blocks[block - 1].transactions[index].hash)


# --- transactions


async def test_a_transaction_is_traced_where_it_stands(wire: Wire, dev_chain: DevChain) -> None:
    trace = await wire.result("debug_traceTransaction", hash_of(dev_chain, 4, 3))
    receipt = await wire.result("eth_getTransactionReceipt", hash_of(dev_chain, 4, 3))

    assert trace["gas"] == int(receipt["gasUsed"], 16)
    assert (trace["failed"], trace["returnValue"]) == (False, "0x")
    store = next(entry for entry in trace["structLogs"] if entry["op"] == "SSTORE")
    assert store["storage"] == {word(7): word(9)}
    assert store["stack"] == ["0x9", "0x7"]


async def test_options_of_the_default_tracer(wire: Wire, dev_chain: DevChain) -> None:
    emitting = hash_of(dev_chain, 2, 0)

    async def entries(**options: Any) -> list[dict[str, Any]]:
        found = await wire.result("debug_traceTransaction", emitting, options)
        return list(found["structLogs"])

    plain = await entries()
    assert "memory" not in plain[-1]
    assert "stack" in plain[-1]
    full = await entries(enableMemory=True, disableStack=True, enableReturnData=True, reexec=5, debug=False)
    assert full[-1]["memory"] == [word(100)]
    assert not any("stack" in entry for entry in full)
    assert len(await entries(limit=1)) == 1
    assert await entries(tracer="", tracerConfig={"onlyTopCall": True}, unheardOf=[1]) == plain


async def test_named_tracers(wire: Wire, dev_chain: DevChain) -> None:
    writing = hash_of(dev_chain, 4, 3)

    async def found(tracer: str, **config: Any) -> Any:
        return await wire.result(
            "debug_traceTransaction", writing, {"tracer": tracer, "tracerConfig": config, "timeout": "4s"}
        )

    top = await found("callTracer", onlyTopCall=True, withLog=None, convertParityErrors=True)
    assert (top["from"], top["to"], top["type"]) == (SENDER, hexed(WRITER), "CALL")
    before = await found("prestateTracer")
    assert before[hexed(WRITER)]["storage"] == {word(7): word(0)}
    change = await found("prestateTracer", diffMode=True)
    assert change["post"][hexed(WRITER)]["storage"] == {word(7): word(9)}
    assert await found("4byteTracer") == {"0x00000000-60": 1}
    emitted = await wire.result(
        "debug_traceTransaction",
        hash_of(dev_chain, 2, 1),
        {"tracer": "callTracer", "tracerConfig": {"withLog": True}},
    )
    assert [log["index"] for log in emitted["logs"]] == ["0x1"]  # the second log of its block


async def test_what_cannot_be_traced(wire: Wire, dev_chain: DevChain) -> None:
    assert await wire.error("debug_traceTransaction", UNKNOWN_HASH) == (-32000, "transaction not found")
    known = hash_of(dev_chain, 2, 0)
    for tracer in ("noTracer", "{step: function() {}}", "x" * 10_000):
        code, message = await wire.error("debug_traceTransaction", known, {"tracer": tracer})
        assert code == -32000
        assert "not found; there are callTracer, prestateTracer, 4byteTracer" in message
        assert len(message) < 400
    malformed: list[Any] = [
        {"limit": "0x5"},
        {"disableStack": 1},
        {"tracer": 5},
        {"tracer": "callTracer", "tracerConfig": {"withLog": "yes"}},
        {"tracer": "callTracer", "tracerConfig": []},
        [],
    ]
    for config in malformed:
        code, message = await wire.error("debug_traceTransaction", known, config)
        assert (code, message.partition(":")[0]) == (-32602, "invalid argument 1"), config
    assert await wire.error("debug_traceTransaction", known, {"timeout": "soon"}) == (
        -32000,
        'time: invalid duration "soon"',
    )
    assert await wire.error("debug_traceTransaction", known, {"limit": -1}) == (
        -32000,
        "option limit must not be negative",
    )


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("300ms", 0.3), ("1m30s", 90), ("1.5h", 5400), ("0", 0), ("10µs", 1e-5), (".5s", 0.5), ("+2s", 2)],
)
def test_durations_are_those_of_go(text: str, seconds: float) -> None:
    assert duration(text) == pytest.approx(seconds)


# --- blocks


async def test_blocks_are_traced_by_number_hash_and_encoding(wire: Wire, dev_chain: DevChain) -> None:
    block = dev_chain.blocks[3]
    config = {"tracer": "callTracer"}

    by_number = await wire.result("debug_traceBlockByNumber", "0x4", config)
    assert [entry["txHash"] for entry in by_number] == [hexed(item.hash) for item in block.transactions]
    receipts = await wire.result("eth_getBlockReceipts", "0x4")
    assert [entry["result"]["gasUsed"] for entry in by_number] == [item["gasUsed"] for item in receipts]
    assert ["error" in entry["result"] for entry in by_number] == [False, False, True, False, False]
    assert await wire.result("debug_traceBlockByHash", hexed(block.hash), config) == by_number
    assert await wire.result("debug_traceBlock", hexed(block.encode()), config) == by_number
    for index, entry in enumerate(by_number):
        alone = await wire.result("debug_traceTransaction", hash_of(dev_chain, 4, index), config)
        assert alone == entry["result"]
    assert await wire.result("debug_traceBlockByNumber", "0x3") == []
    assert await wire.result("debug_getBadBlocks") == []


async def test_blocks_that_cannot_be_traced(wire: Wire, dev_chain: DevChain) -> None:
    genesis = await wire.result("eth_getBlockByNumber", "0x0", False)
    number, by_hash = "debug_traceBlockByNumber", "debug_traceBlockByHash"

    assert await wire.error(number, "0x0") == (-32000, "genesis is not traceable")
    assert await wire.error(number, "earliest") == (-32000, "genesis is not traceable")
    assert await wire.error(by_hash, genesis["hash"]) == (-32000, "genesis is not traceable")
    assert await wire.error(number, "0x63") == (-32000, "block #99 not found")
    assert await wire.error(by_hash, UNKNOWN_HASH) == (-32000, f"block {UNKNOWN_HASH} not found")
    assert await wire.error(number, "pending") == (-32000, "tracing on top of pending is not supported")
    assert await wire.error(number, "3") == (-32602, "invalid argument 0: hex string without 0x prefix")
    code, message = await wire.error("debug_traceBlock", "0xc0")
    assert (code, message.partition(":")[0]) == (-32000, "could not decode block")


async def test_blocks_whose_parent_state_is_gone(
    wire: Wire, dev_chain: DevChain, fake_node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = fake_node.state_at

    def state_at(number: int) -> Any:
        if number < 3:
            raise StateUnavailable("gone")
        return kept(number)

    monkeypatch.setattr(fake_node, "state_at", state_at)
    for call in (("debug_traceBlockByNumber", "0x2"), ("debug_traceTransaction", hash_of(dev_chain, 2, 0))):
        code, message = await wire.error(*call)
        assert code == -32000
        assert message.startswith("historical state of block 1 is not available")
        assert "last 128 blocks" in message
    assert len(await wire.result("debug_traceBlockByNumber", "0x4")) == 5


# --- calls


async def test_calls_are_traced_on_a_state_of_the_past(wire: Wire, dev_chain: DevChain) -> None:
    call = {"to": hexed(COUNTER), "gas": "0x186a0"}

    trace = await wire.result("debug_traceCall", call, "latest")
    assert trace["returnValue"] == word(42)
    pretended = {
        "tracer": "callTracer",
        "stateOverrides": {hexed(COUNTER): {"stateDiff": {word(0): word(7)}}},
    }
    assert (await wire.result("debug_traceCall", call, "0x2", pretended))["output"] == word(7)
    environment = {"tracer": "callTracer", "blockOverrides": {"number": "0x64", "time": "0x5"}}
    top = await wire.result("debug_traceCall", {"to": hexed(ENVIRONMENT)}, "0x1", environment)
    assert [int(top["output"][2 + 64 * i : 66 + 64 * i], 16) for i in range(2)] == [100, 5]
    hash_form = {"blockHash": hexed(dev_chain.blocks[1].hash)}
    assert (await wire.result("debug_traceCall", call, hash_form))["failed"] is False


async def test_a_call_can_find_the_state_in_the_middle_of_a_block(wire: Wire) -> None:
    # Transaction 3 of block 4 writes slot 7.
    async def slot(index: str | None) -> str:
        config = {"tracer": "prestateTracer", "txIndex": index}
        data = word(7) + word(1)[2:]
        found = await wire.result("debug_traceCall", {"to": hexed(WRITER), "data": data}, "0x4", config)
        return str(found[hexed(WRITER)]["storage"][word(7)])

    assert await slot("0x3") == word(0)
    assert await slot("0x4") == word(9)
    assert await slot(None) == word(9)
    code, message = await wire.error("debug_traceCall", {"to": NOBODY}, "0x4", {"txIndex": "0x5"})
    assert (code, message.partition(" for block")[0]) == (-32000, "transaction index 5 out of range")


async def test_calls_that_cannot_be_traced(wire: Wire) -> None:
    poor = {"to": NOBODY, "from": NOBODY, "gasPrice": hex(GWEI)}
    code, message = await wire.error("debug_traceCall", poor, "latest")
    assert code == -32000
    assert message.startswith("tracing failed: insufficient funds for gas * price + value")
    assert await wire.error("debug_traceCall", {"to": NOBODY}, "pending") == (
        -32000,
        "tracing on top of pending is not supported",
    )
    assert await wire.error("debug_traceCall", {"to": NOBODY}, "0x63") == (-32000, "block #99 not found")
    reverted = await wire.result(
        "debug_traceCall", {"to": hexed(REVERTER), "data": "0x1234"}, "latest", {"tracer": "callTracer"}
    )
    assert (reverted["error"], reverted["output"]) == ("execution reverted", "0x1234")


# --- bounds


async def test_traces_are_bounded_in_time(serve: Serve) -> None:
    limits = CallLimits(max_trace_timeout_s=0.5, max_trace_bytes=10**9)
    wire = await Wire.open(await serve(RpcConfig(port=0, calls=limits)))
    spin = ({"to": hexed(SPINNER)}, "latest")

    for config in ({"tracer": "callTracer", "timeout": "50ms"}, {"tracer": "callTracer", "timeout": "1h"}):
        code, message = await wire.error("debug_traceCall", *spin, config)
        assert code == -32000
        assert message.startswith("execution aborted (timeout = ")


async def test_other_calls_do_not_wait_behind_traces(
    serve: Serve, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rpc.dispatch.heavy.MAX_WAITING_LONG", 1)
    port = await serve(RpcConfig(port=0, calls=CallLimits(worker_threads=1, max_trace_bytes=10**9)))
    spin = ({"to": hexed(SPINNER)}, "latest", {"tracer": "callTracer", "timeout": "600ms"})
    refusals: list[tuple[int, str]] = []

    async def trace() -> None:
        refusals.append(await (await Wire.open(port)).error("debug_traceCall", *spin))

    for _ in range(3):
        nursery.start_soon(trace)
    await trio.sleep(0.1)
    wire = await Wire.open(port)
    with trio.fail_after(0.4):
        assert await wire.result("eth_call", {"to": hexed(COUNTER)}) == word(42)
    assert refusals == [
        (-32005, "limit exceeded: too many calls are waiting, try again later")
    ]  # one runs, one waits
    with trio.fail_after(5):
        while len(refusals) < 3:
            await trio.sleep(0.05)
    assert {code for code, _ in refusals[1:]} == {-32000}


async def test_traces_are_bounded_in_size_and_memory(serve: Serve) -> None:
    wire = await Wire.open(await serve(RpcConfig(port=0, calls=CallLimits(max_trace_bytes=2_000_000))))
    deep = "5b" + "5f" * 1_000 + "600056"  # a loop with a deep stack

    tracemalloc.start()
    try:
        code, message = await wire.error(
            "debug_traceCall", {"data": "0x" + deep, "gas": "0x2faf080"}, "latest"
        )
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert code == -32000
    assert message.startswith("trace too large")
    assert peak < 20_000_000


async def test_the_transactions_of_a_block_share_one_bound(serve: Serve, dev_chain: DevChain) -> None:
    wire = await Wire.open(await serve())
    one = len(json.dumps(await wire.result("debug_traceTransaction", hash_of(dev_chain, 4, 0))))
    whole = len(json.dumps(await wire.result("debug_traceBlockByNumber", "0x4")))
    assert one < whole // 2
    small = await Wire.open(await serve(RpcConfig(port=0, calls=CallLimits(max_trace_bytes=whole // 2))))

    assert await small.result("debug_traceTransaction", hash_of(dev_chain, 4, 0))
    code, message = await small.error("debug_traceBlockByNumber", "0x4")
    assert (code, message.partition(";")[0]) == (-32000, "trace too large")


async def test_a_tree_of_a_thousand_calls_is_answered(wire: Wire) -> None:
    # Calls itself with all its gas until the depth limit.
    itself = {NOBODY: {"code": "0x5f5f5f5f5f305af1"}}
    config = {"tracer": "callTracer", "stateOverrides": itself}

    top = await wire.result("debug_traceCall", {"to": NOBODY, "gas": hex(50_000_000)}, "latest", config)

    depth = 0
    while "calls" in top:
        top = top["calls"][0]
        depth += 1
    assert depth > 500


# --- raw records


async def test_raw_records_are_those_that_hashes_are_of(wire: Wire, dev_chain: DevChain) -> None:
    block = dev_chain.blocks[0]

    header = bytes.fromhex((await wire.result("debug_getRawHeader", "0x1"))[2:])
    assert decode_header(header).hash == block.hash
    assert await wire.result("debug_getRawHeader", hexed(block.hash)) == hexed(header)
    assert await wire.result("debug_getRawBlock", "0x1") == hexed(block.encode())
    receipts = await wire.result("debug_getRawReceipts", "0x1")
    assert [decode_receipt(bytes.fromhex(raw[2:])).type for raw in receipts] == [0, 1, 2, 4]
    for index, transaction in enumerate(block.transactions):
        raw = hexed(transaction.raw)
        assert await wire.result("debug_getRawTransaction", hexed(transaction.hash)) == raw
        assert await wire.result("eth_getRawTransactionByHash", hexed(transaction.hash)) == raw
        number, at = "eth_getRawTransactionByBlockNumberAndIndex", hex(index)
        assert await wire.result(number, "0x1", at) == raw
        assert await wire.result("eth_getRawTransactionByBlockHashAndIndex", hexed(block.hash), at) == raw


async def test_raw_records_that_do_not_exist(wire: Wire) -> None:
    assert await wire.result("debug_getRawTransaction", UNKNOWN_HASH) == "0x"
    assert await wire.result("eth_getRawTransactionByBlockNumberAndIndex", "0x1", "0x63") == "0x"
    assert await wire.result("eth_getRawTransactionByBlockHashAndIndex", UNKNOWN_HASH, "0x0") == "0x"
    for method in ("debug_getRawHeader", "debug_getRawBlock", "debug_getRawReceipts"):
        assert await wire.error(method, "0x63") == (-32000, "block #99 not found")
        assert await wire.error(method, UNKNOWN_HASH) == (-32000, f"block {UNKNOWN_HASH} not found")
        assert await wire.error(method, "2") == (
            -32602,
            "invalid argument 0: hex string without 0x prefix",
        )


async def test_a_waiting_transaction_has_raw_bytes_too(wire: Wire) -> None:
    waiting = signed(11, to=ACCOUNTS[1].address, value=1)
    await wire.result("eth_sendRawTransaction", hexed(waiting.raw))

    raw = await wire.result("debug_getRawTransaction", hexed(waiting.hash))

    assert decode_transaction(bytes.fromhex(raw[2:]), CHAIN_ID) == waiting


async def test_replies_have_the_official_shape(wire: Wire, dev_chain: DevChain, vectors_dir: Path) -> None:
    openrpc = OpenRpc(vectors_dir / "execution-apis" / "openrpc.json")
    full = {"enableMemory": True, "enableReturnData": True}
    calls: list[tuple[Any, ...]] = [
        *[("debug_traceBlockByNumber", hex(number), full) for number in range(1, 6)],
        *[("debug_traceTransaction", hash_of(dev_chain, 4, index), full) for index in range(5)],
        ("debug_traceBlockByHash", hexed(dev_chain.blocks[3].hash), {"tracer": "callTracer"}),
        ("debug_getRawHeader", "latest"),
        ("debug_getRawBlock", "latest"),
        ("debug_getRawReceipts", "latest"),
        ("debug_getRawTransaction", hash_of(dev_chain, 1, 3)),
        ("debug_getBadBlocks",),
    ]
    for call in calls:
        assert openrpc.complaints(call[0], await wire.result(*call)) == [], call
