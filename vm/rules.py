"""What one rule set changes, as a table that the call path and the engines look up.

Owns: the differences between the rule sets outside of the opcode tables.
Never does: decide which rule set a block has (vm/forks.py).
Specification: EIP-7600 (Prague) and the EIPs it lists.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chain.types import Address
from vm.forks import Fork
from vm.precompiles import PRECOMPILES, Precompile

BLOB_BASE_FEE_MINIMUM = 1  # EIP-4844, wei


@dataclass(frozen=True, slots=True)
class Rules:
    """precompiles: by address, always warm (EIP-2929).

    has_delegations: EIP-7702. has_calldata_floor: EIP-7623. stores_parent_hash: EIP-2935.
    blob_base_fee_update_fraction: EIP-4844, changed by EIP-7691.
    """

    fork: Fork
    precompiles: Mapping[Address, Precompile]
    has_delegations: bool
    has_calldata_floor: bool
    stores_parent_hash: bool
    blob_base_fee_update_fraction: int


_RULES: Mapping[Fork, Rules] = {
    Fork.CANCUN: Rules(
        fork=Fork.CANCUN,
        precompiles=PRECOMPILES[Fork.CANCUN],
        has_delegations=False,
        has_calldata_floor=False,
        stores_parent_hash=False,
        blob_base_fee_update_fraction=3_338_477,
    ),
    Fork.PRAGUE: Rules(
        fork=Fork.PRAGUE,
        precompiles=PRECOMPILES[Fork.PRAGUE],
        has_delegations=True,
        has_calldata_floor=True,
        stores_parent_hash=True,
        blob_base_fee_update_fraction=5_007_716,
    ),
}


def rules_of(fork: Fork) -> Rules:
    return _RULES[fork]


def blob_base_fee(excess_blob_gas: int, rules: Rules) -> int:
    """Wei per unit of blob gas: EIP-4844 `fake_exponential`, approximately e**(excess/fraction).

    `excess_blob_gas` comes from a validated header, which keeps the number of terms small.
    """
    fraction = rules.blob_base_fee_update_fraction
    term = 1
    output = 0
    accumulator = BLOB_BASE_FEE_MINIMUM * fraction
    while accumulator > 0:
        output += accumulator
        accumulator = accumulator * excess_blob_gas // (fraction * term)
        term += 1
    return output // fraction
