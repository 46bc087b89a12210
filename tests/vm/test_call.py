"""The call path: kinds of calls, value, static and delegate rules, creations, engines."""

from typing import Any

import pytest

from chain.errors import InvariantViolation
from chain.keccak import keccak256
from chain.types import Address
from state.world import WorldState
from tests.vm.worlds import (
    ALICE,
    BOB,
    ENVIRONMENT,
    ETHER,
    Accounts,
    address,
    assemble,
    call,
    funded,
    init_code,
    returning,
    word,
)
from vm import engines
from vm.call import execute_create, execute_message, new_context
from vm.context import CreateRequest, ExecutionContext
from vm.creation_address import create2_address, create_address
from vm.environment import TransactionContext
from vm.message import CallKind, Message, Outcome, Status

OUTER, INNER = address(0xAAAA), address(0xBBBB)


def pair(outer: bytes, inner: bytes, **outer_fields: Any) -> Accounts:
    return funded().add(OUTER, nonce=1, code=outer, **outer_fields).add(INNER, nonce=1, code=inner, balance=5)


def context_of(world: WorldState) -> ExecutionContext:
    world.begin_transaction()
    return new_context(world, ENVIRONMENT, TransactionContext(ALICE.address, 10))


def forwarding(kind: str, *, value: int = 0, result: bool = False) -> bytes:
    """Code that calls INNER and returns the word it returned, or whether it succeeded."""
    values = (value,) if kind in ("CALL", "CALLCODE") else ()
    code = assemble(32, 0, 0, 0, *values, INNER, "GAS", kind)
    if result:
        return code + assemble(0, "MSTORE", 32, 0, "RETURN")
    return code + assemble("POP", 32, 0, "RETURN")


# --- identity of the parties


@pytest.mark.parametrize(
    ("kind", "address_seen", "caller_seen", "value_seen"),
    [
        ("CALL", INNER, OUTER, 3),
        ("CALLCODE", OUTER, OUTER, 3),
        ("DELEGATECALL", OUTER, ALICE.address, 9),
        ("STATICCALL", INNER, OUTER, 0),
    ],
)
def test_each_kind_shows_its_own_address_caller_and_value(
    kind: Any, address_seen: Address, caller_seen: Address, value_seen: int
) -> None:
    seen = []
    for instruction in ("ADDRESS", "CALLER", "CALLVALUE"):
        world = pair(forwarding(kind, value=3), returning(instruction)).world
        world.add_balance(OUTER, 9)
        world.sub_balance(ALICE.address, 9)
        seen.append(word(call(world, OUTER, value=9)))
    assert seen == [int.from_bytes(address_seen, "big"), int.from_bytes(caller_seen, "big"), value_seen]


@pytest.mark.parametrize(("kind", "moved"), [("CALL", 3), ("CALLCODE", 0), ("DELEGATECALL", 0)])
def test_only_call_moves_value(kind: Any, moved: int) -> None:
    world = pair(forwarding(kind, value=3), returning(1), balance=10).world
    word(call(world, OUTER))
    assert world.get_balance(OUTER) == 10 - moved
    assert world.get_balance(INNER) == 5 + moved


@pytest.mark.parametrize(("kind", "written"), [("CALL", INNER), ("CALLCODE", OUTER), ("DELEGATECALL", OUTER)])
def test_storage_is_that_of_the_target(kind: Any, written: Address) -> None:
    world = pair(forwarding(kind), assemble(7, 0, "SSTORE")).world
    call(world, OUTER)
    assert [world.get_storage(at, 0) for at in (OUTER, INNER)] == [
        7 if at == written else 0 for at in (OUTER, INNER)
    ]


def test_origin_stays_the_signer() -> None:
    world = pair(forwarding("CALL"), returning("ORIGIN")).world
    assert word(call(world, OUTER)) == int.from_bytes(ALICE.address, "big")


# --- failure and revert


