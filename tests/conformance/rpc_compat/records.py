"""Blocks, transactions and receipts that Ethereum has had and this chain never does, for the official chain alone.

Owns: headers with fewer fields, ommers, withdrawals, blob transactions and receipts with a state root instead of
a status, each as its product class with a little more; and how RPC shows what they add or lack.
Specification: yellow paper section 4.4, EIP-1559, EIP-4895, EIP-4844, EIP-658; ethereum/execution-apis schemas.
"""

from dataclasses import dataclass
from typing import Final, cast

from chain.block import Block
from chain.header import Header
from chain.keccak import EMPTY_TRIE_ROOT, keccak256
from chain.receipt import Log, Receipt
from chain.rlp import RlpItem, decode, decode_uint, encode, iterate_encoded_items, uint
from chain.transaction import Transaction, TransactionType, decode_transaction
from chain.types import ZERO_HASH, Address, Hash32
from rpc.reading.rendering import OTHER_MEMBERS, JsonObject, text
from tests.conformance.blob_transactions import BlobTransaction, decode_blob_transaction

BASE_FEE_FIELD: Final = 15
REQUESTS_FIELD: Final = 20
LATER_MEMBERS: Final = {
    BASE_FEE_FIELD: "baseFeePerGas",
    16: "withdrawalsRoot",
    17: "blobGasUsed",
    18: "excessBlobGas",
    19: "parentBeaconBlockRoot",
}
"""Members of a header in RPC by the position of the field, for all fields that came after Frontier and that the
product's headers always have."""


@dataclass(frozen=True, slots=True)
class OfficialHeader(Header):
    """`field_count` tells the fork; a field that the header does not have is 0 or the hash of nothing."""

    raw: bytes
    field_count: int

    def encode(self) -> bytes:
        return self.raw


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """EIP-4895; the amount is in Gwei."""

    index: int
    validator_index: int
    address: Address
    amount: int


@dataclass(frozen=True, slots=True)
class Ommer:
    """Who is paid for a block beside the chain."""

    hash: Hash32
    number: int
    beneficiary: Address


@dataclass(frozen=True, slots=True)
class OfficialBlock(Block):
    """`withdrawals` is None before Shanghai."""

    raw: bytes
    ommers: tuple[Ommer, ...]
    withdrawals: tuple[Withdrawal, ...] | None

    def encode(self) -> bytes:
        return self.raw


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class OfficialBlobTransaction(Transaction):
    """For all that executes, a dynamic fee transaction, which the product knows; `blob` has what it lacks."""

    blob: BlobTransaction


@dataclass(frozen=True, slots=True)
class OfficialReceipt(Receipt):
    """`post_state`: before Byzantium, instead of the status. Blob gas is 0 unless the transaction has blobs."""

    post_state: Hash32 | None = None
    blob_gas_used: int = 0
    blob_gas_price: int = 0

    def encode(self) -> bytes:
        outcome = self.post_state if self.post_state is not None else uint(int(self.succeeded))
        logs: list[RlpItem] = [[log.address, list(log.topics), log.data] for log in self.logs]
        encoded = encode([outcome, uint(self.cumulative_gas_used), self.logs_bloom, logs])
        return encoded if self.type is TransactionType.LEGACY else bytes((self.type,)) + encoded


def official_receipt(
    transaction: Transaction,
    *,
    succeeded: bool,
    cumulative_gas_used: int,
    logs_bloom: bytes,
    logs: tuple[Log, ...],
    post_state: Hash32 | None,
    blob_gas_price: int,
) -> OfficialReceipt:
    """The receipt of a transaction of the official chain."""
    blob = transaction.blob if isinstance(transaction, OfficialBlobTransaction) else None
    return OfficialReceipt(
        transaction.type if blob is None else TransactionType.BLOB,
        succeeded,
        cumulative_gas_used,
        logs_bloom,
        logs,
        post_state,
        blob.blob_gas if blob is not None else 0,
        blob_gas_price,
    )


# --- decoding -----------------------------------------------------------------------------------------------


