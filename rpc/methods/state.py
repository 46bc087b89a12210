"""eth_* methods that read accounts, and those that hand transactions to the pool.

Owns: nothing but the translation. Never executes code.
Specification: ethereum/execution-apis, EIP-1474.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from chain.types import Address
from rpc.backend import PoolBackend
from rpc.dispatch.deferred import Deadline, OffLoop, Submission
from rpc.errors import RpcFault
from rpc.params.method import Method, Parameter
from rpc.params.values import (
    ADDRESS,
    BLOCK_OR_LATEST,
    BYTES,
    STORAGE_KEY,
    BlockReference,
    BlockTag,
    address,
    elements,
    members,
    storage_key,
)
from rpc.reading.chain_view import ChainView
from rpc.reading.rendering import text, word
from rpc.services import Services
from state.reader import StateReader

MAX_STORAGE_VALUES: Final = 1_024
"""Slots of one eth_getStorageValues call; go-ethereum's number."""

INLINE_STORAGE_VALUES: Final = 32
"""So many slots are read on the event loop: about 0.3 ms when none is in the cache."""

Slots = Mapping[Address, tuple[int, ...]]


def requested_slots(value: object) -> Slots:
    """Slots by account. Keys may be shorter than 32 bytes, as in the other methods that take slots."""
    slots: dict[Address, tuple[int, ...]] = {}
    count = 0
    for owner, keys in members(value, "map[common.Address][]common.Hash").items():
        wanted = slots[address(owner)] = elements(keys, storage_key, "[]common.Hash")
        count += len(wanted)
        if count > MAX_STORAGE_VALUES:
            raise RpcFault.TOO_MANY_SLOTS.error(limit=MAX_STORAGE_VALUES)
    if not count:
        raise RpcFault.EMPTY_REQUEST.error()
    return slots


SLOTS: Final = Parameter(requested_slots)


def methods(services: Services) -> tuple[Method, ...]:
    """Accounts, and the way into the pool."""
    handlers = StateMethods(services.view, services.pool)
    return (
        Method("eth_getBalance", handlers.get_balance, (ADDRESS, BLOCK_OR_LATEST)),
        Method("eth_getTransactionCount", handlers.get_transaction_count, (ADDRESS, BLOCK_OR_LATEST)),
        Method("eth_getCode", handlers.get_code, (ADDRESS, BLOCK_OR_LATEST)),
        Method("eth_getStorageAt", handlers.get_storage_at, (ADDRESS, STORAGE_KEY, BLOCK_OR_LATEST)),
        Method("eth_getStorageValues", handlers.get_storage_values, (SLOTS, BLOCK_OR_LATEST)),
        Method("eth_sendRawTransaction", handlers.send_raw_transaction, (BYTES,), submits=True),
    )


class StateMethods:
    """Handlers over the state of a block, and over the pool for what is pending."""

    def __init__(self, view: ChainView, pool: PoolBackend) -> None:
        self._view = view
        self._pool = pool

    def get_balance(self, owner: Address, reference: BlockReference) -> object:
        """eth_getBalance, in wei."""

        def read(state: StateReader) -> str:
            account = state.account(owner)
            return hex(account.balance) if account is not None else "0x0"

        return self._view.with_state(reference, read)

    def get_transaction_count(self, owner: Address, reference: BlockReference) -> object:
        """The nonce; for `pending` with the transactions that wait in the pool, all of them."""
        if reference is BlockTag.PENDING:
            return hex(self._pool.pending_nonce(owner))
        account = self._view.state(reference).account(owner)
        return hex(account.nonce) if account is not None else "0x0"

    def get_code(self, owner: Address, reference: BlockReference) -> object:
        """eth_getCode: the code itself, which for a delegated account is its delegation (EIP-7702)."""

        def read(state: StateReader) -> str:
            account = state.account(owner)
            return text(state.code(account.code_hash)) if account is not None else "0x"

        return self._view.with_state(reference, read)

    def get_storage_at(self, owner: Address, slot: int, reference: BlockReference) -> object:
        """eth_getStorageAt: 32 bytes."""
        return self._view.with_state(reference, lambda state: word(state.storage(owner, slot)))

    def get_storage_values(self, slots: Slots, reference: BlockReference) -> object:
        """eth_getStorageValues: for each account the 32-byte values of its slots, in the order of the request."""
        count = sum(len(wanted) for wanted in slots.values())

        def read(state: StateReader, deadline: Deadline | None) -> dict[str, list[str]]:
            values: dict[str, list[str]] = {}
            for owner, wanted in slots.items():
                if deadline is not None:
                    deadline.check()
                values[text(owner)] = [word(state.storage(owner, slot)) for slot in wanted]
            return values

        def use(state: StateReader) -> object:
            if count <= INLINE_STORAGE_VALUES:
                return read(state, None)
            return OffLoop(lambda deadline: read(state, deadline))

        return self._view.with_state(reference, use)

    def send_raw_transaction(self, raw: bytes) -> Submission:
        """eth_sendRawTransaction: the pool answers with the hash."""
        return Submission(raw)
