from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trio.testing

from chain.errors import InvariantViolation
from chain.transaction import Transaction, recover_sender
from chain.types import Address
from node.config import MempoolSettings
from node.errors import HomeError, PoolError
from node.journal import TransactionJournal, parse_frames
from node.pool import MAX_BATCH, OFFER_AGAIN_AFTER_S, STOPPING, TransactionPool
from tests.node.chain_fixture import ACCOUNTS, HandDrivenChain, transfer


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[HandDrivenChain]:
    driven = HandDrivenChain(tmp_path, journal=True)
    yield driven
    driven.close()


@asynccontextmanager
async def running(pool: TransactionPool) -> AsyncIterator[TransactionPool]:
    async with trio.open_nursery() as nursery:
        await nursery.start(pool.run)
        yield pool
        nursery.cancel_scope.cancel()


def pool_on(chain: HandDrivenChain, **settings: int) -> TransactionPool:
    """A pool as after a restart: same store, same journal."""
    journal = TransactionJournal(chain.folder / "journal")
    return TransactionPool(chain.constants, chain.store, MempoolSettings(**settings), journal)


def journaled(chain: HandDrivenChain) -> list[bytes]:
    return parse_frames((chain.folder / "journal").read_bytes()).raws


def texts(answers: Sequence[object]) -> list[str]:
    return [str(answer) for answer in answers]


