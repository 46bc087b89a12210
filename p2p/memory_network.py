"""The network without a network: peers inside one trio loop, with settable delay, loss and partitions.

Owns: `MemoryHub`, a full mesh of `MemoryNetwork` peers with the limits, order and drop rules of the real one.
Never: uses sockets, threads, wall clock or randomness; delay and loss are hooks from outside, so a simulation
with trio's MockClock is reproducible.
"""

import heapq
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum, unique

import trio

from chain.errors import InvariantViolation
from p2p.multiaddress import PeerAddress
from p2p.network import (
    Direction,
    FailureReason,
    Inbox,
    MessageTooLarge,
    PeerConnection,
    PeerId,
    ProtocolName,
    RequestFailed,
    RequestHandler,
    RequestLimits,
    StreamLimits,
    Topic,
    TopicLimits,
    TopicValidator,
)
from p2p.queues import FairInbox
from p2p.requests import Answered, Declined, Response, answer_request


@unique
class DeliveryKind(Enum):
    """What a delivery carries."""

    GOSSIP = "gossip"
    DIRECT = "direct"
    REQUEST = "request"
    RESPONSE = "response"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message on its way; what the delay and loss hooks see."""

    kind: DeliveryKind
    source: PeerId
    destination: PeerId
    channel: str
    payload: bytes


DelayHook = Callable[[Delivery], float]
"""Seconds until arrival, >= 0."""

LossHook = Callable[[Delivery], bool]
"""True loses the message."""


@dataclass(slots=True)
class _PendingRequest:
    answered: trio.Event = field(default_factory=trio.Event)
    response: Response | None = None


@dataclass(order=True, slots=True)
class _Arrival:
    time_s: float
    sequence: int
    delivery: Delivery = field(compare=False)
    deliver: Callable[[], None] = field(compare=False)


class MemoryHub:
    """Connects the peers of one test or simulation. Use `open_memory_hub`."""

    def __init__(self, nursery: trio.Nursery, delay_s: DelayHook, loses: LossHook) -> None:
        self.delay_s = delay_s
        self.loses = loses
        self.delivered = 0
        self._nursery = nursery
        self._members: dict[PeerId, MemoryNetwork] = {}
        self._cuts: set[frozenset[PeerId]] = set()
        self._arrivals: list[_Arrival] = []
        self._sequence = 0
        self._stream_time_s: dict[tuple[PeerId, PeerId, str], float] = {}
        self._wake = trio.Event()

    def join(
        self,
        me: PeerId,
        *,
        topics: Mapping[Topic, TopicLimits] | None = None,
        streams: Mapping[ProtocolName, StreamLimits] | None = None,
        requests: Mapping[ProtocolName, RequestLimits] | None = None,
    ) -> "MemoryNetwork":
        """Add a peer, connected to all others. Raises InvariantViolation when the id is taken."""
        if me in self._members:
            raise InvariantViolation(f"peer {me!r} joined twice")
        member = MemoryNetwork(self, self._nursery, me, topics or {}, streams or {}, requests or {})
        self._members[me] = member
        return member

    def leave(self, peer: PeerId) -> None:
        """Remove a peer; messages on their way to it are lost. It may join again with empty queues."""
        del self._members[peer]

    def disconnect(self, one: PeerId, other: PeerId) -> None:
        """Cut a link; messages on their way are lost."""
        self._cuts.add(frozenset((one, other)))

    def reconnect(self, one: PeerId, other: PeerId) -> None:
        """Mend a link."""
        self._cuts.discard(frozenset((one, other)))

    def connected(self, one: PeerId, other: PeerId) -> bool:
        """Whether both peers are present, the link is whole and both admit each other."""
        if one == other or frozenset((one, other)) in self._cuts:
            return False
        a, b = self._members.get(one), self._members.get(other)
        return a is not None and b is not None and a.admits(other) and b.admits(one)

    def neighbours(self, peer: PeerId) -> list[PeerId]:
        """Connected peers in order of their id."""
        return [other for other in sorted(self._members) if self.connected(peer, other)]

    def member(self, peer: PeerId) -> "MemoryNetwork | None":
        """The peer's network while it is joined."""
        return self._members.get(peer)

    def dispatch(self, delivery: Delivery, deliver: Callable[[], None]) -> None:
        """Schedule an arrival, unless the message is lost. Messages of one direct stream never overtake."""
        if self.loses(delivery):
            return
        time_s = trio.current_time() + self.delay_s(delivery)
        if delivery.kind is DeliveryKind.DIRECT:
            stream = (delivery.source, delivery.destination, delivery.channel)
            time_s = max(time_s, self._stream_time_s.get(stream, time_s))
            self._stream_time_s[stream] = time_s
        self._sequence += 1
        heapq.heappush(self._arrivals, _Arrival(time_s, self._sequence, delivery, deliver))
        self._wake.set()

    async def run(self) -> None:
        """Deliver in order of (arrival time, sending order), in one task: a simulation is reproducible."""
        while True:
            self._wake = trio.Event()
            if not self._arrivals:
                await self._wake.wait()
            elif self._arrivals[0].time_s > trio.current_time():
                with trio.move_on_at(self._arrivals[0].time_s):
                    await self._wake.wait()
            else:
                arrival = heapq.heappop(self._arrivals)
                if self.connected(arrival.delivery.source, arrival.delivery.destination):
                    self.delivered += 1
                    arrival.deliver()


