"""What a fungible token may do beside moving.

Owns: the mix-ins burnable, capped, pausable, with decimals, and with permit (ERC-2612, and ERC-7597 for contract
wallets).
Never does: say who mints or pauses: concrete contracts do.
Specification: OpenZeppelin Contracts 5, token/ERC20/extensions; ERC-2612, ERC-7597.
"""

from __future__ import annotations

from typing import Final

from chain.keccak import keccak256
from vm.system.abi.codec import encoder
from vm.system.abi.types import AddressType, FixedBytesType, UintType
from vm.system.access.pausable import Pausable
from vm.system.framework import (
    ZERO_ADDRESS,
    ContractError,
    Slot,
    address,
    bytes32,
    external,
    u8,
    u256,
    view,
)
from vm.system.signatures.eip712 import EIP712, Nonces
from vm.system.signatures.signers import SignatureChecks
from vm.system.tokens.erc20 import ERC20
from vm.system.tokens.interfaces import IERC20Permit

_PERMIT_TYPE: Final = keccak256(
    b"Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
)
_encode_permit: Final = encoder(
    (FixedBytesType(32), AddressType(), AddressType(), UintType(256), UintType(256), UintType(256))
)


class ERC20Burnable(ERC20):
    """Holders may destroy their tokens, and those they have an allowance for (OpenZeppelin's ERC20Burnable)."""

    @external(lock=False)
    def burn(self, value: u256) -> None:
        """Destroys `value` of the caller's tokens."""
        self._burn(self.sender, value)

    @external(lock=False)
    def burnFrom(self, account: address, value: u256) -> None:
        """Destroys `value` tokens of `account`, who allowed the caller to move them."""
        self._spend_allowance(account, self.sender, value)
        self._burn(account, value)


class ERC20Capped(ERC20):
    """There are never more tokens than the cap (OpenZeppelin's ERC20Capped)."""

    class ERC20ExceededCap(ContractError):
        """There would be more tokens than the cap."""

        increasedSupply: u256
        cap: u256

    class ERC20InvalidCap(ContractError):
        """A cap is at least one."""

        cap: u256

    cap_: Slot[u256]

    @view
    def cap(self) -> u256:
        """The most tokens there can be."""
        return self.cap_

    def _set_cap(self, cap: u256) -> None:
        """For constructors, before they mint."""
        if cap == 0:
            raise self.ERC20InvalidCap(0)
        self.cap_ = cap

    def _update(self, from_: address, to: address, value: u256) -> None:
        super()._update(from_, to, value)
        if from_ == ZERO_ADDRESS:
            supply, cap = self.total_supply, self.cap_
            if supply > cap:
                raise self.ERC20ExceededCap(supply, cap)


class ERC20Pausable(ERC20, Pausable):
    """No token moves while the contract is paused (OpenZeppelin's ERC20Pausable)."""

    def _update(self, from_: address, to: address, value: u256) -> None:
        if self.paused_:
            raise self.EnforcedPause()
        super()._update(from_, to, value)


class ERC20Decimals(ERC20):
    """The number of decimals is chosen when the token is made."""

    decimals_: Slot[u8]

    @view
    def decimals(self) -> u8:
        """Digits after the point when amounts are shown."""
        return self.decimals_


class ERC20Permit(ERC20, EIP712, Nonces, SignatureChecks, implements=(IERC20Permit,)):
    """Allowances by signature (ERC-2612): the holder needs no coins for fees."""

    class ERC2612ExpiredSignature(ContractError):
        """The signature was good until `deadline`."""

        deadline: u256

    class ERC2612InvalidSigner(ContractError):
        """Somebody else signed."""

        signer: address
        owner: address

    @external(lock=False)
    def permit(
        self, owner: address, spender: address, value: u256, deadline: u256, v: u8, r: bytes32, s: bytes32
    ) -> None:
        """Sets an allowance that `owner` signed, good until `deadline` (seconds since 1970)."""
        if self.timestamp > deadline:
            raise self.ERC2612ExpiredSignature(deadline)
        signer = self._recover(self._permit_digest(owner, spender, value, deadline), v, r, s)
        if signer != owner:
            raise self.ERC2612InvalidSigner(signer, owner)
        self._approve(owner, spender, value)

    @view
    def DOMAIN_SEPARATOR(self) -> bytes32:
        """The hash of the EIP-712 domain."""
        return self._domain_separator()

    def _domain(self) -> tuple[str, str]:
        return self.name_, "1"

    def _permit_digest(self, owner: address, spender: address, value: u256, deadline: u256) -> bytes32:
        """Uses the owner's nonce up; a later revert gives it back."""
        nonce = self._use_nonce(owner)
        struct_hash = self.keccak(_encode_permit(_PERMIT_TYPE, owner, spender, value, nonce, deadline))
        return self._typed_data_digest(struct_hash)


class ERC20WalletPermit(ERC20Permit):
    """Permits of contract wallets too: the signature is bytes, and an owner with code is asked (ERC-7597, EIP-1271)."""

    @external(name="permit")
    def permit_with_bytes(
        self, owner: address, spender: address, value: u256, deadline: u256, signature: bytes
    ) -> None:
        """Sets an allowance that `owner` signed: with its key, or as a contract wallet."""
        if self.timestamp > deadline:
            raise self.ERC2612ExpiredSignature(deadline)
        digest = self._permit_digest(owner, spender, value, deadline)
        if not self._is_signed_by(owner, digest, signature):
            raise self.ERC2612InvalidSigner(ZERO_ADDRESS, owner)
        self._approve(owner, spender, value)