async def test_submissions_that_arrive_meanwhile_form_one_batch(
    chain: HandDrivenChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    judge_all = TransactionPool._judge_all

    def counting(self: TransactionPool, raws: Sequence[bytes]) -> object:
        sizes.append(len(raws))
        return judge_all(self, raws)

    monkeypatch.setattr(TransactionPool, "_judge_all", counting)
    transactions = [transfer(0, nonce) for nonce in range(40)]
    answers: dict[int, object] = {}

    async def client(nonce: int) -> None:
        answers[nonce] = (await chain.pool.submit([transactions[nonce].raw]))[0]

    async with running(chain.pool), trio.open_nursery() as clients:
        for nonce in range(40):
            clients.start_soon(client, nonce)
    assert sum(sizes) == 40
    assert len(sizes) < 40
    assert {nonce: transactions[nonce].hash for nonce in range(40)} == answers
    assert sorted(journaled(chain)) == sorted(transaction.raw for transaction in transactions)


async def test_a_batch_is_bounded_but_a_large_submission_goes_through(chain: HandDrivenChain) -> None:
    large = [b"\x01"] * (MAX_BATCH + 1)
    async with trio.open_nursery() as nursery:
        for raws in ([b"\x02"] * 2, large, [b"\x03"] * 2, [b"\x04"] * 2):
            nursery.start_soon(chain.pool.submit, raws)
            await trio.testing.wait_all_tasks_blocked()
        batches = []
        while chain.pool._waiting:
            batches.append([len(submission.raws) for submission in chain.pool._next_batch()])
        nursery.cancel_scope.cancel()
    assert batches == [[2], [MAX_BATCH + 1], [2, 2]]


async def test_a_client_hears_busy_when_too_many_wait(
    chain: HandDrivenChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.pool.MAX_WAITING", 5)
    first: list[object] = []

    async def client() -> None:
        first.extend(await chain.pool.submit([transfer(0, nonce).raw for nonce in range(5)]))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(client)
        await trio.testing.wait_all_tasks_blocked()
        refused = await chain.pool.submit([transfer(1, 0).raw])
        assert texts(refused) == ["node is busy: too many transactions wait for admission"]
        await nursery.start(chain.pool.run)
        while len(first) < 5:
            await trio.sleep(0.01)
        assert isinstance((await chain.pool.submit([transfer(1, 0).raw]))[0], bytes)
        nursery.cancel_scope.cancel()


async def test_a_journal_that_cannot_be_written_refuses_until_it_heals(
    chain: HandDrivenChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = TransactionJournal._write

    def failing(_self: TransactionJournal, _raws: Sequence[bytes]) -> int:
        raise HomeError("no space left on device")

    async with running(chain.pool) as pool:
        monkeypatch.setattr(TransactionJournal, "_write", failing)
        answers = await pool.submit([transfer(0, 0).raw, b"\x02"])
        assert "not on disk" in str(answers[0])
        assert "not on disk" not in str(answers[1])
        monkeypatch.setattr(TransactionJournal, "_write", write)
        assert "not on disk" in str((await pool.submit([transfer(1, 0).raw]))[0])
        await pool.maintain_journal()
        assert isinstance((await pool.submit([transfer(2, 0).raw]))[0], bytes)
    assert sorted(journaled(chain)) == sorted(transfer(sender, 0).raw for sender in range(3))


async def test_a_rewrite_that_fails_is_tried_again_and_ends_nothing(
    chain: HandDrivenChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(chain.pool) as pool:
        await pool.submit([transfer(0, 0).raw])
        monkeypatch.setattr("node.journal.REWRITE_SLACK_BYTES", -(10**6))
        (chain.folder / "journal.new").mkdir()
        await pool.maintain_journal()
        (chain.folder / "journal.new").rmdir()
        await pool.maintain_journal()
        assert isinstance((await pool.submit([transfer(0, 1).raw]))[0], bytes)
    assert journaled(chain) == [transfer(0, 0).raw, transfer(0, 1).raw]


async def test_transactions_of_peers_are_neither_journaled_nor_offered(chain: HandDrivenChain) -> None:
    async with running(chain.pool) as pool:
        raw = transfer(0, 0).raw
        assert isinstance((await pool.submit_from_peer([raw]))[0], bytes)
        assert await pool.submit_from_peer([raw]) == []  # known: not even looked at
        with trio.move_on_after(0.05) as wait:
            await pool.take_outbox()
        assert wait.cancelled_caught
    assert journaled(chain) == []


async def test_a_crash_in_reading_a_transaction_is_an_answer(
    chain: HandDrivenChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("node.pool.recover_sender", lambda _: [].pop())
        async with running(chain.pool) as pool:
            assert texts(await pool.submit([transfer(0, 0).raw])) == [
                "internal error while reading the transaction"
            ]
    async with running(pool_on(chain)) as pool:
        assert isinstance((await pool.submit([transfer(0, 0).raw]))[0], bytes)


async def test_a_broken_invariant_ends_the_pool_and_everybody_is_told(
    chain: HandDrivenChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> object:
        raise InvariantViolation("a bug")

    monkeypatch.setattr("node.pool.recover_sender", broken)
    answers: list[object] = []

    async def client() -> None:
        answers.extend(await chain.pool.submit([transfer(0, 0).raw]))

    with pytest.RaisesGroup(pytest.RaisesGroup(InvariantViolation)):
        async with trio.open_nursery() as clients:
            clients.start_soon(client)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(chain.pool.run)
    assert texts(answers) == [STOPPING]


async def test_a_stop_finishes_what_has_begun_and_refuses_the_rest(chain: HandDrivenChain) -> None:
    answers: dict[int, list[object]] = {}

    async def client(sender: int, count: int) -> None:
        answers[sender] = list(
            await chain.pool.submit([transfer(sender, nonce).raw for nonce in range(count)])
        )

    async with trio.open_nursery() as clients:
        clients.start_soon(client, 0, MAX_BATCH)
        await trio.testing.wait_all_tasks_blocked()
        clients.start_soon(client, 1, 1)
        await trio.testing.wait_all_tasks_blocked()
        async with trio.open_nursery() as nursery:
            await nursery.start(chain.pool.run)
            while len(chain.pool._waiting) == 2:
                await trio.sleep(0)
            nursery.cancel_scope.cancel()
    assert all(isinstance(answer, bytes) for answer in answers[0])
    assert len(journaled(chain)) == MAX_BATCH
    assert texts(answers[1]) == [STOPPING]
    assert texts(await chain.pool.submit([transfer(2, 0).raw])) == [STOPPING]


async def test_a_replaced_transaction_does_not_push_its_successors_out_at_a_restart(
    chain: HandDrivenChain,
) -> None:
    """In the file the replacement stands behind its successors, which are all gapped until it comes."""
    async with running(chain.pool) as pool:
        for sender in range(2):
            await pool.submit([transfer(sender, nonce).raw for nonce in range(6)])
            replacement = transfer(sender, 0, tip=2 * 10**9, fee=200 * 10**9)
            assert isinstance((await pool.submit([replacement.raw]))[0], bytes)
        # As a rewrite leaves it: in the order in which they came.
        assert pool._journal is not None
        await pool._rewrite_journal(pool._journal)
    async with running(pool_on(chain, max_queued=2)) as again:
        assert again.counts()[:2] == (12, 0)
    assert len(journaled(chain)) == 12


async def test_what_is_in_a_block_is_not_read_again(
    chain: HandDrivenChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(chain.pool) as pool:
        await pool.submit([transfer(0, nonce).raw for nonce in range(4)])
        await chain.decide()
        await pool.submit([transfer(1, 0).raw])
    assert len(journaled(chain)) == 5
    recovered: list[object] = []

    def recover(transaction: Transaction) -> Address:
        recovered.append(transaction.hash)
        return recover_sender(transaction)

    monkeypatch.setattr("node.pool.recover_sender", recover)
    async with running(pool_on(chain)) as again:
        assert again.counts()[0] == 1
    assert recovered == [transfer(1, 0).hash]
    assert journaled(chain) == [transfer(1, 0).raw]


async def test_only_what_still_waits_is_taken_from_the_outbox(chain: HandDrivenChain) -> None:
    async with running(chain.pool) as pool:
        await pool.submit([transfer(0, 0).raw])
        await chain.decide()
        await pool.submit([transfer(0, 1).raw])
        assert await pool.take_outbox() == [transfer(0, 1).raw]


async def test_the_outbox_is_bounded_and_drops_the_oldest(
    chain: HandDrivenChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.pool.MAX_OUTBOX", 3)
    async with running(chain.pool) as pool:
        await pool.submit([transfer(0, nonce).raw for nonce in range(5)])
        assert await pool.take_outbox() == [transfer(0, nonce).raw for nonce in (2, 3, 4)]
        assert pool.counts()[0] == 5


async def test_promised_transactions_are_offered_again_bounded_and_only_while_they_wait(
    chain: HandDrivenChain, monkeypatch: pytest.MonkeyPatch, mock_clock: trio.testing.MockClock
) -> None:
    monkeypatch.setattr("node.pool.MAX_OFFERED_AGAIN", 3)
    async with running(chain.pool) as pool:
        await pool.submit([transfer(sender, 0).raw for sender in range(5)])
        assert len(await pool.take_outbox()) == 5
        pool.offer_again()
        assert not pool._outbox
        mock_clock.jump(OFFER_AGAIN_AFTER_S)
        pool.discard([transfer(0, 0).hash])
        pool.offer_again()
        assert await pool.take_outbox() == [transfer(sender, 0).raw for sender in (1, 2, 3)]
        pool.offer_again()
        assert await pool.take_outbox() == [transfer(4, 0).raw]
        await chain.decide()
        mock_clock.jump(OFFER_AGAIN_AFTER_S)
        pool.offer_again()
        assert not pool._outbox
        assert not pool._promised


async def test_promises_of_what_is_in_blocks_are_forgotten_without_a_network_too(
    chain: HandDrivenChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.pool.SPARE_PROMISES", 2)
    async with running(chain.pool) as pool:
        for nonce in range(12):
            await pool.submit([transfer(0, nonce).raw])
            await chain.decide()
        assert len(pool._promised) <= 4


async def test_the_pending_nonce_counts_what_waits(chain: HandDrivenChain) -> None:
    async with running(chain.pool) as pool:
        sender = ACCOUNTS[0].address
        assert pool.pending_nonce(sender) == 0
        await pool.submit([transfer(0, 0).raw, transfer(0, 1).raw, transfer(0, 3).raw])
        assert pool.pending_nonce(sender) == 2
        assert pool.counts()[:2] == (2, 1)
        assert pool.known(transfer(0, 3).hash) is not None
        assert isinstance((await pool.submit([transfer(0, 0).raw]))[0], PoolError)
