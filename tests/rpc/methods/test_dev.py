"""evm_, hardhat_ and anvil_: the names, and what each name space expects to hear."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.node.dev.dev_fixture import SECOND, STRANGER, open_dev

WORD = "0x" + "00" * 31 + "07"
ANSWERS: tuple[tuple[str, tuple[Any, ...], Any], ...] = (
    ("evm_mine", (), "0x0"),
    ("evm_mine", ({"blocks": 3},), "0x0"),
    ("evm_increaseTime", (10,), 10),
    ("evm_setNextBlockTimestamp", (1_900_000_000,), None),
    ("evm_setAutomine", (False,), True),
    ("evm_setIntervalMining", (0,), True),
    ("evm_setBlockGasLimit", ("0x1c9c380",), True),
    ("evm_snapshot", (), "0x1"),
    ("evm_revert", ("0x7",), False),
    ("hardhat_mine", (), True),
    ("hardhat_mine", ("0x2", "0x3c"), True),
    ("hardhat_setBalance", (STRANGER, "0x1"), True),
    ("hardhat_setNonce", (STRANGER, "0x1"), True),
    ("hardhat_setCode", (STRANGER, "0x00"), True),
    ("hardhat_setStorageAt", (STRANGER, "0x0", WORD), True),
    ("hardhat_setCoinbase", (STRANGER,), True),
    ("hardhat_setNextBlockBaseFeePerGas", ("0x7",), True),
    ("hardhat_setPrevRandao", (WORD,), True),
    ("hardhat_impersonateAccount", (STRANGER,), True),
    ("hardhat_stopImpersonatingAccount", (STRANGER,), False),
    ("hardhat_dropTransaction", (WORD,), False),
    ("hardhat_getAutomine", (), True),
    ("hardhat_reset", (), True),
    ("hardhat_reset", ({},), True),
    ("hardhat_setLoggingEnabled", (False,), True),
    ("evm_setAccountNonce", (STRANGER, "0x5"), None),
    ("anvil_addBalance", (STRANGER, "0x5"), None),
    ("anvil_setLoggingEnabled", (True,), None),
    ("anvil_mine", (), None),
    ("anvil_mine", (2, 60), None),
    ("anvil_setBalance", (STRANGER, "0x1"), None),
    ("anvil_setNonce", (STRANGER, 1), None),
    ("anvil_setCode", (STRANGER, "0x00"), None),
    ("anvil_setStorageAt", (STRANGER, "0x0", WORD), True),
    ("anvil_setCoinbase", (STRANGER,), None),
    ("anvil_setNextBlockBaseFeePerGas", (7,), None),
    ("anvil_impersonateAccount", (STRANGER,), None),
    ("anvil_stopImpersonatingAccount", (STRANGER,), None),
    ("anvil_autoImpersonateAccount", (True,), None),
    ("anvil_increaseTime", (10,), 10),
    ("anvil_setNextBlockTimestamp", (1_900_000_000,), None),
    ("anvil_setBlockTimestampInterval", (12,), None),
    ("anvil_removeBlockTimestampInterval", (), False),
    ("anvil_setAutomine", (True,), None),
    ("anvil_getAutomine", (), True),
    ("anvil_setIntervalMining", (0,), None),
    ("anvil_getIntervalMining", (), None),
    ("anvil_setBlockGasLimit", (30_000_000,), True),
    ("anvil_snapshot", (), "0x1"),
    ("anvil_revert", (1,), False),
    ("anvil_dropTransaction", (WORD,), None),
    ("anvil_dropAllTransactions", (), None),
    ("anvil_reset", (), None),
)


@pytest.mark.parametrize(("method", "params", "answer"), ANSWERS, ids=lambda value: str(value)[:40])
async def test_what_is_answered(tmp_path: Path, method: str, params: tuple[Any, ...], answer: Any) -> None:
    async with open_dev(tmp_path) as dev:
        assert await dev.call(method, *params) == answer


async def test_who_the_node_says_it_is(tmp_path: Path) -> None:
    async with open_dev(tmp_path) as dev:
        version = await dev.call("web3_clientVersion")
        # Hardhat's network helpers work on networks whose version begins so.
        assert version.startswith("anvil-compatible/aurigraph/")
        head = await dev.block()
        metadata = await dev.call("hardhat_metadata")
        assert metadata.pop("instanceId").startswith("0x")
        assert metadata == {
            "clientVersion": version,
            "chainId": 1337,
            "latestBlockNumber": 0,
            "latestBlockHash": head["hash"],
        }
        assert (await dev.call("anvil_metadata")).keys() >= metadata.keys() | {"forkedNetwork", "snapshots"}
        info = await dev.call("anvil_nodeInfo")
        assert info["currentBlockNumber"] == "0x0"
        assert info["currentBlockHash"] == head["hash"]
        assert info["currentBlockTimestamp"] == int(head["timestamp"], 16)
        assert info["hardFork"] == "prague"
        assert info["environment"]["chainId"] == 1337
        assert info["environment"]["gasLimit"] == head["gasLimit"]


async def test_the_two_meanings_of_an_interval(tmp_path: Path) -> None:
    async with open_dev(tmp_path) as dev:
        await dev.call("evm_setIntervalMining", 5_000)
        assert dev.node.interval_ms == 5_000
        await dev.call("anvil_setIntervalMining", 7)
        assert dev.node.interval_ms == 7_000
        assert await dev.call("anvil_getIntervalMining") == 7
        await dev.call("evm_setIntervalMining", [1_000, 2_000])
        assert dev.node.interval_ms == 2_000


async def test_the_clock_is_set_in_seconds_or_milliseconds(tmp_path: Path) -> None:
    async with open_dev(tmp_path) as dev:
        now_s = dev.application.clock() // 1000
        assert await dev.call("evm_setTime", now_s + 100) == 100
        assert await dev.call("evm_setTime", (now_s + 200) * 1000) == 100
        await dev.call("evm_mine")
        assert await dev.time() == now_s + 200


async def test_forks_of_other_chains_are_refused(tmp_path: Path) -> None:
    fork = {"forking": {"jsonRpcUrl": "http://localhost:1", "blockNumber": 1}}
    async with open_dev(tmp_path) as dev:
        for method, params in (
            ("hardhat_reset", fork),
            ("anvil_reset", fork),
            ("anvil_reset", fork["forking"]),
            ("anvil_setRpcUrl", "http://localhost:1"),
        ):
            assert await dev.error(method, params) == (-32000, "forking another chain is not supported")


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("evm_mine", ("soon",)),
        ("evm_mine", ([],)),
        ("hardhat_mine", ("-0x1",)),
        ("hardhat_mine", (1.5,)),
        ("hardhat_mine", (True,)),
        ("evm_increaseTime", (-5,)),
        ("evm_increaseTime", ()),
        ("evm_setAutomine", ("yes",)),
        ("evm_setIntervalMining", ([5, 1],)),
        ("evm_revert", ("first",)),
        ("hardhat_setBalance", (STRANGER, hex(2**256))),
        ("hardhat_setBalance", ("0x1234", "0x1")),
        ("hardhat_setCode", (STRANGER, "0x0")),
        ("hardhat_setStorageAt", (STRANGER, "0x0", "0x" + "00" * 33)),
        ("hardhat_setPrevRandao", ("0x63",)),
        ("hardhat_dropTransaction", ("0x63",)),
        ("anvil_reset", ("genesis",)),
        ("eth_signTypedData_v4", (SECOND, "{")),
    ],
    ids=str,
)
async def test_malformed_parameters_are_told(tmp_path: Path, method: str, params: tuple[Any, ...]) -> None:
    async with open_dev(tmp_path) as dev:
        assert (await dev.error(method, *params))[0] == -32602
        assert await dev.height() == 0


async def test_extreme_numbers_never_meet_an_internal_error(tmp_path: Path) -> None:
    extremes: tuple[Any, ...] = (hex(2**256 - 1), 2**63, 0, STRANGER, WORD, True, {}, None)
    async with open_dev(tmp_path) as dev:
        for method in sorted(dev.dispatcher._methods):
            if method.split("_")[0] not in ("evm", "hardhat", "anvil"):
                continue
            for value in extremes:
                for params in ((value,), (STRANGER, value), (STRANGER, value, WORD)):
                    reply = await dev.reply(method, *params)
                    assert reply.get("error", {}).get("code") not in (-32603, -32002), (method, params, reply)
        await dev.call("evm_setIntervalMining", 0)
        await dev.call("hardhat_reset")
        assert await dev.height() == 0
