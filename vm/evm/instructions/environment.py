"""What code may know about its message, its transaction and its block.

Owns: ADDRESS to BLOBBASEFEE, as far as no account is looked up.
Never does: charge; all of these have a fixed price.
Specification: yellow paper appendix H.2, groups 30s and 40s; EIP-211, EIP-1344 (CHAINID), EIP-3198 (BASEFEE),
EIP-4399 (PREVRANDAO), EIP-4844 (BLOBHASH), EIP-7516 (BLOBBASEFEE).
"""

from __future__ import annotations

from vm.evm.frame import WORD_MASK, Frame
from vm.message import CallData

BLOCK_HASHES_SERVED = 256  # yellow paper, BLOCKHASH

_BLOCK_HASHES = "evm block hashes"
_BLOB_BASE_FEE = "evm blob base fee"

_number = int.from_bytes


def address(frame: Frame, stack: list[int], _operand: int) -> None:
    stack.append(_number(frame.address))


def origin(frame: Frame, stack: list[int], _operand: int) -> None:
    stack.append(_number(frame.context.transaction.origin))


def caller(frame: Frame, stack: list[int], _operand: int) -> None:
    stack.append(_number(frame.caller))


def callvalue(frame: Frame, stack: list[int], _operand: int) -> None:
    stack.append(frame.value)


def calldataload(frame: Frame, stack: list[int], _operand: int) -> None:
    start = stack[-1]
    given = frame.input
    if type(given) is CallData:
        stack[-1] = given.word(start)
        if given.is_worth_a_copy:
            frame.input = given[:]
    elif start < len(given):
        word = given[start : start + 32]
        stack[-1] = _number(word) if len(word) == 32 else _number(word) << 8 * (32 - len(word))
    else:
        stack[-1] = 0  # slicing with numbers this large is slow


def calldatasize(frame: Frame, stack: list[int], _operand: int) -> None:
    stack.append(len(frame.input))


def codesize(frame: Frame, stack: list[int], _operand: int) -> None:
    stack.append(len(frame.code))


def gasprice(frame: Frame, stack: list[int], _operand: int) -> None:
    stack.append(frame.context.transaction.gas_price)


def returndatasize(frame: Frame, stack: list[int], _operand: int) -> None:
    stack.append(len(frame.return_data))


def blockhash(frame: Frame, stack: list[int], _operand: int) -> None:
    """Zero outside of the last 256 blocks. Each is looked up once in a transaction: the price is 20 gas."""
    number = stack.pop()
    context = frame.context
    block = context.block
    if not block.number - BLOCK_HASHES_SERVED <= number < block.number:
        stack.append(0)
        return
    known = context.engine_state.setdefault(_BLOCK_HASHES, {})
    if not isinstance(known, dict):
        raise TypeError(_BLOCK_HASHES)
    word = known.get(number)
    if word is None:
        word = known[number] = _number(block.block_hash(number) or b"")
    stack.append(word)


def coinbase(frame: Frame, stack: list[int], _operand: int) -> None:
    stack.append(_number(frame.context.block.beneficiary))


def timestamp(frame: Frame, stack: list[int], _operand: int) -> None:
    stack.append(frame.context.block.timestamp)


def number(frame: Frame, stack: list[int], _operand: int) -> None:
    stack.append(frame.context.block.number)


def difficulty(frame: Frame, stack: list[int], _operand: int) -> None:
    """Before proof of stake."""
    stack.append(frame.context.block.difficulty)


def prevrandao(frame: Frame, stack: list[int], _operand: int) -> None:
    stack.append(_number(frame.context.block.prev_randao))


def gaslimit(frame: Frame, stack: list[int], _operand: int) -> None:
    stack.append(frame.context.block.gas_limit)


def chainid(frame: Frame, stack: list[int], _operand: int) -> None:
    stack.append(frame.context.block.chain_id)


def basefee(frame: Frame, stack: list[int], _operand: int) -> None:
    stack.append(frame.context.block.base_fee_per_gas)


def blobhash(frame: Frame, stack: list[int], _operand: int) -> None:
    index = stack.pop()
    hashes = frame.context.transaction.blob_hashes
    stack.append(_number(hashes[index]) if index < len(hashes) else 0)


def blobbasefee(frame: Frame, stack: list[int], _operand: int) -> None:
    """Computed once in a transaction: the price is 2 gas, and a high excess takes many steps."""
    context = frame.context
    fee = context.engine_state.get(_BLOB_BASE_FEE)
    if not isinstance(fee, int):
        # The word is capped: the price of an absurd excess does not fit it.
        fee = min(context.blob_base_fee(), WORD_MASK)
        context.engine_state[_BLOB_BASE_FEE] = fee
    stack.append(fee)
