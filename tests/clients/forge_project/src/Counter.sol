// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

contract Counter {
    uint256 public number;

    event Changed(address indexed by, uint256 number);

    constructor(uint256 start) {
        number = start;
    }

    function add(uint256 amount) external {
        require(amount > 0, "Counter: nothing to add");
        number += amount;
        emit Changed(msg.sender, number);
    }
}
