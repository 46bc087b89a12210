"""The pool of a development chain: it also takes transactions of accounts that signed nothing, and can be emptied.

Owns what the pool of any other node refuses. Keeps no journal: what waits is gone when the process ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from chain.errors import CallerError, InvariantViolation
from chain.impersonation import as_impersonated
from chain.transaction import (
    InvalidTransactionSignature,
    RecoveredTransaction,
    decode_transaction,
    recover_sender,
)
from chain.types import Address, Hash32
from node.chain_rules import ChainConstants
from node.config import MempoolSettings
from node.mempool import Mempool
from node.pool import TransactionPool
from state.chain_store import ChainStore
from vm.environment import BlockEnvironment
from vm.transaction import check_fees, check_transaction_form


class DevPool(TransactionPool):
    """`may_speak_for` is asked in a worker thread whether an account is impersonated."""

    def __init__(
        self,
        constants: ChainConstants,
        store: ChainStore,
        settings: MempoolSettings,
        may_speak_for: Callable[[Address], bool],
    ) -> None:
        super().__init__(constants, store, settings, None)
        self._may_speak_for = may_speak_for
        self._mempool = self._new_mempool()
        self._next_environment: Callable[[], BlockEnvironment] | None = None
        self._is_automining: Callable[[], bool] = bool

    def attach(
        self, next_environment: Callable[[], BlockEnvironment], is_automining: Callable[[], bool]
    ) -> None:
        """Give it what is made after it and decides about admission; before submitting anything."""
        self._next_environment = next_environment
        self._is_automining = is_automining

    def waiting(self) -> tuple[RecoveredTransaction, ...]:
        """All that waits, in order of arrival."""
        return tuple(self._mempool.transactions())

    def restore(self, transactions: Iterable[RecoveredTransaction]) -> None:
        """Follow a head that went back, and hold these transactions as far as they are still good there."""
        self._state = self._store.latest_state()
        self._mempool = self._new_mempool()
        for recovered in transactions:
            try:
                self._mempool.add(recovered)
            except CallerError:
                continue
        self._announce_change()
        self.events.head_changed()

    def drop(self, transaction_hash: Hash32) -> bool:
        """Take a transaction out; False if it does not wait."""
        waits = transaction_hash in self._mempool
        self.discard((transaction_hash,))
        return waits

    def _new_mempool(self) -> Mempool:
        # The base fee may be set to 0 for a block, and then a transaction may pay nothing.
        return Mempool(self._settings, self._account, min_fee_cap=0)

    def _read(self, raw: bytes) -> RecoveredTransaction:
        transaction = as_impersonated(decode_transaction(raw, self._constants.chain_id))
        sender = transaction.impersonated
        if sender is not None and not self._may_speak_for(sender):
            raise InvalidTransactionSignature("invalid transaction v, r, s values: nobody signed this")
        recovered = RecoveredTransaction(transaction, recover_sender(transaction))
        if self._next_environment is None:
            raise InvariantViolation("a transaction before the pool was attached")
        environment = self._next_environment()
        check_transaction_form(transaction, environment.fork, environment.gas_limit)
        if self._is_automining():  # it would wait for a lower base fee, and its sender for a block
            check_fees(transaction, recovered.sender, environment.base_fee_per_gas)
        return recovered
