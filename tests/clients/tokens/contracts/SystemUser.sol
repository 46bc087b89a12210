// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

// A contract of somebody who knows the chain's own contracts by their published interfaces alone.
import {IDistribution} from "interfaces/IDistribution.sol";
import {IFixedToken} from "interfaces/IFixedToken.sol";
import {IMultiToken} from "interfaces/IMultiToken.sol";
import {IRoyaltyCollection} from "interfaces/IRoyaltyCollection.sol";
import {ISlashing} from "interfaces/ISlashing.sol";
import {IStaking} from "interfaces/IStaking.sol";
import {ITokenFactory} from "interfaces/ITokenFactory.sol";
import {IVotesToken} from "interfaces/IVotesToken.sol";
import {IWrappedCoin} from "interfaces/IWrappedCoin.sol";

contract SystemUser {
    IStaking private constant STAKING = IStaking(0x00000000000000000000000000000000005C0001);
    IDistribution private constant DISTRIBUTION = IDistribution(0x00000000000000000000000000000000005C0002);
    ISlashing private constant SLASHING = ISlashing(0x00000000000000000000000000000000005c0003);
    ITokenFactory private constant FACTORY = ITokenFactory(0x00000000000000000000000000000000005c000B);
    IWrappedCoin private constant COIN = IWrappedCoin(payable(0x00000000000000000000000000000000005C0017));

    IVotesToken public votes;
    IRoyaltyCollection public collection;
    IMultiToken public multi;
    uint256 public received;

    receive() external payable {}

    function make(bytes32 salt) external {
        bytes32 template = keccak256("erc20-votes");
        bytes memory args = abi.encode("Made by a contract", "MBC", uint256(1_000), address(this));
        address predicted = FACTORY.predict(template, args, salt, address(this));
        require(predicted.code.length == 0, "nothing is there");
        votes = IVotesToken(FACTORY.createToken(template, args, salt));
        require(address(votes) == predicted, "at the predicted address");
        require(predicted.code.length == 9, "with code");
        ITokenFactory.TokenRecord memory known = FACTORY.record(predicted);
        require(known.creator == address(this) && known.template == template && known.blockNumber == block.number, "as recorded");
        try FACTORY.createToken(template, args, salt) {
            revert("made twice");
        } catch (bytes memory why) {
            require(keccak256(why) == keccak256(abi.encodeWithSelector(ITokenFactory.TokenExists.selector, predicted)), "exists");
        }
        votes.delegate(address(this));
        require(votes.getVotes(address(this)) == 1_000 && votes.clock() == block.number, "has votes");
        votes.mint(address(this), 1);
        IVotesToken.Checkpoint208 memory checkpoint = votes.checkpoints(address(this), 0);
        require(checkpoint.key == block.number && checkpoint.value == 1_001, "one checkpoint for the block");
    }

    /// What became of a transfer, read from the error that the interface declares.
    function spend(address to, uint256 value) external returns (string memory what, address who, uint256 balance, uint256 needed) {
        try votes.transfer(to, value) returns (bool done) {
            return (done ? "moved" : "not moved", address(0), 0, 0);
        } catch (bytes memory why) {
            if (bytes4(why) == IVotesToken.ERC20InsufficientBalance.selector) {
                (who, balance, needed) = abi.decode(slice(why), (address, uint256, uint256));
                return ("too poor", who, balance, needed);
            }
            return ("something else", address(0), 0, 0);
        }
    }

    function collect(bytes32 salt) external {
        bytes memory args = abi.encode("Art", "ART", "ipfs://", address(this), uint96(500), address(this));
        collection = IRoyaltyCollection(FACTORY.createToken(keccak256("erc721-royalties"), args, salt));
        require(collection.safeMint(address(this)) == 0 && collection.ownerOf(0) == address(this), "minted to itself");
        (address receiver, uint256 amount) = collection.royaltyInfo(0, 1 ether);
        require(receiver == address(this) && amount == 0.05 ether, "royalties");
        args = abi.encode("ipfs://{id}", address(this));
        multi = IMultiToken(FACTORY.createToken(keccak256("erc1155-multi"), args, salt));
        uint256[] memory ids = new uint256[](2);
        (ids[0], ids[1]) = (5, 6);
        multi.mintBatch(address(this), ids, ids, "batch");
        address[] memory owners = new address[](2);
        (owners[0], owners[1]) = (address(this), address(this));
        require(keccak256(abi.encode(multi.balanceOfBatch(owners, ids))) == keccak256(abi.encode(ids)), "a batch to itself");
        require(received == 2, "was asked twice");
    }

    function onERC721Received(address, address, uint256, bytes calldata) external returns (bytes4) {
        received++;
        return this.onERC721Received.selector;
    }

    function onERC1155BatchReceived(address, address, uint256[] calldata, uint256[] calldata, bytes calldata data) external returns (bytes4) {
        require(keccak256(data) == keccak256("batch"), "data");
        received++;
        return this.onERC1155BatchReceived.selector;
    }

    /// Coins become tokens, half of them for the sender, and the rest coins again.
    function wrap() external payable {
        uint256 before = address(this).balance;
        COIN.deposit{value: msg.value}();
        COIN.transfer(msg.sender, msg.value / 2);
        COIN.withdraw(msg.value - msg.value / 2);
        require(address(this).balance == before - msg.value / 2 && COIN.balanceOf(address(this)) == 0, "unwrapped");
    }

    function stake(string calldata validator) external payable returns (uint256 shares, uint256 worth) {
        require(STAKING.delegate{value: msg.value}(address(this), validator, msg.value), "delegated");
        IStaking.Coin memory balance;
        (shares, balance) = STAKING.delegation(address(this), validator);
        return (shares, balance.amount);
    }

    function unstake(string calldata validator, uint256 amount) external returns (int64 completionTime) {
        completionTime = STAKING.undelegate(address(this), validator, amount);
        IStaking.UnbondingDelegationEntry[] memory entries = STAKING.unbondingDelegation(address(this), validator).entries;
        require(entries.length == 1 && entries[0].balance == amount && entries[0].completionTime == completionTime, "leaves");
    }

    function withdrawRewards(string calldata validator) external returns (uint256 paid) {
        uint256 before = address(this).balance;
        IDistribution.Coin[] memory coins = DISTRIBUTION.withdrawDelegatorRewards(address(this), validator);
        paid = address(this).balance - before;
        require(coins.length == 0 ? paid == 0 : coins[0].amount == paid, "paid");
    }

    /// What staking and slashing know of the strongest validator.
    function firstValidator() external view returns (string memory operator, uint256 tokens, int64 window) {
        IStaking.PageRequest memory page = IStaking.PageRequest("", 0, 1, false, false);
        (IStaking.Validator[] memory found,) = STAKING.validators("BOND_STATUS_BONDED", page);
        return (found[0].operatorAddress, found[0].tokens, SLASHING.getParams().signedBlocksWindow);
    }

    /// Stakes with every amount of gas: each time wholly or not at all.
    function stakeStarved(string calldata validator, uint256 least, uint256 most, uint256 step) external payable returns (uint256 successes) {
        for (uint256 gas_ = least; gas_ <= most; gas_ += step) {
            uint256 coins = address(this).balance;
            uint256 staked = stakedWith(validator);
            uint256 all = STAKING.totalStaked();
            (bool done,) = address(STAKING).call{gas: gas_, value: 1}(abi.encodeCall(IStaking.delegate, (address(this), validator, 1)));
            uint256 moved = done ? 1 : 0;
            require(address(this).balance == coins - moved, "coins");
            require(stakedWith(validator) == staked + moved && STAKING.totalStaked() == all + moved, "stake");
            successes += moved;
        }
    }

    function stakedWith(string calldata validator) private view returns (uint256) {
        (, IStaking.Coin memory balance) = STAKING.delegation(address(this), validator);
        return balance.amount;
    }

    function slice(bytes memory data) private pure returns (bytes memory rest) {
        rest = new bytes(data.length - 4);
        for (uint256 i = 4; i < data.length; i++) rest[i - 4] = data[i];
    }
}
