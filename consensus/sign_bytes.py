"""The exact bytes that a validator signs.

Owns: one fixed layout per message type, separated by domain, frozen by golden tests.
Never does: sign or verify. A change of a single byte here is a hard fork.

Layout (big-endian, no padding, no timestamps, so the same vote always has the same bytes):

    tag       20 bytes  b"aurigraph-consensus\\x01" (project, purpose, layout version)
    chain_id   8 bytes  u64
    type       1 byte   1 prevote, 2 precommit, 32 proposal (CometBFT's SignedMsgType)
    height     8 bytes  u64
    round      4 bytes  u32
    vote:      present 1 byte (0 nil, 1 block), block_id 32 bytes (zero for nil)
    proposal:  pol_round 4 bytes i32 (-1 none), block_id 32 bytes

The signed digest is keccak256 of these bytes.
"""

from __future__ import annotations

import struct
from typing import Final

from chain.keccak import keccak256
from chain.types import Hash32
from consensus.types import Proposal, SignedMessage, Vote

_TAG: Final = b"aurigraph-consensus\x01"
_PROPOSAL_TYPE: Final = 32
_NIL: Final = bytes(32)
_HEADER: Final = struct.Struct(">20sQBQI")
_VOTE_TAIL: Final = struct.Struct(">B32s")
_PROPOSAL_TAIL: Final = struct.Struct(">i32s")


def vote_sign_bytes(chain_id: int, vote: Vote) -> bytes:
    """74 bytes that stand for the vote; its validator and signature are not part of them."""
    head = _HEADER.pack(_TAG, chain_id, int(vote.kind), vote.height, vote.round)
    if vote.block_id is None:
        return head + _VOTE_TAIL.pack(0, _NIL)
    return head + _VOTE_TAIL.pack(1, vote.block_id)


def proposal_sign_bytes(chain_id: int, proposal: Proposal) -> bytes:
    """77 bytes that stand for the proposal; its proposer and signature are not part of them."""
    head = _HEADER.pack(_TAG, chain_id, _PROPOSAL_TYPE, proposal.height, proposal.round)
    return head + _PROPOSAL_TAIL.pack(proposal.pol_round, proposal.block_id)


def sign_bytes(chain_id: int, message: SignedMessage) -> bytes:
    """The bytes of a vote or a proposal."""
    if isinstance(message, Vote):
        return vote_sign_bytes(chain_id, message)
    return proposal_sign_bytes(chain_id, message)


def sign_digest(chain_id: int, message: SignedMessage) -> Hash32:
    """The 32 bytes that go under the signature."""
    return keccak256(sign_bytes(chain_id, message))
