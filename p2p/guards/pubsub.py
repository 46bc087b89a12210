"""Guards of gossip: gossipsub of libp2p with bounded memory, bounded work and errors that stay with their peer.

Owns: reading and judging pubsub messages, the outgoing queues, the caches, the control messages of gossipsub v1.1.
Never: keeps the mesh (that is libp2p's router). Faults and upstream references: see the table in `p2p.guards`.
"""

import hashlib
import logging
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Mapping
from typing import Any

import trio
from libp2p.abc import INetStream
from libp2p.custom_types import TProtocol
from libp2p.peer.id import ID
from libp2p.pubsub.gossipsub import PROTOCOL_ID_V11, GossipSub
from libp2p.pubsub.mcache import MessageCache
from libp2p.pubsub.pb import rpc_pb2
from libp2p.pubsub.pubsub import Pubsub
from libp2p.pubsub.validators import PUBSUB_SIGNING_PREFIX, signature_validator
from libp2p.utils.varint import encode_varint_prefixed

from chain.errors import InvariantViolation
from p2p.guards.host import GuardedHost, frames_of, muxed
from p2p.guards.transport import FaultSink
from p2p.identity import INLINED_KEY_HEADER
from p2p.network import Topic, TopicLimits, TopicValidator

logger = logging.getLogger(__name__)

MAX_RPC_BYTES = 1024 * 1024
"""The limit of the other implementations for one pubsub RPC."""

MAX_MESSAGES_PER_RPC = 256
"""Senders of this network put one message into an RPC; a peer that repairs losses sends a few."""

MAX_MESSAGES_PER_S = 500
"""Per peer, then its stream waits: a message costs up to 0.3 ms before it is known to be worthless."""

MAX_CONTROL_ENTRIES = 16
MAX_IDS_PER_CONTROL = 512
MAX_ID_BYTES = 64
MAX_SENDS_PER_REQUEST = 3
"""How often one peer may ask for the same message (gossipsub v1.1: gossip retransmission)."""

MAX_IWANT_BYTES = 4 * 1024 * 1024
MAX_BACKOFF_S = 3600

MAX_QUEUED_FRAMES = 1024
MAX_QUEUED_BYTES = 8 * 1024 * 1024
MAX_QUEUED_CONTROL = 256
MAX_CACHED_BYTES = 16 * 1024 * 1024
MAX_SEEN = 131_072
SEEN_S = 120.0
MAX_STREAMS_PER_PEER = 2
"""The reader of a stream that is being replaced may still be at its last frame."""

_MESSAGE_ID_BYTES = 20
_FORGET_SERVED_S = 5.0
_ED25519_ID_BYTES = 38

OnMessage = Callable[[Topic, ID, bytes], None]
"""Delivers an accepted message: topic, author, payload."""


def message_id(message: rpc_pb2.Message) -> bytes:
    """Identity of a message: hash of topic and payload, so that one payload travels once whoever sends it."""
    topic = message.topicIDs[0].encode() if message.topicIDs else b""
    digest = hashlib.sha256(len(topic).to_bytes(4, "big") + topic + message.data).digest()
    return digest[:_MESSAGE_ID_BYTES]


class SeenMessages:
    """Ids of the last two minutes, bounded; without the sweeper thread of libp2p's cache."""

    def __init__(self) -> None:
        self._expiry_s: OrderedDict[bytes, float] = OrderedDict()

    def has(self, key: bytes) -> bool:
        """Whether the id was added and is not expired."""
        return self._expiry_s.get(key, 0.0) > trio.current_time()

    def add(self, key: bytes) -> bool:
        """Remember an id. True when it is new."""
        is_new = not self.has(key)
        now_s = trio.current_time()
        self._expiry_s[key] = now_s + SEEN_S
        self._expiry_s.move_to_end(key)
        while len(self._expiry_s) > MAX_SEEN or next(iter(self._expiry_s.values())) < now_s:
            self._expiry_s.popitem(last=False)
        return is_new


