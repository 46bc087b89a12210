"""The network over libp2p: opens it, runs it, closes it.

Owns: `open_libp2p_network` and the `Network` that it yields.
Never: imports libp2p before a network is opened: that costs 0.25 s of CPU and 31 MB, which the command line
tools do not pay.
"""

import errno
import logging
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio

from chain.errors import EnvironmentFault, InvariantViolation
from p2p.identity import NodeIdentity
from p2p.libp2p_import import import_libp2p
from p2p.multiaddress import PeerAddress
from p2p.network import (
    Inbox,
    MessageTooLarge,
    PeerConnection,
    PeerId,
    ProtocolName,
    RequestHandler,
    Topic,
    TopicValidator,
)
from p2p.network_config import NetworkConfig as NetworkConfig
from p2p.peer_book import PeerBook

if TYPE_CHECKING:
    from p2p.libp2p_stack import Libp2pStack

logger = logging.getLogger(__name__)

_CLOSE_S = 1.5
"""Closing tells all peers at the same time; a peer that does not take it in is left."""

_BACKLOG = 128


class CannotListen(EnvironmentFault):
    """The listening address is taken or not of this machine; the text names it."""


class Libp2pNetwork:
    """Implements `p2p.network.Network`. Made by `open_libp2p_network`."""

    def __init__(self, stack: "Libp2pStack", identity: NodeIdentity, counters: Counter[str]) -> None:
        self._stack = stack
        self._identity = identity
        self._counters = counters

    @property
    def me(self) -> PeerId:
        """Peer id of this node."""
        return self._identity.peer_id

    @property
    def listen_addresses(self) -> tuple[str, ...]:
        """Where this node listens, with its peer id: what others put into their `peers`."""
        return tuple(str(PeerAddress(a.host_kind, a.host, a.port, self.me)) for a in self._stack.listening)

    async def broadcast(self, topic: Topic, payload: bytes) -> None:
        """See `Network.broadcast`. Raises InvariantViolation for a topic that is not configured."""
        limits = self._stack.topics.get(topic)
        if limits is None:
            raise InvariantViolation(f"topic {topic} is not among the configured topics")
        _check_size(topic, payload, limits.max_message_bytes)
        await self._stack.gossip.publish(topic, payload)

    async def send(self, peer: PeerId, protocol: ProtocolName, payload: bytes) -> None:
        """See `Network.send`."""
        _check_size(protocol, payload, self._stack.direct.limits_of(protocol).max_message_bytes)
        self._stack.direct.send(peer, protocol, payload)
        await trio.lowlevel.checkpoint()

    async def request(self, peer: PeerId, protocol: ProtocolName, payload: bytes, timeout_s: float) -> bytes:
        """See `Network.request`."""
        _check_size(protocol, payload, self._stack.requests.limits_of(protocol).max_request_bytes)
        return await self._stack.requests.ask(peer, protocol, payload, timeout_s)

    def subscribe(self, topic: Topic, validator: TopicValidator | None = None) -> Inbox:
        """See `Network.subscribe`."""
        return self._stack.subscribe(topic, validator)

    def inbox(self, protocol: ProtocolName) -> Inbox:
        """See `Network.inbox`."""
        return self._stack.direct.open_inbox(protocol)

    def set_handler(self, protocol: ProtocolName, handler: RequestHandler) -> None:
        """See `Network.set_handler`."""
        self._stack.requests.set_handler(protocol, handler)

    def peers(self) -> list[PeerConnection]:
        """See `Network.peers`."""
        return self._stack.keeper.peers()

    def penalise(self, peer: PeerId, reason: str) -> None:
        """See `Network.penalise`."""
        self._stack.keeper.penalise(peer, reason)

    def allow_only(self, peers: frozenset[PeerId] | None) -> None:
        """See `Network.allow_only`."""
        self._stack.keeper.allow_only(peers)

    def add_peer(self, address: PeerAddress) -> bool:
        """See `Network.add_peer`."""
        return self._stack.keeper.add_listed(address)

    def remove_peer(self, peer: PeerId) -> bool:
        """See `Network.remove_peer`."""
        return self._stack.keeper.remove_listed(peer)

    def counters(self) -> Mapping[str, int]:
        """See `Network.counters`."""
        return dict(self._counters)


def _check_size(channel: str, payload: bytes, limit_bytes: int) -> None:
    if len(payload) > limit_bytes:
        raise MessageTooLarge(channel, len(payload), limit_bytes)


async def _bind(address: PeerAddress | None) -> list[trio.SocketListener]:
    """Listening sockets. Raises CannotListen.

    Bound here and not by libp2p 0.8.1, which sets SO_REUSEPORT: a second node on the same port would start and
    silently take half of the connections.
    """
    if address is None:
        return []
    try:
        return list(await trio.open_tcp_listeners(address.port, host=address.host, backlog=_BACKLOG))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            reason = f"port {address.port} is in use by another process"
        elif error.errno == errno.EACCES:
            reason = f"port {address.port} needs privileges"
        else:
            reason = error.strerror or str(error)
        raise CannotListen(f"cannot listen for peers on {address}: {reason}") from error


@asynccontextmanager
async def open_libp2p_network(config: NetworkConfig, identity: NodeIdentity) -> AsyncIterator[Libp2pNetwork]:
    """Run the network while the block runs. Errors of the block leave as they are, not in a group.

    Raises EnvironmentFault before it yields: unusable address, port in use, unknown version of libp2p.
    Leaving takes less than two seconds and leaves no task and no socket behind.
    """
    config.check()
    listeners = await _bind(config.listen_address())
    try:
        import_libp2p()
        from p2p.libp2p_stack import Libp2pStack

        counters: Counter[str] = Counter()
        book = PeerBook(config.peer_book, identity.peer_id)
        failure: Exception | None = None
        async with trio.open_nursery() as nursery:
            stack = Libp2pStack(config, identity, book, nursery, counters)
            await stack.start(listeners)
            try:
                yield Libp2pNetwork(stack, identity, counters)
            except Exception as error:
                failure = error
            finally:
                with trio.move_on_after(_CLOSE_S) as scope:
                    scope.shield = True
                    await stack.close()
                nursery.cancel_scope.cancel()
        if failure is not None:
            raise failure
    finally:
        for listener in listeners:
            listener.socket.close()
