"""Transactions that wait for a block: per-sender nonce order, replacement by fee bump, bounded in count and bytes.

Owns which transactions wait and in which order a proposer takes them. Never checks signatures, reads a database
or talks to peers: the caller passes the sender's account as it stands at the head. Rules and texts follow geth's
legacypool, because wallets know them. One task owns an instance; nothing here is thread safe.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from chain.fees import MIN_BASE_FEE
from chain.transaction import RecoveredTransaction, Transaction
from chain.types import Address, Hash32
from node.config import MempoolSettings
from node.errors import AlreadyKnown, PoolError, PoolFull, ReplacementUnderpriced

# A heap entry outlives its transaction until it surfaces; past this multiple of the pool the heap is rebuilt.
STALE_HEAP_FACTOR = 2


@dataclass(frozen=True, slots=True)
class SenderAccount:
    """What the pool must know of a sender's account at the head; balance in wei."""

    nonce: int
    balance: int


AccountLookup = Callable[[Address], SenderAccount]
_HeapEntry = tuple[int, int, Hash32]  # tip cap, -arrival, hash


@dataclass(frozen=True, slots=True)
class Added:
    """A transaction went in; `replaced` left for it."""

    replaced: Hash32 | None


class _SenderQueue:
    """The waiting transactions of one sender by nonce. Executable are those from the account's nonce on, gapless."""

    __slots__ = ("account_nonce", "by_nonce", "cost", "executable")

    def __init__(self, account_nonce: int) -> None:
        self.by_nonce: dict[int, RecoveredTransaction] = {}
        self.account_nonce = account_nonce
        self.executable = 0  # how many follow account_nonce without a gap
        self.cost = 0  # wei that all of them may spend together

    def put(self, recovered: RecoveredTransaction) -> None:
        self.by_nonce[recovered.transaction.nonce] = recovered
        self.cost += maximum_cost(recovered.transaction)
        self._extend()

    def drop(self, nonce: int) -> RecoveredTransaction:
        recovered = self.by_nonce.pop(nonce)
        self.cost -= maximum_cost(recovered.transaction)
        self.executable = min(self.executable, max(0, nonce - self.account_nonce))
        return recovered

    def advance(self, account_nonce: int) -> None:
        self.executable = max(0, self.executable - (account_nonce - self.account_nonce))
        self.account_nonce = account_nonce
        self._extend()

    def _extend(self) -> None:
        while self.account_nonce + self.executable in self.by_nonce:
            self.executable += 1

    @property
    def next_nonce(self) -> int:
        return self.account_nonce + self.executable

    @property
    def queued(self) -> int:
        return len(self.by_nonce) - self.executable


