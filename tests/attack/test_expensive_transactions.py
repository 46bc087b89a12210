"""Transactions that cost the validators as much time as they can for their gas."""

from __future__ import annotations

import time
from typing import Any

import pytest

from chain.secp256k1 import PrivateKey
from chain.transaction import (
    AccessList,
    Authorization,
    TransactionType,
    UnsignedTransaction,
    sign_authorization,
    sign_transaction,
)
from chain.types import Address
from genesis import dev_accounts
from tests.attack.arena import NODES, Arena
from tests.attack.contracts import CONTRACTS
from tests.vm.worlds import init_code

pytestmark = [pytest.mark.cluster, pytest.mark.slow]
CHAIN_ID = 1337
GWEI = 10**9
BLOCK_GAS = 30_000_000


class Sender:
    """One funded account."""

    def __init__(self, arena: Arena, key: PrivateKey) -> None:
        self._arena = arena
        self._key = key
        self._nonce = int(
            arena.client(0).call("eth_getTransactionCount", "0x" + key.address.hex(), "latest"), 16
        )

    def send(
        self,
        to: Address | None = None,
        data: bytes = b"",
        gas: int = BLOCK_GAS,
        access_list: AccessList = (),
        authorizations: tuple[Authorization, ...] = (),
    ) -> str:
        """Sends to one node after the other; the hash."""
        kind = TransactionType.SET_CODE if authorizations else TransactionType.DYNAMIC_FEE
        fields = (kind, CHAIN_ID, self._nonce, GWEI, 2_000 * GWEI, gas, to, 0, data)
        signed = sign_transaction(UnsignedTransaction(*fields, access_list, authorizations), self._key)
        self._nonce += 1
        told: str = self._arena.client(self._nonce % NODES).call(
            "eth_sendRawTransaction", "0x" + signed.raw.hex()
        )
        return told


def receipt(arena: Arena, transaction_hash: str, timeout_s: float = 90.0) -> dict[str, Any]:
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        found: dict[str, Any] | None = arena.client(0).call("eth_getTransactionReceipt", transaction_hash)
        if found is not None:
            return found
        time.sleep(0.1)
    raise AssertionError(f"{transaction_hash} is in no block after {timeout_s} s")


def test_a_full_block_of_the_dearest_loop_is_decided(arena: Arena) -> None:
    """Seconds of execution at each of four nodes on two cores: rounds pass, and the block is decided all the same."""
    sender = Sender(arena, dev_accounts()[0])
    names = ("calls with much input", "deep calls")
    deployed = [sender.send(data=init_code(CONTRACTS[name]), gas=1_000_000) for name in names]
    targets = [receipt(arena, told)["contractAddress"] for told in deployed]
    with arena.attacked() as damage:
        for target in targets:
            told = sender.send(to=Address(bytes.fromhex(target[2:])))
            assert int(receipt(arena, told)["gasUsed"], 16) == BLOCK_GAS
    assert damage.longest_gap_s < 60, damage
    assert damage.growth < 100, damage
    arena.wait_for_blocks(2)
    arena.assert_agreement()


def test_large_transactions_of_every_kind_go_into_blocks(arena: Arena) -> None:
    sender = Sender(arena, dev_accounts()[1])
    nobody = Address(b"\xee" * 20)
    keys = [PrivateKey((1_000 + number).to_bytes(32, "big")) for number in range(100)]
    hashes = (
        sender.send(to=nobody, data=b"\x01" * 130_000),
        sender.send(data=b"\x5b" * 49_152),
        sender.send(
            to=nobody,
            access_list=tuple((Address(n.to_bytes(20, "big")), tuple(range(30))) for n in range(100)),
        ),
        sender.send(
            to=nobody, authorizations=tuple(sign_authorization(CHAIN_ID, nobody, 0, key) for key in keys)
        ),
    )
    with arena.attacked() as damage:
        statuses = [receipt(arena, told)["status"] for told in hashes]
    assert statuses == ["0x1"] * 4
    assert damage.longest_gap_s < 10, damage
    arena.assert_agreement()
