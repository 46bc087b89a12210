"""eth_* methods that read accounts, and those that hand transactions to the pool.

Owns: nothing but the translation. Never executes code.
Specification: ethereum/execution-apis, EIP-1474.
"""

from __future__ import annotations

from chain.types import Address
from rpc.backend import PoolBackend
from rpc.chain_view import ChainView
from rpc.deferred import Submission
from rpc.method import Method
from rpc.params import ADDRESS, BLOCK_OR_LATEST, BYTES, STORAGE_KEY, BlockReference, BlockTag
from rpc.rendering import text, word
from rpc.services import Services


def methods(services: Services) -> tuple[Method, ...]:
    """Accounts, and the way into the pool."""
    handlers = StateMethods(services.view, services.pool)
    return (
        Method("eth_getBalance", handlers.get_balance, (ADDRESS, BLOCK_OR_LATEST)),
        Method("eth_getTransactionCount", handlers.get_transaction_count, (ADDRESS, BLOCK_OR_LATEST)),
        Method("eth_getCode", handlers.get_code, (ADDRESS, BLOCK_OR_LATEST)),
        Method("eth_getStorageAt", handlers.get_storage_at, (ADDRESS, STORAGE_KEY, BLOCK_OR_LATEST)),
        Method("eth_sendRawTransaction", handlers.send_raw_transaction, (BYTES,), submits=True),
    )


class StateMethods:
    """Handlers over the state of a block, and over the pool for what is pending."""

    def __init__(self, view: ChainView, pool: PoolBackend) -> None:
        self._view = view
        self._pool = pool

    def get_balance(self, address: Address, reference: BlockReference) -> str:
        """eth_getBalance, in wei."""
        account = self._view.state(reference).account(address)
        return hex(account.balance) if account is not None else "0x0"

    def get_transaction_count(self, address: Address, reference: BlockReference) -> str:
        """The nonce; for `pending` with the transactions that wait in the pool."""
        if reference is BlockTag.PENDING:
            return hex(self._pool.pending_nonce(address))
        account = self._view.state(reference).account(address)
        return hex(account.nonce) if account is not None else "0x0"

    def get_code(self, address: Address, reference: BlockReference) -> str:
        """eth_getCode: the code itself, which for a delegated account is its delegation (EIP-7702)."""
        state = self._view.state(reference)
        account = state.account(address)
        return text(state.code(account.code_hash)) if account is not None else "0x"

    def get_storage_at(self, address: Address, slot: int, reference: BlockReference) -> str:
        """eth_getStorageAt: 32 bytes."""
        return word(self._view.state(reference).storage(address, slot))

    def send_raw_transaction(self, raw: bytes) -> Submission:
        """eth_sendRawTransaction: the pool answers with the hash."""
        return Submission(raw)