class Mempool:
    """The pool. Sizes are transactions and wire bytes; prices wei per gas."""

    def __init__(
        self, settings: MempoolSettings, account: AccountLookup, *, min_fee_cap: int = MIN_BASE_FEE
    ) -> None:
        self._settings = settings
        self._min_fee_cap = min_fee_cap
        self._account = account
        self._by_hash: dict[Hash32, RecoveredTransaction] = {}
        self._senders: dict[Address, _SenderQueue] = {}
        self._cheapest: list[_HeapEntry] = []  # lazily cleaned
        self._arrivals = 0
        self._queued = 0
        self.size_bytes = 0

    def __len__(self) -> int:
        return len(self._by_hash)

    def __contains__(self, transaction_hash: object) -> bool:
        return transaction_hash in self._by_hash

    def get(self, transaction_hash: Hash32) -> RecoveredTransaction | None:
        """The waiting transaction with this hash. The one method that other threads may call (one dict look-up)."""
        return self._by_hash.get(transaction_hash)

    @property
    def executable(self) -> int:
        """How many could run now, in nonce order."""
        return len(self._by_hash) - self._queued

    @property
    def queued(self) -> int:
        """How many wait for an earlier nonce of their sender."""
        return self._queued

    def pending_nonce(self, sender: Address) -> int | None:
        """The nonce after the sender's last executable transaction, or None if nothing of theirs waits."""
        queue = self._senders.get(sender)
        return queue.next_nonce if queue is not None else None

    def add(self, recovered: RecoveredTransaction) -> Added:
        """Takes a transaction in, or raises PoolError (the text says why, in geth's words)."""
        transaction, sender = recovered.transaction, recovered.sender
        if transaction.hash in self._by_hash:
            raise AlreadyKnown("already known")
        if transaction.max_priority_fee_per_gas < self._settings.min_tip_wei:
            raise PoolError(
                f"transaction underpriced: gas tip cap {transaction.max_priority_fee_per_gas}, "
                f"minimum needed {self._settings.min_tip_wei}"
            )
        if transaction.max_fee_per_gas < self._min_fee_cap:
            # No block can ever take it, and it would hold back all later transactions of its sender.
            raise PoolError(
                f"transaction underpriced: gas fee cap {transaction.max_fee_per_gas}, "
                f"minimum needed {self._min_fee_cap}"
            )
        account = self._account(sender)
        queue = self._senders.get(sender) or _SenderQueue(account.nonce)
        old = queue.by_nonce.get(transaction.nonce)
        self._check_nonce_and_balance(recovered, account, queue, old)
        if old is not None:
            self._check_replacement(old.transaction, transaction)
            self._make_room(recovered, 0, len(transaction.raw) - len(old.transaction.raw))
            self._remove(old)
            queue = self._senders.get(sender) or queue
        else:
            self._check_gap(transaction, queue)
            self._make_room(recovered, 1, len(transaction.raw))
        queue = self._senders.setdefault(sender, queue)
        queued_before = queue.queued
        queue.put(recovered)
        self._queued += queue.queued - queued_before
        self._by_hash[transaction.hash] = recovered
        self.size_bytes += len(transaction.raw)
        self._arrivals += 1
        heapq.heappush(
            self._cheapest, (transaction.max_priority_fee_per_gas, -self._arrivals, transaction.hash)
        )
        self._tidy_heap()
        return Added(old.transaction.hash if old is not None else None)

    def best_first(self, base_fee_per_gas: int) -> Iterator[RecoveredTransaction]:
        """Executable transactions: highest effective tip first, each sender's in nonce order.

        A transaction that cannot pay the base fee holds back its sender's later ones. The pool must not change
        while this runs.
        """
        heads: list[tuple[int, Hash32, _SenderQueue, int]] = []
        for queue in self._senders.values():
            _push_head(heads, queue, queue.account_nonce, base_fee_per_gas)
        heapq.heapify(heads)
        while heads:
            _, _, queue, nonce = heapq.heappop(heads)
            yield queue.by_nonce[nonce]
            _push_head(heads, queue, nonce + 1, base_fee_per_gas, heap=True)

    def remove(self, transaction_hash: Hash32) -> None:
        """Drops one transaction (it can never be executed); later nonces of its sender become queued."""
        recovered = self._by_hash.get(transaction_hash)
        if recovered is not None:
            self._remove(recovered)

    def on_block(self, changed: Iterable[Address]) -> None:
        """Follows a committed block: drops what it included or made stale. `account` must read the new head.

        `changed` are the accounts that the block changed, not only its senders: an EIP-7702 authorization raises the
        nonce of an account that sent nothing, and delegated code may spend its coins.
        """
        for sender in changed:
            queue = self._senders.get(sender)
            if queue is not None:
                self._settle(sender, queue)

    def of_sender(self, sender: Address) -> list[RecoveredTransaction]:
        """The waiting transactions of one account."""
        queue = self._senders.get(sender)
        return list(queue.by_nonce.values()) if queue is not None else []

    def transactions(self) -> Iterator[RecoveredTransaction]:
        """All waiting transactions in order of arrival."""
        return iter(self._by_hash.values())

    def _settle(self, sender: Address, queue: _SenderQueue) -> None:
        account = self._account(sender)
        queued_before = queue.queued
        for nonce in [n for n in queue.by_nonce if n < account.nonce]:
            self._forget(queue.drop(nonce))
        queue.advance(account.nonce)
        # What the sender can no longer pay for goes, the latest nonce first, so that what is left can run.
        for nonce in sorted(queue.by_nonce, reverse=True):
            if queue.cost <= account.balance:
                break
            self._forget(queue.drop(nonce))
        self._queued += queue.queued - queued_before
        if not queue.by_nonce:
            del self._senders[sender]

    def _check_nonce_and_balance(
        self,
        recovered: RecoveredTransaction,
        account: SenderAccount,
        queue: _SenderQueue,
        old: RecoveredTransaction | None,
    ) -> None:
        transaction, sender = recovered.transaction, recovered.sender
        if transaction.nonce < account.nonce:
            raise PoolError(
                f"nonce too low: address 0x{sender.hex()}, tx: {transaction.nonce} state: {account.nonce}"
            )
        if old is None and len(queue.by_nonce) >= self._settings.max_per_sender:
            raise PoolFull(f"account limit exceeded: {len(queue.by_nonce)} transactions of one sender wait")
        needed = maximum_cost(transaction)
        waiting = queue.cost - (maximum_cost(old.transaction) if old is not None else 0)
        if account.balance < waiting + needed:
            text = f"insufficient funds for gas * price + value: balance {account.balance}, "
            text += f"tx cost {needed}, queued cost {waiting}, overshot {waiting + needed - account.balance}"
            raise PoolError(text)

    def _check_replacement(self, old: Transaction, new: Transaction) -> None:
        percent = 100 + self._settings.price_bump_percent
        for before, after in (
            (old.max_fee_per_gas, new.max_fee_per_gas),
            (old.max_priority_fee_per_gas, new.max_priority_fee_per_gas),
        ):
            if after * 100 < before * percent or after <= before:
                raise ReplacementUnderpriced("replacement transaction underpriced")

    def _check_gap(self, transaction: Transaction, queue: _SenderQueue) -> None:
        if transaction.nonce > queue.next_nonce and self._queued >= self._settings.max_queued:
            raise PoolFull(
                f"nonce too high: tx: {transaction.nonce}, next: {queue.next_nonce}, no room to queue"
            )

    def _make_room(self, recovered: RecoveredTransaction, transactions: int, size_bytes: int) -> None:
        """Evicts the cheapest for one that needs this much more room: enough of them, or none at all."""
        popped: list[_HeapEntry] = []
        victims: dict[Hash32, RecoveredTransaction] = {}
        missing = len(self._by_hash) + transactions - self._settings.max_transactions
        missing_bytes = self.size_bytes + size_bytes - self._settings.max_bytes
        try:
            while missing > 0 or missing_bytes > 0:
                victim = self._next_cheapest(popped, victims)
                if victim is None or victim.sender == recovered.sender:
                    raise PoolFull("txpool is full")
                if (
                    victim.transaction.max_priority_fee_per_gas
                    >= recovered.transaction.max_priority_fee_per_gas
                ):
                    raise PoolFull("transaction underpriced: txpool is full")
                victims[victim.transaction.hash] = victim
                missing -= 1
                missing_bytes -= len(victim.transaction.raw)
        except PoolFull:
            for entry in popped:
                heapq.heappush(self._cheapest, entry)
            raise
        for victim in victims.values():
            self._remove(victim)

    def _next_cheapest(
        self, popped: list[_HeapEntry], victims: dict[Hash32, RecoveredTransaction]
    ) -> RecoveredTransaction | None:
        """Takes entries off the heap up to one that is in the pool and no victim yet."""
        while self._cheapest:
            entry = heapq.heappop(self._cheapest)
            recovered = self._by_hash.get(entry[2])
            if recovered is not None and entry[2] not in victims:
                popped.append(entry)
                return recovered
        return None

    def _tidy_heap(self) -> None:
        if len(self._cheapest) > STALE_HEAP_FACTOR * len(self._by_hash) + 1024:
            self._cheapest = [entry for entry in self._cheapest if entry[2] in self._by_hash]
            heapq.heapify(self._cheapest)

    def _remove(self, recovered: RecoveredTransaction) -> None:
        queue = self._senders[recovered.sender]
        queued_before = queue.queued
        self._forget(queue.drop(recovered.transaction.nonce))
        self._queued += queue.queued - queued_before
        if not queue.by_nonce:
            del self._senders[recovered.sender]

    def _forget(self, recovered: RecoveredTransaction) -> None:
        del self._by_hash[recovered.transaction.hash]
        self.size_bytes -= len(recovered.transaction.raw)


def maximum_cost(transaction: Transaction) -> int:
    """The most wei that the sender may lose: value plus all gas at the fee cap."""
    return transaction.value + transaction.gas_limit * transaction.max_fee_per_gas


def _push_head(
    heads: list[tuple[int, Hash32, _SenderQueue, int]],
    queue: _SenderQueue,
    nonce: int,
    base_fee_per_gas: int,
    heap: bool = False,
) -> None:
    if nonce >= queue.next_nonce:
        return
    transaction = queue.by_nonce[nonce].transaction
    if transaction.max_fee_per_gas < base_fee_per_gas:
        return
    tip = min(transaction.max_priority_fee_per_gas, transaction.max_fee_per_gas - base_fee_per_gas)
    entry = (-tip, transaction.hash, queue, nonce)  # the hash breaks ties, so queues are never compared
    if heap:
        heapq.heappush(heads, entry)
    else:
        heads.append(entry)
