"""What the maker of a token gets when it is sold.

Owns: ERC2981: a royalty for all tokens, and others for single ones, with OpenZeppelin's errors.
Never does: collect anything: markets ask and pay.
Specification: ERC-2981; OpenZeppelin Contracts 5, token/common/ERC2981.sol.
"""

from __future__ import annotations

from typing import Final

from vm.system.access.erc165 import ERC165
from vm.system.framework import (
    ZERO_ADDRESS,
    ContractError,
    Map,
    Slot,
    Struct,
    address,
    u96,
    u256,
    view,
)
from vm.system.tokens.interfaces import IERC2981

DENOMINATOR: Final = 10_000  # royalties are counted in hundredths of a percent


class RoyaltyInfo(Struct):
    """Who gets which part of a price; one slot."""

    receiver: address
    royaltyFraction: u96


class ERC2981(ERC165, implements=(IERC2981,)):
    """Says which part of a sale's price belongs to the maker (ERC-2981)."""

    class ERC2981InvalidDefaultRoyalty(ContractError):
        """More than the whole price."""

        numerator: u256
        denominator: u256

    class ERC2981InvalidDefaultRoyaltyReceiver(ContractError):
        """Nobody to pay to."""

        receiver: address

    class ERC2981InvalidTokenRoyalty(ContractError):
        """More than the whole price."""

        tokenId: u256
        numerator: u256
        denominator: u256

    class ERC2981InvalidTokenRoyaltyReceiver(ContractError):
        """Nobody to pay to."""

        tokenId: u256
        receiver: address

    default_royalty: Slot[RoyaltyInfo]
    token_royalties: Map[u256, RoyaltyInfo]

    @view(returns=("receiver", "amount"))
    def royaltyInfo(self, tokenId: u256, salePrice: u256) -> tuple[address, u256]:
        """Who gets how much of a sale at `salePrice`, in whatever it is paid in."""
        royalty = self.token_royalties[tokenId]
        if royalty.receiver == ZERO_ADDRESS:
            royalty = self.default_royalty
        return royalty.receiver, salePrice * royalty.royaltyFraction // DENOMINATOR

    def _set_default_royalty(self, receiver: address, numerator: u96) -> None:
        if numerator > DENOMINATOR:
            raise self.ERC2981InvalidDefaultRoyalty(numerator, DENOMINATOR)
        if receiver == ZERO_ADDRESS:
            raise self.ERC2981InvalidDefaultRoyaltyReceiver(ZERO_ADDRESS)
        self.default_royalty = RoyaltyInfo(receiver, numerator)

    def _delete_default_royalty(self) -> None:
        self.default_royalty = RoyaltyInfo(ZERO_ADDRESS, 0)

    def _set_token_royalty(self, token_id: u256, receiver: address, numerator: u96) -> None:
        if numerator > DENOMINATOR:
            raise self.ERC2981InvalidTokenRoyalty(token_id, numerator, DENOMINATOR)
        if receiver == ZERO_ADDRESS:
            raise self.ERC2981InvalidTokenRoyaltyReceiver(token_id, ZERO_ADDRESS)
        self.token_royalties[token_id] = RoyaltyInfo(receiver, numerator)

    def _reset_token_royalty(self, token_id: u256) -> None:
        self.token_royalties[token_id] = RoyaltyInfo(ZERO_ADDRESS, 0)
