"""What a receiver of tokens answered.

Owns: the reading of one answer to onERC721Received, onERC1155Received or onERC1155BatchReceived.
Never does: call; ERC-721 and ERC-1155 do.
Specification: ERC-721, ERC-1155; OpenZeppelin Contracts 5, ERC721Utils.sol and ERC1155Utils.sol, whose try/catch
tells a refusal from an answer that is no bytes4: Solidity's decoder reverts for that one, without data.
"""

from __future__ import annotations

from vm.system.errors import Revert

_WORD: int = 32
_SELECTOR: int = 4


def accepted(outcome: tuple[bool, bytes], selector: bytes) -> bool:
    """Whether a receiver said yes, which is to return the function's own selector.

    Raises Revert with what the receiver reverted with, or without data if it returned no bytes4.
    """
    succeeded, answer = outcome
    if not succeeded:
        if answer:
            raise Revert(answer)
        return False
    if len(answer) < _WORD or any(answer[_SELECTOR:_WORD]):
        raise Revert
    return answer[:_SELECTOR] == selector
