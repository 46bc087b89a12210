"""Validation, intrinsic gas, fees and refunds of transactions without delegations."""

from dataclasses import replace
from typing import Any

import pytest

from chain.transaction import RecoveredTransaction, TransactionType
from chain.types import Address, checksum_address
from tests.vm.worlds import (
    ALICE,
    BOB,
    CANCUN_ENVIRONMENT,
    CAROL,
    COINBASE,
    ENVIRONMENT,
    ETHER,
    Accounts,
    address,
    assemble,
    funded,
    init_code,
    returning,
    transaction,
)
from vm.creation_address import create_address
from vm.environment import BlockEnvironment
from vm.errors import (
    BlockGasExhausted,
    FeeCapBelowBaseFee,
    FloorGasTooLow,
    GasLimitAboveBlock,
    InitcodeTooLarge,
    InsufficientFunds,
    IntrinsicGasTooLow,
    NonceMax,
    NonceTooHigh,
    NonceTooLow,
    SenderNotEOA,
    TipAboveFeeCap,
    TransactionRejected,
    TransactionTypeNotSupported,
)
from vm.forks import Fork
from vm.message import Status
from vm.transaction import (
    apply_transaction,
    check_transaction_form,
    intrinsic_gas,
    validate_transaction,
)

ALICE_TEXT = checksum_address(ALICE.address)
CONTRACT = address(0xC0DE)


def contract(code: bytes, **account: Any) -> Accounts:
    return funded().add(CONTRACT, code=code, nonce=1, **account)


# --- fees and balances


def test_a_transfer_moves_value_burns_the_base_fee_and_pays_the_tip() -> None:
    world = funded().world
    result = apply_transaction(world, ENVIRONMENT, transaction(to=BOB.address, value=5, fee_cap=10, tip=2))
    assert (result.status, result.gas_used, result.peak_gas) == (Status.SUCCESS, 21_000, 21_000)
    assert world.get_balance(BOB.address) == 100 * ETHER + 5
    assert world.get_balance(ALICE.address) == 100 * ETHER - 5 - 21_000 * 9
    assert world.get_balance(COINBASE) == 21_000 * 2
    assert world.get_nonce(ALICE.address) == 1


def test_the_tip_is_cut_by_the_fee_cap() -> None:
    world = funded().world
    apply_transaction(world, ENVIRONMENT, transaction(to=BOB.address, fee_cap=8, tip=5))
    assert world.get_balance(COINBASE) == 21_000


def test_tips_add_up_when_the_beneficiary_sends_and_receives() -> None:
    env = replace(ENVIRONMENT, beneficiary=ALICE.address)
    world = funded().world
    apply_transaction(world, env, transaction(to=BOB.address, value=3))  # pays its tip to itself
    apply_transaction(world, env, transaction(BOB, to=ALICE.address, value=4))
    apply_transaction(world, env, transaction(CAROL, to=BOB.address, value=5))
    assert world.get_balance(ALICE.address) == 100 * ETHER + 1 + 21_000 * (2 + 2) - 21_000 * 7
    total = sum(world.get_balance(key.address) for key in (ALICE, BOB, CAROL))
    assert total == 300 * ETHER - 3 * 21_000 * 7  # exactly the base fee is gone


def test_a_beneficiary_that_did_not_exist_stays_absent_without_a_tip() -> None:
    world = funded().world
    apply_transaction(world, ENVIRONMENT, transaction(to=BOB.address, fee_cap=7, tip=0))
    assert not world.exists(COINBASE)


@pytest.mark.parametrize("kind", [TransactionType.LEGACY, TransactionType.ACCESS_LIST])
def test_one_price_transactions_pay_their_whole_price(kind: Any) -> None:
    world = funded().world
    apply_transaction(world, ENVIRONMENT, transaction(to=BOB.address, fee_cap=10, kind=kind))
    assert world.get_balance(ALICE.address) == 100 * ETHER - 21_000 * 10
    assert world.get_balance(COINBASE) == 21_000 * 3


def test_a_failed_transaction_pays_for_its_gas_and_changes_nothing_else() -> None:
    world = contract(assemble(1, 0, "SSTORE", "INVALID")).world
    result = apply_transaction(world, ENVIRONMENT, transaction(to=CONTRACT, value=7, gas_limit=50_000))
    assert (result.status, result.gas_used, result.error) == (
        Status.FAILURE,
        50_000,
        "invalid opcode: INVALID",
    )
    assert world.get_storage(CONTRACT, 0) == 0
    assert world.get_balance(CONTRACT) == 0
    assert world.get_balance(ALICE.address) == 100 * ETHER - 50_000 * 9
    assert world.get_nonce(ALICE.address) == 1


