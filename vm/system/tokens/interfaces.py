"""The interfaces of the token standards, to call tokens with and for ERC-165.

Owns: IERC20, IERC721, IERC1155 and their parts, one Interface class for each id of the standards.
Never does: implement one.
Specification: ERC-20, ERC-721, ERC-1155, ERC-2612, ERC-2981, ERC-5805, ERC-6372.
"""

from __future__ import annotations

from typing import Final

from vm.system.framework import Interface, address, bytes4, bytes32, external, u8, u48, u256, view

ERC4906_ID: Final = bytes.fromhex("49064906")  # has events alone, so its id is agreed, not computed


class IERC20(Interface):
    """ERC-20: a fungible token."""

    @view
    def totalSupply(self) -> u256:
        """All tokens there are, in the smallest unit."""
        raise NotImplementedError

    @view
    def balanceOf(self, account: address) -> u256:
        """Tokens of `account`."""
        raise NotImplementedError

    @external
    def transfer(self, to: address, value: u256) -> bool:
        """Moves `value` of the caller's tokens."""
        raise NotImplementedError

    @view
    def allowance(self, owner: address, spender: address) -> u256:
        """What `spender` may still move for `owner`."""
        raise NotImplementedError

    @external
    def approve(self, spender: address, value: u256) -> bool:
        """Lets `spender` move `value` of the caller's tokens."""
        raise NotImplementedError

    @external
    def transferFrom(self, from_: address, to: address, value: u256) -> bool:
        """Moves `value` tokens of `from`, who allowed it."""
        raise NotImplementedError


class IERC20Metadata(Interface):
    """ERC-20: how a token is shown."""

    @view
    def name(self) -> str:
        """The token's name."""
        raise NotImplementedError

    @view
    def symbol(self) -> str:
        """The token's symbol."""
        raise NotImplementedError

    @view
    def decimals(self) -> u8:
        """Digits after the point when amounts are shown."""
        raise NotImplementedError


class IERC20Permit(Interface):
    """ERC-2612: an allowance by signature."""

    @external
    def permit(
        self, owner: address, spender: address, value: u256, deadline: u256, v: u8, r: bytes32, s: bytes32
    ) -> None:
        """Sets an allowance that `owner` signed."""
        raise NotImplementedError

    @view
    def nonces(self, owner: address) -> u256:
        """The nonce that the next signature of `owner` must name."""
        raise NotImplementedError

    @view
    def DOMAIN_SEPARATOR(self) -> bytes32:
        """The hash of the EIP-712 domain."""
        raise NotImplementedError


class IERC6372(Interface):
    """ERC-6372: in what a contract counts time."""

    @view
    def clock(self) -> u48:
        """The present, by the contract's clock."""
        raise NotImplementedError

    @view
    def CLOCK_MODE(self) -> str:
        """What the clock counts."""
        raise NotImplementedError


class IVotes(Interface):
    """ERC-5805: votes that accounts delegate."""

    @view
    def getVotes(self, account: address) -> u256:
        """Votes of `account` now."""
        raise NotImplementedError

    @view
    def getPastVotes(self, account: address, timepoint: u256) -> u256:
        """Votes of `account` at the end of a past block."""
        raise NotImplementedError

    @view
    def getPastTotalSupply(self, timepoint: u256) -> u256:
        """All votes at the end of a past block, delegated or not."""
        raise NotImplementedError

    @view
    def delegates(self, account: address) -> address:
        """Who votes for `account`."""
        raise NotImplementedError

    @external
    def delegate(self, delegatee: address) -> None:
        """Lets `delegatee` vote for the caller."""
        raise NotImplementedError

    @external
    def delegateBySig(
        self, delegatee: address, nonce: u256, expiry: u256, v: u8, r: bytes32, s: bytes32
    ) -> None:
        """Lets `delegatee` vote for the signer."""
        raise NotImplementedError


