"""Each tracer against what small programs are known to do, and that a listener changes nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from chain.keccak import EMPTY_KECCAK, keccak256
from chain.secp256k1 import PrivateKey
from chain.transaction import sign_authorization
from chain.types import ZERO_ADDRESS
from tests.vm.worlds import (
    ALICE,
    BOB,
    CHAIN_ID,
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
from vm.simulation import CallRequest
from vm.tracing import interface
from vm.tracing.call_list import CallList, ListedCall
from vm.tracing.interface import Budget, InvalidTracer, TraceTooLarge, TransactionTracer
from vm.tracing.run import TRACERS, make_tracer, trace_call, trace_transaction
from vm.transaction import apply_transaction

CONTRACT, CALLEE, EMPTY = address(0xC0DE), address(0xCA11), address(0xE0)
EMPTY_WORD = 0xE0
GENEROUS = replace(ENVIRONMENT, gas_limit=10**13)
REVERT_WITH_REASON = bytes.fromhex(
    # Error("no"): selector, offset, length, text
    "7f08c379a0" + "00" * 28 + "5f5260206004526002602452616e6f60f01b60445260645ffd"
)


def text(value: bytes) -> str:
    return "0x" + value.hex()


def word(value: int) -> str:
    return f"0x{value:064x}"


def scene(code: bytes, **others: Any) -> Accounts:
    accounts = funded().add(CONTRACT, nonce=1, code=code, balance=ETHER, storage={1: 7, 2: 8})
    for name, callee in others.items():
        accounts.add({"callee": CALLEE}[name], nonce=1, code=callee)
    return accounts


def traced(
    accounts: Accounts,
    tracer: str,
    config: dict[str, Any] | None = None,
    env: BlockEnvironment = ENVIRONMENT,
    **fields: Any,
) -> Any:
    recovered = transaction(**({"to": CONTRACT} | fields))
    return trace_transaction(accounts.reader, env, recovered, make_tracer(tracer, config or {}))


def call_to(target: int, gas: int = 50_000, value: int = 0) -> bytes:
    return assemble(0, 0, 0, 0, value, target, gas, "CALL")


# --- struct logs


def test_struct_logs_show_each_instruction_before_it_runs_with_its_whole_price() -> None:
    found = traced(scene(assemble(5, 1, "SSTORE", 1, "SLOAD", 64, "MSTORE", "STOP")), "structLogs")
    entries = found["structLogs"]
    assert [entry["op"] for entry in entries] == [
        "PUSH1", "PUSH1", "SSTORE", "PUSH1", "SLOAD", "PUSH1", "MSTORE", "STOP",
    ]  # fmt: skip
    assert [entry["gasCost"] for entry in entries] == [3, 3, 5_000, 3, 100, 3, 3 + 9, 0]
    assert entries[2]["stack"] == ["0x5", "0x1"]
    assert entries[2]["storage"] == {word(1): word(5)}
    assert entries[4]["storage"] == {word(1): word(5)}
    assert "storage" not in entries[3]
    assert {entry["depth"] for entry in entries} == {1}
    for earlier, later in pairwise(entries):
        assert later["gas"] == earlier["gas"] - earlier["gasCost"]
    assert (found["failed"], found["returnValue"]) == (False, "0x")


def test_the_price_of_a_call_has_the_gas_passed_on_and_that_of_a_creation_has_not() -> None:
    child = init_code(returning(1))
    code = call_to(int.from_bytes(CALLEE, "big")) + assemble(0, 0, 0, "CREATE", "STOP")
    entries = traced(scene(code, callee=assemble("GAS", "POP", "STOP")), "structLogs")["structLogs"]
    call = next(entry for entry in entries if entry["op"] == "CALL")
    create = next(entry for entry in entries if entry["op"] == "CREATE")
    assert call["gasCost"] == 2_600 + 50_000
    assert create["gasCost"] == 32_000
    inner = [entry for entry in entries if entry["depth"] == 2]
    assert [entry["op"] for entry in inner] == ["GAS", "POP", "STOP"]
    assert inner[0]["gas"] == 50_000
    assert child


def test_an_entry_that_fails_names_the_error_and_the_trace_is_failed() -> None:
    found = traced(scene(assemble(1, "JUMP")), "structLogs")
    assert found["structLogs"][-1]["error"] == "invalid jump destination"
    assert found["failed"] is True
    assert found["gas"] == 1_000_000


def test_options_of_struct_logs() -> None:
    code = assemble(1, 0, "MSTORE", 1, "SLOAD", "STOP")
    plain = traced(scene(code), "structLogs")["structLogs"]
    assert "memory" not in plain[-1]
    full = traced(
        scene(code), "structLogs", {"enableMemory": True, "disableStack": True, "disableStorage": True}
    )
    assert full["structLogs"][-1]["memory"] == [word(1)]
    assert not any("stack" in entry or "storage" in entry for entry in full["structLogs"])
    first = len(json.dumps(plain[0], separators=(",", ":")))
    assert len(traced(scene(code), "structLogs", {"limit": first - 1})["structLogs"]) == 1
    assert len(traced(scene(code), "structLogs", {"limit": first})["structLogs"]) == 2


def test_the_gas_of_all_entries_adds_up_to_that_of_the_transaction() -> None:
    code = call_to(int.from_bytes(CALLEE, "big"), value=1) + assemble(
        1, "SLOAD", 0, 1, "SSTORE", 32, 0, "RETURN"
    )
    found = traced(scene(code, callee=assemble(3, 3, "SSTORE")), "structLogs")
    outer = [entry for entry in found["structLogs"] if entry["depth"] == 1]
    inner = [entry for entry in found["structLogs"] if entry["depth"] == 2]
    for frame in (outer, inner):
        for earlier, later in pairwise(frame):
            if earlier["op"] != "CALL":
                assert later["gas"] == earlier["gas"] - earlier["gasCost"]
    call = next(entry for entry in outer if entry["op"] == "CALL")
    assert call["gasCost"] == 2_600 + 9_000 + 50_000
    left_by_callee = inner[-1]["gas"] - inner[-1]["gasCost"]
    behind = outer[outer.index(call) + 1]
    assert behind["gas"] == call["gas"] - call["gasCost"] + left_by_callee
    spent = 1_000_000 - (outer[-1]["gas"] - outer[-1]["gasCost"])
    assert found["gas"] == spent - 4_800  # the refund for slot 1
    assert outer[-1]["refund"] == 4_800


def test_the_refund_counter_of_a_write_has_its_own_refund_as_in_go_ethereum() -> None:
    entries = traced(scene(assemble(0, 1, "SSTORE", "STOP")), "structLogs")["structLogs"]
    assert [entry.get("refund") for entry in entries] == [None, None, 4_800, 4_800]


@pytest.mark.parametrize(
    ("code", "gas", "op", "error", "cost"),
    [
        (assemble(1, 0, "MSTORE"), 10, "MSTORE", "out of gas", 6),
        (assemble("ADD"), 10, "ADD", "stack underflow", 3),
        (assemble(1, "SLOAD"), 2_102, "SLOAD", "out of gas", 2_100),
        (assemble("INVALID"), 10, "INVALID", "invalid opcode: INVALID", 0),
        (b"\x0c", 10, "opcode 0xc not defined", "invalid opcode: opcode 0xc not defined", 0),
    ],
)
def test_what_fails_shows_its_error_and_what_it_wanted_to_charge(
    code: bytes, gas: int, op: str, error: str, cost: int
) -> None:
    found = traced(scene(code), "structLogs", gas_limit=21_000 + gas)
    last = found["structLogs"][-1]
    assert (last["op"], last["gasCost"]) == (op, cost)
    assert last["error"].startswith(error)
    assert found["returnValue"] == "0x"


def test_returned_bytes_of_a_callee_are_shown_if_asked_for() -> None:
    code = call_to(int.from_bytes(CALLEE, "big")) + assemble("PREVRANDAO", "STOP")
    found = traced(scene(code, callee=returning(3)), "structLogs", {"enableReturnData": True})
    last = found["structLogs"][-1]
    assert last["returnData"] == word(3)
    assert found["structLogs"][-2]["op"] == "DIFFICULTY"  # go-ethereum's name to this day


def test_a_trace_that_would_fill_the_memory_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interface.Budget.__init__, "__defaults__", (10_000,))
    with pytest.raises(TraceTooLarge):
        traced(scene(assemble("JUMPDEST", 0, "JUMP")), "structLogs")


# --- calls


def test_the_call_tree_of_nested_calls() -> None:
    code = call_to(int.from_bytes(CALLEE, "big"), value=3) + assemble(
        0, 0, 32, 0, 4, 1_000, "STATICCALL", "STOP"
    )
    top = traced(scene(code, callee=returning(42)), "callTracer", value=9)
    assert (top["type"], top["from"], top["to"], top["value"]) == (
        "CALL",
        text(ALICE.address),
        text(CONTRACT),
        "0x9",
    )
    assert top["gas"] == hex(1_000_000)
    inner, precompile = top["calls"]
    assert (inner["type"], inner["to"], inner["value"]) == ("CALL", text(CALLEE), "0x3")
    assert inner["gas"] == hex(52_300)
    assert inner["output"] == word(42)
    assert (precompile["type"], precompile["to"]) == ("STATICCALL", "0x" + f"{4:040x}")
    assert "value" not in precompile
    expected = apply_transaction(
        scene(code, callee=returning(42)).world, ENVIRONMENT, transaction(to=CONTRACT, value=9)
    )
    assert top["gasUsed"] == hex(expected.gas_used)


def test_a_revert_tells_its_reason_and_takes_the_logs_with_it() -> None:
    callee = assemble(0, 0, "LOG0") + REVERT_WITH_REASON
    code = assemble(7, 0, 0, "LOG1") + call_to(int.from_bytes(CALLEE, "big")) + assemble("STOP")
    top = traced(scene(code, callee=callee), "callTracer", {"withLog": True})
    (inner,) = top["calls"]
    assert (inner["error"], inner["revertReason"]) == ("execution reverted", "no")
    assert inner["output"].startswith("0x08c379a0")
    assert "logs" not in inner
    assert top["logs"] == [
        {
            "address": text(CONTRACT),
            "topics": [word(7)],
            "data": "0x",
            "position": "0x0",
            "index": "0x0",
        }
    ]


def test_numbers_of_logs_start_again_where_a_failed_call_has_undone_them() -> None:
    callee = assemble(0, 0, "LOG0", 0, 0, "REVERT")
    log = assemble(0, 0, "LOG0")
    code = log + call_to(int.from_bytes(CALLEE, "big")) + log + assemble("STOP")
    recovered = transaction(to=CONTRACT)
    tracer = make_tracer("callTracer", {"withLog": True})
    top = trace_transaction(
        scene(code, callee=callee).reader, ENVIRONMENT, recovered, tracer, first_log_index=16
    )
    assert [(log["index"], log["position"]) for log in top["logs"]] == [("0x10", "0x0"), ("0x11", "0x1")]


def test_logs_of_calls_that_a_failure_further_up_undoes_are_left_out() -> None:
    code = call_to(int.from_bytes(CALLEE, "big")) + assemble(0, 0, "REVERT")
    top = traced(scene(code, callee=assemble(0, 0, "LOG0")), "callTracer", {"withLog": True})
    assert "logs" not in top["calls"][0]
    assert "error" not in top["calls"][0]


def test_a_log_of_memory_that_was_not_there_before_is_shown_whole() -> None:
    size = (1 << 20) + 1
    top = traced(scene(assemble(size, 0, "LOG0")), "callTracer", {"withLog": True}, gas_limit=29_000_000)
    assert top["logs"][0]["data"] == "0x" + "00" * size


def test_calls_and_creations_that_cannot_start_are_in_the_tree() -> None:
    rich = 2 * ETHER
    code = assemble(0, 0, rich, "CREATE", 0, 0, 0, rich, "CREATE2") + call_to(EMPTY_WORD, value=rich)
    top = traced(scene(code), "callTracer")
    assert [(call["type"], call["error"]) for call in top["calls"]] == [
        ("CREATE", "insufficient balance for transfer"),
        ("CREATE2", "insufficient balance for transfer"),
        ("CALL", "insufficient balance for transfer"),
    ]
    assert {call["gasUsed"] for call in top["calls"]} == {"0x0"}
    assert "error" not in top
    entries = traced(scene(code), "structLogs")["structLogs"]
    assert next(entry for entry in entries if entry["op"] == "CREATE")["gasCost"] == 32_000


def test_a_precompile_that_fails_and_a_write_in_a_static_call() -> None:
    code = assemble(0, 0, 1, 0, 0, 8, 99_999, "CALL", 0, 0, 0, 0, CALLEE, 99_999, "STATICCALL", "STOP")
    top = traced(scene(code, callee=assemble(1, 1, "SSTORE")), "callTracer")
    pairing, static = top["calls"]
    assert pairing["to"] == "0x" + f"{8:040x}"
    assert pairing["gasUsed"] == pairing["gas"] == hex(99_999)
    assert pairing["error"]
    assert (static["type"], static["error"]) == ("STATICCALL", "write protection")
    found = traced(scene(code, callee=assemble(1, 1, "SSTORE")), "structLogs")["structLogs"]
    assert next(entry for entry in found if "error" in entry)["op"] == "SSTORE"


def test_code_of_others_runs_as_the_account_itself() -> None:
    code = assemble(0, 0, 0, 0, CALLEE, 9_999, "DELEGATECALL", 0, 0, 0, 0, 1, CALLEE, 9_999, "CALLCODE")
    top = traced(scene(code, callee=b"\x00"), "callTracer", value=7)
    delegated, called = top["calls"]
    for inner in (delegated, called):
        assert (inner["from"], inner["to"]) == (text(CONTRACT), text(CALLEE))
    assert (delegated["type"], delegated["value"]) == ("DELEGATECALL", "0x7")
    assert (called["type"], called["value"]) == ("CALLCODE", "0x1")


def test_the_deepest_tree_becomes_json() -> None:
    itself = assemble(0, 0, 0, 0, 0, "ADDRESS", "GAS", "CALL")
    top = traced(scene(itself), "callTracer", {"withLog": True}, gas_limit=10**12, env=GENEROUS)
    depth, call = 0, top
    while "calls" in call:
        (call,) = call["calls"]
        depth += 1
    assert depth == 1_025
    assert call["error"] == "max call depth exceeded"
    assert json.loads(json.dumps(top)) == top


def test_creations_and_self_destruction_in_the_call_tree() -> None:
    child = assemble(int.from_bytes(BOB.address, "big"), "SELFDESTRUCT")
    code = assemble(child.ljust(32, b"\0"), 0, "MSTORE", len(child), 0, 5, "CREATE", "STOP")
    top = traced(scene(code), "callTracer")
    (created,) = top["calls"]
    new = create_address(CONTRACT, 1)
    assert (created["type"], created["to"], created["input"]) == ("CREATE", text(new), text(child))
    (gone,) = created["calls"]
    assert (gone["type"], gone["from"], gone["to"], gone["value"]) == (
        "SELFDESTRUCT",
        text(new),
        text(BOB.address),
        "0x5",
    )


def test_a_failed_creation_has_no_address() -> None:
    top = traced(scene(b""), "callTracer", to=None, data=assemble(1, "JUMP"))
    assert (top["type"], top["error"]) == ("CREATE", "invalid jump destination")
    assert "to" not in top


def test_only_the_top_call() -> None:
    code = call_to(int.from_bytes(CALLEE, "big")) + assemble("STOP")
    assert "calls" not in traced(scene(code, callee=returning(1)), "callTracer", {"onlyTopCall": True})


def test_delegated_code_runs_as_the_account_that_delegates() -> None:
    key = PrivateKey(b"\x09" * 32)
    signed = sign_authorization(CHAIN_ID, CALLEE, 0, key)
    top = traced(scene(b"", callee=returning(1)), "callTracer", to=key.address, authorizations=(signed,))
    assert (top["to"], top["output"]) == (text(key.address), word(1))


# --- prestate


def test_prestate_holds_what_was_touched_as_it_was_before() -> None:
    code = assemble(
        9, 1, "SSTORE", int.from_bytes(BOB.address, "big"), "BALANCE", EMPTY_WORD, "BALANCE", "STOP"
    )
    found = traced(scene(code), "prestateTracer")
    code_hash = text(keccak256(code))
    assert set(found) == {text(ALICE.address), text(CONTRACT), text(BOB.address)}
    assert found[text(CONTRACT)] == {
        "balance": hex(ETHER),
        "code": text(code),
        "codeHash": code_hash,
        "nonce": 1,
        "storage": {word(1): word(7)},
    }
    assert found[text(ALICE.address)] == {"balance": hex(100 * ETHER)}
    plain = traced(scene(code), "prestateTracer", {"disableCode": True, "disableStorage": True})
    assert plain[text(CONTRACT)] == {"balance": hex(ETHER), "codeHash": code_hash, "nonce": 1}
    all_of_them = traced(scene(code), "prestateTracer", {"includeEmpty": True})
    assert set(all_of_them) - set(found) == {text(COINBASE), text(EMPTY)}
    assert all_of_them[text(EMPTY)] == {"balance": "0x0"}


def test_an_instruction_that_cannot_be_paid_for_touches_nothing() -> None:
    code = assemble(int.from_bytes(BOB.address, "big"), "BALANCE", "STOP")
    assert text(BOB.address) in traced(scene(code), "prestateTracer", gas_limit=21_000 + 2_603)
    assert text(BOB.address) not in traced(scene(code), "prestateTracer", gas_limit=21_000 + 2_602)


def test_calling_an_account_that_delegates_touches_the_other_one_too() -> None:
    accounts = scene(call_to(int.from_bytes(BOB.address, "big")), callee=returning(1))
    accounts.add(BOB.address, balance=1, nonce=1, code=b"\xef\x01\x00" + CALLEE)
    assert text(CALLEE) in traced(accounts, "prestateTracer")
    assert text(CALLEE) in traced(accounts, "prestateTracer", to=BOB.address)
    looking = scene(assemble(int.from_bytes(BOB.address, "big"), "BALANCE"), callee=returning(1))
    looking.add(BOB.address, balance=1, nonce=1, code=b"\xef\x01\x00" + CALLEE)
    assert text(CALLEE) not in traced(looking, "prestateTracer")


def test_a_contract_that_destroys_itself_is_gone_behind_the_transaction_only_if_it_was_new() -> None:
    code = assemble(1, "SLOAD", int.from_bytes(BOB.address, "big"), "SELFDESTRUCT")
    found = traced(scene(code), "prestateTracer", {"diffMode": True})
    assert found["post"][text(CONTRACT)] == {"balance": "0x0"}  # EIP-6780
    assert found["post"][text(BOB.address)] == {"balance": hex(101 * ETHER)}
    new = create_address(ALICE.address, 0)
    rich = scene(b"").add(new, balance=5)
    gone = traced(rich, "prestateTracer", {"diffMode": True}, to=None, data=code)
    assert gone["pre"][text(new)] == {"balance": "0x5", "storage": {word(1): word(0)}}
    assert text(new) not in gone["post"]


def test_a_delegation_that_ends_leaves_empty_code() -> None:
    accounts = funded().add(BOB.address, balance=1, nonce=0, code=b"\xef\x01\x00" + CALLEE)
    signed = sign_authorization(CHAIN_ID, ZERO_ADDRESS, 0, BOB)
    found = traced(accounts, "prestateTracer", {"diffMode": True}, to=EMPTY, authorizations=(signed,))
    changed = found["post"][text(BOB.address)]
    assert changed == {"code": "0x", "codeHash": text(EMPTY_KECCAK), "nonce": 1}


def test_the_difference_has_only_what_changed() -> None:
    code = assemble(0, 1, "SSTORE", 5, 3, "SSTORE", 8, 2, "SSTORE", "STOP")
    found = traced(scene(code), "prestateTracer", {"diffMode": True}, value=4)
    pre, post = found["pre"], found["post"]
    assert pre[text(CONTRACT)]["storage"] == {word(1): word(7)}
    assert post[text(CONTRACT)] == {"balance": hex(ETHER + 4), "storage": {word(3): word(5)}}
    assert post[text(ALICE.address)]["nonce"] == 1
    assert set(post[text(COINBASE)]) == {"balance"}
    assert text(COINBASE) not in pre  # it was empty


def test_a_created_contract_is_only_behind_the_transaction() -> None:
    found = traced(scene(b""), "prestateTracer", {"diffMode": True}, to=None, data=init_code(returning(1)))
    new = text(create_address(ALICE.address, 0))
    assert new not in found["pre"]
    code = returning(1)
    assert found["post"][new] == {"code": text(code), "codeHash": text(keccak256(code)), "nonce": 1}


# --- selectors, names, calls


def test_selectors_are_counted_with_the_size_of_what_follows() -> None:
    selector = b"\xa9\x05\x9c\xbb"
    code = assemble(selector + bytes(28), 0, "MSTORE") + assemble(
        0, 0, 36, 0, 0, int.from_bytes(CALLEE, "big"), 9_999, "CALL"
    )
    data = selector + bytes(64)
    found = traced(scene(code * 2, callee=b"\x00"), "4byteTracer", data=data)
    assert found == {"0xa9059cbb-64": 1, "0xa9059cbb-32": 2}


@pytest.mark.parametrize(
    ("name", "config", "message"),
    [
        ("noTracer", {}, "no tracer is called noTracer"),
        ("callTracer", {"withLogs": True}, "callTracer has no option withLogs"),
        ("callTracer", {"withLog": 1}, "must be true or false"),
        ("structLogs", {"limit": "x"}, "must be a whole number"),
        ("structLogs", {"limit": -1}, "must not be negative"),
        ("prestateTracer", {"diffMode": True, "includeEmpty": True}, "cannot use diffMode with includeEmpty"),
        ("4byteTracer", {"x": True}, "has no option x"),
    ],
)
def test_unknown_names_and_options_are_refused(name: str, config: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidTracer, match=message):
        make_tracer(name, config)


@pytest.mark.parametrize("tracer", list(TRACERS))
def test_a_tracer_changes_nothing(tracer: str) -> None:
    code = call_to(int.from_bytes(CALLEE, "big"), value=1) + assemble(
        1, "SLOAD", 5, "SSTORE", 0, 0, "LOG0", "STOP"
    )
    accounts = scene(code, callee=assemble(1, 0, "SSTORE"))
    plain = apply_transaction(accounts.world, ENVIRONMENT, transaction(to=CONTRACT))
    world = scene(code, callee=assemble(1, 0, "SSTORE")).world
    listener = make_tracer(tracer, {})
    listener.begin(
        interface.Scene(accounts.reader, ENVIRONMENT, transaction(to=CONTRACT).transaction, ALICE.address)
    )
    heard = apply_transaction(world, ENVIRONMENT, transaction(to=CONTRACT), tracer=listener)
    assert heard == plain


def test_a_call_that_nobody_signed_can_be_traced() -> None:
    request = CallRequest(caller=ALICE.address, to=CONTRACT, gas=100_000)
    top = trace_call(
        scene(returning(6)).reader, ENVIRONMENT, request, make_tracer("callTracer", {}), gas_cap=10**6
    )
    assert top["output"] == word(6)
    assert top["gas"] == hex(100_000)


def test_what_is_undone_takes_nothing_of_the_bound() -> None:
    # A hundred calls that log 1,000 bytes and fail: their logs do not count, one that lasts does.
    callee = assemble(1_000, 0, "LOG0", "INVALID")
    code = call_to(int.from_bytes(CALLEE, "big"), gas=20_000) + assemble("POP")
    accounts = scene(code * 20 + assemble(500, 0, "LOG0", "STOP"), callee=callee)
    recovered = transaction(to=CONTRACT)

    def logged(limit: int) -> Any:
        tracer = make_tracer("callTracer", {"withLog": True}, Budget(limit))
        return trace_transaction(accounts.reader, ENVIRONMENT, recovered, tracer)

    found = logged(20_000)
    assert len(json.dumps(found)) < 10_000
    assert len(found["calls"]) == 20
    assert not any("logs" in call for call in found["calls"])
    assert [log["index"] for log in found["logs"]] == ["0x0"]
    with pytest.raises(TraceTooLarge):
        logged(1_500)


@pytest.mark.parametrize("tracer", list(TRACERS))
def test_a_trace_as_json_is_the_trace_and_within_its_bound(tracer: str) -> None:
    code = call_to(int.from_bytes(CALLEE, "big"), value=1) + assemble(7, 3, "SSTORE", 32, 0, "RETURN")
    recovered = transaction(to=CONTRACT, data=b"\xa9\x05\x9c\xbb" + bytes(64))
    accounts = scene(code, callee=returning(3))

    def listened(limit: int) -> TransactionTracer:
        listener = make_tracer(tracer, {}, Budget(limit))
        trace_transaction(accounts.reader, ENVIRONMENT, recovered, listener)
        return listener

    listener = listened(1_000_000)
    assert json.loads(listener.encoded()) == listener.result()
    assert listened(len(listener.encoded())).encoded() == listener.encoded()  # what fits is never refused


def test_the_list_of_calls_tells_what_lasts() -> None:
    # CALLEE calls EMPTY and fails; the contract calls EMPTY itself, by delegation too.
    inner = call_to(EMPTY_WORD, value=0)
    code = (
        call_to(int.from_bytes(CALLEE, "big"))
        + inner
        + assemble(0, 0, 0, 0, EMPTY_WORD, 9, "DELEGATECALL", "STOP")
    )
    listener = CallList(Budget())
    trace_transaction(
        scene(code, callee=inner + assemble("INVALID")).reader,
        ENVIRONMENT,
        transaction(to=CONTRACT),
        listener,
    )

    def shown(calls: list[ListedCall]) -> list[tuple[str, int, bool, int | None]]:
        return [(call.kind, call.depth, call.failed, call.value) for call in calls]

    top, last = ("CALL", 0, False, 0), ("DELEGATECALL", 1, False, None)
    own = ("CALL", 1, False, 0)
    assert shown(listener.calls) == [top, ("CALL", 1, True, 0), ("CALL", 2, False, 0), own, last]
    assert shown(listener.lasting()) == [top, own, last]
    with pytest.raises(TraceTooLarge):
        trace_transaction(scene(code).reader, ENVIRONMENT, transaction(to=CONTRACT), CallList(Budget(500)))
