"""What a collection may do beside moving its tokens.

Owns: the mix-ins burnable, enumerable, pausable, with a URI for each token, and with royalties.
Never does: say who mints or pauses: concrete contracts do.
Specification: ERC-721 (enumeration), ERC-4906; OpenZeppelin Contracts 5, token/ERC721/extensions.
"""

from __future__ import annotations

from vm.system.access.pausable import Pausable
from vm.system.framework import (
    ZERO_ADDRESS,
    Array,
    ContractError,
    Event,
    Map,
    address,
    external,
    u256,
    view,
)
from vm.system.tokens.erc721 import ERC721
from vm.system.tokens.interfaces import ERC4906_ID, IERC721Enumerable


class ERC721Burnable(ERC721):
    """Owners and their operators may destroy tokens (OpenZeppelin's ERC721Burnable)."""

    @external(lock=False)
    def burn(self, tokenId: u256) -> None:
        """Destroys a token that the caller may move."""
        self._update(ZERO_ADDRESS, tokenId, self.sender)


class ERC721Enumerable(ERC721, implements=(IERC721Enumerable,)):
    """Lists of all tokens and of each owner's (OpenZeppelin's ERC721Enumerable)."""

    class ERC721OutOfBoundsIndex(ContractError):
        """The list is shorter; `owner` is zero for the list of all tokens."""

        owner: address
        index: u256

    owned_tokens: Map[address, Map[u256, u256]]
    owned_tokens_index: Map[u256, u256]
    all_tokens: Array[u256]
    all_tokens_index: Map[u256, u256]

    @view
    def totalSupply(self) -> u256:
        """How many tokens there are."""
        return len(self.all_tokens)

    @view
    def tokenOfOwnerByIndex(self, owner: address, index: u256) -> u256:
        """One of the tokens of `owner`, in no order that lasts."""
        if index >= self.balanceOf(owner):
            raise self.ERC721OutOfBoundsIndex(owner, index)
        return self.owned_tokens[owner][index]

    @view
    def tokenByIndex(self, index: u256) -> u256:
        """One of all tokens, in no order that lasts."""
        if index >= len(self.all_tokens):
            raise self.ERC721OutOfBoundsIndex(ZERO_ADDRESS, index)
        return self.all_tokens[index]

    def _update(self, to: address, token_id: u256, authorised: address) -> address:
        previous = super()._update(to, token_id, authorised)
        if previous == ZERO_ADDRESS:
            self.all_tokens_index[token_id] = len(self.all_tokens)
            self.all_tokens.append(token_id)
        elif previous != to:
            self._leave_owner(previous, token_id)
        if to == ZERO_ADDRESS:
            self._leave_all(token_id)
        elif previous != to:
            position = self.balances[to] - 1
            self.owned_tokens[to][position] = token_id
            self.owned_tokens_index[token_id] = position
        return previous

    def _leave_owner(self, owner: address, token_id: u256) -> None:
        """The owner's last token takes the place of the one that leaves. `balances` is one less already."""
        tokens, positions = self.owned_tokens[owner], self.owned_tokens_index
        last, position = self.balances[owner], positions[token_id]
        if position != last:
            moved = tokens[last]
            tokens[position] = moved
            positions[moved] = position
        positions[token_id] = 0
        tokens[last] = 0

    def _leave_all(self, token_id: u256) -> None:
        """The last of all tokens takes the place of the one that is destroyed."""
        tokens, positions = self.all_tokens, self.all_tokens_index
        position, moved = positions[token_id], tokens[len(tokens) - 1]
        tokens[position] = moved
        positions[moved] = position
        positions[token_id] = 0
        tokens.pop()


class ERC721Pausable(ERC721, Pausable):
    """No token moves while the contract is paused (OpenZeppelin's ERC721Pausable)."""

    def _update(self, to: address, token_id: u256, authorised: address) -> address:
        if self.paused_:
            raise self.EnforcedPause()
        return super()._update(to, token_id, authorised)


class ERC721URIStorage(ERC721, implements=(ERC4906_ID,)):
    """A URI for each token (OpenZeppelin's ERC721URIStorage), and the events of ERC-4906 when one changes."""

    class MetadataUpdate(Event):
        """A token is described anew."""

        tokenId: u256

    class BatchMetadataUpdate(Event):
        """Tokens are described anew."""

        fromTokenId: u256
        toTokenId: u256

    token_uris: Map[u256, str]

    @view
    def tokenURI(self, tokenId: u256) -> str:
        """Where the description of a token is: the common beginning, and the token's own end or else its number."""
        self._require_owned(tokenId)
        base, own = self._base_uri(), self.token_uris[tokenId]
        if base:
            return base + (own or str(tokenId))
        return own

    def _set_token_uri(self, token_id: u256, uri: str) -> None:
        self.token_uris[token_id] = uri
        self.emit(self.MetadataUpdate(token_id))
