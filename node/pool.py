"""The transaction pool as a service: admission, journal, gossip outbox, and what block production takes from it.

Owns the way of a raw transaction into the mempool: decode and recover its sender in a worker thread, check it against
the head, put it into the pool, write acknowledged ones to the journal, offer these to peers. Submissions that arrive
while a batch is worked on form the next batch. Never executes transactions.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog
import trio

from chain.errors import CallerError, EnvironmentFault, InvariantViolation, NodeError
from chain.fees import next_base_fee
from chain.header import Header
from chain.keccak import keccak256
from chain.transaction import RecoveredTransaction, decode_transaction, recover_sender
from chain.types import Address, Hash32
from node.chain_rules import ChainConstants
from node.config import MempoolSettings
from node.errors import PoolError
from node.events import NodeEvents
from node.journal import TransactionJournal
from node.mempool import Mempool, SenderAccount
from state.chain_store import ChainStore
from state.reader import StateReader
from vm.transaction import check_transaction_form

# One trip to the worker thread; at about 70 µs a transaction this keeps it under 20 ms, so that nobody waits long.
MAX_BATCH = 256
# Submissions that wait for the worker; a client gets "busy" beyond, instead of the node growing.
MAX_WAITING = 20_000
# Offered to peers and not fetched yet; the oldest is dropped first, it stays in the pool and is offered again.
MAX_OUTBOX = 8_192
# A message may be lost, and peers restart: what this node has promised is offered again while it waits for a block.
OFFER_AGAIN_AFTER_S = 10.0
MAX_OFFERED_AGAIN = 512  # each time; about 60 KB of transfers
# Promises whose transaction has left the pool, before they are forgotten.
SPARE_PROMISES = 4_096
MAX_LOGGED_BYTES = 1_024  # of a transaction in the log, enough to see what it is
STOPPING = "the node is stopping"

log = structlog.get_logger(__name__)

Admitted = Hash32 | CallerError
NOT_STORED = PoolError(
    "the transaction is not on disk: this node cannot write its journal; it may still be included"
)


class ReportsReady(Protocol):
    """A trio task status that takes nothing."""

    def started(self, value: None, /) -> None: ...


@dataclass(slots=True, eq=False)
class _Submission:
    """One batch of a caller, and the event that ends its wait."""

    raws: Sequence[bytes]
    acknowledged: bool
    answers: list[Admitted] = field(default_factory=list)
    done: trio.Event = field(default_factory=trio.Event)

    def answer(self, answers: list[Admitted]) -> None:
        self.answers = answers
        self.done.set()

    def refuse(self, reason: str) -> None:
        self.answer([PoolError(reason) for _ in self.raws])


class TransactionPool:
    """Start `run` in a nursery before submitting. One event loop owns it; `known` alone may be called elsewhere."""

    def __init__(
        self,
        constants: ChainConstants,
        store: ChainStore,
        settings: MempoolSettings,
        journal: TransactionJournal | None,
    ) -> None:
        self.events = NodeEvents()
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
        self._version = 0
        self._is_stopped = False
        self._outbox: OrderedDict[Hash32, None] = OrderedDict()
        self._outbox_filled = trio.Event()
        # Acknowledged ones that may still wait, with the time of their last offer, the longest ago first.
        self._promised: OrderedDict[Hash32, float] = OrderedDict()

    async def run(self, *, task_status: ReportsReady = trio.TASK_STATUS_IGNORED) -> None:
        """Works on submissions until cancelled; first takes in again what the journal holds.

        It has started when that is done. Whoever still waits for an answer at the end is told that the node stops.
        """
        self._is_stopped = False
        try:
            await self._replay_journal()
            task_status.started(None)
            while True:
                await self._work.wait()
                self._work = trio.Event()
                await self._work_on_waiting()
        finally:
            self._is_stopped = True
            while self._waiting:
                self._waiting.popleft().refuse(STOPPING)
            self._waiting_count = 0

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

    @property
    def version(self) -> int:
        """Another number after each change of what waits."""
        return self._version

    def content(self, sender: Address | None = None) -> list[RecoveredTransaction]:
        """What waits, of one account or of all; the caller's own list."""
        return list(self._mempool.transactions()) if sender is None else self._mempool.of_sender(sender)

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
        waiting = (self._mempool.get(transaction_hash) for transaction_hash in self._outbox)
        taken = [recovered.transaction.raw for recovered in waiting if recovered is not None]
        self._outbox.clear()
        return taken

    def offer_again(self) -> None:
        """Puts promised transactions that have waited for long into the outbox once more; call now and then."""
        now_s = trio.current_time()
        left = MAX_OFFERED_AGAIN
        while self._promised and left:
            transaction_hash, offered_s = next(iter(self._promised.items()))
            if now_s - offered_s < OFFER_AGAIN_AFTER_S:
                break
            del self._promised[transaction_hash]
            if transaction_hash in self._mempool:
                self._offer(transaction_hash)
                left -= 1

    # --- changes from block production --------------------------------------------------------------------

    def discard(self, hashes: Iterable[Hash32]) -> None:
        """Drops transactions that can never run."""
        self._version += 1
        for transaction_hash in hashes:
            self._mempool.remove(transaction_hash)

    def on_block(self, changed: Iterable[Address]) -> None:
        """Follows the head; call after the block is committed, with all accounts that it changed."""
        self._state = self._store.latest_state()
        self._mempool.on_block(changed)
        self._announce_change()
        self.events.head_changed()

    async def maintain_journal(self) -> None:
        """Rewrites the journal when it holds much that no longer waits, or could not be written; call now and then."""
        if self._journal is not None and self._journal.needs_rewrite(self._mempool.size_bytes):
            await self._rewrite_journal(self._journal)

    # --- the work -----------------------------------------------------------------------------------------

    async def _enqueue(self, raws: Sequence[bytes], *, acknowledged: bool) -> list[Admitted]:
        if not raws:
            return []
        if self._is_stopped:
            return [PoolError(STOPPING)] * len(raws)
        if self._waiting_count + len(raws) > MAX_WAITING:
            return [PoolError("node is busy: too many transactions wait for admission")] * len(raws)
        submission = _Submission(raws, acknowledged)
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

    async def _work_on_waiting(self) -> None:
        while self._waiting:
            batch = self._next_batch()
            try:
                # What has begun is finished: a client should not hear "stopping" of a transaction that went in.
                with trio.CancelScope(shield=True):
                    await self._work_on(batch)
            finally:
                for submission in batch:
                    if not submission.done.is_set():
                        submission.refuse(STOPPING)
            await trio.lowlevel.checkpoint()

    async def _work_on(self, batch: list[_Submission]) -> None:
        raws = [raw for submission in batch for raw in submission.raws]
        all_judged = await trio.to_thread.run_sync(self._judge_all, raws)
        judged = iter(all_judged)
        answers: list[list[Admitted]] = []
        to_journal: list[bytes] = []
        for submission in batch:
            answers.append([self._admit(next(judged), submission.acknowledged) for _ in submission.raws])
            if submission.acknowledged:
                pairs = zip(submission.raws, answers[-1], strict=True)
                to_journal += [raw for raw, answer in pairs if isinstance(answer, bytes)]
        self._announce_change()
        self._tell_accepted(all_judged, [answer for admitted in answers for answer in admitted])
        is_stored = await self._store_promised(to_journal)
        for submission, admitted in zip(batch, answers, strict=True):
            is_broken = submission.acknowledged and not is_stored
            submission.answer([NOT_STORED if is_broken and isinstance(a, bytes) else a for a in admitted])

    def _tell_accepted(
        self, judged: Sequence[RecoveredTransaction | CallerError], answers: Sequence[Admitted]
    ) -> None:
        if self.events.wants_transactions:
            pairs = zip(judged, answers, strict=True)
            accepted = [item for item, answer in pairs if isinstance(answer, bytes)]
            self.events.transactions_accepted(
                [item for item in accepted if isinstance(item, RecoveredTransaction)]
            )

    async def _store_promised(self, raws: list[bytes]) -> bool:
        if not raws or self._journal is None:
            return True
        try:
            await self._journal.append(raws)
        except NodeError as error:
            log.error("journal_write_failed", reason=str(error))
            return False
        return True

    def _judge_all(self, raws: Sequence[bytes]) -> list[RecoveredTransaction | CallerError]:
        return [self._judge(raw) for raw in raws]

    def _judge(self, raw: bytes) -> RecoveredTransaction | CallerError:
        try:
            return self._read(raw)
        except CallerError as error:
            return error
        except (InvariantViolation, EnvironmentFault):
            raise
        except Exception:
            # Anybody may send anything: a fault of ours in reading it must not end the node.
            log.exception("transaction_crashed_admission", raw="0x" + raw[:MAX_LOGGED_BYTES].hex())
            return PoolError("internal error while reading the transaction")

    def _read(self, raw: bytes) -> RecoveredTransaction:
        """Decodes, judges what needs no state, and recovers the sender (worker thread). Raises CallerError."""
        transaction = decode_transaction(raw, self._constants.chain_id)
        number = self._store.head.number + 1
        check_transaction_form(transaction, self._constants.forks.at(number), self._constants.gas_limit)
        return RecoveredTransaction(transaction, recover_sender(transaction))

    def _admit(self, judged: RecoveredTransaction | CallerError, acknowledged: bool) -> Admitted:
        if not isinstance(judged, RecoveredTransaction):
            return judged
        try:
            self._mempool.add(judged)
        except CallerError as error:
            return error
        if acknowledged:
            self._offer(judged.transaction.hash)
        return judged.transaction.hash

    def _offer(self, transaction_hash: Hash32) -> None:
        """Only the node that promised it offers a transaction: gossip itself brings it to everybody."""
        if len(self._promised) > 2 * len(self._mempool) + SPARE_PROMISES:
            self._promised = OrderedDict(item for item in self._promised.items() if item[0] in self._mempool)
        self._promised[transaction_hash] = trio.current_time()
        self._outbox[transaction_hash] = None
        if len(self._outbox) > MAX_OUTBOX:
            self._outbox.popitem(last=False)
        self._outbox_filled.set()

    async def _replay_journal(self) -> None:
        journal = self._journal
        if journal is None:
            return
        raws = await trio.to_thread.run_sync(journal.open)
        judged: list[RecoveredTransaction] = []
        for start in range(0, len(raws), MAX_BATCH):
            judged += await trio.to_thread.run_sync(self._judge_old, raws[start : start + MAX_BATCH])
        # By nonce: a replacement stands behind its successors, which would wait in the queue and overflow it.
        judged.sort(key=lambda recovered: recovered.transaction.nonce)
        kept = 0
        for index, recovered in enumerate(judged):
            kept += isinstance(self._admit(recovered, acknowledged=True), bytes)
            if index % MAX_BATCH == 0:
                await trio.lowlevel.checkpoint()
        if raws:
            log.info("journal_replayed", read=len(raws), kept=kept)
            await self._rewrite_journal(journal)
        self._announce_change()

    def _judge_old(self, raws: Sequence[bytes]) -> list[RecoveredTransaction]:
        """The journaled transactions that are in no block yet; recovering senders is what costs time."""
        fresh = [raw for raw in raws if self._store.transaction_location(keccak256(raw)) is None]
        return [item for item in self._judge_all(fresh) if isinstance(item, RecoveredTransaction)]

    async def _rewrite_journal(self, journal: TransactionJournal) -> None:
        try:
            await journal.rewrite(lambda: [item.transaction.raw for item in self._mempool.transactions()])
        except NodeError as error:
            log.error("journal_rewrite_failed", reason=str(error))

    def _announce_change(self) -> None:
        self._version += 1
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
