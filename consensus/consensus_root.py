"""The hash that ties a block to the consensus around it.

Owns: `ConsensusData` and its root, which every header carries in `parent_beacon_block_root`.
Never does: compute the parts (`validator_set`, `params`, `certificates`), or look into headers.
Contracts read the root through EIP-4788; light clients recompute it from the parts.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from chain.errors import InvariantViolation
from chain.keccak import keccak256
from chain.types import Hash32
from consensus.codec import encode_evidence
from consensus.types import Evidence

_TAG: Final = b"aurigraph-consensus-root\x01"
_EVIDENCE_TAG: Final = b"aurigraph-evidence\x01"
_HASH_BYTES: Final = 32
_MAX_TIMESTAMP_MS: Final = 2**64 - 1


@dataclass(frozen=True, slots=True)
class ConsensusData:
    """What a block says about consensus: five hashes and the block time in milliseconds since 1970."""

    validators_hash: Hash32
    next_validators_hash: Hash32
    params_hash: Hash32
    last_commit_hash: Hash32
    evidence_hash: Hash32
    timestamp_ms: int

    def encode(self) -> bytes:
        """193 bytes: tag, the hashes in declaration order, the time as u64 big-endian."""
        hashes = (
            self.validators_hash,
            self.next_validators_hash,
            self.params_hash,
            self.last_commit_hash,
            self.evidence_hash,
        )
        if any(len(part) != _HASH_BYTES for part in hashes):
            raise InvariantViolation("a hash in the consensus data is not 32 bytes long")
        if not 0 <= self.timestamp_ms <= _MAX_TIMESTAMP_MS:
            raise InvariantViolation(f"block time {self.timestamp_ms} ms does not fit 64 bits")
        return _TAG + b"".join(hashes) + struct.pack(">Q", self.timestamp_ms)

    def root(self) -> Hash32:
        """Keccak of `encode()`."""
        return keccak256(self.encode())


def evidence_hash(evidence: Iterable[Evidence]) -> Hash32:
    """Keccak of the tag and the keccak of each piece, in the order of the block."""
    return keccak256(_EVIDENCE_TAG + b"".join(keccak256(encode_evidence(piece)) for piece in evidence))
