"""Every method over a real chain and a real socket: what it answers, and how it refuses."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from chain.keccak import keccak256
from chain.transaction import TransactionType, UnsignedTransaction, sign_transaction
from rpc.backend import SyncStatus
from rpc.config import CallLimits, RpcConfig
from tests.rpc.dev_chain import (
    ACCOUNTS,
    CHAIN_ID,
    COUNTER,
    EMIT_TOPIC,
    EMITTER,
    ENVIRONMENT,
    GWEI,
    INVALID,
    REVERTER,
    SPINNER,
    WRITER,
    DevChain,
    FakeNode,
    build_dev_chain,
    emit,
    signed,
)
from tests.rpc.json_schema import OpenRpc
from tests.rpc.test_rendering import header_from_json
from tests.rpc.wire import Wire

Serve = Callable[..., Awaitable[int]]

SENDER = "0x" + ACCOUNTS[0].address.hex()
NOBODY = "0x" + "99" * 20
UNKNOWN_HASH = "0x" + "ab" * 32


def hexed(value: bytes) -> str:
    return "0x" + value.hex()


def word(value: int) -> str:
    return f"0x{value:064x}"


# The node


async def test_constant_and_simple_methods(wire: Wire, fake_node: FakeNode) -> None:
    expected: dict[str, Any] = {
        "web3_clientVersion": "aurigraph/test",
        "net_version": "1337",
        "net_listening": True,
        "net_peerCount": "0x3",
        "eth_chainId": "0x539",
        "eth_syncing": False,
        "eth_blockNumber": "0x5",
        "eth_accounts": [],
        "eth_coinbase": "0x" + "00" * 18 + "0c01",
        "eth_blobBaseFee": "0x1",
        "eth_baseFee": hex(fake_node.next_base_fee()),
        "node_status": {"height": 5},
        "node_validators": [{"name": "v0", "power": 1}],
        "node_peers": [{"id": "a"}],
        "rpc_modules": {"eth": "1.0", "net": "1.0", "node": "1.0", "rpc": "1.0", "web3": "1.0"},
    }
    for method, result in expected.items():
        assert await wire.result(method) == result, method


async def test_sha3(wire: Wire) -> None:
    assert await wire.result("web3_sha3", "0x68656c6c6f20776f726c64") == (
        "0x47173285a8d7341e5e972fc677286384f802f8ef42a5ec5f03bbfa254cb01fad"
    )


async def test_a_node_that_catches_up_says_how_far_it_is(wire: Wire, fake_node: FakeNode) -> None:
    fake_node.sync_status = SyncStatus(1, 5, 90)

    assert await wire.result("eth_syncing") == {
        "startingBlock": "0x1",
        "currentBlock": "0x5",
        "highestBlock": "0x5a",
    }


@pytest.mark.parametrize(
    "method",
    ["eth_fillTransaction", "anvil_nodeInfo", "engine_newPayloadV4", "personal_sign", "", "eth_CHAINID"],
)
async def test_what_is_not_offered_does_not_exist(wire: Wire, method: str) -> None:
    assert await wire.error(method) == (
        -32601,
        f"the method {method} does not exist/is not available",
    )


# Accounts


async def test_balances(wire: Wire, dev_chain: DevChain) -> None:
    account = dev_chain.store.latest_state().account(ACCOUNTS[0].address)
    assert account is not None

    assert await wire.result("eth_getBalance", SENDER, "latest") == hex(account.balance)
    assert await wire.result("eth_getBalance", SENDER) == hex(account.balance)
    assert await wire.result("eth_getBalance", SENDER, "earliest") == hex(10_000 * 10**18)
    assert await wire.result("eth_getBalance", NOBODY, "latest") == "0x0"


@pytest.mark.parametrize(
    "tag", ["latest", "safe", "finalized", "pending", "0x5", {"blockNumber": "0x5"}, None]
)
async def test_all_names_of_the_head_are_the_same_state(wire: Wire, tag: object) -> None:
    assert await wire.result(
        "eth_getBalance", "0x" + ACCOUNTS[1].address.hex().upper(), tag
    ) == await wire.result("eth_getBalance", hexed(ACCOUNTS[1].address), "latest")


async def test_state_by_block_hash(wire: Wire, dev_chain: DevChain) -> None:
    early = hexed(dev_chain.blocks[0].hash)

    assert await wire.result("eth_getTransactionCount", SENDER, {"blockHash": early}) == "0x4"
    assert await wire.result("eth_getTransactionCount", SENDER, early) == "0x4"


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("0x6", "header not found"),
        ("0x7fffffffffffffff", "header not found"),
        (UNKNOWN_HASH, "header for hash not found"),
        ({"blockHash": UNKNOWN_HASH}, "header for hash not found"),
    ],
)
async def test_state_of_an_unknown_block(wire: Wire, block: object, message: str) -> None:
    calls: list[tuple[Any, ...]] = [
        ("eth_getBalance", SENDER),
        ("eth_getTransactionCount", SENDER),
        ("eth_getCode", SENDER),
        ("eth_getStorageAt", SENDER, "0x0"),
        ("eth_call", {}),
        ("eth_estimateGas", {}),
    ]
    for call in calls:
        assert await wire.error(*call, block) == (-32000, message)


async def test_a_state_that_is_not_kept_is_named(wire: Wire, dev_chain: DevChain) -> None:
    view = dev_chain.store._views.pop(1)
    try:
        code, message = await wire.error("eth_getBalance", SENDER, "0x1")
    finally:
        dev_chain.store._views[1] = view

    assert code == -32000
    assert "block 1 is not available" in message


async def test_nonces(wire: Wire) -> None:
    assert await wire.result("eth_getTransactionCount", SENDER, "latest") == "0xb"
    assert await wire.result("eth_getTransactionCount", SENDER, "pending") == "0xb"
    assert await wire.result("eth_getTransactionCount", NOBODY, "latest") == "0x0"
    assert await wire.result("eth_getTransactionCount", NOBODY, "pending") == "0x0"
    await wire.result("eth_sendRawTransaction", hexed(signed(11).raw))
    await wire.result("eth_sendRawTransaction", hexed(signed(12).raw))

    assert await wire.result("eth_getTransactionCount", SENDER, "latest") == "0xb"
    assert await wire.result("eth_getTransactionCount", SENDER, "pending") == "0xd"


async def test_code_and_storage(wire: Wire) -> None:
    assert await wire.result("eth_getCode", hexed(SPINNER), "latest") == "0x5b600056"
    assert await wire.result("eth_getCode", NOBODY, "latest") == "0x"
    assert await wire.result("eth_getStorageAt", hexed(COUNTER), "0x0", "latest") == word(42)
    assert await wire.result("eth_getStorageAt", hexed(COUNTER), word(0)) == word(42)
    assert await wire.result("eth_getStorageAt", hexed(COUNTER), "0x1", "latest") == word(0)
    assert await wire.result("eth_getStorageAt", hexed(WRITER), "7", "latest") == word(9)
    assert await wire.result("eth_getStorageAt", hexed(WRITER), "0x7", "0x3") == word(0)


async def test_a_delegated_account_shows_its_delegation(wire: Wire) -> None:
    assert await wire.result("eth_getCode", hexed(ACCOUNTS[2].address)) == "0xef0100" + COUNTER.hex()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (("eth_getBalance",), "missing value for required argument 0"),
        (("eth_getStorageAt", SENDER), "missing value for required argument 1"),
        (
            ("eth_getBalance", "0x12"),
            "invalid argument 0: hex string has length 2, want 40 for common.Address",
        ),
        (("eth_getBalance", SENDER, "5"), "invalid argument 1: hex string without 0x prefix"),
        (("eth_getBalance", SENDER, "latest", 1), "too many arguments, want at most 2"),
        (("eth_getStorageAt", SENDER, "0xasdf"), 'invalid hex in storage key: "0xasdf"'),
        (("eth_getBlockByNumber", "2"), "invalid argument 0: hex string without 0x prefix"),
        (
            ("eth_getBlockByHash", "0x01"),
            "invalid argument 0: hex string has length 2, want 64 for common.Hash",
        ),
        (
            ("eth_sendRawTransaction", "00"),
            "invalid argument 0: json: cannot unmarshal hex string without 0x prefix into Go value of type "
            "hexutil.Bytes",
        ),
    ],
)
async def test_wrong_parameters_are_named(wire: Wire, call: tuple[Any, ...], message: str) -> None:
    assert await wire.error(*call) == (-32602, message)


# Blocks


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
    for tag in ("safe", "finalized", "pending", "0x5"):
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
    monkeypatch.setattr("rpc.chain_view.LARGE_BLOCK_GAS", 0)

    assert [await wire.result(*call) for call in calls] == here


async def test_pruned_bodies_are_null(wire: Wire, fake_node: FakeNode) -> None:
    fake_node.pruned_below = 3
    assert await wire.result("eth_getBlockByNumber", "0x2", False) is None
    assert await wire.error("eth_getLogs", {"fromBlock": "0x1"}) == (4444, "pruned history unavailable")
    assert (await wire.error("eth_feeHistory", "0x9", "latest", []))[0] == 4444


# Logs


async def test_logs_of_a_range(wire: Wire) -> None:
    logs = await wire.result("eth_getLogs", {"fromBlock": "earliest", "toBlock": "latest"})

    assert [int(log["data"], 16) for log in logs] == [100, 200, 300, 400, 500]
    assert [log["blockNumber"] for log in logs] == ["0x2", "0x2", "0x4", "0x4", "0x4"]
    receipts = await wire.result("eth_getBlockReceipts", "0x4")
    assert logs[2:] == [log for receipt in receipts for log in receipt["logs"]]


ANY_TOPIC = hexed(EMIT_TOPIC)


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
async def test_log_filters(wire: Wire, wanted: dict[str, Any], found: list[int]) -> None:
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


# Execution


async def test_call(wire: Wire) -> None:
    assert await wire.result("eth_call", {"to": hexed(COUNTER)}, "latest") == word(42)
    assert await wire.result("eth_call", {"to": hexed(COUNTER), "data": "0x", "from": SENDER}) == word(42)
    assert await wire.result("eth_call", {"to": NOBODY, "input": "0x01"}, "pending") == "0x"
    assert await wire.result("eth_call", {"to": None, "data": "0x602a60005260206000f3"}) == word(42)


async def test_call_sees_the_block_it_names(wire: Wire, dev_chain: DevChain) -> None:
    def parts(result: str) -> list[int]:
        return [int(result[2 + 64 * index : 66 + 64 * index], 16) for index in range(4)]

    to = {"to": hexed(ENVIRONMENT)}
    header = dev_chain.blocks[0].header

    assert parts(await wire.result("eth_call", to, "0x1")) == [1, header.timestamp, 0, 0]
    assert parts(await wire.result("eth_call", to, "pending"))[0] == 6
    priced = {**to, "gasPrice": hex(5 * GWEI), "from": SENDER}
    assert parts(await wire.result("eth_call", priced, "0x1"))[2:] == [header.base_fee_per_gas, 5 * GWEI]
    pretended = {"number": "0x64", "time": "0x5", "difficulty": "0x1"}
    assert parts(await wire.result("eth_call", to, "0x1", None, pretended))[:2] == [100, 5]


async def test_call_with_pretended_state(wire: Wire) -> None:
    to = {"to": hexed(COUNTER)}

    async def counter(override: dict[str, Any]) -> str:
        return str(await wire.result("eth_call", to, "latest", {hexed(COUNTER): override}))

    assert await counter({"stateDiff": {word(0): word(7)}}) == word(7)
    assert await counter({"state": {}}) == word(0)
    assert await counter({"code": "0x"}) == "0x"
    code, message = await wire.error(
        "eth_call", to, "latest", {hexed(COUNTER): {"state": {}, "stateDiff": {}}}
    )
    assert (code, message.partition(" has both ")[2]) == (-32000, "'state' and 'stateDiff'")
    code, message = await wire.error("eth_call", to, "latest", {SENDER: {"movePrecompileToAddress": NOBODY}})
    assert (code, message) == (-32000, f"account {SENDER} is not a precompile")
    code, message = await wire.error("eth_call", to, "latest", {}, {"withdrawals": []})
    assert (code, message) == (-32000, 'block override "withdrawals" is not supported for this RPC method')


PANIC = "4e487b71" + f"{1:064x}"
REASON = "08c379a0" + f"{32:064x}" + f"{10:064x}" + b"user error".hex().ljust(64, "0")


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (PANIC, "execution reverted: assert(false)"),
        (REASON, "execution reverted: user error"),
        ("77726f6e67", "execution reverted"),
        ("", "execution reverted"),
    ],
)
async def test_reverts_carry_their_data(wire: Wire, payload: str, message: str) -> None:
    for method in ("eth_call", "eth_estimateGas"):
        answer = await wire.rpc(method, {"to": hexed(REVERTER), "input": "0x" + payload})

        assert answer["error"] == {"code": 3, "message": message, "data": "0x" + payload}


async def test_calls_that_fail_otherwise(wire: Wire) -> None:
    code, message = await wire.error("eth_call", {"to": hexed(INVALID)})
    assert code == -32000
    assert "invalid opcode" in message
    assert await wire.error("eth_call", {"to": hexed(COUNTER), "gas": "0x52d0"}) == (-32000, "out of gas")
    code, message = await wire.error("eth_call", {"to": NOBODY, "from": NOBODY, "gasPrice": hex(GWEI)})
    assert code == -32000
    assert "insufficient funds for gas * price + value" in message
    assert await wire.error("eth_call", {"to": NOBODY, "chainId": "0x1"}) == (
        -32000,
        "chainId does not match node's (have=1, want=1337)",
    )


async def test_estimates(wire: Wire) -> None:
    assert await wire.result("eth_estimateGas", {"from": SENDER, "to": NOBODY, "value": "0x1"}) == hex(21_000)
    estimate = int(
        await wire.result("eth_estimateGas", {"to": hexed(WRITER), "input": word(1) + word(2)[2:]}), 16
    )
    assert 43_000 < estimate < 50_000
    code, message = await wire.error(
        "eth_estimateGas", {"to": hexed(WRITER), "gas": hex(21_100), "input": word(1)}
    )
    assert (code, message) == (-32000, "gas required exceeds allowance (21100)")
    # As wallets send it: with a nonce, a type, and the fees of the coming transaction.
    full = {
        "type": "0x2",
        "from": SENDER,
        "to": hexed(EMITTER),
        "nonce": "0xb",
        "data": word(1),
        "maxFeePerGas": hex(4 * GWEI),
        "maxPriorityFeePerGas": "0x1",
        "value": "0x0",
        "gas": None,
    }
    assert int(await wire.result("eth_estimateGas", full, "pending"), 16) > 21_000


async def test_gas_is_capped(serve: Serve) -> None:
    wire = await Wire.open(await serve(RpcConfig(port=0, calls=CallLimits(gas_cap=100_000))))

    assert await wire.error("eth_call", {"to": hexed(SPINNER), "gas": "0xffffffffff"}) == (
        -32000,
        "out of gas",
    )


# Fees


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


# Sending


async def test_a_transaction_is_submitted(wire: Wire, fake_node: FakeNode) -> None:
    transaction = emit(11, 1, 2)

    assert await wire.result("eth_sendRawTransaction", hexed(transaction.raw)) == hexed(transaction.hash)
    assert fake_node.submissions == [[transaction.raw]]
    assert await wire.error("eth_sendRawTransaction", hexed(transaction.raw)) == (-32000, "already known")


async def test_a_batch_of_transactions_is_one_submission(wire: Wire, fake_node: FakeNode) -> None:
    transactions = [emit(11 + number, 1, 2) for number in range(5)]
    calls = [
        b'{"jsonrpc":"2.0","id":%d,"method":"eth_sendRawTransaction","params":["0x%b"]}'
        % (index, transaction.raw.hex().encode())
        for index, transaction in enumerate(transactions)
    ]
    pending = (
        b'{"jsonrpc":"2.0","id":9,"method":"eth_getTransactionCount","params":["%b","pending"]}'
        % SENDER.encode()
    )

    reply = await wire.post(b"[" + b",".join([*calls, pending]) + b"]")

    assert [item["result"] for item in reply.json()] == [*(hexed(item.hash) for item in transactions), "0x10"]
    assert [len(batch) for batch in fake_node.submissions] == [5]


async def test_transactions_that_are_refused(wire: Wire) -> None:
    unprotected = sign_transaction(
        UnsignedTransaction(TransactionType.LEGACY, None, 11, GWEI, GWEI, 21_000, COUNTER, 0), ACCOUNTS[0]
    )
    code, message = await wire.error("eth_sendRawTransaction", hexed(signed(2).raw))
    assert code == -32000
    assert message.startswith("nonce too low")
    assert await wire.error("eth_sendRawTransaction", hexed(unprotected.raw)) == (
        -32000,
        "only replay-protected (EIP-155) transactions allowed over RPC",
    )
    code, message = await wire.error("eth_sendRawTransaction", hexed(signed(11, chain_id=5).raw))
    assert message == "invalid chain id for signer: have 5 want 1337"
    code, message = await wire.error("eth_sendRawTransaction", "0x03" + "c0")
    assert "transaction type not supported" in message
    assert "transaction type not valid" in message
    for raw in ("0x", "0x00", "0xc0", "0x02c0", "0xffff"):
        assert (await wire.error("eth_sendRawTransaction", raw))[0] == -32000


# Shapes


async def test_every_result_has_the_official_shape(
    wire: Wire, vectors_dir: Path, dev_chain: DevChain
) -> None:
    path = vectors_dir / "execution-apis" / "openrpc.json"
    if not path.is_file():
        pytest.skip(f"no {path}")
    openrpc = OpenRpc(path)
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
        if call[0] in openrpc.methods:
            assert openrpc.complaints(call[0], await wire.result(*call)) == [], call


def test_the_shape_check_can_fail(vectors_dir: Path) -> None:
    path = vectors_dir / "execution-apis" / "openrpc.json"
    if not path.is_file():
        pytest.skip(f"no {path}")

    assert OpenRpc(path).complaints("eth_getBlockByNumber", {"number": 5})
    assert OpenRpc(path).complaints("eth_chainId", "1")
    assert not OpenRpc(path).complaints("eth_chainId", "0x1")


# A chain that grows


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
