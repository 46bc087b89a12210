"""Access lists: the addresses and storage slots that a transaction announces.

Owns their value and both directions of their encoding. Never prices them. Specification: EIP-2930.
"""

from typing import TypeAlias

from chain.rlp import RlpItem, encode_bytes, encode_list_payload
from chain.transaction_errors import MalformedTransaction
from chain.types import ADDRESS_BYTES, HASH_BYTES, Address

AccessList: TypeAlias = tuple[tuple[Address, tuple[int, ...]], ...]
"""Addresses and their storage slots (EIP-2930), in the order of the transaction."""


def decode_access_list(item: RlpItem) -> AccessList:
    """Read the access list of a decoded transaction.

    Raises:
        MalformedTransaction: wrong shape, an address that is not 20 bytes, or a slot that is not 32 bytes.
    """
    if not item and isinstance(item, list):
        return ()
    if not isinstance(item, list):
        raise MalformedTransaction("malformed transaction: access list is not a list")
    return tuple([_entry(entry) for entry in item])


def _entry(entry: RlpItem) -> tuple[Address, tuple[int, ...]]:
    if not isinstance(entry, list) or len(entry) != 2:
        raise MalformedTransaction("malformed transaction: access list entry is not an address and its slots")
    address, slots = entry
    if not isinstance(address, bytes) or len(address) != ADDRESS_BYTES:
        raise MalformedTransaction("malformed transaction: access list address is not 20 bytes")
    if not isinstance(slots, list):
        raise MalformedTransaction("malformed transaction: access list slots are not a list")
    return Address(address), tuple([_slot(slot) for slot in slots])


def _slot(item: RlpItem) -> int:
    if not isinstance(item, bytes) or len(item) != HASH_BYTES:
        raise MalformedTransaction("malformed transaction: access list slot is not 32 bytes")
    return int.from_bytes(item, "big")


def encode_access_list(access_list: AccessList) -> bytes:
    """Return the RLP item of an access list.

    Raises:
        MalformedTransaction: a slot is negative or does not fit 32 bytes.
    """
    return encode_list_payload(b"".join([_encode_entry(address, slots) for address, slots in access_list]))


def _encode_entry(address: Address, slots: tuple[int, ...]) -> bytes:
    try:
        encoded_slots = [encode_bytes(slot.to_bytes(HASH_BYTES, "big")) for slot in slots]
    except OverflowError:
        raise MalformedTransaction("malformed transaction: access list slot is not 32 bytes") from None
    return encode_list_payload(encode_bytes(address) + encode_list_payload(b"".join(encoded_slots)))
