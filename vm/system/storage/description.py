"""A layout as JSON: for explorers, for `eth_getStorageAt`, and for the files that upgrades are compared with.

Owns: the form, which is that of solc's output `storageLayout` without the numbers of syntax nodes.
Never does: read or write files.
Specification: Solidity documentation, "JSON Output" in "Layout of State Variables in Storage".
"""

from __future__ import annotations

from typing import Any, TypedDict, assert_never

from vm.system.abi.types import (
    AddressType,
    BoolType,
    BytesType,
    FixedBytesType,
    IntType,
    StringType,
    UintType,
)
from vm.system.errors import InvalidDeclaration
from vm.system.storage.layout import (
    ArrayType,
    KeyType,
    Layout,
    MapType,
    StorageType,
    StructType,
    TextType,
    Variable,
    size_bytes,
)


class VariableDescription(TypedDict):
    """A variable or a member. slot: a decimal number, as solc writes it."""

    label: str
    offset: int
    slot: str
    type: str


class LayoutDescription(TypedDict):
    """types: by the names that variables, members, keys and elements refer to."""

    contract: str
    storage: list[VariableDescription]
    types: dict[str, dict[str, Any]]


def describe(layout: Layout) -> LayoutDescription:
    """The layout in solc's form.

    Raises:
        InvalidDeclaration: two structs have the same name.
    """
    types: dict[str, dict[str, Any]] = {}
    for variable in layout.variables:
        _describe_type(variable.type, types)
    return {
        "contract": layout.contract,
        "storage": [_describe_variable(variable) for variable in layout.variables],
        "types": {name: types[name] for name in sorted(types)},
    }


def type_name(storage_type: StorageType) -> str:
    """solc's identifier: `t_mapping(t_address,t_uint256)`."""
    match storage_type:
        case UintType() | IntType() | AddressType() | BoolType() | FixedBytesType():
            return f"t_{storage_type.canonical}"
        case BytesType() | StringType():
            return f"t_{storage_type.canonical}_storage"
        case MapType(key, value):
            return f"t_mapping({_key_name(key)},{type_name(value)})"
        case ArrayType(element):
            return f"t_array({type_name(element)})dyn_storage"
        case StructType(name):
            return f"t_struct({name})_storage"
    assert_never(storage_type)


def type_label(storage_type: StorageType) -> str:
    """The type as Solidity writes it: `mapping(address => uint256)`."""
    match storage_type:
        case MapType(key, value):
            return f"mapping({key.canonical} => {type_label(value)})"
        case ArrayType(element):
            return f"{type_label(element)}[]"
        case StructType(name):
            return f"struct {name}"
        case _:
            return storage_type.canonical


def _describe_variable(variable: Variable) -> VariableDescription:
    return {
        "label": variable.name,
        "offset": variable.offset,
        "slot": str(variable.slot),
        "type": type_name(variable.type),
    }


def _describe_type(storage_type: StorageType, types: dict[str, dict[str, Any]]) -> None:
    """Adds the type and those that it is made of."""
    described: dict[str, Any] = {
        "encoding": "inplace",
        "label": type_label(storage_type),
        "numberOfBytes": str(size_bytes(storage_type)),
    }
    match storage_type:
        case UintType() | IntType() | AddressType() | BoolType() | FixedBytesType():
            pass
        case BytesType() | StringType():
            described["encoding"] = "bytes"
        case MapType(key, value):
            described |= {"encoding": "mapping", "key": _key_name(key), "value": type_name(value)}
            _describe_key(key, types)
            _describe_type(value, types)
        case ArrayType(element):
            described |= {"encoding": "dynamic_array", "base": type_name(element)}
            _describe_type(element, types)
        case StructType(_, members):
            described["members"] = [_describe_variable(member) for member in members]
            for member in members:
                _describe_type(member.type, types)
        case _:
            assert_never(storage_type)
    name = type_name(storage_type)
    if types.setdefault(name, described) != described:
        raise InvalidDeclaration(f"two different structs are called {name}")


def _describe_key(key: KeyType, types: dict[str, dict[str, Any]]) -> None:
    if isinstance(key, TextType):
        types[_key_name(key)] = {"encoding": "bytes", "label": key.canonical, "numberOfBytes": "32"}
    else:
        _describe_type(key, types)


def _key_name(key: KeyType) -> str:
    """solc says of a key that is a string where it is when the mapping is used: in memory."""
    return f"t_{key.canonical}_memory_ptr" if isinstance(key, TextType) else type_name(key)
