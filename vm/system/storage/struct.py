"""Structs: values with named fields, which may lie in storage and cross the ABI.

Owns: the class that structs derive from, and for each of them the class of references into storage.
Never does: copy by itself: `s = self.positions[k]` is a reference, as Solidity's `storage`; `.copy()` makes a value.
Specification: Solidity documentation, "Structs" and "Layout of State Variables in Storage".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, ClassVar, Self, dataclass_transform, get_origin

from vm.system.abi.signature import fields_of
from vm.system.abi.types import Parameter
from vm.system.errors import InvalidDeclaration
from vm.system.storage.access import StorageAccess
from vm.system.storage.element import Element, part_of_slot
from vm.system.storage.layout import StorageType, StructType, ValueType, Variable, is_alone
from vm.system.storage.words import word_of


class StructClass(type):
    """Makes a class with slots and the methods of a dataclass out of annotated fields."""

    def __new__(
        mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], *, is_reference: bool = False
    ) -> StructClass:
        if is_reference or not bases:
            return super().__new__(mcs, name, bases, namespace)
        fields = _declared_fields(name, bases, namespace)
        made = super().__new__(mcs, name, bases, {**namespace, "__slots__": fields})
        made.struct_fields = fields
        made.struct_class = made
        _add_methods(made)
        return made

    struct_fields: tuple[str, ...]
    struct_class: type[Any]


def _add_methods(struct: type[Any]) -> None:
    """`__init__`, `__repr__` and `__match_args__`. A dataclass with slots=True would be another class than this one."""
    dataclass(eq=False)(struct)


@dataclass_transform()
class Struct(metaclass=StructClass):
    """`class Position(Struct): shares: u256; debt: u256`. Values can be changed and compared, but are no keys."""

    __slots__ = ()

    @classmethod
    def __abi_components__(cls) -> tuple[Parameter, ...]:
        """The fields for the ABI. Raises InvalidDeclaration if one has no ABI type, as a mapping."""
        return fields_of(cls)

    def copy(self) -> Self:
        """A value of its own, read from storage if this is a reference."""
        made: Self = type(self)(*[_copy_of(getattr(self, name)) for name in type(self).struct_fields])
        return made

    __hash__: ClassVar[None]  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        fields = type(self)
        if not isinstance(other, fields.struct_class):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in fields.struct_fields)


def struct_element(struct: StructType, element_of: Callable[[StorageType], Element]) -> Element:
    """A struct in storage. `element_of` gives the elements of those members that begin a slot."""
    parts = _parts(struct, element_of)
    put_steps = tuple([_put_step(part) for part in parts])
    copy_parts = _copy_from(struct, parts)
    python_class = struct.python_class
    reference = _reference_class(struct, element_of, copy_parts)

    def put(frame: StorageAccess, slot: int, value: Any) -> None:
        if not isinstance(value, python_class):
            raise TypeError(f"{value!r} is no {python_class.__name__}")
        for step in put_steps:
            step(frame, slot, value)

    def clear(frame: StorageAccess, slot: int) -> None:
        for part in parts:
            if isinstance(part, _SharedSlot):
                frame.sstore(slot + part.slot, 0)
            else:
                part.element.clear(frame, slot + part.slot)

    return Element(reference, put, clear, copy_parts)


def member_element(
    member: Variable, among: tuple[Variable, ...], element_of: Callable[[StorageType], Element]
) -> Element:
    """How one variable among others is read and written at its slot."""
    if isinstance(member.type, ValueType) and not is_alone(member, among):
        return part_of_slot(member.type, member.shift)
    return element_of(member.type)


@dataclass(frozen=True, slots=True)
class _SharedSlot:
    """Value types in one slot: written together, and read together by `copy`."""

    slot: int
    members: tuple[Variable, ...]


@dataclass(frozen=True, slots=True)
class _OwnSlot:
    """A member that begins a slot and is no value type."""

    slot: int
    name: str
    element: Element


def _parts(
    struct: StructType, element_of: Callable[[StorageType], Element]
) -> tuple[_SharedSlot | _OwnSlot, ...]:
    """The struct slot by slot."""
    parts: list[_SharedSlot | _OwnSlot] = []
    for member in struct.members:
        last = parts[-1] if parts else None
        if not isinstance(member.type, ValueType):
            parts.append(_OwnSlot(member.slot, member.name, element_of(member.type)))
        elif isinstance(last, _SharedSlot) and last.slot == member.slot:
            parts[-1] = _SharedSlot(member.slot, (*last.members, member))
        else:
            parts.append(_SharedSlot(member.slot, (member,)))
    return tuple(parts)


def _put_step(part: _SharedSlot | _OwnSlot) -> Callable[[StorageAccess, int, Any], None]:
    offset = part.slot
    if isinstance(part, _OwnSlot):
        put, read = part.element.put, attrgetter(part.name)

        def put_own(frame: StorageAccess, slot: int, value: Any) -> None:
            put(frame, slot + offset, read(value))

        return put_own
    fields = tuple(
        [
            (attrgetter(member.name), word_of(member.type).encode, member.shift)
            for member in part.members
            if isinstance(member.type, ValueType)
        ]
    )

    def put_shared(frame: StorageAccess, slot: int, value: Any) -> None:
        word = 0
        for read, encode, shift in fields:
            word |= encode(read(value)) << shift
        frame.sstore(slot + offset, word)

    return put_shared


def _copy_from(
    struct: StructType, parts: tuple[_SharedSlot | _OwnSlot, ...]
) -> Callable[[StorageAccess, int], Any]:
    """Reads each slot once, and makes a value."""
    python_class = struct.python_class
    steps = tuple([_copy_step(part) for part in parts])

    def copy(frame: StorageAccess, slot: int) -> Any:
        values: list[Any] = []
        for step in steps:
            values += step(frame, slot)
        return python_class(*values)

    return copy


def _copy_step(part: _SharedSlot | _OwnSlot) -> Callable[[StorageAccess, int], list[Any]]:
    offset = part.slot
    if isinstance(part, _OwnSlot):
        copy = part.element.copy
        return lambda frame, slot: [copy(frame, slot + offset)]
    fields = tuple(
        [
            (member.shift, word_of(member.type).mask, word_of(member.type).decode)
            for member in part.members
            if isinstance(member.type, ValueType)
        ]
    )

    def copy_shared(frame: StorageAccess, slot: int) -> list[Any]:
        bits = frame.sload(slot + offset)
        return [decode(bits >> shift & mask) for shift, mask, decode in fields]

    return copy_shared


def _reference_class(
    struct: StructType,
    element_of: Callable[[StorageType], Element],
    copy: Callable[[StorageAccess, int], Any],
) -> type[Any]:
    """A class whose instances look like values of the struct, and read and write the storage at a slot."""
    namespace: dict[str, Any] = {
        "__slots__": ("_frame", "_slot"),
        "__init__": _begin_reference,
        "__repr__": _reference_text,
        "__module__": struct.python_class.__module__,
        "__qualname__": struct.python_class.__qualname__,
        "__doc__": f"A {struct.name} in storage.",
        "copy": lambda self: copy(self._frame, self._slot),
    }
    for member in struct.members:
        element = member_element(member, struct.members, element_of)
        namespace[member.name] = _member_property(element, member)
    return StructClass(struct.name, (struct.python_class,), namespace, is_reference=True)


def _member_property(element: Element, member: Variable) -> property:
    at, put, clear, offset = element.at, element.put, element.clear, member.slot

    def read(self: Any) -> Any:
        return at(self._frame, self._slot + offset)

    def write(self: Any, value: Any) -> None:
        put(self._frame, self._slot + offset, value)

    def delete(self: Any) -> None:
        clear(self._frame, self._slot + offset)

    return property(read, write, delete)


def _begin_reference(self: Any, frame: StorageAccess, slot: int) -> None:
    self._frame = frame
    self._slot = slot


def _reference_text(self: Any) -> str:
    """Without reading, which would cost gas."""
    return f"<{type(self).__name__} in storage at {self._slot:#x}>"


def _copy_of(value: Any) -> Any:
    return value.copy() if isinstance(value, Struct) else value


def _declared_fields(name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> tuple[str, ...]:
    if bases != (Struct,):
        raise InvalidDeclaration(f"the struct {name} derives from something else than Struct")
    annotations: dict[str, object] = namespace.get("__annotations__", {})
    fields = tuple([field for field, annotation in annotations.items() if not _is_class_variable(annotation)])
    if not fields:
        raise InvalidDeclaration(f"the struct {name} has no fields")
    for field in fields:
        if field.startswith("_") or hasattr(Struct, field) or field in namespace:
            raise InvalidDeclaration(
                f"{name}.{field}: no underscore in front, no default, no name of Struct itself"
            )
    return fields


def _is_class_variable(annotation: object) -> bool:
    if isinstance(annotation, str):
        return annotation.removeprefix("typing.").startswith("ClassVar")
    return annotation is ClassVar or get_origin(annotation) is ClassVar