class BoundedMessageCache(MessageCache):
    """Messages of the last heartbeats for peers that missed them, keyed by our ids and bounded in bytes."""

    def __init__(self, window_size: int, history_size: int) -> None:
        super().__init__(window_size, history_size)
        self._bytes = 0
        self._shifted: list[list[tuple[bytes, str, int]]] = [[] for _ in range(history_size)]

    def put(self, msg: rpc_pb2.Message) -> None:
        """Keep a message, unless the cache is full."""
        key = message_id(msg)
        size = len(msg.data)
        if key in self.msgs or self._bytes + size > MAX_CACHED_BYTES:
            return
        self.msgs[key] = msg
        self._bytes += size
        self._shifted[0].append((key, msg.topicIDs[0], size))

    def window(self, topic: str) -> list[bytes]:
        """Ids of the gossip window."""
        recent = self._shifted[: self.window_size]
        return [key for entries in recent for key, entry_topic, _ in entries if entry_topic == topic]

    def shift(self) -> None:
        """One heartbeat passed."""
        for key, _, size in self._shifted.pop():
            del self.msgs[key]
            self._bytes -= size
        self._shifted.insert(0, [])


class FrameQueue:
    """Outgoing frames of one peer, encoded once for all peers; control first, the oldest data gives way."""

    max_message_size = MAX_RPC_BYTES

    def __init__(self, on_drop: Callable[[], None]) -> None:
        self._control: deque[bytes] = deque()
        self._data: deque[bytes] = deque()
        self._data_bytes = 0
        self._filled = trio.Event()
        self._is_closed = False
        self._on_drop = on_drop

    def __len__(self) -> int:
        return len(self._control) + len(self._data)

    def push(self, rpc: rpc_pb2.RPC) -> bool:
        """Queue a control or subscription RPC. False when it does not fit."""
        if self._is_closed or len(self._control) >= MAX_QUEUED_CONTROL:
            return False
        self._control.append(encode_varint_prefixed(rpc.SerializeToString()))
        self._filled.set()
        return True

    def push_frame(self, frame: bytes) -> None:
        """Queue an encoded data RPC."""
        if self._is_closed:
            return
        self._data.append(frame)
        self._data_bytes += len(frame)
        while len(self._data) > MAX_QUEUED_FRAMES or self._data_bytes > MAX_QUEUED_BYTES:
            self._data_bytes -= len(self._data.popleft())
            self._on_drop()
        self._filled.set()

    async def pop(self) -> bytes | None:
        """The next frame; None when closed."""
        while not self._is_closed:
            if self._control:
                return self._control.popleft()
            if self._data:
                frame = self._data.popleft()
                self._data_bytes -= len(frame)
                return frame
            self._filled = trio.Event()
            await self._filled.wait()
        return None

    def close(self) -> None:
        """Drop everything and end the sender."""
        self._is_closed = True
        self._control.clear()
        self._data.clear()
        self._filled.set()


