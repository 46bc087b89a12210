// SPDX-License-Identifier: Apache-2.0
pragma solidity >=0.8.4;

/// @notice The chain's coin as an ERC-20 token: deposit coins for tokens, withdraw tokens for coins (WETH9).
interface IWrappedCoin {
    /// @notice `guy` may move `wad` tokens of `src`.
    event Approval(address indexed src, address indexed guy, uint256 wad);

    /// @notice Tokens moved.
    event Transfer(address indexed src, address indexed dst, uint256 wad);

    /// @notice Coins became tokens of `dst`.
    event Deposit(address indexed dst, uint256 wad);

    /// @notice Tokens of `src` became coins.
    event Withdrawal(address indexed src, uint256 wad);

    /// @notice The token's name.
    function name() external view returns (string memory);

    /// @notice The token's symbol.
    function symbol() external view returns (string memory);

    /// @notice Digits after the point when amounts are shown, as for the coin.
    function decimals() external view returns (uint8);

    /// @notice All tokens there are: the coins that lie here.
    function totalSupply() external view returns (uint256);

    /// @notice Tokens of `account`.
    function balanceOf(address account) external view returns (uint256);

    /// @notice What `guy` may still move for `src`.
    function allowance(address src, address guy) external view returns (uint256);

    /// @notice Makes the coins that come with the call tokens of the caller.
    function deposit() external payable;

    /// @notice Makes `wad` of the caller's tokens coins again. A contract's code gets 2,300 gas to receive them.
    function withdraw(uint256 wad) external;

    /// @notice Lets `guy` move `wad` of the caller's tokens.
    function approve(address guy, uint256 wad) external returns (bool);

    /// @notice Moves `wad` of the caller's tokens to `dst`.
    function transfer(address dst, uint256 wad) external returns (bool);

    /// @notice Moves `wad` tokens of `src`, who allowed the caller to; 2**256 - 1 is an allowance without end.
    function transferFrom(address src, address dst, uint256 wad) external returns (bool);

    receive() external payable;
}
