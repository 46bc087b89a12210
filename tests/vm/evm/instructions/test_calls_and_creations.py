"""What calls, creations and SELFDESTRUCT cost and do under each rule set."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chain.types import Address
from state.world import WorldState
from tests.vm.worlds import ALICE, ENVIRONMENT, ETHER, Accounts, address, funded
from vm.call import new_context
from vm.context import DELEGATION_PREFIX
from vm.engines import INTERPRETER
from vm.environment import TransactionContext
from vm.forks import Fork
from vm.message import CallKind, Message, Outcome, Status

CALLER, CALLEE, EMPTY = address(0xC0DE), address(0xC0DF), address(0xDEAD)
DELEGATE = address(0xDE1E)
GAS = 1_000_000
CALL, CALLCODE, DELEGATECALL, STATICCALL, CREATE, CREATE2, SELFDESTRUCT = (
    0xF1, 0xF2, 0xF4, 0xFA, 0xF0, 0xF5, 0xFF,
)  # fmt: skip
STOP, INVALID = b"\x00", b"\xfe"
PUSH = 3


def push(*numbers: int | bytes) -> bytes:
    """PUSH1 or longer, also of zeros: PUSH0 is younger than most rule sets."""
    code = b""
    for number in numbers:
        operand = (
            number if isinstance(number, bytes) else number.to_bytes((number.bit_length() + 7) // 8 or 1)
        )
        code += bytes([0x5F + len(operand)]) + operand
    return code


def calling(kind: int, gas: int, to: Address, value: int = 0) -> bytes:
    values = (value,) if kind in (CALL, CALLCODE) else ()
    return push(0, 0, 0, 0, *values, to, gas) + bytes([kind])


def run(
    code: bytes, fork: Fork, accounts: Accounts | None = None, gas: int = GAS, *, balance: int = ETHER
) -> tuple[Outcome, WorldState]:
    accounts = accounts or funded()
    world = accounts.add(CALLER, nonce=1, code=code, balance=balance).world
    world.begin_transaction()
    context = new_context(
        world, replace(ENVIRONMENT, fork=fork, evm=INTERPRETER), TransactionContext(ALICE.address, 0)
    )
    world.warm_address(CALLER)
    message = Message(CallKind.CALL, ALICE.address, CALLER, CALLER, 0, b"", gas)
    return context.execute_message(context, message), world


def used(code: bytes, fork: Fork, accounts: Accounts | None = None, *, balance: int = ETHER) -> int:
    outcome, _ = run(code, fork, accounts, balance=balance)
    assert outcome.status is Status.SUCCESS
    return GAS - outcome.gas_left


# --- gas passed on


@pytest.mark.parametrize("kind", [CALL, CALLCODE])
def test_before_tangerine_whistle_more_gas_than_there_is_is_an_error(kind: int) -> None:
    accounts = funded().add(CALLEE, nonce=1, code=STOP)
    code = calling(kind, 1_000, CALLEE)
    cost = 7 * PUSH + 40 + 1_000
    assert run(code, Fork.HOMESTEAD, accounts, cost)[0].status is Status.SUCCESS
    assert run(code, Fork.HOMESTEAD, accounts, cost - 1)[0].error == "out of gas"


@pytest.mark.parametrize(("fork", "static"), [(Fork.TANGERINE_WHISTLE, 700), (Fork.ISTANBUL, 700)])
def test_a_64th_stays_with_the_caller(fork: Fork, static: int) -> None:
    accounts = funded().add(CALLEE, nonce=1, code=INVALID)
    outcome, _ = run(calling(CALL, 2**64, CALLEE), fork, accounts)
    left = GAS - 7 * PUSH - static
    assert outcome.gas_left == left // 64  # the callee has burnt the rest


@pytest.mark.parametrize(("fork", "left"), [(Fork.HOMESTEAD, 0), (Fork.TANGERINE_WHISTLE, 1)])
def test_a_creation_gets_all_gas_or_all_but_a_64th(fork: Fork, left: int) -> None:
    # MSTORE8(0, INVALID); CREATE(0, 0, 1)
    code = push(0xFE, 0) + b"\x53" + push(1, 0, 0) + bytes([CREATE])
    outcome, _ = run(code, fork)
    assert outcome.status is Status.SUCCESS
    before = GAS - 5 * PUSH - 3 - 3 - 32_000
    assert outcome.gas_left == left * (before // 64)


def test_value_brings_a_stipend_and_costs_more() -> None:
    accounts = funded().add(CALLEE, nonce=1, code=bytes.fromhex("5a600055"))  # SSTORE(0, GAS)
    for kind in (CALL, CALLCODE):
        code = calling(kind, 30_000, CALLEE, 1)
        outcome, world = run(code, Fork.FRONTIER, accounts)
        assert outcome.status is Status.SUCCESS
        holder = CALLEE if kind == CALL else CALLER
        assert world.get_storage(holder, 0) == 30_000 + 2_300 - 2


# --- new accounts


@pytest.mark.parametrize(
    ("fork", "value", "surcharge"),
    [
        (Fork.FRONTIER, 0, 25_000),
        (Fork.TANGERINE_WHISTLE, 0, 25_000),
        (Fork.SPURIOUS_DRAGON, 0, 0),
        (Fork.TANGERINE_WHISTLE, 1, 25_000 + 9_000 - 2_300),
        (Fork.SPURIOUS_DRAGON, 1, 25_000 + 9_000 - 2_300),
        (Fork.PRAGUE, 0, 0),
        (Fork.PRAGUE, 1, 25_000 + 9_000 - 2_300),
    ],
)
def test_calling_an_account_that_does_not_exist(fork: Fork, value: int, surcharge: int) -> None:
    static = {Fork.FRONTIER: 40, Fork.PRAGUE: 2_600}.get(fork, 700)
    assert used(calling(CALL, 0, EMPTY, value), fork) == 7 * PUSH + static + surcharge


def test_calling_code_creates_no_account() -> None:
    assert used(calling(CALLCODE, 0, EMPTY), Fork.FRONTIER) == 7 * PUSH + 40
    assert used(calling(DELEGATECALL, 0, EMPTY), Fork.HOMESTEAD) == 6 * PUSH + 40


def test_an_existing_empty_account_counts_as_new_from_spurious_dragon_on() -> None:
    def cost(fork: Fork) -> int:
        return used(calling(CALL, 0, EMPTY, 1), fork, funded().add(EMPTY)) - 9_000 + 2_300 - 7 * PUSH - 700

    assert cost(Fork.TANGERINE_WHISTLE) == 0
    assert cost(Fork.SPURIOUS_DRAGON) == 25_000


# --- warm and cold, delegations


@pytest.mark.parametrize("kind", [CALL, CALLCODE, DELEGATECALL, STATICCALL])
def test_a_delegation_is_paid_for_from_prague_on(kind: int) -> None:
    accounts = funded().add(CALLEE, nonce=1, code=DELEGATION_PREFIX + DELEGATE).add(DELEGATE, code=STOP)
    code = calling(kind, 5_000, CALLEE)
    pushes = PUSH * (7 if kind in (CALL, CALLCODE) else 6)
    assert used(code, Fork.PRAGUE, accounts) == pushes + 2_600 + 2_600
    assert used(code + code, Fork.PRAGUE, accounts) == 2 * pushes + 5_200 + 200
    # Before, the designator is code that cannot run.
    assert used(code, Fork.CANCUN, accounts) == pushes + 2_600 + 5_000


def test_a_delegation_to_a_precompile_is_warm() -> None:
    accounts = funded().add(CALLEE, nonce=1, code=DELEGATION_PREFIX + address(4))
    assert used(calling(CALL, 5_000, CALLEE), Fork.PRAGUE, accounts) == 7 * PUSH + 2_600 + 100


# --- init code


@pytest.mark.parametrize(("fork", "per_word"), [(Fork.PARIS, 0), (Fork.SHANGHAI, 2)])
def test_init_code_has_a_price_from_shanghai_on(fork: Fork, per_word: int) -> None:
    memory = 3 * 2
    create = push(33, 0, 0) + bytes([CREATE])
    assert used(create, fork) == 3 * PUSH + 32_000 + memory + 2 * per_word
    create2 = push(5, 33, 0, 0) + bytes([CREATE2])
    assert used(create2, fork) == 4 * PUSH + 32_000 + memory + 2 * (6 + per_word)


@pytest.mark.parametrize(
    ("fork", "error"), [(Fork.PARIS, None), (Fork.SHANGHAI, "max initcode size exceeded")]
)
def test_init_code_has_a_limit_from_shanghai_on(fork: Fork, error: str | None) -> None:
    for size in (49_152, 49_153):
        outcome, _ = run(push(size, 0, 0) + bytes([CREATE]), fork)
        assert outcome.error == (error if size > 49_152 else None)


# --- SELFDESTRUCT


@pytest.mark.parametrize(
    ("fork", "balance", "exists", "gas", "refund"),
    [
        (Fork.FRONTIER, 1, False, 0, 24_000),
        (Fork.TANGERINE_WHISTLE, 0, False, 30_000, 24_000),
        (Fork.TANGERINE_WHISTLE, 1, True, 5_000, 24_000),
        (Fork.SPURIOUS_DRAGON, 0, False, 5_000, 24_000),
        (Fork.SPURIOUS_DRAGON, 1, False, 30_000, 24_000),
        (Fork.SPURIOUS_DRAGON, 1, True, 30_000, 24_000),  # it exists, but is empty
        (Fork.BERLIN, 0, False, 7_600, 24_000),
        (Fork.BERLIN, 1, False, 32_600, 24_000),
        (Fork.LONDON, 1, False, 32_600, 0),
        (Fork.CANCUN, 1, False, 32_600, 0),
    ],
)
def test_selfdestruct_prices_and_refunds(
    fork: Fork, balance: int, exists: bool, gas: int, refund: int
) -> None:
    accounts = funded().add(EMPTY) if exists else funded()
    outcome, world = run(push(EMPTY) + bytes([SELFDESTRUCT]), fork, accounts, balance=balance)
    assert (GAS - outcome.gas_left - PUSH, world.refund) == (gas, refund)
    assert world.get_balance(EMPTY) == balance
    assert world.get_balance(CALLER) == 0
    assert world.destroyed() == ((CALLER,) if fork < Fork.CANCUN else ())


@pytest.mark.parametrize(("fork", "left"), [(Fork.LONDON, 0), (Fork.CANCUN, 7)])
def test_selfdestruct_to_oneself_burns_the_balance_before_cancun(fork: Fork, left: int) -> None:
    _, world = run(b"\x30" + bytes([SELFDESTRUCT]), fork, balance=7)  # ADDRESS
    assert world.get_balance(CALLER) == left


def test_a_contract_is_refunded_once_for_destroying_itself_twice() -> None:
    accounts = funded().add(CALLEE, nonce=1, code=push(EMPTY) + bytes([SELFDESTRUCT]))
    _, world = run(calling(CALL, 50_000, CALLEE) * 2, Fork.SPURIOUS_DRAGON, accounts)
    assert world.refund == 24_000
