"""A fault of a system contract in the node's log."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from node import contract_faults
from node.contract_faults import FaultLog, watch_contract_faults
from vm.system.runtime.faults import FAULTS


def raised(text: str = "bad") -> Exception:
    try:
        raise ValueError(text)
    except ValueError as error:
        return error


def raised_elsewhere() -> Exception:
    try:
        raise ValueError
    except ValueError as error:
        return error


def test_the_first_fault_is_critical_and_repeated_ones_are_told_ever_more_rarely() -> None:
    alarm = FaultLog()
    with capture_logs() as logs:
        for number in range(20):
            alarm(f"FixedToken at 0x{number:040x}", raised(f"bad {number}"))
    assert [line["times"] for line in logs] == [1, 2, 4, 8, 16]
    assert {(line["event"], line["log_level"]) for line in logs} == {("system_contract_fault", "critical")}
    assert (logs[0]["place"], logs[0]["error"]) == (f"FixedToken at 0x{0:040x}", "ValueError('bad 0')")


def test_another_line_of_code_is_another_fault_and_their_number_is_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(contract_faults, "MAX_ORIGINS", 2)
    alarm = FaultLog()
    with capture_logs() as logs:
        for error in (raised(), raised_elsewhere(), ValueError(), KeyError(), TypeError(), KeyError()):
            alarm("somewhere", error)
    # The third and later kinds share one count: 1, 2 and 4 of it are told.
    assert [line["times"] for line in logs] == [1, 1, 1, 2, 4]


def test_a_long_text_of_an_error_is_cut() -> None:
    with capture_logs() as logs:
        FaultLog()("place", raised("x" * 100_000))
    assert len(logs[0]["error"]) == contract_faults.MAX_ERROR_CHARACTERS


def test_a_node_that_watches_hears_of_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FAULTS, "raises", False)
    monkeypatch.setattr(FAULTS, "alarm", FAULTS.alarm)
    monkeypatch.setattr(FAULTS, "count", 0)
    watch_contract_faults()
    with capture_logs() as logs:
        FAULTS.report("end_block of staking", raised())
    assert FAULTS.count == 1
    assert [line["place"] for line in logs] == ["end_block of staking"]
