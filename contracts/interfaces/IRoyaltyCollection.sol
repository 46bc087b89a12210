// SPDX-License-Identifier: Apache-2.0
pragma solidity >=0.8.4;

/// @notice A collection that can be listed, with royalties on sales (ERC-2981); its owner makes the tokens.
interface IRoyaltyCollection {
    /// @notice The contract has another owner.
    event OwnershipTransferred(address indexed previousOwner, address indexed newOwner);

    /// @notice A token moved; from the zero address when it is made, to it when it is destroyed.
    event Transfer(address indexed from, address indexed to, uint256 indexed tokenId);

    /// @notice `approved` may move one token; nobody may if it is the zero address.
    event Approval(address indexed owner, address indexed approved, uint256 indexed tokenId);

    /// @notice `operator` may move all tokens of `owner`, or not any more.
    event ApprovalForAll(address indexed owner, address indexed operator, bool approved);

    /// @notice Only the owner may do this.
    error OwnableUnauthorizedAccount(address account);

    /// @notice This account cannot be an owner.
    error OwnableInvalidOwner(address owner);

    /// @notice More than the whole price.
    error ERC2981InvalidDefaultRoyalty(uint256 numerator, uint256 denominator);

    /// @notice Nobody to pay to.
    error ERC2981InvalidDefaultRoyaltyReceiver(address receiver);

    /// @notice More than the whole price.
    error ERC2981InvalidTokenRoyalty(uint256 tokenId, uint256 numerator, uint256 denominator);

    /// @notice Nobody to pay to.
    error ERC2981InvalidTokenRoyaltyReceiver(uint256 tokenId, address receiver);

    /// @notice This account cannot own anything.
    error ERC721InvalidOwner(address owner);

    /// @notice There is no such token.
    error ERC721NonexistentToken(uint256 tokenId);

    /// @notice The token belongs to `owner`.
    error ERC721IncorrectOwner(address sender, uint256 tokenId, address owner);

    /// @notice Nothing can come from this account.
    error ERC721InvalidSender(address sender);

    /// @notice Nothing can go to this account, or it does not accept.
    error ERC721InvalidReceiver(address receiver);

    /// @notice `operator` may not move this token.
    error ERC721InsufficientApproval(address operator, uint256 tokenId);

    /// @notice This account cannot allow this.
    error ERC721InvalidApprover(address approver);

    /// @notice This account cannot be an operator.
    error ERC721InvalidOperator(address operator);

    /// @notice The list is shorter; `owner` is zero for the list of all tokens.
    error ERC721OutOfBoundsIndex(address owner, uint256 index);

    /// @notice The contract is in a locked function further up the call stack.
    error ReentrancyGuardReentrantCall();

    /// @notice Who owns the contract; the zero address if nobody does.
    function owner() external view returns (address);

    /// @notice Makes `newOwner` the owner.
    function transferOwnership(address newOwner) external;

    /// @notice Leaves the contract without an owner, for ever.
    function renounceOwnership() external;

    /// @notice Whether the contract has the interface of this id; never for 0xffffffff.
    function supportsInterface(bytes4 interfaceId) external view returns (bool);

    /// @notice Who gets how much of a sale at `salePrice`, in whatever it is paid in.
    function royaltyInfo(
        uint256 tokenId,
        uint256 salePrice
    ) external view returns (address receiver, uint256 amount);

    /// @notice The collection's name.
    function name() external view returns (string memory);

    /// @notice The collection's symbol.
    function symbol() external view returns (string memory);

    /// @notice Where the description of a token is; empty if nobody says.
    function tokenURI(uint256 tokenId) external view returns (string memory);

    /// @notice How many tokens `owner` has.
    function balanceOf(address owner) external view returns (uint256);

    /// @notice Whose token it is.
    function ownerOf(uint256 tokenId) external view returns (address);

    /// @notice Who may move this token beside its owner and the owner's operators.
    function getApproved(uint256 tokenId) external view returns (address);

    /// @notice Whether `operator` may move all tokens of `owner`.
    function isApprovedForAll(address owner, address operator) external view returns (bool);

    /// @notice Lets `to` move one token, until it moves; for its owner and the owner's operators.
    function approve(address to, uint256 tokenId) external;

    /// @notice Lets `operator` move all tokens of the caller, or not any more.
    function setApprovalForAll(address operator, bool approved) external;

    /// @notice Moves a token of `from`. A contract that gets it is not asked: it may be stuck there.
    function transferFrom(address from, address to, uint256 tokenId) external;

    /// @notice Moves a token of `from`. A contract that gets it must accept (onERC721Received).
    function safeTransferFrom(address from, address to, uint256 tokenId) external;

    /// @notice Moves a token of `from`. A contract that gets it must accept (onERC721Received), and sees `data`.
    function safeTransferFrom(address from, address to, uint256 tokenId, bytes calldata data) external;

    /// @notice Makes the next token for `to`, which must accept it if it is a contract.
    function safeMint(address to) external returns (uint256 tokenId);

    /// @notice How many tokens there are.
    function totalSupply() external view returns (uint256);

    /// @notice One of the tokens of `owner`, in no order that lasts.
    function tokenOfOwnerByIndex(address owner, uint256 index) external view returns (uint256);

    /// @notice One of all tokens, in no order that lasts.
    function tokenByIndex(uint256 index) external view returns (uint256);

    /// @notice Destroys a token that the caller may move.
    function burn(uint256 tokenId) external;

    /// @notice Sets the royalty of all tokens that have none of their own, in hundredths of a percent.
    function setDefaultRoyalty(address receiver, uint96 feeNumerator) external;

    /// @notice Takes the royalty of all tokens that have none of their own away.
    function deleteDefaultRoyalty() external;

    /// @notice Sets the royalty of one token, in hundredths of a percent.
    function setTokenRoyalty(uint256 tokenId, address receiver, uint96 feeNumerator) external;

    /// @notice Lets the royalty of all tokens count for this one again.
    function resetTokenRoyalty(uint256 tokenId) external;
}