def test_a_reverted_transaction_keeps_its_unused_gas_and_its_output() -> None:
    world = contract(assemble(1, 0, "SSTORE", 0xABCD, 0, "MSTORE", 2, 30, "REVERT")).world
    result = apply_transaction(world, ENVIRONMENT, transaction(to=CONTRACT))
    assert (result.status, result.output) == (Status.REVERT, b"\xab\xcd")
    assert 21_000 < result.gas_used < 100_000
    assert world.get_storage(CONTRACT, 0) == 0


def test_refunds_are_capped_at_a_fifth_of_the_gas() -> None:
    # Two slots cleared earn 9600; the transaction costs 21000 + 2 * (5000 + 6) - 8, of which a fifth is less.
    world = contract(assemble(0, 1, "SSTORE", 0, 2, "SSTORE"), storage={1: 1, 2: 2}).world
    result = apply_transaction(world, ENVIRONMENT, transaction(to=CONTRACT))
    assert result.peak_gas == 21_000 + 2 * 5_000 + 2 + 3 + 2 + 3
    assert result.gas_used == result.peak_gas - result.peak_gas // 5
    assert world.get_balance(ALICE.address) == 100 * ETHER - result.gas_used * 9


def test_a_refund_below_the_cap_comes_back_whole() -> None:
    world = contract(assemble(0, 1, "SSTORE"), storage={1: 1}).world
    result = apply_transaction(world, ENVIRONMENT, transaction(to=CONTRACT))
    assert result.gas_used == 21_000 + 5_000 + 5 - 4_800


def test_logs_of_a_transaction_are_in_its_result_and_gone_after_a_failure() -> None:
    code = assemble(0xAA, 0, "MSTORE", 0x77, 32, 0, "LOG1")
    result = apply_transaction(contract(code).world, ENVIRONMENT, transaction(to=CONTRACT))
    (log,) = result.logs
    assert (log.address, log.topics, log.data) == (
        CONTRACT,
        ((0x77).to_bytes(32, "big"),),
        (0xAA).to_bytes(32, "big"),
    )
    failed = apply_transaction(
        contract(code + assemble("INVALID")).world, ENVIRONMENT, transaction(to=CONTRACT)
    )
    assert failed.logs == ()


# --- access lists and warmth


def test_an_access_list_is_paid_for_and_makes_its_entries_warm() -> None:
    code = assemble(5, "SLOAD", "POP", address(0xBEEF), "BALANCE", "POP")
    accounts = contract(code, storage={5: 1})
    plain = apply_transaction(accounts.world, ENVIRONMENT, transaction(to=CONTRACT))
    listed = apply_transaction(
        accounts.world,
        ENVIRONMENT,
        transaction(to=CONTRACT, access_list=((CONTRACT, (5,)), (address(0xBEEF), ()))),
    )
    saved = (2_100 - 100) + (2_600 - 100)
    assert listed.gas_used == plain.gas_used + 2 * 2_400 + 1_900 - saved


@pytest.mark.parametrize("warm", [ALICE.address, CONTRACT, COINBASE, address(1), address(0x11)])
def test_sender_recipient_beneficiary_and_precompiles_are_warm_from_the_start(warm: Address) -> None:
    world = contract(assemble(warm, "BALANCE", "POP")).world
    assert apply_transaction(world, ENVIRONMENT, transaction(to=CONTRACT)).gas_used == 21_000 + 3 + 100 + 2


def test_a_precompile_of_a_later_rule_set_is_cold() -> None:
    world = contract(assemble(address(0x11), "BALANCE", "POP")).world
    result = apply_transaction(world, CANCUN_ENVIRONMENT, transaction(to=CONTRACT))
    assert result.gas_used == 21_000 + 3 + 2_600 + 2


# --- intrinsic gas and the floor


def test_intrinsic_gas_counts_data_creation_access_list_and_authorizations() -> None:
    data = bytes(10) + b"\x01" * 5
    assert intrinsic_gas(transaction(to=BOB.address, data=data).transaction, Fork.PRAGUE) == (
        21_000 + 10 * 4 + 5 * 16,
        21_000 + 10 * (10 + 5 * 4),
    )
    assert intrinsic_gas(transaction(to=None, data=data).transaction, Fork.CANCUN) == (
        21_000 + 32_000 + 10 * 4 + 5 * 16 + 2,
        0,
    )
    listed = transaction(to=BOB.address, access_list=((BOB.address, (1, 2)), (BOB.address, ())))
    assert intrinsic_gas(listed.transaction, Fork.PRAGUE)[0] == 21_000 + 2 * 2_400 + 2 * 1_900