@pytest.mark.parametrize("ending", [assemble("INVALID"), assemble(0, 0, "REVERT")])
def test_a_failed_call_undoes_its_own_effects_only(ending: bytes) -> None:
    inner = assemble(7, 0, "SSTORE", 0, 0, "LOG0", 8, 0, "TSTORE") + ending
    outer = assemble(1, 1, "SSTORE") + forwarding("CALL", value=2, result=True)
    world = pair(outer, inner, balance=10).world
    assert word(call(world, OUTER)) == 0
    assert (world.get_storage(INNER, 0), world.get_transient(INNER, 0), world.logs) == (0, 0, ())
    assert (world.get_balance(OUTER), world.get_balance(INNER)) == (10, 5)
    assert world.get_storage(OUTER, 1) == 1


def test_revert_data_reaches_the_caller_and_failures_leave_none() -> None:
    ask = assemble("POP", "RETURNDATASIZE", 0, "MSTORE", 32, 0, "RETURN")
    outer = assemble(0, 0, 0, 0, 0, INNER, "GAS", "CALL") + ask
    assert word(call(pair(outer, assemble(17, 0, "REVERT")).world, OUTER)) == 17
    assert word(call(pair(outer, assemble("INVALID")).world, OUTER)) == 0
    assert word(call(pair(outer, assemble(19, 0, "RETURN")).world, OUTER)) == 19


def test_a_call_passes_on_at_most_63_64ths_of_the_gas() -> None:
    world = pair(forwarding("CALL"), returning("GAS")).world
    seen = word(call(world, OUTER, gas=640_000))
    # Six pushes and GAS (16), memory (3) and the cold access are paid before; GAS of the callee costs 2.
    left = 640_000 - 16 - 3 - 2_600
    assert seen == left - left // 64 - 2


def test_a_call_with_value_brings_a_stipend() -> None:
    outer = assemble(32, 0, 0, 0, 1, INNER, 0, "CALL", "POP", 32, 0, "RETURN")
    world = pair(outer, returning("GAS"), balance=1).world
    assert word(call(world, OUTER)) == 2_300 - 2


def test_a_call_without_enough_balance_fails_and_gives_all_gas_back() -> None:
    outer = assemble(0, 0, 0, 0, 11, INNER, 50_000, "CALL", 0, "MSTORE", 32, 0, "RETURN")
    world = pair(outer, assemble("STOP"), balance=10).world
    outcome = call(world, OUTER)
    assert word(outcome) == 0
    # Access, value and the instructions before (17) and after (13) are paid; 50000 and the stipend came back.
    assert 1_000_000 - outcome.gas_left == 2_600 + 9_000 - 2_300 + 17 + 13


def test_a_value_call_to_nobody_pays_for_the_new_account() -> None:
    def gas(target: bytes) -> int:
        outer = assemble(0, 0, 0, 0, 1, target, 0, "CALL", "POP")
        return call(pair(outer, assemble("STOP"), balance=5).world, OUTER).gas_left

    assert gas(INNER) - gas(address(0xDEAD)) == 25_000


def test_a_message_below_the_deepest_level_gives_all_gas_back() -> None:
    world = funded().world
    context = context_of(world)
    at = dict.fromkeys((1024, 1025))
    for depth in at:
        message = Message(CallKind.CALL, ALICE.address, BOB.address, BOB.address, 1, b"", 777, depth)
        at[depth] = execute_message(context, message)
    assert at[1_024] == Outcome(Status.SUCCESS, 777)
    assert at[1_025] == Outcome(Status.FAILURE, 777, error="max call depth exceeded")
    assert world.get_balance(BOB.address) == 100 * ETHER + 1


# --- static calls


