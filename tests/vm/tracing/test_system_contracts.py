"""What tracers tell of system contracts, which have no instructions to follow."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from chain.keccak import keccak256
from chain.types import Address
from tests.vm.system.runtime.sample import FACTORY, REGISTRY, Counter, Factory
from tests.vm.worlds import ALICE, ENVIRONMENT, Accounts, address, assemble, funded, transaction
from vm.simulation import CallRequest, estimate_gas, simulate_call
from vm.system.abi.codec import encoder
from vm.tracing.access_list import create_access_list
from vm.tracing.run import make_tracer, trace_transaction

COUNTER, OTHER, EVM = address(0xC1), address(0xC2), address(0xE1)
ENV = replace(ENVIRONMENT, system_contracts=REGISTRY)
TOTAL = 1
BY_ALICE = int.from_bytes(keccak256(bytes(12) + ALICE.address + (2).to_bytes(32)))


def accounts() -> Accounts:
    state = funded().add(FACTORY, nonce=1, code=Factory.code)
    for at in (COUNTER, OTHER):
        state.add(at, nonce=1, code=Counter.code, storage={TOTAL: 4})
    return state


def traced(tracer: str, payload: bytes, to: Address = COUNTER, **config: bool) -> Any:
    recovered = transaction(to=to, data=payload)
    return trace_transaction(accounts().reader, ENV, recovered, make_tracer(tracer, config))


def word(value: int) -> str:
    return f"0x{value:064x}"


def text(value: bytes) -> str:
    return "0x" + value.hex()


def test_the_tree_of_calls_has_calls_between_system_contracts_and_their_logs() -> None:
    found = traced("callTracer", Counter.add_elsewhere.encode(OTHER, 3), withLog=True)
    add, count = found["calls"]
    assert (add["type"], add["to"], add["input"]) == ("CALL", text(OTHER), text(Counter.add.encode(3)))
    assert (count["type"], count["output"]) == ("STATICCALL", word(7))
    (log,) = add["logs"]
    assert (log["address"], log["data"], log["index"], log["position"]) == (
        text(OTHER),
        word(3),
        "0x0",
        "0x0",
    )
    assert log["topics"][0] == text(Counter.Added.signature.topic)
    assert "logs" not in traced("callTracer", Counter.add.encode(3))


def test_the_tree_of_calls_shows_what_a_factory_creates_and_why_a_call_failed() -> None:
    arguments = encoder(Counter.constructing.signature.input_types)(ALICE.address, 3)
    found = traced("callTracer", Factory.make.encode(bytes(32), ALICE.address, 3), to=FACTORY)
    (created,) = found["calls"]
    assert (created["type"], created["input"]) == ("CREATE2", text(Counter.code + arguments))
    assert created["output"] == text(Counter.code)
    refused = traced("callTracer", Factory.make.encode(bytes(32), ALICE.address, 10**6), to=FACTORY)
    assert refused["calls"][0]["revertReason"] == "too much"


def test_the_state_before_has_the_slots_that_were_read_and_written() -> None:
    before = traced("prestateTracer", Counter.add.encode(3))
    assert before[text(COUNTER)]["storage"] == {word(TOTAL): word(4), word(BY_ALICE): word(0)}
    both = traced("prestateTracer", Counter.add.encode(3), diffMode=True)
    assert both["pre"][text(COUNTER)]["storage"] == {word(TOTAL): word(4)}
    assert both["post"][text(COUNTER)]["storage"] == {word(TOTAL): word(7), word(BY_ALICE): word(3)}
    calling = traced("prestateTracer", Counter.add_elsewhere.encode(OTHER, 3))
    assert text(OTHER) in calling


def test_the_state_before_names_accounts_whose_balance_was_looked_at() -> None:
    assert text(ALICE.address) in traced("prestateTracer", Counter.send_coins.encode(ALICE.address, 0))


def test_the_state_before_has_the_account_that_gets_the_fees() -> None:
    env = replace(ENV, fee_recipient=OTHER)
    recovered = transaction(to=ALICE.address, value=1)
    found = trace_transaction(
        accounts().reader, env, recovered, make_tracer("prestateTracer", {"diffMode": True})
    )
    tip = int(found["post"][text(OTHER)]["balance"], 16)
    assert tip > int(found["pre"][text(OTHER)]["balance"], 16)


def test_the_state_before_has_the_account_for_which_coins_are_made() -> None:
    payload = Factory.print_coins.encode(OTHER, 5)
    found = traced("prestateTracer", payload, to=FACTORY, diffMode=True)
    assert (found["pre"][text(OTHER)]["balance"], found["post"][text(OTHER)]) == ("0x0", {"balance": "0x5"})


def test_selectors_of_inner_calls_are_counted() -> None:
    found = traced("4byteTracer", Counter.add_elsewhere.encode(OTHER, 3))
    assert found[f"{text(Counter.add.selector)}-32"] == 1


def test_there_are_no_instructions_to_log() -> None:
    found = traced("structLogs", Counter.add.encode(3))
    assert (found["structLogs"], found["failed"]) == ([], False)


def test_an_access_list_has_the_slots_and_saves_what_it_says() -> None:
    request = CallRequest(caller=ALICE.address, to=COUNTER, input=Counter.add_elsewhere.encode(OTHER, 3))
    reader = accounts().reader
    made = create_access_list(reader, ENV, request, gas_cap=10**6)
    assert dict(made.access_list).keys() == {OTHER}
    assert TOTAL in dict(made.access_list)[OTHER]
    with_list = simulate_call(reader, ENV, replace(request, access_list=made.access_list), gas_cap=10**6)
    assert with_list.gas_used == made.gas_used


def test_an_estimate_is_the_least_gas_that_suffices() -> None:
    reader = accounts().add(EVM, nonce=1, code=assemble("STOP")).reader
    for payload in (
        Counter.add.encode(3),
        Counter.add_elsewhere.encode(OTHER, 3),
        Counter.open_call_back.encode(OTHER, Counter.add.encode(1)),
    ):
        request = CallRequest(caller=ALICE.address, to=COUNTER, input=payload)
        gas = estimate_gas(reader, ENV, request, gas_cap=10**6)
        assert simulate_call(reader, ENV, replace(request, gas=gas), gas_cap=10**6).error is None
        if payload[:4] != Counter.open_call_back.selector:  # which succeeds when its inner call does not
            assert simulate_call(reader, ENV, replace(request, gas=gas - 1), gas_cap=10**6).error is not None
