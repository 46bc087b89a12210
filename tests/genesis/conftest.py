"""A genesis to change: one validator, one account with code and storage."""

from collections.abc import Callable
from typing import Any

import pytest

from chain.secp256k1 import PrivateKey
from chain.types import Address
from genesis import Allocation, ConsensusParameters, Genesis, GenesisValidator
from vm.forks import Fork, ForkSchedule

FIRST_CONTRACTS = dict.fromkeys(
    ["distribution", "slashing", "staking", "token_factory", "upgrades", "wrapped_coin"], 1
)
"""Contracts of the first chains with format 2: what is made of them must stay the same for ever."""

KEY = PrivateKey(b"\x03" * 32)


@pytest.fixture
def make_genesis() -> Callable[..., Genesis]:
    """Return a function that makes a valid genesis with the given fields changed."""

    def make(**changes: Any) -> Genesis:
        fields: dict[str, Any] = {
            "chain_id": 4242,
            "name": "a chain",
            "timestamp": 1_700_000_000,
            "gas_limit": 30_000_000,
            "base_fee_per_gas": 10**9,
            "forks": ForkSchedule(((Fork.PRAGUE, 0),)),
            "parameters": ConsensusParameters(),
            "validators": (GenesisValidator("one", KEY.public_key, 10, KEY.address),),
            "allocations": {
                Address(b"\x11" * 20): Allocation(balance=10**24),
                Address(b"\x22" * 20): Allocation(
                    balance=1, nonce=1, code=b"\x60\x00", storage={0: 5, 2**255: 2**256 - 1}
                ),
            },
            "upgrade_authority": Address(b"\x33" * 20),
        }
        return Genesis(**{**fields, **changes})

    return make
