"""eth_call and eth_estimateGas semantics."""

from dataclasses import replace
from typing import Any

import pytest

from chain.transaction import sign_authorization
from chain.types import ZERO_ADDRESS, checksum_address
from tests.vm.worlds import (
    ALICE,
    BOB,
    CHAIN_ID,
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
    ExecutionFailed,
    ExecutionReverted,
    FeeCapBelowBaseFee,
    FloorGasTooLow,
    GasRequiredExceedsAllowance,
    InsufficientFunds,
    InsufficientFundsForTransfer,
    IntrinsicGasTooLow,
    InvalidCallRequest,
    NonceMax,
    TipAboveFeeCap,
)
from vm.message import Status
from vm.simulation import AccountOverride, CallRequest, CallResult, estimate_gas, simulate_call
from vm.transaction import apply_transaction

CONTRACT, OTHER = address(0xC0DE), address(0xBEEF)
GAS_CAP = 50_000_000
PANIC = bytes.fromhex("4e487b71")


def contract(code: bytes, **fields: Any) -> Accounts:
    return funded().add(CONTRACT, nonce=1, code=code, **fields)


def simulate(
    accounts: Any,
    *,
    env: BlockEnvironment = ENVIRONMENT,
    gas_cap: int = GAS_CAP,
    overrides: Any = None,
    **fields: Any,
) -> CallResult:
    fields.setdefault("to", CONTRACT)
    return simulate_call(accounts.reader, env, CallRequest(**fields), gas_cap=gas_cap, overrides=overrides)


def estimate(
    accounts: Any,
    *,
    env: BlockEnvironment = ENVIRONMENT,
    gas_cap: int = GAS_CAP,
    overrides: Any = None,
    **fields: Any,
) -> int:
    fields.setdefault("to", CONTRACT)
    fields.setdefault("caller", ALICE.address)
    return estimate_gas(accounts.reader, env, CallRequest(**fields), gas_cap=gas_cap, overrides=overrides)


def returned(result: CallResult) -> int:
    assert result.error is None
    return int.from_bytes(result.output, "big")


# --- calls


def test_a_call_returns_output_and_gas_and_changes_nothing() -> None:
    accounts = contract(assemble(1, 0, "SSTORE") + returning(7))
    result = simulate(accounts, caller=ALICE.address)
    assert (result.status, returned(result), result.error) == (Status.SUCCESS, 7, None)
    assert result.gas_used > 21_000 + 22_000
    assert accounts.world.get_storage(CONTRACT, 0) == 0


def test_a_call_needs_neither_balance_nor_a_right_nonce_nor_an_eoa() -> None:
    accounts = contract(returning("CALLER"))
    assert returned(simulate(accounts, caller=OTHER, nonce=77)) == int.from_bytes(OTHER, "big")
    assert returned(simulate(accounts, caller=CONTRACT)) == int.from_bytes(CONTRACT, "big")
    assert returned(simulate(accounts)) == int.from_bytes(ZERO_ADDRESS, "big")


def test_without_a_price_the_base_fee_is_0_and_with_one_it_is_real() -> None:
    assert returned(simulate(contract(returning("BASEFEE")))) == 0
    assert returned(simulate(contract(returning("GASPRICE")))) == 0
    priced: dict[str, Any] = {"caller": ALICE.address, "max_fee_per_gas": 20, "max_priority_fee_per_gas": 2}
    assert returned(simulate(contract(returning("BASEFEE")), **priced)) == 7
    assert returned(simulate(contract(returning("GASPRICE")), **priced)) == 9
    assert returned(simulate(contract(returning("GASPRICE")), caller=ALICE.address, gas_price=20)) == 20


def test_a_call_shows_the_blobs_that_it_names() -> None:
    accounts = contract(returning(0, "BLOBHASH"))
    assert returned(simulate(accounts)) == 0
    assert returned(simulate(accounts, blob_hashes=(b"\x01" * 32,))) == int.from_bytes(b"\x01" * 32, "big")


