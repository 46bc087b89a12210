from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from chain.errors import InvariantViolation
from chain.transaction import Transaction
from node.application import ChainApplication
from node.chain_start import read_chain
from node.config import ProductionSettings
from node.pending import MAX_ATTEMPTS, SHOWN_AT_LEAST_S, PendingBlocks
from rpc.backend import PendingBlock
from tests.node.chain_fixture import ACCOUNTS, RECEIVER, HandDrivenChain, transfer
from vm.block import BlockBuilder
from vm.creation_address import create_address
from vm.environment import BlockEnvironment
from vm.system.addresses import DISTRIBUTION

LOOP_FOREVER = bytes.fromhex("5b600056")
INIT_OF_LOOP = bytes.fromhex("635b600056600052600460 1cf3".replace(" ", ""))


@dataclass
class Monotonic:
    """A clock that tests move; `step_s` is what each look at it takes."""

    now_s: float = 100.0
    step_s: float = 0.0

    def __call__(self) -> float:
        self.now_s += self.step_s
        return self.now_s


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[HandDrivenChain]:
    driven = HandDrivenChain(tmp_path)
    yield driven
    driven.close()


def pending_blocks(chain: HandDrivenChain, clock: Callable[[], float] | None = None) -> PendingBlocks:
    return PendingBlocks(
        chain.store,
        chain.pool,
        chain.application.pending_environment,
        chain.constants.params.max_block_bytes,
        monotonic=Monotonic() if clock is None else clock,
    )


async def submit(chain: HandDrivenChain, *transactions: Transaction) -> None:
    async with trio.open_nursery() as nursery:
        await nursery.start(chain.pool.run)
        answers = await chain.pool.submit([transaction.raw for transaction in transactions])
        nursery.cancel_scope.cancel()
    assert answers == [transaction.hash for transaction in transactions]


def hashes(block: PendingBlock) -> list[bytes]:
    return [transaction.hash for transaction in block.block.transactions]


async def test_the_pending_block_is_the_one_that_is_decided_next(chain: HandDrivenChain) -> None:
    await chain.decide()
    await submit(chain, transfer(0, 0), transfer(1, 0, tip=5 * 10**9), transfer(0, 1, value=7))
    chain.clock.now_ms += 5_000
    now_ms = chain.clock.now_ms
    pending = await pending_blocks(chain).current()
    chain.clock.now_ms = now_ms  # the header commits to the millisecond
    await chain.decide()
    decided = chain.store.block(2)

    assert decided is not None
    assert pending.block.transactions == decided.transactions
    assert replace(pending.block.header, extra_data=b"") == replace(decided.header, extra_data=b"")
    assert pending.receipts == chain.store.receipts(2)
    assert pending.senders == (ACCOUNTS[1].address, ACCOUNTS[0].address, ACCOUNTS[0].address)
    for address in (ACCOUNTS[0].address, ACCOUNTS[1].address, RECEIVER, DISTRIBUTION):
        shown, real = pending.state.account(address), chain.store.latest_state().account(address)
        assert shown is not None
        assert real is not None
        assert (shown.nonce, shown.balance) == (real.nonce, real.balance)


async def test_a_node_that_does_not_validate_has_one_too(chain: HandDrivenChain) -> None:
    follower = ChainApplication(
        chain.constants,
        read_chain(chain.folder / "genesis.json").record,
        chain.store,
        chain.pool,
        ProductionSettings(),
        chain.clock,
        None,
    )
    await submit(chain, transfer(0, 0))
    blocks = PendingBlocks(chain.store, chain.pool, follower.pending_environment, 10**6)
    pending = await blocks.current()
    head = chain.store.header(0)

    assert head is not None
    assert hashes(pending) == [transfer(0, 0).hash]
    assert pending.block.header.beneficiary == head.beneficiary


async def test_a_cheap_one_shows_a_new_transaction_at_once(chain: HandDrivenChain) -> None:
    blocks = pending_blocks(chain)
    assert hashes(await blocks.current()) == []
    for nonce in range(3):
        await submit(chain, transfer(0, nonce))
        assert len(hashes(await blocks.current())) == nonce + 1


