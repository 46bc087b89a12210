"""The base fee of the next block.

Owns the formula of EIP-1559 and its constants. Never looks at a transaction.
"""

from typing import Final

from chain.header import Header

ELASTICITY_MULTIPLIER: Final = 2
BASE_FEE_MAX_CHANGE_DENOMINATOR: Final = 8
INITIAL_BASE_FEE: Final = 1_000_000_000
"""Base fee of the genesis block, in wei per gas."""

MIN_BASE_FEE: Final = 7
"""Where the formula itself stops falling: below 8 wei a whole eighth rounds to nothing. Named and enforced
so that a genesis file with a smaller base fee cannot start a chain whose fee never recovers."""


def next_base_fee(parent: Header) -> int:
    """Return the base fee per gas, in wei, of the block after `parent` (EIP-1559)."""
    target = parent.gas_limit // ELASTICITY_MULTIPLIER
    base_fee = parent.base_fee_per_gas
    if target == 0 or parent.gas_used == target:
        return max(base_fee, MIN_BASE_FEE)
    change = base_fee * abs(parent.gas_used - target) // target // BASE_FEE_MAX_CHANGE_DENOMINATOR
    if parent.gas_used > target:
        return max(base_fee + max(change, 1), MIN_BASE_FEE)
    return max(base_fee - change, MIN_BASE_FEE)
