// SPDX-License-Identifier: Apache-2.0
pragma solidity >=0.8.4;

/// @notice A token that minters make more of, holders may burn and pausers can stop. With roles and permits.
interface IMintableToken {
    /// @notice The contract was stopped by `account`.
    event Paused(address account);

    /// @notice The contract goes on.
    event Unpaused(address account);

    /// @notice EIP-5267: wallets must read the domain again.
    event EIP712DomainChanged();

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

    /// @notice Tokens moved; from the zero address when they are made, to it when they are destroyed.
    event Transfer(address indexed from, address indexed to, uint256 value);

    /// @notice `spender` may move `value` tokens of `owner`.
    event Approval(address indexed owner, address indexed spender, uint256 value);

    /// @notice Not while the contract is paused.
    error EnforcedPause();

    /// @notice Only while the contract is paused.
    error ExpectedPause();

    /// @notice Nobody made this signature.
    error ECDSAInvalidSignature();

    /// @notice A signature has 65 bytes.
    error ECDSAInvalidSignatureLength(uint256 length);

    /// @notice The second form of a signature (EIP-2).
    error ECDSAInvalidSignatureS(bytes32 s);

    /// @notice The signature is used already, or names a nonce to come.
    error InvalidAccountNonce(address account, uint256 currentNonce);

    /// @notice `account` lacks the role that this needs.
    error AccessControlUnauthorizedAccount(address account, bytes32 neededRole);

    /// @notice A role is renounced by its holder alone.
    error AccessControlBadConfirmation();

    /// @notice `sender` has fewer tokens than it wants to move.
    error ERC20InsufficientBalance(address sender, uint256 balance, uint256 needed);

    /// @notice Nothing can come from this account.
    error ERC20InvalidSender(address sender);

    /// @notice Nothing can go to this account.
    error ERC20InvalidReceiver(address receiver);

    /// @notice The owner allowed less than this.
    error ERC20InsufficientAllowance(address spender, uint256 allowance, uint256 needed);

    /// @notice This account cannot allow anything.
    error ERC20InvalidApprover(address approver);

    /// @notice Nothing can be allowed to this account.
    error ERC20InvalidSpender(address spender);

    /// @notice The signature was good until `deadline`.
    error ERC2612ExpiredSignature(uint256 deadline);

    /// @notice Somebody else signed.
    error ERC2612InvalidSigner(address signer, address owner);

    /// @notice The contract is in a locked function further up the call stack.
    error ReentrancyGuardReentrantCall();

    /// @notice Whether the contract is stopped.
    function paused() external view returns (bool);

    /// @notice The nonce that the next signature of `owner` must name.
    function nonces(address owner) external view returns (uint256);

    /// @notice The domain that signatures for this contract are made in.
    function eip712Domain() external view returns (bytes1 fields, string memory name, string memory version, uint256 chainId, address verifyingContract, bytes32 salt, uint256[] memory extensions);

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

    /// @notice The token's name.
    function name() external view returns (string memory);

    /// @notice The token's symbol.
    function symbol() external view returns (string memory);

    /// @notice Digits after the point when amounts are shown.
    function decimals() external view returns (uint8);

    /// @notice All tokens there are, in the smallest unit.
    function totalSupply() external view returns (uint256);

    /// @notice Tokens of `account`.
    function balanceOf(address account) external view returns (uint256);

    /// @notice What `spender` may still move for `owner`.
    function allowance(address owner, address spender) external view returns (uint256);

    /// @notice Moves `value` of the caller's tokens to `to`.
    function transfer(address to, uint256 value) external returns (bool);

    /// @notice Lets `spender` move `value` of the caller's tokens, in place of what it might before.
    function approve(address spender, uint256 value) external returns (bool);

    /// @notice Moves `value` tokens of `from`, who allowed the caller to.
    function transferFrom(address from, address to, uint256 value) external returns (bool);

    /// @notice Makes `amount` tokens for `to`.
    function mint(address to, uint256 amount) external;

    /// @notice Sets an allowance that `owner` signed, good until `deadline` (seconds since 1970).
    function permit(
        address owner,
        address spender,
        uint256 value,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external;

    /// @notice The hash of the EIP-712 domain.
    function DOMAIN_SEPARATOR() external view returns (bytes32);

    /// @notice Destroys `value` of the caller's tokens.
    function burn(uint256 value) external;

    /// @notice Destroys `value` tokens of `account`, who allowed the caller to move them.
    function burnFrom(address account, uint256 value) external;
}
