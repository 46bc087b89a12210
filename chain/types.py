"""Addresses and hashes, and the text form of an address.

Owns the two byte types that everything else is spelled in and EIP-55 checksums. Never hashes anything that
is not an address.
"""

import re
from typing import Final, NewType

from chain.errors import CallerError

Address = NewType("Address", bytes)
"""20 bytes."""

Hash32 = NewType("Hash32", bytes)
"""32 bytes."""

ADDRESS_BYTES: Final = 20
HASH_BYTES: Final = 32

ZERO_ADDRESS: Final = Address(bytes(ADDRESS_BYTES))
ZERO_HASH: Final = Hash32(bytes(HASH_BYTES))

_ADDRESS_TEXT: Final = re.compile(r"0x[0-9a-fA-F]{40}", re.ASCII)


class InvalidAddress(CallerError):
    """The text is not an address, or its EIP-55 checksum is wrong."""


def checksum_address(address: Address) -> str:
    """Return `0x` and 40 hex digits, whose upper and lower case is the checksum of EIP-55."""
    from chain.keccak import keccak256  # keccak256 returns Hash32, so that module imports this one

    digits = address.hex()
    if len(address) != ADDRESS_BYTES:
        raise InvalidAddress(f"an address has {ADDRESS_BYTES} bytes, not {len(address)}")
    nibbles = keccak256(digits.encode("ascii")).hex()
    return "0x" + "".join(
        digit.upper() if nibble >= "8" else digit for digit, nibble in zip(digits, nibbles, strict=False)
    )


def parse_address(text: str) -> Address:
    """Read `0x` and 40 hex digits; digits of mixed case must carry the right EIP-55 checksum.

    Raises:
        InvalidAddress: wrong shape or wrong checksum.
    """
    if _ADDRESS_TEXT.fullmatch(text) is None:
        raise InvalidAddress("an address is 0x followed by 40 hex digits")
    digits = text[2:]
    address = Address(bytes.fromhex(digits))
    if digits not in (digits.lower(), digits.upper()) and text != checksum_address(address):
        raise InvalidAddress(f"wrong EIP-55 checksum: {text}, expected {checksum_address(address)}")
    return address
