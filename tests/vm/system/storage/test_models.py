"""Fields against plain Python values: any sequence of operations gives the same results, and leaves no slot behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chain.types import Address
from tests.vm.system.storage.contracts import Bound
from tests.vm.system.storage.memory import MemoryStorage
from vm.system.abi.annotations import address, bytes3, i8, i24, i256, u8, u40, u64, u72, u96, u128, u256
from vm.system.errors import Panic, PanicCode
from vm.system.storage import Array, Map, Slot, Struct

addresses = st.sampled_from([Address(bytes([n]) * 20) for n in range(4)])
texts = st.text(max_size=70) | st.integers(0, 130).map(lambda size: "z" * size)
raw = st.binary(max_size=100)


def unsigned(bits: int) -> st.SearchStrategy[int]:
    return st.integers(0, 2**bits - 1) | st.sampled_from([0, 2**bits - 1])


def signed(bits: int) -> st.SearchStrategy[int]:
    return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


class Entry(Struct):
    a: u64
    b: i24
    c: bool
    d: address
    e: str
    f: u96
    g: bytes3


class Outer(Struct):
    tag: u8
    entry: Entry
    last: i256


entries = st.builds(
    Entry,
    unsigned(64),
    signed(24),
    st.booleans(),
    addresses,
    texts,
    unsigned(96),
    st.binary(min_size=3, max_size=3),
)
outers = st.builds(Outer, unsigned(8), entries, signed(256))


class Everything(Bound):
    a: Slot[u8]
    b: Slot[i24]
    c: Slot[bool]
    d: Slot[address]
    e: Slot[u72]
    f: Slot[str]
    g: Slot[u128]
    h: Slot[bytes]
    i: Slot[bytes3]
    j: Slot[Outer]
    k: Slot[i8]
    m: Slot[u256]
    numbers: Map[u256, u256]
    entries: Map[address, Entry]
    deep: Map[str, Map[i8, Outer]]
    small: Array[u40]
    flags: Array[bool]
    wide: Array[u256]
    texts: Array[str]
    structs: Array[Entry]


SLOTS: dict[str, st.SearchStrategy[Any]] = {
    "a": unsigned(8),
    "b": signed(24),
    "c": st.booleans(),
    "d": addresses,
    "e": unsigned(72),
    "f": texts,
    "g": unsigned(128),
    "h": raw,
    "i": st.binary(min_size=3, max_size=3),
    "j": outers,
    "k": signed(8),
    "m": unsigned(256),
}
ARRAYS: dict[str, st.SearchStrategy[Any]] = {
    "small": unsigned(40),
    "flags": st.booleans(),
    "wide": unsigned(256),
    "texts": texts,
    "structs": entries,
}


@given(
    st.lists(
        st.sampled_from(sorted(SLOTS)).flatmap(lambda name: st.tuples(st.just(name), SLOTS[name])),
        max_size=25,
    )
)
@settings(max_examples=150, deadline=None)
def test_variables_keep_what_was_assigned_last(assignments: list[tuple[str, Any]]) -> None:
    frame = MemoryStorage()
    contract = Everything(frame)
    model: dict[str, Any] = {}
    for name, value in assignments:
        setattr(contract, name, value)
        model[name] = value
        for each, expected in model.items():
            assert getattr(contract, each) == expected
    for name in model:
        delattr(contract, name)
    assert frame.slots == {}


@st.composite
def array_operations(draw: st.DrawFn) -> tuple[str, list[tuple[str, Any]]]:
    name = draw(st.sampled_from(sorted(ARRAYS)))
    element = ARRAYS[name]
    operation = st.one_of(
        st.tuples(st.sampled_from(["append", "append"]), element),
        st.tuples(st.just("pop"), st.none()),
        st.tuples(st.just("delete_last"), st.none()),
        st.tuples(st.just("zero"), st.none()),
        st.tuples(st.just("set"), st.tuples(st.integers(-1, 12), element)),
        st.tuples(st.just("clear"), st.none()),
    )
    return name, draw(st.lists(operation, max_size=40))


def zero_of(name: str) -> Any:
    return {
        "small": 0,
        "flags": False,
        "wide": 0,
        "texts": "",
        "structs": Entry(0, 0, False, Address(bytes(20)), "", 0, bytes(3)),
    }[name]


@given(array_operations())
@settings(max_examples=150, deadline=None)
def test_an_array_does_what_a_list_does(case: tuple[str, list[tuple[str, Any]]]) -> None:
    name, operations = case
    frame = MemoryStorage()
    array: Array[Any] = getattr(Everything(frame), name)
    model: list[Any] = []
    for operation, argument in operations:
        if operation == "append":
            array.append(argument)
            model.append(argument)
        elif operation == "zero":
            assert array.append_zero() == zero_of(name)
            model.append(zero_of(name))
        elif operation == "clear":
            array.clear()
            model.clear()
            assert frame.slots == {}
        elif operation == "set":
            index, value = argument
            if 0 <= index < len(model):
                array[index] = model[index] = value
            else:
                assert panic_of(array.__setitem__, index, value) == PanicCode.INDEX_OUT_OF_BOUNDS
                assert panic_of(array.__getitem__, index) == PanicCode.INDEX_OUT_OF_BOUNDS
        elif model:
            expected = model.pop()
            if operation == "pop":
                assert array.pop() == expected
            else:
                array.delete_last()
        else:
            assert panic_of(array.pop) == panic_of(array.delete_last) == PanicCode.POP_OF_EMPTY
        assert (len(array), bool(array), list(array.values())) == (len(model), bool(model), model)
    array.clear()
    assert frame.slots == {}


@given(
    st.lists(st.tuples(addresses, entries | st.none()), max_size=10),
    st.lists(st.tuples(texts, signed(8), outers | st.none()), max_size=10),
    st.lists(st.tuples(unsigned(256), unsigned(256)), max_size=10),
)
@settings(max_examples=100, deadline=None)
def test_mappings_do_what_dicts_do(
    by_address: list[tuple[Address, Entry | None]],
    by_two: list[tuple[str, int, Outer | None]],
    by_number: list[tuple[int, int]],
) -> None:
    frame = MemoryStorage()
    contract = Everything(frame)
    entries_model: dict[Address, Entry] = {}
    for key, entry in by_address:
        if entry is None:
            del contract.entries[key]
            entries_model.pop(key, None)
        else:
            contract.entries[key] = entry
            entries_model[key] = entry
    outers_model: dict[tuple[str, int], Outer] = {}
    for name, number, outer in by_two:
        if outer is None:
            del contract.deep[name][number]
            outers_model.pop((name, number), None)
        else:
            contract.deep[name][number] = outer
            outers_model[name, number] = outer
    numbers_model = dict(by_number)
    for key_number, value in by_number:
        contract.numbers[key_number] = value
    assert all(contract.entries[key] == entry for key, entry in entries_model.items())
    assert all(contract.entries[key].copy() == entry for key, entry in entries_model.items())
    assert all(contract.deep[name][number] == outer for (name, number), outer in outers_model.items())
    assert all(contract.numbers[key_number] == value for key_number, value in numbers_model.items())
    for key in entries_model:
        del contract.entries[key]
    for name, number in outers_model:
        del contract.deep[name][number]
    for key_number in numbers_model:
        del contract.numbers[key_number]
    assert frame.slots == {}


@given(st.lists(st.tuples(raw, raw), max_size=6))
def test_a_text_leaves_nothing_of_the_one_before_it(pairs: list[tuple[bytes, bytes]]) -> None:
    frame = MemoryStorage()
    contract = Everything(frame)
    for first, second in pairs:
        contract.h = first
        contract.h = second
        fresh = MemoryStorage()
        Everything(fresh).h = second
        assert frame.slots == fresh.slots
        assert contract.h == second


@pytest.mark.parametrize("name", ["a", "b", "e", "g", "k", "m"])
def test_a_variable_takes_exactly_the_numbers_of_its_type(name: str) -> None:
    bits, is_signed = {"a": (8, 0), "b": (24, 1), "e": (72, 0), "g": (128, 0), "k": (8, 1), "m": (256, 0)}[
        name
    ]
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if is_signed else (0, 2**bits - 1)
    frame = MemoryStorage()
    contract = Everything(frame)
    for value in (low, high):
        setattr(contract, name, value)
        assert getattr(contract, name) == value
    before = dict(frame.slots)
    for value in (low - 1, high + 1, 2**300, -(2**300)):
        assert panic_of(setattr, contract, name, value) == PanicCode.OVERFLOW
    assert frame.slots == before


def panic_of(action: Callable[..., object], *arguments: object) -> int:
    with pytest.raises(Panic) as caught:
        action(*arguments)
    return caught.value.code
