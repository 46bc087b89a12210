"""The same slots as solc: its storage layout, and the storage that its code leaves, for many kinds of fields."""

from __future__ import annotations

import json
import re
from typing import Any, Final

import pytest

from tests.clients.commands import install_npm_packages
from tests.vm.system.storage.kinds import A, B, Kinds, Point, text
from tests.vm.system.storage.memory import MemoryStorage
from tests.vm.system.storage.solc_fixture import COMPILER, FIXTURE, STEPS, compile_kinds, storage_after_each
from vm.system.storage.bind import layout_of
from vm.system.storage.description import describe

SOLC: Final[dict[str, Any]] = json.loads(FIXTURE.read_text())


def storage_after(step: str) -> dict[int, int]:
    return {int(slot, 16): int(word, 16) for slot, word in SOLC["storage"][step].items()}


def without_source(described: Any) -> Any:
    """solc's JSON without what only a source file has: the numbers of syntax nodes and the file's name."""
    found = json.loads(re.sub(r"(t_struct\(\w+\))\d+_storage", r"\1_storage", json.dumps(described)))
    for entry in found["storage"] + [m for each in found["types"].values() for m in each.get("members", ())]:
        entry.pop("astId", None)
        entry.pop("contract", None)
    return found


def test_every_variable_is_where_solc_puts_it() -> None:
    described = describe(layout_of(Kinds))
    expected = without_source(SOLC["storageLayout"])
    assert described["storage"] == expected["storage"]
    assert described["types"] == expected["types"]


@pytest.mark.parametrize("step", STEPS)
def test_a_function_leaves_the_storage_that_solc_s_leaves(step: str) -> None:
    before = STEPS[: STEPS.index(step)]
    frame = MemoryStorage(storage_after(before[-1]) if before else {})
    getattr(Kinds(frame), step)()
    assert frame.slots == storage_after(step)


def test_what_solc_s_code_wrote_is_read() -> None:
    kinds = Kinds(MemoryStorage(storage_after("packed")))
    assert (kinds.first, kinds.whole, kinds.second, kinds.who) == (255, 2**256 - 1, 0x1122334455667788, A)
    assert (kinds.small, kinds.negative, kinds.yes, kinds.middle) == (7, -2, True, 0xDEADBEEF)
    assert (kinds.owner, kinds.amount, kinds.tag) == (B, 2**96 - 1, b"\x01\x02\x03\x04")
    assert (kinds.below, kinds.twenty, kinds.signed, kinds.later) == (-(2**127), A, -1, True)
    kinds = Kinds(MemoryStorage(storage_after("longer_texts")))
    assert (kinds.name, kinds.blob) == (text(100), text(65).encode())
    kinds = Kinds(MemoryStorage(storage_after("mappings")))
    assert (kinds.balances[B], kinds.allowances[B][A], kinds.by_int[-128]) == (2**256 - 1, 7, -1)
    assert (kinds.by_flag[True], kinds.by_number[2**255]) == (bytes(range(1, 9)), A)
    assert (kinds.by_tag[b"\xaa\xbb\xcc\xdd"], kinds.by_name[text(40)]) == (text(70), 9)
    kinds = Kinds(MemoryStorage(storage_after("arrays")))
    assert list(kinds.numbers.values()) == list(range(1, 10))
    assert list(kinds.flags.values()) == [i % 3 != 0 for i in range(35)]
    assert list(kinds.three_each.values()) == [i << 64 for i in range(1, 8)]
    assert list(kinds.one_each.values()) == [b"\xff" * 17, b"\x01" + bytes(16)]
    assert list(kinds.texts.values()) == [text(3), text(64), text(40)]
    assert [list(each.values()) for each in kinds.nested.values()] == [[13], [11, 12]]
    assert kinds.points[1].copy() == Point(4, 5, True, B, 6)
    kinds = Kinds(MemoryStorage(storage_after("structs")))
    assert kinds.account.place == kinds.point == Point(2**128 - 1, 2, True, A, 3)
    assert (kinds.account.note, kinds.account_of[B].tail, kinds.account_of[B].shares[B]) == (
        text(50),
        65535,
        2,
    )


@pytest.mark.clients
def test_the_fixture_is_what_solc_makes_of_the_source() -> None:
    install_npm_packages(COMPILER.parent)
    contract = compile_kinds()
    assert contract["storageLayout"] == SOLC["storageLayout"]
    assert storage_after_each(bytes.fromhex(contract["evm"]["deployedBytecode"]["object"])) == SOLC["storage"]
