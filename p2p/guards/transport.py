"""Guards of a connection before it carries streams: TCP, security and muxer negotiation, the service manager.

Owns: the byte stream under noise, the upgrade of a raw connection, and the task manager whose tasks cannot take
the host down. Never: decides who may connect (`p2p.connections`).
Faults and upstream references: see the table in `p2p.guards`.
"""

import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import trio
from libp2p.abc import IRawConnection, ISecureConn
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.crypto.keys import KeyPair
from libp2p.crypto.x25519 import create_new_key_pair as create_x25519_key_pair
from libp2p.custom_types import TProtocol
from libp2p.io.abc import ReadWriteCloser
from libp2p.io.exceptions import ConnectionClosedError
from libp2p.peer.id import ID
from libp2p.security.noise.transport import PROTOCOL_ID as NOISE_PROTOCOL
from libp2p.security.noise.transport import Transport as NoiseTransport
from libp2p.stream_muxer.yamux.yamux import PROTOCOL_ID as YAMUX_PROTOCOL
from libp2p.stream_muxer.yamux.yamux import Yamux
from libp2p.tools.anyio_service.exceptions import LifecycleError
from libp2p.tools.anyio_service.trio_manager import TrioManager
from libp2p.transport.exceptions import MuxerUpgradeFailure, SecurityUpgradeFailure
from libp2p.transport.upgrader import TransportUpgrader

from p2p.identity import NodeIdentity
from p2p.multistream import propose, respond
from p2p.yamux import BoundedYamux
from p2p.yamux_stream import ReceiveBudget, YamuxLimits

logger = logging.getLogger(__name__)

_RECEIVE_BYTES = 128 * 1024
_DAEMON_RESTART_S = 1.0
"""Pause before a failed daemon task of libp2p runs again, so that a permanent fault does not spin."""


class FaultSink(Protocol):
    """Where guards report what they caught."""

    def count(self, event: str) -> None:
        """One more event of this name."""

    def on_offence(self, peer: ID, reason: str) -> None:
        """The peer broke a protocol."""


def key_pair_of(identity: NodeIdentity) -> KeyPair:
    """The identity as libp2p wants it."""
    return create_new_key_pair(identity.secret)


class BufferedTcpStream(ReadWriteCloser):
    """TCP bytes for noise: one system call for many small reads, and a sized read returns all it was asked for.

    `read_exactly` of libp2p gives up after 100 partial reads, which a 64 KiB noise message in small TCP segments
    needs; its own TCP stream drops writes to a closed socket silently.
    """

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._buffer = bytearray()
        self._remote = self._remote_address()

    async def read(self, n: int | None = None) -> bytes:
        """n bytes, fewer only at the end; for None what is there. Raises ConnectionClosedError."""
        while len(self._buffer) < (1 if n is None else n):
            chunk = await self._receive()
            if not chunk:
                break
            if n is None and not self._buffer:
                return bytes(chunk)
            self._buffer += chunk
        if n is None or n >= len(self._buffer):
            taken = bytes(self._buffer)
            self._buffer.clear()
        else:
            taken = bytes(memoryview(self._buffer)[:n])
            del self._buffer[:n]
        return taken

    async def _receive(self) -> bytes | bytearray:
        try:
            return await self._stream.receive_some(_RECEIVE_BYTES)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise ConnectionClosedError(str(error), transport="tcp") from error

    async def write(self, data: bytes) -> None:
        """All of data. Raises ConnectionClosedError."""
        try:
            await self._stream.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise ConnectionClosedError(str(error), transport="tcp") from error

    async def close(self) -> None:
        """Close the socket."""
        await trio.aclose_forcefully(self._stream)

    def get_remote_address(self) -> tuple[str, int] | None:
        """Endpoint of the peer as it was when the connection began."""
        return self._remote

    def _remote_address(self) -> tuple[str, int] | None:
        try:
            host, port = self._stream.socket.getpeername()[:2]
        except OSError:
            return None
        return str(host), int(port)


class GuardedUpgrader(TransportUpgrader):
    """Noise and yamux, nothing else; bounded negotiation; every failure is an upgrade failure."""

    def __init__(
        self,
        identity: NodeIdentity,
        limits: YamuxLimits,
        budget: ReceiveBudget,
        sink: FaultSink,
    ) -> None:
        key_pair = key_pair_of(identity)
        noise = NoiseTransport(key_pair, noise_privkey=create_x25519_key_pair().private_key)
        super().__init__(
            OrderedDict({NOISE_PROTOCOL: noise}), OrderedDict({TProtocol(YAMUX_PROTOCOL): Yamux})
        )
        self._noise = noise
        self._limits = limits
        self._budget = budget
        self._sink = sink

    async def upgrade_security(
        self, raw_conn: IRawConnection, is_initiator: bool, peer_id: ID | None = None
    ) -> ISecureConn:
        """Authenticate and encrypt. Raises SecurityUpgradeFailure."""
        try:
            if is_initiator:
                if peer_id is None:
                    raise ValueError("a dialled peer has an id")
                await propose(raw_conn, NOISE_PROTOCOL)
                return await self._noise.secure_outbound(raw_conn, peer_id)
            await respond(raw_conn, (NOISE_PROTOCOL,))
            return await self._noise.secure_inbound(raw_conn)
        except Exception as error:
            raise SecurityUpgradeFailure(f"noise: {error!r}") from error

    async def upgrade_connection(self, conn: ISecureConn, peer_id: ID) -> BoundedYamux:
        """Multiplex. Raises MuxerUpgradeFailure."""
        try:
            if conn.is_initiator:
                await propose(conn, YAMUX_PROTOCOL)
            else:
                await respond(conn, (YAMUX_PROTOCOL,))
        except Exception as error:
            raise MuxerUpgradeFailure(f"yamux: {error!r}") from error
        return BoundedYamux(
            conn,
            peer_id,
            limits=self._limits,
            budget=self._budget,
            on_violation=self._sink.on_offence,
        )


class GuardedManager(TrioManager):
    """Runs the tasks of a libp2p service; a task that fails is counted, and a daemon runs again.

    The manager of libp2p cancels the whole service when any task raises, searches all tasks whenever one is
    started, and refuses the 1001st child of a task.
    """

    def __init__(self, service: Any, sink: FaultSink) -> None:
        super().__init__(service)
        service._manager = self
        self._sink = sink

    def run_task(
        self,
        async_fn: Callable[..., Awaitable[Any]],
        *args: Any,
        daemon: bool = False,
        name: str | None = None,
        _internal: bool = False,
    ) -> None:
        """Start a background task. Raises LifecycleError when the service is not running."""
        if _internal:
            super().run_task(async_fn, *args, daemon=daemon, name=name, _internal=True)
            return
        if self._task_nursery is None or not self.is_running:
            raise LifecycleError("the service is not running")
        self._task_nursery.start_soon(self._run_guarded, async_fn, args, daemon, name=name)

    async def _run_guarded(
        self, async_fn: Callable[..., Awaitable[Any]], args: tuple[Any, ...], daemon: bool
    ) -> None:
        while True:
            try:
                await async_fn(*args)
            except Exception:
                logger.warning("background task %s failed", async_fn, exc_info=True)
                self._sink.count("guarded_task_error")
            if not daemon:
                return
            await trio.sleep(_DAEMON_RESTART_S)