@pytest.mark.parametrize(
    "forbidden",
    [
        assemble(1, 0, "SSTORE"),
        assemble(1, 0, "TSTORE"),
        assemble(0, 0, "LOG0"),
        assemble(0, 0, 0, "CREATE"),
        assemble(0, 0, 0, 0, "CREATE2"),
        assemble(BOB.address, "SELFDESTRUCT"),
        assemble(0, 0, 0, 0, 1, BOB.address, "GAS", "CALL"),
    ],
)
def test_nothing_may_change_inside_a_static_call(forbidden: bytes) -> None:
    world = pair(forwarding("STATICCALL", result=True), forbidden).world
    world.add_balance(INNER, 10)
    outcome = call(world, INNER, is_static=True)
    assert (outcome.status, outcome.error, outcome.gas_left) == (Status.FAILURE, "write protection", 0)
    assert word(call(world, OUTER)) == 0


def test_the_static_rule_holds_for_calls_below() -> None:
    deep = assemble(0, 0, 0, 0, 0, INNER, "GAS", "CALL", 0, "MSTORE", 32, 0, "RETURN")
    world = pair(deep, assemble(1, 0, "SSTORE")).world
    assert word(call(world, OUTER, is_static=True)) == 0
    assert word(call(world, OUTER)) == 1


def test_reading_and_valueless_calls_are_allowed_inside_a_static_call() -> None:
    deep = assemble(0, 0, 0, 0, 0, BOB.address, "GAS", "CALL", 0, "MSTORE", 32, 0, "RETURN")
    assert word(call(pair(deep, b"").world, OUTER, is_static=True)) == 1


def test_the_call_path_refuses_static_messages_that_would_change_something() -> None:
    world = pair(b"", assemble("STOP")).world
    context = context_of(world)
    paying = Message(CallKind.CALL, ALICE.address, INNER, INNER, 1, b"", 1_000, is_static=True)
    creating = Message(
        CallKind.CREATE, ALICE.address, BOB.address, BOB.address, 0, b"", 1_000, is_static=True
    )
    for message in (paying, creating):
        assert execute_message(context, message) == Outcome(Status.FAILURE, 0, error="write protection")
    loose = Message(CallKind.STATICCALL, ALICE.address, INNER, INNER, 0, b"", 1_000)
    with pytest.raises(InvariantViolation):
        execute_message(context, loose)


# --- precompiles


def test_a_precompile_runs_takes_its_price_and_keeps_the_value() -> None:
    world = funded().world
    outcome = call(world, address(4), data=b"abc", value=3)
    assert (outcome.status, outcome.output, outcome.gas_left) == (Status.SUCCESS, b"abc", 1_000_000 - 18)
    assert world.get_balance(address(4)) == 3


def test_a_precompile_without_enough_gas_fails_and_moves_nothing() -> None:
    world = funded().world
    outcome = call(world, address(4), data=b"abc", value=3, gas=17)
    assert (outcome.status, outcome.gas_left, outcome.error) == (Status.FAILURE, 0, "out of gas")
    assert world.get_balance(address(4)) == 0


def test_a_precompile_that_refuses_its_input_takes_all_gas() -> None:
    outcome = call(funded().world, address(9), data=b"short")
    assert (outcome.status, outcome.gas_left, outcome.output) == (Status.FAILURE, 0, b"")


def test_a_precompile_can_be_delegate_called() -> None:
    outer = assemble(
        0xFF, 0, "MSTORE", 32, 0, 32, 0, address(4), "GAS", "DELEGATECALL", "POP", 32, 0, "RETURN"
    )
    assert word(call(pair(outer, b"").world, OUTER)) == 0xFF


# --- creation


def creating(kind: str, init: bytes, *, value: int = 0, salt: int = 0) -> bytes:
    """Code that creates from its own tail and returns the new address, or 0."""
    salts = (salt,) if kind == "CREATE2" else ()

    def head(start: int) -> bytes:
        copy = assemble(len(init), start, 0, "CODECOPY")
        return copy + assemble(*salts, len(init), 0, value, kind, 0, "MSTORE", 32, 0, "RETURN")

    start = len(head(0))
    while len(head(start)) != start:
        start += 1
    return head(start) + init


