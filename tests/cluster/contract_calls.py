"""One transaction of every kind that an engine sees: creations, token transfers, precompiles, reverts.

Knows what each must come to. Sends them in the order of one account's nonces.
"""

from __future__ import annotations

from dataclasses import dataclass

from chain.secp256k1 import PrivateKey
from chain.transaction import TransactionType, UnsignedTransaction, sign_transaction
from chain.types import Address
from node.rpc_client import RpcClient
from tests.cluster.load import wait_for_receipts
from tests.vm.test_token import SUPPLY, calldata, deployment
from tests.vm.worlds import assemble, init_code, returning
from vm.creation_address import create2_address, create_address

CHAIN_ID = 1337
RECEIVER = Address(b"\x55" * 20)
TRANSFERRED = 7
TRANSFERS = 10
PRECOMPILES = (
    *range(1, 0x12),
)  # Prague's; most of them refuse this input, in the same way with every engine

ANSWERING = returning(42)
# A factory in a constructor: CREATE of nothing with value, CREATE2 of a contract that answers 42, then a call of it.
CHILD = init_code(ANSWERING)
FACTORY_SALT = 5
FACTORY = (
    assemble(0, 0, 1, "CREATE", "POP")
    + b"".join(
        assemble(CHILD[start : start + 32].ljust(32, b"\0"), start, "MSTORE")
        for start in range(0, len(CHILD), 32)
    )
    + assemble(FACTORY_SALT, len(CHILD), 0, 0, "CREATE2")
    + assemble(32, 0, 0, 0, 0)
    + bytes([0x85])  # DUP6: the child's address
    + assemble("GAS", "CALL", "POP", 0, "MLOAD", 0, "SSTORE", 0, 0, "RETURN")
)


@dataclass
class ContractCalls:
    """Sends from `key`, whose nonces nobody else uses, to `client`."""

    client: RpcClient
    key: PrivateKey
    nonce: int = 0

    def run(self, timeout_s: float) -> list[str]:
        """Sends everything and checks what came of it; returns the hashes."""
        token = create_address(self.key.address, self.nonce)
        sent = [(self._send(None, deployment()), True)]
        send = calldata("transfer(address,uint256)", RECEIVER, TRANSFERRED)
        sent += [(self._send(token, send), True) for _ in range(TRANSFERS)]
        too_much = calldata("transfer(address,uint256)", RECEIVER, SUPPLY)
        sent.append((self._send(token, too_much), False))
        factory = create_address(self.key.address, self.nonce)
        sent.append((self._send(None, FACTORY, value=1), True))
        sent.append((self._send(None, assemble(0, 0, "REVERT")), False))
        precompiles = [
            self._send(Address(number.to_bytes(20, "big")), b"\x01" * 192) for number in PRECOMPILES
        ]
        hashes = [transaction_hash for transaction_hash, _ in sent] + precompiles
        assert wait_for_receipts(self.client, hashes, timeout_s) == []
        for transaction_hash, succeeds in sent:
            receipt = self.client.call("eth_getTransactionReceipt", transaction_hash)
            assert (receipt["status"] == "0x1") is succeeds, receipt
        held = self._call(token, calldata("balanceOf(address)", RECEIVER))
        assert int(held, 16) == TRANSFERS * TRANSFERRED
        assert int(self.client.call("eth_getStorageAt", _hex(factory), "0x0", "latest"), 16) == 42
        child = create2_address(factory, FACTORY_SALT, CHILD)
        assert int(self._call(child, b""), 16) == 42
        return hashes

    def _call(self, to: Address, data: bytes) -> str:
        told: str = self.client.call("eth_call", {"to": _hex(to), "data": _hex(data)}, "latest")
        return told

    def _send(self, to: Address | None, data: bytes, value: int = 0) -> str:
        unsigned = UnsignedTransaction(
            type=TransactionType.DYNAMIC_FEE,
            chain_id=CHAIN_ID,
            nonce=self.nonce,
            max_priority_fee_per_gas=10**9,
            max_fee_per_gas=100 * 10**9,
            gas_limit=2_000_000,
            to=to,
            value=value,
            data=data,
        )
        self.nonce += 1
        transaction = sign_transaction(unsigned, self.key)
        told: str = self.client.call("eth_sendRawTransaction", _hex(transaction.raw))
        return told


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
