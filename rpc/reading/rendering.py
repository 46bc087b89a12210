"""Blocks, transactions, receipts and logs as JSON objects in exactly go-ethereum's shape.

Owns the names and forms of the members. Pure: everything derived (sender, position, index of the first log) is
an argument. Never reads the chain.
Specification: ethereum/execution-apis schemas, go-ethereum internal/ethapi (RPCMarshalHeader,
newRPCTransaction, MarshalReceipt) and core/types (Log).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from chain.block import Block
from chain.header import Header
from chain.keccak import keccak256
from chain.receipt import Log, Receipt
from chain.rlp import encode, uint
from chain.transaction import AccessList, Authorization, Transaction, TransactionType
from chain.types import Address

JsonObject = dict[str, object]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a transaction stands: the members that link it to its block, already in their JSON form."""

    block_hash: str
    block_number: str
    block_timestamp: str
    base_fee: int

    @staticmethod
    def of(header: Header) -> Place:
        """The place that a header gives to the transactions of its block."""
        return Place(text(header.hash), hex(header.number), hex(header.timestamp), header.base_fee_per_gas)


OTHER_MEMBERS: Final[dict[type, Callable[[Any, JsonObject], JsonObject]]] = {}
"""The seam for a back end over a chain with other records: by their classes, what turns the members that such a
record has on this chain into its own. Empty in a node."""


def _as_shown(record: object, members: JsonObject) -> JsonObject:
    own = OTHER_MEMBERS.get(type(record))
    return members if own is None else own(record, members)


def text(value: bytes) -> str:
    """Bytes in hex."""
    return "0x" + value.hex()


def word(value: int) -> str:
    """A 256-bit number as 32 bytes in hex."""
    return f"0x{value:064x}"


def header_json(header: Header) -> JsonObject:
    """The members of a header; total difficulty is left out, as go-ethereum does since the merge."""
    rendered: JsonObject = {
        "number": hex(header.number),
        "hash": text(header.hash),
        "parentHash": text(header.parent_hash),
        "nonce": text(header.nonce),
        "mixHash": text(header.prev_randao),
        "sha3Uncles": text(header.ommers_hash),
        "logsBloom": text(header.logs_bloom),
        "stateRoot": text(header.state_root),
        "miner": text(header.beneficiary),
        "difficulty": hex(header.difficulty),
        "extraData": text(header.extra_data),
        "gasLimit": hex(header.gas_limit),
        "gasUsed": hex(header.gas_used),
        "timestamp": hex(header.timestamp),
        "transactionsRoot": text(header.transactions_root),
        "receiptsRoot": text(header.receipts_root),
        "baseFeePerGas": hex(header.base_fee_per_gas),
        "withdrawalsRoot": text(header.withdrawals_root),
        "blobGasUsed": hex(header.blob_gas_used),
        "excessBlobGas": hex(header.excess_blob_gas),
        "parentBeaconBlockRoot": text(header.parent_beacon_block_root),
    }
    if header.requests_hash is not None:
        rendered["requestsHash"] = text(header.requests_hash)
    return _as_shown(header, rendered)


def block_json(block: Block, senders: Sequence[Address] | None) -> JsonObject:
    """A block with its transactions when their `senders` are given, otherwise with their hashes."""
    rendered = header_json(block.header)
    rendered["size"] = hex(block.size_bytes)
    if senders is None:
        rendered["transactions"] = [text(transaction.hash) for transaction in block.transactions]
    else:
        place = Place.of(block.header)
        rendered["transactions"] = [
            transaction_json(transaction, sender, place, index)
            for index, (transaction, sender) in enumerate(zip(block.transactions, senders, strict=True))
        ]
    rendered["uncles"] = []
    rendered["withdrawals"] = []
    return _as_shown(block, rendered)