def new_address(outcome: Outcome) -> Address:
    return Address(word(outcome).to_bytes(20, "big"))


def test_create_uses_the_nonce_and_create2_the_salt_and_init_code() -> None:
    init = init_code(returning(1))
    world = pair(creating("CREATE", init), b"").world
    assert new_address(call(world, OUTER)) == create_address(OUTER, 1)
    assert new_address(call(world, OUTER)) == create_address(OUTER, 2)
    world = pair(creating("CREATE2", init, salt=5), b"").world
    assert new_address(call(world, OUTER)) == create2_address(OUTER, 5, init)
    assert world.get_nonce(OUTER) == 2


def test_create2_address_is_that_of_the_eip() -> None:
    assert create2_address(address(0), 0, b"\x00").hex() == "4d1a2e2bb4f88f0250f26ffff098b0b30b26bf38"


def test_the_created_account_has_nonce_1_the_value_and_the_returned_code() -> None:
    runtime = returning(42)
    world = pair(creating("CREATE", init_code(runtime), value=6), b"", balance=10).world
    created = new_address(call(world, OUTER))
    assert (world.get_nonce(created), world.get_balance(created), world.get_code(created)) == (1, 6, runtime)
    assert word(call(world, created)) == 42
    assert world.get_code_hash(created) == keccak256(runtime)


def test_a_second_create2_at_the_same_address_collides_and_takes_its_gas() -> None:
    init = init_code(returning(1))
    world = pair(creating("CREATE2", init), b"").world
    first, second = call(world, OUTER), call(world, OUTER)
    assert word(first) != 0
    assert word(second) == 0
    assert second.gas_left < 1_000_000 // 64 + 1
    assert world.get_nonce(OUTER) == 3


@pytest.mark.parametrize(
    "occupied", [{"nonce": 1}, {"code": b"\x00"}, {"storage": {1: 1}}, {"nonce": 1, "balance": 3}]
)
def test_create_on_an_occupied_address_fails(occupied: dict[str, Any]) -> None:
    accounts = pair(creating("CREATE", init_code(b"\x00")), b"")
    accounts.add(create_address(OUTER, 1), **occupied)
    world = accounts.world
    assert word(call(world, OUTER)) == 0
    assert world.get_nonce(OUTER) == 2


def test_a_creation_that_fails_keeps_the_nonce_and_undoes_the_rest() -> None:
    init = assemble(1, 0, "SSTORE", "INVALID")
    world = pair(creating("CREATE", init, value=6), b"", balance=10).world
    assert word(call(world, OUTER)) == 0
    assert (world.get_nonce(OUTER), world.get_balance(OUTER)) == (2, 10)
    assert not world.exists(create_address(OUTER, 1))


@pytest.mark.parametrize(
    ("output", "error"),
    [
        (b"\xef", "invalid code: must not begin with 0xef"),
        (b"\xef\x01\x00" + bytes(20), "invalid code: must not begin with 0xef"),
        (bytes(24_577), "max code size exceeded"),
    ],
)
def test_code_that_may_not_be_deployed_fails_the_creation(output: bytes, error: Any) -> None:
    world = funded().world
    context = context_of(world)
    outcome = execute_create(context, CreateRequest(ALICE.address, 0, init_code(output), 20_000_000, 1))
    assert (outcome.status, outcome.gas_left, outcome.error) == (Status.FAILURE, 0, error)


def test_the_largest_code_can_be_deployed() -> None:
    outcome = execute_create(
        context_of(funded().world),
        CreateRequest(ALICE.address, 0, init_code(bytes(24_576)), 20_000_000, 1),
    )
    assert outcome.status is Status.SUCCESS


