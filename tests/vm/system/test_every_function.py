"""Every function of every registered contract is attacked: by strangers, with broken and extreme arguments, with coins
that it does not take, by delegated and static calls, and without enough gas.

A fault of a contract (a Python exception) is raised by the test chain, so no test here has to look for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from random import Random
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chain.types import ZERO_ADDRESS, Address
from state.world import WorldState
from tests.vm.system.chain_contracts import OWNER, STRANGER
from tests.vm.system.every_contract import (
    CASES,
    Case,
    broken_payloads,
    extreme_arguments,
    sender_of,
    uses,
    world,
)
from vm.context import DELEGATION_PREFIX
from vm.message import CallKind, Message, Outcome, Status
from vm.system.errors import error_string
from vm.system.registry import CHAIN_CONTRACTS
from vm.system.runtime.engine import DELEGATED
from vm.system.testing import address_of
from vm.system.testing.bytecode import proxy, through_proxy
from vm.system.testing.values import Account, address

GAS: Final = 2_000_000
CHANGING: Final = [case for case in CASES if not case.is_view]
GUARDED: Final = [case for case in CHANGING if case.only is not None]

# --- who may call what -----------------------------------------------------------------------------------

_FUNGIBLE = ("transfer(address,uint256)", "approve(address,uint256)", "transferFrom(address,address,uint256)")
_PERMIT = ("permit(address,address,uint256,uint256,uint8,bytes32,bytes32)",)
_BURNABLE = ("burn(uint256)", "burnFrom(address,uint256)")
_ROLES = ("grantRole(bytes32,address)", "revokeRole(bytes32,address)", "renounceRole(bytes32,address)")
_VOTES = ("delegate(address)", "delegateBySig(address,uint256,uint256,uint8,bytes32,bytes32)")
_COLLECTION = (
    "approve(address,uint256)",
    "setApprovalForAll(address,bool)",
    "transferFrom(address,address,uint256)",
    "safeTransferFrom(address,address,uint256)",
    "safeTransferFrom(address,address,uint256,bytes)",
    "burn(uint256)",
)

OPEN: Final[Mapping[str, tuple[str, ...]]] = {
    "Upgrades": ("acceptAuthority()",),  # whom the authority named
    "Staking": (
        "delegate(address,string,uint256)",
        "redelegate(address,string,string,uint256)",
        "undelegate(address,string,uint256)",
        "cancelUnbondingDelegation(address,string,uint256,uint256)",
        "registerConsensusKey(bytes,bytes)",
        "createValidator((string,string,string,string,string),(uint256,uint256,uint256),uint256,address,string,uint256)",
        "editValidator((string,string,string,string,string),address,int256,int256)",
    ),  # the delegator or validator that they name must be the caller
    "Distribution": (
        "withdrawDelegatorRewards(address,string)",
        "claimRewards(address,uint32)",
        "withdrawValidatorCommission(string)",
        "setWithdrawAddress(address,string)",
        "fundCommunityPool(address,(string,uint256)[])",
        "depositValidatorRewardsPool(address,string,(string,uint256)[])",
    ),
    "Slashing": ("unjail(address)",),
    "TokenFactory": ("createToken(bytes32,bytes,bytes32)",),
    "WrappedCoin": ("deposit()", "withdraw(uint256)", *_FUNGIBLE),
    "FixedToken": (*_FUNGIBLE, *_PERMIT),
    "MintableToken": (*_FUNGIBLE, *_PERMIT, *_BURNABLE, *_ROLES),
    "CappedToken": (*_FUNGIBLE, *_PERMIT, *_BURNABLE),
    "VotesToken": (*_FUNGIBLE, *_PERMIT, *_BURNABLE, *_VOTES),
    "RestrictedToken": (*_FUNGIBLE, *_ROLES, "batchTransfer(address[],uint256[])"),
    "FullToken": (
        *_FUNGIBLE,
        *_PERMIT,
        "permit(address,address,uint256,uint256,bytes)",
        *_BURNABLE,
        *_ROLES,
        *_VOTES,
    ),
    "CollectionToken": (*_COLLECTION, *_ROLES),
    "RoyaltyCollection": _COLLECTION,
    "MembershipCollection": (*_COLLECTION, *_VOTES),
    "MultiToken": (
        "setApprovalForAll(address,bool)",
        "safeTransferFrom(address,address,uint256,uint256,bytes)",
        "safeBatchTransferFrom(address,address,uint256[],uint256[],bytes)",
        "burn(address,uint256,uint256)",
        "burnBatch(address,uint256[],uint256[])",
        *_ROLES,
    ),
}
"""Reviewed: what anybody may call, because it concerns the caller's own things only or asks for somebody's signature or
allowance. `grantRole` and `revokeRole` ask for the role that administers the given one. A function that is not here
has an `only=`."""


def test_what_anybody_may_call_is_what_was_reviewed() -> None:
    found: dict[str, set[str]] = {contract.__name__: set() for contract in CHAIN_CONTRACTS.classes}
    for case in CHANGING:
        if case.only is None:
            found[case.contract.__name__].add(case.canonical)  # of all versions
    assert found == {name: set(functions) for name, functions in OPEN.items()}


@pytest.mark.parametrize("case", GUARDED, ids=str)
def test_a_guarded_function_reverts_for_a_stranger(case: Case) -> None:
    for use in uses(case):
        for stranger in (STRANGER, address_of("somebody without anything"), ZERO_ADDRESS):
            outcome, left = run(case, case.encode(*use.arguments), sender=stranger)
            assert outcome.status is Status.REVERT
            assert outcome.output not in (b"", error_string(""))  # the guard says who it wanted
            assert no_trace(left)


@pytest.mark.parametrize(
    "case", [case for case in CHANGING if case.method in ("grantRole", "revokeRole")], ids=str
)
def test_roles_are_given_and_taken_by_their_administrators_only(case: Case) -> None:
    for role in (bytes(32), b"\xff" * 32):
        outcome, left = run(case, case.encode(role, STRANGER), sender=STRANGER)
        assert outcome.status is Status.REVERT
        assert no_trace(left)


# --- call data -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=str)
def test_broken_call_data_reverts_or_is_a_call_and_never_a_fault(case: Case) -> None:
    random = Random(str(case))
    for payload in broken_payloads(case, random, 40):
        for sender in (STRANGER, sender_of(case)):
            finished(*run(case, payload, sender=sender))


@pytest.mark.parametrize("case", [case for case in CASES if case.types], ids=str)
def test_call_data_that_ends_early_reverts_without_data(case: Case) -> None:
    whole = case.encode(*next(uses(case)).arguments)
    head = 4 + sum(32 for _ in case.types)
    for length in (4, 5, 35, head - 1):
        outcome, left = run(case, whole[: min(length, head - 1)])
        assert (outcome.status, outcome.output) == (Status.REVERT, b"")
        assert no_trace(left)


@settings(max_examples=300)
@given(case=st.sampled_from(CASES), body=st.binary(max_size=400), coins=st.sampled_from([0, 0, 0, 1]))
def test_any_bytes_behind_a_selector_are_no_fault(case: Case, body: bytes, coins: int) -> None:
    finished(*run(case, case.selector + body, value=coins))


@pytest.mark.parametrize("contract", CHAIN_CONTRACTS.classes, ids=lambda one: one.__name__)
def test_unknown_selectors_and_short_call_data_revert(contract: type) -> None:
    case = next(case for case in CASES if case.contract is contract)
    for payload in (b"\x00", b"\xff\xff\xff", b"\x00\x00\x00\x00", b"\xde\xad\xbe\xef" + bytes(64)):
        outcome, left = run(case, payload)
        assert outcome.status is Status.REVERT
        assert no_trace(left)


def test_long_call_data_is_paid_for_before_it_is_decoded() -> None:
    for case in CASES:
        outcome, _ = run(case, case.selector + bytes(1_000_000), gas=100_000)
        assert outcome.status is Status.FAILURE


@pytest.mark.parametrize("case", CASES, ids=str)
def test_extreme_arguments_are_no_fault(case: Case) -> None:
    random = Random(str(case))
    for arguments in extreme_arguments(case, random, 30):
        payload = case.encode(*arguments)
        finished(*run(case, payload, sender=sender_of(case)))
        finished(*run(case, payload, sender=STRANGER))


# --- coins, delegated and static calls -------------------------------------------------------------------


@pytest.mark.parametrize("case", [case for case in CASES if not case.is_payable], ids=str)
def test_coins_for_a_function_that_takes_none_revert(case: Case) -> None:
    for use in uses(case):
        outcome, left = run(case, case.encode(*use.arguments), value=1, sender=OWNER)
        assert (outcome.status, outcome.output) == (Status.REVERT, b"")
        assert no_trace(left)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_delegated_calls_are_refused(case: Case) -> None:
    chain, handles = world()
    payload = through_proxy(handles[case.contract].address, case.encode(*next(uses(case)).arguments))
    for carrier in carriers():
        message = Message(CallKind.CALL, OWNER, carrier, carrier, 0, payload, GAS)
        outcome, left = chain.try_message(message)
        assert (outcome.status, outcome.output) == (Status.REVERT, DELEGATED)
        assert no_trace(left)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_account_that_delegates_to_a_contract_cannot_use_it(case: Case) -> None:
    """EIP-7702."""
    chain, handles = world()
    delegator = address_of("delegator")
    with chain.anchor():
        chain.run_evm(DELEGATION_PREFIX + handles[case.contract].address, at=delegator)
        payload = case.encode(*next(uses(case)).arguments)
        message = Message(CallKind.CALL, OWNER, delegator, delegator, 0, payload, GAS)
        outcome, left = chain.try_message(message)
    assert (outcome.status, outcome.output) == (Status.REVERT, DELEGATED)
    assert no_trace(left)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_static_call_changes_nothing(case: Case) -> None:
    for use in uses(case):
        outcome, left = run(case, case.encode(*use.arguments), sender=use.sender, is_static=True)
        assert no_trace(left)
        if case.is_view:
            assert outcome.status is not Status.FAILURE


# --- gas -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=str)
def test_at_every_gas_limit_a_call_that_fails_leaves_no_trace(case: Case) -> None:
    chain, handles = world()
    for use in uses(case):
        payload = case.encode(*use.arguments)
        outcome, _ = run(case, payload, sender=use.sender, value=use.value)
        if outcome.succeeded:
            function = getattr(handles[case.contract], case.method)
            chain.starve(function, *use.arguments, sender=use.sender, value=use.value, levels=40)
            continue
        used = GAS - outcome.gas_left
        for gas in range(0, used, max(used // 40, 1)):
            starved, left = run(case, payload, sender=use.sender, value=use.value, gas=gas)
            assert not starved.succeeded
            assert no_trace(left)


def test_the_arguments_of_these_tests_make_most_functions_succeed() -> None:
    """Otherwise the tests above would look at guards only."""
    successful = [
        case
        for case in CHANGING
        if any(
            run(case, case.encode(*use.arguments), sender=use.sender, value=use.value)[0].succeeded
            for use in uses(case)
        )
    ]
    assert len(successful) > len(CHANGING) * 2 // 3


# --- machinery -------------------------------------------------------------------------------------------


def message_of(
    case: Case,
    payload: bytes,
    *,
    sender: Account = STRANGER,
    value: int = 0,
    gas: int = GAS,
    is_static: bool = False,
) -> Message:
    target = world()[1][case.contract].address
    kind = CallKind.STATICCALL if is_static else CallKind.CALL
    return Message(kind, address(sender), target, target, value, payload, gas, is_static=is_static)


def run(
    case: Case,
    payload: bytes,
    *,
    sender: Account = STRANGER,
    value: int = 0,
    gas: int = GAS,
    is_static: bool = False,
) -> tuple[Outcome, WorldState]:
    message = message_of(case, payload, sender=sender, value=value, gas=gas, is_static=is_static)
    return world()[0].try_message(message)


@cache
def carriers() -> tuple[Address, ...]:
    """A proxy that delegates, and one that uses CALLCODE."""
    return tuple(world()[0].run_evm(proxy(kind)) for kind in (CallKind.DELEGATECALL, CallKind.CALLCODE))


def no_trace(left: WorldState) -> bool:
    """Whether a message changed nothing at all."""
    return left.changes().is_empty and not left.logs and not left.refund and not left.destroyed()


def finished(outcome: Outcome, left: WorldState) -> None:
    """It succeeded, or it left no trace; and it took no more gas than it had."""
    assert 0 <= outcome.gas_left <= GAS
    assert outcome.succeeded or no_trace(left)
