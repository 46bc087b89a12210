// SPDX-License-Identifier: Apache-2.0
pragma solidity >=0.8.4;

/// @notice Validators, delegations and unbondings, in the ABI of cosmos/evm's StakingI.
/// @dev Who validates is decided at the end of each block: the validators with the most stake that are not jailed, one unit of power for each coin. Coins to stake come with the call. Validators and delegators in string arguments are addresses, 0x and 40 hex digits. A new validator calls registerConsensusKey first.
interface IStaking {
    struct RedelegationEntry {
        int64 creationHeight;
        int64 completionTime;
        uint256 initialBalance;
        uint256 sharesDst;
    }

    struct RedelegationOutput {
        string delegatorAddress;
        string validatorSrcAddress;
        string validatorDstAddress;
        RedelegationEntry[] entries;
    }

    struct PageRequest {
        bytes key;
        uint64 offset;
        uint64 limit;
        bool countTotal;
        bool reverse;
    }

    struct Redelegation {
        string delegatorAddress;
        string validatorSrcAddress;
        string validatorDstAddress;
        RedelegationEntry[] entries;
    }

    struct RedelegationEntryResponse {
        RedelegationEntry redelegationEntry;
        uint256 balance;
    }

    struct RedelegationResponse {
        Redelegation redelegation;
        RedelegationEntryResponse[] entries;
    }

    struct PageResponse {
        bytes nextKey;
        uint64 total;
    }

    struct UnbondingDelegationEntry {
        int64 creationHeight;
        int64 completionTime;
        uint256 initialBalance;
        uint256 balance;
        uint64 unbondingId;
        int64 unbondingOnHoldRefCount;
    }

    struct UnbondingDelegationOutput {
        string delegatorAddress;
        string validatorAddress;
        UnbondingDelegationEntry[] entries;
    }

    struct Description {
        string moniker;
        string identity;
        string website;
        string securityContact;
        string details;
    }

    struct CommissionRates {
        uint256 rate;
        uint256 maxRate;
        uint256 maxChangeRate;
    }

    struct Validator {
        string operatorAddress;
        string consensusPubkey;
        bool jailed;
        uint8 status;
        uint256 tokens;
        uint256 delegatorShares;
        Description description;
        int64 unbondingHeight;
        int64 unbondingTime;
        uint256 commission;
        uint256 minSelfDelegation;
    }

    struct Coin {
        string denom;
        uint256 amount;
    }

    /// @notice A new validator with this much stake of its own.
    event CreateValidator(address indexed validatorAddress, uint256 value);

    /// @notice The validator changed its description, commission rate or least own stake; -1 stands for what stays.
    event EditValidator(address indexed validatorAddress, int256 commissionRate, int256 minSelfDelegation);

    /// @notice `amount` wei became `newShares` shares of the validator.
    event Delegate(
        address indexed delegatorAddress,
        address indexed validatorAddress,
        uint256 amount,
        uint256 newShares
    );

    /// @notice `amount` wei leave the validator, and are paid at the completion time.
    event Unbond(
        address indexed delegatorAddress,
        address indexed validatorAddress,
        uint256 amount,
        uint256 completionTime
    );

    /// @notice `amount` wei went from one validator to the other.
    event Redelegate(
        address indexed delegatorAddress,
        address indexed validatorSrcAddress,
        address indexed validatorDstAddress,
        uint256 amount,
        uint256 completionTime
    );

    /// @notice `amount` wei that were on their way out are staked again.
    event CancelUnbondingDelegation(
        address indexed delegatorAddress,
        address indexed validatorAddress,
        uint256 amount,
        uint256 creationHeight
    );

    /// @notice The delegator got `amount` wei at the end of an unbonding.
    event CompleteUnbonding(
        address indexed delegatorAddress,
        address indexed validatorAddress,
        uint256 amount
    );

    /// @notice The operator proved that it has this consensus key.
    event RegisterConsensusKey(address indexed operator, address indexed consensusAddress, bytes publicKey);

    /// @notice `burnt` wei of the validator's stake are gone; what is leaving it since `infractionHeight` follows.
    event Slash(address indexed validatorAddress, uint64 infractionHeight, uint16 bps, uint256 burnt);

    /// @notice `burnt` wei of a delegator are gone that left `validatorAddress` after it signed twice.
    event SlashLeavingStake(
        address indexed delegatorAddress,
        address indexed validatorAddress,
        uint256 burnt
    );

    /// @notice The validator may hold no seat until it is released.
    event Jail(address indexed validatorAddress);

    /// @notice Only one other contract of the chain may call this.
    error Unauthorized(address caller);

    /// @notice The contract is in a locked function further up the call stack.
    error ReentrancyGuardReentrantCall();

    /// @notice Stakes `amount` wei of the caller, which come with the call, with a validator.
    function delegate(
        address delegatorAddress,
        string calldata validatorAddress,
        uint256 amount
    ) external payable returns (bool success);

    /// @notice Moves `amount` wei of the caller's stake to another validator at once. Until the completion time they are still slashed if the old one signed twice, and cannot move on from the new one.
    function redelegate(
        address delegatorAddress,
        string calldata validatorSrcAddress,
        string calldata validatorDstAddress,
        uint256 amount
    ) external returns (int64 completionTime);

