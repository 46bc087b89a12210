"""From annotations to storage types, and from storage types to what reads and writes them.

Owns: which annotations may stand in storage.
Never does: place anything (layout.py), or look at a contract class (bind.py).
"""

from __future__ import annotations

from typing import Any, assert_never, get_args, get_origin, get_type_hints

from vm.system.abi.types import (
    AddressType,
    BoolType,
    BytesType,
    FixedBytesType,
    IntType,
    StringType,
    UintType,
    abi_type_of,
)
from vm.system.errors import InvalidDeclaration
from vm.system.storage.array import Array, array_element, packed_array_class, wide_array_class
from vm.system.storage.element import Element, whole_slot
from vm.system.storage.layout import (
    SLOT_BYTES,
    ArrayType,
    KeyType,
    MapType,
    StorageType,
    StructType,
    TextType,
    ValueType,
    place,
    size_bytes,
)
from vm.system.storage.map import Map, map_class, map_element
from vm.system.storage.slot import Slot
from vm.system.storage.strings import text_element
from vm.system.storage.struct import Struct, StructClass, struct_element


def field_type_of(annotation: object) -> StorageType | None:
    """The type of a field of a contract; None if the annotation declares no storage.

    Raises:
        InvalidDeclaration: it does, but not what storage can hold.
    """
    origin = get_origin(annotation)
    if origin is Slot:
        (inner,) = get_args(annotation)
        inner_type = storage_type_of(inner)
        if isinstance(inner_type, MapType | ArrayType):
            raise InvalidDeclaration(f"{annotation}: a Map or Array needs no Slot around it")
        return inner_type
    if origin is Map or origin is Array:
        return storage_type_of(annotation)
    return None


def storage_type_of(annotation: object, inside: tuple[type, ...] = ()) -> StorageType:
    """The type of a value in a Slot, Map, Array or Struct. inside: the structs around it.

    Raises:
        InvalidDeclaration: no value of it can be in storage.
    """
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Map:
        return MapType(_key_type_of(arguments[0]), storage_type_of(arguments[1], inside))
    if origin is Array:
        return ArrayType(storage_type_of(arguments[0], inside))
    if isinstance(annotation, StructClass):
        return _struct_type_of(annotation, inside)
    abi_type = abi_type_of(annotation)
    if isinstance(abi_type, ValueType | TextType):
        return abi_type
    raise InvalidDeclaration(f"{annotation}: storage holds value types, str, bytes, Struct, Map and Array")


def element_of(storage_type: StorageType) -> Element:
    """How a value of this type is read and written that begins a slot and shares it with no other."""
    match storage_type:
        case UintType() | IntType() | AddressType() | BoolType() | FixedBytesType():
            return whole_slot(storage_type)
        case BytesType() | StringType():
            return text_element(storage_type)
        case MapType(key, value):
            return map_element(map_class(key, element_of(value), is_number=value == UintType(256)))
        case ArrayType(element):
            return array_element(_array_class(element))
        case StructType():
            return struct_element(storage_type, element_of)
    assert_never(storage_type)


def _array_class(element: StorageType) -> type[Array[Any]]:
    if isinstance(element, ValueType) and size_bytes(element) <= SLOT_BYTES // 2:
        return packed_array_class(element)
    return wide_array_class(element_of(element), -(-size_bytes(element) // SLOT_BYTES))


def _key_type_of(annotation: object) -> KeyType:
    abi_type = abi_type_of(annotation)
    if isinstance(abi_type, ValueType | TextType):
        return abi_type
    raise InvalidDeclaration(f"{annotation} is no key of a mapping: a value type, str or bytes is")


def _struct_type_of(struct: StructClass, inside: tuple[type, ...]) -> StructType:
    if struct in inside or struct is Struct:
        raise InvalidDeclaration(f"the struct {struct.__name__} cannot be inside itself")
    try:
        hints = get_type_hints(struct, include_extras=True)
    except (NameError, AttributeError, TypeError, SyntaxError) as error:
        raise InvalidDeclaration(f"annotations of the struct {struct.__name__}: {error}") from error
    fields = [(name, storage_type_of(hints[name], (*inside, struct))) for name in struct.struct_fields]
    return StructType(struct.__name__, place(fields), struct)
