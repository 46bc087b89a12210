// SPDX-License-Identifier: Apache-2.0
pragma solidity >=0.8.4;

/// @notice Downtime, double signing and jail, in the ABI of cosmos/evm's ISlashing.
/// @dev A validator that missed too many blocks of the last window is slashed and jailed; its operator may end that after the jail time. One that signed twice is slashed and never validates again.
interface ISlashing {
    struct SigningInfo {
        address validatorAddress;
        int64 startHeight;
        int64 indexOffset;
        int64 jailedUntil;
        bool tombstoned;
        int64 missedBlocksCounter;
    }

    struct PageRequest {
        bytes key;
        uint64 offset;
        uint64 limit;
        bool countTotal;
        bool reverse;
    }

    struct PageResponse {
        bytes nextKey;
        uint64 total;
    }

    struct Dec {
        uint256 value;
        uint8 precision;
    }

    struct Params {
        int64 signedBlocksWindow;
        Dec minSignedPerWindow;
        int64 downtimeJailDuration;
        Dec slashFractionDoubleSign;
        Dec slashFractionDowntime;
    }

    /// @notice The validator may hold a seat again.
    event ValidatorUnjailed(address indexed validator);

    /// @notice The validator missed too many blocks.
    event ValidatorDown(address indexed consensusAddress, uint64 missedBlocks, uint64 jailedUntil);

    /// @notice The validator signed twice at this height.
    event ValidatorEquivocated(address indexed consensusAddress, uint64 infractionHeight);

    /// @notice Only one other contract of the chain may call this.
    error Unauthorized(address caller);

    /// @notice The contract is in a locked function further up the call stack.
    error ReentrancyGuardReentrantCall();

    /// @notice STAKING tells consensus of a validator that had no seat.
    function seatGained(address consensusAddress) external;

    /// @notice STAKING tells consensus that a validator has no seat any more.
    function seatLost(address consensusAddress) external;

    /// @notice Ends the jail of the caller's validator after its time. It gets a seat if it is among the strongest.
    function unjail(address validatorAddress) external returns (bool success);

    /// @notice What is known of the signatures of a consensus key; `indexOffset` is the number of blocks that counted.
    function getSigningInfo(address consAddress) external view returns (SigningInfo memory signingInfo);

    /// @notice The same for all keys that ever had a seat, in the order in which they first had one.
    function getSigningInfos(
        PageRequest calldata pagination
    ) external view returns (SigningInfo[] memory signingInfos, PageResponse memory pageResponse);

    /// @notice The parameters of this contract; times in seconds.
    function getParams() external view returns (Params memory params);
}