    /// @notice The redelegations of a delegator between two validators that are not complete, the oldest first.
    function redelegation(
        address delegatorAddress,
        string calldata srcValidatorAddress,
        string calldata dstValidatorAddress
    ) external view returns (RedelegationOutput memory redelegation);

    /// @notice Redelegations that are not complete, the newest first: those of a delegator, or, with the zero address as delegator, those away from a validator. An empty string stands for any validator. `reverse` and `countTotal` are not served; each redelegation counts for the limit, and those of one delegator between the same two validators stand in one response.
    function redelegations(
        address delegatorAddress,
        string calldata srcValidatorAddress,
        string calldata dstValidatorAddress,
        PageRequest calldata pageRequest
    ) external view returns (RedelegationResponse[] memory response, PageResponse memory pageResponse);

    /// @notice Takes `amount` wei of the caller's stake out. They are paid after the unbonding time, at once if the validator has had no seat for so long.
    function undelegate(
        address delegatorAddress,
        string calldata validatorAddress,
        uint256 amount
    ) external returns (int64 completionTime);

    /// @notice Stakes `amount` wei again with the validator that they were leaving since block `creationHeight`.
    function cancelUnbondingDelegation(
        address delegatorAddress,
        string calldata validatorAddress,
        uint256 amount,
        uint256 creationHeight
    ) external returns (bool success);

    /// @notice The unbondings of a delegator from a validator, the oldest first.
    function unbondingDelegation(
        address delegatorAddress,
        string calldata validatorAddress
    ) external view returns (UnbondingDelegationOutput memory unbondingDelegation);

    /// @notice Slashes what a validator has and what left it since the height of its fault, and jails it for ever.
    function slashForDoubleSign(address consensusAddress, uint64 infractionHeight, uint16 bps) external;

    /// @notice Slashes what a validator has, and jails it.
    function slashForDowntime(address consensusAddress, uint16 bps) external;

    /// @notice Says that the caller's validator will sign with this compressed secp256k1 key (33 bytes).
    /// @dev `proof` is the key's own signature (r, s, v: 65 bytes) over keccak256("aurigraph-consensus-key-proof\x01" ‖ chain id in 32 bytes ‖ caller). A later call replaces the key, until createValidator has used it.
    function registerConsensusKey(bytes calldata publicKey, bytes calldata proof) external;

    /// @notice Makes the caller a validator with `value` wei of its own, which come with the call: at least one coin.
    /// @dev `validatorAddress` is the caller; `pubkey` the key registered before, in Base64 or 0x and hex digits. Rates have 18 decimals. It gets a seat at the end of a block in which it is among the strongest.
    function createValidator(
        Description calldata description,
        CommissionRates calldata commissionRates,
        uint256 minSelfDelegation,
        address validatorAddress,
        string calldata pubkey,
        uint256 value
    ) external payable returns (bool success);

    /// @notice Changes the caller's validator: "[do-not-modify]" keeps a text, -1 keeps a number.
    /// @dev The rate rises by at most maxChangeRate, to at most maxRate, and changes once in 24 hours; the least own stake only rises, to at most what the validator has at stake itself.
    function editValidator(
        Description calldata description,
        address validatorAddress,
        int256 commissionRate,
        int256 minSelfDelegation
    ) external returns (bool success);

    /// @notice One validator; all fields are empty if there is none.
    function validator(address validatorAddress) external view returns (Validator memory validator);

    /// @notice Validators in the order in which they were created. `status`: "" for all, or "BOND_STATUS_BONDED", "BOND_STATUS_UNBONDING", "BOND_STATUS_UNBONDED".
    function validators(
        string calldata status,
        PageRequest calldata pageRequest
    ) external view returns (Validator[] memory validators, PageResponse memory pageResponse);

    /// @notice The shares of a delegator, and the wei that they are worth.
    function delegation(
        address delegatorAddress,
        string calldata validatorAddress
    ) external view returns (uint256 shares, Coin memory balance);

    /// @notice The rates of a validator with their bounds (18 decimals), and when they last changed.
    function commission(
        address validatorAddress
    ) external view returns (CommissionRates memory commissionRates, uint64 updateTime);

    /// @notice Who runs the validator with this consensus address; the zero address for a stranger.
    function operatorOf(address consensusAddress) external view returns (address);

    /// @notice The address of a validator's consensus key.
    function consensusAddressOf(address validator) external view returns (address);

    /// @notice What rewards depend on: power, commission rate, all shares, and those of one delegator.
    function stakeOf(
        address validator,
        address delegator
    ) external view returns (uint64 power, uint64 rate, uint128 shares, uint128 delegatorShares);

    /// @notice Lets a validator hold a seat again. Returns whether it has kept its old one, as the last of all may.
    function releaseFromJail(address validator) external returns (bool);

    /// @notice The power of all validators with a seat.
    function bondedPower() external view returns (uint256);

    /// @notice Wei that are staked with all validators.
    function totalStaked() external view returns (uint256);
}
