"""The ABI is that of cosmos/evm: StakingI.sol, DistributionI.sol and ISlashing.sol, as canonical types."""

from __future__ import annotations

import pytest

from vm.system.abi.signature import EventSignature, Mutability
from vm.system.contract import Contract
from vm.system.staking.distribution import Distribution
from vm.system.staking.slashing import Slashing
from vm.system.staking.staking import Staking
from vm.system.tooling.declared import events_of

DESCRIPTION = "(string,string,string,string,string)"
PAGE = "(bytes,uint64,uint64,bool,bool)"
MOVE = "(int64,int64,uint256,uint256)"
DEC_COIN = "(string,uint256,uint8)"
COIN = "(string,uint256)"
DEC = "(uint256,uint8)"
SIGNING = "(address,int64,int64,int64,bool,int64)"
MORE = "(bytes,uint64)"
VALIDATOR = f"(string,string,bool,uint8,uint256,uint256,{DESCRIPTION},int64,int64,uint256,uint256)"
MOVES = f"(string,string,string,{MOVE}[])"

FUNCTIONS = [
    (Staking, "cancelUnbondingDelegation(address,string,uint256,uint256)", "(bool)"),
    (
        Staking,
        f"createValidator({DESCRIPTION},(uint256,uint256,uint256),uint256,address,string,uint256)",
        "(bool)",
    ),
    (Staking, "delegate(address,string,uint256)", "(bool)"),
    (Staking, "delegation(address,string)", f"(uint256,{COIN})"),
    (Staking, f"editValidator({DESCRIPTION},address,int256,int256)", "(bool)"),
    (Staking, "redelegate(address,string,string,uint256)", "(int64)"),
    (Staking, "redelegation(address,string,string)", f"({MOVES})"),
    (Staking, f"redelegations(address,string,string,{PAGE})", f"(({MOVES},({MOVE},uint256)[])[],{MORE})"),
    (
        Staking,
        "unbondingDelegation(address,string)",
        "((string,string,(int64,int64,uint256,uint256,uint64,int64)[]))",
    ),
    (Staking, "undelegate(address,string,uint256)", "(int64)"),
    (Staking, "validator(address)", f"({VALIDATOR})"),
    (Staking, f"validators(string,{PAGE})", f"({VALIDATOR}[],{MORE})"),
    (Distribution, "claimRewards(address,uint32)", "(bool)"),
    (Distribution, "communityPool()", f"({DEC_COIN}[])"),
    (Distribution, "delegationRewards(address,string)", f"({DEC_COIN}[])"),
    (Distribution, "delegationTotalRewards(address)", f"((string,{DEC_COIN}[])[],{DEC_COIN}[])"),
    (Distribution, "delegatorValidators(address)", "(string[])"),
    (Distribution, "delegatorWithdrawAddress(address)", "(string)"),
    (Distribution, f"depositValidatorRewardsPool(address,string,{COIN}[])", "(bool)"),
    (Distribution, f"fundCommunityPool(address,{COIN}[])", "(bool)"),
    (Distribution, "setWithdrawAddress(address,string)", "(bool)"),
    (Distribution, "validatorCommission(string)", f"({DEC_COIN}[])"),
    (Distribution, "validatorDistributionInfo(string)", f"((string,{DEC_COIN}[],{DEC_COIN}[]))"),
    (Distribution, "validatorOutstandingRewards(string)", f"({DEC_COIN}[])"),
    (Distribution, f"validatorSlashes(string,uint64,uint64,{PAGE})", f"((uint64,{DEC})[],{MORE})"),
    (Distribution, "withdrawDelegatorRewards(address,string)", f"({COIN}[])"),
    (Distribution, "withdrawValidatorCommission(string)", f"({COIN}[])"),
    (Slashing, "getParams()", f"((int64,{DEC},int64,{DEC},{DEC}))"),
    (Slashing, "getSigningInfo(address)", f"({SIGNING})"),
    (Slashing, f"getSigningInfos({PAGE})", f"({SIGNING}[],{MORE})"),
    (Slashing, "unjail(address)", "(bool)"),
]
"""Contract, function, outputs."""

EVENTS = [
    (Staking, "CancelUnbondingDelegation(address indexed,address indexed,uint256,uint256)"),
    (Staking, "CreateValidator(address indexed,uint256)"),
    (Staking, "Delegate(address indexed,address indexed,uint256,uint256)"),
    (Staking, "EditValidator(address indexed,int256,int256)"),
    (Staking, "Redelegate(address indexed,address indexed,address indexed,uint256,uint256)"),
    (Staking, "Unbond(address indexed,address indexed,uint256,uint256)"),
    (Distribution, "ClaimRewards(address indexed,uint256)"),
    (Distribution, "DepositValidatorRewardsPool(address indexed,address indexed,string,uint256)"),
    (Distribution, "FundCommunityPool(address indexed,string,uint256)"),
    (Distribution, "SetWithdrawerAddress(address indexed,string)"),
    (Distribution, "WithdrawDelegatorReward(address indexed,address indexed,uint256)"),
    (Distribution, "WithdrawValidatorCommission(string indexed,uint256)"),
    (Slashing, "ValidatorUnjailed(address indexed)"),
]

PAYABLE = {"createValidator", "delegate", "depositValidatorRewardsPool", "fundCommunityPool"}
"""Coins come with the call here; in Cosmos these take them from the caller's balance."""

VIEWS = [
    "delegation",
    "redelegation",
    "redelegations",
    "unbondingDelegation",
    "validator",
    "validators",
    "communityPool",
    "delegationRewards",
    "delegationTotalRewards",
    "delegatorValidators",
    "delegatorWithdrawAddress",
    "validatorCommission",
    "validatorDistributionInfo",
    "validatorOutstandingRewards",
    "validatorSlashes",
    "getParams",
    "getSigningInfo",
    "getSigningInfos",
]


@pytest.mark.parametrize(("contract", "canonical", "outputs"), FUNCTIONS)
def test_a_function_has_the_types_of_Cosmos(contract: type[Contract], canonical: str, outputs: str) -> None:
    found = [each.signature for each in contract.functions.values() if each.signature.canonical == canonical]
    assert len(found) == 1
    assert "(" + ",".join(each.type.canonical for each in found[0].outputs) + ")" == outputs
    name = found[0].name
    expected = (
        Mutability.VIEW if name in VIEWS else Mutability.PAYABLE if name in PAYABLE else Mutability.NONPAYABLE
    )
    assert found[0].mutability is expected


@pytest.mark.parametrize(("contract", "expected"), EVENTS)
def test_an_event_has_the_types_and_topics_of_Cosmos(contract: type[Contract], expected: str) -> None:
    assert expected in [_told(event.signature) for event in events_of(contract)]


def _told(signature: EventSignature) -> str:
    fields = [each.type.canonical + (" indexed" if each.indexed else "") for each in signature.inputs]
    return f"{signature.name}({','.join(fields)})"
