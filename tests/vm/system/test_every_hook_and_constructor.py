"""What is no function: constructors with broken arguments, hooks without enough gas; and callees that call back.

A fault of a contract (a Python exception) is raised by the test chain, so no test here has to look for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any, Final

import pytest

from chain.types import checksum_address
from state.changes import StateChanges
from state.world import WorldState
from tests.vm.system.chain_contracts import FRIEND_TEXT, OWNER, OWNER_TEXT, STRANGER, VOTES
from tests.vm.system.every_contract import (
    INSTANCES,
    WORDS,
    Case,
    extremes,
    sample,
    uses,
    world,
)
from tests.vm.system.test_every_function import CHANGING, GAS, finished, no_trace, run
from vm.environment import Misbehaviour
from vm.evm.frame import OutOfGas
from vm.message import CallKind, Message, Outcome, Status, SystemCreation
from vm.system.abi.types import AddressType
from vm.system.contract import Contract
from vm.system.errors import Revert
from vm.system.registry import CHAIN_CONTRACTS
from vm.system.runtime import hooks
from vm.system.testing import address_of, key_of
from vm.system.testing.bytecode import reentering, trying
from vm.system.testing.starve import starve

CLASSES: Final = [contract for contract in CHAIN_CONTRACTS.classes if contract.__name__ in INSTANCES]
ATTACKER: Final = address_of("attacker's contract")
NEW: Final = address_of("new contract")

# --- constructors --------------------------------------------------------------


def creation(contract: type[Contract], encoded: bytes, *, value: int = 0, gas: int = GAS) -> Message:
    return SystemCreation(CallKind.CREATE2, OWNER, NEW, NEW, value, encoded, gas, system_code=contract.code)


def created(contract: type[Contract], encoded: bytes) -> tuple[Outcome, WorldState]:
    return world()[0].try_message(creation(contract, encoded))


def good(contract: type[Contract]) -> bytes:
    return contract.constructing.encode(*INSTANCES[contract.__name__][0])


@pytest.mark.parametrize("contract", CLASSES, ids=lambda one: one.__name__)
def test_broken_arguments_of_a_constructor_make_no_contract(contract: type[Contract]) -> None:
    random, whole = Random(contract.__name__), good(contract)
    for length in {0, 1, 31, 32, len(whole) // 2 - 1} - {len(whole)}:
        outcome, left = created(contract, whole[:length])
        assert outcome.status is Status.REVERT
        assert no_trace(left) or not left.get_code(NEW)
    for _ in range(100):
        body = bytearray(whole)
        at = random.randrange(len(body) // 32) * 32
        if random.random() < 0.5:
            body[at : at + 32] = random.choice(WORDS)
        else:
            body[random.randrange(len(body))] ^= 1 << random.randrange(8)
        outcome, left = created(contract, bytes(body))
        assert outcome.succeeded == bool(left.get_code(NEW))
        assert outcome.succeeded or left.changes().is_empty


@pytest.mark.parametrize("contract", CLASSES, ids=lambda one: one.__name__)
def test_extreme_arguments_of_a_constructor_are_no_fault(contract: type[Contract]) -> None:
    types = contract.constructing.signature.input_types
    for index, kind in enumerate(types):
        for value in extremes(kind):
            arguments = [value if at == index else sample(one) for at, one in enumerate(types)]
            outcome, left = created(contract, contract.constructing.encode(*arguments))
            assert outcome.succeeded or left.changes().is_empty


@pytest.mark.parametrize("contract", CLASSES, ids=lambda one: one.__name__)
def test_a_constructor_without_enough_gas_makes_no_contract(contract: type[Contract]) -> None:
    starve(world()[0].try_message, creation(contract, good(contract)), 60)


@pytest.mark.parametrize("contract", CLASSES, ids=lambda one: one.__name__)
def test_nothing_is_built_where_something_is(contract: type[Contract]) -> None:
    chain, handles = world()
    message = creation(contract, good(contract))
    there = handles[contract].address
    taken = SystemCreation(
        CallKind.CREATE2, OWNER, there, there, 0, message.input[:], GAS, system_code=contract.code
    )
    outcome, left = chain.try_message(taken)
    assert outcome.status is Status.FAILURE
    assert left.changes().is_empty


# --- hooks --------------------------------------------------------------

HOOKS: Final = [
    (entry.name, stage)
    for entry in CHAIN_CONTRACTS.chain_contracts
    for stage in ("begin_block", "end_block")
    if hasattr(entry.contract, stage)
]


DEFERRING: Final = {("staking", "end_block")}
"""What they have no gas for waits for the next block."""

NOTHING: Final = (StateChanges(accounts={}, storage={}, wiped=(), code={}), (), ())


def run_hook(name: str, stage: str) -> tuple[bool, WorldState, object]:
    """(it ran to its end, what it left, what it returned), in a block after which a validator signed twice."""
    chain, _ = world()
    entry = next(entry for entry in CHAIN_CONTRACTS.chain_contracts if entry.name == name)
    guilty = Misbehaviour(key_of("friend's consensus").address, chain.block.number - 1, 10)
    votes = (VOTES[0], replace(VOTES[1], signed=False))
    env = replace(
        chain.block,
        number=chain.block.number + 1,
        timestamp=chain.block.timestamp + 7_200,
        votes=votes,
        misbehaviour=(guilty,),
    )
    left = chain.world
    left.begin_transaction()
    try:
        result = hooks._run_hook(left, env, entry.address, entry.contract, getattr(entry.contract, stage))
    except hooks.HookFailed as failure:
        if not isinstance(failure.__cause__, OutOfGas | Revert):
            raise
        return False, left, None
    return True, left, result


@pytest.mark.parametrize(("name", "stage"), HOOKS, ids=lambda one: str(one))
def test_a_hook_without_enough_gas_does_all_or_nothing(
    name: str, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, left, result = run_hook(name, stage)
    assert whole
    expected = (left.changes(), left.logs, result)
    outcomes = []
    for gas in (*range(0, 3_000, 100), *range(3_000, 600_000, 3_001)):
        monkeypatch.setattr(hooks, "HOOK_GAS", gas)
        ended, left, result = run_hook(name, stage)
        outcomes.append(ended)
        if ended:
            told = (left.changes(), left.logs, result)
            assert told == expected or ((name, stage) in DEFERRING and told == NOTHING)
        else:
            assert no_trace(left)
    assert outcomes == sorted(outcomes)  # once it is enough, more is enough too
    assert outcomes[-1]


# --- callees that call back --------------------------------------------------------------


def takes_an_address(case: Case) -> bool:
    return any(isinstance(kind, AddressType) for kind in case.types)


def attacked(case: Case) -> Iterator[tuple[Any, ...]]:
    """Arguments whose addresses are the attacker's contract."""
    for number in (0, 1):
        yield tuple(sample(kind, number, ATTACKER) for kind in case.types)
    for use in uses(case):
        yield tuple(
            ATTACKER if isinstance(kind, AddressType) else value
            for kind, value in zip(case.types, use.arguments, strict=True)
        )


