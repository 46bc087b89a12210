"""Mappings: what they read and write, where it lies, and what it costs."""

from __future__ import annotations

import pytest

from chain.keccak import keccak256
from chain.types import Address
from tests.vm.system.storage.contracts import Bound
from tests.vm.system.storage.memory import SLOAD, MemoryStorage
from vm.system.abi.annotations import address, bytes4, i256, u8, u64, u256
from vm.system.errors import Panic, PanicCode
from vm.system.storage.map import Map
from vm.system.storage.slot import Slot

ALICE = Address(b"\x0a" * 20)
BOB = Address(b"\x0b" * 20)


class Token(Bound):
    total: Slot[u256]
    balances: Map[address, u256]
    allowances: Map[address, Map[address, u256]]
    names: Map[str, u64]
    marks: Map[bytes4, bool]
    signed: Map[i256, u256]
    small: Map[u8, u8]


def test_a_value_is_read_back_and_others_are_untouched() -> None:
    token = Token()
    token.balances[ALICE] += 7
    token.allowances[ALICE][BOB] = 5
    assert (token.balances[ALICE], token.balances[BOB]) == (7, 0)
    assert (token.allowances[ALICE][BOB], token.allowances[BOB][ALICE]) == (5, 0)


def test_a_value_lies_at_the_hash_of_key_and_slot() -> None:
    frame = MemoryStorage()
    token = Token(frame)
    token.balances[ALICE] = 7
    token.names["total"] = 9
    token.marks[b"abcd"] = True
    token.signed[-1] = 3
    assert frame.slots == {
        int.from_bytes(keccak256(bytes(12) + ALICE + (1).to_bytes(32))): 7,
        int.from_bytes(keccak256(b"total" + (3).to_bytes(32))): 9,
        int.from_bytes(keccak256(b"abcd" + bytes(28) + (4).to_bytes(32))): 1,
        int.from_bytes(keccak256(b"\xff" * 32 + (5).to_bytes(32))): 3,
    }


def test_deleting_gives_back_the_slot() -> None:
    frame = MemoryStorage()
    token = Token(frame)
    token.balances[ALICE] = 7
    token.names["x"] = 7
    del token.balances[ALICE]
    del token.names["x"]
    assert frame.slots == {}


@pytest.mark.parametrize("amount", [-1, 1 << 256])
def test_a_number_that_does_not_fit_is_an_overflow(amount: int) -> None:
    frame = MemoryStorage()
    with pytest.raises(Panic) as caught:
        Token(frame).balances[ALICE] = amount
    assert caught.value.code == PanicCode.OVERFLOW
    assert frame.slots == {}


def test_a_key_that_does_not_fit_is_an_overflow_even_if_another_mapping_knows_it() -> None:
    class Wide(Bound):
        first: Map[u256, u8]

    class Narrow(Bound):
        first: Map[u8, u8]

    class Signed(Bound):
        first: Map[i256, u8]

    Wide().first[300] = 1
    Wide().first[2**256 - 1] = 1
    Signed().first[-1] = 1
    for contract, key in ((Narrow(), 300), (Narrow(), -1), (Signed(), 2**256 - 1), (Signed(), -(2**255) - 1)):
        with pytest.raises(Panic) as caught:
            contract.first[key]
        assert caught.value.code == PanicCode.OVERFLOW


def test_a_level_costs_a_hash_every_time() -> None:
    frame = MemoryStorage()
    token = Token(frame)
    for _ in range(2):
        frame.gas_used = 0
        token.balances[ALICE]
        assert frame.gas_used == 42 + SLOAD
        token.allowances[ALICE][BOB]
        assert frame.gas_used == 3 * 42 + 2 * SLOAD
    for size, price in ((0, 36), (1, 42), (32, 42), (33, 48), (64, 48)):
        frame.gas_used = 0
        token.names["x" * size]
        assert frame.gas_used == price + SLOAD


def test_what_would_be_a_mistake_in_a_contract_is_no_revert() -> None:
    token = Token()
    with pytest.raises(TypeError):
        token.balances[Address(b"short")]
    with pytest.raises(TypeError):
        token.balances["0x0a"]  # type: ignore[index]
    with pytest.raises(TypeError):
        token.balances[ALICE] = 1.0  # type: ignore[assignment]
    with pytest.raises(TypeError):
        token.allowances[ALICE] = token.balances
    with pytest.raises(TypeError):
        assert ALICE in token.balances  # type: ignore[misc]
    with pytest.raises(TypeError):
        list(token.balances)  # type: ignore[call-overload]


def test_a_mapping_is_made_once_for_an_instance() -> None:
    token = Token()
    assert token.balances is token.balances
    assert token.balances is not Token().balances
