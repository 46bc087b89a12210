"""Whose signature is it?

Owns: SignatureChecks: recovery with OpenZeppelin's errors, and the check of an account's signature, be it an account
with a key or a contract wallet (EIP-1271).
Never does: build what is signed (eip712.py).
Specification: EIP-2 (low s only), EIP-1271; OpenZeppelin Contracts 5, utils/cryptography/ECDSA.sol and
SignatureChecker.sol.
"""

from __future__ import annotations

from typing import Final

from vm.system.framework import (
    ZERO_ADDRESS,
    Contract,
    ContractError,
    Interface,
    address,
    bytes4,
    bytes32,
    u8,
    u256,
    view,
)

_HALF_ORDER: Final = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
_SIGNATURE_BYTES: Final = 65  # r, s, v


class IERC1271(Interface):
    """EIP-1271: a contract says whether a signature is its own."""

    @view
    def isValidSignature(self, hash: bytes32, signature: bytes) -> bytes4:  # noqa: A002
        """0x1626ba7e if the signature over `hash` is valid."""
        raise NotImplementedError


class SignatureChecks(Contract):
    """Checks signatures of accounts and of contract wallets (EIP-1271)."""

    class ECDSAInvalidSignature(ContractError):
        """Nobody made this signature."""

    class ECDSAInvalidSignatureLength(ContractError):
        """A signature has 65 bytes."""

        length: u256

    class ECDSAInvalidSignatureS(ContractError):
        """The second form of a signature (EIP-2)."""

        s: bytes32

    def _recover(self, digest: bytes32, v: u8, r: bytes32, s: bytes32) -> address:
        """Who signed `digest`; reverts if nobody did or `s` is in the upper half."""
        if int.from_bytes(s) > _HALF_ORDER:
            raise self.ECDSAInvalidSignatureS(s)
        signer = self.recover(digest, v, int.from_bytes(r), int.from_bytes(s))
        if signer == ZERO_ADDRESS:
            raise self.ECDSAInvalidSignature()
        return signer

    def _recover_from_bytes(self, digest: bytes32, signature: bytes) -> address:
        """`_recover` for 65 bytes r, s, v."""
        if len(signature) != _SIGNATURE_BYTES:
            raise self.ECDSAInvalidSignatureLength(len(signature))
        return self._recover(digest, signature[64], signature[:32], signature[32:64])

    def _is_signed_by(self, signer: address, digest: bytes32, signature: bytes) -> bool:
        """Whether `signer` signed: an account with code is asked (EIP-1271), any other one has a key."""
        if self.code_size(signer):
            payload = IERC1271.isValidSignature.encode(digest, signature)
            succeeded, answer = self.static_call(signer, payload)
            expected = IERC1271.isValidSignature.selector + bytes(28)
            return succeeded and len(answer) >= 32 and answer[:32] == expected
        if len(signature) != _SIGNATURE_BYTES:
            return False
        recovered = self.recover(
            digest, signature[64], int.from_bytes(signature[:32]), int.from_bytes(signature[32:64])
        )
        return recovered != ZERO_ADDRESS and recovered == signer
