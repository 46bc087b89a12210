"""The searches of ots_*: transactions of an account, a transaction by sender and nonce, the creator of a contract.

Owns: the scans over blocks, bounded because no index leads to the answer, and what is said when a bound is reached.
Never traces more than one block.
Specification: Otterscan 2.10 docs/custom-jsonrpc.md; erigon turbo/jsonrpc otterscan_search_v3.go,
otterscan_contract_creator.go.

What a scan finds of an account: transactions that it sent, that were sent to it or created it, and those in which it
wrote a log. Calls of a contract to it that leave no log are not found: that needs an index of accounts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from chain.block import Block
from chain.header import Header
from chain.keccak import EMPTY_KECCAK
from chain.receipt import Receipt, bloom_may_contain
from chain.transaction import recover_sender
from chain.types import Address
from rpc.config import CallLimits
from rpc.dispatch.deferred import Deadline, OffLoop
from rpc.errors import RpcFault
from rpc.params.method import Method
from rpc.params.values import ADDRESS, COUNT
from rpc.reading.block_replay import Replays, TraceClock, recovered
from rpc.reading.chain_view import ChainView
from rpc.reading.rendering import (
    JsonObject,
    Place,
    created_address,
    receipt_json,
    receipts_with_offsets,
    text,
    transaction_json,
)
from rpc.services import Services
from state.account import Account
from state.chain_store import StateUnavailable
from vm.context import delegation_target
from vm.tracing.call_list import CallList
from vm.tracing.interface import Budget

MAX_SEARCH_PAGE: Final = 25
"""Transactions of one page; erigon's and Otterscan's number."""

LOOK_AHEAD_TRANSACTIONS: Final = 2_000
"""Read behind a full page to learn whether it is the last one."""


def methods(services: Services) -> tuple[Method, ...]:
    """Searches over the history of accounts."""
    handlers = SearchMethods(services.view, services.limits)
    return (
        Method("ots_searchTransactionsBefore", handlers.before, (ADDRESS, COUNT, COUNT)),
        Method("ots_searchTransactionsAfter", handlers.after, (ADDRESS, COUNT, COUNT)),
        Method("ots_getTransactionBySenderAndNonce", handlers.by_sender_and_nonce, (ADDRESS, COUNT)),
        Method("ots_getContractCreator", handlers.contract_creator, (ADDRESS,)),
    )


class _Scan:
    """Blocks one after the other, within the bounds of a search."""

    def __init__(self, view: ChainView, limits: CallLimits, deadline: Deadline) -> None:
        self._view = view
        self._deadline = deadline
        self._blocks_left = limits.max_searched_blocks
        self._transactions_left = limits.max_searched_transactions
        self.at_bound = False
        self.last: int | None = None  # the block that was looked at last

    def look_ahead(self) -> None:
        """From now on only to learn whether there is more."""
        self._transactions_left = min(self._transactions_left, LOOK_AHEAD_TRANSACTIONS)

    def blocks(self, numbers: Iterable[int]) -> Iterator[Block]:
        """Those that hold transactions, until a bound or the end of what is kept is reached."""
        for number in numbers:
            if not self._blocks_left or self._transactions_left <= 0 or self._deadline.has_passed:
                self.at_bound = True
                return
            header = self._view.chain.header(number)
            if header is None:
                return
            self.last = number
            self._blocks_left -= 1
            block = self._view.chain.block(number) if header.gas_used else None
            if block is not None:
                self._transactions_left -= len(block.transactions)
                yield block


@dataclass(slots=True)
class _Page:
    """What is found of an account, whole blocks at a time. `has_more`: there is at least one more."""

    size: int
    found: list[tuple[Block, int]] = field(default_factory=list)
    has_more: bool = False

    @property
    def is_full(self) -> bool:
        return len(self.found) >= self.size


class SearchMethods:
    """Handlers over scans of the chain."""

    def __init__(self, view: ChainView, limits: CallLimits) -> None:
        self._view = view
        self._chain = view.chain
        self._limits = limits
        self._replays = Replays(view)

    def before(self, address: Address, block: int, size: int) -> OffLoop:
        """ots_searchTransactionsBefore: the newest first, from the one before `block` on, or the head for 0."""
        _check_page(size)
        head = self._view.head_number()
        start = min(block - 1, head) if block else head

        def run(deadline: Deadline) -> JsonObject:
            page, scan = self._search(address, size, range(start, -1, -1), deadline)
            return self._page_json(page.found, first=block == 0, last=not page.has_more and not scan.at_bound)

        return OffLoop(run, is_long=True)

    def after(self, address: Address, block: int, size: int) -> OffLoop:
        """ots_searchTransactionsAfter: the oldest behind `block`, of which the newest first again."""
        _check_page(size)
        numbers = range(block + 1 if block else 0, self._view.head_number() + 1)

        def run(deadline: Deadline) -> JsonObject:
            page, scan = self._search(address, size, numbers, deadline)
            found = page.found[::-1]
            return self._page_json(found, first=not page.has_more and not scan.at_bound, last=block == 0)

        return OffLoop(run, is_long=True)

    def _search(self, address: Address, size: int, numbers: range, deadline: Deadline) -> tuple[_Page, _Scan]:
        head = self._chain.head().number
        matcher = _Matcher(address, self._chain.state_at(head).account(address), self._chain.receipts)
        scan, page = _Scan(self._view, self._limits, deadline), _Page(size)
        for block in scan.blocks(numbers):
            indexes = matcher.indexes(block)
            if indexes and page.is_full:
                page.has_more = True
                break
            page.found += [(block, index) for index in (indexes if numbers.step > 0 else reversed(indexes))]
            if page.is_full:
                scan.look_ahead()
        if scan.at_bound and not page.found:
            first, last = sorted((numbers[0], numbers[0] if scan.last is None else scan.last))
            raise RpcFault.SEARCH_BOUND.error(address=text(address), first=first, last=last)
        return page, scan

    def _page_json(self, found: list[tuple[Block, int]], *, first: bool, last: bool) -> JsonObject:
        transactions: list[JsonObject] = []
        shown: list[JsonObject] = []
        receipts: list[tuple[Receipt, int, int]] = []
        at: int | None = None
        for block, index in found:
            if block.number != at:
                at = block.number
                receipts = list(receipts_with_offsets(self._chain.receipts(at) or ()))
            if index >= len(receipts):
                raise RpcFault.HISTORY_PRUNED.error()
            receipt, gas_used, first_log_index = receipts[index]
            transaction, place = block.transactions[index], Place.of(block.header)
            sender = recover_sender(transaction)
            transactions.append(transaction_json(transaction, sender, place, index))
            rendered = receipt_json(
                receipt,
                transaction,
                sender,
                place,
                index,
                gas_used=gas_used,
                first_log_index=first_log_index,
            )
            shown.append(rendered | {"timestamp": block.header.timestamp})
        return {"txs": transactions, "receipts": shown, "firstPage": first, "lastPage": last}

    def by_sender_and_nonce(self, sender: Address, nonce: int) -> OffLoop:
        """ots_getTransactionBySenderAndNonce: its hash, or null."""

        def run(deadline: Deadline) -> str | None:
            if not self._has_passed(sender, nonce, self._chain.head().number):
                return None
            newest = self._first_kept(lambda number: self._has_passed(sender, nonce, number))
            # Where the state before is kept too, it was this block; an authorization may have used the nonce.
            oldest = newest if newest > self._chain.oldest_state() else 1
            scan = _Scan(self._view, self._limits, deadline)
            for block in scan.blocks(range(newest, oldest - 1, -1)):
                for transaction in block.transactions:
                    if transaction.nonce == nonce and recover_sender(transaction) == sender:
                        return text(transaction.hash)
            if scan.at_bound:
                first = newest if scan.last is None else scan.last
                raise RpcFault.SEARCH_BOUND.error(address=text(sender), first=first, last=newest)
            return None

        return OffLoop(run, is_long=True)

    def _has_passed(self, sender: Address, nonce: int, number: int) -> bool:
        account = self._chain.state_at(number).account(sender)
        return account is not None and account.nonce > nonce

    def _first_kept(self, holds: Callable[[int], bool]) -> int:
        """The first block behind which `holds`, of those whose state is kept; it does behind the head."""
        low, high = self._chain.oldest_state(), self._chain.head().number
        while low < high:
            middle = (low + high) // 2
            try:
                is_behind = holds(middle)
            except StateUnavailable:
                is_behind = False  # forgotten meanwhile
            if is_behind:
                high = middle
            else:
                low = middle + 1
        return high

    def contract_creator(self, address: Address) -> OffLoop:
        """ots_getContractCreator: the transaction and the account, or null for what no transaction created."""

        def run(deadline: Deadline) -> JsonObject | None:
            if not self._is_contract(address, self._chain.head().number):
                return None
            newest = self._first_kept(lambda number: self._is_contract(address, number))
            oldest = self._chain.oldest_state()
            if newest > oldest:
                return self._creator_in(newest, address)
            if newest == 0:
                return None  # it is there from the beginning
            scan = _Scan(self._view, self._limits, deadline)
            for block in scan.blocks(range(newest, 0, -1)):
                found = _direct_creator(block, address)
                if found is not None:
                    return found
            raise RpcFault.CREATOR_UNKNOWN.error(
                address=text(address), first=scan.last or newest, last=newest, kept=oldest
            )

        return OffLoop(run, is_long=True)

    def _is_contract(self, address: Address, number: int) -> bool:
        state = self._chain.state_at(number)
        account = state.account(address)
        if account is None or account.code_hash == EMPTY_KECCAK:
            return False
        return delegation_target(state.code(account.code_hash)) is None  # EIP-7702: nobody created that

    def _creator_in(self, number: int, address: Address) -> JsonObject | None:
        """In a block that can be traced."""
        block = self._replays.block(number)
        found = _direct_creator(block, address)
        if found is not None:
            return found
        clock = TraceClock(self._limits, None)
        replay = self._replays.begin(block, clock)
        for index, transaction in enumerate(block.transactions):
            clock.next_transaction()
            tracer = CallList(Budget(self._limits.max_trace_bytes))
            replay.trace(recovered(block, index), tracer)
            for call in tracer.lasting():
                if call.kind.startswith("CREATE") and call.target == address:
                    return {"hash": text(transaction.hash), "creator": text(call.caller)}
        return None


class _Matcher:
    """Finds the transactions of an account in a block without running it."""

    def __init__(
        self,
        address: Address,
        account: Account | None,
        receipts: Callable[[int], Sequence[Receipt] | None],
    ) -> None:
        self._address = address
        self._nonce = account.nonce if account is not None else 0
        self._receipts = receipts

    def indexes(self, block: Block) -> list[int]:
        """Their places, ascending."""
        emitting = self._emitting(block.header)
        return [
            index
            for index, transaction in enumerate(block.transactions)
            if transaction.to == self._address or index in emitting or self._sent_or_created(block, index)
        ]

    def _sent_or_created(self, block: Block, index: int) -> bool:
        transaction = block.transactions[index]
        # Senders take most of the time: only an account that has used this nonce can have sent it.
        if transaction.to is not None and transaction.nonce >= self._nonce:
            return False
        sender = recover_sender(transaction)
        return sender == self._address or (
            transaction.to is None and created_address(sender, transaction.nonce) == self._address
        )

    def _emitting(self, header: Header) -> frozenset[int]:
        if not bloom_may_contain(header.logs_bloom, self._address):
            return frozenset()
        return frozenset(
            index
            for index, receipt in enumerate(self._receipts(header.number) or ())
            if any(log.address == self._address for log in receipt.logs)
        )


def _direct_creator(block: Block, address: Address) -> JsonObject | None:
    """When a transaction without recipient created the contract."""
    for transaction in block.transactions:
        if transaction.to is None:
            sender = recover_sender(transaction)
            if created_address(sender, transaction.nonce) == address:
                return {"hash": text(transaction.hash), "creator": text(sender)}
    return None


def _check_page(size: int) -> None:
    if size > MAX_SEARCH_PAGE:
        raise RpcFault.PAGE_TOO_LARGE.error(limit=MAX_SEARCH_PAGE)