class MemoryNetwork:
    """One peer of a `MemoryHub`; implements `p2p.network.Network`.

    `penalties` records what was reported; nothing is banned, so that a test sees the reports themselves.
    """

    def __init__(
        self,
        hub: MemoryHub,
        nursery: trio.Nursery,
        me: PeerId,
        topics: Mapping[Topic, TopicLimits],
        streams: Mapping[ProtocolName, StreamLimits],
        requests: Mapping[ProtocolName, RequestLimits],
    ) -> None:
        self.penalties: list[tuple[PeerId, str]] = []
        self._hub = hub
        self._nursery = nursery
        self._me = me
        self._topics = topics
        self._streams = streams
        self._requests = requests
        self._subscriptions: dict[Topic, tuple[FairInbox, TopicValidator | None]] = {}
        self._inboxes: dict[ProtocolName, FairInbox] = {}
        self._handlers: dict[ProtocolName, RequestHandler] = {}
        self._serving: Counter[tuple[PeerId, ProtocolName]] = Counter()
        self._allowed: frozenset[PeerId] | None = None
        self._joined_s = trio.current_time()
        self._counters: Counter[str] = Counter()

    @property
    def me(self) -> PeerId:
        """Peer id of this node."""
        return self._me

    def admits(self, peer: PeerId) -> bool:
        """Whether the allow-list admits a peer."""
        return self._allowed is None or peer in self._allowed

    async def broadcast(self, topic: Topic, payload: bytes) -> None:
        """See `Network.broadcast`."""
        self._check_size(topic, payload, self._topics.get(topic, TopicLimits()).max_message_bytes)
        for peer in self._hub.neighbours(self._me):
            delivery = Delivery(DeliveryKind.GOSSIP, self._me, peer, topic, payload)
            self._hub.dispatch(delivery, self._gossip_arrived_at(delivery))
        await trio.lowlevel.checkpoint()

    async def send(self, peer: PeerId, protocol: ProtocolName, payload: bytes) -> None:
        """See `Network.send`."""
        self._check_size(protocol, payload, self._stream_limits(protocol).max_message_bytes)
        if self._hub.connected(self._me, peer):
            delivery = Delivery(DeliveryKind.DIRECT, self._me, peer, protocol, payload)
            self._hub.dispatch(delivery, lambda: self._at(peer)._direct_arrived(delivery))
        else:
            self._counters["direct_dropped_not_connected"] += 1
        await trio.lowlevel.checkpoint()

    async def request(self, peer: PeerId, protocol: ProtocolName, payload: bytes, timeout_s: float) -> bytes:
        """See `Network.request`."""
        limits = self._request_limits(protocol)
        self._check_size(protocol, payload, limits.max_request_bytes)
        if not self._hub.connected(self._me, peer):
            raise RequestFailed(peer, protocol, FailureReason.NOT_CONNECTED)
        pending = _PendingRequest()
        delivery = Delivery(DeliveryKind.REQUEST, self._me, peer, protocol, payload)
        self._hub.dispatch(delivery, lambda: self._at(peer)._request_arrived(delivery, pending))
        with trio.move_on_after(timeout_s):
            await pending.answered.wait()
        match pending.response:
            case None:
                raise RequestFailed(peer, protocol, FailureReason.TIMEOUT)
            case Declined(reason, detail):
                raise RequestFailed(peer, protocol, reason, detail)
            case Answered(answer):
                if len(answer) > limits.max_response_bytes:
                    raise RequestFailed(peer, protocol, FailureReason.TOO_LARGE)
                return answer

    def subscribe(self, topic: Topic, validator: TopicValidator | None = None) -> Inbox:
        """See `Network.subscribe`."""
        if topic in self._subscriptions:
            raise InvariantViolation(f"topic {topic} is subscribed already")
        limits = self._topics.get(topic, TopicLimits())
        inbox = self._open_inbox(
            f"gossip_dropped_inbox_full:{topic}",
            limits.inbox_messages,
            limits.inbox_bytes,
            limits.inbox_bytes,
        )
        self._subscriptions[topic] = (inbox, validator)
        return inbox.receive_channel

    def inbox(self, protocol: ProtocolName) -> Inbox:
        """See `Network.inbox`."""
        if protocol in self._inboxes:
            raise InvariantViolation(f"the inbox of {protocol} is open already")
        limits = self._stream_limits(protocol)
        inbox = self._open_inbox(
            f"direct_dropped_inbox_full:{protocol}",
            limits.inbox_messages_per_peer,
            limits.inbox_bytes_per_peer,
            limits.inbox_bytes,
        )
        self._inboxes[protocol] = inbox
        return inbox.receive_channel

    def set_handler(self, protocol: ProtocolName, handler: RequestHandler) -> None:
        """See `Network.set_handler`."""
        self._handlers[protocol] = handler

    def peers(self) -> list[PeerConnection]:
        """See `Network.peers`."""
        now_s = trio.current_time()
        return [
            PeerConnection(
                peer_id=peer,
                direction=Direction.OUTBOUND if self._me < peer else Direction.INBOUND,
                address="",
                connected_s=now_s - self._joined_s,
                round_trip_ms=None,
                penalty=sum(1 for offender, _ in self.penalties if offender == peer),
            )
            for peer in self._hub.neighbours(self._me)
        ]

    def penalise(self, peer: PeerId, reason: str) -> None:
        """See `Network.penalise`; only recorded."""
        self.penalties.append((peer, reason))

    def allow_only(self, peers: frozenset[PeerId] | None) -> None:
        """See `Network.allow_only`."""
        self._allowed = peers

    @property
    def listen_addresses(self) -> tuple[str, ...]:
        """See `Network.listen_addresses`."""
        return ()

    def add_peer(self, address: PeerAddress) -> bool:
        """See `Network.add_peer`."""
        peer = address.peer_id
        if peer is None or peer == self._me:
            return False
        if self._allowed is not None:
            self._allowed |= {peer}
        self._hub.reconnect(self._me, peer)
        return True

    def remove_peer(self, peer: PeerId) -> bool:
        """See `Network.remove_peer`; the link is cut."""
        was_connected = self._hub.connected(self._me, peer)
        self._hub.disconnect(self._me, peer)
        return was_connected

    def counters(self) -> Mapping[str, int]:
        """See `Network.counters`."""
        return dict(self._counters)

    def _at(self, peer: PeerId) -> "MemoryNetwork":
        member = self._hub.member(peer)
        if member is None:
            raise InvariantViolation("a delivery outlived its destination")
        return member

    def _stream_limits(self, protocol: ProtocolName) -> StreamLimits:
        return self._streams.get(protocol, StreamLimits())

    def _request_limits(self, protocol: ProtocolName) -> RequestLimits:
        return self._requests.get(protocol, RequestLimits())

    @staticmethod
    def _check_size(channel: str, payload: bytes, limit_bytes: int) -> None:
        if len(payload) > limit_bytes:
            raise MessageTooLarge(channel, len(payload), limit_bytes)

    def _count(self, event: str, times: int = 1) -> None:
        self._counters[event] += times

    def _open_inbox(self, drop_counter: str, messages: int, peer_bytes: int, total_bytes: int) -> FairInbox:
        inbox = FairInbox(
            messages_per_peer=messages,
            bytes_per_peer=peer_bytes,
            total_bytes=total_bytes,
            on_drop=lambda dropped: self._count(drop_counter, dropped),
        )
        self._nursery.start_soon(inbox.run)
        return inbox

    def _gossip_arrived_at(self, delivery: Delivery) -> Callable[[], None]:
        return lambda: self._at(delivery.destination)._gossip_arrived(delivery)

    def _gossip_arrived(self, delivery: Delivery) -> None:
        subscription = self._subscriptions.get(delivery.channel)
        if subscription is None:
            return
        inbox, validator = subscription
        limit_bytes = self._topics.get(delivery.channel, TopicLimits()).max_message_bytes
        is_valid = validator is None or validator(delivery.source, delivery.payload)
        if len(delivery.payload) > limit_bytes or not is_valid:
            self._count("gossip_rejected")
        else:
            inbox.put(delivery.source, delivery.payload)

    def _direct_arrived(self, delivery: Delivery) -> None:
        inbox = self._inboxes.get(delivery.channel)
        if inbox is None or len(delivery.payload) > self._stream_limits(delivery.channel).max_message_bytes:
            self._count("direct_rejected")
        else:
            inbox.put(delivery.source, delivery.payload)

    def _request_arrived(self, delivery: Delivery, pending: _PendingRequest) -> None:
        handler = self._handlers.get(delivery.channel)
        limits = self._request_limits(delivery.channel)
        caller = (delivery.source, delivery.channel)
        if handler is None:
            self._respond(delivery, pending, Declined(FailureReason.UNSUPPORTED))
        elif self._serving[caller] >= limits.concurrent_per_peer:
            self._respond(delivery, pending, Declined(FailureReason.BUSY))
        elif len(delivery.payload) > limits.max_request_bytes:
            self._respond(delivery, pending, Declined(FailureReason.REFUSED))
        else:
            self._serving[caller] += 1
            self._nursery.start_soon(self._serve, handler, delivery, pending)

    async def _serve(self, handler: RequestHandler, delivery: Delivery, pending: _PendingRequest) -> None:
        protocol = delivery.channel
        try:
            response = await answer_request(
                handler,
                delivery.source,
                protocol,
                delivery.payload,
                self._request_limits(protocol),
                self._count,
            )
        finally:
            self._serving[(delivery.source, protocol)] -= 1
        self._respond(delivery, pending, response)

    def _respond(self, request: Delivery, pending: _PendingRequest, response: Response) -> None:
        payload = response.payload if isinstance(response, Answered) else b""
        delivery = Delivery(
            DeliveryKind.RESPONSE, request.destination, request.source, request.channel, payload
        )

        def arrive() -> None:
            pending.response = response
            pending.answered.set()

        self._hub.dispatch(delivery, arrive)


@asynccontextmanager
async def open_memory_hub(
    delay_s: DelayHook = lambda _: 0.0, loses: LossHook = lambda _: False
) -> AsyncIterator[MemoryHub]:
    """A hub that delivers while the block runs; leaving it cancels everything in flight."""
    async with trio.open_nursery() as nursery:
        hub = MemoryHub(nursery, delay_s, loses)
        nursery.start_soon(hub.run)
        yield hub
        nursery.cancel_scope.cancel()
