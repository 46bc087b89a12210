"""Which system contracts there are: classes by the code of their accounts, and chain contracts with their addresses.

Owns: the two tables. An entry of CLASSES is never removed or changed while a chain runs it, and the chain contracts
keep their order, which is that of their hooks: old blocks are executed again.
Never does: run anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from chain.types import Address
from vm.system.addresses import DISTRIBUTION, SLASHING, STAKING, TOKEN_FACTORY, UPGRADES, WRAPPED_COIN
from vm.system.contract import Contract
from vm.system.errors import InvalidDeclaration
from vm.system.staking.distribution import Distribution
from vm.system.staking.slashing import Slashing
from vm.system.staking.staking import Staking
from vm.system.tokens.factory import TokenFactory
from vm.system.tokens.templates.collections import (
    CollectionToken,
    MembershipCollection,
    MultiToken,
    RoyaltyCollection,
)
from vm.system.tokens.templates.fungible import (
    CappedToken,
    FixedToken,
    FullToken,
    MintableToken,
    RestrictedToken,
    VotesToken,
)
from vm.system.tokens.wrapped_coin import WrappedCoin
from vm.system.upgrades.contract import Upgrades


@dataclass(frozen=True, slots=True)
class ChainContract:
    """A contract that every chain has once, from block 0. `name` is that of the genesis file and the command line."""

    name: str
    address: Address
    contract: type[Contract]


class Registry:
    """chain_contracts stand in the order in which their hooks run."""

    def __init__(self, classes: Sequence[type[Contract]], chain_contracts: Sequence[ChainContract]) -> None:
        """Raises InvalidDeclaration for two classes with one code, or a class without any."""
        by_code: dict[bytes, type[Contract]] = {}
        for contract in (*[entry.contract for entry in chain_contracts], *classes):
            if not contract.code:
                raise InvalidDeclaration(f"{contract.__name__} has no class id")
            if by_code.setdefault(contract.code, contract) is not contract:
                raise InvalidDeclaration(
                    f"{contract.__name__} and {by_code[contract.code].__name__} have the same class id and version"
                )
        self._by_code: Mapping[bytes, type[Contract]] = by_code
        self.chain_contracts: tuple[ChainContract, ...] = tuple(chain_contracts)

    def contract(self, code: bytes) -> type[Contract] | None:
        """The class that the code of an account names; None if this program does not know it."""
        return self._by_code.get(code)

    @property
    def classes(self) -> tuple[type[Contract], ...]:
        """All classes, chain contracts first."""
        return tuple(self._by_code.values())


_CHAIN: Final[tuple[ChainContract, ...]] = (
    ChainContract("upgrades", UPGRADES, Upgrades),  # first: what it changes acts in the same block already
    ChainContract("staking", STAKING, Staking),
    ChainContract("distribution", DISTRIBUTION, Distribution),
    ChainContract("slashing", SLASHING, Slashing),
    ChainContract("token_factory", TOKEN_FACTORY, TokenFactory),
    ChainContract("wrapped_coin", WRAPPED_COIN, WrappedCoin),
)

_CLASSES: Final[tuple[type[Contract], ...]] = (
    FixedToken,
    MintableToken,
    CappedToken,
    VotesToken,
    RestrictedToken,
    FullToken,
    CollectionToken,
    RoyaltyCollection,
    MembershipCollection,
    MultiToken,
)

CHAIN_CONTRACTS: Final = Registry(_CLASSES, _CHAIN)
"""What this version of the program runs."""
