// SPDX-License-Identifier: Apache-2.0
pragma solidity >=0.8.4;

/// @notice A collection in which each token is a vote, as for the members of a club; its owner makes the tokens.
interface IMembershipCollection {
    struct Checkpoint208 {
        uint48 key;
        uint208 value;
    }

    /// @notice The contract has another owner.
    event OwnershipTransferred(address indexed previousOwner, address indexed newOwner);

    /// @notice EIP-5267: wallets must read the domain again.
    event EIP712DomainChanged();

    /// @notice Somebody else votes for `delegator`.
    event DelegateChanged(
        address indexed delegator,
        address indexed fromDelegate,
        address indexed toDelegate
    );

    /// @notice `delegate` has more votes, or fewer.
    event DelegateVotesChanged(address indexed delegate, uint256 previousVotes, uint256 newVotes);

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

    /// @notice Nobody made this signature.
    error ECDSAInvalidSignature();

    /// @notice A signature has 65 bytes.
    error ECDSAInvalidSignatureLength(uint256 length);

    /// @notice The second form of a signature (EIP-2).
    error ECDSAInvalidSignatureS(bytes32 s);

    /// @notice The signature is used already, or names a nonce to come.
    error InvalidAccountNonce(address account, uint256 currentNonce);

    /// @notice Votes are known for past blocks alone.
    error ERC5805FutureLookup(uint256 timepoint, uint48 clock);

    /// @notice The signature was good until `expiry`.
    error VotesExpiredSignature(uint256 expiry);

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

    /// @notice Who owns the contract; the zero address if nobody does.
    function owner() external view returns (address);

    /// @notice Makes `newOwner` the owner.
    function transferOwnership(address newOwner) external;

    /// @notice Leaves the contract without an owner, for ever.
    function renounceOwnership() external;

    /// @notice The nonce that the next signature of `owner` must name.
    function nonces(address owner) external view returns (uint256);

    /// @notice The domain that signatures for this contract are made in.
    function eip712Domain() external view returns (bytes1 fields, string memory name, string memory version, uint256 chainId, address verifyingContract, bytes32 salt, uint256[] memory extensions);

    /// @notice Whether the contract has the interface of this id; never for 0xffffffff.
    function supportsInterface(bytes4 interfaceId) external view returns (bool);

    /// @notice The block number.
    function clock() external view returns (uint48);

    /// @notice The clock counts blocks.
    function CLOCK_MODE() external view returns (string memory);

    /// @notice Votes of `account` now.
    function getVotes(address account) external view returns (uint256);

    /// @notice Votes of `account` at the end of block `timepoint`, which must be past.
    function getPastVotes(address account, uint256 timepoint) external view returns (uint256);

    /// @notice All votes at the end of block `timepoint`, delegated or not.
    function getPastTotalSupply(uint256 timepoint) external view returns (uint256);

    /// @notice Who votes for `account`; nobody until it delegates, be it to itself.
    function delegates(address account) external view returns (address);

    /// @notice How often the votes of `account` changed, counting each block once.
    function numCheckpoints(address account) external view returns (uint32);

    /// @notice One of the changes: from which block on, how many votes.
    function checkpoints(address account, uint32 pos) external view returns (Checkpoint208 memory);

    /// @notice Lets `delegatee` vote for the caller, with all that the caller has and gets.
    function delegate(address delegatee) external;

    /// @notice Lets `delegatee` vote for the signer; good until `expiry` (seconds since 1970).
    function delegateBySig(
        address delegatee,
        uint256 nonce,
        uint256 expiry,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external;

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

    /// @notice Destroys a token that the caller may move.
    function burn(uint256 tokenId) external;
}
