// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {Counter} from "../src/Counter.sol";

interface Vm {
    function createSelectFork(string calldata url) external returns (uint256);
    function deal(address account, uint256 balance) external;
    function prank(address sender) external;
    function roll(uint256 number) external;
    function envString(string calldata name) external returns (string memory);
    function envAddress(string calldata name) external returns (address);
}

/// Runs on a fork of the node: forge reads accounts, code and storage over RPC.
contract CounterTest {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    function setUp() public {
        vm.createSelectFork(vm.envString("NODE_URL"));
    }

    function testForkSeesTheDeployedCounter() public {
        Counter counter = Counter(vm.envAddress("COUNTER"));
        require(counter.number() == 42, "the fork has another state");
        vm.prank(address(0xBEEF));
        counter.add(1);
        require(counter.number() == 43, "the fork does not run");
    }

    function testForkHasTheBalances() public view {
        require(address(0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266).balance > 1 ether, "no balance");
    }
}
