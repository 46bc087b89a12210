"""Access lists: what is listed, what is not, and the repetition until nothing is added."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chain.transaction import Authorization, sign_authorization
from chain.types import Address
from state.reader import DictReader
from tests.vm.worlds import (
    ALICE,
    BOB,
    CHAIN_ID,
    COINBASE,
    ENVIRONMENT,
    ETHER,
    address,
    assemble,
    funded,
    init_code,
)
from vm.creation_address import create_address
from vm.errors import InsufficientFunds, InvalidCallRequest
from vm.forks import Fork
from vm.overrides import AccountOverride
from vm.simulation import CallRequest, simulate_call
from vm.tracing.access_list import AccessListResult, create_access_list

TARGET = address(0xAA)
OTHER = address(0xBB)
THIRD = address(0xCC)
GAS_CAP = 10_000_000


def reader(codes: dict[Address, bytes]) -> DictReader:
    accounts = funded()
    for at, code in codes.items():
        accounts.add(at, nonce=1, code=code)
    return accounts.reader


def run(code: bytes, request: CallRequest | None = None, **codes: bytes) -> AccessListResult:
    """What a call of `code` at TARGET touches."""
    return create_access_list(
        reader({TARGET: code, OTHER: codes.get("other", b"")}),
        ENVIRONMENT,
        request or CallRequest(ALICE.address, TARGET),
        gas_cap=GAS_CAP,
    )


def call(to: Address, kind: str = "CALL") -> tuple[int | str | bytes, ...]:
    value = (0,) if kind in ("CALL", "CALLCODE") else ()
    return (0, 0, 0, 0, *value, to, "GAS", kind, "POP")


def test_slots_of_the_recipient_are_listed_but_not_the_recipient_alone() -> None:
    assert run(assemble("STOP")).access_list == ()
    found = run(assemble(7, "SLOAD", "POP", 1, 3, "SSTORE", 3, "SLOAD", "POP"))
    assert found.access_list == ((TARGET, (3, 7)),)
    assert found.error is None


@pytest.mark.parametrize("name", ["BALANCE", "EXTCODESIZE", "EXTCODEHASH"])
def test_accounts_that_are_looked_at_are_listed(name: str) -> None:
    assert run(assemble(OTHER, name, "POP")).access_list == ((OTHER, ()),)


def test_accounts_whose_code_is_copied_or_that_inherit_are_listed() -> None:
    assert run(assemble(0, 0, 0, OTHER, "EXTCODECOPY")).access_list == ((OTHER, ()),)
    assert run(assemble(THIRD, "SELFDESTRUCT")).access_list == ((THIRD, ()),)


@pytest.mark.parametrize("kind", ["CALL", "STATICCALL"])
def test_called_accounts_are_listed_with_their_slots(kind: str) -> None:
    found = run(assemble(*call(OTHER, kind)), other=assemble(5, "SLOAD", "POP"))
    assert found.access_list == ((OTHER, (5,)),)


@pytest.mark.parametrize("kind", ["DELEGATECALL", "CALLCODE"])
def test_code_of_others_touches_the_slots_of_the_one_that_runs_it(kind: str) -> None:
    found = run(assemble(*call(OTHER, kind)), other=assemble(5, "SLOAD", "POP"))
    assert found.access_list == ((TARGET, (5,)), (OTHER, ()))


def test_what_is_warm_anyway_is_left_out_but_the_beneficiary_is_not() -> None:
    looked_at = (ALICE.address, TARGET, address(1), address(0x11), COINBASE)
    code = assemble(*[part for account in looked_at for part in (account, "BALANCE", "POP")])
    assert run(code).access_list == ((COINBASE, ()),)
    osaka = create_access_list(
        reader({TARGET: assemble(address(0x100), "BALANCE", "POP")}),
        replace(ENVIRONMENT, fork=Fork.OSAKA),
        CallRequest(ALICE.address, TARGET),
        gas_cap=GAS_CAP,
    )
    assert osaka.access_list == ()


def test_accounts_that_authorise_are_left_out_unless_it_is_for_another_chain() -> None:
    code = assemble(BOB.address, "BALANCE", "POP")

    def authorised(authorization: Authorization) -> AccessListResult:
        return run(code, CallRequest(ALICE.address, TARGET, authorizations=(authorization,)))

    assert authorised(sign_authorization(CHAIN_ID, OTHER, 0, BOB)).access_list == ()
    assert authorised(sign_authorization(0, OTHER, 0, BOB)).access_list == ()
    assert authorised(sign_authorization(CHAIN_ID + 1, OTHER, 0, BOB)).access_list == ((BOB.address, ()),)
    with pytest.raises(InvalidCallRequest, match="insufficient gas to process all authorizations"):
        run(
            code,
            CallRequest(
                ALICE.address, TARGET, gas=24_999, authorizations=(sign_authorization(0, OTHER, 0, BOB),)
            ),
        )


def test_a_created_contract_is_left_out_but_its_slots_are_listed() -> None:
    code = assemble("ADDRESS", "BALANCE", "POP", 1, 2, "SSTORE") + init_code(b"\x00")
    found = run(b"", CallRequest(ALICE.address, None, input=code))
    assert found.access_list == ((create_address(ALICE.address, 0), (2,)),)


def test_the_given_list_is_kept_and_completed_but_not_what_it_has_of_warm_accounts() -> None:
    given = ((TARGET, (9,)), (THIRD, (1,)), (ALICE.address, (4,)))
    found = run(assemble(7, "SLOAD", "POP"), CallRequest(ALICE.address, TARGET, access_list=given))
    assert found.access_list == ((TARGET, (7,)), (THIRD, (1,)))


def test_a_slot_that_is_touched_only_while_another_is_cold_stays_listed() -> None:
    """Touches slot 7 first, and slot 8 only if that was cold."""
    first = assemble("GAS", 7, "SLOAD", "POP", "GAS", "SWAP1", "SUB", 1_000, "LT")
    target = len(first) + 4
    found = run(first + assemble(target) + assemble("JUMPI", "STOP", "JUMPDEST", 8, "SLOAD", "POP"))
    assert found.access_list == ((TARGET, (7, 8)),)


def test_it_runs_again_until_the_list_changes_nothing() -> None:
    """Touches slot 7 first, and slot 8 only if that was warm."""
    first = assemble("GAS", 7, "SLOAD", "POP", "GAS", "SWAP1", "SUB", 1_000, "SWAP1", "LT")
    # PUSH jump target, JUMPI, STOP, JUMPDEST ...
    target = len(first) + 4
    code = first + assemble(target) + assemble("JUMPI", "STOP", "JUMPDEST", 8, "SLOAD", "POP")
    found = run(code)
    assert found.access_list == ((TARGET, (7, 8)),)
    again = run(code, CallRequest(ALICE.address, TARGET, access_list=found.access_list))
    assert again == found


def test_gas_is_that_of_the_call_with_the_list() -> None:
    code = assemble(7, "SLOAD", "POP", OTHER, "BALANCE", "POP")
    found = run(code)
    state = reader({TARGET: code})
    request = CallRequest(ALICE.address, TARGET)
    listed = replace(request, access_list=found.access_list)
    assert found.gas_used == simulate_call(state, ENVIRONMENT, listed, gas_cap=GAS_CAP).gas_used
    assert found.gas_used != simulate_call(state, ENVIRONMENT, request, gas_cap=GAS_CAP).gas_used


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (assemble(7, "SLOAD", 0, 0, "REVERT"), "execution reverted"),
        (assemble(7, "SLOAD", "INVALID"), "invalid opcode: INVALID"),
    ],
)
def test_a_call_that_fails_has_a_list_too(code: bytes, error: str) -> None:
    found = run(code)
    assert (found.access_list, found.error) == (((TARGET, (7,)),), error)


def test_instructions_without_their_items_touch_nothing() -> None:
    for name in ("SLOAD", "SSTORE", "BALANCE", "CALL"):
        found = run(assemble(name))
        assert found.access_list == ()
        assert found.error is not None


def test_pretended_accounts_are_seen() -> None:
    found = create_access_list(
        reader({}),
        ENVIRONMENT,
        CallRequest(ALICE.address, TARGET),
        gas_cap=GAS_CAP,
        overrides={TARGET: AccountOverride(code=assemble(7, "SLOAD"))},
    )
    assert found.access_list == ((TARGET, (7,)),)


def test_what_may_not_run_is_refused() -> None:
    with pytest.raises(InsufficientFunds):
        run(b"", CallRequest(ALICE.address, TARGET, value=10**6 * ETHER))


def test_the_work_can_be_given_up() -> None:
    def stop() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        create_access_list(
            reader({TARGET: assemble("STOP")}),
            ENVIRONMENT,
            CallRequest(ALICE.address, TARGET),
            gas_cap=GAS_CAP,
            checkpoint=stop,
        )
