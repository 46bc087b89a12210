"""Addresses in string arguments and results, where Cosmos has bech32.

Owns: the one text form of an account or validator: 0x and 40 hex digits, with EIP-55 checksums on the way out.
Never does: look one up.
"""

from __future__ import annotations

from chain.types import Address, InvalidAddress, checksum_address, parse_address
from vm.system.framework import revert


def address_of_text(text: str) -> Address:
    """Reverts for anything but an address; digits of mixed case must carry the right checksum."""
    try:
        return parse_address(text)
    except InvalidAddress:
        revert("not an address: 0x and 40 hex digits")


def text_of_address(account: Address) -> str:
    """With the checksum of EIP-55."""
    return checksum_address(account)
