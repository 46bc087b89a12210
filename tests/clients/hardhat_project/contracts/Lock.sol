// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// Keeps coins until a time has come.
contract Lock {
    uint256 public immutable unlockTime;
    address payable public owner;

    event Withdrawal(uint256 amount, uint256 when);

    error NotOwner(address caller);

    constructor(uint256 time) payable {
        require(block.timestamp < time, "Unlock time should be in the future");
        unlockTime = time;
        owner = payable(msg.sender);
    }

    function withdraw() external {
        require(block.timestamp >= unlockTime, "You can't withdraw yet");
        if (msg.sender != owner) revert NotOwner(msg.sender);
        emit Withdrawal(address(this).balance, block.timestamp);
        (bool paid, ) = owner.call{value: address(this).balance}("");
        require(paid, "not paid");
    }
}
