"""A contract's declarations, for the tests of what is generated from them."""

from __future__ import annotations

from typing import Annotated

from vm.system.abi.annotations import Indexed, address, bytes32, i64, u64, u256
from vm.system.abi.signature import (
    Mutability,
    Parameter,
    error_signature,
    event_signature,
    fields_of,
    function_signature,
)
from vm.system.abi.solidity import Entry
from vm.system.abi.types import Length


class Coin:
    denom: str
    amount: u256

    @classmethod
    def __abi_components__(cls) -> tuple[Parameter, ...]:
        return fields_of(cls)


class Plan:
    name: str
    type_: u64
    coins: list[Coin]
    weights: Annotated[list[i64], Length(2)]

    @classmethod
    def __abi_components__(cls) -> tuple[Parameter, ...]:
        return fields_of(cls)


class Planned:
    """A plan was made."""

    owner: Indexed[address]
    id_: Indexed[bytes32]
    plan: Plan


class PlanMissing:
    id_: bytes32


class Plans:
    def make(self, plan: Plan, from_: address, memory: bytes) -> bytes32:
        """Makes a plan; mail questions to plans@example.org.

        Anybody may make one,
        as long as it is paid for.

        Twice is allowed.
        """
        return bytes(32)

    def plan(self, id_: bytes32) -> tuple[Plan, bool]:
        raise NotImplementedError

    def total(self) -> u256:
        return 0

    def pay_for_many_plans_at_once_(
        self, identifiers: list[bytes32], payers: list[address], amounts: list[u256]
    ) -> None: ...


ENTRIES = (
    Entry(
        function_signature(Plans.make, mutability=Mutability.NONPAYABLE, returns=("id",)),
        Plans.make.__doc__ or "",
    ),
    Entry(function_signature(Plans.plan, mutability=Mutability.VIEW, returns=("id", "found"))),
    Entry(function_signature(Plans.total, mutability=Mutability.VIEW)),
    Entry(function_signature(Plans.pay_for_many_plans_at_once_, mutability=Mutability.PAYABLE)),
    Entry(event_signature(Planned), Planned.__doc__ or ""),
    Entry(error_signature(PlanMissing)),
)