def test_call_data_costs_at_least_the_floor_in_prague() -> None:
    recovered = transaction(to=BOB.address, data=b"\x01" * 100, gas_limit=25_000)
    assert apply_transaction(funded().world, CANCUN_ENVIRONMENT, recovered).gas_used == 21_000 + 1_600
    result = apply_transaction(funded().world, ENVIRONMENT, recovered)
    assert (result.gas_used, result.peak_gas) == (21_000 + 4_000, 21_000 + 4_000)


def test_refunds_do_not_go_below_the_floor() -> None:
    data = b"\x01" * 400
    world = contract(assemble(0, 1, "SSTORE"), storage={1: 1}).world
    result = apply_transaction(world, ENVIRONMENT, transaction(to=CONTRACT, data=data))
    assert result.gas_used == 21_000 + 400 * 40


# --- rejections: each with geth's text


def reject(
    expected: Any,
    recovered: RecoveredTransaction,
    *,
    accounts: Any = None,
    env: BlockEnvironment = ENVIRONMENT,
    gas_available: int | None = None,
) -> str:
    world = (accounts or funded()).world
    with pytest.raises(TransactionRejected) as caught:
        apply_transaction(world, env, recovered, gas_available=gas_available)
    assert type(caught.value) is expected
    assert world.changes().is_empty
    return str(caught.value)


def test_nonce_too_low() -> None:
    accounts = Accounts().add(ALICE.address, balance=ETHER, nonce=6)
    text = reject(NonceTooLow, transaction(to=BOB.address, nonce=5), accounts=accounts)
    assert text == f"nonce too low: address {ALICE_TEXT}, tx: 5 state: 6"


def test_nonce_too_high() -> None:
    text = reject(NonceTooHigh, transaction(to=BOB.address, nonce=7))
    assert text == f"nonce too high: address {ALICE_TEXT}, tx: 7 state: 0"


def test_nonce_has_max_value() -> None:
    accounts = Accounts().add(ALICE.address, balance=ETHER, nonce=2**64 - 1)
    text = reject(NonceMax, transaction(to=BOB.address, nonce=2**64 - 1), accounts=accounts)
    assert text == f"nonce has max value: address {ALICE_TEXT}, nonce: {2**64 - 1}"


def test_insufficient_funds() -> None:
    accounts = Accounts().add(ALICE.address, balance=210_004)
    recovered = transaction(to=BOB.address, value=5, gas_limit=21_000, fee_cap=10)
    text = reject(InsufficientFunds, recovered, accounts=accounts)
    assert text == (
        f"insufficient funds for gas * price + value: address {ALICE_TEXT} have 210004 want 210005"
    )
    enough = Accounts().add(ALICE.address, balance=210_005)
    assert apply_transaction(enough.world, ENVIRONMENT, recovered).succeeded


def test_intrinsic_gas_too_low() -> None:
    text = reject(IntrinsicGasTooLow, transaction(to=BOB.address, gas_limit=20_999))
    assert text == "intrinsic gas too low: have 20999, want 21000"


def test_floor_data_gas_too_low() -> None:
    text = reject(FloorGasTooLow, transaction(to=BOB.address, data=b"\x01" * 100, gas_limit=24_999))
    assert text == "insufficient gas for floor data gas cost: have 24999, want 25000"


def test_fee_cap_below_base_fee() -> None:
    text = reject(FeeCapBelowBaseFee, transaction(to=BOB.address, fee_cap=6, tip=0))
    assert text == (
        f"max fee per gas less than block base fee: address {ALICE_TEXT}, maxFeePerGas: 6, baseFee: 7"
    )


def test_tip_above_fee_cap() -> None:
    text = reject(TipAboveFeeCap, transaction(to=BOB.address, fee_cap=10, tip=11))
    assert text == (
        "max priority fee per gas higher than max fee per gas: "
        f"address {ALICE_TEXT}, maxPriorityFeePerGas: 11, maxFeePerGas: 10"
    )


def test_gas_limit_above_the_block() -> None:
    text = reject(GasLimitAboveBlock, transaction(to=BOB.address, gas_limit=30_000_001))
    assert text.startswith("exceeds block gas limit")


