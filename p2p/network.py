"""The network as the rest of the node sees it: interface, values, limits and errors.

Owns: the `Network` protocol and the value types that cross it.
Never: imports libp2p, opens sockets or reads clocks; any implementation can stand behind it.

Three ways to reach peers, because their costs differ by an order of magnitude:

- `broadcast`/`subscribe`: gossip to everybody, at most once, unordered. 0.7 ms of CPU per message and node in a
  mesh of four (more in larger ones, whatever the size), so senders put many small items into one message.
- `send`/`inbox`: a persistent stream to one connected peer, ordered, 0.1 ms of CPU per message. At most once: a
  message is lost when the peer is away, when its queue overflows or its connection breaks.
- `request`/`set_handler`: one short stream per call, an answer or `RequestFailed`.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum, unique
from typing import TYPE_CHECKING, Protocol

import trio

from chain.errors import CallerError, PeerError

if TYPE_CHECKING:
    from p2p.multiaddress import PeerAddress

PeerId = bytes
"""The binary libp2p peer id (a multihash, 38 bytes for ed25519 keys); text form: `p2p.identity`."""

Topic = str
ProtocolName = str

MiB = 1024 * 1024

MAX_DIRECT_MESSAGE_BYTES = 8 * MiB
"""A proposal travels in one direct message together with its block payload."""

MAX_GOSSIP_MESSAGE_BYTES = 1 * MiB - 64 * 1024
"""libp2p bounds a pubsub RPC at 1 MiB; the rest is room for envelope, signature and control messages."""

MAX_REQUEST_BYTES = 1 * MiB
MAX_RESPONSE_BYTES = 16 * MiB
"""Sync answers carry several blocks; the server bounds them by the `max_bytes` of its own protocol."""


@dataclass(frozen=True, slots=True)
class TopicLimits:
    """Bounds of one gossip topic at this node."""

    max_message_bytes: int = MAX_GOSSIP_MESSAGE_BYTES
    inbox_messages: int = 1024
    inbox_bytes: int = 32 * MiB


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """Bounds of one direct-stream protocol at this node. The queues are per peer, the inbox is shared.

    Every queue drops its oldest message when it is full: a later vote or proposal replaces an earlier one in
    value, and a peer that missed messages recovers through requests.
    """

    max_message_bytes: int = MAX_DIRECT_MESSAGE_BYTES
    outgoing_messages: int = 1024
    outgoing_bytes: int = 16 * MiB
    inbox_messages_per_peer: int = 1024
    inbox_bytes_per_peer: int = 16 * MiB
    inbox_bytes: int = 64 * MiB


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """Bounds of one request protocol at this node."""

    max_request_bytes: int = MAX_REQUEST_BYTES
    max_response_bytes: int = MAX_RESPONSE_BYTES
    concurrent_per_peer: int = 4
    handler_timeout_s: float = 30.0


@unique
class Direction(Enum):
    """Who dialled the connection."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


@dataclass(frozen=True, slots=True)
class PeerConnection:
    """One connected peer, as shown to operators and to the sync code."""

    peer_id: PeerId
    direction: Direction
    address: str
    """Multiaddr of the remote end, empty when unknown."""
    connected_s: float
    """Seconds since the connection was made."""
    round_trip_ms: float | None
    """Last measured ping, None before the first answer."""
    penalty: int
    """Current penalty points, see `p2p.peer_score`."""


@unique
class FailureReason(Enum):
    """Why a request got no answer."""

    NOT_CONNECTED = "not connected"
    UNSUPPORTED = "protocol not supported by the peer"
    TIMEOUT = "no answer in time"
    BUSY = "too many requests at once"
    REFUSED = "the peer refused the request"
    TOO_LARGE = "the answer is larger than allowed"
    MALFORMED = "the answer is not a valid frame"
    DISCONNECTED = "the connection broke"


