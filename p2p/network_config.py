"""Settings of the libp2p network of this node.

Owns: `NetworkConfig`, its defaults and its checks.
Never: reads a file; the node's configuration does that.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from p2p.multiaddress import PeerAddress, parse_address
from p2p.network import ProtocolName, RequestLimits, StreamLimits, Topic, TopicLimits
from p2p.peer_score import PenaltyPolicy


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """Everything that `open_libp2p_network` needs besides the identity.

    `listen` and `peers` are multiaddrs (`/ip4/0.0.0.0/tcp/26656`, `/dns/host/tcp/26656/p2p/12D3...`); an empty
    `listen` only dials. `only_listed_peers` admits nobody but `peers` and what `allow_only` adds later.
    `topics` are the gossip topics of this node; limits that are not given are the defaults of `p2p.network`.
    """

    listen: str = "/ip4/127.0.0.1/tcp/26656"
    announce: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()
    only_listed_peers: bool = False
    peer_book: Path | None = None
    topics: tuple[Topic, ...] = ()
    topic_limits: Mapping[Topic, TopicLimits] = field(default_factory=dict)
    stream_limits: Mapping[ProtocolName, StreamLimits] = field(default_factory=dict)
    request_limits: Mapping[ProtocolName, RequestLimits] = field(default_factory=dict)
    max_connections: int = 64
    max_connections_per_host: int = 32
    """Inbound, of peers that are not listed: one machine cannot take all places."""
    wanted_connections: int = 8
    """Peers of the book are dialled while fewer are connected."""
    ping_interval_s: float = 1.0
    ping_timeout_s: float = 5.0
    redial_first_s: float = 0.2
    redial_listed_max_s: float = 1.0
    """Cap for listed peers: they are few, and a restarted validator is wanted back within a second."""
    redial_known_max_s: float = 60.0
    max_buffered_bytes: int = 256 * 1024 * 1024
    """Received data that nobody has taken yet, of all connections together."""
    penalties: PenaltyPolicy = field(default_factory=PenaltyPolicy)

    def check(self) -> None:
        """Raises InvalidAddress, naming the address."""
        self.listen_address()
        self.listed_peers()
        self.announced()

    def announced(self) -> tuple[PeerAddress, ...]:
        """`announce`, parsed: where others reach this node, when that is not where it listens."""
        return tuple(parse_address(text) for text in self.announce)

    def listed_peers(self) -> tuple[PeerAddress, ...]:
        """`peers`, parsed. Raises InvalidAddress."""
        return tuple(parse_address(text, needs_peer=True) for text in self.peers)

    def listen_address(self) -> PeerAddress | None:
        """`listen`, parsed. Raises InvalidAddress."""
        return parse_address(self.listen) if self.listen else None

    def limits_of_topics(self) -> dict[Topic, TopicLimits]:
        """Limits of every topic of this node."""
        return {topic: self.topic_limits.get(topic, TopicLimits()) for topic in self.topics}
