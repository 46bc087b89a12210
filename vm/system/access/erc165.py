"""Which interfaces a contract says it has.

Owns: the mix-in ERC165 with `supportsInterface`. Classes name their interfaces: `class ERC20(ERC165,
implements=(IERC20,))`; the answer covers those of all bases.
Never does: check that the functions are there; tests/vm/system/tokens does.
Specification: ERC-165.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from vm.system.framework import Contract, Interface, bytes4, interface_id, view


class IERC165(Interface):
    """ERC-165: asks a contract which interfaces it has."""

    @view
    def supportsInterface(self, interfaceId: bytes4) -> bool:
        """Whether the contract has the interface of this id; never for 0xffffffff."""
        raise NotImplementedError


class ERC165(Contract):
    """ERC-165: says which interfaces the contract has."""

    interface_ids: ClassVar[Mapping[bytes, bool]] = {interface_id(IERC165): True}

    def __init_subclass__(
        cls, *, implements: tuple[type[Interface] | bytes, ...] = (), **options: Any
    ) -> None:
        """implements: interfaces of this class besides those of its bases; bytes for an id that was agreed on."""
        super().__init_subclass__(**options)
        ids: dict[bytes, bool] = {}
        for base in reversed(cls.__mro__):
            ids.update(vars(base).get("interface_ids", {}))
        for entry in implements:
            ids[entry if isinstance(entry, bytes) else interface_id(entry)] = True
        cls.interface_ids = ids

    @view
    def supportsInterface(self, interfaceId: bytes4) -> bool:
        """Whether the contract has the interface of this id; never for 0xffffffff."""
        return interfaceId in self.interface_ids
