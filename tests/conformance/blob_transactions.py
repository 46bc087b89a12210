"""Blob transactions, for the official tests alone: this chain has none, and its code refuses them.

Owns what EIP-4844 adds to a transaction: its decoding, its checks, its blob fee. What is left then runs through
`vm.apply_transaction` like any other, with blob hashes for BLOBHASH to show.
Specification: EIP-4844, EIP-7691 (Prague) and EIP-7594 (Osaka) for the number of blobs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, cast

from chain.keccak import keccak256
from chain.rlp import RlpError, RlpItem, decode, decode_uint, encode
from chain.secp256k1 import recover_address
from chain.transaction import MalformedTransaction, RecoveredTransaction, TransactionType, decode_transaction
from chain.types import Hash32
from state.world import WorldState
from vm.environment import BlockEnvironment
from vm.errors import InsufficientFunds, TransactionRejected, TransactionTypeNotSupported
from vm.forks import Fork
from vm.rules import blob_base_fee, rules_of
from vm.transaction import TransactionResult, apply_transaction, validate_transaction

GAS_PER_BLOB: Final = 1 << 17
VERSION_OF_KZG: Final = 1
MAX_BLOBS: Final[Mapping[Fork, int]] = {Fork.CANCUN: 6, Fork.PRAGUE: 9, Fork.OSAKA: 6}
"""In one transaction."""

_COMMON: Final = (
    9  # chain id to access list, as in a type 2 transaction; then fee cap and hashes, then the signature
)
_FIELDS: Final = 14


class NoBlobs(TransactionRejected):
    """A blob transaction must have a blob."""


class TooManyBlobs(TransactionRejected):
    """More than MAX_BLOBS."""


class InvalidBlobHash(TransactionRejected):
    """A blob hash of an unknown version."""


class BlobFeeCapTooLow(TransactionRejected):
    """The sender offers less than the block's price of blob gas."""


class BlobCreatesContract(TransactionRejected):
    """A blob transaction must have a recipient."""


@dataclass(frozen=True, slots=True)
class BlobTransaction:
    """`recovered` is the transaction without its blobs, in the form of a type 2 transaction; `signing_hash` is what
    its sender signed."""

    recovered: RecoveredTransaction
    max_fee_per_blob_gas: int
    blob_hashes: tuple[Hash32, ...]
    signing_hash: Hash32

    @property
    def blob_gas(self) -> int:
        return GAS_PER_BLOB * len(self.blob_hashes)


def decode_blob_transaction(raw: bytes, chain_id: int) -> BlobTransaction:
    """Raises TransactionError and InvalidSignature."""
    try:
        fields = decode(raw[1:])
        if not isinstance(fields, list) or len(fields) != _FIELDS:
            raise MalformedTransaction("not the fields of a blob transaction")
        fee_cap, hashes = fields[_COMMON], fields[_COMMON + 1]
        if not isinstance(fee_cap, bytes) or not isinstance(hashes, list):
            raise MalformedTransaction("fee cap and hashes of blobs are not of their kinds")
        if not all(isinstance(item, bytes) and len(item) == 32 for item in hashes):
            raise MalformedTransaction("blob hashes are not of 32 bytes")
        max_fee_per_blob_gas = decode_uint(fee_cap)
    except RlpError as error:
        raise MalformedTransaction(str(error)) from None
    without_blobs: list[RlpItem] = [*fields[:_COMMON], *fields[-3:]]
    transaction = decode_transaction(bytes([TransactionType.DYNAMIC_FEE]) + encode(without_blobs), chain_id)
    digest = keccak256(bytes([TransactionType.BLOB]) + encode(fields[:-3]))
    sender = recover_address(digest, transaction.y_parity, transaction.r, transaction.s)
    return BlobTransaction(
        RecoveredTransaction(transaction, sender),
        max_fee_per_blob_gas,
        tuple([Hash32(cast(bytes, item)) for item in hashes]),
        digest,
    )


def apply_blob_transaction(
    world: WorldState, env: BlockEnvironment, blob: BlobTransaction
) -> TransactionResult:
    """Raises a TransactionRejected, having changed nothing."""
    price = _checked_price(world, env, blob)
    world.begin_transaction()
    world.sub_balance(blob.recovered.sender, blob.blob_gas * price)  # burnt, whatever the transaction does
    world.end_transaction(clears_empty=False)
    return apply_transaction(world, env, blob.recovered, blob_hashes=blob.blob_hashes)


def _checked_price(world: WorldState, env: BlockEnvironment, blob: BlobTransaction) -> int:
    """Wei per unit of blob gas."""
    recovered, hashes = blob.recovered, blob.blob_hashes
    transaction = recovered.transaction
    if env.fork not in MAX_BLOBS:
        raise TransactionTypeNotSupported(TransactionType.BLOB)
    if transaction.to is None:
        raise BlobCreatesContract("blob transaction without a recipient")
    if not hashes:
        raise NoBlobs("blob transaction without blobs")
    if len(hashes) > MAX_BLOBS[env.fork]:
        raise TooManyBlobs(f"{len(hashes)} blobs, at most {MAX_BLOBS[env.fork]}")
    if any(item[0] != VERSION_OF_KZG for item in hashes):
        raise InvalidBlobHash("blob hash of an unknown version")
    validate_transaction(world, env, recovered, env.gas_limit)
    price = blob_base_fee(env.excess_blob_gas, rules_of(env.fork))
    if blob.max_fee_per_blob_gas < price:
        raise BlobFeeCapTooLow(f"{blob.max_fee_per_blob_gas} wei per blob gas, {price} wanted")
    want = transaction.gas_limit * transaction.max_fee_per_gas + transaction.value
    want += blob.blob_gas * blob.max_fee_per_blob_gas
    have = world.get_balance(recovered.sender)
    if have < want:
        raise InsufficientFunds(recovered.sender, have, want)
    return price
