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
