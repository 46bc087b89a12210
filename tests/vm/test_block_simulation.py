"""Simulated blocks over a real store: what carries over, what is pretended."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from chain.fees import next_base_fee
from chain.keccak import EMPTY_REQUESTS_HASH, EMPTY_TRIE_ROOT
from chain.ordered_trie import ordered_root
from chain.transaction import RecoveredTransaction, sign_authorization
from chain.types import ZERO_HASH, Hash32
from state.account import MAX_BALANCE, MAX_NONCE
from state.changes import StateChanges
from tests.vm.simulated_blocks import (
    CONTRACT,
    COUNTER,
    ENDLESS,
    IDENTITY,
    LOGGER,
    OTHER,
    POOR,
    READER,
    Chain,
    block,
    call,
    contract,
    number,
    outcome,
    words,
)
from tests.vm.worlds import (
    BOB,
    CHAIN_ID,
    ENVIRONMENT,
    assemble,
    funded,
    init_code,
    returning,
    transaction,
)
from vm.block import BEACON_ROOTS_ADDRESS, HISTORY_STORAGE_ADDRESS, execute_block
from vm.block_simulation import (
    Withdrawal,
)
from vm.errors import (
    InvalidCallRequest,
)
from vm.forks import Fork
from vm.overrides import AccountOverride
from vm.simulated_call import SimulatedCallRejected
from vm.simulation import CallRequest

# --- as if it were real ------------------------------------------------------------------------------------


def test_simulated_transactions_do_what_real_ones_do() -> None:
    chain = Chain(contract(LOGGER).add(OTHER, nonce=1, code=COUNTER, storage={0: 41}))
    plans: Sequence[dict[str, Any]] = (
        {"to": CONTRACT, "access_list": ((OTHER, (0,)),)},
        {"to": OTHER},
        {"to": None, "data": init_code(READER)},
        {"to": BOB.address, "value": 5},
        {"to": CONTRACT, "authorizations": (sign_authorization(CHAIN_ID, OTHER, 0, BOB),)},
    )
    fees: dict[str, Any] = {"fee_cap": 5000, "tip": 3}
    signed = [transaction(nonce=nonce, **fees, **plan) for nonce, plan in enumerate(plans)]
    (simulated,) = chain.simulate(block(*[_as_call(item) for item in signed]), validates=True)
    header = simulated.block.header
    env = replace(
        ENVIRONMENT,
        number=1,
        timestamp=header.timestamp,
        beneficiary=chain.header.beneficiary,
        base_fee_per_gas=next_base_fee(chain.header),
        prev_randao=ZERO_HASH,
        parent_beacon_block_root=ZERO_HASH,
        parent_hash=chain.header.hash,
        block_hash=chain.store.canonical_hash,
    )
    real = execute_block(chain.store.latest_state(), env, signed)
    assert header.state_root == chain.store.compute_root(real.changes).root
    assert simulated.receipts == real.receipts
    assert (header.receipts_root, header.logs_bloom) == (real.receipts_root, real.logs_bloom)
    assert (header.gas_used, header.requests_hash) == (real.gas_used, real.requests_hash)
    assert header.base_fee_per_gas == env.base_fee_per_gas
    assert [item.signing_hash for item in simulated.block.transactions] == [
        item.transaction.signing_hash for item in signed
    ]
    assert header.transactions_root == ordered_root([item.raw for item in simulated.block.transactions])


def _as_call(recovered: RecoveredTransaction) -> CallRequest:
    item = recovered.transaction
    return CallRequest(
        recovered.sender,
        item.to,
        item.gas_limit,
        None,
        item.max_fee_per_gas,
        item.max_priority_fee_per_gas,
        item.value,
        item.data,
        item.access_list,
        item.authorizations,
        item.nonce,
    )


def test_state_carries_from_call_to_call_and_from_block_to_block() -> None:
    chain = Chain(contract(COUNTER, storage={0: 10}))
    blocks = chain.simulate(block(call(), call()), block(), block(call()))
    assert [[number(found) for found in item.calls] for item in blocks] == [[11, 12], [], [13]]
    roots = [item.block.header.state_root for item in blocks]
    assert roots[0] == roots[1] != roots[2]
    assert chain.store.latest_state().storage(CONTRACT, 0) == 10


def test_each_block_follows_the_one_before_and_code_sees_its_hash() -> None:
    code = returning(1, "NUMBER", "SUB", "BLOCKHASH")
    chain = Chain(contract(code))
    blocks = chain.simulate(block(call()), block(call()), block(call()))
    hashes = [chain.header.hash, *[item.block.hash for item in blocks]]
    assert [item.block.header.parent_hash for item in blocks] == hashes[:3]
    assert [number(item.calls[0]) for item in blocks] == [int.from_bytes(value) for value in hashes[:3]]


def test_gaps_are_filled_with_empty_blocks() -> None:
    chain = Chain(funded())
    blocks = chain.simulate(block(number=3), block(), block(number=7, timestamp=1_700_001_000), block())
    headers = [item.block.header for item in blocks]
    assert [header.number for header in headers] == list(range(1, 9))
    start = chain.header.timestamp
    steps = [header.timestamp - start for header in headers]
    assert steps == [12, 24, 36, 48, 60, 72, 1000, 1012]
    assert {header.transactions_root for header in headers} == {EMPTY_TRIE_ROOT}


def test_what_is_not_pretended_comes_from_the_block_below() -> None:
    chain = Chain(funded(), gas_limit=1_234_567, beneficiary=OTHER)
    first, second, third = chain.simulate(block(), block(gas_limit=2_000_000, beneficiary=POOR), block())
    assert (first.block.header.gas_limit, first.block.header.beneficiary) == (1_234_567, OTHER)
    assert second.block.header.beneficiary == third.block.header.beneficiary == POOR
    assert third.block.header.gas_limit == 2_000_000
    header = first.block.header
    assert (header.prev_randao, header.extra_data, header.difficulty) == (ZERO_HASH, b"", 0)
    assert header.parent_beacon_block_root == ZERO_HASH
    assert header.requests_hash == EMPTY_REQUESTS_HASH


def test_code_sees_what_is_pretended_about_the_block() -> None:
    parts: list[int | str] = []
    for position, name in enumerate(
        ("NUMBER", "TIMESTAMP", "GASLIMIT", "COINBASE", "PREVRANDAO", "BASEFEE", "BLOBBASEFEE")
    ):
        parts += [name, 32 * position, "MSTORE"]
    chain = Chain(contract(assemble(*parts, 224, 0, "RETURN")))
    pretended = {
        "number": 5,
        "timestamp": 1_800_000_000,
        "gas_limit": 9_000_000,
        "beneficiary": OTHER,
        "prev_randao": Hash32(b"\x05" * 32),
        "base_fee_per_gas": 77,
        "blob_base_fee": 99,
    }
    found = chain.simulate(block(call(), **pretended))[-1]
    assert words(found.calls[0]) == [
        5,
        1_800_000_000,
        9_000_000,
        int.from_bytes(OTHER),
        int.from_bytes(b"\x05" * 32),
        77,
        99,
    ]
    header = found.block.header
    assert (header.number, header.base_fee_per_gas, header.prev_randao) == (5, 77, b"\x05" * 32)


def test_the_hooks_of_a_block_run() -> None:
    keeper = assemble(0, "CALLDATALOAD", 0, "SSTORE")
    accounts = funded()
    for keeps in (BEACON_ROOTS_ADDRESS, HISTORY_STORAGE_ADDRESS):
        accounts.add(keeps, nonce=1, code=keeper)
    chain = Chain(accounts)
    read = {keeps: AccountOverride(code=READER) for keeps in (BEACON_ROOTS_ADDRESS, HISTORY_STORAGE_ADDRESS)}
    root = Hash32(b"\x07" * 32)
    first, second = chain.simulate(
        block(parent_beacon_block_root=root),
        block(call(BEACON_ROOTS_ADDRESS), call(HISTORY_STORAGE_ADDRESS), accounts=read),
    )
    assert first.block.header.parent_beacon_block_root == root
    assert [number(found) for found in second.calls] == [
        int.from_bytes(root),
        int.from_bytes(chain.header.hash),
    ]


def test_withdrawals_are_paid_at_the_end_of_their_block() -> None:
    chain = Chain(contract(returning(POOR, "BALANCE")))
    withdrawals = (Withdrawal(1, 2, POOR, 3), Withdrawal(2, 2, POOR, 4), Withdrawal(3, 2, OTHER, 0))
    first, second = chain.simulate(block(call(), withdrawals=withdrawals), block(call()))
    assert [number(item.calls[0]) for item in (first, second)] == [0, 7 * 10**9]
    expected = ordered_root([item.encode() for item in withdrawals])
    assert first.block.header.withdrawals_root == expected
    assert second.block.header.withdrawals_root == EMPTY_TRIE_ROOT
    payload = sum(len(item.encode()) for item in withdrawals)
    assert first.size_bytes == first.block.size_bytes + payload + (1 if payload > 55 else 0)
    assert second.size_bytes == second.block.size_bytes


def test_the_rule_set_is_that_of_each_block() -> None:
    chain = Chain(funded())
    chain.fork_at = lambda number, timestamp: Fork.PRAGUE if number > 1 and timestamp else Fork.CANCUN
    first, second = chain.simulate(block(), block())
    assert first.block.header.requests_hash is None
    assert second.block.header.requests_hash == EMPTY_REQUESTS_HASH


# --- fees and gas --------------------------------------------------------------------------------------------


def test_without_validation_a_call_is_free_and_sees_no_base_fee() -> None:
    chain = Chain(contract(returning("BASEFEE")))
    (simulated,) = chain.simulate(block(call(caller=POOR)))
    assert number(simulated.calls[0]) == 0
    assert simulated.block.header.base_fee_per_gas == 0


def test_a_pretended_base_fee_binds_only_those_who_offer_a_price() -> None:
    chain = Chain(contract(returning("BASEFEE")))
    (simulated,) = chain.simulate(
        block(call(caller=POOR), call(max_fee_per_gas=500, gas=50_000), base_fee_per_gas=500)
    )
    assert [number(found) for found in simulated.calls] == [500, 500]
    with pytest.raises(SimulatedCallRejected, match="max fee per gas less than block base fee"):
        chain.simulate(block(call(max_fee_per_gas=499, gas=50_000), base_fee_per_gas=500))


def test_with_validation_the_base_fee_follows_the_gas_of_the_block_before() -> None:
    chain = Chain(contract(ENDLESS), gas_limit=1_000_000, gas_used=0)
    blocks = chain.simulate(block(call(max_fee_per_gas=10_000)), block(), block(), validates=True)
    headers = [chain.header, *[item.block.header for item in blocks]]
    assert [header.gas_used for header in headers] == [0, 1_000_000, 0, 0]
    fees = [header.base_fee_per_gas for header in headers]
    assert fees == [1000, 875, 984, 861]
    assert fees[1:] == [next_base_fee(header) for header in headers[:3]]


def test_a_pretended_base_fee_below_the_least_stays_until_a_full_block() -> None:
    chain = Chain(contract(ENDLESS), gas_limit=1_000_000)
    blocks = chain.simulate(
        block(base_fee_per_gas=3), block(call(max_fee_per_gas=3)), block(), validates=True
    )
    assert [item.block.header.base_fee_per_gas for item in blocks] == [3, 3, 4]


def test_fees_are_paid_to_the_beneficiary() -> None:
    chain = Chain(contract(returning(POOR, "BALANCE")), beneficiary=POOR)
    paying = call(BOB.address, max_fee_per_gas=2000, max_priority_fee_per_gas=3, gas=21_000)
    (simulated,) = chain.simulate(block(paying, call(max_fee_per_gas=2000, gas=50_000)), validates=True)
    assert number(simulated.calls[1]) == 3 * 21_000


def test_a_call_without_gas_gets_all_that_is_left_of_the_block() -> None:
    chain = Chain(contract(returning("GAS")), gas_limit=200_000)
    first, second = chain.simulate(block(call(), call()))[0].calls
    assert number(first) == 200_000 - 21_000 - 2
    assert number(second) == number(first) - first.gas_used


# --- pretended accounts ---------------------------------------------------------------------------------------


def test_pretended_accounts_stay_for_later_blocks_and_are_in_the_root() -> None:
    chain = Chain(contract(READER, storage={0: 1, 1: 1}))
    first, second = chain.simulate(
        block(call(), accounts={CONTRACT: AccountOverride(state_diff={0: 7})}), block(call())
    )
    assert [number(item.calls[0]) for item in (first, second)] == [7, 7]
    real = StateChanges(storage={CONTRACT: {0: 7}})
    quiet = chain.simulate(block(accounts={CONTRACT: AccountOverride(state_diff={0: 7})}))[0]
    assert quiet.block.header.state_root == chain.store.compute_root(real).root


def test_a_pretended_storage_replaces_every_slot() -> None:
    chain = Chain(contract(returning(1, "SLOAD"), storage={0: 1, 1: 1}))
    pretended = {CONTRACT: AccountOverride(state={0: 7})}
    (simulated,) = chain.simulate(block(accounts=pretended))
    real = StateChanges(storage={CONTRACT: {0: 7}}, wiped=(CONTRACT,))
    assert simulated.block.header.state_root == chain.store.compute_root(real).root
    assert number(outcome(chain, call(), accounts=pretended)) == 0


def test_a_slot_of_an_account_that_does_not_exist_makes_it_exist() -> None:
    chain = Chain(funded())
    (simulated,) = chain.simulate(block(accounts={POOR: AccountOverride(state_diff={1: 1})}))
    (again,) = chain.simulate(block(accounts={POOR: AccountOverride(state={1: 1})}))
    assert simulated.block.header.state_root == again.block.header.state_root != chain.header.state_root


def test_pretended_nonces_and_balances_wrap_around() -> None:
    chain = Chain(contract(returning(OTHER, "BALANCE")))
    rich = {
        POOR: AccountOverride(balance=MAX_BALANCE, nonce=MAX_NONCE),
        OTHER: AccountOverride(balance=5),
    }
    first, second = chain.simulate(
        block(call(OTHER, POOR, value=MAX_BALANCE), call(), accounts=rich), block(call(OTHER, POOR))
    )
    assert number(first.calls[1]) == 4
    assert [item.nonce for item in (*first.block.transactions, *second.block.transactions)] == [
        MAX_NONCE,
        0,
        0,
    ]
    with pytest.raises(SimulatedCallRejected, match="nonce has max value"):
        chain.simulate(block(call(None, POOR), accounts=rich))


def test_contradicting_overrides_end_the_simulation() -> None:
    chain = Chain(funded())
    with pytest.raises(InvalidCallRequest, match="has both 'state' and 'stateDiff'"):
        chain.simulate(block(accounts={OTHER: AccountOverride(state={}, state_diff={})}))
    with pytest.raises(InvalidCallRequest, match="is not a precompile"):
        chain.simulate(block(accounts={OTHER: AccountOverride(move_precompile_to=POOR)}))
    both = {IDENTITY: AccountOverride(move_precompile_to=POOR), POOR: AccountOverride(nonce=1)}
    with pytest.raises(InvalidCallRequest, match="is already overridden"):
        chain.simulate(block(accounts=both))


def test_a_precompile_is_moved_for_one_block() -> None:
    chain = Chain(funded())
    asked = [call(POOR, input=b"abc"), call(IDENTITY, input=b"abc")]
    moved = {IDENTITY: AccountOverride(move_precompile_to=POOR, code=returning(42))}
    first, second = chain.simulate(block(*asked, accounts=moved), block(*asked))
    assert first.calls[0].output == b"abc"
    assert number(first.calls[1]) == 42
    assert [found.output for found in second.calls] == [b"", b"abc"]


def test_an_overridden_precompile_is_none() -> None:
    chain = Chain(funded())
    (found,) = chain.simulate(
        block(call(IDENTITY, input=b"a"), accounts={IDENTITY: AccountOverride(balance=1)})
    )
    assert found.calls[0].output == b""


@pytest.mark.parametrize("place", ["a call", "a hook", "blocks"])
def test_a_simulation_gives_up_when_it_is_told_to(place: str) -> None:
    hook = ENDLESS if place == "a hook" else b""
    chain = Chain(contract(ENDLESS).add(BEACON_ROOTS_ADDRESS, code=hook))
    looks = 0

    def checkpoint() -> None:
        nonlocal looks
        looks += 1
        if looks > 200:
            raise TimeoutError

    requests = {"a call": [block(call())], "a hook": [block()], "blocks": [block()] * 256}
    with pytest.raises(TimeoutError):
        chain.simulate(*requests[place], checkpoint=checkpoint)
