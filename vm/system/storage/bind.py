"""Gives a contract class its storage: reads the declared fields, places them, and puts accessors in their place.

Owns: the order of fields: those of base classes first, in the reverse of Python's method resolution order.
Never does: anything during a call.
Specification: Solidity documentation, "Layout of State Variables in Storage" with inheritance: from the most base-ward
contract on. Python's `class C(B, A)` linearises as Solidity's `contract C is A, B`.
"""

from __future__ import annotations

import sys
from typing import Any, Final, get_type_hints

from vm.system.errors import InvalidDeclaration
from vm.system.storage.array import Array
from vm.system.storage.declaration import element_of, field_type_of
from vm.system.storage.layout import ArrayType, Layout, MapType, StorageType, place
from vm.system.storage.map import Map
from vm.system.storage.slot import Reached, Slot, slot_property
from vm.system.storage.struct import member_element

_LAYOUT: Final = "__storage_layout__"
_MARKS: Final = (Slot.__name__, Map.__name__, Array.__name__)

# What every instance of a contract has: assigning them at the start of a call must not write to the storage.
_OF_INSTANCES: Final = ("frame", "address", "sender", "value")


def bind_storage(contract_class: type) -> None:
    """Installs the accessors of all fields, those of base classes too, which may lie elsewhere than in the base.

    Raises:
        InvalidDeclaration: a field that storage cannot hold, or a name that is used twice.
    """
    variables = place(_fields_of(contract_class))
    for variable in variables:
        element = member_element(variable, variables, element_of)
        reached = isinstance(variable.type, MapType | ArrayType)
        make = Reached if reached else slot_property
        setattr(contract_class, variable.name, make(variable.name, element, variable.slot))
    setattr(contract_class, _LAYOUT, Layout(contract_class.__name__, variables))


def layout_of(contract_class: type) -> Layout:
    """Where the fields of a bound class are.

    Raises:
        InvalidDeclaration: bind_storage has not seen the class.
    """
    layout = vars(contract_class).get(_LAYOUT)
    if not isinstance(layout, Layout):
        raise InvalidDeclaration(f"{contract_class.__name__} is no contract with storage")
    return layout


def _fields_of(contract_class: type) -> list[tuple[str, StorageType]]:
    fields: dict[str, StorageType] = {}
    for declaring in reversed(contract_class.__mro__):
        for name, storage_type in _own_fields(declaring).items():
            if name in fields:
                raise InvalidDeclaration(f"{declaring.__name__}.{name} is a field of a base class already")
            fields[name] = storage_type
    for name in _OF_INSTANCES:
        if name in fields:
            raise InvalidDeclaration(f"{contract_class.__name__}.{name}: every contract has another {name}")
    for declaring in contract_class.__mro__:
        bound = vars(declaring).get(_LAYOUT)
        accessors = {variable.name for variable in bound.variables} if isinstance(bound, Layout) else set()
        for name in fields:
            if name in vars(declaring) and name not in accessors:
                raise InvalidDeclaration(
                    f"{declaring.__name__}.{name} is a field of the storage and something else"
                )
    return list(fields.items())


def _own_fields(declaring: type) -> dict[str, StorageType]:
    """What a class itself declares. Other annotations need not even be possible to evaluate."""
    fields = {}
    for name, annotation in vars(declaring).get("__annotations__", {}).items():
        hint = _evaluated(declaring, name, annotation)
        try:
            storage_type = field_type_of(hint)
        except InvalidDeclaration as error:
            raise InvalidDeclaration(f"{declaring.__name__}.{name}: {error}") from error
        if storage_type is not None:
            fields[name] = storage_type
    return fields


def _evaluated(declaring: type, name: str, annotation: object) -> Any:
    holder = type(declaring.__name__, (), {"__annotations__": {name: annotation}})
    module = sys.modules.get(declaring.__module__)
    scope = {} if module is None else vars(module)
    try:
        return get_type_hints(holder, scope, dict(vars(declaring)), include_extras=True)[name]
    except (NameError, AttributeError, TypeError, SyntaxError) as error:
        if isinstance(annotation, str) and any(f"{mark}[" in annotation for mark in _MARKS):
            raise InvalidDeclaration(f"{declaring.__name__}.{name}: {error}") from error
        return None
