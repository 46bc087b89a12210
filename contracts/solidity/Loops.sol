// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// Loops that a benchmark runs: each turn is some ten to thirty instructions of one kind.
contract Loops {
    uint256[16] private _slots;

    /// 256-bit arithmetic without checks.
    function run(uint256 n) external pure returns (uint256 a) {
        unchecked {
            a = 1;
            for (uint256 i = 0; i < n; ++i) {
                a = a * 6364136223846793005 + i;
                a ^= a >> 33;
                a = a % 1000000000000000000000000000000000000117;
            }
        }
    }

    /// Arithmetic with the overflow checks that solc adds.
    function checked(uint256 n) external pure returns (uint256 a) {
        for (uint256 i = 0; i < n; ++i) {
            a = a / 3 + i * 7;
            if (a > i) a = a - i;
        }
    }

    /// A warm slot read and written each turn.
    function stor(uint256 n) external returns (uint256 a) {
        unchecked {
            for (uint256 i = 0; i < n; ++i) {
                a = _slots[i & 15] + i;
                _slots[i & 15] = a;
            }
        }
    }

    /// A hash of 64 bytes each turn.
    function hash(uint256 n) external pure returns (uint256 a) {
        assembly {
            for { let i := 0 } lt(i, n) { i := add(i, 1) } {
                mstore(0, a)
                mstore(32, i)
                a := keccak256(0, 64)
            }
        }
    }
}
