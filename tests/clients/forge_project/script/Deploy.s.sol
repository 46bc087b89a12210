// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {Counter} from "../src/Counter.sol";

interface Vm {
    function startBroadcast() external;
    function stopBroadcast() external;
}

/// Deploys two counters, one of them through CREATE2, and uses them.
contract Deploy {
    bool public constant IS_SCRIPT = true;
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    function run() external {
        vm.startBroadcast();
        Counter counter = new Counter(5);
        counter.add(37);
        Counter other = new Counter{salt: bytes32(uint256(7))}(1);
        other.add(1);
        vm.stopBroadcast();
        require(counter.number() == 42 && other.number() == 2, "wrong numbers");
    }
}
