"""Guards of connections and streams: the host of libp2p with a life cycle that a remote peer cannot break.

Owns: accepting and dialling, registration of connections, running stream handlers, opening streams.
Never: interprets a stream of its own protocols. Faults and upstream references: see the table in `p2p.guards`.
"""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Protocol

import trio
from libp2p.abc import IMuxedConn, IMuxedStream, INetConn, INetStream
from libp2p.custom_types import TProtocol
from libp2p.host.basic_host import BasicHost
from libp2p.host.ping import ID as PING_PROTOCOL
from libp2p.host.ping import PING_LENGTH
from libp2p.identity.identify.identify import ID as IDENTIFY_PROTOCOL
from libp2p.identity.identify.identify import identify_handler_for
from libp2p.network.config import ConnectionConfig, RetryConfig
from libp2p.network.connection.raw_connection import RawConnection
from libp2p.network.connection.swarm_connection import SwarmConn
from libp2p.network.exceptions import SwarmException
from libp2p.network.stream.net_stream import NetStream
from libp2p.network.swarm import Swarm
from libp2p.peer.id import ID
from libp2p.peer.peerstore import PeerStore
from libp2p.protocol_muxer.multiselect import Multiselect
from libp2p.rcmgr import Direction as Libp2pDirection
from libp2p.stream_muxer.exceptions import MuxedConnUnavailable
from multiaddr import Multiaddr

from chain.errors import InvariantViolation
from p2p.framing import FrameReader, FrameTruncated
from p2p.guards.transport import BufferedTcpStream, FaultSink, GuardedUpgrader, key_pair_of
from p2p.identity import NodeIdentity
from p2p.multistream import NegotiationFailed, propose, respond
from p2p.yamux import BoundedYamux
from p2p.yamux_stream import BoundedYamuxStream

logger = logging.getLogger(__name__)

HANDSHAKE_TIMEOUT_S = 5.0
"""Noise takes three messages; a peer that needs longer is not usable for consensus anyway."""

NEGOTIATION_TIMEOUT_S = 5.0
DIAL_TIMEOUT_S = 3.0

MAX_HANDSHAKES = 64
MAX_HANDSHAKES_PER_HOST = 16
"""Half-open inbound connections in total and per remote address: one address cannot take all the places."""

MAX_HANDSHAKES_PER_S = 200
MAX_HANDSHAKES_PER_HOST_PER_S = 50

_HANDLER_GRACE_S = 1.0
"""Stream handlers may finish what has already arrived when their connection ends."""

_NOTIFY_TIMEOUT_S = 1.0
_PING_IDLE_S = 60.0


def muxed(stream: INetStream) -> BoundedYamuxStream:
    """The stream of our muxer below a stream of libp2p, without its state machine."""
    if isinstance(stream, NetStream) and isinstance(stream.muxed_stream, BoundedYamuxStream):
        return stream.muxed_stream
    raise InvariantViolation("a stream of a foreign muxer")


@contextmanager
def frames_of(stream: BoundedYamuxStream) -> Iterator[FrameReader]:
    """Reader whose buffer counts against the budget of its connection."""
    reader = FrameReader(stream, stream.muxed_conn.hold)
    try:
        yield reader
    finally:
        reader.release()


class ConnectionPolicy(FaultSink, Protocol):
    """Who may connect, and who wants to know."""

    def admits(self, peer: ID, dialled_from: str | None) -> bool:
        """Whether an authenticated peer may stay; `dialled_from` is its address if it dialled, else None."""

    def on_connected(self, connection: "GuardedConnection") -> None:
        """A connection was registered."""

    def on_disconnected(self, connection: "GuardedConnection") -> None:
        """A registered connection is over."""


