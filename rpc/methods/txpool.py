"""txpool_*: the transactions that wait for a block.

Owns: go-ethereum's shapes, and the bound on the size of a reply. The pool is copied on the event loop, which takes
little; the JSON is made in a worker thread. Never changes the pool.
Specification: go-ethereum internal/ethapi TxPoolAPI, ethereum/execution-apis src/txpool.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

import msgspec

from chain.transaction import RecoveredTransaction, Transaction
from chain.types import Address, checksum_address
from rpc.backend import ChainBackend, PoolBackend
from rpc.dispatch.deferred import Deadline, OffLoop
from rpc.errors import RpcFault
from rpc.params.method import Method
from rpc.params.values import ADDRESS
from rpc.reading.rendering import JsonObject, transaction_json
from rpc.services import Services
from state.reader import StateReader

Render = Callable[[RecoveredTransaction], object]


def methods(services: Services) -> tuple[Method, ...]:
    """What waits, counted or in full."""
    handlers = PoolMethods(services.chain, services.pool, services.limits.max_pool_reply_bytes)
    return (
        Method("txpool_status", handlers.status),
        Method("txpool_content", handlers.content),
        Method("txpool_contentFrom", handlers.content_from, (ADDRESS,)),
        Method("txpool_inspect", handlers.inspect),
    )


class PoolMethods:
    """Handlers over the pool."""

    def __init__(self, chain: ChainBackend, pool: PoolBackend, max_reply_bytes: int) -> None:
        self._chain = chain
        self._pool = pool
        self._max_reply_bytes = max_reply_bytes

    def status(self) -> JsonObject:
        """txpool_status: counts in hex."""
        pending, queued = self._pool.waiting()
        return {"pending": hex(pending), "queued": hex(queued)}

    def content(self) -> OffLoop:
        """txpool_content: by sender and nonce."""
        return self._by_sender(_full)

    def inspect(self) -> OffLoop:
        """txpool_inspect: a line of text for each."""
        return self._by_sender(_line)

    def content_from(self, sender: Address) -> OffLoop:
        """txpool_contentFrom: by nonce."""
        waiting, state = self._pool.content(sender), self._head_state()

        def render(deadline: Deadline) -> msgspec.Raw:
            writer = _Writer(self._max_reply_bytes, _full, deadline)
            pending, queued = _divided(waiting, state)
            return msgspec.Raw(
                b'{"pending":%b,"queued":%b}' % (writer.nonces(pending), writer.nonces(queued))
            )

        return OffLoop(render)

    def _by_sender(self, render: Render) -> OffLoop:
        waiting, state = self._pool.content(), self._head_state()

        def render_all(deadline: Deadline) -> msgspec.Raw:
            writer = _Writer(self._max_reply_bytes, render, deadline)
            pending, queued = (writer.senders(items) for items in _divided(waiting, state))
            return msgspec.Raw(b'{"pending":%b,"queued":%b}' % (pending, queued))

        return OffLoop(render_all)

    def _head_state(self) -> StateReader:
        return self._chain.state_at(self._chain.head().number)


def _divided(
    waiting: Sequence[RecoveredTransaction], state: StateReader
) -> tuple[list[RecoveredTransaction], list[RecoveredTransaction]]:
    """Those that could run now, one after the other from their sender's nonce on, and the others; both by sender and
    nonce."""
    pending: list[RecoveredTransaction] = []
    queued: list[RecoveredTransaction] = []
    in_order = sorted(waiting, key=lambda item: (item.sender, item.transaction.nonce))
    for sender, items in groupby(in_order, key=lambda item: item.sender):
        account = state.account(sender)
        nonce = account.nonce if account is not None else 0
        for item in items:
            is_next = item.transaction.nonce == nonce
            nonce += is_next
            if item.transaction.nonce >= nonce - is_next:  # otherwise it got into a block a moment ago
                (pending if is_next else queued).append(item)
    return pending, queued


class _Writer:
    """Makes the JSON piece by piece, and gives up when it is too long."""

    def __init__(self, limit: int, render: Render, deadline: Deadline) -> None:
        self._left = limit
        self._render = render
        self._deadline = deadline

    def senders(self, sorted_by_sender: Iterable[RecoveredTransaction]) -> bytes:
        groups = groupby(sorted_by_sender, key=lambda item: item.sender)
        members = [
            b'"%b":%b' % (checksum_address(sender).encode(), self.nonces(items)) for sender, items in groups
        ]
        return b"{%b}" % b",".join(members)

    def nonces(self, items: Iterable[RecoveredTransaction]) -> bytes:
        return b"{%b}" % b",".join([self._member(item) for item in items])

    def _member(self, item: RecoveredTransaction) -> bytes:
        self._deadline.check()
        member = b'"%d":%b' % (item.transaction.nonce, msgspec.json.encode(self._render(item)))
        self._left -= len(member) + 1
        if self._left < 0:
            raise RpcFault.POOL_TOO_LARGE.error()
        return member


def _full(item: RecoveredTransaction) -> JsonObject:
    return transaction_json(item.transaction, item.sender, None, None)


def _line(item: RecoveredTransaction) -> str:
    transaction: Transaction = item.transaction
    to = "contract creation" if transaction.to is None else checksum_address(transaction.to)
    return f"{to}: {transaction.value} wei + {transaction.gas_limit} gas × {transaction.gas_price} wei"