class IERC721(Interface):
    """ERC-721: tokens that are told apart, id 0x80ac58cd."""

    @view
    def balanceOf(self, owner: address) -> u256:
        """How many tokens `owner` has."""
        raise NotImplementedError

    @view
    def ownerOf(self, tokenId: u256) -> address:
        """Whose token it is."""
        raise NotImplementedError

    @external
    def safeTransferFrom(self, from_: address, to: address, tokenId: u256) -> None:
        """Moves a token; a contract that gets it must accept."""
        raise NotImplementedError

    @external(name="safeTransferFrom")
    def safe_transfer_from_with_data(self, from_: address, to: address, tokenId: u256, data: bytes) -> None:
        """Moves a token; a contract that gets it must accept, and sees `data`."""
        raise NotImplementedError

    @external
    def transferFrom(self, from_: address, to: address, tokenId: u256) -> None:
        """Moves a token; asks nobody."""
        raise NotImplementedError

    @external
    def approve(self, to: address, tokenId: u256) -> None:
        """Lets `to` move one token."""
        raise NotImplementedError

    @external
    def setApprovalForAll(self, operator: address, approved: bool) -> None:
        """Lets `operator` move all tokens of the caller, or not any more."""
        raise NotImplementedError

    @view
    def getApproved(self, tokenId: u256) -> address:
        """Who may move this token beside its owner."""
        raise NotImplementedError

    @view
    def isApprovedForAll(self, owner: address, operator: address) -> bool:
        """Whether `operator` may move all tokens of `owner`."""
        raise NotImplementedError


class IERC721Metadata(Interface):
    """ERC-721: how a collection and its tokens are shown, id 0x5b5e139f."""

    @view
    def name(self) -> str:
        """The collection's name."""
        raise NotImplementedError

    @view
    def symbol(self) -> str:
        """The collection's symbol."""
        raise NotImplementedError

    @view
    def tokenURI(self, tokenId: u256) -> str:
        """Where the description of a token is."""
        raise NotImplementedError


class IERC721Enumerable(Interface):
    """ERC-721: lists of tokens, id 0x780e9d63."""

    @view
    def totalSupply(self) -> u256:
        """How many tokens there are."""
        raise NotImplementedError

    @view
    def tokenOfOwnerByIndex(self, owner: address, index: u256) -> u256:
        """One of the tokens of `owner`."""
        raise NotImplementedError

    @view
    def tokenByIndex(self, index: u256) -> u256:
        """One of all tokens."""
        raise NotImplementedError


class IERC721Receiver(Interface):
    """ERC-721: a contract that takes tokens."""

    @external
    def onERC721Received(self, operator: address, from_: address, tokenId: u256, data: bytes) -> bytes4:
        """0x150b7a02 accepts the token."""
        raise NotImplementedError


class IERC1155(Interface):
    """ERC-1155: many tokens in one contract, id 0xd9b67a26."""

    @view
    def balanceOf(self, account: address, id: u256) -> u256:  # noqa: A002
        """How much of token `id` an account has."""
        raise NotImplementedError

    @view
    def balanceOfBatch(self, accounts: list[address], ids: list[u256]) -> list[u256]:
        """Several balances, one for each pair of account and id."""
        raise NotImplementedError

    @external
    def setApprovalForAll(self, operator: address, approved: bool) -> None:
        """Lets `operator` move all tokens of the caller, or not any more."""
        raise NotImplementedError

    @view
    def isApprovedForAll(self, account: address, operator: address) -> bool:
        """Whether `operator` may move all tokens of `account`."""
        raise NotImplementedError

    @external
    def safeTransferFrom(
        self,
        from_: address,
        to: address,
        id: u256,  # noqa: A002
        value: u256,
        data: bytes,
    ) -> None:
        """Moves `value` of token `id`; a contract that gets it must accept."""
        raise NotImplementedError

    @external
    def safeBatchTransferFrom(
        self, from_: address, to: address, ids: list[u256], values: list[u256], data: bytes
    ) -> None:
        """Moves several tokens at once; a contract that gets them must accept."""
        raise NotImplementedError


class IERC1155MetadataURI(Interface):
    """ERC-1155: how tokens are shown, id 0x0e89341c."""

    @view
    def uri(self, id: u256) -> str:  # noqa: A002
        """Where the description of token `id` is; clients put the id in place of `{id}`."""
        raise NotImplementedError


class IERC1155Receiver(Interface):
    """ERC-1155: a contract that takes tokens, id 0x4e2312e0."""

    @external
    def onERC1155Received(
        self,
        operator: address,
        from_: address,
        id: u256,  # noqa: A002
        value: u256,
        data: bytes,
    ) -> bytes4:
        """0xf23a6e61 accepts the token."""
        raise NotImplementedError

    @external
    def onERC1155BatchReceived(
        self, operator: address, from_: address, ids: list[u256], values: list[u256], data: bytes
    ) -> bytes4:
        """0xbc197c81 accepts the tokens."""
        raise NotImplementedError


class IERC2981(Interface):
    """ERC-2981: what a sale owes to the maker, id 0x2a55205a."""

    @view(returns=("receiver", "amount"))
    def royaltyInfo(self, tokenId: u256, salePrice: u256) -> tuple[address, u256]:
        """Who gets how much of a sale."""
        raise NotImplementedError