def decode_official_header(raw: bytes) -> OfficialHeader:
    """A header of any fork."""
    fields = cast(list[bytes], decode(raw))
    count = len(fields)
    absent = (b"", EMPTY_TRIE_ROOT, b"", b"", ZERO_HASH)  # of the fields from BASE_FEE_FIELD on
    fields += absent[count - BASE_FEE_FIELD :]
    return OfficialHeader(
        parent_hash=Hash32(fields[0]),
        ommers_hash=Hash32(fields[1]),
        beneficiary=Address(fields[2]),
        state_root=Hash32(fields[3]),
        transactions_root=Hash32(fields[4]),
        receipts_root=Hash32(fields[5]),
        logs_bloom=fields[6],
        difficulty=decode_uint(fields[7]),
        number=decode_uint(fields[8]),
        gas_limit=decode_uint(fields[9]),
        gas_used=decode_uint(fields[10]),
        timestamp=decode_uint(fields[11]),
        extra_data=fields[12],
        prev_randao=Hash32(fields[13]),
        nonce=fields[14],
        base_fee_per_gas=decode_uint(fields[BASE_FEE_FIELD]),
        withdrawals_root=Hash32(fields[16]),
        blob_gas_used=decode_uint(fields[17]),
        excess_blob_gas=decode_uint(fields[18]),
        parent_beacon_block_root=Hash32(fields[19]),
        requests_hash=Hash32(fields[REQUESTS_FIELD]) if count > REQUESTS_FIELD else None,
        raw=raw,
        field_count=count,
    )


def decode_official_block(raw: bytes, chain_id: int) -> OfficialBlock:
    """A block of any fork."""
    (_, header, _), (_, _, transactions), (_, _, ommers), *rest = iterate_encoded_items(
        raw, *_payload_span(raw)
    )
    return OfficialBlock(
        decode_official_header(header),
        tuple(
            [
                _decode_transaction(encoding if is_list else content, chain_id)
                for is_list, encoding, content in iterate_encoded_items(transactions, 0, len(transactions))
            ]
        ),
        raw,
        tuple([_decode_ommer(encoding) for _, encoding, _ in iterate_encoded_items(ommers, 0, len(ommers))]),
        _decode_withdrawals(rest[0][1]) if rest else None,
    )


def _payload_span(raw: bytes) -> tuple[int, int]:
    ((_, _, payload),) = iterate_encoded_items(raw, 0, len(raw))
    return len(raw) - len(payload), len(raw)


def _decode_transaction(raw: bytes, chain_id: int) -> Transaction:
    if raw[0] != TransactionType.BLOB:
        return decode_transaction(raw, chain_id, allow_unprotected=True)
    blob = decode_blob_transaction(raw, chain_id)
    base = blob.recovered.transaction
    return OfficialBlobTransaction(
        base.type,
        base.chain_id,
        base.nonce,
        base.max_priority_fee_per_gas,
        base.max_fee_per_gas,
        base.gas_limit,
        base.to,
        base.value,
        base.data,
        base.access_list,
        (),
        base.y_parity,
        base.r,
        base.s,
        raw,
        keccak256(raw),
        blob.signing_hash,
        blob=blob,
    )


def _decode_ommer(raw: bytes) -> Ommer:
    header = decode_official_header(raw)
    return Ommer(header.hash, header.number, header.beneficiary)


def _decode_withdrawals(raw: bytes) -> tuple[Withdrawal, ...]:
    return tuple(
        [
            Withdrawal(decode_uint(index), decode_uint(validator), Address(address), decode_uint(amount))
            for index, validator, address, amount in cast(list[list[bytes]], decode(raw))
        ]
    )


# --- what RPC shows -------------------------------------------------------------------------------------------


def _header_members(header: OfficialHeader, members: JsonObject) -> JsonObject:
    for position, name in LATER_MEMBERS.items():
        if position >= header.field_count:
            del members[name]
    return members


def _block_members(block: OfficialBlock, members: JsonObject) -> JsonObject:
    members["uncles"] = [text(ommer.hash) for ommer in block.ommers]
    if block.withdrawals is None:
        del members["withdrawals"]
    else:
        members["withdrawals"] = [
            {
                "index": hex(item.index),
                "validatorIndex": hex(item.validator_index),
                "address": text(item.address),
                "amount": hex(item.amount),
            }
            for item in block.withdrawals
        ]
    return members


def _transaction_members(transaction: OfficialBlobTransaction, members: JsonObject) -> JsonObject:
    members["type"] = hex(TransactionType.BLOB)
    members["maxFeePerBlobGas"] = hex(transaction.blob.max_fee_per_blob_gas)
    members["blobVersionedHashes"] = [text(item) for item in transaction.blob.blob_hashes]
    return members


def _receipt_members(receipt: OfficialReceipt, members: JsonObject) -> JsonObject:
    if receipt.post_state is not None:
        del members["status"]
        members["root"] = text(receipt.post_state)
    if receipt.blob_gas_used:
        members["blobGasUsed"] = hex(receipt.blob_gas_used)
        members["blobGasPrice"] = hex(receipt.blob_gas_price)
    return members


OTHER_MEMBERS.update(
    {
        OfficialHeader: _header_members,
        OfficialBlock: _block_members,
        OfficialBlobTransaction: _transaction_members,
        OfficialReceipt: _receipt_members,
    }
)
