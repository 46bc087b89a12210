"""A chain contract gets a new version on a running chain: every block runs the version of its height, when it is made,
after a restart, and when it is replayed."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import trio

from chain.types import Address, Hash32
from genesis import Allocation, dev_genesis
from tests.node.chain_fixture import HandDrivenChain, transfer
from tests.vm.system.upgrades.probe import ProbeV1, ProbeV2
from vm.system.addresses import UPGRADES
from vm.system.registry import CHAIN_CONTRACTS
from vm.system.upgrades.contract import Upgrades

PROBE = Address(b"\x99" * 20)
HEIGHT = 14
LAST = 18


@pytest.fixture(autouse=True)
def probe_in_genesis(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program knows both versions, and an account of the genesis has the first."""
    classes = {**CHAIN_CONTRACTS._by_code, ProbeV1.code: ProbeV1, ProbeV2.code: ProbeV2}
    monkeypatch.setattr(CHAIN_CONTRACTS, "_by_code", classes)
    probe = {PROBE: Allocation(nonce=1, code=ProbeV1.code)}
    monkeypatch.setattr("tests.node.chain_fixture.dev_genesis", partial(dev_genesis, allocations=probe))


async def submit(chain: HandDrivenChain, *raws: bytes) -> None:
    async with trio.open_nursery() as nursery:
        await nursery.start(chain.pool.run)
        for answer in await chain.pool.submit(raws):
            assert not isinstance(answer, Exception), answer
        nursery.cancel_scope.cancel()


async def make_blocks(chain: HandDrivenChain, last: int) -> None:
    """Each block calls the probe; the first one schedules its second version."""
    add = ProbeV1.add.encode()
    while chain.store.head.number < last:
        number = chain.store.head.number + 1
        raws = [transfer(1, number - 1, to=PROBE, value=0, data=add, gas=200_000).raw]
        if number == 1:
            schedule = Upgrades.schedule.encode([PROBE], 2, HEIGHT)
            raws.append(transfer(0, 0, to=UPGRADES, value=0, data=schedule, gas=1_000_000).raw)
        await submit(chain, *raws)
        chain.clock.now_ms += 1_000
        await chain.decide()


def total(chain: HandDrivenChain) -> int:
    return chain.store.latest_state().storage(PROBE, 0)


def version(chain: HandDrivenChain) -> bytes:
    account = chain.store.latest_state().account(PROBE)
    assert account is not None
    return chain.store.latest_state().code(account.code_hash)


def hashes(chain: HandDrivenChain) -> list[Hash32 | None]:
    return [chain.store.canonical_hash(number) for number in range(chain.store.head.number + 1)]


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    return tmp_path / "first", tmp_path / "second"


@pytest.mark.parametrize(
    "restarts", [(), (HEIGHT - 2,), (HEIGHT - 1,), (HEIGHT,), (3, HEIGHT - 1, HEIGHT, HEIGHT + 1)]
)
async def test_every_block_runs_the_version_of_its_height(
    folders: tuple[Path, Path], restarts: tuple[int, ...]
) -> None:
    chain = HandDrivenChain(folders[0])
    for stop in (*restarts, HEIGHT - 1, HEIGHT, LAST):
        await make_blocks(chain, stop)
        if stop in restarts:
            clock = chain.clock
            chain.close()
            chain = HandDrivenChain(folders[0], clock=clock)
        head = chain.store.head.number
        assert version(chain) == (ProbeV1 if head < HEIGHT else ProbeV2).code
        assert total(chain) == min(head, HEIGHT - 1) + 2 * max(0, head - HEIGHT + 1)
    receipts = chain.store.receipts(1)
    assert receipts is not None
    assert all(receipt.succeeded for receipt in receipts)
    await replay(chain, folders[1], restarts)
    chain.close()


async def replay(chain: HandDrivenChain, folder: Path, restarts: tuple[int, ...]) -> None:
    """Another node that only gets the decided blocks comes to the same chain."""
    other = HandDrivenChain(folder, clock=chain.clock)
    for number in range(1, LAST + 1):
        ((payload, commit),) = await chain.application.certified_blocks(number, 1, 1 << 22)
        validation = await other.application.validate(number, payload)
        assert validation.valid, validation
        await other.application.commit(payload, commit)
        if number in restarts:
            other.close()
            other = HandDrivenChain(folder, clock=chain.clock)
    assert hashes(other) == hashes(chain)
    assert other.store.head == chain.store.head
    other.close()
