"""Everything that leaves for peers: own messages, proposals with their blocks, repairs.

Owns: encoding, the last check that an own message is durable, and remembering what was sent for relaying.
Never does: decide what to say; the engine and `gossip` do.
"""

from __future__ import annotations

from typing import assert_never

from chain.errors import InvariantViolation
from consensus.codec import encode_message
from consensus.gossip import Gossip
from consensus.messages import BroadcastProposal, ProposalMessage, Restream, Status
from consensus.own_messages import OwnMessages
from consensus.ports import Port
from consensus.types import PolkaCertificate, Proposal, RoundCertificate, Vote
from consensus.undecided_blocks import UndecidedBlocks


class Outgoing:
    """The way from effects to the port."""

    def __init__(self, port: Port, own: OwnMessages, gossip: Gossip, blocks: UndecidedBlocks) -> None:
        self._port = port
        self._own = own
        self._gossip = gossip
        self._blocks = blocks

    def broadcast(self, message: Vote | PolkaCertificate | RoundCertificate | Status) -> None:
        """Send to everybody. Raises InvariantViolation for an own vote that is not durable."""
        match message:
            case Vote():
                self._own.require_durable(message)
                self._gossip.note_vote(message)
            case PolkaCertificate():
                self._gossip.note_polka(message)
            case RoundCertificate():
                self._gossip.note_round_certificate(message)
            case Status():
                pass
            case _:
                assert_never(message)
        self._port.broadcast(encode_message(message))

    def propose(self, effect: BroadcastProposal | Restream) -> None:
        """Send an own proposal with its block; repeated, only to peers that may lack it."""
        self._own.require_durable(effect.proposal)
        self._gossip.note_proposal(effect.proposal)
        raw = self._proposal_bytes(effect.proposal, effect.polka_certificate)
        if raw is None:
            raise InvariantViolation("proposed a block whose payload is gone")
        if isinstance(effect, BroadcastProposal):
            self._port.broadcast(raw)
            return
        for peer in self._port.peers():
            if self._gossip.lacks_proposal(peer):
                self._port.send(peer, raw)

    def repair(self, peer: bytes, now_s: float) -> None:
        """Send what a peer that stands still may lack."""
        for relayed in self._gossip.repair(peer, now_s):
            if isinstance(relayed, Proposal):
                polka = self._gossip.polka_of(relayed.pol_round, relayed.block_id)
                raw = self._proposal_bytes(relayed, polka)
            else:
                raw = encode_message(relayed)
            if raw is not None:
                self._port.send(peer, raw)

    def _proposal_bytes(self, proposal: Proposal, polka: PolkaCertificate | None) -> bytes | None:
        payload = self._blocks.payload(proposal.block_id)
        return None if payload is None else encode_message(ProposalMessage(proposal, payload, polka))
