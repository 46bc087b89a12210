"""EIP-7702: authorisations, delegated accounts, and what calling them costs and does."""

from dataclasses import replace
from typing import Any

import pytest

from chain.secp256k1 import PrivateKey
from chain.transaction import Authorization, RecoveredTransaction, sign_authorization
from chain.types import ZERO_ADDRESS
from state.world import WorldState
from tests.vm.worlds import (
    ALICE,
    BOB,
    CANCUN_ENVIRONMENT,
    CAROL,
    CHAIN_ID,
    ENVIRONMENT,
    ETHER,
    Accounts,
    address,
    assemble,
    call,
    funded,
    returning,
    transaction,
    word,
)
from vm.context import DELEGATION_PREFIX, delegation_target
from vm.errors import EmptyAuthorizationList, SetCodeCreatesContract
from vm.message import Status
from vm.transaction import TransactionResult, apply_transaction, validate_transaction

CODE = address(0xC0DE)
DESIGNATOR = DELEGATION_PREFIX + CODE
STORE_ONE = assemble(1, 0, "SSTORE")
# 21000 and 25000 for one authorisation; 12500 come back when the authority exists.
ONE_AUTHORIZATION = 46_000


def accounts() -> Accounts:
    return funded().add(CODE, nonce=1, code=STORE_ONE)


def authorization(
    key: PrivateKey = BOB, *, target: Any = CODE, nonce: int = 0, chain_id: int = CHAIN_ID
) -> Authorization:
    return sign_authorization(chain_id, target, nonce, key)


def apply(world: WorldState, *authorizations: Authorization, **fields: Any) -> TransactionResult:
    fields.setdefault("to", address(0xFEED))
    return apply_transaction(world, ENVIRONMENT, transaction(authorizations=authorizations, **fields))


def test_an_authorization_writes_the_designator_and_raises_the_nonce() -> None:
    world = accounts().world
    result = apply(world, authorization())
    assert world.get_code(BOB.address) == DESIGNATOR
    assert delegation_target(world.get_code(BOB.address)) == CODE
    assert world.get_nonce(BOB.address) == 1
    # The refund for an existing authority is above the cap of a fifth.
    assert result.gas_used == ONE_AUTHORIZATION - ONE_AUTHORIZATION // 5


def test_a_new_authority_brings_no_refund() -> None:
    world = funded(ALICE).world
    assert apply(world, authorization()).gas_used == ONE_AUTHORIZATION
    assert world.get_code(BOB.address) == DESIGNATOR


def test_an_authorization_for_every_chain_holds() -> None:
    world = accounts().world
    apply(world, authorization(chain_id=0))
    assert world.get_code(BOB.address) == DESIGNATOR


@pytest.mark.parametrize(
    "invalid",
    [
        authorization(chain_id=CHAIN_ID + 1),
        authorization(nonce=1),
        authorization(nonce=2**64 - 1),
        Authorization(CHAIN_ID, CODE, 0, 2, 1, 1),
        Authorization(CHAIN_ID, CODE, 0, 0, 0, 1),
        replace(authorization(), s=2**256 - 1),
    ],
)
def test_an_authorization_that_does_not_hold_is_skipped_but_paid(invalid: Authorization) -> None:
    world = accounts().world
    result = apply(world, invalid, authorization(CAROL))
    assert result.succeeded
    assert world.get_code(BOB.address) == b""
    assert world.get_nonce(BOB.address) == 0
    assert world.get_code(CAROL.address) == DESIGNATOR


def test_an_account_with_real_code_cannot_delegate() -> None:
    world = accounts().add(BOB.address, balance=ETHER, code=assemble("STOP")).world
    apply(world, authorization())
    assert world.get_code(BOB.address) == assemble("STOP")


def test_a_delegation_is_replaced_and_ended_by_later_authorizations() -> None:
    world = accounts().world
    apply(world, authorization(), authorization(nonce=1, target=address(0xBEEF)))
    assert world.get_code(BOB.address) == DELEGATION_PREFIX + address(0xBEEF)
    apply(world, authorization(nonce=2, target=ZERO_ADDRESS), nonce=1)
    assert world.get_code(BOB.address) == b""
    assert world.get_nonce(BOB.address) == 3


def test_the_senders_own_authorization_counts_after_its_nonce_rose() -> None:
    world = accounts().world
    apply(world, authorization(ALICE, nonce=1))
    assert world.get_code(ALICE.address) == DESIGNATOR
    assert world.get_nonce(ALICE.address) == 2


def test_delegations_stay_when_the_transaction_fails() -> None:
    world = accounts().add(address(0xBAD), nonce=1, code=assemble("INVALID")).world
    result = apply(world, authorization(), to=address(0xBAD))
    assert result.status is Status.FAILURE
    assert world.get_code(BOB.address) == DESIGNATOR


def test_the_refund_survives_a_revert() -> None:
    world = accounts().add(address(0xBAD), nonce=1, code=assemble(0, 0, "REVERT")).world
    result = apply(world, authorization(), to=address(0xBAD))
    assert result.gas_used == result.peak_gas - result.peak_gas // 5


def test_a_call_runs_the_delegated_code_on_the_own_storage() -> None:
    world = accounts().add(BOB.address, code=DESIGNATOR, nonce=1).world
    assert apply_transaction(world, ENVIRONMENT, transaction(to=BOB.address)).succeeded
    assert world.get_storage(BOB.address, 0) == 1
    assert world.get_storage(CODE, 0) == 0


def test_a_delegated_account_may_send_transactions() -> None:
    world = accounts().add(ALICE.address, balance=ETHER, code=DESIGNATOR).world
    assert apply_transaction(world, ENVIRONMENT, transaction(to=CAROL.address, value=1)).succeeded


