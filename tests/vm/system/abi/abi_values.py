"""Strategies for types of the ABI and their values, and the same values as eth-abi has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from hypothesis import strategies as st

from vm.system.abi.types import (
    AbiType,
    AddressType,
    ArrayType,
    BoolType,
    BytesType,
    FixedBytesType,
    IntType,
    Parameter,
    StringType,
    TupleType,
    UintType,
)


@dataclass
class Pair:
    first: object
    second_: object


@dataclass
class Single:
    value: object


def pair_of(first: AbiType, second: AbiType) -> TupleType:
    components = (Parameter("first", first), Parameter("second", second, attribute="second_"))
    return TupleType("Pair", components, Pair)


BITS = st.sampled_from(range(8, 257, 8))
VALUE_TYPES: st.SearchStrategy[AbiType] = st.one_of(
    st.builds(UintType, BITS),
    st.builds(IntType, BITS),
    st.just(AddressType()),
    st.just(BoolType()),
    st.builds(FixedBytesType, st.integers(1, 32)),
)
LEAVES: st.SearchStrategy[AbiType] = VALUE_TYPES | st.just(BytesType()) | st.just(StringType())


def _wider(inner: st.SearchStrategy[AbiType]) -> st.SearchStrategy[AbiType]:
    anonymous = st.lists(inner, min_size=1, max_size=3).map(
        lambda types: TupleType("", tuple(Parameter("", each) for each in types))
    )
    return st.one_of(
        st.builds(ArrayType, inner),
        st.builds(ArrayType, inner, st.integers(1, 3)),
        anonymous,
        st.builds(pair_of, inner, inner),
        inner.map(lambda each: TupleType("Single", (Parameter("value", each),), Single)),
    )


TYPES: st.SearchStrategy[AbiType] = st.recursive(LEAVES, _wider, max_leaves=4)
TYPE_LISTS = st.lists(TYPES, max_size=4).map(tuple)


def values_of(abi_type: AbiType) -> st.SearchStrategy[Any]:
    match abi_type:
        case UintType(bits):
            return st.integers(0, 2**bits - 1) | st.integers(0, 3)
        case IntType(bits):
            return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) | st.integers(-3, 3)
        case AddressType():
            return st.binary(min_size=20, max_size=20)
        case BoolType():
            return st.booleans()
        case FixedBytesType(size):
            return st.binary(min_size=size, max_size=size)
        case BytesType():
            return st.binary(max_size=70)
        case StringType():
            return st.text(max_size=20) | st.binary(max_size=40).map(
                lambda raw: raw.decode("utf-8", "surrogateescape")
            )
        case ArrayType(element, length):
            return st.lists(
                values_of(element), min_size=length or 0, max_size=3 if length is None else length
            )
        case TupleType(_, components, python_class):
            fields = st.tuples(*[values_of(each.type) for each in components])
            return fields if python_class is None else fields.map(lambda values: python_class(*values))


def foreign_text(abi_type: AbiType) -> str:
    """The type for eth-abi. A string is bytes there, because it decodes no strings that are not UTF-8."""
    return abi_type.canonical.replace("string", "bytes")


def foreign_value(abi_type: AbiType, value: Any) -> Any:
    """A value as eth-abi decodes it."""
    match abi_type:
        case AddressType():
            return f"0x{value.hex()}"
        case StringType():
            return value.encode("utf-8", "surrogateescape")
        case ArrayType(element):
            assert type(value) is list
            return tuple(foreign_value(element, each) for each in value)
        case TupleType(_, components, python_class):
            if python_class is not None:
                assert type(value) is cast(object, python_class)
                value = tuple(getattr(value, each.python_name) for each in components)
            assert type(value) is tuple
            return tuple(
                foreign_value(each.type, field) for each, field in zip(components, value, strict=True)
            )
        case BoolType():
            assert type(value) is bool
            return value
        case _:
            return value


def foreign_values(types: tuple[AbiType, ...], values: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(foreign_value(abi_type, value) for abi_type, value in zip(types, values, strict=True))