def test_a_price_below_the_base_fee_is_refused() -> None:
    with pytest.raises(FeeCapBelowBaseFee):
        simulate(contract(b""), caller=ALICE.address, gas_price=6)
    with pytest.raises(TipAboveFeeCap):
        simulate(contract(b""), caller=ALICE.address, max_fee_per_gas=8, max_priority_fee_per_gas=9)


def test_value_and_price_must_be_covered() -> None:
    with pytest.raises(InsufficientFunds) as caught:
        simulate(contract(b""), caller=OTHER, value=1)
    assert str(caught.value) == (
        f"insufficient funds for gas * price + value: address {checksum_address(OTHER)} have 0 want 1"
    )
    with pytest.raises(InsufficientFunds):
        simulate(contract(b""), caller=OTHER, gas_price=10, gas=21_000)


def test_gas_is_capped_and_the_block_limit_is_not_enforced() -> None:
    code = returning("GAS")
    assert returned(simulate(contract(code), gas=GAS_CAP * 2)) == GAS_CAP - 21_000 - 2
    assert returned(simulate(contract(code), gas=100_000)) == 100_000 - 21_000 - 2
    assert returned(simulate(contract(code), env=replace(ENVIRONMENT, gas_limit=1))) == GAS_CAP - 21_002


def test_too_little_gas_for_the_call_itself_is_refused() -> None:
    with pytest.raises(IntrinsicGasTooLow):
        simulate(contract(b""), gas=20_000)


def test_a_revert_is_a_result_with_geths_text_and_the_raw_data() -> None:
    panic = int.from_bytes(PANIC + bytes(28), "big")
    code = assemble(panic, 0, "MSTORE", 1, 4, "MSTORE", 36, 0, "REVERT")
    result = simulate(contract(code))
    assert (result.status, result.error) == (Status.REVERT, "execution reverted: assert(false)")
    assert result.output == PANIC + (1).to_bytes(32, "big")
    with pytest.raises(ExecutionReverted) as caught:
        result.raise_if_failed()
    assert (str(caught.value), caught.value.output) == (result.error, result.output)
    assert simulate(contract(assemble(0, 0, "REVERT"))).error == "execution reverted"


def test_a_failure_is_a_result_with_geths_text() -> None:
    result = simulate(contract(assemble("INVALID")))
    assert (result.status, result.error) == (Status.FAILURE, "invalid opcode: INVALID")
    with pytest.raises(ExecutionFailed, match="invalid opcode: INVALID"):
        result.raise_if_failed()


def test_a_creation_returns_the_code_it_would_deploy() -> None:
    result = simulate(funded(), to=None, caller=ALICE.address, input=init_code(b"\x01\x02"))
    assert result.output == b"\x01\x02"


def test_authorizations_are_applied() -> None:
    accounts = contract(returning("ADDRESS"))
    delegation = sign_authorization(CHAIN_ID, CONTRACT, 0, BOB)
    result = simulate(accounts, to=BOB.address, authorizations=(delegation,))
    assert returned(result) == int.from_bytes(BOB.address, "big")


def test_an_access_list_warms() -> None:
    code = returning("GAS", 1, "SLOAD", "POP", "GAS", "SWAP1", "SUB")
    assert (
        returned(simulate(contract(code)))
        - returned(simulate(contract(code), access_list=((CONTRACT, (1,)),)))
        == 2_000
    )


def test_two_kinds_of_prices_contradict_each_other() -> None:
    with pytest.raises(InvalidCallRequest, match="both gasPrice and"):
        simulate(contract(b""), gas_price=1, max_fee_per_gas=1)


@pytest.mark.parametrize("fields", [{"value": 2**256}, {"value": -1}, {"gas": -1}, {"gas_price": 2**256}])
def test_numbers_out_of_range_are_refused(fields: Any) -> None:
    with pytest.raises(InvalidCallRequest):
        simulate(contract(b""), **fields)


