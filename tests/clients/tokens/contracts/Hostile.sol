// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

interface Fungible {
    function balanceOf(address account) external view returns (uint256);
    function transfer(address to, uint256 value) external returns (bool);
}

interface Wrapped {
    function deposit() external payable;
    function withdraw(uint256 value) external;
    function balanceOf(address account) external view returns (uint256);
}

/// Calls anything in every way there is, and tells what came back.
contract Prober {
    event Starved(uint256 successes, uint256 leastGas, bool halfDone);

    struct View {
        address at;
        bytes data;
        uint256 step;
    }

    receive() external payable {}

    function viaCall(address to, bytes calldata data, uint256 gas_) external payable returns (bool, bytes memory) {
        return to.call{value: msg.value, gas: gas_}(data);
    }

    function viaStaticCall(address to, bytes calldata data) external view returns (bool, bytes memory) {
        return to.staticcall(data);
    }

    function viaDelegateCall(address to, bytes calldata data) external returns (bool, bytes memory) {
        return to.delegatecall(data);
    }

    function viaCallCode(address to, bytes memory data) external returns (bool done, bytes memory result) {
        assembly {
            done := callcode(gas(), to, 0, add(data, 32), mload(data), 0, 0)
            result := mload(0x40)
            mstore(0x40, add(result, and(add(returndatasize(), 0x3f), not(0x1f))))
            mstore(result, returndatasize())
            returndatacopy(add(result, 32), 0, returndatasize())
        }
    }

    /// What Solidity's try and catch make of a transfer.
    function viaTry(Fungible token, address to, uint256 value) external returns (string memory how, bytes memory why) {
        try token.transfer(to, value) returns (bool done) {
            return (done ? "done" : "false", "");
        } catch Error(string memory text) {
            return ("text", bytes(text));
        } catch Panic(uint256 code) {
            return ("panic", abi.encode(code));
        } catch (bytes memory data) {
            return ("data", data);
        }
    }

    /// Many calls in one transaction; the first that fails ends all with its reason.
    function batch(address[] calldata to, bytes[] calldata data) external {
        for (uint256 i = 0; i < to.length; i++) {
            (bool done, bytes memory why) = to[i].call(data[i]);
            if (!done) assembly { revert(add(why, 32), mload(why)) }
        }
    }

    /// A call whose effects are undone: the caller learns what it returned.
    function undone(address to, bytes calldata data) external returns (bool, bytes memory) {
        try this.revertAfter(to, data) {
            return (false, "");
        } catch (bytes memory told) {
            return abi.decode(told, (bool, bytes));
        }
    }

    function revertAfter(address to, bytes calldata data) external {
        (bool done, bytes memory result) = to.call(data);
        bytes memory told = abi.encode(done, result);
        assembly { revert(add(told, 32), mload(told)) }
    }

    /// Makes a call with every amount of gas from `least` to `most`. Each that succeeds must change what the views tell by their steps
    /// (modulo 2**256), each that fails nothing.
    function starve(address to, bytes calldata data, View[] calldata views, uint256 least, uint256 most, uint256 step) external {
        uint256 successes;
        uint256 leastGas;
        bool halfDone;
        uint256[] memory before = look(views);
        for (uint256 gas_ = least; gas_ <= most; gas_ += step) {
            (bool done,) = to.call{gas: gas_}(data);
            uint256[] memory after_ = look(views);
            for (uint256 i = 0; i < views.length; i++) {
                unchecked {
                    if (after_[i] != before[i] + (done ? views[i].step : 0)) halfDone = true;
                }
            }
            before = after_;
            if (done && leastGas == 0) leastGas = gas_;
            if (done) successes++;
        }
        emit Starved(successes, leastGas, halfDone);
    }

    function look(View[] calldata views) private view returns (uint256[] memory seen) {
        seen = new uint256[](views.length);
        for (uint256 i = 0; i < views.length; i++) {
            (bool done, bytes memory told) = views[i].at.staticcall(views[i].data);
            require(done, "a view failed");
            seen[i] = abi.decode(told, (uint256));
        }
    }

    /// ERC-165: supportsInterface with the 30,000 gas that the standard allows for.
    function asksFor(address token, bytes4 id) external view returns (bool done, bytes memory result) {
        return token.staticcall{gas: 30_000}(abi.encodeWithSignature("supportsInterface(bytes4)", id));
    }
}

/// Comes back into the wrapper of the coin while it is paid.
contract Withdrawer {
    enum Behaviour { Accept, Again, TooMuch, Transfer, Refuse }

    Wrapped public immutable wrapped;
    Behaviour public behaviour;
    uint256 public paid;
    uint256 public calls;
    bool public reentered;
    uint256 public balanceSeen;

    constructor(Wrapped wrapped_) payable {
        wrapped = wrapped_;
        wrapped_.deposit{value: msg.value}();
    }

    function attack(Behaviour behaviour_, uint256 value) external {
        behaviour = behaviour_;
        wrapped.withdraw(value);
        behaviour = Behaviour.Accept;
    }

    receive() external payable {
        paid += msg.value;
        calls += 1;
        Behaviour now_ = behaviour;
        behaviour = Behaviour.Accept;
        balanceSeen = wrapped.balanceOf(address(this));
        if (now_ == Behaviour.Refuse) revert("no coins");
        if (now_ == Behaviour.Again) wrapped.withdraw(msg.value);
        if (now_ == Behaviour.TooMuch) {
            (reentered,) = address(wrapped).call(abi.encodeCall(Wrapped.withdraw, (balanceSeen + 1)));
        }
        if (now_ == Behaviour.Transfer) Fungible(address(wrapped)).transfer(msg.sender, balanceSeen);
    }
}

/// Takes coins with the 2300 gas of the old days, and none else.
contract Thrifty {
    event Paid(uint256 value);

    function withdraw(Wrapped wrapped, uint256 value) external payable {
        wrapped.deposit{value: msg.value}();
        wrapped.withdraw(value);
    }

    receive() external payable {
        emit Paid(msg.value);
    }
}

/// Takes no coins, and says so in few words.
contract Refuser {
    function withdraw(Wrapped wrapped, uint256 value) external payable {
        wrapped.deposit{value: msg.value}();
        wrapped.withdraw(value);
    }

    receive() external payable {
        revert("no coins, please");
    }
}

/// Puts a coin into anything, whether it wants it or not.
contract Forcer {
    constructor(address payable to) payable {
        selfdestruct(to);
    }
}
