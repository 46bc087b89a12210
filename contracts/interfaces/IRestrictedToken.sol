// SPDX-License-Identifier: Apache-2.0
pragma solidity >=0.8.4;

/// @notice A security token: verified investors, deny list, freezing, forced transfers and recovery (ERC-1404, ERC-3643).
interface IRestrictedToken {
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

    /// @notice `investorAddress` is a verified investor now.
    event IdentityRegistered(address indexed investorAddress, address indexed identity);

    /// @notice `investorAddress` is a verified investor no longer.
    event IdentityRemoved(address indexed investorAddress, address indexed identity);

    /// @notice The investor's country is `country` now.
    event CountryUpdated(address indexed investorAddress, uint16 indexed country);

    /// @notice `userAddress` may neither send nor receive, or may again.
    event AddressDenied(address indexed userAddress, bool indexed isDenied, address indexed agent);

    /// @notice Investors from `country` may receive nothing, or may again.
    event CountryRestricted(uint16 indexed country, bool indexed isRestricted);

    /// @notice Whether only verified investors may receive tokens.
    event VerificationRequired(bool isRequired);

    /// @notice Tokens moved; from the zero address when they are made, to it when they are destroyed.
    event Transfer(address indexed from, address indexed to, uint256 value);

    /// @notice `spender` may move `value` tokens of `owner`.
    event Approval(address indexed owner, address indexed spender, uint256 value);

    /// @notice An account is frozen, or thawed.
    event AddressFrozen(address indexed userAddress, bool indexed isFrozen, address indexed owner);

    /// @notice Part of an account's tokens can't move.
    event TokensFrozen(address indexed userAddress, uint256 amount);

    /// @notice Part of an account's tokens can move again.
    event TokensUnfrozen(address indexed userAddress, uint256 amount);

    /// @notice The tokens of a lost account have another one.
    event RecoverySuccess(
        address indexed lostWallet,
        address indexed newWallet,
        address indexed investorOnchainID
    );

    /// @notice Not while the contract is paused.
    error EnforcedPause();

    /// @notice Only while the contract is paused.
    error ExpectedPause();

    /// @notice `account` lacks the role that this needs.
    error AccessControlUnauthorizedAccount(address account, bytes32 neededRole);

    /// @notice A role is renounced by its holder alone.
    error AccessControlBadConfirmation();

    /// @notice Neither an investor nor an identity can be the zero address.
    error IdentityInvalid(address account);

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

    /// @notice The role that keeps the register and acts for holders.
    function AGENT_ROLE() external view returns (bytes32);

    /// @notice Whether the account is a registered investor whose country is not restricted.
    function isVerified(address userAddress) external view returns (bool);

    /// @notice Whether the account is registered.
    function contains(address userAddress) external view returns (bool);

    /// @notice The identity behind an account; zero if it is not registered.
    function identity(address userAddress) external view returns (address);

    /// @notice The investor's country (ISO 3166-1 numeric).
    function investorCountry(address userAddress) external view returns (uint16);

    /// @notice Whether the account is on the deny list.
    function isDenied(address userAddress) external view returns (bool);

    /// @notice Whether investors from this country may receive nothing.
    function isCountryRestricted(uint16 country) external view returns (bool);

    /// @notice Whether only verified investors may receive tokens; otherwise everybody who is not denied may.
    function isVerificationRequired() external view returns (bool);

    /// @notice Registers an investor, or registers it anew.
    function registerIdentity(address userAddress, address identity, uint16 country) external;

    /// @notice Registers several investors.
    function batchRegisterIdentity(
        address[] calldata userAddresses,
        address[] calldata identities,
        uint16[] calldata countries
    ) external;

    /// @notice Takes an investor from the register. Its tokens stay.
    function deleteIdentity(address userAddress) external;

    /// @notice Changes an investor's country.
    function updateCountry(address userAddress, uint16 country) external;

    /// @notice Puts an account on the deny list or takes it off.
    function setAddressDenied(address userAddress, bool deny) external;

    /// @notice Puts several accounts on the deny list or takes them off.
    function batchSetAddressDenied(address[] calldata userAddresses, bool[] calldata deny) external;

    /// @notice Keeps investors from `country` from receiving, or lets them.
    function setCountryRestricted(uint16 country, bool restricted) external;

    /// @notice Chooses between an allow list (verified investors only) and a deny list (everybody else too).
    function setVerificationRequired(bool required) external;

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

    /// @notice Moves `value` of the caller's tokens to `to`, if the rules allow it.
    function transfer(address to, uint256 value) external returns (bool);

    /// @notice Lets `spender` move `value` of the caller's tokens, in place of what it might before.
    function approve(address spender, uint256 value) external returns (bool);

    /// @notice Moves `value` tokens of `from`, who allowed the caller to, if the rules allow it.
    function transferFrom(address from, address to, uint256 value) external returns (bool);

    /// @notice 0 if `from` may send `value` to `to`, or else a code; says nothing of its balance beyond what is frozen.
    function detectTransferRestriction(address from, address to, uint256 value) external view returns (uint8);

    /// @notice What a code means.
    function messageForTransferRestriction(uint8 restrictionCode) external view returns (string memory);

    /// @notice Whether the whole account is frozen.
    function isFrozen(address userAddress) external view returns (bool);

    /// @notice How many of the account's tokens are frozen.
    function getFrozenTokens(address userAddress) external view returns (uint256);

    /// @notice Where investors are registered: the token itself.
    function identityRegistry() external view returns (address);

    /// @notice Where the rules are: the token itself.
    function compliance() external view returns (address);

    /// @notice Several transfers, all or none.
    function batchTransfer(address[] calldata toList, uint256[] calldata amounts) external;

    /// @notice Makes tokens for somebody who may receive them.
    function mint(address to, uint256 amount) external;

    /// @notice Makes tokens for several accounts.
    function batchMint(address[] calldata toList, uint256[] calldata amounts) external;

    /// @notice Destroys tokens of an account, thawing what it needs to.
    function burn(address userAddress, uint256 amount) external;

    /// @notice Destroys tokens of several accounts.
    function batchBurn(address[] calldata userAddresses, uint256[] calldata amounts) external;

    /// @notice Moves tokens without their holder, thawing what it needs to; `to` must be allowed to receive.
    function forcedTransfer(address from, address to, uint256 amount) external returns (bool);

    /// @notice Several forced transfers, all or none.
    function batchForcedTransfer(
        address[] calldata fromList,
        address[] calldata toList,
        uint256[] calldata amounts
    ) external;

    /// @notice Freezes or thaws a whole account.
    function setAddressFrozen(address userAddress, bool freeze) external;

    /// @notice Freezes or thaws several accounts.
    function batchSetAddressFrozen(address[] calldata userAddresses, bool[] calldata freeze) external;

    /// @notice Keeps part of an account's tokens from moving.
    function freezePartialTokens(address userAddress, uint256 amount) external;

    /// @notice Lets part of an account's frozen tokens move again.
    function unfreezePartialTokens(address userAddress, uint256 amount) external;

    /// @notice Gives everything of a registered investor's lost account to a new one: tokens, what of them is frozen, and the place in the register.
    function recoveryAddress(
        address lostWallet,
        address newWallet,
        address investorOnchainID
    ) external returns (bool);

    /// @notice Stops transfers by holders. Agents still act.
    function pause() external;

    /// @notice Lets holders transfer again.
    function unpause() external;
}
