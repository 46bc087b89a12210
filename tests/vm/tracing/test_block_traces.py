"""Traces of whole blocks: each transaction on the state that those before it have left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from chain.receipt import Log
from chain.transaction import RecoveredTransaction
from state.changed_reader import ChangedReader
from state.reader import DictReader
from state.world import WorldState
from tests.vm.worlds import (
    ALICE,
    BOB,
    COINBASE,
    ENVIRONMENT,
    ETHER,
    Accounts,
    address,
    assemble,
    funded,
    init_code,
    transaction,
)
from vm.block import BEACON_ROOTS_ADDRESS, execute_block
from vm.creation_address import create_address
from vm.errors import NonceTooHigh
from vm.tracing.block import trace_block
from vm.tracing.run import make_tracer

COUNTER, ROOTS_SLOT = address(0xC0DE), 1
COUNTS = assemble(0, "SLOAD", 1, "ADD", 0, "SSTORE", 0, 0, "LOG0", "STOP")


def scene() -> Accounts:
    return funded().add(COUNTER, nonce=1, code=COUNTS, storage={0: 4})


def traces(
    accounts: Accounts,
    transactions: Sequence[RecoveredTransaction],
    tracer: str,
    config: dict[str, Any] | None = None,
    **options: Any,
) -> list[Any]:
    return list(
        trace_block(
            accounts.reader, ENVIRONMENT, transactions, lambda: make_tracer(tracer, config or {}), **options
        )
    )


COUNTING = [transaction(to=COUNTER, nonce=0), transaction(BOB, to=COUNTER), transaction(to=COUNTER, nonce=1)]


def test_each_transaction_finds_what_the_one_before_it_left() -> None:
    found = traces(scene(), COUNTING, "prestateTracer")
    counter = "0x" + COUNTER.hex()
    counts = [int(next(iter(trace[counter]["storage"].values())), 16) for trace in found]
    assert counts == [4, 5, 6]
    assert "nonce" not in found[0]["0x" + ALICE.address.hex()]
    assert found[2]["0x" + ALICE.address.hex()]["nonce"] == 1
    assert "0x" + COINBASE.hex() not in found[0]  # it was empty
    assert "0x" + COINBASE.hex() in found[1]


def test_logs_are_numbered_through_the_block_and_gas_is_that_of_the_block() -> None:
    found = traces(scene(), COUNTING, "callTracer", {"withLog": True})
    assert [trace["logs"][0]["index"] for trace in found] == ["0x0", "0x1", "0x2"]
    block = execute_block(scene().reader, ENVIRONMENT, COUNTING)
    assert sum(int(trace["gasUsed"], 16) for trace in found) == block.gas_used


def test_one_transaction_is_traced_where_it_stands() -> None:
    everything = traces(scene(), COUNTING, "callTracer", {"withLog": True})
    for index in range(3):
        assert traces(scene(), COUNTING, "callTracer", {"withLog": True}, first=index) == everything[index:]


def test_the_hooks_of_the_block_come_first() -> None:
    stores = assemble(0, "CALLDATALOAD", ROOTS_SLOT, "SSTORE", "STOP")
    reads = assemble(ROOTS_SLOT, "SLOAD", 0, "MSTORE", 32, 0, "RETURN")
    # The same code for both: the protocol calls with 32 bytes, everybody else reads.
    code = assemble("CALLDATASIZE", b"\x00", "JUMPI") + reads + b"\x5b" + stores
    code = code.replace(b"\x60\x00\x57", bytes([0x60, 4 + len(reads), 0x57]), 1)
    accounts = scene().add(BEACON_ROOTS_ADDRESS, nonce=1, code=code)
    (top,) = traces(accounts, [transaction(to=BEACON_ROOTS_ADDRESS)], "callTracer")
    assert top["output"] == "0x" + ENVIRONMENT.parent_beacon_block_root.hex()


def test_a_contract_of_one_transaction_runs_in_the_next() -> None:
    new = create_address(ALICE.address, 0)
    block = [transaction(data=init_code(COUNTS)), transaction(BOB, to=new)]
    first, second = traces(scene(), block, "prestateTracer", {"diffMode": True})
    assert first["post"]["0x" + new.hex()]["code"] == "0x" + COUNTS.hex()
    assert second["pre"]["0x" + new.hex()]["code"] == "0x" + COUNTS.hex()
    assert int(next(iter(second["post"]["0x" + new.hex()]["storage"].values())), 16) == 1


def test_a_block_whose_transactions_may_not_run_is_given_up() -> None:
    with pytest.raises(NonceTooHigh):
        traces(scene(), [transaction(to=COUNTER, nonce=5)], "callTracer")


def test_changes_on_top_of_a_state_are_what_is_read() -> None:
    other = address(7)
    base = (
        funded().add(COUNTER, nonce=1, balance=1, storage={1: 1, 2: 2}).add(other, balance=3, storage={1: 9})
    )
    state = ChangedReader(base.reader)
    world = WorldState(state)
    world.begin_transaction()
    world.set_storage(COUNTER, 1, 0)
    world.set_storage(COUNTER, 3, 3)
    world.set_code(COUNTER, b"\x01")
    world.delete(other)
    world.add_log(Log(COUNTER, (), b""))
    world.end_transaction()
    state.absorb(world.changes())
    assert [state.storage(COUNTER, slot) for slot in range(1, 5)] == [0, 2, 3, 0]
    changed = state.account(COUNTER)
    assert changed is not None
    assert state.code(changed.code_hash) == b"\x01"
    assert (state.account(other), state.storage(other, 1), state.has_storage(other)) == (None, 0, False)
    assert state.has_storage(COUNTER)
    again = WorldState(state)
    again.begin_transaction()
    again.set_balance(other, ETHER)
    again.set_storage(other, 2, 8)
    again.end_transaction()
    state.absorb(again.changes())
    assert (state.storage(other, 1), state.storage(other, 2)) == (0, 8)
    assert isinstance(base.reader, DictReader)
    assert base.reader.storage(other, 1) == 9
