"""What the node stores beside each block: the consensus record and the validator sets that follow from it.

Owns the stored form and its reading back at start. Never decides who the validators are: until staking moves them,
the sets of genesis rotate (consensus.proposer).
Form: msgpack list [version, record, set of height h+1, set of height h+2], both sets with proposer priorities.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgpack

from chain.block import Block
from chain.errors import InvariantViolation, NodeError
from consensus.codec import decode_commit, decode_validator_set, encode_validator_set
from consensus.proposer import next_height
from consensus.types import Commit
from consensus.validator_set import ValidatorSet
from node.chain_rules import ParentBlock
from node.payload import decode_record
from state.chain_store import ChainStore

CHAIN_RECORD_VERSION = 1


@dataclass(frozen=True, slots=True)
class HeadRecord:
    """The head as consensus and the next block see it. `validators` decided the head; None at genesis."""

    parent: ParentBlock
    commit: Commit | None
    validators: ValidatorSet | None


@dataclass(frozen=True, slots=True)
class ChainRecord:
    """Stored with block h: the record bytes of its payload, and the sets of h+1 and h+2."""

    record: bytes
    validators: ValidatorSet
    next_validators: ValidatorSet


def genesis_chain_record(validators: ValidatorSet, record: bytes) -> ChainRecord:
    """The record of block 0: `validators` decide height 1."""
    return ChainRecord(record, validators, next_height(validators))


def following_chain_record(parent: ParentBlock, record: bytes) -> ChainRecord:
    """The record of the block after `parent`."""
    return ChainRecord(record, parent.next_validators, next_height(parent.next_validators))


def encode_chain_record(chain_record: ChainRecord) -> bytes:
    """The bytes for the store."""
    packed: bytes = msgpack.packb(
        [
            CHAIN_RECORD_VERSION,
            chain_record.record,
            encode_validator_set(chain_record.validators),
            encode_validator_set(chain_record.next_validators),
        ]
    )
    return packed


def decode_chain_record(raw: bytes) -> ChainRecord:
    """Reads what `encode_chain_record` wrote; anything else in our own store is an InvariantViolation."""
    try:
        version, record, validators, next_validators = msgpack.unpackb(raw)
        if version != CHAIN_RECORD_VERSION:
            raise InvariantViolation(f"chain record of version {version!r}, known is {CHAIN_RECORD_VERSION}")
        return ChainRecord(record, decode_validator_set(validators), decode_validator_set(next_validators))
    except (ValueError, TypeError, LookupError, NodeError) as error:
        raise InvariantViolation(f"stored chain record does not decode: {error}") from error


def load_head_record(store: ChainStore, genesis_record: ChainRecord) -> HeadRecord:
    """The head from the store; block 0 has no stored record. Raises InvariantViolation if a part is missing."""
    number = store.head.number
    header = store.header(number)
    if header is None:
        raise InvariantViolation(f"the store has no header {number}, which its head record names")
    chain_record = _record_of(store, number, genesis_record)
    timestamp_ms = decode_record(chain_record.record).timestamp_ms
    parent = ParentBlock(header, timestamp_ms, chain_record.validators, chain_record.next_validators)
    if number == 0:
        return HeadRecord(parent, None, None)
    certificate = store.certificate(number)
    if certificate is None:
        raise InvariantViolation(f"the store has no commit of block {number}")
    below = _record_of(store, number - 1, genesis_record)
    return HeadRecord(parent, decode_commit(certificate), below.validators)


def _record_of(store: ChainStore, number: int, genesis_record: ChainRecord) -> ChainRecord:
    if number == 0:
        return genesis_record
    stored = store.consensus_record(number)
    if stored is None:
        raise InvariantViolation(f"the store has no consensus record of block {number}")
    return decode_chain_record(stored)


def deciding_validators(store: ChainStore, height: int, genesis_record: ChainRecord) -> ValidatorSet | None:
    """The set of this height, which the record of the block before holds; None for 0 and beyond the next block."""
    if not 1 <= height <= store.head.number + 1:
        return None
    return _record_of(store, height - 1, genesis_record).validators


def head_record_after(parent: ParentBlock, block: Block, timestamp_ms: int, commit: Commit) -> HeadRecord:
    """The head once `block` on `parent` is committed."""
    following = following_chain_record(parent, b"")
    return HeadRecord(
        ParentBlock(block.header, timestamp_ms, following.validators, following.next_validators),
        commit,
        parent.validators,
    )
