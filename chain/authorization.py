"""Authorizations: an account's signed permission to run the code of a contract as its own.

Owns their value, what is signed, and both directions of their encoding. Never applies them: that is vm's.
Specification: EIP-7702.
"""

from dataclasses import dataclass
from typing import Final

from chain.keccak import keccak256
from chain.rlp import RlpItem, encode_bytes, encode_list_payload, encode_uint
from chain.secp256k1 import InvalidSignature, PrivateKey, recover_address
from chain.transaction_errors import MalformedTransaction, transaction_number
from chain.types import ADDRESS_BYTES, Address, Hash32

SET_CODE_MAGIC: Final = b"\x05"
"""First byte of what an EIP-7702 authority signs."""


@dataclass(frozen=True, slots=True)
class Authorization:
    """An account's signed permission to run the code of `address` (EIP-7702)."""

    chain_id: int
    address: Address
    nonce: int
    y_parity: int
    r: int
    s: int

    def authority(self) -> Address | None:
        """Return the account that signed, or None when the signature is invalid."""
        try:
            return recover_address(
                authorization_digest(self.chain_id, self.address, self.nonce), self.y_parity, self.r, self.s
            )
        except InvalidSignature:
            return None


def authorization_digest(chain_id: int, address: Address, nonce: int) -> Hash32:
    """Return what an authority signs to delegate to `address` (EIP-7702)."""
    payload = encode_uint(chain_id) + encode_bytes(address) + encode_uint(nonce)
    return keccak256(SET_CODE_MAGIC + encode_list_payload(payload))


def sign_authorization(chain_id: int, address: Address, nonce: int, key: PrivateKey) -> Authorization:
    """Sign the permission to run the code of `address` in the account of `key` (EIP-7702).

    Args:
        chain_id: the chain it holds on; 0 means every chain.
        address: the contract whose code the account will run; the zero address ends a delegation.
        nonce: the nonce that the account will have when the authorization is applied.
        key: the key of the account.
    """
    signature = key.sign(authorization_digest(chain_id, address, nonce))
    return Authorization(chain_id, address, nonce, signature.y_parity, signature.r, signature.s)


def decode_authorizations(item: RlpItem) -> tuple[Authorization, ...]:
    """Read the authorization list of a decoded transaction, by the bounds of EIP-7702.

    Raises:
        MalformedTransaction: wrong shape, or a field out of bounds. A signature that is in bounds but wrong
            does not raise: it only voids its entry (`authority` is None).
    """
    if not isinstance(item, list):
        raise MalformedTransaction("malformed transaction: authorization list is not a list")
    return tuple([_authorization(entry) for entry in item])


def _authorization(entry: RlpItem) -> Authorization:
    if not isinstance(entry, list) or len(entry) != 6:
        raise MalformedTransaction("malformed transaction: authorization does not have 6 fields")
    address = entry[1]
    if not isinstance(address, bytes) or len(address) != ADDRESS_BYTES:
        raise MalformedTransaction("malformed transaction: authorization address is not 20 bytes")
    return Authorization(
        transaction_number(entry[0], "authorization chain id"),
        Address(address),
        transaction_number(entry[2], "authorization nonce", 8),
        transaction_number(entry[3], "authorization y parity", 1),
        transaction_number(entry[4], "authorization r"),
        transaction_number(entry[5], "authorization s"),
    )


def encode_authorizations(authorizations: tuple[Authorization, ...]) -> bytes:
    """Return the RLP item of an authorization list.

    Raises:
        RlpError: a number is negative.
    """
    entries = [
        encode_list_payload(
            encode_uint(entry.chain_id)
            + encode_bytes(entry.address)
            + encode_uint(entry.nonce)
            + encode_uint(entry.y_parity)
            + encode_uint(entry.r)
            + encode_uint(entry.s)
        )
        for entry in authorizations
    ]
    return encode_list_payload(b"".join(entries))
