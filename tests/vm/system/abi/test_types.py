"""Tests of the ABI types: what annotations name, canonical text, sizes."""

from __future__ import annotations

from typing import Annotated

import pytest

from chain.types import Address, Hash32
from vm.system.abi.annotations import address, bytes4, bytes32, i24, u8, u256
from vm.system.abi.types import (
    AbiType,
    AddressType,
    ArrayType,
    BoolType,
    BytesType,
    FixedBytesType,
    IntType,
    Length,
    Parameter,
    StringType,
    TupleType,
    UintType,
    abi_type_of,
    head_bytes,
    is_dynamic,
    packed_bytes,
)
from vm.system.errors import InvalidDeclaration


class Point:
    """As a struct declares itself to the ABI."""

    @staticmethod
    def __abi_components__() -> tuple[Parameter, ...]:
        return (Parameter("x", UintType(8)), Parameter("y", UintType(8)))


class Named:
    __abi_components__ = (Parameter("name", StringType()),)


@pytest.mark.parametrize(
    ("annotation", "canonical", "dynamic", "head", "packed"),
    [
        (u8, "uint8", False, 32, 1),
        (u256, "uint256", False, 32, 32),
        (i24, "int24", False, 32, 3),
        (address, "address", False, 32, 20),
        (Address, "address", False, 32, 20),
        (Hash32, "bytes32", False, 32, 32),
        (bool, "bool", False, 32, 1),
        (bytes4, "bytes4", False, 32, 4),
        (bytes, "bytes", True, 32, None),
        (str, "string", True, 32, None),
        (list[u256], "uint256[]", True, 32, None),
        (list[list[bytes32]], "bytes32[][]", True, 32, None),
        (Annotated[list[u256], Length(2)], "uint256[2]", False, 64, None),
        (Annotated[list[list[str]], Length(2)], "string[][2]", True, 32, None),
        (list[Annotated[list[u8], Length(3)]], "uint8[3][]", True, 32, None),
        (tuple[u256, address], "(uint256,address)", False, 64, None),
        (Point, "(uint8,uint8)", False, 64, None),
        (Named, "(string)", True, 32, None),
        (list[Point], "(uint8,uint8)[]", True, 32, None),
        (Annotated[list[Point], Length(2)], "(uint8,uint8)[2]", False, 128, None),
    ],
)
def test_an_annotation_names_a_type(
    annotation: object, canonical: str, dynamic: bool, head: int, packed: int | None
) -> None:
    named = abi_type_of(annotation)
    assert named.canonical == canonical
    assert is_dynamic(named) is dynamic
    assert head_bytes(named) == head
    assert packed_bytes(named) == packed


def test_a_struct_is_made_by_its_class() -> None:
    struct = abi_type_of(Point)
    assert isinstance(struct, TupleType)
    assert (struct.name, struct.python_class) == ("Point", Point)


@pytest.mark.parametrize(
    "annotation",
    [int, float, object, None, dict[str, u256], set[u8], tuple[u8, ...], u256 | None, list, "u256"],
)
def test_what_is_no_type_of_the_abi_is_refused(annotation: object) -> None:
    with pytest.raises(InvalidDeclaration):
        abi_type_of(annotation)


def test_types_that_do_not_exist_are_refused() -> None:
    for make in (UintType, IntType):
        for bits in (0, 7, 264, -8):
            with pytest.raises(InvalidDeclaration):
                make(bits)
    for size in (0, 33):
        with pytest.raises(InvalidDeclaration):
            FixedBytesType(size)
    with pytest.raises(InvalidDeclaration):
        ArrayType(BoolType(), 0)
    with pytest.raises(InvalidDeclaration):
        TupleType("Empty", ())
    with pytest.raises(InvalidDeclaration):
        abi_type_of(Annotated[u8, Length(2)])
    with pytest.raises(InvalidDeclaration):
        head_bytes(ArrayType(ArrayType(BoolType(), 1000), 1000))


def test_types_are_values() -> None:
    types: tuple[AbiType, ...] = (AddressType(), BytesType(), ArrayType(UintType(8)))
    assert {types: 1}[(AddressType(), BytesType(), ArrayType(UintType(8)))] == 1