@pytest.mark.parametrize("case", [case for case in CHANGING if takes_an_address(case)], ids=str)
def test_a_callee_that_calls_back_is_no_fault(case: Case) -> None:
    chain, handles = world()
    target = handles[case.contract].address
    siblings = [other for other in CHANGING if other.contract is case.contract]
    with chain.anchor():
        for arguments in attacked(case):
            payload = case.encode(*arguments)
            for other in (case, Random(str(case)).choice(siblings)):
                inner = other.encode(*next(attacked(other)))
                for attack in (reentering(target, inner), trying(target, inner)):
                    chain.run_evm(attack, at=ATTACKER)
                    finished(*run(case, payload, sender=OWNER))
                    finished(*run(case, payload, sender=STRANGER))


@pytest.mark.parametrize("method", ["withdrawDelegatorRewards", "claimRewards", "setWithdrawAddress"])
def test_who_is_paid_rewards_cannot_call_back_into_the_payment(method: str) -> None:
    """The one place where locked functions run code of strangers: coins that are sent."""
    chain, handles = world()
    distribution = next(handle for contract, handle in handles.items() if contract.__name__ == "Distribution")
    arguments = {
        "withdrawDelegatorRewards": (STRANGER, OWNER_TEXT),
        "claimRewards": (STRANGER, 5),
        "setWithdrawAddress": (STRANGER, FRIEND_TEXT),
    }
    with chain.anchor():
        payload = getattr(distribution, method).encode(*arguments[method])
        chain.run_evm(trying(distribution.address, payload), at=ATTACKER)
        distribution.setWithdrawAddress(STRANGER, checksum_address(ATTACKER), sender=STRANGER)
        before = chain.balance(ATTACKER)
        distribution.withdrawDelegatorRewards(STRANGER, OWNER_TEXT, sender=STRANGER)
        assert chain.balance(ATTACKER) > before
        assert chain.storage(ATTACKER) in ({}, {0: 2})  # paid without a call, or called and refused
