"""A chain whose blocks are nothing but links: the application of the simulation and of the driver's tests.

Owns: a durable list of (payload, commit), validator sets that follow from height alone, and `Keys`. A payload is
parent id, height, time and filler; its id is its hash, so a payload and an id can only fit or not fit.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from chain.errors import InvariantViolation
from chain.secp256k1 import PrivateKey
from chain.types import Hash32
from chain.validator_update import ValidatorUpdate
from consensus.application import BuiltBlock, ChainPosition, Validation
from consensus.proposer import next_height
from consensus.types import Commit
from consensus.validator_set import (
    ValidatorSet,
    apply_updates,
    new_validator_set,
    validator_of,
)

GENESIS_ID: Final = Hash32(sha256(b"genesis of the simulation").digest())
_HEAD: Final = struct.Struct(">32sQQ")

Updates = Callable[[int], tuple[ValidatorUpdate, ...]]


def no_updates(_height: int) -> tuple[ValidatorUpdate, ...]:
    return ()


def key_of(index: int) -> PrivateKey:
    """The consensus key of validator `index`, the same in every run."""
    return PrivateKey(sha256(b"validator %d" % index).digest())


def genesis_set(count: int) -> ValidatorSet:
    return new_validator_set([validator_of(key_of(index).public_key, 10) for index in range(count)])


def block_id_of(payload: bytes) -> Hash32:
    return Hash32(sha256(payload).digest())


@dataclass
class HashChain:
    """The synchronous core; what is in `blocks` counts as on disk."""

    genesis: ValidatorSet
    updates: Updates = no_updates
    genesis_time_ms: int = 0
    blocks: list[tuple[bytes, Commit]] = field(default_factory=list)

    def __post_init__(self) -> None:
        # _sets[h] decides height h; index 0 is unused.
        self._sets = [self.genesis, self.genesis, next_height(self.genesis)]
        for height in range(1, len(self.blocks) + 1):
            self._extend_sets(height)

    def _extend_sets(self, height: int) -> None:
        self._sets.append(apply_updates(next_height(self._sets[-1]), self.updates(height)))

    def validators_of(self, height: int) -> ValidatorSet:
        return self._sets[height]

    def position(self) -> ChainPosition:
        height = len(self.blocks)
        if height == 0:
            return ChainPosition(0, GENESIS_ID, self.genesis_time_ms, self._sets[1], self._sets[2], None)
        payload, commit = self.blocks[-1]
        return ChainPosition(
            height,
            block_id_of(payload),
            _HEAD.unpack_from(payload)[2],
            self._sets[height + 1],
            self._sets[height + 2],
            commit,
            self._sets[height],
        )

    def build(self, height: int, now_ms: int, filler: bytes) -> BuiltBlock:
        position = self.position()
        if height != position.height + 1:
            raise InvariantViolation(f"asked to build {height} on {position.height}")
        time_ms = max(position.block_time_ms + 1, now_ms)
        payload = _HEAD.pack(position.block_id, height, time_ms) + filler
        return BuiltBlock(block_id_of(payload), payload)

    def validate(self, height: int, payload: bytes) -> Validation:
        position = self.position()
        if len(payload) < _HEAD.size:
            return Validation(None, False, "too short")
        parent, said_height, time_ms = _HEAD.unpack_from(payload)
        block_id = block_id_of(payload)
        if said_height != height or height != position.height + 1:
            return Validation(
                block_id, False, f"block {said_height} for height {height} on {position.height}"
            )
        if parent != position.block_id or time_ms <= position.block_time_ms:
            return Validation(block_id, False, "wrong parent or time")
        if payload.endswith(b"invalid"):
            return Validation(block_id, False, "says so itself")
        return Validation(block_id, True, "")

    def commit(self, payload: bytes, commit: Commit) -> ChainPosition:
        verdict = self.validate(commit.height, payload)
        if not verdict.valid or verdict.block_id != commit.block_id:
            raise InvariantViolation(f"cannot commit: {verdict.reason}")
        self.blocks.append((payload, commit))
        self._extend_sets(commit.height)
        return self.position()

    def certified(self, start: int, count: int, max_bytes: int) -> list[tuple[bytes, Commit]]:
        found: list[tuple[bytes, Commit]] = []
        size = 0
        for payload, commit in self.blocks[max(start - 1, 0) : max(start - 1, 0) + count]:
            size += len(payload)
            if found and size > max_bytes:
                break
            found.append((payload, commit))
        return found


def parent_of(payload: bytes) -> Hash32:
    return Hash32(_HEAD.unpack_from(payload)[0])
