"""What must hold between the fields of a genesis."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest

from chain.hd import derive_accounts
from chain.secp256k1 import PrivateKey
from chain.types import Address
from consensus.params import ConsensusParams
from genesis import (
    DEV_MNEMONIC,
    Allocation,
    ConsensusParameters,
    Genesis,
    GenesisError,
    GenesisValidator,
)
from genesis.model import MAX_TOTAL_POWER, MAX_VALIDATORS, PARAMETER_BOUNDS
from vm.system.staking.parameters import StakingParameters

MakeGenesis = Callable[..., Genesis]


def validator(number: int, power: int = 1) -> GenesisValidator:
    key = PrivateKey((number + 1).to_bytes(32, "big"))
    return GenesisValidator(f"v{number}", key.public_key, power, key.address)


def test_consensus_accepts_every_parameter_set_that_genesis_accepts() -> None:
    assert asdict(ConsensusParams(**asdict(ConsensusParameters()))) == asdict(ConsensusParameters())
    short = {"timeout_propose_ms": 1, "timeout_prevote_ms": 1, "timeout_precommit_ms": 1}
    for name, least, most in PARAMETER_BOUNDS:
        for value in (least, most):
            changes = {**short, "timeout_cap_ms": most if name.startswith("timeout") else 10_000, name: value}
            ConsensusParams(**asdict(ConsensusParameters(**changes)))


def test_every_parameter_has_bounds() -> None:
    assert [name for name, _, _ in PARAMETER_BOUNDS] == list(asdict(ConsensusParameters()))


@pytest.mark.parametrize("name", [name for name, _, _ in PARAMETER_BOUNDS])
def test_parameters_out_of_bounds_are_refused(name: str) -> None:
    for value in (-1, 2**64, True, 1.5):
        with pytest.raises(GenesisError) as caught:
            ConsensusParameters(**{name: value})  # type: ignore[arg-type]
        assert caught.value.path == f"$.parameters.{name}"


def test_validators_are_bounded_in_number_and_power(make_genesis: MakeGenesis) -> None:
    most = StakingParameters(max_validators=MAX_VALIDATORS)
    make_genesis(validators=tuple(validator(number) for number in range(MAX_VALIDATORS)), staking=most)
    with pytest.raises(GenesisError, match="201 validators, must be 1 to 200"):
        make_genesis(
            validators=tuple(validator(number) for number in range(MAX_VALIDATORS + 1)), staking=most
        )
    two = StakingParameters(max_validators=2)
    with pytest.raises(GenesisError, match="3 validators, must be 1 to 2"):
        make_genesis(validators=tuple(validator(number) for number in range(3)), staking=two)
    make_genesis(validators=(validator(0, MAX_TOTAL_POWER - 1), validator(1)))
    with pytest.raises(GenesisError, match="total power"):
        make_genesis(validators=(validator(0, MAX_TOTAL_POWER), validator(1)))


def test_two_validators_share_neither_key_nor_name_nor_operator(make_genesis: MakeGenesis) -> None:
    first, second = validator(0), validator(1)
    same_key = GenesisValidator("other", first.public_key, 1, second.operator)
    with pytest.raises(
        GenesisError, match=r"\$\.validators\[1\]\.public_key: same as that of validators\[0\]"
    ):
        make_genesis(validators=(first, same_key))
    same_name = GenesisValidator(first.name, second.public_key, 1, second.operator)
    with pytest.raises(GenesisError, match=r"\$\.validators\[1\]\.name: same as that of validators\[0\]"):
        make_genesis(validators=(first, same_name))
    same_operator = GenesisValidator(second.name, second.public_key, 1, first.operator)
    with pytest.raises(GenesisError, match=r"\$\.validators\[1\]\.operator: same as that of validators\[0\]"):
        make_genesis(validators=(first, same_operator))


@pytest.mark.parametrize("chain_id", [1, 4242, 1338])
def test_the_public_mnemonic_owns_nothing_outside_development_chains(
    make_genesis: MakeGenesis, chain_id: int
) -> None:
    for key in derive_accounts(DEV_MNEMONIC, 16):
        cases: list[dict[str, Any]] = [
            {"allocations": {key.address: Allocation(balance=1)}},
            {"upgrade_authority": key.address},
            {"validators": (GenesisValidator("one", validator(0).public_key, 1, key.address),)},
            {"validators": (GenesisValidator("one", key.public_key, 1, validator(0).operator),)},
        ]
        for case in cases:
            with pytest.raises(GenesisError, match="public development mnemonic"):
                make_genesis(chain_id=chain_id, **case)
            make_genesis(chain_id=1337, **case)
            make_genesis(chain_id=31337, **case)


def test_code_and_supply_are_bounded(make_genesis: MakeGenesis) -> None:
    one, two = Address(b"\x11" * 20), Address(b"\x22" * 20)
    make_genesis(allocations={one: Allocation(code=bytes(24_576))})
    with pytest.raises(GenesisError, match="EIP-170"):
        make_genesis(allocations={one: Allocation(code=bytes(24_577))})
    staked = 10 * 10**18  # by the validator of the genesis
    make_genesis(allocations={one: Allocation(balance=2**255), two: Allocation(balance=2**255 - 1 - staked)})
    with pytest.raises(GenesisError, match="balances and stakes together"):
        make_genesis(allocations={one: Allocation(balance=2**256 - 1)})
    with pytest.raises(GenesisError, match="together"):
        make_genesis(allocations={one: Allocation(balance=2**255), two: Allocation(balance=2**255)})


@pytest.mark.parametrize("names", [("multicall3", "beacon_roots"), ("multicall3", "multicall3")])
def test_predeploys_are_named_in_order_and_once(make_genesis: MakeGenesis, names: tuple[str, ...]) -> None:
    with pytest.raises(GenesisError, match="ascending order"):
        make_genesis(predeploys=names)


def test_an_unknown_predeploy_is_refused(make_genesis: MakeGenesis) -> None:
    with pytest.raises(GenesisError, match="unknown contract"):
        make_genesis(predeploys=("multicall4",))


def test_stake_does_not_leave_before_its_last_vote_can_be_proven(make_genesis: MakeGenesis) -> None:
    parameters = ConsensusParameters(block_interval_ms=2_000)
    make_genesis(parameters=parameters, staking=StakingParameters(unbonding_time_s=8))
    with pytest.raises(GenesisError, match="unbonding_time_s"):
        make_genesis(parameters=parameters, staking=StakingParameters(unbonding_time_s=7))