def test_a_creation_that_cannot_pay_for_its_code_fails() -> None:
    outcome = execute_create(
        context_of(funded().world), CreateRequest(ALICE.address, 0, init_code(bytes(100)), 20_000, 1)
    )
    assert outcome == Outcome(Status.FAILURE, 0, error="contract creation code storage out of gas")


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"depth": 1_025}, "max call depth exceeded"),
        ({"value": 101 * ETHER}, "insufficient balance for transfer"),
    ],
)
def test_a_creation_that_cannot_start_changes_nothing_and_gives_all_gas_back(fields: Any, error: Any) -> None:
    world = funded().world
    context = context_of(world)
    request = {"caller": ALICE.address, "value": 0, "init_code": b"", "gas": 5_000, "depth": 1} | fields
    assert execute_create(context, CreateRequest(**request)) == Outcome(Status.FAILURE, 5_000, error=error)
    assert world.get_nonce(ALICE.address) == 0


def test_an_account_at_the_nonce_limit_creates_nothing() -> None:
    world = Accounts().add(OUTER, nonce=2**64 - 1, code=creating("CREATE", init_code(b"\x00"))).world
    outcome = call(world, OUTER)
    assert word(outcome) == 0
    assert outcome.gas_left > 900_000
    assert world.get_nonce(OUTER) == 2**64 - 1


def test_init_code_above_the_limit_fails_the_creating_frame() -> None:
    world = pair(assemble(0, 49_153, 0, 0, "CREATE2"), b"").world
    outcome = call(world, OUTER)
    assert (outcome.status, outcome.gas_left) == (Status.FAILURE, 0)


# --- engines


class _Echo:
    """An engine that calls on into the Ethereum engine, as WASM and system contracts will."""

    def run(self, context: ExecutionContext, message: Message, code: bytes) -> Outcome:
        assert code == ECHO_CODE
        inner = Message(
            CallKind.CALL, message.target, INNER, INNER, 0, message.input, message.gas // 2, message.depth + 1
        )
        outcome = context.execute_message(context, inner)
        spare = message.gas - message.gas // 2
        return Outcome(outcome.status, spare + outcome.gas_left, outcome.output)


ECHO_CODE = b"\xef\xf0\x00echo"


def test_reserved_code_without_an_engine_fails_like_an_invalid_instruction() -> None:
    for code in (ECHO_CODE, b"\xef\x53\x42\x01", b"\xef"):
        world = funded().add(OUTER, nonce=1, code=code).world
        outcome = call(world, OUTER)
        assert outcome == Outcome(Status.FAILURE, 0, error="invalid opcode: opcode 0xef not defined")


def test_the_code_prefix_chooses_the_engine_and_engines_call_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engines, "RESERVED_ENGINES", {ECHO_CODE[:3]: _Echo()})
    top = address(0x7777)
    outer = assemble(32, 0, 0, 0, 0, OUTER, "GAS", "CALL", "POP", 32, 0, "RETURN")
    accounts = pair(ECHO_CODE, returning("CALLER")).add(top, nonce=1, code=outer)
    assert word(call(accounts.world, top)) == int.from_bytes(OUTER, "big")
    failing = pair(ECHO_CODE, assemble(1, 0, "SSTORE", "INVALID")).add(top, nonce=1, code=outer).world
    assert word(call(failing, top)) == 0
    assert failing.get_storage(INNER, 0) == 0


def test_a_checkpoint_can_abandon_a_loop() -> None:
    class GaveUp(Exception):
        pass

    turns: list[None] = []

    def checkpoint() -> None:
        turns.append(None)
        if len(turns) > 10:
            raise GaveUp

    world = funded().add(OUTER, nonce=1, code=assemble("JUMPDEST", 0, "JUMP")).world
    world.begin_transaction()
    context = new_context(world, ENVIRONMENT, TransactionContext(ALICE.address, 0), checkpoint)
    with pytest.raises(GaveUp):
        execute_message(context, Message(CallKind.CALL, ALICE.address, OUTER, OUTER, 0, b"", 10**9))
