"""Reading storage by the names of fields, of a contract that was really written to."""

from __future__ import annotations

from typing import Any

import pytest

from chain.types import checksum_address
from tests.vm.system.testing.bank import Bank
from vm.system.registry import Registry
from vm.system.storage.bind import layout_of
from vm.system.testing import ContractHandle, TestChain, address_of
from vm.system.tooling.storage_reading import InvalidPath, find, show

ALICE, BOB = address_of("alice"), address_of("bob")
LONG = "a title that does not fit into one slot of thirty-two bytes, nor two of them"


@pytest.fixture(scope="module")
def chain() -> TestChain:
    return TestChain(registry=Registry((), ()))


@pytest.fixture(scope="module")
def bank(chain: TestChain) -> ContractHandle:
    bank = chain.deploy(Bank, ALICE, LONG)
    for index, name in enumerate(["alice", "bob", "carol", "dave", "eve"]):
        chain.account(name)
        bank.deposit(name, value=index + 1, sender=address_of(name))
    bank.set_level(7, sender=ALICE)
    return bank


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (["owner"], checksum_address(ALICE)),
        (["level"], 7),
        (["title"], LONG),
        (["accounts", BOB, "coins"], 2),
        (["accounts", BOB], {"coins": 2, "changed": 1_700_000_000}),
        (["accounts", "0x" + "00" * 20, "coins"], 0),
        (["marks", "carol", 3], True),
        (["marks", "carol", "0x3"], True),
        (["marks", "carol", 4], False),
        (["owners", 1], checksum_address(BOB)),
        (["small", 4], 5),
        (["small"], {"length": 5, "elements": [1, 2, 3, 4, 5]}),
        (["accounts"], "mapping(address => struct Account)"),
        (["marks", "a"], "mapping(uint256 => bool)"),
    ],
)
def test_a_path_leads_to_the_value(
    chain: TestChain, bank: ContractHandle, path: list[object], expected: Any
) -> None:
    assert chain.read(bank, *path) == expected


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ([], "name a field"),
        (["other"], "there is no 'other'; there are: owner, level, title, accounts, marks, owners, small"),
        (["owner", "x"], "leads nowhere: address has no parts"),
        (["accounts", "x"], "'x' is no address"),
        (["accounts", BOB, "x"], "there is no 'x'; there are: coins, changed"),
        (["marks", "a", "x"], "'x' is no uint256"),
        (["marks", "a", -1], "'-1' is no uint256"),
        (["marks", "a", 1 << 256], "is no uint256"),
        (["small", 5], "there is no element 5: the array has 5"),
        (["small", -1], "there is no element -1"),
        (["small", "x"], "'x' is no index"),
    ],
)
def test_a_path_that_leads_nowhere_is_told(
    chain: TestChain, bank: ContractHandle, path: list[object], text: str
) -> None:
    with pytest.raises(InvalidPath) as error:
        chain.read(bank, *path)
    assert text in str(error.value)


def test_a_short_string_and_an_impossible_one_are_read_within_bounds() -> None:
    title = find(layout_of(Bank).variables, ["title"], lambda _slot: 0)
    assert show(title, lambda _slot: int.from_bytes(b"abc".ljust(31, b"\0") + b"\x06")) == "abc"
    asked = []

    def endless(slot: int) -> int:
        asked.append(slot)
        return (1 << 256) - 1

    show(title, endless)
    assert len(asked) <= 1 + 128
