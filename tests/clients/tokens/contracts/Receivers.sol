// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {IERC1155} from "@openzeppelin/contracts/token/ERC1155/IERC1155.sol";
import {IERC1155Receiver} from "@openzeppelin/contracts/token/ERC1155/IERC1155Receiver.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {IERC721Receiver} from "@openzeppelin/contracts/token/ERC721/IERC721Receiver.sol";

/// Answers the callbacks of ERC-721 and ERC-1155 in every way a receiver can.
contract Receiver is IERC721Receiver, IERC1155Receiver {
    enum Behaviour { Accept, WrongValue, ShortValue, DirtyValue, RevertEmpty, RevertText, RevertCustom, RevertPanic, PassOn, Burn, SpendAll, MintMore }

    error Refused(address operator, address from, uint256 id);
    event Received721(address operator, address from, uint256 tokenId, bytes data, address ownerNow);
    event Received1155(address operator, address from, uint256 id, uint256 value, bytes data, uint256 balanceNow);
    event ReceivedBatch(address operator, address from, uint256[] ids, uint256[] values, bytes data);

    Behaviour public behaviour;
    address public next;

    constructor(Behaviour behaviour_, address next_) {
        behaviour = behaviour_;
        next = next_;
    }

    /// Does what an owner of a token may.
    function act(address to, bytes calldata data) external {
        (bool done, bytes memory why) = to.call(data);
        if (!done) assembly { revert(add(why, 32), mload(why)) }
    }

    function supportsInterface(bytes4 id) external pure returns (bool) {
        return id == type(IERC165).interfaceId || id == type(IERC1155Receiver).interfaceId;
    }

    function onERC721Received(address operator, address from, uint256 tokenId, bytes calldata data) external returns (bytes4) {
        emit Received721(operator, from, tokenId, data, IERC721(msg.sender).ownerOf(tokenId));
        if (behaviour == Behaviour.PassOn) {
            IERC721(msg.sender).safeTransferFrom(address(this), next, tokenId, "passed on");
        } else if (behaviour == Behaviour.Burn) {
            Collection(msg.sender).burn(tokenId);
        } else if (behaviour == Behaviour.MintMore && tokenId < 3) {
            Collection(msg.sender).safeMint(address(this));
        }
        return answer(operator, from, tokenId, IERC721Receiver.onERC721Received.selector);
    }

    function onERC1155Received(address operator, address from, uint256 id, uint256 value, bytes calldata data) external returns (bytes4) {
        emit Received1155(operator, from, id, value, data, IERC1155(msg.sender).balanceOf(address(this), id));
        if (behaviour == Behaviour.PassOn) {
            IERC1155(msg.sender).safeTransferFrom(address(this), next, id, value, "passed on");
        }
        return answer(operator, from, id, IERC1155Receiver.onERC1155Received.selector);
    }

    function onERC1155BatchReceived(address operator, address from, uint256[] calldata ids, uint256[] calldata values, bytes calldata data)
        external returns (bytes4)
    {
        emit ReceivedBatch(operator, from, ids, values, data);
        if (behaviour == Behaviour.PassOn) {
            IERC1155(msg.sender).safeBatchTransferFrom(address(this), next, ids, values, "passed on");
        }
        return answer(operator, from, ids.length, IERC1155Receiver.onERC1155BatchReceived.selector);
    }

    function answer(address operator, address from, uint256 id, bytes4 right) private view returns (bytes4) {
        if (behaviour == Behaviour.WrongValue) return 0x12345678;
        if (behaviour == Behaviour.ShortValue) assembly { mstore(0, right) return(0, 4) }
        if (behaviour == Behaviour.DirtyValue) assembly { mstore(0, or(right, 1)) return(0, 32) }
        if (behaviour == Behaviour.RevertEmpty) assembly { revert(0, 0) }
        if (behaviour == Behaviour.RevertText) revert("not today");
        if (behaviour == Behaviour.RevertCustom) revert Refused(operator, from, id);
        if (behaviour == Behaviour.RevertPanic) assert(false);
        if (behaviour == Behaviour.SpendAll) while (true) {}
        return right;
    }
}

interface Collection {
    function burn(uint256 tokenId) external;
    function safeMint(address to) external returns (uint256);
}

/// A contract that knows nothing of tokens.
contract Silent {
    uint256 public answer = 42;
}
