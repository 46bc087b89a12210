"""Whose signature it is: keys, contract wallets, and everything bent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.keccak import keccak256
from vm.system.framework import address, bytes32, u8, view
from vm.system.signatures.signers import IERC1271, SignatureChecks
from vm.system.testing import ContractHandle, TestChain, address_of, key_of, reverts
from vm.system.testing.bytecode import answering, assemble, reverting

ALICE = address_of("alice")
DIGEST = keccak256(b"a message")
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
MAGIC = IERC1271.isValidSignature.selector + bytes(28)


class Checker(SignatureChecks, class_id=0xFFFF0401, version=1):
    @view
    def recovered(self, digest: bytes32, v: u8, r: bytes32, s: bytes32) -> address:
        return self._recover(digest, v, r, s)

    @view
    def recovered_from_bytes(self, digest: bytes32, signature: bytes) -> address:
        return self._recover_from_bytes(digest, signature)

    @view
    def is_signed_by(self, signer: address, digest: bytes32, signature: bytes) -> bool:
        return self._is_signed_by(signer, digest, signature)


def signature_of(name: str) -> tuple[int, bytes, bytes]:
    made = key_of(name).sign(DIGEST)
    return made.y_parity + 27, made.r.to_bytes(32), made.s.to_bytes(32)


@pytest.fixture
def chain() -> TestChain:
    return TestChain()


@pytest.fixture
def checker(chain: TestChain) -> ContractHandle:
    return chain.deploy(Checker)


def test_the_signer_is_found(checker: ContractHandle) -> None:
    v, r, s = signature_of("alice")
    assert checker.recovered(DIGEST, v, r, s) == ALICE
    assert checker.recovered_from_bytes(DIGEST, r + s + bytes([v])) == ALICE
    assert checker.is_signed_by(ALICE, DIGEST, r + s + bytes([v]))
    assert not checker.is_signed_by(address_of("bob"), DIGEST, r + s + bytes([v]))


def test_recovery_costs_what_the_precompile_costs(chain: TestChain, checker: ContractHandle) -> None:
    checker.recovered(DIGEST, *signature_of("alice"))
    assert 3_000 < chain.gas_used < 4_500


def test_bent_signatures_have_openzeppelins_errors(checker: ContractHandle) -> None:
    v, r, s = signature_of("alice")
    high = (ORDER - int.from_bytes(s)).to_bytes(32)
    with reverts(SignatureChecks.ECDSAInvalidSignatureS, high):
        checker.recovered(DIGEST, 55 - v, r, high)
    half = (ORDER // 2 + 1).to_bytes(32)
    with reverts(SignatureChecks.ECDSAInvalidSignatureS, half):
        checker.recovered(DIGEST, v, r, half)
    assert checker.recovered(DIGEST, v, r, (ORDER // 2).to_bytes(32)) != ALICE  # the greatest that is good
    with reverts(SignatureChecks.ECDSAInvalidSignature):
        checker.recovered(DIGEST, v - 27, r, s)
    with reverts(SignatureChecks.ECDSAInvalidSignature):
        checker.recovered(DIGEST, v, ORDER.to_bytes(32), s)
    for size in (0, 1, 64, 66, 130):
        with reverts(SignatureChecks.ECDSAInvalidSignatureLength, size):
            checker.recovered_from_bytes(DIGEST, bytes(size))


def test_the_zero_address_signed_nothing(checker: ContractHandle) -> None:
    assert not checker.is_signed_by(bytes(20), DIGEST, bytes(65))
    assert not checker.is_signed_by(bytes(20), DIGEST, b"\xff" * 32 + bytes(31) + b"\x01\x1b")


def test_a_contract_wallet_says_itself_what_it_signed(chain: TestChain, checker: ContractHandle) -> None:
    wallet = chain.run_evm(answering(MAGIC))
    assert checker.is_signed_by(wallet, DIGEST, b"anything")
    assert checker.is_signed_by(chain.run_evm(answering(MAGIC + b"more")), DIGEST, b"")
    for code in (answering(MAGIC[:31]), answering(bytes(32)), reverting(MAGIC), assemble("INVALID"),
                 answering(MAGIC[:4] + b"\x01" * 28), assemble(1, 0, "SSTORE") + answering(MAGIC)):  # fmt: skip
        assert not checker.is_signed_by(chain.run_evm(code), DIGEST, b"anything")


def test_the_wallet_sees_digest_and_signature(chain: TestChain, checker: ContractHandle) -> None:
    """It says yes only if both are as expected: digest in word 0, length 3 in word 2."""
    is_digest = assemble(4, "CALLDATALOAD", bytes(DIGEST), "EQ")
    is_long = assemble(4 + 64, "CALLDATALOAD", 3, "EQ")
    code = is_digest + is_long + assemble("MUL", int.from_bytes(MAGIC), "MUL", 0, "MSTORE", 32, 0, "RETURN")
    wallet = chain.run_evm(code)
    assert checker.is_signed_by(wallet, DIGEST, b"abc")
    assert not checker.is_signed_by(wallet, DIGEST, b"abcd")
    assert not checker.is_signed_by(wallet, bytes(32), b"abc")


@given(v=st.integers(0, 255), r=st.binary(min_size=32, max_size=32), s=st.binary(min_size=32, max_size=32))
def test_any_numbers_are_a_signature_or_an_error(v: int, r: bytes, s: bytes) -> None:
    checker = TestChain().deploy(Checker)
    if v not in (27, 28) or int.from_bytes(s) > ORDER // 2:
        with reverts():
            checker.recovered(DIGEST, v, r, s)
    assert not checker.is_signed_by(ALICE, DIGEST, r + s + bytes([v]))
