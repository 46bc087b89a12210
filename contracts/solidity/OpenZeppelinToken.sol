// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// OpenZeppelin's ERC-20 as most tokens have it: the whole supply belongs to the deployer.
contract OpenZeppelinToken is ERC20 {
    constructor(uint256 supply) ERC20("Benchmark", "BEN") {
        _mint(msg.sender, supply);
    }
}
