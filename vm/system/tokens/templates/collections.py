"""Collections of tokens that are told apart, and contracts of many tokens, ready to use.

Owns: CollectionToken, RoyaltyCollection, MembershipCollection and MultiToken: which mix-ins they have, their
constructors, and who may mint and pause.
Never does: define what a mix-in does.
Specification: the contracts that OpenZeppelin's wizard writes for the same options.
"""

from __future__ import annotations

from typing import Final

from vm.system.access.ownable import Ownable, owner_only
from vm.system.access.roles import role_id, role_only
from vm.system.framework import Slot, address, bytes32, external, u96, u256, view
from vm.system.tokens.erc721 import ERC721
from vm.system.tokens.erc721_extensions import (
    ERC721Burnable,
    ERC721Enumerable,
    ERC721Pausable,
    ERC721URIStorage,
)
from vm.system.tokens.erc1155 import ERC1155Burnable, ERC1155Pausable, ERC1155Supply, ERC1155URIStorage
from vm.system.tokens.royalties import ERC2981
from vm.system.tokens.templates.roles import MintersAndPausers, minter_only
from vm.system.tokens.votes import ERC721Votes

URI_SETTER: Final = role_id("URI_SETTER_ROLE")
uri_setter_only: Final = role_only(URI_SETTER, "URI_SETTER_ROLE")


class _NumberedCollection(ERC721):
    """Tokens are numbered from 0 as they are made; their URIs begin alike."""

    base_uri: Slot[str]
    next_token_id: Slot[u256]

    def _base_uri(self) -> str:
        return self.base_uri

    def _take_number(self) -> u256:
        token_id = self.next_token_id
        self.next_token_id = token_id + 1
        return token_id


class _OwnedCollection(_NumberedCollection, Ownable):
    """The owner makes tokens."""

    @external(only=owner_only, lock=False, returns=("tokenId",))
    def safeMint(self, to: address) -> u256:
        """Makes the next token for `to`, which must accept it if it is a contract."""
        token_id = self._take_number()
        self._safe_mint(to, token_id)
        return token_id


class CollectionToken(
    ERC721Burnable,
    ERC721Pausable,
    ERC721URIStorage,
    _NumberedCollection,
    MintersAndPausers,
    class_id=0x0110,
    version=1,
):
    """A collection whose minters give each token a URI of its own; burnable, and pausers can stop it. With roles."""

    def constructor(self, name: str, symbol: str, baseURI: str, admin: address) -> None:
        """Gives all roles to `admin`. Each token's URI is `baseURI` and what its minter adds."""
        self._set_names(name, symbol)
        self.base_uri = baseURI
        self._grant_first_roles(admin)

    @external(only=minter_only, lock=False, returns=("tokenId",))
    def safeMint(self, to: address, uri: str) -> u256:
        """Makes the next token for `to`, which must accept it if it is a contract."""
        token_id = self._take_number()
        self._set_token_uri(token_id, uri)
        self._safe_mint(to, token_id)
        return token_id


class RoyaltyCollection(
    ERC721Burnable, ERC721Enumerable, _OwnedCollection, ERC2981, class_id=0x0111, version=1
):
    """A collection that can be listed, with royalties on sales (ERC-2981); its owner makes the tokens."""

    def constructor(
        self,
        name: str,
        symbol: str,
        baseURI: str,
        royaltyReceiver: address,
        royaltyFraction: u96,
        owner: address,
    ) -> None:
        """`royaltyFraction` is in hundredths of a percent; a token's URI is `baseURI` and its number."""
        self._set_names(name, symbol)
        self.base_uri = baseURI
        self._set_first_owner(owner)
        self._set_default_royalty(royaltyReceiver, royaltyFraction)

    @external(only=owner_only, lock=False)
    def setDefaultRoyalty(self, receiver: address, feeNumerator: u96) -> None:
        """Sets the royalty of all tokens that have none of their own, in hundredths of a percent."""
        self._set_default_royalty(receiver, feeNumerator)

    @external(only=owner_only, lock=False)
    def deleteDefaultRoyalty(self) -> None:
        """Takes the royalty of all tokens that have none of their own away."""
        self._delete_default_royalty()

    @external(only=owner_only, lock=False)
    def setTokenRoyalty(self, tokenId: u256, receiver: address, feeNumerator: u96) -> None:
        """Sets the royalty of one token, in hundredths of a percent."""
        self._set_token_royalty(tokenId, receiver, feeNumerator)

    @external(only=owner_only, lock=False)
    def resetTokenRoyalty(self, tokenId: u256) -> None:
        """Lets the royalty of all tokens count for this one again."""
        self._reset_token_royalty(tokenId)


class MembershipCollection(ERC721Burnable, ERC721Votes, _OwnedCollection, class_id=0x0112, version=1):
    """A collection in which each token is a vote, as for the members of a club; its owner makes the tokens."""

    def constructor(self, name: str, symbol: str, baseURI: str, owner: address) -> None:
        """A token's URI is `baseURI` and its number."""
        self._set_names(name, symbol)
        self.base_uri = baseURI
        self._set_first_owner(owner)


class MultiToken(
    ERC1155Burnable,
    ERC1155Pausable,
    ERC1155Supply,
    ERC1155URIStorage,
    MintersAndPausers,
    class_id=0x0118,
    version=1,
):
    """Many tokens in one contract (ERC-1155), such as the things of a game; counted, burnable, pausable. With roles."""

    def constructor(self, uri: str, admin: address) -> None:
        """Gives all roles to `admin`. Clients put a token's id in place of `{id}` in `uri`."""
        self._set_uri(uri)
        self._grant_first_roles(admin, URI_SETTER)

    @view
    def URI_SETTER_ROLE(self) -> bytes32:
        """The role that says where tokens are described."""
        return URI_SETTER

    @external(only=uri_setter_only, lock=False)
    def setURI(self, newuri: str) -> None:
        """Sets the URI of all tokens that have none of their own."""
        self._set_uri(newuri)

    @external(only=uri_setter_only, lock=False)
    def setTokenURI(self, id: u256, tokenURI: str) -> None:  # noqa: A002
        """Sets the URI of one token; an empty one lets that of all tokens count again."""
        self._set_token_uri(id, tokenURI)

    @external(only=minter_only, lock=False)
    def mint(self, account: address, id: u256, amount: u256, data: bytes) -> None:  # noqa: A002
        """Makes `amount` of token `id` for `account`, which must accept it if it is a contract."""
        self._mint(account, id, amount, data)

    @external(only=minter_only, lock=False)
    def mintBatch(self, to: address, ids: list[u256], amounts: list[u256], data: bytes) -> None:
        """Makes several tokens for `to`, which must accept them if it is a contract."""
        self._mint_batch(to, ids, amounts, data)
