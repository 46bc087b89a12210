"""Consensus over the network: adapts p2p.Network to consensus.application.Transport.

Owns the names of the consensus protocols and the translation of calls. Never looks into a message.
"""

from __future__ import annotations

import trio

from chain.errors import PeerError
from consensus.application import RequestHandler
from node.errors import NoPeers
from p2p.network import Network, RequestRefused

CONSENSUS_PROTOCOL = "/aurigraph/consensus/1"
SYNC_PROTOCOL = "/aurigraph/sync/1"


class ConsensusTransport:
    """One per node; consensus messages travel on persistent direct streams, sync as requests."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._inbox = network.inbox(CONSENSUS_PROTOCOL)

    async def broadcast(self, message: bytes) -> None:
        """Queues `message` to every connected peer."""
        for peer in self._network.peers():
            await self._network.send(peer.peer_id, CONSENSUS_PROTOCOL, message)

    async def send(self, peer: bytes, message: bytes) -> None:
        """Queues `message` to one peer."""
        await self._network.send(peer, CONSENSUS_PROTOCOL, message)

    async def receive(self) -> tuple[bytes, bytes]:
        """The next (peer, message)."""
        return await self._inbox.receive()

    async def request(self, peer: bytes, message: bytes, timeout_s: float) -> bytes:
        """One sync request. Raises PeerError."""
        return await self._network.request(peer, SYNC_PROTOCOL, message, timeout_s)

    def set_request_handler(self, handler: RequestHandler) -> None:
        """Serves sync requests of peers; a PeerError of the handler is a refusal, not a fault of this node."""

        async def serve(peer: bytes, message: bytes) -> bytes:
            try:
                return await handler(peer, message)
            except PeerError as error:
                raise RequestRefused(str(error)) from error

        self._network.set_handler(SYNC_PROTOCOL, serve)

    def peers(self) -> list[bytes]:
        """Connected peers, in order of their ids."""
        return [peer.peer_id for peer in self._network.peers()]

    def penalise(self, peer: bytes, reason: str) -> None:
        """Reports misbehaviour."""
        self._network.penalise(peer, reason)


class SilentTransport:
    """The transport of a chain with a single validator and no network (`start --dev`): nobody is there."""

    async def broadcast(self, message: bytes) -> None:
        """Nobody listens."""

    async def send(self, peer: bytes, message: bytes) -> None:
        """Nobody listens."""

    async def receive(self) -> tuple[bytes, bytes]:
        """Waits for ever."""
        await trio.sleep_forever()

    async def request(self, peer: bytes, message: bytes, timeout_s: float) -> bytes:
        """There is no peer to ask."""
        raise NoPeers("this node has no network")

    def set_request_handler(self, handler: RequestHandler) -> None:
        """Nobody asks."""

    def peers(self) -> list[bytes]:
        """None."""
        return []

    def penalise(self, peer: bytes, reason: str) -> None:
        """Nobody misbehaves."""
