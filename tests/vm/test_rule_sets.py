"""What older and newer rule sets change outside of the instructions; the official state tests judge the whole."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chain.transaction import RecoveredTransaction, TransactionType
from tests.vm.worlds import (
    ALICE,
    BOB,
    COINBASE,
    ENVIRONMENT,
    Accounts,
    address,
    assemble,
    funded,
    returning,
    transaction,
)
from vm.creation_address import create_address
from vm.environment import BlockEnvironment
from vm.errors import GasRequiredExceedsAllowance, TransactionGasAboveCap, TransactionTypeNotSupported
from vm.forks import EARLIEST_FOR_A_CHAIN, Fork
from vm.message import Status
from vm.rules import rules_of
from vm.simulation import CallRequest, estimate_gas, simulate_call
from vm.transaction import apply_transaction, check_transaction_form, intrinsic_gas

CONTRACT = address(0xC0DE)
NOBODY = address(0xDEAD)
CAP = 1 << 24


def under(fork: Fork) -> BlockEnvironment:
    """Before London there is no base fee."""
    return replace(
        ENVIRONMENT, fork=fork, base_fee_per_gas=ENVIRONMENT.base_fee_per_gas if fork >= Fork.LONDON else 0
    )


def legacy(**fields: Any) -> RecoveredTransaction:
    return transaction(kind=TransactionType.LEGACY, fee_cap=10, **fields)


def deploying(runtime: bytes) -> bytes:
    """Init code without PUSH0, which is younger than most rule sets."""
    size = len(runtime).to_bytes(2, "big")
    head = assemble(size, b"\x0e", b"\x00", "CODECOPY", size, b"\x00", "RETURN")
    return head + runtime


def test_every_rule_set_has_rules_and_they_only_grow() -> None:
    for earlier, later in zip(list(Fork), list(Fork)[1:], strict=False):
        assert set(rules_of(earlier).precompiles) <= set(rules_of(later).precompiles)
        assert set(rules_of(earlier).transaction_types) <= set(rules_of(later).transaction_types)
    assert EARLIEST_FOR_A_CHAIN is Fork.CANCUN


def test_the_cap_on_a_transaction_comes_with_osaka() -> None:
    """EIP-7825."""
    above, at = (transaction(to=BOB.address, gas_limit=gas) for gas in (CAP + 1, CAP))
    assert apply_transaction(funded().world, under(Fork.PRAGUE), above).succeeded
    assert apply_transaction(funded().world, under(Fork.OSAKA), at).succeeded
    text = r"transaction gas limit too high \(cap: 16777216, tx: 16777217\)"
    with pytest.raises(TransactionGasAboveCap, match=text):
        apply_transaction(funded().world, under(Fork.OSAKA), above)
    with pytest.raises(TransactionGasAboveCap):
        check_transaction_form(above.transaction, Fork.OSAKA, 30_000_000)


def test_a_simulated_call_is_not_bound_by_the_cap() -> None:
    request = CallRequest(to=BOB.address, gas=CAP + 1)
    assert simulate_call(funded().reader, under(Fork.OSAKA), request, gas_cap=CAP * 2).error is None


def test_an_estimate_stays_below_the_cap_because_a_transaction_must() -> None:
    accounts = funded().add(CONTRACT, nonce=1, code=assemble("JUMPDEST", 0, "JUMP"))
    request = CallRequest(to=CONTRACT, gas=CAP + 1)
    for fork, allowance in ((Fork.PRAGUE, CAP + 1), (Fork.OSAKA, CAP)):
        with pytest.raises(GasRequiredExceedsAllowance) as refusal:
            estimate_gas(accounts.reader, under(fork), request, gas_cap=CAP * 2)
        assert refusal.value.allowance == allowance


@pytest.mark.parametrize(
    ("kind", "first"),
    [
        (TransactionType.ACCESS_LIST, Fork.BERLIN),
        (TransactionType.DYNAMIC_FEE, Fork.LONDON),
    ],
)
def test_types_of_transactions_come_with_their_rule_sets(kind: TransactionType, first: Fork) -> None:
    recovered = transaction(to=BOB.address, kind=kind)
    assert apply_transaction(funded().world, under(first), recovered).succeeded
    with pytest.raises(TransactionTypeNotSupported):
        apply_transaction(funded().world, under(Fork(first - 1)), recovered)


def test_prices_before_code_runs() -> None:
    data = b"\x00\x01"
    call, creation = (transaction(to=to, data=data).transaction for to in (BOB.address, None))
    assert intrinsic_gas(call, Fork.PETERSBURG)[0] == 21_000 + 4 + 68
    assert intrinsic_gas(call, Fork.ISTANBUL)[0] == 21_000 + 4 + 16
    assert intrinsic_gas(creation, Fork.FRONTIER)[0] == 21_000 + 4 + 68
    assert intrinsic_gas(creation, Fork.HOMESTEAD)[0] == 53_000 + 4 + 68
    assert intrinsic_gas(creation, Fork.SHANGHAI)[0] == 53_000 + 4 + 16 + 2


def test_code_that_cannot_be_paid_for() -> None:
    """EIP-2: an account without code until then, a failure since."""
    runtime = b"\x01" * 200
    new = create_address(ALICE.address, 0)
    for fork, status in ((Fork.FRONTIER, Status.SUCCESS), (Fork.HOMESTEAD, Status.FAILURE)):
        creation = deploying(runtime)
        enough_to_run = intrinsic_gas(legacy(to=None, data=creation).transaction, fork)[0] + 200
        world = funded().world
        result = apply_transaction(
            world, under(fork), legacy(to=None, data=creation, gas_limit=enough_to_run)
        )
        assert result.status is status
        assert world.get_code(new) == b""
        assert apply_transaction(funded().world, under(fork), legacy(to=None, data=creation)).succeeded


def test_the_nonce_of_a_new_contract_and_the_size_of_its_code() -> None:
    """EIP-161, EIP-170."""
    large = legacy(to=None, data=deploying(b"\x00" * 24_577), gas_limit=6_000_000)
    new = create_address(ALICE.address, 0)
    world = funded().world
    assert apply_transaction(world, under(Fork.TANGERINE_WHISTLE), large).succeeded
    assert (world.get_nonce(new), len(world.get_code(new))) == (0, 24_577)
    world = funded().world
    result = apply_transaction(world, under(Fork.SPURIOUS_DRAGON), large)
    assert result.error == "max code size exceeded"
    small = legacy(to=None, data=deploying(b"\x00"), gas_limit=200_000)
    world = funded().world
    apply_transaction(world, under(Fork.SPURIOUS_DRAGON), small)
    assert world.get_nonce(new) == 1


def test_reserved_code_may_be_deployed_before_london() -> None:
    """EIP-3541."""
    recovered = legacy(to=None, data=deploying(b"\xef\x00"), gas_limit=200_000)
    assert apply_transaction(funded().world, under(Fork.BERLIN), recovered).succeeded
    assert not apply_transaction(funded().world, under(Fork.LONDON), recovered).succeeded


def test_a_touched_account_exists_until_empty_accounts_are_cleared() -> None:
    """EIP-161."""
    for fork, exists in ((Fork.TANGERINE_WHISTLE, True), (Fork.SPURIOUS_DRAGON, False)):
        world = funded().world
        apply_transaction(world, under(fork), legacy(to=NOBODY))
        assert world.exists(NOBODY) is exists


def test_half_of_the_gas_came_back_before_london() -> None:
    """EIP-3529."""
    clearing = assemble(b"\x00", b"\x00", "SSTORE", "STOP")
    for fork, refund in ((Fork.BERLIN, 15_000), (Fork.LONDON, 4_800)):
        accounts = funded().add(CONTRACT, nonce=1, code=clearing, storage={0: 1})
        result = apply_transaction(accounts.world, under(fork), legacy(to=CONTRACT))
        quotient = rules_of(fork).refund_quotient
        assert result.peak_gas - result.gas_used == min(refund, result.peak_gas // quotient)


def test_the_whole_price_goes_to_the_beneficiary_before_london() -> None:
    world = funded().world
    apply_transaction(world, under(Fork.BERLIN), legacy(to=BOB.address))
    assert world.get_balance(COINBASE) == 21_000 * 10


def test_the_beneficiary_is_cold_before_shanghai() -> None:
    """EIP-3651."""
    code = returning("COINBASE", "BALANCE")
    used = {}
    for fork in (Fork.PARIS, Fork.SHANGHAI):
        accounts: Accounts = funded().add(CONTRACT, nonce=1, code=code.replace(b"\x5f", b"\x3d"))
        used[fork] = apply_transaction(accounts.world, under(fork), legacy(to=CONTRACT)).gas_used
    assert used[Fork.PARIS] - used[Fork.SHANGHAI] == 2_500


@pytest.mark.parametrize(("fork", "price"), [(Fork.BYZANTIUM, 0), (Fork.BERLIN, 200), (Fork.OSAKA, 16 * 255)])
def test_the_exponent_of_nothing_has_its_price_since_osaka(fork: Fork, price: int) -> None:
    """EIP-7883: a short base and modulus count as 32 bytes even if they are empty."""
    numbers = b"".join(length.to_bytes(32, "big") for length in (0, 32, 0))
    data = numbers + b"\xff" * 32
    recovered = legacy(to=address(0x05), data=data, gas_limit=100_000)
    result = apply_transaction(funded().world, under(fork), recovered)
    assert result.gas_used - intrinsic_gas(recovered.transaction, fork)[0] == price
