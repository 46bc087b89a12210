"""Parameters and first validators out of bounds are refused by name."""

from __future__ import annotations

import dataclasses

import pytest

from chain.secp256k1 import PrivateKey
from chain.types import ZERO_ADDRESS, Address
from vm.system.staking.parameters import (
    MAX_TOTAL_POWER,
    PARAMETER_BOUNDS,
    GenesisStaker,
    InvalidStaking,
    StakingGenesis,
    StakingParameters,
)


def staker(number: int, power: int = 10) -> GenesisStaker:
    key = PrivateKey(number.to_bytes(32))
    return GenesisStaker(f"v{number}", key.public_key, power, Address(number.to_bytes(20)))


def test_every_field_has_bounds_and_the_defaults_are_within() -> None:
    fields = {field.name for field in dataclasses.fields(StakingParameters)}
    assert fields == {name for name, _, _ in PARAMETER_BOUNDS}
    StakingParameters()


@pytest.mark.parametrize(("name", "least", "most"), PARAMETER_BOUNDS)
def test_a_number_beyond_its_bounds_is_refused(name: str, least: int, most: int) -> None:
    for good in (least, most):
        dataclasses.replace(StakingParameters(), **{name: good})
    for bad in (least - 1, most + 1, True):
        with pytest.raises(InvalidStaking, match=name) as caught:
            dataclasses.replace(StakingParameters(), **{name: bad})
        assert caught.value.field == name


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("validators[1].power", {"power": 0}),
        ("validators", {"power": MAX_TOTAL_POWER}),
        ("validators[1].name", {"name": ""}),
        ("validators[1].name", {"name": "é" * 36}),
        ("validators[1].operator", {"operator": ZERO_ADDRESS}),
        ("validators[1].operator", {"operator": staker(1).operator}),
        ("validators[1].public_key", {"public_key": staker(1).public_key}),
        ("validators[1].public_key", {"public_key": b"\x02" + bytes(32)}),
    ],
)
def test_a_faulty_first_validator_is_refused_by_its_place(field: str, change: dict[str, object]) -> None:
    faulty = dataclasses.replace(staker(2), **change)  # type: ignore[arg-type]
    with pytest.raises(InvalidStaking) as caught:
        StakingGenesis(StakingParameters(), (staker(1), faulty))
    assert caught.value.field == field


def test_the_first_validators_fit_the_set() -> None:
    with pytest.raises(InvalidStaking):
        StakingGenesis(StakingParameters(), ())
    with pytest.raises(InvalidStaking):
        StakingGenesis(StakingParameters(max_validators=1), (staker(1), staker(2)))