class GuardedConnection(SwarmConn):
    """A connection whose stream handlers may fail, and which always leaves the books."""

    muxed_conn: BoundedYamux
    swarm: "GuardedSwarm"

    def __init__(self, muxed_conn: BoundedYamux, swarm: "GuardedSwarm", direction: str) -> None:
        super().__init__(muxed_conn, swarm, direction=direction)
        self.connected_at_s = trio.current_time()

    @property
    def peer_id(self) -> ID:
        """The authenticated peer."""
        return self.muxed_conn.peer_id

    @property
    def is_inbound(self) -> bool:
        """Whether the peer dialled."""
        return self._direction is Libp2pDirection.INBOUND

    async def close(self) -> None:
        """Leave the books, close, tell everybody. Safe to call twice and bounded in time."""
        if self.event_closed.is_set():
            return
        self.event_closed.set()
        self.swarm.remove_conn(self)
        self.swarm.policy.on_disconnected(self)
        try:
            await self.muxed_conn.close()
        finally:
            with trio.move_on_after(_NOTIFY_TIMEOUT_S) as scope:
                scope.shield = True
                await self.swarm.notify_disconnected(self)

    async def _handle_new_streams(self) -> None:
        self.event_started.set()
        async with trio.open_nursery() as nursery:
            while True:
                try:
                    stream = await self.muxed_conn.accept_stream()
                except MuxedConnUnavailable:
                    break
                nursery.start_soon(self._handle_muxed_stream, stream)
            nursery.cancel_scope.deadline = trio.current_time() + _HANDLER_GRACE_S
            await self.close()

    async def _handle_muxed_stream(self, muxed_stream: IMuxedStream) -> None:
        stream = NetStream(muxed_stream, self, None)
        self.streams.add(stream)
        try:
            await self.swarm.common_stream_handler(stream)
            await muxed_stream.close()
        except Exception as error:
            # Whatever a handler of ours or of libp2p raises was provoked by this peer and ends this stream only.
            logger.debug("stream %s of %s failed: %r", stream.get_protocol(), self.peer_id, error)
            self.swarm.policy.count(f"guarded_stream_error:{type(error).__name__}")
            await muxed_stream.reset()
        finally:
            self.streams.discard(stream)
            if isinstance(muxed_stream, BoundedYamuxStream):
                muxed_stream.discard()

    def get_transport_addresses(self) -> list[Multiaddr]:
        """Address of the peer; the library asks its peer store, where this node keeps nothing."""
        return self.muxed_conn.get_transport_addresses()

    async def new_stream(self) -> NetStream:
        """An outbound stream, not negotiated yet. Raises MuxedStreamError."""
        stream = NetStream(await self.muxed_conn.open_stream(), self, None)
        self.streams.add(stream)
        return stream


