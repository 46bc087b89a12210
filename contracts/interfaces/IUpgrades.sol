// SPDX-License-Identifier: Apache-2.0
pragma solidity >=0.8.4;

/// @notice New versions of system contracts, announced before they act.
/// @dev An authority lists accounts, the version they get and the height. When the block of that height begins, before anything else in it, each account gets the version and its storage is migrated, or, if that fails, stays as it was.
interface IUpgrades {
    /// @notice Another account may accept to be the authority.
    event AuthorityTransferStarted(address indexed previousAuthority, address indexed newAuthority);

    /// @notice Another account is the authority.
    event AuthorityTransferred(address indexed previousAuthority, address indexed newAuthority);

    /// @notice At `height` the targets get `version`, unless the upgrade is cancelled before.
    event UpgradeScheduled(uint256 indexed id, address[] targets, uint16 version, uint64 height);

    /// @notice The upgrade will not happen.
    event UpgradeCancelled(uint256 indexed id);

    /// @notice From this block on the target runs `version`.
    event UpgradeApplied(uint256 indexed id, address indexed target, uint16 version);

    /// @notice The target keeps its version; `reason` is the begin of what its migration reverted with.
    event UpgradeFailed(uint256 indexed id, address indexed target, uint16 version, bytes reason);

    /// @notice Only the authority may do this, or, for acceptAuthority, whom it named.
    error NotAuthority(address account);

    /// @notice The earliest height is that of this block and the notice.
    error TooSoon(uint64 height, uint64 earliest);

    /// @notice An upgrade is of something.
    error NoTargets();

    /// @notice All upgrades that wait have `most` targets at most.
    error TooManyTargets(uint256 most);

    /// @notice The same account stands twice in the list.
    error TargetTwice(address target);

    /// @notice The account has no system contract's code.
    error NotSystemContract(address target);

    /// @notice The account has this version, or a later one.
    error NotNewer(address target, uint16 present);

    /// @notice The program has no such version of the account's class.
    error UnknownVersion(address target, uint16 version);

    /// @notice There is no such upgrade, or it was cancelled, or its height has come.
    error NotWaiting(uint256 id);

    /// @notice Only one other contract of the chain may call this.
    error Unauthorized(address caller);

    /// @notice The contract is in a locked function further up the call stack.
    error ReentrancyGuardReentrantCall();

    /// @notice Who may schedule upgrades; the zero address if nobody may.
    function authority() external view returns (address);

    /// @notice Who may accept to be the authority.
    function pendingAuthority() external view returns (address);

    /// @notice Offers the authority to `newAuthority`, which must accept; the zero address takes an offer back.
    function setAuthority(address newAuthority) external;

    /// @notice Makes the caller the authority, if that was offered to it.
    function acceptAuthority() external;

    /// @notice Announces that the system contracts at `targets` get `version` when block `height` begins.
    function schedule(
        address[] calldata targets,
        uint16 version,
        uint64 height
    ) external returns (uint256 id);

    /// @notice Takes an upgrade back whose height has not come.
    function cancel(uint256 id) external;

    /// @notice Least number of blocks between the block that schedules an upgrade and the one that begins with it.
    function noticeBlocks() external view returns (uint64);

    /// @notice How many upgrades were ever scheduled. The first has the id 1.
    function upgradeCount() external view returns (uint256);

    /// @notice One upgrade. `status` is 0 for an unknown id, 1 waiting, 2 cancelled, 3 done; `failures` of its targets kept their version.
    function upgrade(
        uint256 id
    ) external view returns (address[] memory targets, uint16 version, uint64 height, uint8 status, uint16 failures);

    /// @notice At most `limit` of the upgrades that wait, from place `start` on, in the order in which they were scheduled; and how many wait altogether.
    function pending(
        uint256 start,
        uint256 limit
    ) external view returns (uint256[] memory ids, uint256 total);

    /// @notice Class and version of a system contract; zeros for any other account.
    function versionOf(address target) external view returns (uint32 classId, uint16 version);

    /// @notice One step of an upgrade, as a call of its own, so that a failure undoes this step alone.
    function applyTo(address target, uint16 version) external;
}
