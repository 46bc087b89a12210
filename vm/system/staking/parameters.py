"""The numbers of proof of stake, and what the chain starts with.

Owns: `StakingParameters` with their bounds, `GenesisStaker`, `StakingGenesis`. Never does: read a file (genesis), touch
state. Specification: the parameters of x/staking, x/distribution and x/slashing of the Cosmos SDK; defaults are the
Cosmos Hub's, except for the block reward, which is a fixed amount here.

One unit of voting power is one coin, 10**18 wei, of what is staked with a validator.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from chain.errors import CallerError
from chain.secp256k1 import InvalidPublicKey, address_of_public_key
from chain.types import ADDRESS_BYTES, Address

WEI_PER_POWER: Final = 10**18
"""Stake that gives one unit of voting power."""

MAX_TOTAL_POWER: Final = 2**60 - 1
"""Consensus counts with this bound on the sum of all powers (consensus/validator_set.py)."""

MAX_VALIDATORS: Final = 200
"""Consensus admits no more: each round costs two votes per validator."""

BPS: Final = 10_000
"""Basis points in one."""

MAX_SECONDS: Final = 10 * 365 * 86_400
"""Ten years: a longer time is a typing mistake, and end times must fit 48 bits."""

MAX_BLOCK_REWARD_WEI: Final = 10**24
"""A million coins in each block; more is a typing mistake."""

MAX_NAME_BYTES: Final = 70
"""Longest moniker, as in the Cosmos SDK."""


class InvalidStaking(CallerError):
    """A parameter or a first validator is out of bounds. `field` names it: `max_validators`, `validators[2].power`."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


@dataclass(frozen=True, slots=True)
class StakingParameters:
    """Chain-wide numbers; bps are basis points, 1/10,000.

    `unbonding_time_s`: how long stake that leaves can still be slashed, and waits. `max_entries`: unbondings that one
    delegator may have open at one validator, and redelegations into it. `min_signed_bps`: blocks of the last
    `signed_blocks_window` that a validator must have signed. `evidence_max_age_blocks`: older double signing goes free.
    """

    unbonding_time_s: int = 21 * 86_400
    max_validators: int = 100
    max_entries: int = 7
    min_commission_bps: int = 0
    block_reward_wei: int = 10**18
    community_tax_bps: int = 200
    signed_blocks_window: int = 10_000
    min_signed_bps: int = 500
    downtime_jail_s: int = 600
    slash_double_sign_bps: int = 500
    slash_downtime_bps: int = 1
    evidence_max_age_blocks: int = 100_000

    def __post_init__(self) -> None:
        for name, least, most in PARAMETER_BOUNDS:
            _check_number(name, getattr(self, name), least, most)


PARAMETER_BOUNDS: Final[tuple[tuple[str, int, int], ...]] = (
    ("unbonding_time_s", 1, MAX_SECONDS),
    ("max_validators", 1, MAX_VALIDATORS),
    ("max_entries", 1, 32),
    ("min_commission_bps", 0, BPS),
    ("block_reward_wei", 0, MAX_BLOCK_REWARD_WEI),
    ("community_tax_bps", 0, BPS),
    ("signed_blocks_window", 1, 1_000_000),
    ("min_signed_bps", 0, BPS),
    ("downtime_jail_s", 0, MAX_SECONDS),
    ("slash_double_sign_bps", 0, BPS),
    ("slash_downtime_bps", 0, BPS),
    ("evidence_max_age_blocks", 1, 2**32),
)
"""Every field of StakingParameters with its least and largest value."""


@dataclass(frozen=True, slots=True)
class GenesisStaker:
    """A validator of block 1: its consensus key (33 bytes), its power in coins, and the account that owns the stake."""

    name: str
    public_key: bytes
    power: int
    operator: Address


@dataclass(frozen=True, slots=True)
class StakingGenesis:
    """What the three contracts start with: the stake of each first validator is its own, and is created for it."""

    parameters: StakingParameters
    validators: tuple[GenesisStaker, ...]

    def __post_init__(self) -> None:
        most = self.parameters.max_validators
        if not 1 <= len(self.validators) <= most:
            raise InvalidStaking("validators", f"{len(self.validators)} validators, must be 1 to {most}")
        operators: dict[Address, int] = {}
        keys: dict[bytes, int] = {}
        for index, staker in enumerate(self.validators):
            place = f"validators[{index}]"
            _check_staker(place, staker)
            if operators.setdefault(staker.operator, index) != index:
                raise InvalidStaking(
                    f"{place}.operator", f"already runs validators[{operators[staker.operator]}]"
                )
            if keys.setdefault(staker.public_key, index) != index:
                raise InvalidStaking(
                    f"{place}.public_key", f"same as that of validators[{keys[staker.public_key]}]"
                )
        if sum([staker.power for staker in self.validators]) > MAX_TOTAL_POWER:
            raise InvalidStaking("validators", f"total power is above {MAX_TOTAL_POWER}")


def _check_staker(place: str, staker: GenesisStaker) -> None:
    _check_number(f"{place}.power", staker.power, 1, MAX_TOTAL_POWER)
    if not 1 <= len(staker.name.encode("utf-8", "surrogateescape")) <= MAX_NAME_BYTES:
        raise InvalidStaking(f"{place}.name", f"must have 1 to {MAX_NAME_BYTES} bytes")
    if len(staker.operator) != ADDRESS_BYTES or not any(staker.operator):
        raise InvalidStaking(f"{place}.operator", f"must be {ADDRESS_BYTES} bytes and not zero")
    try:
        address_of_public_key(staker.public_key)
    except InvalidPublicKey as error:
        raise InvalidStaking(f"{place}.public_key", str(error)) from None


def _check_number(field: str, value: int, least: int, most: int) -> None:
    if type(value) is not int or not least <= value <= most:
        raise InvalidStaking(field, f"{value!r} is not a whole number from {least} to {most}")
