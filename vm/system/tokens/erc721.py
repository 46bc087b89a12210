"""The token whose pieces are told apart.

Owns: ERC721 with metadata and the errors of ERC-6093, and the one place where owners change: `_update`.
Never does: make tokens by itself; concrete contracts call `_mint` or `_safe_mint`.
Specification: ERC-721, ERC-6093; behaviour, errors and their order, events and storage layout as OpenZeppelin
Contracts 5, token/ERC721/ERC721.sol.

A safe transfer calls the receiver, who may well come back, so nothing here takes the lock: the call is the last thing
that a function does.
"""

from __future__ import annotations

from vm.system.access.erc165 import ERC165
from vm.system.framework import (
    ZERO_ADDRESS,
    ContractError,
    Event,
    Indexed,
    Map,
    Slot,
    address,
    external,
    u256,
    view,
)
from vm.system.tokens.acceptance import accepted
from vm.system.tokens.interfaces import IERC721, IERC721Metadata, IERC721Receiver


class ERC721(ERC165, implements=(IERC721, IERC721Metadata)):
    """Tokens that are told apart (ERC-721) with name, symbol and a URI each, and the errors of ERC-6093."""

    class Transfer(Event):
        """A token moved; from the zero address when it is made, to it when it is destroyed."""

        from_: Indexed[address]
        to: Indexed[address]
        tokenId: Indexed[u256]

    class Approval(Event):
        """`approved` may move one token; nobody may if it is the zero address."""

        owner: Indexed[address]
        approved: Indexed[address]
        tokenId: Indexed[u256]

    class ApprovalForAll(Event):
        """`operator` may move all tokens of `owner`, or not any more."""

        owner: Indexed[address]
        operator: Indexed[address]
        approved: bool

    class ERC721InvalidOwner(ContractError):
        """This account cannot own anything."""

        owner: address

    class ERC721NonexistentToken(ContractError):
        """There is no such token."""

        tokenId: u256

    class ERC721IncorrectOwner(ContractError):
        """The token belongs to `owner`."""

        sender: address
        tokenId: u256
        owner: address

    class ERC721InvalidSender(ContractError):
        """Nothing can come from this account."""

        sender: address

    class ERC721InvalidReceiver(ContractError):
        """Nothing can go to this account, or it does not accept."""

        receiver: address

    class ERC721InsufficientApproval(ContractError):
        """`operator` may not move this token."""

        operator: address
        tokenId: u256

    class ERC721InvalidApprover(ContractError):
        """This account cannot allow this."""

        approver: address

    class ERC721InvalidOperator(ContractError):
        """This account cannot be an operator."""

        operator: address

    name_: Slot[str]
    symbol_: Slot[str]
    owners: Map[u256, address]
    balances: Map[address, u256]
    token_approvals: Map[u256, address]
    operator_approvals: Map[address, Map[address, bool]]

    @view
    def name(self) -> str:
        """The collection's name."""
        return self.name_

    @view
    def symbol(self) -> str:
        """The collection's symbol."""
        return self.symbol_

    @view
    def tokenURI(self, tokenId: u256) -> str:
        """Where the description of a token is; empty if nobody says."""
        self._require_owned(tokenId)
        base = self._base_uri()
        return f"{base}{tokenId}" if base else ""

    @view
    def balanceOf(self, owner: address) -> u256:
        """How many tokens `owner` has."""
        if owner == ZERO_ADDRESS:
            raise self.ERC721InvalidOwner(ZERO_ADDRESS)
        return self.balances[owner]

    @view
    def ownerOf(self, tokenId: u256) -> address:
        """Whose token it is."""
        return self._require_owned(tokenId)

    @view
    def getApproved(self, tokenId: u256) -> address:
        """Who may move this token beside its owner and the owner's operators."""
        self._require_owned(tokenId)
        return self.token_approvals[tokenId]

    @view
    def isApprovedForAll(self, owner: address, operator: address) -> bool:
        """Whether `operator` may move all tokens of `owner`."""
        return self.operator_approvals[owner][operator]

    @external(lock=False)
    def approve(self, to: address, tokenId: u256) -> None:
        """Lets `to` move one token, until it moves; for its owner and the owner's operators."""
        owner = self._require_owned(tokenId)
        if owner != self.sender and not self.operator_approvals[owner][self.sender]:
            raise self.ERC721InvalidApprover(self.sender)
        self.emit(self.Approval(owner, to, tokenId))
        self.token_approvals[tokenId] = to

    @external(lock=False)
    def setApprovalForAll(self, operator: address, approved: bool) -> None:
        """Lets `operator` move all tokens of the caller, or not any more."""
        if self.sender == ZERO_ADDRESS:
            raise self.ERC721InvalidApprover(ZERO_ADDRESS)
        if operator == ZERO_ADDRESS:
            raise self.ERC721InvalidOperator(ZERO_ADDRESS)
        self.operator_approvals[self.sender][operator] = approved
        self.emit(self.ApprovalForAll(self.sender, operator, approved))

    @external(lock=False)
    def transferFrom(self, from_: address, to: address, tokenId: u256) -> None:
        """Moves a token of `from`. A contract that gets it is not asked: it may be stuck there."""
        self._transfer_as_caller(from_, to, tokenId)

    @external(lock=False)
    def safeTransferFrom(self, from_: address, to: address, tokenId: u256) -> None:
        """Moves a token of `from`. A contract that gets it must accept (onERC721Received)."""
        self._transfer_as_caller(from_, to, tokenId)
        self._require_accepted(from_, to, tokenId, b"")

    @external(lock=False, name="safeTransferFrom")
    def safe_transfer_from_with_data(self, from_: address, to: address, tokenId: u256, data: bytes) -> None:
        """Moves a token of `from`. A contract that gets it must accept (onERC721Received), and sees `data`."""
        self._transfer_as_caller(from_, to, tokenId)
        self._require_accepted(from_, to, tokenId, data)

    def _set_names(self, name: str, symbol: str) -> None:
        """For constructors."""
        self.name_ = name
        self.symbol_ = symbol

    def _base_uri(self) -> str:
        """What the URIs of all tokens begin with."""
        return ""

    def _require_owned(self, token_id: u256) -> address:
        owner = self.owners[token_id]
        if owner == ZERO_ADDRESS:
            raise self.ERC721NonexistentToken(token_id)
        return owner

    def _check_authorised(self, owner: address, spender: address, token_id: u256) -> None:
        """`owner` is zero for a token that does not exist: then an approval can't be there either."""
        if owner == spender or self.operator_approvals[owner][spender]:
            return
        if self.token_approvals[token_id] == spender:
            return
        if owner == ZERO_ADDRESS:
            raise self.ERC721NonexistentToken(token_id)
        raise self.ERC721InsufficientApproval(spender, token_id)

    def _update(self, to: address, token_id: u256, authorised: address) -> address:
        """Moves, makes or destroys (to zero) a token; gives its previous owner. Extensions wrap it.

        authorised: must be allowed to move the token; the zero address stands for the contract itself.
        """
        from_ = self.owners[token_id]
        if authorised != ZERO_ADDRESS:
            self._check_authorised(from_, authorised, token_id)
        balances = self.balances
        if from_ != ZERO_ADDRESS:
            self.token_approvals[token_id] = ZERO_ADDRESS
            balances[from_] -= 1
        if to != ZERO_ADDRESS:
            balances[to] += 1
        self.owners[token_id] = to
        self.emit(self.Transfer(from_, to, token_id))
        return from_

    def _transfer_as_caller(self, from_: address, to: address, token_id: u256) -> None:
        if to == ZERO_ADDRESS:
            raise self.ERC721InvalidReceiver(ZERO_ADDRESS)
        previous = self._update(to, token_id, self.sender)
        if previous != from_:
            raise self.ERC721IncorrectOwner(from_, token_id, previous)

    def _mint(self, to: address, token_id: u256) -> None:
        if to == ZERO_ADDRESS:
            raise self.ERC721InvalidReceiver(ZERO_ADDRESS)
        if self._update(to, token_id, ZERO_ADDRESS) != ZERO_ADDRESS:
            raise self.ERC721InvalidSender(ZERO_ADDRESS)

    def _burn(self, token_id: u256) -> None:
        if self._update(ZERO_ADDRESS, token_id, ZERO_ADDRESS) == ZERO_ADDRESS:
            raise self.ERC721NonexistentToken(token_id)

    def _safe_mint(self, to: address, token_id: u256, data: bytes = b"") -> None:
        """The last thing a function may do: it calls `to`."""
        self._mint(to, token_id)
        self._require_accepted(ZERO_ADDRESS, to, token_id, data)

    def _require_accepted(self, from_: address, to: address, token_id: u256, data: bytes) -> None:
        """Asks `to`, if it is a contract, whether it takes the token."""
        if self.code_size(to):
            function = IERC721Receiver.onERC721Received
            outcome = self.call(to, function.encode(self.sender, from_, token_id, data))
            if not accepted(outcome, function.selector):
                raise self.ERC721InvalidReceiver(to)
