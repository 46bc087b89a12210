"""Single variables: `total_supply: Slot[u256]`, read and assigned as `self.total_supply`.

Owns: the type that contracts declare, and the properties that stand in its place.
Never does: remember a value: each read is an SLOAD, each assignment an SSTORE.
Specification: docs/system-contracts.md, "Storage".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar, overload

from vm.system.storage.access import StorageAccess
from vm.system.storage.element import Element

T = TypeVar("T")


class HasFrame(Protocol):
    """An instance of a contract during its call."""

    frame: StorageAccess


class Slot(Generic[T]):
    """A variable of a value type, a string, bytes or a struct. `del self.x` sets it to zero."""

    if TYPE_CHECKING:

        @overload
        def __get__(self, instance: None, owner: type) -> Self: ...

        @overload
        def __get__(self, instance: object, owner: type) -> T: ...

        def __get__(self, instance: object, owner: type) -> Self | T: ...

        def __set__(self, instance: object, value: T) -> None: ...

        def __delete__(self, instance: object) -> None: ...


def slot_property(name: str, element: Element, slot: int) -> property:
    """The variable at `slot`."""
    at, put, clear = element.at, element.put, element.clear

    def read(contract: HasFrame) -> Any:
        return at(contract.frame, slot)

    def write(contract: HasFrame, value: Any) -> None:
        put(contract.frame, slot, value)

    def delete(contract: HasFrame) -> None:
        clear(contract.frame, slot)

    return property(read, write, delete, f"{name}, at slot {slot}")


class Reached:
    """A mapping or array of a contract: made when it is first asked for, then an attribute of the instance."""

    def __init__(self, name: str, element: Element, slot: int) -> None:
        self.name = name
        self.slot = slot
        self._at = element.at

    def __get__(self, contract: HasFrame | None, owner: type) -> Any:
        if contract is None:
            return self
        made = self._at(contract.frame, self.slot)
        object.__setattr__(contract, self.name, made)
        return made
