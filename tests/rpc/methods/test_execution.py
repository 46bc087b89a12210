"""eth_call and eth_estimateGas over a real chain and socket."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from chain.types import checksum_address
from rpc.config import CallLimits, RpcConfig
from tests.rpc.dev_chain import (
    ACCOUNTS,
    COUNTER,
    EMITTER,
    ENVIRONMENT,
    GWEI,
    INVALID,
    NOBODY,
    REVERTER,
    SENDER,
    SPINNER,
    WRITER,
    DevChain,
    hexed,
    word,
)
from tests.rpc.wire import Wire

Serve = Callable[..., Awaitable[int]]


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
    assert (code, message) == (-32000, f"account {checksum_address(ACCOUNTS[0].address)} is not a precompile")
    moved = {"0x" + "00" * 19 + "04": {"movePrecompileToAddress": NOBODY}}
    echo = {"to": NOBODY, "data": "0x1234"}
    assert await wire.result("eth_call", echo, "latest", moved) == "0x1234"
    assert await wire.result("eth_call", echo, "latest") == "0x"
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


# Like a Uniswap pair: writes two slots, but only when time has passed since slot 0.
PAIR = "0x42806000541460115780600055426001555b00"


async def test_an_estimate_is_for_the_next_block(wire: Wire, dev_chain: DevChain) -> None:
    head = dev_chain.head_header()
    pair = {NOBODY: {"code": PAIR, "state": {word(0): word(head.timestamp)}}}
    call = {"from": SENDER, "to": NOBODY}
    at_head = int(
        await wire.result("eth_estimateGas", call, "latest", pair, {"time": hex(head.timestamp)}), 16
    )
    for block in ("latest", "pending", hex(head.number), {"blockHash": hexed(head.hash)}):
        estimate = int(await wire.result("eth_estimateGas", call, block, pair), 16)
        assert estimate > at_head + 20_000

    # Reverts unless it runs in block 3.
    picky = {NOBODY: {"code": "0x4360031415600957005b60006000fd"}}
    assert int(await wire.result("eth_estimateGas", call, "0x2", picky), 16) > 21_000
    for block in ("0x1", "0x3", "latest"):
        assert (await wire.error("eth_estimateGas", call, block, picky))[0] == 3
    # A call runs in the block that it names, as in go-ethereum.
    assert await wire.result("eth_call", call, "0x3", picky) == "0x"


async def test_pretended_fields_of_the_block(wire: Wire) -> None:
    async def shown(opcode: str, block: dict[str, object], **call: object) -> int:
        code = {NOBODY: {"code": f"0x{opcode}60005260206000f3"}}
        return int(await wire.result("eth_call", {"to": NOBODY} | call, "latest", code, block), 16)

    assert await shown("43", {"number": "0x" + "f" * 64}) == 2**256 - 1
    assert await shown("42", {"time": "0x5"}) == 5
    assert await shown("45", {"gasLimit": "0x6"}) == 6
    assert await shown("41", {"feeRecipient": SENDER}) == int(SENDER, 16)
    assert await shown("44", {"prevRandao": word(7), "difficulty": "0x8"}) == 7
    assert await shown("4a", {"blobBaseFee": "0x9"}) == 9
    assert await shown("48", {"baseFeePerGas": "0xa"}) == 0, "a call without a price is free"
    assert await shown("48", {"baseFeePerGas": "0xa"}, gasPrice="0x14", **{"from": SENDER}) == 10
    assert (
        await shown(
            "3a",
            {"baseFeePerGas": "0xa"},
            maxFeePerGas="0x14",
            maxPriorityFeePerGas="0x1",
            **{"from": SENDER},
        )
        == 11
    )
    for field in ("beaconRoot", "withdrawals"):
        value: object = word(1) if field == "beaconRoot" else []
        for method in ("eth_call", "eth_estimateGas"):
            assert await wire.error(method, {"to": NOBODY}, "latest", None, {field: value}) == (
                -32000,
                f'block override "{field}" is not supported for this RPC method',
            )
    code, message = await wire.error(
        "eth_estimateGas", {"to": NOBODY, "input": "0x01"}, "latest", None, {"gasLimit": "0x5207"}
    )
    assert (code, message) == (-32000, "gas required exceeds allowance (20999)")


async def test_moved_precompiles(wire: Wire) -> None:
    identity, sha256 = "0x" + "00" * 19 + "04", "0x" + "00" * 19 + "02"
    call = {"to": NOBODY, "input": "0x1234"}

    moved = {identity: {"movePrecompileToAddress": NOBODY}}
    assert await wire.result("eth_call", call, "latest", moved) == "0x1234"
    assert await wire.result("eth_call", call | {"to": identity}, "latest", moved) == "0x"
    replaced = {identity: {"code": "0x602a60005260206000f3"}}
    assert await wire.result("eth_call", call | {"to": identity}, "latest", replaced) == word(42)
    # The price of a precompile goes with it, also in an estimate.
    recover = {"0x" + "00" * 19 + "01": {"movePrecompileToAddress": NOBODY}}
    assert int(await wire.result("eth_estimateGas", call, "latest", recover), 16) > 24_000
    for overrides, message in (
        ({NOBODY: {"movePrecompileToAddress": SENDER}}, f"account {NOBODY} is not a precompile"),
        (
            {identity: {"movePrecompileToAddress": sha256}, sha256: {"balance": "0x1"}},
            "account 0x0000000000000000000000000000000000000002 is already overridden",
        ),
    ):
        for method in ("eth_call", "eth_estimateGas"):
            assert await wire.error(method, call, "latest", overrides) == (-32000, message)


async def test_a_call_that_may_not_run_says_with_how_much_gas(wire: Wire) -> None:
    code, message = await wire.error(
        "eth_call", {"from": SENDER, "to": NOBODY, "gas": "0x5207", "gasPrice": hex(5 * GWEI)}
    )
    assert (code, message) == (
        -32000,
        "err: intrinsic gas too low: have 20999, want 21000 (supplied gas 20999)",
    )
    code, message = await wire.error("eth_call", {"from": SENDER, "to": NOBODY, "maxFeePerGas": "0x1"})
    assert message.startswith("err: max fee per gas less than block base fee: address 0x")
    assert message.endswith("(supplied gas 50000000)")


async def test_access_lists(wire: Wire) -> None:
    found = await wire.result(
        "eth_createAccessList", {"from": SENDER, "to": hexed(WRITER), "input": word(1) + word(2)[2:]}
    )
    assert found == {
        "accessList": [{"address": hexed(WRITER), "storageKeys": [word(1)]}],
        "gasUsed": found["gasUsed"],
    }
    listed = {
        "from": SENDER,
        "to": hexed(WRITER),
        "input": word(1) + word(2)[2:],
        "accessList": found["accessList"],
    }
    assert await wire.result("eth_estimateGas", listed) == found["gasUsed"]
    # An account without funds may ask, unless it offers a price.
    poor = {"from": NOBODY, "to": hexed(COUNTER)}
    assert (await wire.result("eth_createAccessList", poor, "0x2"))["accessList"] == [
        {"address": hexed(COUNTER), "storageKeys": [word(0)]}
    ]
    code, message = await wire.error("eth_createAccessList", poor | {"gasPrice": hex(9 * GWEI)})
    assert code == -32000
    assert message.startswith(
        "failed to apply transaction: err: insufficient funds for gas * price + value: address"
    )


async def test_access_lists_of_calls_that_fail(wire: Wire) -> None:
    found = await wire.result("eth_createAccessList", {"to": hexed(REVERTER), "input": "0x" + REASON})
    assert (found["accessList"], found["error"]) == ([], "execution reverted")
    found = await wire.result("eth_createAccessList", {"to": hexed(INVALID)})
    assert found["error"].startswith("invalid opcode")
    pretended = {NOBODY: {"code": "0x600154"}}
    found = await wire.result("eth_createAccessList", {"to": NOBODY}, "latest", pretended)
    assert found["accessList"] == [{"address": NOBODY, "storageKeys": [word(1)]}]
    assert "error" not in found
    code, message = await wire.error("eth_createAccessList", {"to": NOBODY, "chainId": "0x1"})
    assert (code, message) == (-32000, "chainId does not match node's (have=1, want=1337)")


@pytest.mark.parametrize("method", ["eth_call", "eth_estimateGas", "eth_createAccessList"])
async def test_all_forms_of_a_block(wire: Wire, dev_chain: DevChain, method: str) -> None:
    call = {"to": hexed(COUNTER)}
    block_hash = hexed(dev_chain.blocks[2].hash)
    expected = await wire.result(method, call, "0x3")
    for block in (
        {"blockNumber": "0x3"},
        block_hash,
        {"blockHash": block_hash},
        {"blockHash": block_hash, "requireCanonical": True},
    ):
        assert await wire.result(method, call, block) == expected
    unknown = "0x" + "ab" * 32
    for block, error in (
        ("0x63", (-32000, "header not found")),
        (unknown, (-32000, "header for hash not found")),
        ({"blockHash": unknown}, (-32000, "header for hash not found")),
        ({}, (-32602, "invalid argument 1: invalid arguments; neither block nor hash specified")),
        (
            {"blockHash": block_hash, "blockNumber": "0x3"},
            (
                -32602,
                "invalid argument 1: cannot specify both BlockHash and BlockNumber, choose one or the other",
            ),
        ),
    ):
        assert await wire.error(method, call, block) == error


async def test_large_call_data(wire: Wire) -> None:
    """A megabyte goes in and comes back; what is too long for the listener is another matter."""
    echo = {"to": "0x" + "00" * 19 + "04", "input": "0x" + "ab" * 1_000_000}
    assert await wire.result("eth_call", echo) == echo["input"]
