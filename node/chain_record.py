"""What the node stores beside each block: the consensus record, the validators that follow from it, its own events.

Owns the stored form and its reading back. Never decides who the validators are: the staking contract does, and its
updates in block h are in force from height h+2 on (CometBFT spec/abci, FinalizeBlock).
Form: msgpack list [version, record, hash of the set of height h+2, its proposer priorities, validator updates, RLP of
the events]. The members of a set are stored once, under its hash: sets change rarely, priorities at each height.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import msgpack

from chain.block import Block
from chain.errors import InvariantViolation, NodeError
from chain.receipt import Log, decode_logs
from chain.types import Hash32
from chain.validator_update import ValidatorUpdate
from consensus.codec import decode_commit, decode_validator_set, encode_validator_set
from consensus.errors import InvalidValidatorSet
from consensus.proposer import next_height
from consensus.types import Commit
from consensus.validator_set import ValidatorSet, apply_updates, with_priorities
from node.chain_rules import ParentBlock
from node.payload import ConsensusRecord, decode_record
from state.chain_store import ChainStore
from vm.requests import encode_events

CHAIN_RECORD_VERSION = 2
_MEMBERS_KEY: Final = b"consensus/validators/"
_CACHED_SETS: Final = 32
"""Decoded sets of 200 validators that are kept; a question about an older block reads it again in 1 ms."""


@dataclass(frozen=True, slots=True)
class HeadRecord:
    """The head as consensus and the next block see it. `validators` decided the head; None at genesis."""

    parent: ParentBlock
    commit: Commit | None
    validators: ValidatorSet | None


@dataclass(frozen=True, slots=True)
class GenesisRecord:
    """What follows from the genesis file: the record bytes of block 0, and the sets of heights 1 and 2."""

    record: bytes
    validators: ValidatorSet
    next_validators: ValidatorSet


@dataclass(frozen=True, slots=True)
class ChainRecord:
    """Stored with block h: the record bytes of its payload, the set of h+2, and what its hooks asked for and logged."""

    record: bytes
    next_validators: ValidatorSet
    updates: tuple[ValidatorUpdate, ...] = ()
    events: tuple[Log, ...] = ()


def genesis_chain_record(validators: ValidatorSet, record: bytes) -> GenesisRecord:
    """The record of block 0: `validators` decide height 1."""
    return GenesisRecord(record, validators, next_height(validators))


def following_validators(parent: ParentBlock, updates: Sequence[ValidatorUpdate]) -> ValidatorSet:
    """The set of height h+2 after block h on `parent` asked for `updates`.

    Raises InvariantViolation if there is no such set, which the staking contract never lets happen: an empty one, a
    removed stranger, or power out of bounds.
    """
    try:
        return apply_updates(next_height(parent.next_validators), updates)
    except (InvalidValidatorSet, NodeError) as error:
        raise InvariantViolation(
            f"block {parent.header.number + 1} asks for validators that cannot be: {error}"
        ) from error


def write_chain_record(store: ChainStore, chain_record: ChainRecord) -> bytes:
    """The bytes for the store; the members of the set are in it when this returns.

    They are written before the block that names them: a crash in between leaves a row that nobody asks for.
    """
    validators = chain_record.next_validators
    key = _MEMBERS_KEY + validators.hash()
    if store.meta_get(key) is None:
        plain = with_priorities(validators, (0,) * len(validators))
        store.meta_put(key, encode_validator_set(plain))
    return encode_chain_record(chain_record)


def encode_chain_record(chain_record: ChainRecord) -> bytes:
    """The bytes of the record, without the members of its set."""
    packed: bytes = msgpack.packb(
        [
            CHAIN_RECORD_VERSION,
            chain_record.record,
            chain_record.next_validators.hash(),
            list(chain_record.next_validators.priorities),
            [[update.public_key, update.power] for update in chain_record.updates],
            encode_events(chain_record.events),
        ]
    )
    return packed


def read_chain_record(store: ChainStore, raw: bytes) -> ChainRecord:
    """Reads what `write_chain_record` wrote; anything else in our own store is an InvariantViolation."""
    try:
        record, set_hash, priorities, updates, events = _unpack(raw)
        members = store.meta_get(_MEMBERS_KEY + set_hash)
        if members is None:
            raise InvariantViolation(f"the store has no validator set 0x{set_hash.hex()}")
        read = ChainRecord(
            record,
            with_priorities(_decode_members(members), tuple(priorities)),
            tuple(ValidatorUpdate(public_key, power) for public_key, power in updates),
            decode_logs(events),
        )
        if encode_chain_record(read) != raw:
            raise InvariantViolation("stored chain record is not what this program writes")
        return read
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError, NodeError) as error:
        raise InvariantViolation(f"stored chain record does not decode: {error}") from error


def record_bytes(raw: bytes) -> bytes:
    """Only the record bytes of the payload, from the stored bytes. Raises InvariantViolation."""
    try:
        return _unpack(raw)[0]
    except (ValueError, TypeError, LookupError, NodeError) as error:
        raise InvariantViolation(f"stored chain record does not decode: {error}") from error


def _unpack(raw: bytes) -> tuple[bytes, Hash32, list[int], list[tuple[bytes, int]], bytes]:
    version, record, set_hash, priorities, updates, events = msgpack.unpackb(raw)
    if version != CHAIN_RECORD_VERSION:
        raise InvariantViolation(f"chain record of version {version!r}, known is {CHAIN_RECORD_VERSION}")
    if not isinstance(record, bytes) or not isinstance(set_hash, bytes) or not isinstance(events, bytes):
        raise TypeError("a field is not a byte string")
    if not all(type(priority) is int for priority in priorities):
        raise TypeError("a priority is not a number")
    return record, Hash32(set_hash), priorities, updates, events


@lru_cache(maxsize=_CACHED_SETS)
def _decode_members(raw: bytes) -> ValidatorSet:
    return decode_validator_set(raw)


def load_head_record(store: ChainStore, genesis: GenesisRecord) -> HeadRecord:
    """The head from the store; block 0 has no stored record. Raises InvariantViolation if a part is missing."""
    number = store.head.number
    header = store.header(number)
    if header is None:
        raise InvariantViolation(f"the store has no header {number}, which its head record names")
    timestamp_ms = stored_record(store, number, genesis).timestamp_ms
    parent = ParentBlock(
        header,
        timestamp_ms,
        _set_of(store, number + 1, genesis),
        _set_of(store, number + 2, genesis),
    )
    if number == 0:
        return HeadRecord(parent, None, None)
    certificate = store.certificate(number)
    if certificate is None:
        raise InvariantViolation(f"the store has no commit of block {number}")
    return HeadRecord(parent, decode_commit(certificate), _set_of(store, number, genesis))


def chain_record_of(store: ChainStore, number: int) -> ChainRecord:
    """The record of block `number` above 0. Raises InvariantViolation if it is missing."""
    return read_chain_record(store, _stored(store, number))


def stored_record(store: ChainStore, number: int, genesis: GenesisRecord) -> ConsensusRecord:
    """The consensus record in the payload of block `number`. Raises InvariantViolation if it is missing."""
    return decode_record(genesis.record if number == 0 else record_bytes(_stored(store, number)))


def deciding_validators(store: ChainStore, height: int, genesis: GenesisRecord) -> ValidatorSet | None:
    """The set of this height, which the record two blocks before holds; None for 0 and above head + 2."""
    if not 1 <= height <= store.head.number + 2:
        return None
    return _set_of(store, height, genesis)


def _set_of(store: ChainStore, height: int, genesis: GenesisRecord) -> ValidatorSet:
    match height:
        case 1:
            return genesis.validators
        case 2:
            return genesis.next_validators
        case _:
            return chain_record_of(store, height - 2).next_validators


def _stored(store: ChainStore, number: int) -> bytes:
    stored = store.consensus_record(number)
    if stored is None:
        raise InvariantViolation(f"the store has no consensus record of block {number}")
    return stored


def head_record_after(
    parent: ParentBlock, block: Block, timestamp_ms: int, commit: Commit, following: ValidatorSet
) -> HeadRecord:
    """The head once `block` on `parent` is committed; `following` decides the height after the next one."""
    return HeadRecord(
        ParentBlock(block.header, timestamp_ms, parent.next_validators, following),
        commit,
        parent.validators,
    )
