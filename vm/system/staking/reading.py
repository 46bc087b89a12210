"""What the node asks of the staking contract's state without running it.

Owns: where in storage the answers stand. Never does: execute or write.
Specification: Solidity's storage layout of mappings: keccak(key ‖ slot).
"""

from __future__ import annotations

from typing import Final

from chain.keccak import keccak256
from chain.types import Address
from state.reader import StateReader
from vm.system.addresses import STAKING

OPERATORS_SLOT: Final = 0
"""The mapping from consensus address to operator is the first thing the staking contract declares."""

_ADDRESS_MASK: Final = (1 << 160) - 1


def operator_of(reader: StateReader, consensus_address: Address) -> Address | None:
    """The account that runs the validator with this consensus key, also when it is jailed; None for a stranger."""
    slot = keccak256(consensus_address.rjust(32, b"\x00") + OPERATORS_SLOT.to_bytes(32))
    word = reader.storage(STAKING, int.from_bytes(slot))
    return Address((word & _ADDRESS_MASK).to_bytes(20)) if word else None
