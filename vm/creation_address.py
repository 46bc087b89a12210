"""Where a new contract stands.

Owns: the addresses that CREATE and CREATE2 give.
Never does: look whether something is there.
Specification: yellow paper (86), EIP-1014.
"""

from __future__ import annotations

from chain.keccak import keccak256
from chain.rlp import encode, uint
from chain.types import Address


def create_address(sender: Address, nonce: int) -> Address:
    """Yellow paper (86): where an account with this nonce creates its next contract."""
    return Address(keccak256(encode([sender, uint(nonce)]))[12:])


def create2_address(sender: Address, salt: int, init_code: bytes) -> Address:
    """EIP-1014."""
    return Address(keccak256(b"\xff" + sender + salt.to_bytes(32, "big") + keccak256(init_code))[12:])