class GuardedSwarm(Swarm):
    """The connections of this node."""

    def __init__(
        self,
        identity: NodeIdentity,
        upgrader: GuardedUpgrader,
        policy: ConnectionPolicy,
        max_connections: int,
    ) -> None:
        key_pair = key_pair_of(identity)
        peerstore = PeerStore()
        me = ID(identity.peer_id)
        peerstore.add_key_pair(me, key_pair)
        super().__init__(
            me,
            peerstore,
            upgrader,
            transports=[],
            retry_config=RetryConfig(max_retries=0),
            connection_config=ConnectionConfig(
                max_connections=max_connections,
                min_connections=0,
                low_watermark=0,
                high_watermark=max_connections,
            ),
        )
        # Everything else that libp2p would keep per connection (tags, back-off of its auto-connector) only grows.
        self.notifees.clear()
        self.policy = policy
        self._handshakes: Counter[str] = Counter()
        self._recent_handshakes: Counter[str] = Counter()
        self._recent_end_s = 0.0

    async def run(self) -> None:
        """Host the tasks of all connections until stopped."""
        async with trio.open_nursery() as nursery:
            self.background_nursery = nursery
            self.event_background_nursery_created.set()
            await self.manager.wait_finished()
            nursery.cancel_scope.cancel()

    async def serve(self, stream: trio.SocketStream) -> None:
        """Handler of one accepted socket: returns when its connection is over."""
        raw = RawConnection(BufferedTcpStream(stream), False)
        remote = raw.get_remote_address()
        remote_host = remote[0] if remote is not None else ""
        if not self._may_shake_hands(remote_host):
            self.policy.count("inbound_refused_handshakes")
            return
        self._handshakes[remote_host] += 1
        try:
            connection = await self._upgrade(raw, None)
        except Exception as error:
            logger.debug("inbound connection from %s failed: %r", remote_host, error)
            self.policy.count("inbound_failed")
            return
        finally:
            self._handshakes[remote_host] -= 1
            if not self._handshakes[remote_host]:
                del self._handshakes[remote_host]
        await connection.muxed_conn.event_closed.wait()

    def _may_shake_hands(self, remote_host: str) -> bool:
        """Bound handshakes at once, and per second, because each costs 1.5 ms of CPU before we know who it is."""
        now_s = trio.current_time()
        if now_s >= self._recent_end_s:
            self._recent_end_s = now_s + 1.0
            self._recent_handshakes.clear()
        if (
            self._handshakes.total() >= MAX_HANDSHAKES
            or self._handshakes[remote_host] >= MAX_HANDSHAKES_PER_HOST
            or self._recent_handshakes.total() >= MAX_HANDSHAKES_PER_S
            or self._recent_handshakes[remote_host] >= MAX_HANDSHAKES_PER_HOST_PER_S
        ):
            return False
        self._recent_handshakes[remote_host] += 1
        return True

    async def connect(self, host: str, port: int, peer: ID) -> "GuardedConnection":
        """Dial one address. Raises SwarmException."""
        try:
            with trio.fail_after(DIAL_TIMEOUT_S):
                stream = await trio.open_tcp_stream(host, port)
        except (OSError, trio.TooSlowError) as error:
            raise SwarmException(f"cannot reach {host}:{port}: {error}") from error
        return await self._upgrade(RawConnection(BufferedTcpStream(stream), True), peer)

    async def _upgrade(self, raw: RawConnection, dialled: ID | None) -> "GuardedConnection":
        muxed: IMuxedConn | None = None
        try:
            with trio.fail_after(HANDSHAKE_TIMEOUT_S):
                secured = await self.upgrader.upgrade_security(raw, dialled is not None, dialled)
                peer = secured.get_remote_peer()
                is_inbound = dialled is None
                remote = raw.get_remote_address()
                dialled_from = (remote[0] if remote is not None else "") if is_inbound else None
                if not self.policy.admits(peer, dialled_from):
                    raise SwarmException(f"peer {peer} is not admitted")
                muxed = await self.upgrader.upgrade_connection(secured, peer)
                return await self.add_conn(muxed, "inbound" if is_inbound else "outbound")
        except BaseException as error:
            with trio.CancelScope() as scope:
                scope.shield = True
                await (raw if muxed is None else muxed).close()
            if isinstance(error, Exception) and not isinstance(error, SwarmException):
                raise SwarmException(f"handshake: {error}") from error
            raise

    async def add_conn(self, muxed_conn: IMuxedConn, direction: str = "unknown") -> "GuardedConnection":
        """Register and run a connection. Raises SwarmException when the node is full."""
        if not isinstance(muxed_conn, BoundedYamux):
            raise SwarmException("only connections of the own muxer are admitted")
        if self.get_total_connections() >= self.connection_config.max_connections:
            self.policy.count("connection_refused_full")
            raise SwarmException("too many connections")
        connection = GuardedConnection(muxed_conn, self, direction)
        self.manager.run_task(muxed_conn.start)
        await muxed_conn.event_started.wait()
        self.manager.run_task(connection.start)
        await connection.event_started.wait()
        if connection.is_closed:
            raise SwarmException("the peer closed the connection at once")
        self.connections.setdefault(connection.peer_id, []).append(connection)
        self.policy.on_connected(connection)
        await self._notify("connected", connection)
        return connection

    def remove_conn(self, swarm_conn: SwarmConn) -> None:
        """Take a connection out of the books."""
        peer = swarm_conn.muxed_conn.peer_id
        remaining = [c for c in self.connections.get(peer, ()) if c is not swarm_conn]
        if remaining:
            self.connections[peer] = remaining
        else:
            self.connections.pop(peer, None)

    async def notify_disconnected(self, conn: INetConn) -> None:
        """Tell pubsub, and not the dialler of the library."""
        await self._notify("disconnected", conn)

    async def notify_opened_stream(self, stream: INetStream) -> None:
        """Nobody listens."""

    async def notify_closed_stream(self, stream: INetStream) -> None:
        """Nobody listens."""

    def connection_to(self, peer: ID) -> "GuardedConnection":
        """The connection that new streams use. Raises SwarmException when there is none."""
        for connection in reversed(self.connections.get(peer, ())):
            if isinstance(connection, GuardedConnection) and not connection.is_closed:
                return connection
        raise SwarmException(f"peer {peer} is not connected")

    async def new_stream(self, peer_id: ID) -> INetStream:
        """A stream to a connected peer; never dials."""
        return await self.connection_to(peer_id).new_stream()