class GuardedGossipSub(GossipSub):
    """The router: libp2p's mesh, our message path and our reading of control messages."""

    def __init__(self, *, degree: int, degree_low: int, degree_high: int) -> None:
        super().__init__(
            [TProtocol(PROTOCOL_ID_V11)],
            degree=degree,
            degree_low=degree_low,
            degree_high=degree_high,
            heartbeat_interval=1,
            prune_back_off=1,
            unsubscribe_back_off=1,
            spam_protection_enabled=False,
            adaptive_gossip_enabled=False,
            eclipse_protection_enabled=False,
        )
        self.mcache = BoundedMessageCache(self.mcache.window_size, self.mcache.history_size)
        self._served: dict[ID, Counter[bytes]] = {}
        self._served_since_s = 0.0

    async def publish(self, msg_forwarder: ID, pubsub_msg: rpc_pb2.Message) -> None:
        """Forward a judged message to the mesh, encoded once."""
        self.mcache.put(pubsub_msg)
        topics = list(pubsub_msg.topicIDs)
        receivers = self._get_peers_to_send(
            topics, msg_forwarder, ID(pubsub_msg.from_id), message_id(pubsub_msg)
        )
        frame = _data_frame(pubsub_msg)
        for peer in receivers:
            self._push_frame(peer, frame)
        await trio.lowlevel.checkpoint()

    async def send_recent_messages(self, peer_id: ID, topic: str) -> None:
        """Give a new subscriber what it just missed; through its queue, never beside it."""
        for key in self.mcache.window(topic):
            message = self.mcache.get(key)
            if message is not None:
                self._push_frame(peer_id, _data_frame(message))
        await trio.lowlevel.checkpoint()

    async def flush_pending_messages(self, peer_id: ID) -> None:
        """Nothing is held back for peers that did not subscribe: that memory would be theirs to fill."""

    async def emit_control_message(self, control_msg: rpc_pb2.ControlMessage, to_peer: ID) -> None:
        """Queue a control message, without the signed peer record that libp2p repeats in every RPC."""
        queue = self._queue(to_peer)
        if queue is not None:
            rpc = rpc_pb2.RPC()
            rpc.control.CopyFrom(control_msg)
            queue.push(rpc)
        await trio.lowlevel.checkpoint()

    async def handle_rpc(self, rpc: rpc_pb2.RPC, sender_peer_id: ID) -> None:
        """Control messages of v1.1, a few per RPC, about topics of this node only, without peer exchange."""
        control = rpc.control
        for ihave in control.ihave[:MAX_CONTROL_ENTRIES]:
            if ihave.topicID in self.mesh:
                await self.handle_ihave(_bounded_ihave(ihave), sender_peer_id)
        for iwant in control.iwant[:MAX_CONTROL_ENTRIES]:
            await self.handle_iwant(iwant, sender_peer_id)
        for graft in control.graft[:MAX_CONTROL_ENTRIES]:
            if graft.topicID in self.mesh:
                await self.handle_graft(graft, sender_peer_id)
        for prune in control.prune[:MAX_CONTROL_ENTRIES]:
            if prune.topicID in self.mesh:
                backoff_s = min(prune.backoff, MAX_BACKOFF_S)
                bounded = rpc_pb2.ControlPrune(topicID=prune.topicID, backoff=backoff_s)
                await self.handle_prune(bounded, sender_peer_id)

    async def handle_iwant(self, iwant_msg: rpc_pb2.ControlIWant, sender_peer_id: ID) -> None:
        """Send cached messages, each at most three times to one peer and only so many bytes at once."""
        if not self._check_iwant_rate_limit(sender_peer_id):
            return
        now_s = trio.current_time()
        if now_s - self._served_since_s > _FORGET_SERVED_S:
            self._served_since_s = now_s
            self._served.clear()
        served = self._served.setdefault(sender_peer_id, Counter())
        size = 0
        for key in iwant_msg.messageIDs[:MAX_IDS_PER_CONTROL]:
            message = self.mcache.get(bytes(key))
            if message is None or served[key] >= MAX_SENDS_PER_REQUEST:
                continue
            served[key] += 1
            frame = _data_frame(message)
            size += len(frame)
            if size > MAX_IWANT_BYTES:
                return
            self._push_frame(sender_peer_id, frame)
        await trio.lowlevel.checkpoint()

    def _queue(self, peer: ID) -> FrameQueue | None:
        queue: Any = None if self.pubsub is None else self.pubsub.peer_queues.get(peer)
        return queue if isinstance(queue, FrameQueue) else None

    def _push_frame(self, peer: ID, frame: bytes) -> None:
        queue = self._queue(peer)
        if queue is not None:
            queue.push_frame(frame)


