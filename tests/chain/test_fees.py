"""The base fee follows EIP-1559."""

from types import SimpleNamespace

import pytest
from eth.vm.forks.london.headers import calculate_expected_base_fee_per_gas
from hypothesis import given
from hypothesis import strategies as st

from chain.fees import INITIAL_BASE_FEE, MIN_BASE_FEE, next_base_fee
from chain.header import Header
from chain.types import Address, Hash32


def parent(base_fee: int, gas_used: int, gas_limit: int) -> Header:
    zero = Hash32(bytes(32))
    return Header(
        zero, zero, Address(bytes(20)), zero, zero, zero, bytes(256), 0, 1, gas_limit, gas_used, 0, b"", zero,
        bytes(8), base_fee, zero, 0, 0, zero, zero,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("base_fee", "gas_used", "expected"),
    [
        (INITIAL_BASE_FEE, 10_000_000, INITIAL_BASE_FEE),  # at the target
        (INITIAL_BASE_FEE, 9_000_000, 987_500_000),
        (INITIAL_BASE_FEE, 11_000_000, 1_012_500_000),
        (INITIAL_BASE_FEE, 20_000_000, 1_125_000_000),  # full: one eighth more
        (INITIAL_BASE_FEE, 0, 875_000_000),  # empty: one eighth less
        (7, 0, 7),  # the formula stops falling
        (8, 0, 7),
        (7, 20_000_000, 8),  # at least one wei more
    ],
)
def test_known_steps(base_fee: int, gas_used: int, expected: int) -> None:
    assert next_base_fee(parent(base_fee, gas_used, 20_000_000)) == expected


@given(st.integers(MIN_BASE_FEE, 2**100), st.integers(0, 2**40), st.integers(2, 2**40))
def test_agrees_with_py_evm(base_fee: int, gas_used: int, gas_limit: int) -> None:
    gas_used %= gas_limit + 1
    header = SimpleNamespace(base_fee_per_gas=base_fee, gas_used=gas_used, gas_limit=gas_limit)
    assert next_base_fee(parent(base_fee, gas_used, gas_limit)) == calculate_expected_base_fee_per_gas(header)  # type: ignore[arg-type]


def test_an_empty_chain_converges_to_the_floor_and_stays() -> None:
    base_fee = INITIAL_BASE_FEE
    for _ in range(200):
        base_fee = next_base_fee(parent(base_fee, 0, 30_000_000))
    assert base_fee == MIN_BASE_FEE


@pytest.mark.parametrize("gas_used", [0, 15_000_000, 30_000_000])
def test_a_fee_below_the_floor_recovers_in_one_block(gas_used: int) -> None:
    assert next_base_fee(parent(0, gas_used, 30_000_000)) == MIN_BASE_FEE


def test_a_gas_limit_without_target_keeps_the_fee() -> None:
    assert next_base_fee(parent(100, 1, 1)) == 100
