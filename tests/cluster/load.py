"""A steady stream of transfers into a network that may lose nodes at any moment.

Remembers every transaction that a node acknowledged: each of them must end up in a block, whatever is killed.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from chain.errors import NodeError
from chain.secp256k1 import PrivateKey
from chain.transaction import TransactionType, UnsignedTransaction, sign_transaction
from chain.types import Address
from node.rpc_client import RpcCallFailed, RpcClient

RECEIVER = Address(b"\x99" * 20)
PAUSE_S = 0.03


@dataclass
class SteadyLoad:
    """Sends from one account to one node after another; `acknowledged` are the hashes that a node took."""

    urls: list[str]
    key: PrivateKey
    chain_id: int = 1337
    acknowledged: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> SteadyLoad:
        self._thread.start()
        return self

    def __exit__(self, *_reason: object) -> None:
        self._stop.set()
        self._thread.join(30)

    def _run(self) -> None:
        clients = [RpcClient(url, timeout_s=5) for url in self.urls]
        nonce = 0
        turn = 0
        while not self._stop.is_set():
            client = clients[turn % len(clients)]
            try:
                raw, transaction_hash = self._signed(nonce)
                client.call("eth_sendRawTransaction", raw)
                self.acknowledged.append(transaction_hash)
                nonce += 1
            except RpcCallFailed as error:
                # Sent before, the answer lost with a killed node: the nonce is used.
                if "already known" in str(error) or "nonce too low" in str(error):
                    nonce += 1
            except NodeError:
                turn += 1  # down: the next one
            time.sleep(PAUSE_S)

    def _signed(self, nonce: int) -> tuple[str, str]:
        unsigned = UnsignedTransaction(
            type=TransactionType.DYNAMIC_FEE,
            chain_id=self.chain_id,
            nonce=nonce,
            max_priority_fee_per_gas=10**9,
            max_fee_per_gas=100 * 10**9,
            gas_limit=21_000,
            to=RECEIVER,
            value=1,
            data=b"",
        )
        transaction = sign_transaction(unsigned, self.key)
        return "0x" + transaction.raw.hex(), "0x" + transaction.hash.hex()


def wait_for_receipts(client: RpcClient, hashes: list[str], timeout_s: float) -> list[str]:
    """Polls until every hash has a receipt; returns those that have none at the end."""
    deadline = time.monotonic() + timeout_s
    missing = list(hashes)
    while missing and time.monotonic() < deadline:
        missing = [told for told in missing if client.call("eth_getTransactionReceipt", told) is None]
        if missing:
            time.sleep(0.3)
    return missing
