"""What a proposal carries: the Ethereum block, and beside it the consensus data that its header commits to.

Owns the wire and storage form of both. Never executes or judges a block: see node.block_execution.
Form: msgpack, first element the version, in its shortest form: a block has one payload. The header commits to
everything: transactions by their root, the consensus record by `parent_beacon_block_root`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgpack

from chain.block import Block
from chain.errors import NodeError
from chain.header import decode_header
from chain.keccak import keccak256
from chain.transaction import RecoveredTransaction, decode_transaction, recover_sender
from chain.types import Hash32
from consensus.codec import decode_commit, decode_evidence, encode_commit, encode_evidence
from consensus.evidence import accused_of, canonical
from consensus.types import Commit, Evidence
from node.errors import InvalidPayload

PAYLOAD_VERSION = 1
RECORD_VERSION = 2
MAX_HEADER_BYTES = 1024  # a Prague header is about 620 bytes
MAX_TRANSACTIONS_PER_BLOCK = 100_000  # a plain transfer is over 100 bytes; a block is at most a few MB
# Each piece costs two signature checks and a lookup, and takes stake from somebody: 16 validators that signed twice are
# more than the chain survives, and further ones wait for the next block.
MAX_EVIDENCE_PER_BLOCK = 16
MAX_EVIDENCE_BYTES = 320  # two signed proposals with the largest numbers take 288

KnownTransaction = Callable[[Hash32], RecoveredTransaction | None]


@dataclass(frozen=True, slots=True)
class ConsensusRecord:
    """What consensus adds to a block: its exact time, the parent's commit, and proof of double signing.

    evidence: at most MAX_EVIDENCE_PER_BLOCK canonical pieces, one a validator, by ascending consensus address.
    """

    timestamp_ms: int
    last_commit: Commit | None  # None only in block 1, whose parent is the genesis block
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class BlockPayload:
    """A proposed or decided block with its consensus record; `transactions` are the block's with their senders."""

    block: Block
    transactions: tuple[RecoveredTransaction, ...]
    record: ConsensusRecord


def encode_payload(payload: BlockPayload) -> bytes:
    """The bytes that travel in proposals and in block sync."""
    return encode_payload_parts(payload.block, encode_record(payload.record))


def encode_payload_parts(block: Block, record: bytes) -> bytes:
    """As `encode_payload`, from a block and its stored record."""
    raws = [transaction.raw for transaction in block.transactions]
    packed: bytes = msgpack.packb([PAYLOAD_VERSION, block.header.encode(), raws, record])
    return packed


def decode_payload(
    raw: bytes,
    chain_id: int,
    max_bytes: int,
    known: KnownTransaction,
    *,
    max_transactions: int = MAX_TRANSACTIONS_PER_BLOCK,
) -> BlockPayload:
    """Raises InvalidPayload for anything that is not the one encoding of a payload of this chain.

    `known` gives a transaction that was decoded before, by the hash of its bytes: that saves decoding it and
    recovering its sender again. `max_transactions` bounds that work for a payload that no gas limit admits.
    """
    if len(raw) > max_bytes:
        raise InvalidPayload(f"payload of {len(raw)} bytes, at most {max_bytes} are allowed")
    version, header, raws, record = _unpack(raw, 4, max_bytes)
    if version != PAYLOAD_VERSION:
        raise InvalidPayload(f"unknown payload version {version!r}")
    if not isinstance(header, bytes) or len(header) > MAX_HEADER_BYTES:
        raise InvalidPayload("header is not a short byte string")
    if not isinstance(raws, list) or len(raws) > max_transactions:
        raise InvalidPayload("transactions are not a list of allowed length")
    if not all(isinstance(item, bytes) for item in raws) or not isinstance(record, bytes):
        raise InvalidPayload("transactions and record must be byte strings")
    try:
        recovered = tuple(_recover(item, chain_id, known) for item in raws)
        block = Block(decode_header(header), tuple(item.transaction for item in recovered))
    except NodeError as error:
        raise InvalidPayload(f"block does not decode: {error}") from error
    payload = BlockPayload(block, recovered, decode_record(record))
    # msgpack has several encodings of a number and a length: a block id must not have several payloads.
    if encode_payload(payload) != raw:
        raise InvalidPayload("not the canonical encoding")
    return payload


def encode_record(record: ConsensusRecord) -> bytes:
    """The stored form of the record."""
    commit = encode_commit(record.last_commit) if record.last_commit is not None else b""
    evidence = [encode_evidence(piece) for piece in record.evidence]
    packed: bytes = msgpack.packb([RECORD_VERSION, record.timestamp_ms, commit, evidence])
    return packed


def decode_record(raw: bytes) -> ConsensusRecord:
    """Raises InvalidPayload."""
    version, timestamp_ms, commit, evidence = _unpack(raw, 4, len(raw))
    if version != RECORD_VERSION or type(timestamp_ms) is not int or not 0 <= timestamp_ms < 1 << 63:
        raise InvalidPayload("consensus record has an unknown version or a wrong time")
    if not isinstance(commit, bytes):
        raise InvalidPayload("commit must be a byte string")
    try:
        last_commit = decode_commit(commit) if commit else None
    except NodeError as error:
        raise InvalidPayload(f"commit does not decode: {error}") from error
    return ConsensusRecord(timestamp_ms, last_commit, _decode_pieces(evidence))


def _decode_pieces(pieces: object) -> tuple[Evidence, ...]:
    if not isinstance(pieces, list) or len(pieces) > MAX_EVIDENCE_PER_BLOCK:
        raise InvalidPayload(f"evidence is not a list of at most {MAX_EVIDENCE_PER_BLOCK}")
    if not all(isinstance(piece, bytes) and len(piece) <= MAX_EVIDENCE_BYTES for piece in pieces):
        raise InvalidPayload("a piece of evidence is not a short byte string")
    try:
        evidence = tuple(decode_evidence(piece) for piece in pieces)
    except NodeError as error:
        raise InvalidPayload(f"evidence does not decode: {error}") from error
    accused = [accused_of(piece) for piece in evidence]
    if accused != sorted(set(accused)):
        raise InvalidPayload("evidence is not about different validators in ascending order")
    if any(canonical(piece) != piece for piece in evidence):
        raise InvalidPayload("the messages of a piece of evidence are not in order")
    return evidence


def _recover(raw: bytes, chain_id: int, known: KnownTransaction) -> RecoveredTransaction:
    recovered = known(keccak256(raw))
    if recovered is not None:
        return recovered
    transaction = decode_transaction(raw, chain_id)
    return RecoveredTransaction(transaction, recover_sender(transaction))


def _unpack(raw: bytes, length: int, max_bytes: int) -> list[object]:
    try:
        value = msgpack.unpackb(
            raw,
            raw=False,
            strict_map_key=True,
            max_bin_len=max_bytes,
            max_array_len=MAX_TRANSACTIONS_PER_BLOCK,
            max_str_len=0,
            max_map_len=0,
            max_ext_len=0,
        )
    except (ValueError, msgpack.exceptions.UnpackException, RecursionError) as error:
        raise InvalidPayload(f"not msgpack of the expected form: {error}") from error
    if not isinstance(value, list) or len(value) != length:
        raise InvalidPayload(f"expected a list of {length} elements")
    return value
