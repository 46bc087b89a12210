// SPDX-License-Identifier: Apache-2.0
pragma solidity >=0.8.4;

/// @notice Creates tokens from templates, each at an address that is known beforehand, and lists them.
interface ITokenFactory {
    struct TokenRecord {
        address token;
        bytes32 template;
        address creator;
        uint64 blockNumber;
    }

    /// @notice `creator` has a new token, made from `template` with `args`.
    event TokenCreated(
        address indexed token,
        bytes32 indexed template,
        address indexed creator,
        bytes32 salt,
        bytes args
    );

    /// @notice There is no such template.
    error UnknownTemplate(bytes32 template);

    /// @notice `args` is no encoding of the template's arguments.
    error InvalidTemplateArguments(bytes32 template);

    /// @notice The creator has made this very token with this salt already.
    error TokenExists(address token);

    /// @notice The factory did not make this.
    error UnknownToken(address token);

    /// @notice The contract is in a locked function further up the call stack.
    error ReentrancyGuardReentrantCall();

    /// @notice Makes a token. args: the template's arguments, ABI-encoded as one list; see `template`.
    function createToken(
        bytes32 template,
        bytes calldata args,
        bytes32 salt
    ) external returns (address token);

    /// @notice Where `createToken`, called by `creator` with the same, puts the token.
    function predict(
        bytes32 template,
        bytes calldata args,
        bytes32 salt,
        address creator
    ) external view returns (address token);

    /// @notice How many tokens the factory has made.
    function tokenCount() external view returns (uint256);

    /// @notice Records from number `start` on, oldest first: at most `limit`, and at most 256.
    function tokens(uint256 start, uint256 limit) external view returns (TokenRecord[] memory);

    /// @notice How many tokens `creator` has made.
    function tokenCountOf(address creator) external view returns (uint256);

    /// @notice As `tokens`, of one creator.
    function tokensOf(
        address creator,
        uint256 start,
        uint256 limit
    ) external view returns (TokenRecord[] memory);

    /// @notice Whether the factory made this.
    function isToken(address token) external view returns (bool);

    /// @notice What the factory knows of a token.
    function record(address token) external view returns (TokenRecord memory);

    /// @notice The ids of all templates: keccak of their names.
    function templates() external view returns (bytes32[] memory);

    /// @notice What a template is, and which arguments it takes.
    function template(
        bytes32 template
    ) external view returns (string memory name, string[] memory argumentTypes, string[] memory argumentNames, string memory description);
}
