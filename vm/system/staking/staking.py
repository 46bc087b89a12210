"""The chain contract STAKING.

Owns: the class that runs at its address. Never does: anything itself; each part has a module.
Specification: StakingI.sol of cosmos/evm; docs/staking.md for the differences.
"""

from __future__ import annotations

from vm.system.staking.bonded_set import SeatFunctions


class Staking(SeatFunctions, class_id=0x0001, version=1):
    """Validators, delegations and unbondings, in the ABI of cosmos/evm's StakingI.

    Who validates is decided at the end of each block: the validators with the most stake that are not jailed, one
    unit of power for each coin. Coins to stake come with the call. Validators and delegators in string arguments are
    addresses, 0x and 40 hex digits. A new validator calls registerConsensusKey first.
    """
