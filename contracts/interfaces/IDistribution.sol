// SPDX-License-Identifier: Apache-2.0
pragma solidity >=0.8.4;

/// @notice Rewards, commissions and the community pool, in the ABI of cosmos/evm's DistributionI.
/// @dev Each block shares the block reward and the fees that are not burnt among the validators with a seat, by power, after the part of the community pool. What is earned waits until it is withdrawn. The only denomination is "wei"; coins to give come with the call. Payments run no code of the receiver.
interface IDistribution {
    struct Coin {
        string denom;
        uint256 amount;
    }

    struct DecCoin {
        string denom;
        uint256 amount;
        uint8 precision;
    }

    struct ValidatorDistributionInfo {
        string operatorAddress;
        DecCoin[] selfBondRewards;
        DecCoin[] commission;
    }

    struct PageRequest {
        bytes key;
        uint64 offset;
        uint64 limit;
        bool countTotal;
        bool reverse;
    }

    struct Dec {
        uint256 value;
        uint8 precision;
    }

    struct ValidatorSlashEvent {
        uint64 validatorPeriod;
        Dec fraction;
    }

    struct PageResponse {
        bytes nextKey;
        uint64 total;
    }

    struct DelegationDelegatorReward {
        string validatorAddress;
        DecCoin[] reward;
    }

    /// @notice The delegator withdrew `amount` wei from several validators.
    event ClaimRewards(address indexed delegatorAddress, uint256 amount);

    /// @notice Rewards of the caller go to another account.
    event SetWithdrawerAddress(address indexed caller, string withdrawerAddress);

    /// @notice The delegator withdrew `amount` wei.
    event WithdrawDelegatorReward(
        address indexed delegatorAddress,
        address indexed validatorAddress,
        uint256 amount
    );

    /// @notice The operator withdrew its commission, in wei. The topic is the hash of the operator's text.
    event WithdrawValidatorCommission(string indexed validatorAddress, uint256 commission);

    /// @notice The depositor gave to the community pool.
    event FundCommunityPool(address indexed depositor, string denom, uint256 amount);

    /// @notice The depositor gave to a validator and its delegators.
    event DepositValidatorRewardsPool(
        address indexed depositor,
        address indexed validatorAddress,
        string denom,
        uint256 amount
    );

    /// @notice Only one other contract of the chain may call this.
    error Unauthorized(address caller);

    /// @notice The contract is in a locked function further up the call stack.
    error ReentrancyGuardReentrantCall();

    /// @notice STAKING is about to change the shares of a delegator.
    function beforeStakeChange(
        address validator,
        address delegator,
        uint64 power,
        uint64 rate,
        uint128 shares,
        uint128 delegatorShares
    ) external;

    /// @notice STAKING is about to change the power of a validator, or its rate.
    function beforeValidatorChange(
        address validator,
        uint64 power,
        uint64 newPower,
        uint64 rate,
        uint128 shares
    ) external;

    /// @notice STAKING has slashed a validator.
    function recordSlash(address validator, uint16 bps) external;

    /// @notice Pays what the caller earned with one validator.
    function withdrawDelegatorRewards(
        address delegatorAddress,
        string calldata validatorAddress
    ) external returns (Coin[] memory amount);

    /// @notice Pays what the caller earned with its first `maxRetrieve` validators.
    function claimRewards(address delegatorAddress, uint32 maxRetrieve) external returns (bool success);

    /// @notice Pays the caller the commission of its validator.
    function withdrawValidatorCommission(
        string calldata validatorAddress
    ) external returns (Coin[] memory amount);

    /// @notice From now on what the caller earns is paid to another account, which cannot be a chain contract.
    function setWithdrawAddress(
        address delegatorAddress,
        string calldata withdrawerAddress
    ) external returns (bool success);

    /// @notice Gives coins to the community pool; they come with the call.
    function fundCommunityPool(
        address depositor,
        Coin[] calldata amount
    ) external payable returns (bool success);

    /// @notice Gives coins to a validator and its delegators, as if they were earned; they come with the call.
    function depositValidatorRewardsPool(
        address depositor,
        string calldata validatorAddress,
        Coin[] calldata amount
    ) external payable returns (bool success);

    /// @notice The commission of a validator, and what its own stake earned.
    function validatorDistributionInfo(
        string calldata validatorAddress
    ) external view returns (ValidatorDistributionInfo memory distributionInfo);

    /// @notice What a validator and its delegators earned and have not withdrawn.
    function validatorOutstandingRewards(
        string calldata validatorAddress
    ) external view returns (DecCoin[] memory rewards);

    /// @notice The commission of a validator that was not withdrawn.
    function validatorCommission(
        string calldata validatorAddress
    ) external view returns (DecCoin[] memory commission);

    /// @notice The slashes of a validator in blocks from `startingHeight` to `endingHeight`; `validatorPeriod` is the height.
    function validatorSlashes(
        string calldata validatorAddress,
        uint64 startingHeight,
        uint64 endingHeight,
        PageRequest calldata pageRequest
    ) external view returns (ValidatorSlashEvent[] memory slashes, PageResponse memory pageResponse);

    /// @notice What a delegator earned with one validator and has not withdrawn.
    function delegationRewards(
        address delegatorAddress,
        string calldata validatorAddress
    ) external view returns (DecCoin[] memory rewards);

    /// @notice What a delegator earned with each of its validators and has not withdrawn, and the sum.
    function delegationTotalRewards(
        address delegatorAddress
    ) external view returns (DelegationDelegatorReward[] memory rewards, DecCoin[] memory total);

    /// @notice The validators from which a delegator earns, or has something to withdraw.
    function delegatorValidators(address delegatorAddress) external view returns (string[] memory validators);

    /// @notice Who is paid what the delegator earns.
    function delegatorWithdrawAddress(
        address delegatorAddress
    ) external view returns (string memory withdrawAddress);

    /// @notice What the community pool has.
    function communityPool() external view returns (DecCoin[] memory coins);
}
