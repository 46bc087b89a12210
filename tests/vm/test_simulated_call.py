"""Calls of simulated blocks: the gas they get, what binds them, what they leave."""

import pytest

from chain.transaction import TransactionType, sign_authorization
from chain.types import Hash32
from state.account import MAX_NONCE
from tests.vm.simulated_blocks import (
    CONTRACT,
    COUNTER,
    ENDLESS,
    LOGGER,
    OTHER,
    POOR,
    READER,
    REVERTER,
    Chain,
    block,
    call,
    contract,
    outcome,
)
from tests.vm.worlds import (
    BOB,
    CHAIN_ID,
    ETHER,
    assemble,
    funded,
    init_code,
)
from vm.errors import (
    FeeCapBelowBaseFee,
    FloorGasTooLow,
    InitcodeTooLarge,
    InsufficientFunds,
    IntrinsicGasTooLow,
    InvalidCallRequest,
    NonceMax,
    NonceTooHigh,
    NonceTooLow,
    SetCodeCreatesContract,
    TipAboveFeeCap,
)
from vm.message import Status
from vm.simulated_call import SimulatedBlockFull, SimulatedCallRejected
from vm.simulation import CallRequest


def test_all_calls_together_stay_below_the_gas_cap() -> None:
    chain = Chain(contract(ENDLESS))
    (first, second) = chain.simulate(block(call(gas=60_000)), block(call(gas=60_000)), gas_cap=100_000)
    assert first.calls[0].gas_used == 60_000
    assert first.calls[0].error == "out of gas"
    assert second.calls[0].gas_used == 40_000
    assert second.calls[0].error == "out of gas (gas limit was capped by the RPC server's global gas cap)"
    with pytest.raises(
        SimulatedCallRejected, match=r"err: intrinsic gas too low: have 0, want 21000 \(supplied"
    ):
        chain.simulate(block(call(gas=60_000)), block(call(gas=60_000)), block(call()), gas_cap=100_000)


def test_a_call_that_asks_for_more_than_the_block_has_ends_the_simulation() -> None:
    chain = Chain(funded(), gas_limit=50_000)
    with pytest.raises(
        SimulatedBlockFull, match="block gas limit reached: remaining: 29000, required: 30000"
    ):
        chain.simulate(block(call(BOB.address), call(BOB.address, gas=30_000)))


def test_gas_before_refunds_is_told() -> None:
    chain = Chain(contract(assemble(0, 0, "SSTORE"), storage={0: 1}))
    found = outcome(chain, call())
    assert found.peak_gas - found.gas_used == 4_800


def test_a_failed_call_says_why_and_the_block_goes_on() -> None:
    accounts = (
        contract(REVERTER).add(OTHER, code=assemble("INVALID")).add(POOR, code=LOGGER + assemble("INVALID"))
    )
    found = Chain(accounts).simulate(
        block(call(), call(OTHER, gas=50_000), call(POOR, gas=50_000), call(BOB.address))
    )[0]
    reverted, invalid, logged, fine = found.calls
    assert (reverted.status, reverted.error, len(reverted.output)) == (
        Status.REVERT,
        "execution reverted",
        32,
    )
    assert (invalid.status, invalid.gas_used) == (Status.FAILURE, 50_000)
    assert invalid.error == "invalid opcode: INVALID"
    assert logged.logs == ()
    assert fine.status is Status.SUCCESS
    assert [receipt.succeeded for receipt in found.receipts] == [False, False, False, True]
    assert found.block.header.logs_bloom == bytes(256)


def test_a_creation_returns_the_new_code() -> None:
    (simulated,) = Chain(funded()).simulate(block(call(None, input=init_code(COUNTER)), call(None)))
    assert [found.output for found in simulated.calls] == [COUNTER, b""]


def test_a_call_with_a_gas_price_is_a_legacy_transaction_whose_lists_take_effect() -> None:
    chain = Chain(contract(READER))
    listed = ((CONTRACT, (0,)),)
    cold, warm = chain.simulate(
        block(call(gas_price=5, gas=60_000), call(gas_price=5, gas=60_000, access_list=listed))
    )[0].calls
    assert warm.gas_used - cold.gas_used == 2400 + 1900 - 2000
    (simulated,) = chain.simulate(block(call(gas_price=5, gas=60_000, access_list=listed)))
    (shown,) = simulated.block.transactions
    assert (shown.type, shown.chain_id, shown.access_list) == (TransactionType.LEGACY, None, ())
    assert (shown.y_parity, shown.r, shown.s) == (0, 0, 0)


@pytest.mark.parametrize(
    ("request_", "rejection"),
    [
        (call(nonce=1), NonceTooHigh),
        (call(caller=BOB.address, nonce=4), NonceTooLow),
        (call(caller=POOR), NonceMax),
        (call(max_fee_per_gas=1), FeeCapBelowBaseFee),
        (call(max_fee_per_gas=1, max_priority_fee_per_gas=2), TipAboveFeeCap),
        (call(max_fee_per_gas=2000, value=100 * ETHER), InsufficientFunds),
        (call(max_fee_per_gas=2000, gas=20_999), IntrinsicGasTooLow),
        (call(max_fee_per_gas=2000, gas=40_000, input=b"\x01" * 1000), FloorGasTooLow),
        (call(None, max_fee_per_gas=2000, input=bytes(49_153)), InitcodeTooLarge),
        (
            call(None, max_fee_per_gas=2000, authorizations=(sign_authorization(CHAIN_ID, OTHER, 0, BOB),)),
            SetCodeCreatesContract,
        ),
    ],
)
def test_a_call_that_could_not_stand_in_its_block_ends_the_simulation(
    request_: CallRequest, rejection: type[Exception]
) -> None:
    accounts = funded().add(BOB.address, balance=ETHER, nonce=5).add(POOR, nonce=MAX_NONCE)
    with pytest.raises(SimulatedCallRejected, match=r"err: .* \(supplied gas \d+\)") as caught:
        Chain(accounts).simulate(block(request_), validates=True)
    assert type(caught.value.rejection) is rejection


def test_without_validation_nonces_are_free_and_contracts_may_call() -> None:
    chain = Chain(contract(COUNTER))
    found = chain.simulate(block(call(nonce=99), call(BOB.address, CONTRACT)))[0]
    assert [item.nonce for item in found.block.transactions] == [99, 1]
    assert all(outcome.error is None for outcome in found.calls)


def test_no_block_holds_blobs() -> None:
    with pytest.raises(InvalidCallRequest, match="blob transactions are not supported"):
        Chain(funded()).simulate(block(call(blob_hashes=(Hash32(b"\x01" * 32),))))


def test_two_prices_are_no_call() -> None:
    with pytest.raises(InvalidCallRequest, match="both gasPrice and"):
        Chain(funded()).simulate(block(call(gas_price=1, max_fee_per_gas=1)))
