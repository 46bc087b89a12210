"""Each tracer against what small programs are known to do, and that a listener changes nothing."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from chain.secp256k1 import PrivateKey
from chain.transaction import sign_authorization
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
from vm.call import create_address
from vm.simulation import CallRequest
from vm.tracing import interface
from vm.tracing.interface import InvalidTracer, TraceTooLarge
from vm.tracing.run import TRACERS, make_tracer, trace_call, trace_transaction
from vm.transaction import apply_transaction

CONTRACT, CALLEE, EMPTY = address(0xC0DE), address(0xCA11), address(0xE0)
REVERT_WITH_REASON = bytes.fromhex(
    # Error("no"): selector, offset, length, text
    "7f08c379a0" + "00" * 28 + "5f5260206004526002602452616e6f60f01b60445260645ffd"
)


def text(value: bytes) -> str:
    return "0x" + value.hex()


def scene(code: bytes, **others: Any) -> Accounts:
    accounts = funded().add(CONTRACT, nonce=1, code=code, balance=ETHER, storage={1: 7, 2: 8})
    for name, callee in others.items():
        accounts.add({"callee": CALLEE}[name], nonce=1, code=callee)
    return accounts


def traced(accounts: Accounts, tracer: str, config: dict[str, Any] | None = None, **fields: Any) -> Any:
    recovered = transaction(**({"to": CONTRACT} | fields))
    return trace_transaction(accounts.reader, ENVIRONMENT, recovered, make_tracer(tracer, config or {}))


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
    assert entries[2]["storage"] == {f"{1:064x}": f"{5:064x}"}
    assert entries[4]["storage"] == {f"{1:064x}": f"{5:064x}"}
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
    assert full["structLogs"][-1]["memory"] == [f"{1:064x}"]
    assert not any("stack" in entry or "storage" in entry for entry in full["structLogs"])
    assert len(traced(scene(code), "structLogs", {"limit": 2})["structLogs"]) == 2


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
    assert inner["output"] == "0x" + f"{42:064x}"
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
            "topics": ["0x" + f"{7:064x}"],
            "data": "0x",
            "position": "0x0",
            "index": "0x0",
        }
    ]


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
    assert (top["to"], top["output"]) == (text(key.address), "0x" + f"{1:064x}")


# --- prestate


def test_prestate_holds_what_was_touched_as_it_was_before() -> None:
    code = assemble(9, 1, "SSTORE", int.from_bytes(EMPTY, "big"), "BALANCE", "STOP")
    found = traced(scene(code), "prestateTracer")
    assert set(found) == {text(ALICE.address), text(CONTRACT), text(COINBASE), text(EMPTY)}
    assert found[text(CONTRACT)] == {
        "balance": hex(ETHER),
        "code": text(code),
        "nonce": 1,
        "storage": {"0x" + f"{1:064x}": "0x" + f"{7:064x}"},
    }
    assert found[text(ALICE.address)] == {"balance": hex(100 * ETHER)}
    plain = traced(scene(code), "prestateTracer", {"disableCode": True, "disableStorage": True})
    assert plain[text(CONTRACT)] == {"balance": hex(ETHER), "nonce": 1}


def test_the_difference_has_only_what_changed() -> None:
    code = assemble(0, 1, "SSTORE", 5, 3, "SSTORE", 8, 2, "SSTORE", "STOP")
    found = traced(scene(code), "prestateTracer", {"diffMode": True}, value=4)
    pre, post = found["pre"], found["post"]
    slot = {number: "0x" + f"{number:064x}" for number in range(10)}
    assert pre[text(CONTRACT)]["storage"] == {slot[1]: slot[7]}
    assert post[text(CONTRACT)] == {"balance": hex(ETHER + 4), "storage": {slot[3]: slot[5]}}
    assert post[text(ALICE.address)]["nonce"] == 1
    assert text(COINBASE) in post


def test_a_created_contract_is_only_behind_the_transaction() -> None:
    found = traced(scene(b""), "prestateTracer", {"diffMode": True}, to=None, data=init_code(returning(1)))
    new = text(create_address(ALICE.address, 0))
    assert new not in found["pre"]
    assert found["post"][new] == {"code": text(returning(1)), "nonce": 1}


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
    assert top["output"] == "0x" + f"{6:064x}"
    assert top["gas"] == hex(100_000)