def test_a_checkpoint_can_end_a_call() -> None:
    class TookTooLong(Exception):
        pass

    def checkpoint() -> None:
        raise TookTooLong

    accounts = contract(assemble("JUMPDEST", 0, "JUMP"))
    for question in (simulate_call, estimate_gas):
        with pytest.raises(TookTooLong):
            question(
                accounts.reader,
                ENVIRONMENT,
                CallRequest(to=CONTRACT),
                gas_cap=GAS_CAP,
                checkpoint=checkpoint,
            )


# --- overrides


def test_overrides_pretend_balance_nonce_code_and_storage() -> None:
    accounts = contract(b"", storage={1: 11, 2: 22})
    read_slots = assemble(1, "SLOAD", 0, "MSTORE", 2, "SLOAD", 32, "MSTORE", 64, 0, "RETURN")

    def slots(**override: Any) -> tuple[int, int]:
        result = simulate(accounts, overrides={CONTRACT: AccountOverride(code=read_slots, **override)})
        return int.from_bytes(result.output[:32], "big"), int.from_bytes(result.output[32:], "big")

    assert slots() == (11, 22)
    assert slots(state_diff={1: 5}) == (5, 22)
    assert slots(state={1: 5}) == (5, 0)
    poor = AccountOverride(balance=3, code=returning("SELFBALANCE"))
    assert returned(simulate(accounts, overrides={CONTRACT: poor})) == 3
    rich = {OTHER: AccountOverride(balance=2**256 - 1)}
    assert simulate(accounts, caller=OTHER, value=ETHER, overrides=rich).status is Status.SUCCESS
    used = {ALICE.address: AccountOverride(nonce=9), CONTRACT: AccountOverride(code=b"")}
    created = simulate(accounts, caller=ALICE.address, to=None, input=init_code(returning(1)), overrides=used)
    assert created.status is Status.SUCCESS
    occupied = used | {create_address(ALICE.address, 9): AccountOverride(nonce=1)}
    collided = simulate(accounts, caller=ALICE.address, to=None, input=b"", overrides=occupied)
    assert collided.error == "contract address collision"


def test_overridden_storage_is_the_original_storage_of_the_call() -> None:
    code = assemble("GAS", 0, 1, "SSTORE", "GAS", "SWAP1", "SUB", 0, "MSTORE", 32, 0, "RETURN")
    clearing = simulate(contract(code), overrides={CONTRACT: AccountOverride(state_diff={1: 5})})
    assert returned(clearing) == 5_000 + 2 + 3 + 2


def test_contradicting_overrides_are_refused() -> None:
    both = {CONTRACT: AccountOverride(state={}, state_diff={})}
    with pytest.raises(InvalidCallRequest, match="has both 'state' and 'stateDiff'"):
        simulate(contract(b""), overrides=both)
    for wrong in (
        AccountOverride(balance=2**256),
        AccountOverride(nonce=2**64),
        AccountOverride(state={2**256: 1}),
        AccountOverride(state_diff={1: 2**256}),
    ):
        with pytest.raises(InvalidCallRequest):
            simulate(contract(b""), overrides={CONTRACT: wrong})


def test_pretended_wealth_that_overflows_is_the_callers_fault() -> None:
    rich = {at: AccountOverride(balance=2**256 - 1) for at in (OTHER, CONTRACT)}
    with pytest.raises(InvalidCallRequest, match="overflow"):
        simulate(contract(b""), caller=OTHER, value=1, overrides=rich)


def test_a_pretended_nonce_at_the_limit_is_refused() -> None:
    with pytest.raises(NonceMax):
        simulate(contract(b""), caller=OTHER, overrides={OTHER: AccountOverride(nonce=2**64 - 1)})


# --- estimates


def test_a_transfer_takes_21000() -> None:
    assert estimate(funded(), to=OTHER, value=1) == 21_000
    assert estimate(funded(), to=OTHER, caller=ZERO_ADDRESS) == 21_000


def succeeds_with(accounts: Any, gas: int, **fields: Any) -> bool:
    recovered = transaction(gas_limit=gas, **{"to": CONTRACT} | fields)
    try:
        return apply_transaction(accounts.world, ENVIRONMENT, recovered).succeeded
    except (IntrinsicGasTooLow, FloorGasTooLow):
        return False


