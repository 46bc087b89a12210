"""Anything that one may do to a development chain, in any order, against a plain model of it; with restarts."""

from __future__ import annotations

import tempfile
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path

import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from state.state_root import committed_root
from tests.node.dev.dev_fixture import FIRST, RunningDev, WallClock, open_dev

RECEIVERS = tuple("0x" + f"{number:02x}" * 20 for number in (0xA1, 0xA2, 0xA3))
ADDRESSES = st.sampled_from(RECEIVERS)
ACTIONS = st.one_of(
    st.tuples(st.just("pay"), ADDRESSES, st.integers(1, 9)),
    st.tuples(st.just("set"), ADDRESSES, st.integers(0, 9)),
    st.tuples(st.just("slot"), ADDRESSES, st.integers(0, 2)),
    st.tuples(st.just("mine"), st.integers(0, 3)),
    st.tuples(st.just("time"), st.integers(1, 10_000)),
    st.tuples(st.just("snapshot")),
    st.tuples(st.just("revert"), st.integers(0, 4)),
    st.tuples(st.just("restart")),
    st.tuples(st.just("reset")),
)


@dataclass
class Model:
    """What the chain should look like."""

    balances: dict[str, int] = field(default_factory=dict)
    slots: dict[str, int] = field(default_factory=dict)
    height: int = 0
    sent: int = 0


@dataclass
class Walk:
    """The chain, the model, and the models at the open snapshots."""

    model: Model = field(default_factory=Model)
    snapshots: list[tuple[str, Model]] = field(default_factory=list)

    async def step(self, dev: RunningDev, action: tuple[object, ...]) -> None:
        model = self.model
        match action:
            case ("pay", str(address), int(value)):
                await dev.pay(value, to=address)
                model.balances[address] = model.balances.get(address, 0) + value
                model.height += 1
                model.sent += 1
            case ("set", str(address), int(value)):
                await dev.call("hardhat_setBalance", address, hex(value))
                model.balances[address] = value
            case ("slot", str(address), int(value)):
                await dev.call("anvil_setStorageAt", address, "0x1", f"0x{value:064x}")
                model.slots[address] = value
            case ("mine", int(blocks)):
                await dev.call("hardhat_mine", hex(blocks))
                model.height += blocks
            case ("time", int(seconds)):
                await dev.call("evm_increaseTime", seconds)
            case ("snapshot",):
                self.snapshots.append((await dev.call("evm_snapshot"), deepcopy(model)))
            case ("revert", int(position)):
                if position < len(self.snapshots):
                    number, self.model = self.snapshots[position]
                    del self.snapshots[position:]
                    assert await dev.call("evm_revert", number) is True
            case ("reset",):
                await dev.call("hardhat_reset")
                self.model, self.snapshots = Model(), []
        await self.check(dev)

    async def check(self, dev: RunningDev) -> None:
        model = self.model
        assert await dev.height() == model.height
        assert await dev.number("eth_getTransactionCount", FIRST) == model.sent
        for address in RECEIVERS:
            assert await dev.number("eth_getBalance", address) == model.balances.get(address, 0)
            slot = int(await dev.call("eth_getStorageAt", address, "0x1"), 16)
            assert slot == model.slots.get(address, 0)
        head = dev.store.head
        assert committed_root(dev.store._rows) == head.state_root
        header = dev.store.header(head.number)
        assert header is not None
        assert header.hash == head.hash
        if head.number:
            assert dev.store.canonical_hash(head.number - 1) == header.parent_hash
        assert dev.store.header(head.number + 1) is None


async def run(actions: list[tuple[object, ...]], folder: Path) -> None:
    walk, wall = Walk(), WallClock()
    waiting = list(actions)
    while waiting:
        async with open_dev(folder, wall=wall) as dev:
            await walk.check(dev)
            while waiting:
                action = waiting.pop(0)
                if action == ("restart",):
                    walk.snapshots = []
                    break
                await walk.step(dev, action)


@settings(max_examples=40, deadline=None)
@given(st.lists(ACTIONS, min_size=1, max_size=25))
def test_the_chain_is_what_the_model_says(actions: list[tuple[object, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        trio.run(run, actions, Path(folder))