def transaction_json(
    transaction: Transaction, sender: Address, place: Place | None, index: int | None
) -> JsonObject:
    """A transaction; `place` and `index` are None while it is pending."""
    kind = transaction.type
    rendered: JsonObject = {
        "blockHash": place.block_hash if place is not None else None,
        "blockNumber": place.block_number if place is not None else None,
        "blockTimestamp": place.block_timestamp if place is not None else None,
        "from": text(sender),
        "gas": hex(transaction.gas_limit),
        "gasPrice": hex(
            transaction.max_fee_per_gas if place is None else transaction.effective_gas_price(place.base_fee)
        ),
    }
    if kind >= TransactionType.DYNAMIC_FEE:
        rendered["maxFeePerGas"] = hex(transaction.max_fee_per_gas)
        rendered["maxPriorityFeePerGas"] = hex(transaction.max_priority_fee_per_gas)
    rendered["hash"] = text(transaction.hash)
    rendered["input"] = text(transaction.data)
    rendered["nonce"] = hex(transaction.nonce)
    rendered["to"] = text(transaction.to) if transaction.to is not None else None
    rendered["transactionIndex"] = hex(index) if index is not None else None
    rendered["value"] = hex(transaction.value)
    rendered["type"] = hex(kind)
    if kind is not TransactionType.LEGACY:
        rendered["accessList"] = access_list_json(transaction.access_list)
    if transaction.chain_id is not None:
        rendered["chainId"] = hex(transaction.chain_id)
    if kind is TransactionType.SET_CODE:
        rendered["authorizationList"] = [_authorization_json(item) for item in transaction.authorizations]
    rendered["v"] = hex(transaction.v)
    rendered["r"] = hex(transaction.r)
    rendered["s"] = hex(transaction.s)
    if kind is not TransactionType.LEGACY:
        rendered["yParity"] = hex(transaction.y_parity)
    return _as_shown(transaction, rendered)


def access_list_json(access_list: AccessList) -> list[JsonObject]:
    """EIP-2930."""
    return [
        {"address": text(address), "storageKeys": [word(slot) for slot in slots]}
        for address, slots in access_list
    ]


def _authorization_json(authorization: Authorization) -> JsonObject:
    return {
        "chainId": hex(authorization.chain_id),
        "address": text(authorization.address),
        "nonce": hex(authorization.nonce),
        "yParity": hex(authorization.y_parity),
        "r": hex(authorization.r),
        "s": hex(authorization.s),
    }


def created_address(sender: Address, nonce: int) -> Address:
    """The address of the contract that a transaction without recipient creates."""
    return Address(keccak256(encode([sender, uint(nonce)]))[12:])


def receipt_json(
    receipt: Receipt,
    transaction: Transaction,
    sender: Address,
    place: Place,
    index: int,
    *,
    gas_used: int,
    first_log_index: int,
) -> JsonObject:
    """A receipt. `gas_used` is the transaction's own; `first_log_index` counts from the block's first log."""
    transaction_hash = text(transaction.hash)
    rendered: JsonObject = {
        "blockHash": place.block_hash,
        "blockNumber": place.block_number,
        "contractAddress": text(created_address(sender, transaction.nonce))
        if transaction.to is None
        else None,
        "cumulativeGasUsed": hex(receipt.cumulative_gas_used),
        "effectiveGasPrice": hex(transaction.effective_gas_price(place.base_fee)),
        "from": text(sender),
        "gasUsed": hex(gas_used),
        "logs": [
            log_json(log, place, transaction_hash, hex(index), first_log_index + offset)
            for offset, log in enumerate(receipt.logs)
        ],
        "logsBloom": text(receipt.logs_bloom),
        "status": "0x1" if receipt.succeeded else "0x0",
        "to": text(transaction.to) if transaction.to is not None else None,
        "transactionHash": transaction_hash,
        "transactionIndex": hex(index),
        "type": hex(receipt.type),
    }
    return _as_shown(receipt, rendered)


def log_json(
    log: Log, place: Place, transaction_hash: str, transaction_index: str, log_index: int
) -> JsonObject:
    """A log of a committed block; `removed` is always false, because no block is ever taken back."""
    return {
        "address": text(log.address),
        "topics": [text(topic) for topic in log.topics],
        "data": text(log.data),
        "blockNumber": place.block_number,
        "transactionHash": transaction_hash,
        "transactionIndex": transaction_index,
        "blockHash": place.block_hash,
        "blockTimestamp": place.block_timestamp,
        "logIndex": hex(log_index),
        "removed": False,
    }


def receipts_with_offsets(receipts: Sequence[Receipt]) -> Iterator[tuple[Receipt, int, int]]:
    """Each receipt of a block with the gas of its own transaction and the index of its first log."""
    gas_before, logs_before = 0, 0
    for receipt in receipts:
        yield receipt, receipt.cumulative_gas_used - gas_before, logs_before
        gas_before = receipt.cumulative_gas_used
        logs_before += len(receipt.logs)
