// SPDX-License-Identifier: Apache-2.0
pragma solidity >=0.8.4;

/// @notice A collection whose minters give each token a URI of its own; burnable, and pausers can stop it. With roles.
interface ICollectionToken {
    /// @notice The contract was stopped by `account`.
    event Paused(address account);

    /// @notice The contract goes on.
    event Unpaused(address account);

    /// @notice Holders of another role grant and revoke `role` now.
    event RoleAdminChanged(
        bytes32 indexed role,
        bytes32 indexed previousAdminRole,
        bytes32 indexed newAdminRole
    );

    /// @notice `account` has `role` now.
    event RoleGranted(bytes32 indexed role, address indexed account, address indexed sender);

    /// @notice `account` does not have `role` any more.
    event RoleRevoked(bytes32 indexed role, address indexed account, address indexed sender);

    /// @notice A token moved; from the zero address when it is made, to it when it is destroyed.
    event Transfer(address indexed from, address indexed to, uint256 indexed tokenId);

    /// @notice `approved` may move one token; nobody may if it is the zero address.
    event Approval(address indexed owner, address indexed approved, uint256 indexed tokenId);

    /// @notice `operator` may move all tokens of `owner`, or not any more.
    event ApprovalForAll(address indexed owner, address indexed operator, bool approved);

    /// @notice A token is described anew.
    event MetadataUpdate(uint256 tokenId);

    /// @notice Tokens are described anew.
    event BatchMetadataUpdate(uint256 fromTokenId, uint256 toTokenId);

    /// @notice Not while the contract is paused.
    error EnforcedPause();

    /// @notice Only while the contract is paused.
    error ExpectedPause();

    /// @notice `account` lacks the role that this needs.
    error AccessControlUnauthorizedAccount(address account, bytes32 neededRole);

    /// @notice A role is renounced by its holder alone.
    error AccessControlBadConfirmation();

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

    /// @notice The contract is in a locked function further up the call stack.
    error ReentrancyGuardReentrantCall();

    /// @notice Whether the contract is stopped.
    function paused() external view returns (bool);

    /// @notice Whether the contract has the interface of this id; never for 0xffffffff.
    function supportsInterface(bytes4 interfaceId) external view returns (bool);

    /// @notice The role that grants and revokes all roles which have no other admin: zero.
    function DEFAULT_ADMIN_ROLE() external view returns (bytes32);

    /// @notice Whether `account` has `role`.
    function hasRole(bytes32 role, address account) external view returns (bool);

    /// @notice The role whose holders grant and revoke `role`.
    function getRoleAdmin(bytes32 role) external view returns (bytes32);

    /// @notice Gives `role` to `account`; only for holders of the role's admin role.
    function grantRole(bytes32 role, address account) external;

    /// @notice Takes `role` from `account`; only for holders of the role's admin role.
    function revokeRole(bytes32 role, address account) external;

    /// @notice Takes `role` from the caller, who must name itself.
    function renounceRole(bytes32 role, address callerConfirmation) external;

    /// @notice The role that makes tokens.
    function MINTER_ROLE() external view returns (bytes32);

    /// @notice The role that stops the contract and lets it go on.
    function PAUSER_ROLE() external view returns (bytes32);

    /// @notice Stops all movements of tokens.
    function pause() external;

    /// @notice Lets tokens move again.
    function unpause() external;

    /// @notice The collection's name.
    function name() external view returns (string memory);

    /// @notice The collection's symbol.
    function symbol() external view returns (string memory);

    /// @notice Where the description of a token is: the common beginning, and the token's own end or else its number.
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

    /// @notice Destroys a token that the caller may move.
    function burn(uint256 tokenId) external;

    /// @notice Makes the next token for `to`, which must accept it if it is a contract.
    function safeMint(address to, string calldata uri) external returns (uint256 tokenId);
}