def test_gas_limit_above_the_rest_of_the_block() -> None:
    reject(BlockGasExhausted, transaction(to=BOB.address, gas_limit=21_001), gas_available=21_000)


def test_a_sender_with_code_is_no_eoa() -> None:
    accounts = Accounts().add(ALICE.address, balance=ETHER, code=assemble("STOP", "STOP"))
    text = reject(SenderNotEOA, transaction(to=BOB.address), accounts=accounts)
    assert text == f"sender not an eoa: address {ALICE_TEXT}, len(code): 2"


def test_max_initcode_size() -> None:
    text = reject(InitcodeTooLarge, transaction(data=bytes(49_153), gas_limit=3_000_000))
    assert text == "max initcode size exceeded: code size 49153 limit 49152"
    fitting = transaction(data=bytes(49_152), gas_limit=3_000_000)
    assert apply_transaction(funded().world, ENVIRONMENT, fitting).succeeded


def test_set_code_transactions_do_not_exist_in_cancun() -> None:
    from chain.transaction import sign_authorization

    recovered = transaction(to=BOB.address, authorizations=(sign_authorization(0, BOB.address, 0, BOB),))
    text = reject(TransactionTypeNotSupported, recovered, env=CANCUN_ENVIRONMENT)
    assert "transaction type not supported" in text
    assert "transaction type not valid" in text


def test_the_first_broken_rule_is_reported_in_geths_order() -> None:
    recovered = transaction(to=BOB.address, nonce=3, fee_cap=1, tip=1, gas_limit=5)
    reject(NonceTooHigh, recovered)


def test_validation_alone_changes_nothing() -> None:
    world = funded().world
    validate_transaction(world, ENVIRONMENT, transaction(to=BOB.address), 30_000_000)
    assert world.changes().is_empty


@pytest.mark.parametrize(
    ("recovered", "expected"),
    [
        (transaction(to=BOB.address, gas_limit=20_999), IntrinsicGasTooLow),
        (transaction(to=BOB.address, fee_cap=1, tip=2), TipAboveFeeCap),
        (transaction(to=BOB.address, gas_limit=30_000_001), GasLimitAboveBlock),
        (transaction(to=BOB.address, nonce=2**64 - 1), NonceMax),
        (transaction(data=bytes(49_153), gas_limit=3_000_000), InitcodeTooLarge),
    ],
)
def test_the_form_check_needs_no_state(recovered: RecoveredTransaction, expected: Any) -> None:
    with pytest.raises(expected):
        check_transaction_form(recovered.transaction, Fork.PRAGUE, 30_000_000)


def test_a_well_formed_transaction_passes_the_form_check() -> None:
    check_transaction_form(transaction(to=BOB.address).transaction, Fork.PRAGUE, 30_000_000)


# --- creation


def test_a_creation_transaction_deploys_code_at_the_address_of_sender_and_nonce() -> None:
    runtime = returning(42)
    world = funded().world
    result = apply_transaction(world, ENVIRONMENT, transaction(data=init_code(runtime), value=9))
    created = create_address(ALICE.address, 0)
    assert result.contract_address == created
    assert world.get_code(created) == runtime
    assert (world.get_nonce(created), world.get_balance(created)) == (1, 9)


def test_a_creation_transaction_on_an_occupied_address_takes_all_gas() -> None:
    created = create_address(ALICE.address, 0)
    for occupied in ({"nonce": 1}, {"code": b"\x00"}, {"storage": {1: 1}}):
        world = funded().add(created, **occupied).world
        result = apply_transaction(world, ENVIRONMENT, transaction(data=init_code(b"\x00"), value=9))
        assert (result.status, result.gas_used) == (Status.FAILURE, 1_000_000)
        assert result.error == "contract address collision"
        assert world.get_nonce(ALICE.address) == 1
        assert world.get_balance(created) == 0


def test_a_balance_alone_does_not_block_a_creation() -> None:
    created = create_address(ALICE.address, 0)
    world = funded().add(created, balance=3).world
    result = apply_transaction(world, ENVIRONMENT, transaction(data=init_code(b"\x00"), value=9))
    assert result.succeeded
    assert world.get_balance(created) == 12


def test_init_code_that_reverts_returns_the_rest_of_the_gas() -> None:
    result = apply_transaction(funded().world, ENVIRONMENT, transaction(data=assemble(0, 0, "REVERT")))
    assert result.status is Status.REVERT
    assert result.contract_address is None
    assert result.gas_used < 60_000
