"""The transaction pool as a service: admission, journal, gossip outbox, and what block production takes from it.

Owns the way of a raw transaction into the mempool: decode and recover its sender in a worker thread, check it against
the head, put it into the pool, write acknowledged ones to the journal, offer it to peers. Submissions that arrive
while a batch is worked on form the next batch. Never executes transactions.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import structlog
import trio

from chain.errors import CallerError, InvariantViolation, NodeError
from chain.fees import next_base_fee
from chain.header import Header
from chain.keccak import keccak256
from chain.transaction import RecoveredTransaction, decode_transaction, recover_sender
from chain.types import Address, Hash32
from node.chain_rules import ChainConstants
from node.config import MempoolSettings
from node.errors import PoolError
from node.journal import REWRITE_AT_BYTES, TransactionJournal
from node.mempool import Mempool, SenderAccount
from state.chain_store import ChainStore
from state.reader import StateReader
from vm.transaction import check_transaction_form

# One trip to the worker thread; at about 70 µs a transaction this keeps it under 20 ms, so that nobody waits long.
MAX_BATCH = 256
# Submissions that wait for the worker; a client gets "busy" beyond, instead of the node growing.
MAX_WAITING = 20_000
# Offered to peers and not fetched yet; the oldest is dropped first, the transaction itself stays in the pool.
MAX_OUTBOX = 8_192

log = structlog.get_logger(__name__)

Admitted = Hash32 | CallerError


@dataclass(slots=True, eq=False)
class _Submission:
    """One batch of a caller, and the event that ends its wait."""

    raws: Sequence[bytes]
    acknowledged: bool
    answers: list[Admitted]
    done: trio.Event


class TransactionPool:
    """Start `run` in a nursery before submitting. One event loop owns it; `known` alone may be called elsewhere."""

    def __init__(
        self,
        constants: ChainConstants,
        store: ChainStore,
        settings: MempoolSettings,
        journal: TransactionJournal | None,
    ) -> None:
        self._constants = constants
        self._store = store
        self._settings = settings
        self._journal = journal
        self._state: StateReader = store.latest_state()
        self._mempool = Mempool(settings, self._account)
        self._waiting: deque[_Submission] = deque()
        self._waiting_count = 0
        self._work = trio.Event()
        self._changed = trio.Event()
        self._outbox: dict[Hash32, bytes] = {}
        self._outbox_filled = trio.Event()

    async def run(self) -> None:
        """Works on submissions until cancelled; first takes in again what the journal holds."""
        await self._replay_journal()
        while True:
            await self._work.wait()
            self._work = trio.Event()
            while self._waiting:
                await self._work_on(self._next_batch())

    async def submit(self, raws: Sequence[bytes]) -> list[Admitted]:
        """Takes transactions of a client; each answer is the hash, once it is on disk, or the reason against it."""
        return await self._enqueue(raws, acknowledged=True)

    async def submit_from_peer(self, raws: Sequence[bytes]) -> list[Admitted]:
        """Takes gossiped transactions; they are not journaled, because nobody was promised anything."""
        fresh = [raw for raw in raws if keccak256(raw) not in self._mempool]
        return await self._enqueue(fresh, acknowledged=False)

    # --- reading ------------------------------------------------------------------------------------------

    def known(self, transaction_hash: Hash32) -> RecoveredTransaction | None:
        """A pooled transaction (any thread)."""
        return self._mempool.get(transaction_hash)

    def pending_nonce(self, address: Address) -> int:
        """The account's nonce plus its executable pooled transactions."""
        pending = self._mempool.pending_nonce(address)
        return pending if pending is not None else self._account(address).nonce

    def counts(self) -> tuple[int, int, int]:
        """(executable, queued, bytes)."""
        return self._mempool.executable, self._mempool.queued, self._mempool.size_bytes

    def candidates(self, base_fee_per_gas: int, most: int) -> list[RecoveredTransaction]:
        """At most `most` executable transactions, best first."""
        chosen: list[RecoveredTransaction] = []
        for recovered in self._mempool.best_first(base_fee_per_gas):
            chosen.append(recovered)
            if len(chosen) >= most:
                break
        return chosen

    def has_executable(self) -> bool:
        """Whether a block built now would carry a transaction: one that is next of its sender and pays the base fee."""
        base_fee = next_base_fee(self._head_header())
        return next(self._mempool.best_first(base_fee), None) is not None

    async def wait_for_executable(self) -> None:
        """Returns when `has_executable()` holds; looks again after each batch and each block."""
        while not self.has_executable():
            await self._changed.wait()

    async def take_outbox(self) -> list[bytes]:
        """Waits for new transactions to tell peers about, and takes them all."""
        await self._outbox_filled.wait()
        self._outbox_filled = trio.Event()
        taken = list(self._outbox.values())
        self._outbox.clear()
        return taken

    # --- changes from block production --------------------------------------------------------------------

    def discard(self, hashes: Iterable[Hash32]) -> None:
        """Drops transactions that can never run."""
        for transaction_hash in hashes:
            self._mempool.remove(transaction_hash)

    def on_block(self, changed: Iterable[Address]) -> None:
        """Follows the head; call after the block is committed, with all accounts that it changed."""
        self._state = self._store.latest_state()
        self._mempool.on_block(changed)
        self._announce_change()

    async def maintain_journal(self) -> None:
        """Rewrites the journal once it has outgrown its bound; call now and then."""
        if self._journal is not None and self._journal.size_bytes > REWRITE_AT_BYTES:
            await self._journal.rewrite(item.transaction.raw for item in self._mempool.transactions())

    # --- the work -----------------------------------------------------------------------------------------

    async def _enqueue(self, raws: Sequence[bytes], *, acknowledged: bool) -> list[Admitted]:
        if not raws:
            return []
        if self._waiting_count + len(raws) > MAX_WAITING:
            return [PoolError("node is busy: too many transactions wait for admission")] * len(raws)
        submission = _Submission(raws, acknowledged, [], trio.Event())
        self._waiting.append(submission)
        self._waiting_count += len(raws)
        self._work.set()
        await submission.done.wait()
        return submission.answers

    def _next_batch(self) -> list[_Submission]:
        batch: list[_Submission] = []
        size = 0
        while self._waiting and (not batch or size + len(self._waiting[0].raws) <= MAX_BATCH):
            submission = self._waiting.popleft()
            size += len(submission.raws)
            batch.append(submission)
        self._waiting_count -= size
        return batch

    async def _work_on(self, batch: list[_Submission]) -> None:
        raws = [raw for submission in batch for raw in submission.raws]
        judged = iter(await trio.to_thread.run_sync(self._judge_all, raws))
        to_journal: list[bytes] = []
        for submission in batch:
            for raw in submission.raws:
                answer = self._admit(next(judged))
                submission.answers.append(answer)
                if submission.acknowledged and isinstance(answer, bytes):
                    to_journal.append(raw)
        self._announce_change()
        try:
            if to_journal and self._journal is not None:
                await self._journal.append(to_journal)
        except NodeError as error:
            log.error("journal_write_failed", reason=str(error))
            refusal = PoolError(
                "the transaction is not on disk: this node cannot write its journal; it may still be included"
            )
            for submission in batch:
                if submission.acknowledged:
                    submission.answers = [refusal for _ in submission.answers]
        for submission in batch:
            submission.done.set()

    def _judge_all(self, raws: Sequence[bytes]) -> list[RecoveredTransaction | CallerError]:
        return [self._judge(raw) for raw in raws]

    def _judge(self, raw: bytes) -> RecoveredTransaction | CallerError:
        try:
            transaction = decode_transaction(raw, self._constants.chain_id)
            number = self._store.head.number + 1
            check_transaction_form(transaction, self._constants.forks.at(number), self._constants.gas_limit)
            return RecoveredTransaction(transaction, recover_sender(transaction))
        except CallerError as error:
            return error

    def _admit(self, judged: RecoveredTransaction | CallerError) -> Admitted:
        if not isinstance(judged, RecoveredTransaction):
            return judged
        try:
            self._mempool.add(judged)
        except CallerError as error:
            return error
        self._offer(judged)
        return judged.transaction.hash

    def _offer(self, recovered: RecoveredTransaction) -> None:
        self._outbox[recovered.transaction.hash] = recovered.transaction.raw
        if len(self._outbox) > MAX_OUTBOX:
            del self._outbox[next(iter(self._outbox))]
        self._outbox_filled.set()

    async def _replay_journal(self) -> None:
        if self._journal is None:
            return
        raws = self._journal.open()
        kept = 0
        for start in range(0, len(raws), MAX_BATCH):
            judged = await trio.to_thread.run_sync(self._judge_all, raws[start : start + MAX_BATCH])
            kept += sum(isinstance(self._admit(result), bytes) for result in judged)
        if raws:
            log.info("journal_replayed", read=len(raws), kept=kept)
            await self._journal.rewrite(item.transaction.raw for item in self._mempool.transactions())
        self._announce_change()

    def _announce_change(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    def _head_header(self) -> Header:
        header = self._store.header(self._store.head.number)
        if header is None:
            raise InvariantViolation("the store has no header of its head")
        return header

    def _account(self, address: Address) -> SenderAccount:
        account = self._state.account(address)
        return SenderAccount(account.nonce, account.balance) if account is not None else SenderAccount(0, 0)
