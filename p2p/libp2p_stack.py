"""The parts of libp2p and ours, put together for one node.

Owns: construction, start and stop of host, gossip, direct messages, requests and the connection keeper.
Never: is imported before `p2p.libp2p_import.import_libp2p` has run.
"""

from collections import Counter

import trio
from libp2p.peer.id import ID
from multiaddr import Multiaddr

from chain.errors import InvariantViolation
from p2p.connections import ConnectionKeeper
from p2p.direct import DirectMessages
from p2p.guards.host import GuardedHost, GuardedSwarm
from p2p.guards.pubsub import GuardedGossipSub, GuardedPubsub
from p2p.guards.transport import GuardedManager, GuardedUpgrader
from p2p.identity import NodeIdentity
from p2p.multiaddress import PeerAddress
from p2p.network import Inbox, PeerId, Topic, TopicValidator
from p2p.network_config import NetworkConfig
from p2p.peer_book import PeerBook
from p2p.queues import FairInbox
from p2p.request_response import Requests
from p2p.yamux_stream import ReceiveBudget, YamuxLimits

MAX_GOSSIP_INBOX = 8_192
"""Messages of one topic that wait, whoever their authors claim to be: at most 10 MB of queues."""

GOSSIP_DEGREE = 6
GOSSIP_DEGREE_LOW = 5
GOSSIP_DEGREE_HIGH = 8
"""Full mesh up to seven nodes; beyond, each message crosses six links per node."""


class Libp2pStack:
    """Everything behind `Libp2pNetwork`."""

    def __init__(
        self,
        config: NetworkConfig,
        identity: NodeIdentity,
        book: PeerBook,
        nursery: trio.Nursery,
        counters: Counter[str],
    ) -> None:
        self._nursery = nursery
        self._counters = counters
        self._inboxes: dict[Topic, FairInbox] = {}
        self.topics = config.limits_of_topics()
        self.listening: tuple[PeerAddress, ...] = ()
        self.keeper = ConnectionKeeper(config, identity.peer_id, book, self._count, self._on_change)
        limits = YamuxLimits(ping_interval_s=config.ping_interval_s, ping_timeout_s=config.ping_timeout_s)
        budget = ReceiveBudget(config.max_buffered_bytes)
        upgrader = GuardedUpgrader(identity, limits, budget, self.keeper)
        self._swarm = GuardedSwarm(identity, upgrader, self.keeper, config.max_connections)
        self._host = GuardedHost(self._swarm, [Multiaddr(str(a)) for a in config.announced()])
        router = GuardedGossipSub(
            degree=GOSSIP_DEGREE, degree_low=GOSSIP_DEGREE_LOW, degree_high=GOSSIP_DEGREE_HIGH
        )
        self.gossip = GuardedPubsub(self._host, router, self.topics, self.keeper, self._deliver)
        self.direct = DirectMessages(
            self._host, nursery, config.stream_limits, self.keeper, self.keeper.is_connected
        )
        self.requests = Requests(self._host, config.request_limits, self.keeper)
        self._services = [GuardedManager(s, self.keeper) for s in (self._swarm, self.gossip, router)]

    async def start(self, listeners: list[trio.SocketListener]) -> None:
        """Start all services and begin to accept and dial."""
        for manager in self._services:
            self._nursery.start_soon(manager.run)
            await manager.wait_started()
        await self.gossip.wait_until_ready()
        self.listening = tuple(_address_of(listener) for listener in listeners)
        self._host.bound = [Multiaddr(str(address)) for address in self.listening]
        if listeners:
            self._nursery.start_soon(trio.serve_listeners, self._swarm.serve, listeners)
        self._nursery.start_soon(self.keeper.run, self._host)

    async def close(self) -> None:
        """Say goodbye to all peers."""
        await self.keeper.close_all()

    def subscribe(self, topic: Topic, validator: TopicValidator | None) -> Inbox:
        """Join a configured topic. Raises InvariantViolation for others and the second time."""
        limits = self.topics.get(topic)
        if limits is None or topic in self._inboxes:
            raise InvariantViolation(f"topic {topic} is not configured or subscribed already")
        inbox = FairInbox(
            messages_per_peer=limits.inbox_messages,
            bytes_per_peer=limits.inbox_bytes,
            total_bytes=limits.inbox_bytes,
            on_drop=lambda dropped: self._counters.update({f"gossip_dropped_inbox_full:{topic}": dropped}),
            total_messages=MAX_GOSSIP_INBOX,
        )
        self._inboxes[topic] = inbox
        if validator is not None:
            self.gossip.validate_with(topic, validator)
        self._nursery.start_soon(inbox.run)
        self._nursery.start_soon(self.gossip.subscribe, topic)
        return inbox.receive_channel

    def _deliver(self, topic: Topic, author: ID, payload: bytes) -> None:
        self._inboxes[topic].put(author.to_bytes(), payload)

    def _count(self, event: str) -> None:
        self._counters[event] += 1

    def _on_change(self, peer: PeerId, is_connected: bool) -> None:
        if not is_connected:
            self.direct.on_disconnected(peer)


def _address_of(listener: trio.SocketListener) -> PeerAddress:
    host, port = listener.socket.getsockname()[:2]
    return PeerAddress("ip6" if ":" in host else "ip4", host, port)