class GuardedPubsub(Pubsub):
    """Reads, judges and delivers messages; one bad message costs its sender, nobody else."""

    peer_queues: dict[ID, Any]
    router: GuardedGossipSub

    def __init__(
        self,
        host: GuardedHost,
        router: GuardedGossipSub,
        topics: Mapping[Topic, TopicLimits],
        sink: FaultSink,
        on_message: OnMessage,
    ) -> None:
        super().__init__(
            host,
            router,
            strict_signing=True,
            msg_id_constructor=message_id,
            max_inbound_rpc_size=MAX_RPC_BYTES,
            allowed_topics=frozenset(topics),
            max_subscriptions_per_rpc=2 * len(topics) + 16,
        )
        self.seen_messages.stop()
        self.seen_messages = SeenMessages()  # type: ignore[assignment]
        self._topics = topics
        self._sink = sink
        self._on_message = on_message
        self._validators: dict[Topic, TopicValidator] = {}
        self._readers: Counter[ID] = Counter()

    def validate_with(self, topic: Topic, validator: TopicValidator) -> None:
        """Judge messages of a topic before they are delivered and forwarded."""
        self._validators[topic] = validator

    # Reading

    async def stream_handler(self, stream: INetStream) -> None:
        """One inbound pubsub stream: its frames are handled one after the other, so a fast peer waits for itself."""
        peer = stream.muxed_conn.peer_id
        if self._readers[peer] >= MAX_STREAMS_PER_PEER:
            await stream.reset()
            return
        self._readers[peer] += 1
        try:
            await self.continuously_read_stream(stream)
        finally:
            self._readers[peer] -= 1
            if not self._readers[peer]:
                del self._readers[peer]

    async def continuously_read_stream(self, stream: INetStream) -> None:
        """Read until the peer ends the stream. Raises on anything that is no pubsub frame."""
        peer = stream.muxed_conn.peer_id
        second_ends_s = 0.0
        messages = 0
        with frames_of(muxed(stream)) as reader:
            while True:
                try:
                    frame = await reader.read_varint_frame(MAX_RPC_BYTES)
                except EOFError:
                    return
                rpc = self._parse(peer, frame)
                if trio.current_time() >= second_ends_s:
                    second_ends_s = trio.current_time() + 1.0
                    messages = 0
                messages += len(rpc.publish)
                await self._handle(peer, rpc)
                if messages > MAX_MESSAGES_PER_S:
                    self._sink.count("gossip_throttled")
                    await trio.sleep_until(second_ends_s)

    def _parse(self, peer: ID, frame: bytes) -> rpc_pb2.RPC:
        rpc = rpc_pb2.RPC()
        try:
            rpc.ParseFromString(frame)
        except Exception:
            self._sink.on_offence(peer, "pubsub: not an RPC")
            raise
        if len(rpc.publish) > MAX_MESSAGES_PER_RPC:
            self._sink.on_offence(peer, "pubsub: too many messages in one RPC")
            raise ValueError("too many messages in one RPC")
        return rpc

    async def _handle(self, peer: ID, rpc: rpc_pb2.RPC) -> None:
        for message in rpc.publish:
            await self.push_msg(peer, message)
        if len(rpc.subscriptions) <= self.max_subscriptions_per_rpc:
            for subscription in rpc.subscriptions:
                self.handle_subscription(peer, subscription)
        else:
            self._sink.on_offence(peer, "pubsub: too many subscriptions")
        if rpc.HasField("control"):
            await self.router.handle_rpc(rpc, peer)

    # Judging

    async def push_msg(self, msg_forwarder: ID, msg: rpc_pb2.Message) -> None:
        """Judge a message (own ones too), deliver it, forward it. Never raises for a message of a peer."""
        is_own = msg_forwarder == self.my_id
        key = message_id(msg)
        if self.seen_messages.has(key):
            return
        if not is_own:
            if not self._is_acceptable(msg_forwarder, msg):
                self._sink.count("gossip_rejected")
                return
            if msg.from_id == self.my_id.to_bytes():
                return
        self.seen_messages.add(key)
        if not is_own:
            self._on_message(msg.topicIDs[0], ID(msg.from_id), msg.data)
        await self.router.publish(msg_forwarder, msg)

    def _is_acceptable(self, forwarder: ID, msg: rpc_pb2.Message) -> bool:
        offence = self._offence_of(msg)
        if offence is None:
            try:
                validator = self._validators.get(msg.topicIDs[0])
                if validator is None or validator(bytes(msg.from_id), msg.data):
                    return True
                offence = "content"
            except Exception:
                # A fault of ours: the message is lost, but nobody is blamed.
                logger.exception("the validator of topic %s failed", msg.topicIDs[0])
                self._sink.count("gossip_validator_error")
                return False
        self._sink.on_offence(forwarder, f"pubsub: {offence}")
        return False

    def _offence_of(self, msg: rpc_pb2.Message) -> str | None:
        """What is wrong with a message, cheapest checks first."""
        if len(msg.topicIDs) != 1 or msg.topicIDs[0] not in self.topic_ids:
            return "topic"
        if len(msg.data) > self._topics[msg.topicIDs[0]].max_message_bytes:
            return "size"
        # Only ids that contain their key: then libp2p never parses the key that the sender put beside it.
        if len(msg.from_id) != _ED25519_ID_BYTES or not msg.from_id.startswith(INLINED_KEY_HEADER):
            return "author"
        try:
            is_signed = signature_validator(msg)
        except Exception:
            is_signed = False
        return None if is_signed else "signature"

    async def publish(self, topic_id: str | list[str], data: bytes) -> None:
        """Sign and send; the key is in the author's id, so it is not repeated."""
        if not isinstance(topic_id, str) or self.sign_key is None:
            raise InvariantViolation("one topic and a signing key")
        message = rpc_pb2.Message(
            data=data, topicIDs=[topic_id], from_id=self.my_id.to_bytes(), seqno=self._next_seqno()
        )
        message.signature = self.sign_key.sign(PUBSUB_SIGNING_PREFIX.encode() + message.SerializeToString())
        await self.push_msg(self.my_id, message)

    # Peers

    async def _handle_new_peer(self, peer_id: ID) -> None:
        if peer_id in self.peers:
            return
        stream = await self.host.new_stream(peer_id, self.protocols)
        await stream.write(encode_varint_prefixed(self.get_hello_packet().SerializeToString()))
        if peer_id in self.peers:
            await stream.reset()
            return
        self.router.add_peer(peer_id, stream.get_protocol())
        self.peers[peer_id] = stream
        queue = FrameQueue(lambda: self._sink.count("gossip_dropped_queue_full"))
        self.peer_queues[peer_id] = queue
        self.manager.run_task(self.handle_sending_messages, peer_id, stream, queue)
        # Its subscriptions may have come before our stream was open; the mesh need not wait for a heartbeat.
        for topic in [topic for topic, peers in self.peer_topics.items() if peer_id in peers]:
            await self.router.on_peer_subscribed(peer_id, topic)
        await self._send_recent_messages_to_new_peer(peer_id)

    def _handle_dead_peer(self, peer_id: ID) -> None:
        """Our stream to the peer is gone. Its subscriptions stay while it is connected: it will not repeat them."""
        self._clear_pending_announce_retries_for_peer(peer_id)
        is_connected = self._peer_is_connected(peer_id)
        if not is_connected:
            self._forget_all_subscriptions(peer_id)
        if self.peers.pop(peer_id, None) is not None:
            self.peer_queues.pop(peer_id).close()
            self.router.remove_peer(peer_id)
        if is_connected:
            self._schedule_peer_stream_retry(peer_id)

    async def handle_sending_messages(self, peer_id: ID, stream: INetStream, queue: Any) -> None:
        """Write queued frames until the peer is gone; then let libp2p open a new stream if it is still connected."""
        try:
            while (frame := await queue.pop()) is not None:
                await stream.write(frame)
        except Exception as error:
            logger.debug("pubsub stream to %s ended: %r", peer_id, error)
        finally:
            if self.peer_queues.get(peer_id) is queue:
                self._handle_dead_peer(peer_id)
            with trio.move_on_after(1.0) as scope:
                scope.shield = True
                await stream.reset()


def _data_frame(message: rpc_pb2.Message) -> bytes:
    return encode_varint_prefixed(rpc_pb2.RPC(publish=[message]).SerializeToString())


def _bounded_ihave(ihave: rpc_pb2.ControlIHave) -> rpc_pb2.ControlIHave:
    keys = [key for key in ihave.messageIDs[:MAX_IDS_PER_CONTROL] if len(key) <= MAX_ID_BYTES]
    return rpc_pb2.ControlIHave(topicID=ihave.topicID, messageIDs=keys)
