"""Typed data that wallets sign for a contract, and the nonces that make a signature good for one use.

Owns: EIP712 (domain, digest, EIP-5267 `eip712Domain()`) and Nonces, with OpenZeppelin's ABI.
Never does: check who signed (signers.py).
Specification: EIP-712, EIP-5267; OpenZeppelin Contracts 5, utils/cryptography/EIP712.sol and utils/Nonces.sol.
"""

from __future__ import annotations

from typing import Final

from chain.keccak import keccak256
from vm.system.framework import (
    Contract,
    ContractError,
    Event,
    Map,
    address,
    bytes1,
    bytes32,
    u256,
    view,
)

_DOMAIN_TYPE: Final = keccak256(
    b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
_FIELDS: Final = b"\x0f"  # name, version, chain id and contract; no salt


class Nonces(Contract):
    """A counter for each account: a signature names its value and is good once (OpenZeppelin's Nonces)."""

    class InvalidAccountNonce(ContractError):
        """The signature is used already, or names a nonce to come."""

        account: address
        currentNonce: u256

    nonces_: Map[address, u256]

    @view
    def nonces(self, owner: address) -> u256:
        """The nonce that the next signature of `owner` must name."""
        return self.nonces_[owner]

    def _use_nonce(self, owner: address) -> u256:
        nonce = self.nonces_[owner]
        self.nonces_[owner] = nonce + 1
        return nonce

    def _use_checked_nonce(self, owner: address, nonce: u256) -> None:
        current = self._use_nonce(owner)
        if nonce != current:
            raise self.InvalidAccountNonce(owner, current)


class EIP712(Contract):
    """Signs typed data for this contract on this chain alone (EIP-712), and says for which domain (EIP-5267)."""

    class EIP712DomainChanged(Event):
        """EIP-5267: wallets must read the domain again."""

    @view(returns=("fields", "name", "version", "chainId", "verifyingContract", "salt", "extensions"))
    def eip712Domain(self) -> tuple[bytes1, str, str, u256, address, bytes32, list[u256]]:
        """The domain that signatures for this contract are made in."""
        name, version = self._domain()
        return _FIELDS, name, version, self.chain_id, self.address, bytes(32), []

    def _domain(self) -> tuple[str, str]:
        """Name and version of the domain."""
        raise NotImplementedError

    def _domain_separator(self) -> bytes32:
        """Computed anew each time, so that it follows the chain id."""
        name, version = self._domain()
        return self.keccak(
            _DOMAIN_TYPE
            + self.keccak(name.encode("utf-8", "surrogateescape"))
            + self.keccak(version.encode("utf-8", "surrogateescape"))
            + self.chain_id.to_bytes(32)
            + bytes(12)
            + self.address
        )

    def _typed_data_digest(self, struct_hash: bytes32) -> bytes32:
        """What is signed for a struct with this hash."""
        return self.keccak(b"\x19\x01" + self._domain_separator() + struct_hash)