class RequestFailed(PeerError):
    """A request without a usable answer; `detail` is text of the peer (bounded, untrusted)."""

    def __init__(self, peer: PeerId, protocol: ProtocolName, reason: FailureReason, detail: str = "") -> None:
        self.peer = peer
        self.protocol = protocol
        self.reason = reason
        self.detail = detail
        suffix = f": {detail}" if detail else ""
        super().__init__(f"request {protocol} to {peer.hex()[-12:]} failed, {reason.value}{suffix}")


class RequestRefused(PeerError):
    """Raised by a request handler to refuse; the peer gets the text, cut at `MAX_REFUSAL_TEXT_BYTES`."""


MAX_REFUSAL_TEXT_BYTES = 256


class MessageTooLarge(CallerError):
    """This node tried to send a message above the limit of its topic or protocol."""

    def __init__(self, channel: str, size_bytes: int, limit_bytes: int) -> None:
        self.channel = channel
        self.size_bytes = size_bytes
        self.limit_bytes = limit_bytes
        super().__init__(f"message of {size_bytes} bytes on {channel} exceeds its limit of {limit_bytes}")


Inbox = trio.MemoryReceiveChannel[tuple[PeerId, bytes]]
"""Received messages with their origin; for gossip that is the signed author, not the forwarding peer."""

RequestHandler = Callable[[PeerId, bytes], Awaitable[bytes]]
"""Answers a request. `RequestRefused` reaches the peer as text; other errors are only logged here."""

TopicValidator = Callable[[PeerId, bytes], bool]
"""Cheap, synchronous check (size, format) of a gossip message before it is delivered and forwarded."""


class Network(Protocol):
    """What consensus adapters, mempool gossip and sync use. All methods are for one trio loop."""

    @property
    def me(self) -> PeerId:
        """Peer id of this node."""

    async def broadcast(self, topic: Topic, payload: bytes) -> None:
        """Gossip to all subscribers. Never waits for a peer. Raises MessageTooLarge.

        Messages are told apart by topic and payload: one that this node sent or saw in the last two minutes is not
        sent again.
        """

    async def send(self, peer: PeerId, protocol: ProtocolName, payload: bytes) -> None:
        """Queue for one peer, in order; dropped silently when the peer is away. Raises MessageTooLarge."""

    async def request(self, peer: PeerId, protocol: ProtocolName, payload: bytes, timeout_s: float) -> bytes:
        """One question, one answer. Raises RequestFailed, MessageTooLarge (own request above its limit)."""

    def subscribe(self, topic: Topic, validator: TopicValidator | None = None) -> Inbox:
        """Join a topic; own messages are left out. A second subscription raises InvariantViolation."""

    def inbox(self, protocol: ProtocolName) -> Inbox:
        """Accept direct streams of a protocol. A second call for one protocol raises InvariantViolation."""

    def set_handler(self, protocol: ProtocolName, handler: RequestHandler) -> None:
        """Serve requests of a protocol; a later call replaces the handler."""

    def peers(self) -> list[PeerConnection]:
        """Connected peers, ordered by peer id."""

    def penalise(self, peer: PeerId, reason: str) -> None:
        """Report a protocol offence. Repeated offences disconnect the peer and ban it for a while."""

    def allow_only(self, peers: frozenset[PeerId] | None) -> None:
        """Replace the allow-list; peers outside it are disconnected. None admits everybody."""

    @property
    def listen_addresses(self) -> tuple[str, ...]:
        """Where this node listens, with its peer id: what others put into their `peers`; empty if it only dials."""

    def add_peer(self, address: "PeerAddress") -> bool:
        """Treat a peer, which `address` names, as a listed one: admit it and keep it connected. False when it is this
        node itself."""

    def remove_peer(self, peer: PeerId) -> bool:
        """Disconnect a peer and list it no more; with an allow-list it is not admitted again. False when it was neither
        listed nor connected."""

    def counters(self) -> Mapping[str, int]:
        """Monotonic event counts (dropped messages, guarded faults, bans ...) for metrics."""
