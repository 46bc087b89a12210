"""Tables of the command line: on a narrow terminal, and in files."""

from __future__ import annotations

import pytest

from node.commands import common
from node.commands.common import show, show_rows

ADDRESS = "0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc"
SENTENCE = "A token whose whole supply is made at once; nobody has rights beyond their own tokens."
ROWS: list[dict[str, str | None]] = [
    {"address": ADDRESS, "creator": ADDRESS, "until": "2026-12-16 14:50:28 UTC", "about": SENTENCE},
    {"address": ADDRESS, "creator": None, "until": "-", "about": "short"},
]


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")


@pytest.mark.usefixtures("narrow")
def test_addresses_and_times_are_whole_on_a_narrow_terminal_and_sentences_are_broken_between_words(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show_rows(ROWS, as_json=False, empty="")
    printed = capsys.readouterr().out
    lines = printed.splitlines()
    assert [line.count(ADDRESS) for line in lines] == [0, 2, 0, 0, 0, 1]
    assert "2026-12-16 14:50:28 UTC" in lines[1]
    assert SENTENCE not in printed
    assert all(line == line.rstrip() for line in lines[1:])


@pytest.mark.usefixtures("narrow")
def test_a_long_value_of_a_record_is_one_line_to_copy(capsys: pytest.CaptureFixture[str]) -> None:
    raw = "0x" + "ab" * 500
    show({"hash": ADDRESS, "raw": raw}, as_json=False)
    assert raw in capsys.readouterr().out.splitlines()[1]


def test_lines_for_programs_are_never_broken(capsys: pytest.CaptureFixture[str]) -> None:
    show_rows([{**ROWS[0], "about": SENTENCE * 20}], as_json=False, empty="")
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_truth_is_a_word_for_people_and_a_value_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    for as_json in (False, True):
        show({"jailed": True, "exists": False}, as_json)
    assert capsys.readouterr().out == 'jailed  yes\nexists  no\n{"jailed": true, "exists": false}\n'
    assert len("2026-12-16 14:50:28 UTC") < common.LEAST_TEXT_COLUMN
