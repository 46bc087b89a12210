// SPDX-License-Identifier: Apache-2.0
pragma solidity >=0.8.4;

/// @notice A token whose whole supply is made at once; nobody has rights beyond their own tokens. With permits.
interface IFixedToken {
    /// @notice EIP-5267: wallets must read the domain again.
    event EIP712DomainChanged();

    /// @notice Tokens moved; from the zero address when they are made, to it when they are destroyed.
    event Transfer(address indexed from, address indexed to, uint256 value);

    /// @notice `spender` may move `value` tokens of `owner`.
    event Approval(address indexed owner, address indexed spender, uint256 value);

    /// @notice Nobody made this signature.
    error ECDSAInvalidSignature();

    /// @notice A signature has 65 bytes.
    error ECDSAInvalidSignatureLength(uint256 length);

    /// @notice The second form of a signature (EIP-2).
    error ECDSAInvalidSignatureS(bytes32 s);

    /// @notice The signature is used already, or names a nonce to come.
    error InvalidAccountNonce(address account, uint256 currentNonce);

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

    /// @notice The nonce that the next signature of `owner` must name.
    function nonces(address owner) external view returns (uint256);

    /// @notice The domain that signatures for this contract are made in.
    function eip712Domain() external view returns (bytes1 fields, string memory name, string memory version, uint256 chainId, address verifyingContract, bytes32 salt, uint256[] memory extensions);

    /// @notice Whether the contract has the interface of this id; never for 0xffffffff.
    function supportsInterface(bytes4 interfaceId) external view returns (bool);

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
}
