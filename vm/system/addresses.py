"""Where the chain's own contracts live.

Owns: the addresses 0x…5c00NN of the contracts that every chain has once. Their numbers are never used again.
Never does: say which class runs there (vm/system/registry.py); addresses of what a factory makes follow from EIP-1014.
"""

from __future__ import annotations

from typing import Final

from chain.types import Address

_PREFIX: Final = bytes(17) + b"\x5c\x00"


def chain_contract_address(number: int) -> Address:
    """The address of the chain contract with this number, below 256."""
    return Address(_PREFIX + number.to_bytes(1))


def is_reserved(address: Address) -> bool:
    """Whether only the chain itself may put something at `address`."""
    return address.startswith(_PREFIX)


SYSTEM_ADDRESS: Final = Address(bytes.fromhex("fffffffffffffffffffffffffffffffffffffffe"))
"""Who makes the protocol's own calls and runs hooks (EIP-4788); nobody has its key."""

STAKING: Final = chain_contract_address(0x01)
DISTRIBUTION: Final = chain_contract_address(0x02)
SLASHING: Final = chain_contract_address(0x03)
TOKEN_FACTORY: Final = chain_contract_address(0x0B)
WRAPPED_COIN: Final = chain_contract_address(0x17)
UPGRADES: Final = chain_contract_address(0x18)
