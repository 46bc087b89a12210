"""Conditions that a function asks before its body runs.

Owns: the value that `only=` and `when=` take, so that docs and tests can tell who may call what.
Never does: know any condition; mix-ins define theirs (vm/system/access/).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chain.types import Address, checksum_address
from vm.system.abi.signature import ErrorSignature, Parameter
from vm.system.abi.types import AddressType
from vm.system.errors import Revert

_UNAUTHORIZED = ErrorSignature("Unauthorized", (Parameter("caller", AddressType()),))


@dataclass(frozen=True, slots=True)
class Guard:
    """description: completes "callable by …" (only) or "callable while …" (when). check: gets the contract, reverts."""

    description: str
    check: Callable[[Any], None]


def only_address(allowed: Address, name: str) -> Guard:
    """Admits one fixed caller, as one chain contract does another. Reverts with `Unauthorized(address caller)`."""

    def check(contract: Any) -> None:
        if contract.sender != allowed:
            raise Revert(_UNAUTHORIZED.selector + bytes(12) + contract.sender)

    return Guard(f"{name} ({checksum_address(allowed)})", check)
