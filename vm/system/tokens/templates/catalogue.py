"""The list of templates that the token factory offers.

Owns: their names, and by them their ids; what an argument list of each is.
Never does: create anything (vm/system/tokens/factory.py).

A name is for ever: programs compute the id from it. The list belongs to version 1 of the factory: old blocks are
executed again with exactly these classes. A new version of a class, or another template, comes with a new version of
the factory and a list of its own, in which the name stays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from chain.keccak import keccak256
from chain.types import Hash32
from vm.system.abi.signature import Parameter
from vm.system.framework import Contract
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


@dataclass(frozen=True, slots=True)
class Template:
    """id: keccak of the name. decode: argument list as bytes -> values; raises AbiDecodeError."""

    name: str
    contract: type[Contract]
    id: Hash32
    parameters: tuple[Parameter, ...]
    decode: Callable[[bytes], tuple[Any, ...]]

    @property
    def description(self) -> str:
        """The first paragraph of the class's docstring, as one line."""
        return " ".join((self.contract.__doc__ or "").split("\n\n")[0].split())


def _template(name: str, contract: type[Contract]) -> Template:
    constructor = contract.constructing
    return Template(
        name, contract, keccak256(name.encode()), constructor.signature.inputs, constructor.decode
    )


_ALL: Final = (
    _template("erc20-fixed", FixedToken),
    _template("erc20-mintable", MintableToken),
    _template("erc20-capped", CappedToken),
    _template("erc20-votes", VotesToken),
    _template("erc20-restricted", RestrictedToken),
    _template("erc20-full", FullToken),
    _template("erc721-collection", CollectionToken),
    _template("erc721-royalties", RoyaltyCollection),
    _template("erc721-votes", MembershipCollection),
    _template("erc1155-multi", MultiToken),
)

TEMPLATES: Final[Mapping[bytes, Template]] = {template.id: template for template in _ALL}
"""By id, in the order in which the factory lists them."""
