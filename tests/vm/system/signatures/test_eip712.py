"""Domains and digests against eth_account, and nonces."""

from __future__ import annotations

from typing import Any

import pytest
from eth_account.messages import encode_typed_data
from hypothesis import given
from hypothesis import strategies as st

from chain.keccak import keccak256
from vm.system.framework import address, bytes32, external, u256, view
from vm.system.signatures.eip712 import EIP712, Nonces
from vm.system.testing import ContractHandle, TestChain, address_of, reverts

ALICE, BOB = address_of("alice"), address_of("bob")
TYPES = {"Mail": [{"name": "to", "type": "address"}, {"name": "amount", "type": "uint256"}]}
MAIL = keccak256(b"Mail(address to,uint256 amount)")


class Signed(EIP712, Nonces, class_id=0xFFFF0402, version=1):
    def _domain(self) -> tuple[str, str]:
        return "Ünïted Mail with a name that is longer than a slot", "2"

    @view
    def digest(self, struct_hash: bytes32) -> bytes32:
        return self._typed_data_digest(struct_hash)

    @external
    def use(self, owner: address) -> u256:
        return self._use_nonce(owner)

    @external
    def use_checked(self, owner: address, nonce: u256) -> None:
        self._use_checked_nonce(owner, nonce)


@pytest.fixture
def contract() -> ContractHandle:
    return TestChain().deploy(Signed)


def domain_of(contract: ContractHandle) -> dict[str, Any]:
    fields, name, version, chain_id, verifying, salt, extensions = contract.eip712Domain()
    assert (fields, salt, extensions) == (b"\x0f", bytes(32), [])
    return {"name": name, "version": version, "chainId": chain_id, "verifyingContract": verifying}


@given(to=st.binary(min_size=20, max_size=20), amount=st.integers(0, 2**256 - 1))
def test_the_digest_is_that_of_another_implementation(to: bytes, amount: int) -> None:
    contract = TestChain().deploy(Signed)
    signable = encode_typed_data(domain_of(contract), TYPES, {"to": to, "amount": amount})
    struct_hash = keccak256(MAIL + bytes(12) + to + amount.to_bytes(32))
    assert signable.body == struct_hash
    assert contract.digest(struct_hash) == keccak256(b"\x19\x01" + signable.header + signable.body)


def test_nonces_count_for_each_account_alone(contract: ContractHandle) -> None:
    assert [contract.use(ALICE) for _ in range(3)] == [0, 1, 2]
    assert (contract.nonces(ALICE), contract.nonces(BOB)) == (3, 0)


def test_a_checked_nonce_must_be_the_next(contract: ContractHandle) -> None:
    contract.use_checked(ALICE, 0)
    for wrong in (0, 2, 2**256 - 1):
        with reverts(Nonces.InvalidAccountNonce, ALICE, 1):
            contract.use_checked(ALICE, wrong)
    contract.use_checked(ALICE, 1)
    assert contract.nonces(ALICE) == 2
