"""System contracts on the common call path: dispatch, gas, locks, static and delegated calls, creation, upgrades."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from chain.types import Address
from state.world import WorldState
from tests.vm.system.runtime.sample import FACTORY, REGISTRY, Counter, CounterV2, Factory, ICounter
from tests.vm.worlds import ENVIRONMENT, Accounts, address, assemble, funded
from vm.block import begin_block, execute_block
from vm.call import new_context
from vm.environment import TransactionContext
from vm.message import CallKind, Message, Outcome, Status
from vm.overrides import AccountOverride
from vm.requests import requests_hash
from vm.simulation import CallRequest, simulate_call
from vm.system.contract import ReentrancyGuardReentrantCall
from vm.system.errors import Panic, error_string
from vm.system.functions import Function
from vm.system.interface import interface_id
from vm.system.runtime.engine import DELEGATED
from vm.system.runtime.faults import FAULTS

ALICE, BOB, COUNTER, EVM = address(0xA11CE), address(0xB0B), address(0xC1), address(0xE1)
ENV = replace(ENVIRONMENT, system_contracts=REGISTRY)
GAS = 10_000_000


def accounts() -> Accounts:
    return (
        funded()
        .add(ALICE, balance=10**20)
        .add(COUNTER, nonce=1, code=Counter.code, storage={0: int.from_bytes(ALICE)})
        .add(FACTORY, nonce=1, code=Factory.code)
    )


def world_of(given: Accounts | None = None) -> WorldState:
    world = (given or accounts()).world
    world.begin_transaction()
    return world


def send(
    world: WorldState,
    target: Address,
    payload: bytes,
    *,
    caller: Address = ALICE,
    value: int = 0,
    gas: int = GAS,
    kind: CallKind = CallKind.CALL,
) -> Outcome:
    context = new_context(world, ENV, TransactionContext(caller, 0))
    return context.execute_message(
        context,
        Message(kind, caller, target, target, value, payload, gas, 0, kind is CallKind.STATICCALL),
    )


def run(
    world: WorldState, function: Function[Any, Any], *arguments: Any, to: Address = COUNTER, **options: Any
) -> Any:
    """What the function returns."""
    outcome = send(world, to, function.encode(*arguments), **options)
    assert outcome.status is Status.SUCCESS, outcome
    return function.decode(outcome.output)


def failure(
    world: WorldState, function: Function[Any, Any], *arguments: Any, to: Address = COUNTER, **options: Any
) -> Outcome:
    outcome = send(world, to, function.encode(*arguments), **options)
    assert outcome.status is not Status.SUCCESS
    return outcome


@contextmanager
def faults_revert() -> Iterator[list[str]]:
    """As in production."""
    told: list[str] = []
    before = FAULTS.raises, FAULTS.alarm
    FAULTS.raises, FAULTS.alarm = False, lambda place, error: told.append(f"{place}: {error!r}")
    try:
        yield told
    finally:
        FAULTS.raises, FAULTS.alarm = before


def test_a_function_reads_writes_logs_and_returns() -> None:
    world = world_of()
    assert run(world, Counter.add, 5) == 5
    assert run(world, Counter.add, 2, caller=BOB) == 7
    assert run(world, Counter.both, ALICE) == (7, 5)
    first, _ = world.logs
    assert first.address == COUNTER
    assert first.topics[1] == bytes(12) + ALICE
    assert first.data == (5).to_bytes(32)


def test_without_a_function_call_data_reverts_and_bare_coins_go_to_receive() -> None:
    world = world_of()
    assert send(world, COUNTER, b"\x01\x02\x03\x04").status is Status.REVERT
    assert send(world, COUNTER, b"\x01").output == b""
    assert send(world, COUNTER, b"", value=3).status is Status.SUCCESS
    assert (world.get_storage(COUNTER, 1), world.get_balance(COUNTER)) == (1, 3)
    assert send(world, FACTORY, b"", value=3).status is Status.REVERT
    assert world.get_balance(FACTORY) == 0


def test_value_is_refused_unless_the_function_takes_it() -> None:
    world = world_of()
    assert failure(world, Counter.add, 1, value=1).output == b""
    run(world, Counter.pay, value=4)
    assert world.get_storage(COUNTER, 1) == 4


@pytest.mark.parametrize(
    "payload",
    [
        Counter.add.encode(1)[:-1],
        Counter.both.selector + b"\x01" * 32,
        Counter.call_back.selector + bytes(64),
        Counter.call_back.encode(ALICE, b"x" * 40)[:-40],
    ],
    ids=["short", "dirty address", "offset to nowhere", "short bytes"],
)
def test_malformed_call_data_reverts_without_data(payload: bytes) -> None:
    outcome = send(world_of(), COUNTER, payload)
    assert (outcome.status, outcome.output) == (Status.REVERT, b"")


def test_numbers_out_of_range_are_solidity_panics() -> None:
    world = world_of()
    run(world, Counter.add, 2**256 - 1)
    assert failure(world, Counter.add, 1).output == Panic(0x11).data
    assert failure(world, Counter.negative, -(2**255)).output == Panic(0x11).data
    assert run(world, Counter.count) == 2**256 - 1


def test_guards_name_the_caller_they_refuse() -> None:
    world = world_of()
    assert failure(world, Counter.reset, caller=BOB).output == Counter.NotTheOwner(BOB).data
    run(world, Counter.reset)


def test_a_view_cannot_write_and_a_static_call_cannot_change_anything() -> None:
    world = world_of()
    assert failure(world, Counter.sneaky).gas_left == 0
    for function, arguments in ((Counter.add, (1,)), (Counter.reset, ())):
        refused = failure(world, function, *arguments, kind=CallKind.STATICCALL)
        assert (refused.status, refused.error) == (Status.FAILURE, "write protection")
    assert run(world, Counter.count, kind=CallKind.STATICCALL) == 0


def test_gas_is_that_of_storage_and_logs_and_the_published_prices() -> None:
    world = world_of()
    outcome = send(world, COUNTER, Counter.count.encode())
    assert GAS - outcome.gas_left == 200 + 300 + 2_100
    again = send(world, COUNTER, Counter.count.encode())
    assert GAS - again.gas_left == 200 + 300 + 100
    added = send(world, COUNTER, Counter.add.encode(1))
    total, by_caller = 100 + 20_000 + 100, 2_100 + 20_000  # read, set, and read again; read cold and set
    storage = total + by_caller
    assert GAS - added.gas_left == 200 + 300 + 6 + storage + 2 * 42 + (375 + 2 * 375 + 8 * 32)


def test_a_call_starved_at_any_gas_leaves_no_trace() -> None:
    world = world_of()
    needed = GAS - send(world, COUNTER, Counter.add.encode(1)).gas_left
    for gas in [*range(0, needed - 1, 97), needed - 1]:
        world = world_of()
        outcome = send(world, COUNTER, Counter.add.encode(1), gas=gas)
        assert (outcome.status, outcome.gas_left) == (Status.FAILURE, 0)
        assert not world.logs
        assert not world.changes().storage
    # SSTORE keeps 2,300 gas back (EIP-2200), so the exact sum suffices only because the log comes after.
    assert send(world_of(), COUNTER, Counter.add.encode(1), gas=needed).status is Status.SUCCESS


def test_a_locked_contract_cannot_be_entered_again_but_a_view_can_be_asked() -> None:
    world = world_of()
    evm = assemble(  # calls the counter with the 36 bytes that it gets, and fails as that fails
        36, 0, 0, "CALLDATACOPY", 0, 0, 36, 0, 0, int.from_bytes(COUNTER), "GAS", "CALL", "RETURNDATASIZE", 0, 0,
        "RETURNDATACOPY", "RETURNDATASIZE", 0, "RETURN",
    )  # fmt: skip
    world.set_code(EVM, evm)
    told = run(world, Counter.call_back, EVM, Counter.add.encode(1))
    assert told == ReentrancyGuardReentrantCall().data
    assert run(world, Counter.count) == 0
    assert run(world, Counter.call_back, EVM, Counter.count.encode()) == bytes(32)
    assert run(world, Counter.open_call_back, EVM, Counter.add.encode(1)) == (True, (1).to_bytes(32))
    assert run(world, Counter.add, 1) == 2


def test_the_lock_is_open_again_after_a_revert() -> None:
    world = world_of()
    failure(world, Counter.call_back, FACTORY, b"\x00\x00\x00\x01")
    assert run(world, Counter.add, 1) == 1


@pytest.mark.parametrize("instruction", ["DELEGATECALL", "CALLCODE"])
def test_delegated_calls_are_refused(instruction: str) -> None:
    world = world_of()
    value: tuple[Any, ...] = (0,) if instruction == "CALLCODE" else ()
    copy = (36, 0, 0, "CALLDATACOPY", 0, 0, 36, 0)
    world.set_code(
        EVM,
        assemble(*copy, *value, int.from_bytes(COUNTER), "GAS", instruction, "RETURNDATASIZE", 0, 0,
                 "RETURNDATACOPY", "RETURNDATASIZE", 0, "RETURN"),
    )  # fmt: skip
    assert send(world, EVM, Counter.add.encode(1)).output == DELEGATED
    assert not world.changes().storage


def test_an_account_that_delegates_to_a_system_contract_does_not_become_one() -> None:
    world = world_of()
    world.set_code(BOB, b"\xef\x01\x00" + COUNTER)
    assert send(world, BOB, Counter.add.encode(1)).output == DELEGATED


def test_an_unknown_class_fails() -> None:
    world = world_of()
    world.set_code(BOB, b"\xef\x53\x43" + bytes(6))
    assert send(world, BOB, b"").status is Status.FAILURE


def test_typed_calls_decode_pass_failures_on_and_need_code() -> None:
    world = world_of()
    other = address(0xC2)
    world.set_code(other, Counter.code)
    assert run(world, Counter.add_elsewhere, other, 4) == 8
    world.set_storage(other, 1, 2**256 - 1)
    assert failure(world, Counter.add_elsewhere, other, 4).output == Panic(0x11).data
    assert failure(world, Counter.add_elsewhere, BOB, 4).output == b""
    world.set_code(EVM, assemble("STOP"))
    assert failure(world, Counter.add_elsewhere, EVM, 4).output == b""  # nothing came back to decode


def test_value_goes_with_typed_calls_and_sends() -> None:
    world = world_of()
    other = address(0xC2)
    world.set_code(other, Counter.code)
    run(world, Counter.pay, value=10)
    run(world, Counter.pay_elsewhere, other, 3)
    run(world, Counter.send_coins, BOB, 5)
    assert [world.get_balance(who) for who in (COUNTER, other, BOB)] == [2, 3, 5]
    assert failure(world, Counter.send_coins, BOB, 5).status is Status.REVERT
    assert failure(world, Counter.send_coins, FACTORY, 1).status is Status.REVERT


def test_depth_is_bounded_as_for_every_call() -> None:
    world = world_of()
    payload = Counter.count.encode()
    for _ in range(40):
        payload = Counter.open_call_back.encode(COUNTER, payload)
    outcome = send(world, COUNTER, payload)
    assert outcome.status is Status.SUCCESS
    context = new_context(world, ENV, TransactionContext(ALICE, 0))
    at_limit = Message(
        CallKind.CALL, ALICE, COUNTER, COUNTER, 0, Counter.open_call_back.encode(COUNTER, b""), GAS, 1024
    )
    outcome = context.execute_message(context, at_limit)
    assert Counter.open_call_back.decode(outcome.output) == (False, b"")


def test_a_factory_creates_at_the_predicted_address_once() -> None:
    world = world_of()
    made = run(world, Factory.make, b"\x01" * 32, BOB, 9, to=FACTORY, value=2)
    assert made == run(world, Factory.where, b"\x01" * 32, BOB, 9, to=FACTORY)
    assert (world.get_code(made), world.get_nonce(made), world.get_balance(made)) == (Counter.code, 1, 2)
    assert run(world, Counter.count, to=made) == 9
    assert failure(world, Counter.reset, to=made).output == Counter.NotTheOwner(ALICE).data
    assert failure(world, Factory.make, b"\x01" * 32, BOB, 9, to=FACTORY).output == b""
    assert run(world, Factory.make, b"\x01" * 32, BOB, 8, to=FACTORY) != made


def test_a_constructor_that_reverts_leaves_nothing() -> None:
    world = world_of()
    refused = failure(world, Factory.make, bytes(32), BOB, 1_000_000, to=FACTORY, value=2)
    assert refused.output == error_string("too much")
    where = run(world, Factory.where, bytes(32), BOB, 1_000_000, to=FACTORY)
    assert not world.exists(where)
    assert world.get_nonce(FACTORY) == 1


def test_nobody_else_can_create_a_system_contract() -> None:
    world = world_of()
    init = Counter.code.ljust(32, b"\x00")
    world.set_code(
        EVM,
        assemble(
            int.from_bytes(init), 0, "MSTORE", len(Counter.code), 0, 0, "CREATE", 0, "MSTORE", 32, 0, "RETURN"
        ),
    )
    assert send(world, EVM, b"").output == bytes(32)


def test_a_constructor_is_no_function() -> None:
    assert all(function.signature.name != "constructor" for function in Counter.entries.values())


def test_an_upgrade_changes_the_code_and_migrates_or_does_nothing() -> None:
    world = world_of()
    run(world, Counter.add, 13)
    refused = failure(world, Factory.upgrade_counter, COUNTER, 2, to=FACTORY)
    assert refused.output == error_string("unlucky")
    assert world.get_code(COUNTER) == Counter.code
    run(world, Counter.add, 1)
    run(world, Factory.upgrade_counter, COUNTER, 2, to=FACTORY)
    assert world.get_code(COUNTER) == CounterV2.code
    assert run(world, CounterV2.count) == 28
    for target, version, text in ((COUNTER, 2, "no such later version"), (BOB, 2, "no system contract")):
        refused = failure(world, Factory.upgrade_counter, target, version, to=FACTORY)
        assert refused.output == error_string(text)


def test_a_bug_is_a_revert_and_an_alarm_in_production_and_fatal_in_tests() -> None:
    world = world_of()
    with pytest.raises(ZeroDivisionError):
        send(world, COUNTER, Counter.divide.encode(0))
    with faults_revert() as told:
        outcome = send(world, COUNTER, Counter.divide.encode(0))
    assert (outcome.status, outcome.output) == (Status.REVERT, b"")
    assert len(told) == 1
    assert told[0].startswith("Counter at 0x")


def test_a_bug_on_a_state_that_somebody_made_up_is_no_alarm() -> None:
    request = CallRequest(to=COUNTER, input=Counter.divide.encode(0))
    made_up = {COUNTER: AccountOverride(state_diff={7: 7})}
    before = FAULTS.count
    with faults_revert() as told:
        outcomes = [
            simulate_call(accounts().reader, ENV, request, gas_cap=10**6, overrides=overrides)
            for overrides in ({}, made_up)
        ]
    assert [outcome.status for outcome in outcomes] == [Status.REVERT, Status.REVERT]
    assert (len(told), FAULTS.count - before) == (1, 1)


def test_an_error_of_what_a_contract_uses_is_its_bug_too() -> None:
    with faults_revert() as told:
        outcome = send(world_of(), COUNTER, Counter.read_name.encode("nobody"))
    assert (outcome.status, outcome.output) == (Status.REVERT, b"")
    assert "InvalidAddress" in told[0]


def test_coins_are_made_by_privileged_contracts_only() -> None:
    world = world_of()
    run(world, Factory.print_coins, BOB, 7, to=FACTORY)
    assert world.get_balance(BOB) == 7
    with pytest.raises(Exception, match="not privileged"):
        send(world, COUNTER, Counter.mint.encode(7))


@pytest.mark.parametrize("how", range(3), ids=("made", "destroyed", "sent"))
def test_less_than_no_coins_is_a_revert_and_no_broken_state(how: int) -> None:
    world = world_of()
    outcome = send(world, FACTORY, Factory.change_coins.encode(-1, how))
    assert (outcome.status, outcome.output) == (Status.REVERT, Panic(0x11).data)
    assert send(world, FACTORY, Factory.change_coins.encode(0, how)).status is Status.SUCCESS


def test_block_hooks_run_in_every_block_and_the_header_commits_to_what_they_say() -> None:
    result = execute_block(accounts().reader, ENV, [])
    assert [update.power for update in result.validator_updates] == [1]
    assert [log.address for log in result.events] == [FACTORY]
    assert result.requests_hash == requests_hash(result.validator_updates, result.events)
    assert result.requests_hash != execute_block(accounts().reader, ENVIRONMENT, []).requests_hash


def test_a_failing_hook_leaves_nothing_and_the_block_goes_on() -> None:
    given = accounts().add(FACTORY, nonce=1, code=Factory.code, storage={0: 6})
    with faults_revert() as told:
        result = execute_block(given.reader, ENV, [])
    assert not result.validator_updates
    assert result.changes.storage[FACTORY] == {0: 7}
    assert told == ['end_block of factory: HookFailed("Factory: ' + told[0].split('"Factory: ')[1]]


def test_hooks_run_only_where_the_contract_is() -> None:
    world = funded().world
    assert begin_block(world, ENV).logs == ()
    assert not world.changes().storage


def test_interface_ids_are_the_exclusive_or_of_selectors() -> None:
    count, add, pay = [int.from_bytes(one.selector) for one in (ICounter.count, ICounter.add, ICounter.pay)]
    assert interface_id(ICounter) == (count ^ add ^ pay).to_bytes(4)
