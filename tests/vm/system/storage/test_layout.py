"""Packing: the examples of Solidity's documentation, and what holds for every list of fields."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vm.system.abi.types import (
    AddressType,
    BoolType,
    BytesType,
    FixedBytesType,
    IntType,
    StringType,
    UintType,
)
from vm.system.storage.layout import (
    SLOT_BYTES,
    ArrayType,
    MapType,
    StorageType,
    StructType,
    is_alone,
    place,
    size_bytes,
    slots_of,
)


def placed(*types: StorageType) -> list[tuple[int, int]]:
    return [(each.slot, each.offset) for each in place([(f"f{n}", type_) for n, type_ in enumerate(types)])]


def struct(*types: StorageType) -> StructType:
    return StructType("S", place([(f"m{n}", type_) for n, type_ in enumerate(types)]), object)


values = st.one_of(
    st.integers(1, 32).map(lambda size: UintType(8 * size)),
    st.integers(1, 32).map(lambda size: IntType(8 * size)),
    st.integers(1, 32).map(FixedBytesType),
    st.sampled_from([AddressType(), BoolType()]),
)
plain: st.SearchStrategy[StorageType] = st.one_of(
    values,
    st.sampled_from([StringType(), BytesType(), MapType(AddressType(), BoolType()), ArrayType(UintType(8))]),
)
types = st.recursive(
    plain, lambda inner: st.lists(inner, min_size=1, max_size=4).map(lambda each: struct(*each)), max_leaves=6
)


def test_values_share_a_slot_until_one_does_not_fit() -> None:
    assert placed(UintType(128), UintType(128), UintType(8)) == [(0, 0), (0, 16), (1, 0)]
    assert placed(AddressType(), UintType(96), BoolType()) == [(0, 0), (0, 20), (1, 0)]
    assert placed(UintType(8), UintType(256), UintType(8)) == [(0, 0), (1, 0), (2, 0)]
    assert placed(BoolType(), FixedBytesType(31), BoolType()) == [(0, 0), (0, 1), (1, 0)]


def test_what_is_no_value_begins_a_slot_and_ends_it() -> None:
    point = struct(UintType(128), UintType(64))
    assert placed(UintType(8), point, UintType(8), StringType(), BoolType(), BoolType()) == [
        (0, 0),
        (1, 0),
        (2, 0),
        (3, 0),
        (4, 0),
        (4, 1),
    ]
    large = struct(UintType(256), UintType(8), UintType(256))
    assert placed(large, UintType(8)) == [(0, 0), (3, 0)]
    assert size_bytes(large) == 96
    assert size_bytes(struct(large, large)) == 192


@given(st.lists(types, max_size=12))
def test_no_two_fields_overlap_and_none_crosses_a_slot(fields: list[StorageType]) -> None:
    variables = place([(f"f{n}", each) for n, each in enumerate(fields)])
    end = 0
    for variable in variables:
        start = SLOT_BYTES * variable.slot + variable.offset
        assert start >= end
        assert start // SLOT_BYTES <= -(-end // SLOT_BYTES), "no slot is left out"
        size = size_bytes(variable.type)
        assert variable.offset + size <= SLOT_BYTES or variable.offset == 0
        end = start + size
    assert slots_of(variables) == -(-end // SLOT_BYTES)


@given(st.lists(values, max_size=12))
def test_a_value_is_alone_if_its_slot_is_in_no_other(fields: list[StorageType]) -> None:
    variables = place([(f"f{n}", each) for n, each in enumerate(fields)])
    slots = [variable.slot for variable in variables]
    assert [is_alone(each, variables) for each in variables] == [slots.count(slot) == 1 for slot in slots]
