"""SSTORE and SLOAD of each rule set: the tables of the EIPs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from state.world import WorldState
from tests.vm.worlds import ALICE, ENVIRONMENT, address, assemble, funded
from vm.call import new_context
from vm.engines import INTERPRETER
from vm.environment import TransactionContext
from vm.evm.instructions.storage import EIP_1283, EIP_2200, EIP_2929, EIP_3529, NetPrices
from vm.forks import Fork
from vm.message import CallKind, Message, Outcome, Status

CONTRACT = address(0xC0DE)
GAS = 1_000_000

# Writes to slot 0, its original value; gas and refund of EIP-1283, then of EIP-2200.
TABLE = [
    ("60006000556000600055", 0, (412, 0), (1612, 0)),
    ("60006000556001600055", 0, (20212, 0), (20812, 0)),
    ("60016000556000600055", 0, (20212, 19800), (20812, 19200)),
    ("60016000556002600055", 0, (20212, 0), (20812, 0)),
    ("60016000556001600055", 0, (20212, 0), (20812, 0)),
    ("60006000556000600055", 1, (5212, 15000), (5812, 15000)),
    ("60006000556001600055", 1, (5212, 4800), (5812, 4200)),
    ("60006000556002600055", 1, (5212, 0), (5812, 0)),
    ("60026000556000600055", 1, (5212, 15000), (5812, 15000)),
    ("60026000556003600055", 1, (5212, 0), (5812, 0)),
    ("60026000556001600055", 1, (5212, 4800), (5812, 4200)),
    ("60026000556002600055", 1, (5212, 0), (5812, 0)),
    ("60016000556000600055", 1, (5212, 15000), (5812, 15000)),
    ("60016000556002600055", 1, (5212, 0), (5812, 0)),
    ("60016000556001600055", 1, (412, 0), (1612, 0)),
    ("600160005560006000556001600055", 0, (40218, 19800), (40818, 19200)),
    ("600060005560016000556000600055", 1, (10218, 19800), (10818, 19200)),
]


def run(
    code: bytes, fork: Fork, original: int = 0, gas: int = GAS, *, warm: bool = False
) -> tuple[Outcome, WorldState]:
    world = funded().add(CONTRACT, nonce=1, code=code, storage={0: original} if original else {}).world
    world.begin_transaction()
    if warm:
        world.warm_slot(CONTRACT, 0)
    env = replace(ENVIRONMENT, fork=fork, evm=INTERPRETER)
    context = new_context(world, env, TransactionContext(ALICE.address, 0))
    message = Message(CallKind.CALL, ALICE.address, CONTRACT, CONTRACT, 0, b"", gas)
    return context.execute_message(context, message), world


def used(code: str, fork: Fork, original: int, *, warm: bool = False) -> tuple[int, int]:
    """(gas, refund)"""
    outcome, world = run(bytes.fromhex(code), fork, original, warm=warm)
    assert outcome.status is Status.SUCCESS
    return GAS - outcome.gas_left, world.refund


@pytest.mark.parametrize(("code", "original", "eip_1283", "eip_2200"), TABLE)
def test_net_prices_of_constantinople_and_istanbul(
    code: str, original: int, eip_1283: tuple[int, int], eip_2200: tuple[int, int]
) -> None:
    assert used(code, Fork.CONSTANTINOPLE, original) == eip_1283
    assert used(code, Fork.ISTANBUL, original) == eip_2200


@pytest.mark.parametrize(
    ("code", "original", "gas", "refund"),
    [
        ("60006000556001600055", 0, 25012, 0),
        ("60016000556000600055", 0, 25012, 15000),
        ("60026000556003600055", 1, 10012, 0),
        ("600060005560016000556000600055", 1, 30018, 30000),
    ],
)
@pytest.mark.parametrize("fork", [Fork.FRONTIER, Fork.BYZANTIUM, Fork.PETERSBURG])
def test_gross_prices_before_and_between(fork: Fork, code: str, original: int, gas: int, refund: int) -> None:
    assert used(code, fork, original) == (gas, refund)


@pytest.mark.parametrize(
    ("code", "original", "gas", "berlin", "london"),
    [  # EIP-2929 changes the prices, EIP-3529 the refunds
        ("60016000556000600055", 0, 20112, 19900, 19900),
        ("60006000556001600055", 1, 3012, 2800, 2800),
        ("60006000556000600055", 1, 3012, 15000, 4800),
        ("600060005560016000556000600055", 1, 5918, 17800, 7600),
    ],
)
def test_prices_with_access_lists(code: str, original: int, gas: int, berlin: int, london: int) -> None:
    assert used(code, Fork.BERLIN, original, warm=True) == (gas, berlin)
    assert used(code, Fork.LONDON, original, warm=True) == (gas, london)
    assert used(code, Fork.LONDON, original) == (gas + 2_100, london)


@pytest.mark.parametrize(
    ("fork", "first", "second"),
    [
        (Fork.FRONTIER, 50, 50),
        (Fork.TANGERINE_WHISTLE, 200, 200),
        (Fork.ISTANBUL, 800, 800),
        (Fork.BERLIN, 2_100, 100),
    ],
)
def test_reading_a_slot_for_the_first_time_and_again(fork: Fork, first: int, second: int) -> None:
    # PUSH1 0 SLOAD POP
    assert used("60005450", fork, 7)[0] == 5 + first
    assert used("60005450" * 2, fork, 7)[0] == 10 + first + second


@pytest.mark.parametrize("behind", ["", "5b5b5b", "6001600101"])
@pytest.mark.parametrize(
    ("fork", "guarded"), [(Fork.PETERSBURG, False), (Fork.ISTANBUL, True), (Fork.OSAKA, True)]
)
def test_a_write_needs_more_than_the_stipend_whatever_comes_behind_it(
    fork: Fork, guarded: bool, behind: str
) -> None:
    """A block is charged as a whole, but SSTORE looks at the gas before what is behind it."""
    code = bytes.fromhex("6001600055" + behind)
    if not guarded:
        assert run(code, fork, 1, 5_006 + 9)[0].status is Status.SUCCESS
        return
    for gas, status in ((2_306, Status.FAILURE), (2_307, Status.SUCCESS)):
        assert run(code, fork, 1, gas, warm=True)[0].status is status


@pytest.mark.parametrize("prices", [EIP_1283, EIP_2200, EIP_2929, EIP_3529])
@given(original=st.integers(0, 2), values=st.lists(st.integers(0, 2), max_size=5))
def test_refunds_never_add_up_to_less_than_nothing(
    prices: NetPrices, original: int, values: list[int]
) -> None:
    total, current = 0, original
    for value in values:
        if value != current:
            total += prices.refund(original, current, value)
            current = value
        assert total >= 0


def test_a_static_call_writes_nothing() -> None:
    for code in (assemble(1, 0, "SSTORE"), assemble(1, 0, "TSTORE")):
        world = funded().add(CONTRACT, nonce=1, code=code).world
        context = new_context(
            world, replace(ENVIRONMENT, evm=INTERPRETER), TransactionContext(ALICE.address, 0)
        )
        message = Message(CallKind.STATICCALL, ALICE.address, CONTRACT, CONTRACT, 0, b"", GAS, is_static=True)
        assert context.execute_message(context, message).error == "write protection"
