// SPDX-License-Identifier: Apache-2.0
pragma solidity >=0.8.4;

/// @notice Many tokens in one contract (ERC-1155), such as the things of a game; counted, burnable, pausable. With roles.
interface IMultiToken {
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

    /// @notice Some of one token moved; from the zero address when made, to it when destroyed.
    event TransferSingle(
        address indexed operator,
        address indexed from,
        address indexed to,
        uint256 id,
        uint256 value
    );

    /// @notice Several tokens moved at once.
    event TransferBatch(
        address indexed operator,
        address indexed from,
        address indexed to,
        uint256[] ids,
        uint256[] values
    );

    /// @notice `operator` may move all tokens of `account`, or not any more.
    event ApprovalForAll(address indexed account, address indexed operator, bool approved);

    /// @notice A token is described elsewhere now.
    event URI(string value, uint256 indexed id);

    /// @notice Not while the contract is paused.
    error EnforcedPause();

    /// @notice Only while the contract is paused.
    error ExpectedPause();

    /// @notice `account` lacks the role that this needs.
    error AccessControlUnauthorizedAccount(address account, bytes32 neededRole);

    /// @notice A role is renounced by its holder alone.
    error AccessControlBadConfirmation();

    /// @notice `sender` has less of the token than it wants to move.
    error ERC1155InsufficientBalance(address sender, uint256 balance, uint256 needed, uint256 tokenId);

    /// @notice Nothing can come from this account.
    error ERC1155InvalidSender(address sender);

    /// @notice Nothing can go to this account, or it does not accept.
    error ERC1155InvalidReceiver(address receiver);

    /// @notice `operator` may not move tokens of `owner`.
    error ERC1155MissingApprovalForAll(address operator, address owner);

    /// @notice This account cannot allow this.
    error ERC1155InvalidApprover(address approver);

    /// @notice This account cannot be an operator.
    error ERC1155InvalidOperator(address operator);

    /// @notice Lists that belong together differ in length.
    error ERC1155InvalidArrayLength(uint256 idsLength, uint256 valuesLength);

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

    /// @notice Where the description of token `id` is: its own URI, or the common one.
    function uri(uint256 id) external view returns (string memory);

    /// @notice How much of token `id` an account has.
    function balanceOf(address account, uint256 id) external view returns (uint256);

    /// @notice Several balances, one for each pair of account and id.
    function balanceOfBatch(
        address[] calldata accounts,
        uint256[] calldata ids
    ) external view returns (uint256[] memory);

    /// @notice Whether `operator` may move all tokens of `account`.
    function isApprovedForAll(address account, address operator) external view returns (bool);

    /// @notice Lets `operator` move all tokens of the caller, or not any more.
    function setApprovalForAll(address operator, bool approved) external;

    /// @notice Moves `value` of token `id` of `from`. A contract that gets it must accept (onERC1155Received).
    function safeTransferFrom(
        address from,
        address to,
        uint256 id,
        uint256 value,
        bytes calldata data
    ) external;

    /// @notice Moves several tokens of `from`. A contract that gets them must accept (onERC1155BatchReceived).
    function safeBatchTransferFrom(
        address from,
        address to,
        uint256[] calldata ids,
        uint256[] calldata values,
        bytes calldata data
    ) external;

    /// @notice How much of token `id` there is.
    function totalSupply(uint256 id) external view returns (uint256);

    /// @notice How much of all tokens together there is.
    function totalSupply() external view returns (uint256);

    /// @notice Whether there is any of token `id`.
    function exists(uint256 id) external view returns (bool);

    /// @notice Destroys `value` of token `id` of `account`.
    function burn(address account, uint256 id, uint256 value) external;

    /// @notice Destroys several tokens of `account`.
    function burnBatch(address account, uint256[] calldata ids, uint256[] calldata values) external;

    /// @notice The role that says where tokens are described.
    function URI_SETTER_ROLE() external view returns (bytes32);

    /// @notice Sets the URI of all tokens that have none of their own.
    function setURI(string calldata newuri) external;

    /// @notice Sets the URI of one token; an empty one lets that of all tokens count again.
    function setTokenURI(uint256 id, string calldata tokenURI) external;

    /// @notice Makes `amount` of token `id` for `account`, which must accept it if it is a contract.
    function mint(address account, uint256 id, uint256 amount, bytes calldata data) external;

    /// @notice Makes several tokens for `to`, which must accept them if it is a contract.
    function mintBatch(
        address to,
        uint256[] calldata ids,
        uint256[] calldata amounts,
        bytes calldata data
    ) external;
}
