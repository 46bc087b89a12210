"""Conditions that a function asks before its body runs.

Owns: the value that `only=` and `when=` take, so that docs and tests can tell who may call what.
Never does: know any condition; mix-ins define theirs (vm/system/access/).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chain.types import Address, checksum_address
from vm.system.abi.annotations import address
from vm.system.events import ContractError


class Unauthorized(ContractError):
    """Only one other contract of the chain may call this."""

    caller: address


@dataclass(frozen=True, slots=True)
class Guard:
    """description: completes "callable by …" (only) or "callable while …" (when). check: gets the contract, reverts.

    error: what it reverts with, if that is no error of the contract's own.
    """

    description: str
    check: Callable[[Any], None]
    error: type[ContractError] | None = None


def only_address(allowed: Address, name: str) -> Guard:
    """Admits one fixed caller, as one chain contract does another. Reverts with `Unauthorized(address caller)`."""

    def check(contract: Any) -> None:
        if contract.sender != allowed:
            raise Unauthorized(contract.sender)

    return Guard(f"{name} ({checksum_address(allowed)})", check, Unauthorized)
