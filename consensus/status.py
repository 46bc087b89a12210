"""A snapshot of where consensus stands, for RPC, dashboard and operators.

Owns: the value and its JSON shape. Never does: compute it (`replica`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from chain.types import Address, Hash32
from consensus.types import Step
from consensus.validator_set import Validator

Json: TypeAlias = str | int | bool | list["Json"] | dict[str, "Json"] | None


@dataclass(frozen=True, slots=True)
class PeerStatus:
    """What a peer said last about itself; it works on `height`, so its head is one below."""

    peer: bytes
    height: int
    round: int
    step: Step


@dataclass(frozen=True, slots=True)
class ConsensusStatus:
    """`height` is the one under decision. `round` is -1 and `proposer` None before its round 0."""

    height: int
    round: int
    step: Step
    proposer: Address | None
    validators: tuple[Validator, ...]
    own_address: Address | None
    is_validator: bool
    silent_through: int  # this key signs nothing up to this height; 0: no restriction
    last_block_id: Hash32
    last_block_time_ms: int
    peers: tuple[PeerStatus, ...]
    highest_peer_height: int  # highest head that a peer claims, 0 without peers
    catching_up: bool
    evidence_count: int  # proofs of double signing that this process has found

    def as_json(self) -> dict[str, Json]:
        """Plain JSON values: hex with 0x for bytes, lower-case step names."""
        return {
            "height": self.height,
            "round": self.round,
            "step": self.step.name.lower(),
            "proposer": None if self.proposer is None else "0x" + self.proposer.hex(),
            "validators": [
                {
                    "address": "0x" + v.address.hex(),
                    "publicKey": "0x" + v.public_key33.hex(),
                    "power": v.power,
                }
                for v in self.validators
            ],
            "ownAddress": None if self.own_address is None else "0x" + self.own_address.hex(),
            "isValidator": self.is_validator,
            "silentThrough": self.silent_through,
            "lastBlockHash": "0x" + self.last_block_id.hex(),
            "lastBlockTimeMs": self.last_block_time_ms,
            "peers": [
                {"peer": p.peer.hex(), "height": p.height, "round": p.round, "step": p.step.name.lower()}
                for p in self.peers
            ],
            "highestPeerHeight": self.highest_peer_height,
            "catchingUp": self.catching_up,
            "evidenceCount": self.evidence_count,
        }