@pytest.mark.parametrize(
    ("code", "data"),
    [
        (assemble(1, 0, "SSTORE"), b""),
        (assemble(0, 1, "SSTORE", 0, 2, "SSTORE"), b"\x01"),  # refunds
        (returning(1), b"\xff" * 300),  # the floor of EIP-7623 decides
        (assemble("GAS", 500_000, "LT", b"\x00\x0b", "JUMPI", "INVALID", "JUMPDEST"), b""),
    ],
)
def test_an_estimate_is_exact(code: bytes, data: bytes) -> None:
    accounts = contract(code, storage={1: 1, 2: 2})
    gas = estimate(accounts, input=data)
    assert succeeds_with(accounts, gas, data=data)
    assert not succeeds_with(accounts, gas - 1, data=data)


def test_an_estimate_allows_for_the_64th_that_calls_hold_back() -> None:
    """The inner call needs all of what it gets, and its caller reverts when it fails."""
    inner = assemble(1, 0, "SSTORE", 1, 1, "SSTORE", 1, 2, "SSTORE")
    outer = assemble(0, 0, 0, 0, 0, OTHER, "GAS", "CALL", "ISZERO")
    outer += assemble(bytes([0, len(outer) + 5]), "JUMPI", "STOP", "JUMPDEST", 0, 0, "REVERT")
    accounts = contract(outer).add(OTHER, nonce=1, code=inner)
    gas = estimate(accounts)
    used = simulate(accounts, caller=ALICE.address).gas_used
    assert gas > used
    assert succeeds_with(accounts, gas)
    assert not succeeds_with(accounts, gas - 1)


def test_a_creation_is_estimated() -> None:
    gas = estimate(funded(), to=None, input=init_code(returning(1)))
    assert succeeds_with(funded(), gas, to=None, data=init_code(returning(1)))
    assert not succeeds_with(funded(), gas - 1, to=None, data=init_code(returning(1)))


def test_an_estimate_reports_the_revert_reason() -> None:
    with pytest.raises(ExecutionReverted, match="execution reverted"):
        estimate(contract(assemble(0, 0, "REVERT")))


def test_an_estimate_reports_failures_that_gas_does_not_cure() -> None:
    with pytest.raises(ExecutionFailed, match="invalid opcode"):
        estimate(contract(assemble("INVALID")))


def test_an_endless_loop_exceeds_every_allowance() -> None:
    loop = contract(assemble("JUMPDEST", 0, "JUMP"))
    with pytest.raises(GasRequiredExceedsAllowance) as caught:
        estimate(loop, gas=100_000)
    assert str(caught.value) == "gas required exceeds allowance (100000)"


def test_the_allowance_is_what_block_cap_request_and_balance_allow() -> None:
    def allowance(accounts: Any = None, **fields: Any) -> int:
        with pytest.raises(GasRequiredExceedsAllowance) as caught:
            estimate(accounts or contract(assemble(1, 0, "SSTORE")), **fields)
        return caught.value.allowance

    assert allowance(env=replace(ENVIRONMENT, gas_limit=25_000)) == 25_000
    assert allowance(gas_cap=24_000) == 24_000
    assert allowance(gas=22_000) == 22_000
    poor = contract(assemble(1, 0, "SSTORE")).add(ALICE.address, balance=23_000 * 10 + 9)
    assert allowance(poor, gas_price=10) == 23_000
    assert allowance(poor, gas_price=10, value=1_000 * 10) == 22_000


def test_an_estimate_without_the_value_is_refused() -> None:
    with pytest.raises(InsufficientFundsForTransfer, match="insufficient funds for transfer"):
        estimate(funded(), to=OTHER, value=100 * ETHER, gas_price=10)
    with pytest.raises(InsufficientFunds):
        estimate(funded(), to=OTHER, value=101 * ETHER)


def test_overrides_hold_for_estimates() -> None:
    overrides = {OTHER: AccountOverride(code=assemble(1, 0, "SSTORE"))}
    assert estimate(funded(), to=OTHER) == 21_000
    assert estimate(funded(), to=OTHER, overrides=overrides) > 43_000
