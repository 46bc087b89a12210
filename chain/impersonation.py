"""Transactions of a development chain that speak for an account nobody has the key of.

Owns the mark that stands in place of their signature, and reading the sender back from it: r is a tag and the sender's
address, s a constant, so that the bytes of a block tell the sender again after a restart, and the same transaction of
two senders has two hashes. No key makes such a signature, and everywhere else it is an ordinary one: its recovered
account is somebody who owns nothing. Only the pool and the store of a development node call `as_impersonated`; decoding
never does. Never decides who may be impersonated.
"""

from dataclasses import replace
from typing import Final

from chain.keccak import keccak256
from chain.secp256k1 import HALF_CURVE_ORDER, Signature
from chain.transaction import Transaction
from chain.types import ADDRESS_BYTES, Address

_ADDRESS_BITS: Final = 8 * ADDRESS_BYTES
_R_TAG: Final = int.from_bytes(b"impersonated", "big")  # 12 bytes, far below the order of the curve
_S: Final = int.from_bytes(keccak256(b"aurigraph-impersonated-transaction\x01"), "big") % HALF_CURVE_ORDER


def impersonation_signature(sender: Address) -> Signature:
    """What stands in a transaction of `sender` that nobody signed."""
    return Signature(0, _R_TAG << _ADDRESS_BITS | int.from_bytes(sender, "big"), _S)


def impersonated_sender(transaction: Transaction) -> Address | None:
    """The account that the mark names, or None for a transaction that carries a signature."""
    if transaction.s != _S or transaction.y_parity or transaction.r >> _ADDRESS_BITS != _R_TAG:
        return None
    return Address((transaction.r & ((1 << _ADDRESS_BITS) - 1)).to_bytes(ADDRESS_BYTES, "big"))


def as_impersonated(transaction: Transaction) -> Transaction:
    """The transaction with its unsigned sender filled in; one with a signature as it is."""
    sender = impersonated_sender(transaction)
    return transaction if sender is None else replace(transaction, impersonated=sender)
