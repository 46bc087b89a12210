"""eth_capabilities and eth_config over a real chain and socket."""

from dataclasses import replace

import pytest

from rpc.backend import ForkConfiguration
from tests.rpc.dev_chain import CHAIN_ID, DevChain, FakeNode, hexed
from tests.rpc.wire import Wire
from vm.block import BEACON_ROOTS_ADDRESS
from vm.forks import Fork

PRAGUE = ForkConfiguration(
    Fork.PRAGUE, 0, 0, 0, 5_007_716, bytes.fromhex("01020304"), {"BEACON_ROOTS_ADDRESS": BEACON_ROOTS_ADDRESS}
)


async def test_what_is_kept(wire: Wire, dev_chain: DevChain) -> None:
    head = dev_chain.head_header()
    everything = {"disabled": False, "oldestBlock": "0x0"}
    states = {
        "disabled": False,
        "oldestBlock": "0x0",
        "deleteStrategy": {"type": "window", "retentionBlocks": "0x80"},
    }

    assert await wire.result("eth_capabilities") == {
        "head": {"number": hex(head.number), "hash": hexed(head.hash)},
        "state": states,
        "tx": everything,
        "logs": everything,
        "receipts": everything,
        "blocks": everything,
        "stateproofs": states,
    }


async def configured(
    wire: Wire, node: FakeNode, patch: pytest.MonkeyPatch, *configurations: ForkConfiguration
) -> tuple[str | None, str | None, str | None]:
    patch.setattr(node, "fork_configurations", lambda: configurations)
    answer = await wire.result("eth_config")
    current, following, last = (
        None if answer[name] is None else answer[name]["forkId"] for name in ("current", "next", "last")
    )
    return current, following, last


async def test_the_rules_in_force(wire: Wire, fake_node: FakeNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fake_node, "fork_configurations", lambda: (PRAGUE,))
    answer = await wire.result("eth_config")
    current = answer["current"]

    assert (answer["next"], answer["last"]) == (None, None)
    assert current["chainId"] == hex(CHAIN_ID)
    assert (current["activationTime"], current["forkId"]) == (0, "0x01020304")
    assert current["blobSchedule"] == {"target": 0, "max": 0, "baseFeeUpdateFraction": 5_007_716}
    assert current["systemContracts"] == {"BEACON_ROOTS_ADDRESS": hexed(BEACON_ROOTS_ADDRESS)}
    assert len(current["precompiles"]) == 0x11
    assert current["precompiles"]["ID"] == "0x0000000000000000000000000000000000000004"
    assert list(current["precompiles"]) == sorted(current["precompiles"])


async def test_rules_to_come(
    wire: Wire, fake_node: FakeNode, dev_chain: DevChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = dev_chain.head_header().timestamp
    earlier = replace(PRAGUE, fork=Fork.CANCUN, fork_id=bytes.fromhex("0000000a"))
    # A rule set that begins with a block has it when its block comes, though its time may be that of the head.
    osaka = replace(PRAGUE, fork=Fork.OSAKA, activation_time=now, fork_id=bytes.fromhex("0000000b"))
    more_blobs = replace(osaka, activation_time=now + 9, fork_id=bytes.fromhex("0000000c"))
    same_rules = replace(PRAGUE, activation_time=now + 1, fork_id=bytes.fromhex("0000000d"))

    async def shown(*configurations: ForkConfiguration) -> tuple[str | None, str | None, str | None]:
        return await configured(wire, fake_node, monkeypatch, *configurations)

    assert await shown(earlier, PRAGUE) == ("0x01020304", None, None)
    assert await shown(PRAGUE, osaka) == ("0x01020304", "0x0000000b", "0x0000000b")
    assert await shown(earlier, PRAGUE, osaka, more_blobs) == ("0x01020304", "0x0000000b", "0x0000000c")
    assert await shown(PRAGUE, same_rules) == ("0x01020304", "0x0000000d", "0x0000000d")
    assert await shown(PRAGUE, replace(same_rules, activation_time=now)) == ("0x0000000d", None, None)
