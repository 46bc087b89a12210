// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// OpenZeppelin's ERC-20 with ERC-2612 permits and ERC-5267; the whole supply belongs to the deployer.
contract PermitToken is ERC20Permit {
    constructor(uint256 supply) ERC20("Permit", "PMT") ERC20Permit("Permit") {
        _mint(msg.sender, supply);
    }
}
