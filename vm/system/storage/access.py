"""What storage fields need of the call that they run in.

Owns: the protocol, and what the hashes behind mappings, arrays and long strings cost.
Never does: price reads and writes of slots: the frame does, as the EVM would (vm/system/runtime/frame.py).
Specification: KECCAK256 costs 30 and 6 for each word (yellow paper, appendix G).
"""

from __future__ import annotations

from typing import Final, Protocol

from vm.system.gas import keccak_gas

WORD_KEY_GAS: Final = keccak_gas(64)
"""Finding the value of a mapping whose key is a value type: a hash of key and slot."""
LOCATION_GAS: Final = keccak_gas(32)
"""Finding the elements of an array, or the bytes of a long string: a hash of the slot."""


class StorageAccess(Protocol):
    """The storage of one account during one call. Slots and words are ints below 2**256."""

    def sload(self, slot: int) -> int:
        """SLOAD with its price."""
        ...

    def sstore(self, slot: int, value: int) -> None:
        """SSTORE with its price, its refund, and its refusal in a static call."""
        ...

    def charge(self, gas: int) -> None:
        """Takes gas for work that is no access."""
        ...


def long_key_gas(size: int) -> int:
    """Finding the value of a mapping whose key is a string or bytes of `size` bytes."""
    return keccak_gas(size + 32)