class GuardedHost(BasicHost):
    """Negotiation on streams, identify and ping with bounds, no automatic dialling or address learning."""

    def __init__(self, swarm: GuardedSwarm, announced: Sequence[Multiaddr]) -> None:
        self.bound: list[Multiaddr] = []
        super().__init__(swarm, announce_addrs=announced or None, disable_identify_address_discovery=True)
        self.swarm = swarm
        # Fresh table: without identify-push, which lets a peer write addresses into our memory.
        self.multiselect = Multiselect({})
        self.set_stream_handler(IDENTIFY_PROTOCOL, identify_handler_for(self))
        self.set_stream_handler(PING_PROTOCOL, answer_pings)

    def get_transport_addrs(self) -> list[Multiaddr]:
        """Where this node listens; identify tells it to peers."""
        return list(self.bound)

    async def _swarm_stream_handler(self, net_stream: INetStream) -> None:
        supported = {name for name in self.multiselect.handlers if name is not None}
        try:
            with trio.fail_after(NEGOTIATION_TIMEOUT_S):
                protocol = TProtocol(await respond(net_stream, supported))
        except NegotiationFailed:
            # Finished, not reset: a reset could overtake our "not available", and what a dialler sends behind an
            # unavailable protocol is no line of a negotiation.
            self.swarm.policy.count("negotiation_failed")
            return
        net_stream.set_protocol(protocol)
        handler = self.multiselect.handlers[protocol]
        if handler is None:
            raise NegotiationFailed(f"no handler for {protocol}")
        await handler(net_stream)

    async def new_stream(self, peer_id: ID, protocol_ids: Sequence[TProtocol]) -> INetStream:
        """A negotiated stream for the first protocol. Raises SwarmException, NegotiationFailed, stream errors."""
        stream = await self.swarm.new_stream(peer_id)
        try:
            with trio.fail_after(NEGOTIATION_TIMEOUT_S):
                await propose(stream, protocol_ids[0])
        except BaseException:
            with trio.CancelScope() as scope:
                scope.shield = True
                await stream.reset()
            raise
        stream.set_protocol(protocol_ids[0])
        return stream

    async def open(self, peer: ID, protocol: str, payload: bytes = b"") -> BoundedYamuxStream:
        """As `new_stream`, without the state machine of NetStream; `payload` travels with the proposal."""
        stream = await self.swarm.connection_to(peer).muxed_conn.open_stream()
        try:
            with trio.fail_after(NEGOTIATION_TIMEOUT_S):
                await propose(stream, protocol, payload)
        except BaseException:
            with trio.CancelScope() as scope:
                scope.shield = True
                await stream.reset()
            raise
        return stream

    async def _on_notifee_connected(self, conn: INetConn) -> None:
        """The library would identify every peer here and store any number of addresses."""

    async def _push_identify_to_all_peers(self) -> None:
        """Addresses of this node do not change while it runs."""


async def answer_pings(stream: INetStream) -> None:
    """`/ipfs/ping/1.0.0`: echo 32 bytes until the peer is silent for a minute."""
    reader = FrameReader(stream)
    with suppress(FrameTruncated):
        while True:
            with trio.fail_after(_PING_IDLE_S):
                payload = await reader.read(PING_LENGTH)
            await stream.write(payload)