def test_a_delegation_is_followed_only_once() -> None:
    chained = accounts().add(BOB.address, code=DELEGATION_PREFIX + CAROL.address)
    world = chained.add(CAROL.address, code=DESIGNATOR).world
    outcome = call(world, BOB.address)
    assert (outcome.status, outcome.gas_left) == (Status.FAILURE, 0)
    assert outcome.error == "invalid opcode: opcode 0xef not defined"


def test_a_delegation_to_itself_fails_as_an_invalid_instruction() -> None:
    world = accounts().add(BOB.address, code=DELEGATION_PREFIX + BOB.address).world
    assert call(world, BOB.address).status is Status.FAILURE


@pytest.mark.parametrize("target", [address(1), address(0xE0A), ZERO_ADDRESS])
def test_a_delegation_to_a_precompile_or_nobody_runs_nothing(target: Any) -> None:
    world = accounts().add(BOB.address, code=DELEGATION_PREFIX + target).world
    outcome = call(world, BOB.address, data=b"\x01" * 32, value=3)
    assert (outcome.status, outcome.gas_left, outcome.output) == (Status.SUCCESS, 1_000_000, b"")
    assert world.get_balance(BOB.address) == 3


def test_the_designator_is_what_code_inspection_sees() -> None:
    reader = address(0xAAAA)
    world = accounts().add(BOB.address, code=DESIGNATOR)
    world.add(reader, nonce=1, code=returning(BOB.address, "EXTCODESIZE"))
    assert word(call(world.world, reader)) == 23
    world.add(reader, nonce=1, code=returning(BOB.address, "EXTCODEHASH"))
    assert word(call(world.world, reader)) == int.from_bytes(world.accounts[BOB.address].code_hash, "big")


def delegating_call_gas(*, delegate_is_warm: bool) -> int:
    caller = address(0xAAAA)
    warming = assemble(CODE, "BALANCE", "POP") if delegate_is_warm else b""
    code = warming + returning("GAS", 0, 0, 0, 0, 0, BOB.address, 0, "CALL", "POP", "GAS", "SWAP1", "SUB")
    world = funded(ALICE).add(CODE, nonce=1).add(BOB.address, code=DESIGNATOR)
    return word(call(world.add(caller, nonce=1, code=code).world, caller))


def test_calling_a_delegated_account_costs_two_accesses() -> None:
    # The delegate has no code, so nothing but the accesses is charged; a warm delegate costs 100.
    cold, warm = delegating_call_gas(delegate_is_warm=False), delegating_call_gas(delegate_is_warm=True)
    assert cold - warm == 2_600 - 100


def test_the_delegate_of_the_recipient_is_warm() -> None:
    code = returning("GAS", CODE, "BALANCE", "POP", "GAS", "SWAP1", "SUB")
    world = funded(ALICE).add(CODE, nonce=1, code=code).add(BOB.address, code=DESIGNATOR).world
    result = apply_transaction(world, ENVIRONMENT, transaction(to=BOB.address))
    # push (3), warm balance (100), pop (2), gas (2)
    assert int.from_bytes(result.output, "big") == 107


def test_an_authority_is_warm_even_if_its_authorization_fails() -> None:
    code = returning("GAS", BOB.address, "BALANCE", "POP", "GAS", "SWAP1", "SUB")
    world = accounts().add(address(0xAAAA), nonce=1, code=code).world
    result = apply(world, authorization(nonce=5), to=address(0xAAAA))
    assert int.from_bytes(result.output, "big") == 107


def test_in_cancun_a_designator_is_invalid_code() -> None:
    world = accounts().add(BOB.address, code=DESIGNATOR).world
    assert call(world, BOB.address, env=CANCUN_ENVIRONMENT).status is Status.FAILURE


def test_creations_inside_a_delegated_senders_call_may_be_destroyed() -> None:
    """A delegated sender that calls itself creates and destroys in one transaction (EIP-6780): the marks of
    creation belong to the transaction, not to the frame whose caller is the origin."""
    destroy = assemble(CAROL.address, "SELFDESTRUCT")
    store = assemble(int.from_bytes(destroy, "big"), 0, "MSTORE")
    create = store + assemble(len(destroy), 32 - len(destroy), 7, "CREATE")
    call_itself = assemble(0, 0, 0, 0, 0, "ADDRESS", "GAS", "CALL")
    once = assemble(0, "TLOAD", "ISZERO")
    code = once + assemble(b"\x00\x00", "JUMPI", "STOP")
    code = code[:-4] + (len(code)).to_bytes(2, "big") + code[-2:]
    code += assemble("JUMPDEST", 1, 0, "TSTORE") + create + call_itself + assemble("STOP")
    world = accounts().add(CODE, nonce=1, code=code).add(ALICE.address, balance=ETHER, code=DESIGNATOR).world
    result = apply_transaction(world, ENVIRONMENT, transaction(to=ALICE.address))
    assert result.succeeded
    assert world.get_balance(CAROL.address) == 100 * ETHER + 7


def test_a_set_code_transaction_needs_an_authorization_and_a_recipient() -> None:
    base = transaction(to=BOB.address, authorizations=(authorization(),))
    world = accounts().world
    for fields, error in (
        ({"authorizations": ()}, EmptyAuthorizationList),
        ({"to": None}, SetCodeCreatesContract),
    ):
        broken = RecoveredTransaction(replace(base.transaction, **fields), ALICE.address)
        with pytest.raises(error):
            validate_transaction(world, ENVIRONMENT, broken, 30_000_000)