async def test_a_dear_one_is_shown_for_a_while_before_it_is_built_again(
    chain: HandDrivenChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.pending.CHEAP_BUILD_S", -1.0)
    clock = Monotonic()
    blocks = pending_blocks(chain, clock)
    empty = await blocks.current()
    await submit(chain, transfer(0, 0))

    clock.now_s += SHOWN_AT_LEAST_S / 2
    assert await blocks.current() is empty
    clock.now_s += SHOWN_AT_LEAST_S
    assert len(hashes(await blocks.current())) == 1


async def test_it_is_not_built_again_while_nothing_changes(chain: HandDrivenChain) -> None:
    await submit(chain, transfer(0, 0))
    clock = Monotonic()
    blocks = pending_blocks(chain, clock)
    shown = await blocks.current()

    clock.now_s += 10 * SHOWN_AT_LEAST_S
    assert await blocks.current() is shown
    chain.clock.now_ms += 2_000  # a block built now would have another time
    later = await blocks.current()
    assert later is not shown
    assert later.environment.timestamp > shown.environment.timestamp
    assert hashes(later) == hashes(shown)


async def test_what_is_wished_for_the_next_block_shows(
    chain: HandDrivenChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.pending.CHEAP_BUILD_S", -1.0)
    wished: dict[str, object] = {}
    frozen = chain.application.pending_environment()

    def environment() -> BlockEnvironment:
        return replace(frozen, **wished)  # type: ignore[arg-type]

    blocks = PendingBlocks(chain.store, chain.pool, environment, 10**6, shown_at_least_s=0)
    shown = await blocks.current()
    assert await blocks.current() is shown
    for name, value in (
        ("timestamp", frozen.timestamp + 100),
        ("base_fee_per_gas", 7),
        ("beneficiary", RECEIVER),
        ("gas_limit", 50_000),
        ("prev_randao", bytes(32)),
    ):
        wished[name] = value
        other = await blocks.current()
        assert other is not shown
        assert getattr(other.environment, name) == value
        shown = other


async def test_a_new_head_shows_at_once(chain: HandDrivenChain) -> None:
    blocks = pending_blocks(chain)
    await submit(chain, transfer(0, 0))
    assert len(hashes(await blocks.current())) == 1

    await chain.decide()
    after = await blocks.current()
    assert (after.block.number, hashes(after)) == (2, [])
    assert after.block.header.parent_hash == chain.store.head.hash


async def test_the_old_state_is_let_go_when_the_head_moves(chain: HandDrivenChain) -> None:
    """It holds a snapshot of the store, which would keep old rows for as long as nobody asks again."""
    blocks = pending_blocks(chain)
    await blocks.current()
    assert blocks._shown is not None

    await chain.decide()
    assert blocks._shown is None


async def test_a_transaction_that_takes_too_long_is_left_out(chain: HandDrivenChain) -> None:
    await submit(chain, transfer(0, 0, to=None, data=INIT_OF_LOOP, gas=200_000))
    await chain.decide()
    receipts = chain.store.receipts(1)
    assert receipts is not None
    assert receipts[0].succeeded
    loop = create_address(ACCOUNTS[0].address, 0)
    await submit(
        chain, transfer(1, 0, tip=9 * 10**9), transfer(0, 1, to=loop, gas=20_000_000), transfer(2, 0, tip=1)
    )
    blocks = pending_blocks(chain, Monotonic(step_s=0.001))
    pending = await blocks.current()

    assert hashes(pending) == [transfer(1, 0, tip=9 * 10**9).hash]
    receiver = pending.state.account(RECEIVER)
    assert receiver is not None
    assert receiver.balance == 1
    sender = pending.state.account(ACCOUNTS[0].address)
    assert sender is not None
    assert sender.nonce == 1, "nothing of what was given up is left"
    assert chain.pool.known(transfer(0, 1, to=loop, gas=20_000_000).hash) is not None


async def test_all_who_ask_at_once_get_the_same_block(
    chain: HandDrivenChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    builds: list[BlockEnvironment] = []
    build = PendingBlocks._build

    def counted(self: PendingBlocks, environment: BlockEnvironment, *rest: object) -> PendingBlock | None:
        builds.append(environment)
        return build(self, environment, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(PendingBlocks, "_build", counted)
    blocks = pending_blocks(chain)
    got: list[PendingBlock] = []

    async def ask() -> None:
        got.append(await blocks.current())

    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(ask)
    assert len({id(block) for block in got}) == 1
    assert len(builds) == 1


async def test_work_stops_when_the_head_moves_and_begins_again_on_it(
    chain: HandDrivenChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The build of the pending block waits inside its first transaction until another block is committed."""
    await submit(chain, transfer(0, 0), transfer(1, 0))
    started, go_on = trio.Event(), threading.Event()
    token = trio.lowlevel.current_trio_token()
    try_add = BlockBuilder.try_add
    held: list[BlockBuilder] = []

    def slow(self: BlockBuilder, recovered: object) -> object:
        if self._checkpoint is not None and not held:
            held.append(self)
            token.run_sync_soon(started.set)
            assert go_on.wait(10)
        return try_add(self, recovered)  # type: ignore[arg-type]

    monkeypatch.setattr(BlockBuilder, "try_add", slow)
    blocks = pending_blocks(chain)
    got: list[PendingBlock] = []

    async def ask() -> None:
        got.append(await blocks.current())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await started.wait()
        with trio.fail_after(5):
            await chain.decide()  # consensus does not wait for the thread that is held
        go_on.set()
    assert len(held[0].included) == 0
    assert got[0].block.header.parent_hash == chain.store.head.hash
    assert (got[0].block.number, hashes(got[0])) == (2, [])


async def test_heads_that_never_rest_leave_an_empty_block(
    chain: HandDrivenChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    await submit(chain, transfer(0, 0))
    blocks = pending_blocks(chain)
    asked: list[int] = []
    build = PendingBlocks._build

    def moved(
        self: PendingBlocks, environment: BlockEnvironment, parent: object, candidates: list[object]
    ) -> object:
        asked.append(len(candidates))
        return build(self, environment, parent, candidates) if not candidates else None  # type: ignore[arg-type]

    monkeypatch.setattr(PendingBlocks, "_build", moved)
    pending = await blocks.current()

    assert asked == [1] * MAX_ATTEMPTS + [0]
    assert (pending.block.number, hashes(pending)) == (1, [])


async def test_a_transaction_that_crashes_execution_ends_the_block_and_nothing_else(
    chain: HandDrivenChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = transfer(0, 0, tip=9 * 10**9), transfer(1, 0)
    await submit(chain, good, bad)
    apply = BlockBuilder._apply

    def crash(self: BlockBuilder, recovered: object) -> object:
        if getattr(recovered, "transaction", None) == bad:
            raise ZeroDivisionError
        return apply(self, recovered)  # type: ignore[arg-type]

    monkeypatch.setattr(BlockBuilder, "_apply", crash)
    assert hashes(await pending_blocks(chain).current()) == [good.hash]
    assert chain.pool.known(bad.hash) is not None


async def test_a_broken_invariant_is_not_hidden(
    chain: HandDrivenChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    await submit(chain, transfer(0, 0))

    def broken(self: BlockBuilder, recovered: object) -> object:
        raise InvariantViolation("broken")

    monkeypatch.setattr(BlockBuilder, "_apply", broken)
    with pytest.raises(InvariantViolation, match="broken"):
        await pending_blocks(chain).current()


async def test_a_client_that_gives_up_does_not_stop_the_others(chain: HandDrivenChain) -> None:
    await submit(chain, transfer(0, 0))
    blocks = pending_blocks(chain)
    got: list[PendingBlock] = []

    async def ask() -> None:
        got.append(await blocks.current())

    async with trio.open_nursery() as nursery:
        with trio.move_on_after(0):
            await blocks.current()
        nursery.start_soon(ask)
        nursery.start_soon(ask)
        await wait_all_tasks_blocked()
    assert got[0] is got[1]
    assert len(hashes(got[0])) == 1
