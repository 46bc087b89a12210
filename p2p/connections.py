"""Who is connected: dialling, admission, duplicates, bans.

Owns: the decision about every connection of this node and the loop that keeps the wanted ones up.
Never: reads streams. One instance per network, used from one trio loop.
"""

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass

import trio
from libp2p.network.exceptions import SwarmException
from libp2p.peer.id import ID

from chain.errors import InvariantViolation
from p2p.guards.host import GuardedConnection, GuardedHost
from p2p.identify import listening_address
from p2p.multiaddress import PeerAddress, peer_id_text
from p2p.network import Direction, PeerConnection, PeerId
from p2p.network_config import NetworkConfig
from p2p.peer_book import PeerBook
from p2p.peer_score import PeerScores
from p2p.refusals import RefusalNotes

logger = logging.getLogger(__name__)

SIMULTANEOUS_S = 2.0
"""Two connections made within this time were dialled by both sides at once; later, the peer lost the old one."""

MAX_DIALS = 16
_SAVE_BOOK_S = 10.0
_LASTING_S = 5.0
_IDENTIFY_TIMEOUT_S = 5.0
_SECOND_DIALLER_DELAY_S = 0.25
"""The side with the larger id dials a moment later, so that most pairs dial once."""

_JITTER = 0.2
NOT_ALLOWED = "not_allowed"


@dataclass(slots=True)
class _Target:
    """A peer that should be connected."""

    next_dial_s: float
    failures: int = 0
    is_dialling: bool = False


class ConnectionKeeper:
    """Keeps wanted peers connected and unwanted ones out; the policy of `GuardedSwarm`."""

    def __init__(
        self,
        config: NetworkConfig,
        me: PeerId,
        book: PeerBook,
        count: Callable[[str], None],
        on_change: Callable[[PeerId, bool], None],
    ) -> None:
        self._config = config
        self._me = me
        self._book = book
        self._count = count
        self._on_change = on_change
        self._scores = PeerScores(config.penalties)
        self._refusal_notes = RefusalNotes()
        self._listed: dict[PeerId, list[PeerAddress]] = {}
        for address in config.listed_peers():
            if address.peer_id is not None and address.peer_id != me:
                self._listed.setdefault(address.peer_id, []).append(address)
        self._allowed = frozenset(self._listed) if config.only_listed_peers else None
        self._connections: dict[PeerId, list[GuardedConnection]] = {}
        self._targets: dict[PeerId, _Target] = {}
        self._changed = trio.Event()
        self._host: GuardedHost | None = None
        self._nursery: trio.Nursery | None = None

    # Policy of the swarm

    def count(self, event: str) -> None:
        """A guard caught something."""
        self._count(event)

    def admits(self, peer: ID, dialled_from: str | None) -> bool:
        """Whether an authenticated peer may stay; `dialled_from` is its address if it dialled, else None."""
        reason = self._refusal(peer.to_bytes())
        if reason is None and dialled_from is not None:
            reason = self._lack_of_room(peer.to_bytes(), dialled_from)
        if reason is not None:
            self._count(f"connection_refused_{reason}")
            logger.debug("peer %s refused: %s", peer, reason)
            if reason == NOT_ALLOWED and dialled_from is not None:
                self._tell_refusal(peer, dialled_from)
        return reason is None

    def _tell_refusal(self, peer: ID, dialled_from: str) -> None:
        if self._refusal_notes.is_news(peer.to_bytes(), trio.current_time()):
            logger.warning("peer_refused: %s from %s is not on the list of allowed peers", peer, dialled_from)

    def _lack_of_room(self, peer: PeerId, dialled_from: str) -> str | None:
        """Strangers take neither the places of listed peers nor all places from one address."""
        if peer in self._listed or (self._allowed is not None and peer in self._allowed):
            return None
        config = self._config
        absent = sum(1 for listed in self._listed if listed not in self._connections)
        places = config.max_connections - min(absent, config.max_connections // 2)
        open_connections = [c for connections in self._connections.values() for c in connections]
        if len(open_connections) >= places:
            return "full"
        remotes = [c.muxed_conn.get_remote_address() for c in open_connections if c.is_inbound]
        neighbours = sum(1 for remote in remotes if remote is not None and remote[0] == dialled_from)
        return "too_many_from_host" if neighbours >= config.max_connections_per_host else None

    def _refusal(self, peer: PeerId) -> str | None:
        if peer == self._me:
            return "self"
        if self._allowed is not None and peer not in self._allowed:
            return NOT_ALLOWED
        if self._scores.is_banned(peer, trio.current_time()):
            return "banned"
        return None

    def on_connected(self, connection: GuardedConnection) -> None:
        """Register; of two connections to one peer, both sides keep the same one."""
        peer = connection.peer_id.to_bytes()
        existing = self._connections.setdefault(peer, [])
        loser = next((c for c in (self._loser(old, connection) for old in existing) if c is not None), None)
        existing.append(connection)
        self._count("connections_made")
        if loser is not None:
            self._count("connection_duplicate_closed")
            self._close(loser)
        if connection.is_inbound:
            self._start(self._learn_address, connection)
        if len(existing) == 1:
            self._log(peer, f"connected ({self._describe(connection)})")
            self._on_change(peer, True)
        self._wake()

    def on_disconnected(self, connection: GuardedConnection) -> None:
        """Forget; a wanted peer is dialled again at once."""
        peer = connection.peer_id.to_bytes()
        remaining = [c for c in self._connections.get(peer, ()) if c is not connection]
        if remaining:
            self._connections[peer] = remaining
            return
        if self._connections.pop(peer, None) is not None:
            self._log(peer, "disconnected")
            self._on_change(peer, False)
        target = self._targets.get(peer)
        if target is not None:
            now_s = trio.current_time()
            # A peer that throws us out at once is not dialled in a tight loop.
            has_lasted = now_s - connection.connected_at_s >= _LASTING_S
            target.failures = 0 if has_lasted else target.failures + 1
            target.next_dial_s = now_s + (
                self._turn_s(peer) if has_lasted else self._pause_s(peer, target.failures)
            )
        self._wake()

    def on_offence(self, peer: ID, reason: str) -> None:
        """A guard saw a broken protocol."""
        self.penalise(peer.to_bytes(), reason)

    def _loser(self, old: GuardedConnection, new: GuardedConnection) -> GuardedConnection | None:
        if new.connected_at_s - old.connected_at_s > SIMULTANEOUS_S or old.is_inbound == new.is_inbound:
            return old
        dialled_by_me, dialled_by_peer = (old, new) if new.is_inbound else (new, old)
        return dialled_by_peer if self._me < new.peer_id.to_bytes() else dialled_by_me

    # For the network

    def penalise(self, peer: PeerId, reason: str) -> None:
        """Record an offence; too many of them disconnect and ban."""
        self._count("penalties")
        logger.debug("peer %s: %s", peer_id_text(peer), reason)
        is_protected = peer in self._listed or (self._allowed is not None and peer in self._allowed)
        if self._scores.penalise(peer, trio.current_time(), is_protected=is_protected):
            self._count("bans")
            logger.warning("peer %s is banned for a while, last offence: %s", peer_id_text(peer), reason)
            self._disconnect(peer)

    def allow_only(self, peers: frozenset[PeerId] | None) -> None:
        """Replace the allow-list and disconnect whom it leaves out."""
        self._allowed = peers
        for peer in list(self._connections):
            if self._refusal(peer) is not None:
                self._disconnect(peer)
        self._wake()

    def add_listed(self, address: PeerAddress) -> bool:
        """One more listed peer, or one more address of it. False when it is this node."""
        peer = address.peer_id
        if peer is None:
            raise InvariantViolation(f"{address} names no peer")
        if peer == self._me:
            return False
        known = self._listed.setdefault(peer, [])
        if address not in known:
            known.append(address)
        if self._allowed is not None:
            self._allowed |= {peer}
        self._targets.pop(peer, None)  # it is dialled now, however often that failed before
        self._wake()
        return True

    def remove_listed(self, peer: PeerId) -> bool:
        """Dial the peer no more, admit it no more if there is an allow-list, and disconnect it."""
        was_listed = self._listed.pop(peer, None) is not None
        if self._allowed is not None:
            self._allowed -= {peer}
        was_connected = peer in self._connections
        self._disconnect(peer)
        self._wake()
        return was_listed or was_connected

    def is_connected(self, peer: PeerId) -> bool:
        """Whether a connection to the peer is up."""
        return peer in self._connections

    def peers(self) -> list[PeerConnection]:
        """Connected peers, ordered by id."""
        now_s = trio.current_time()
        return [self._view(peer, self._connections[peer][-1], now_s) for peer in sorted(self._connections)]

    def _view(self, peer: PeerId, connection: GuardedConnection, now_s: float) -> PeerConnection:
        round_trip_s = connection.muxed_conn.round_trip_s
        return PeerConnection(
            peer_id=peer,
            direction=Direction.INBOUND if connection.is_inbound else Direction.OUTBOUND,
            address=_address_of(connection),
            connected_s=now_s - connection.connected_at_s,
            round_trip_ms=None if round_trip_s is None else round_trip_s * 1000,
            penalty=self._scores.points(peer, now_s),
        )

    # Tasks

    async def run(self, host: GuardedHost) -> None:
        """Dial wanted peers until cancelled."""
        self._host = host
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            nursery.start_soon(self._save_book)
            while True:
                self._changed = trio.Event()
                next_s = self._dial_due(trio.current_time())
                with trio.move_on_at(next_s):
                    await self._changed.wait()

    async def close_all(self) -> None:
        """Close every connection, all at the same time, and save the book."""
        async with trio.open_nursery() as nursery:
            for connections in list(self._connections.values()):
                for connection in connections:
                    nursery.start_soon(connection.close)
        content = self._book.changes()
        if content is not None:
            self._book.write(content)

    def _wanted(self) -> list[PeerId]:
        wanted = [peer for peer in self._listed if peer not in self._connections]
        missing = self._config.wanted_connections - len(self._connections) - len(wanted)
        for peer in self._book.peers():
            if missing <= 0:
                break
            if peer not in self._connections and peer not in self._listed:
                wanted.append(peer)
                missing -= 1
        return [peer for peer in wanted if self._refusal(peer) in (None, "banned")]

    def _dial_due(self, now_s: float) -> float:
        """Start the dials that are due; returns when to look again."""
        next_s = now_s + self._config.redial_known_max_s
        dialling = sum(target.is_dialling for target in self._targets.values())
        for peer in self._wanted():
            target = self._targets.get(peer)
            if target is None:
                target = self._targets[peer] = _Target(now_s + self._turn_s(peer))
            if target.is_dialling:
                continue
            if target.next_dial_s > now_s or self._refusal(peer) is not None:
                next_s = min(next_s, max(target.next_dial_s, now_s + self._config.redial_first_s))
            elif dialling < MAX_DIALS:
                dialling += 1
                target.is_dialling = True
                self._start(self._dial, peer, target)
        return next_s

    async def _dial(self, peer: PeerId, target: _Target) -> None:
        host = self._host
        try:
            addresses = self._book.addresses(peer)
            addresses += [address for address in self._listed.get(peer, ()) if address not in addresses]
            if host is None or not addresses or peer in self._connections:
                return
            address = addresses[target.failures % len(addresses)]
            await host.swarm.connect(address.host, address.port, ID(peer))
            self._book.add(address)
        except SwarmException as error:
            target.failures += 1
            self._count("dials_failed")
            logger.debug("dialling %s failed: %s", peer_id_text(peer), error)
        finally:
            target.is_dialling = False
            target.next_dial_s = trio.current_time() + self._pause_s(peer, target.failures)
            self._wake()

    def _turn_s(self, peer: PeerId) -> float:
        return _SECOND_DIALLER_DELAY_S if self._me > peer else 0.0

    def _pause_s(self, peer: PeerId, failures: int) -> float:
        config = self._config
        cap_s = config.redial_listed_max_s if peer in self._listed else config.redial_known_max_s
        pause_s = min(cap_s, config.redial_first_s * 2.0 ** min(failures, 16))
        return pause_s * random.uniform(1 - _JITTER, 1 + _JITTER)

    async def _learn_address(self, connection: GuardedConnection) -> None:
        remote = connection.muxed_conn.get_remote_address()
        peer = connection.peer_id
        if self._host is None or remote is None or peer.to_bytes() in self._listed:
            return
        try:
            with trio.fail_after(_IDENTIFY_TIMEOUT_S):
                address = await listening_address(self._host, peer, remote[0])
        except Exception as error:
            # Anything can come back from a peer; without an address it simply cannot be dialled.
            logger.debug("peer %s does not identify itself: %r", peer, error)
            return
        if address is not None:
            self._book.add(address)

    async def _save_book(self) -> None:
        while True:
            await trio.sleep(_SAVE_BOOK_S)
            content = self._book.changes()
            if content is not None:
                await trio.to_thread.run_sync(self._book.write, content)

    def _disconnect(self, peer: PeerId) -> None:
        for connection in self._connections.get(peer, ()):
            self._close(connection)

    def _close(self, connection: GuardedConnection) -> None:
        self._start(connection.close)

    def _start(self, task: Callable[..., object], *args: object) -> None:
        if self._nursery is not None and not self._nursery.cancel_scope.cancel_called:
            self._nursery.start_soon(task, *args)  # type: ignore[arg-type]

    def _wake(self) -> None:
        self._changed.set()

    def _log(self, peer: PeerId, event: str) -> None:
        # Strangers come and go as they like; operators hear of the peers that they listed.
        level = logging.INFO if peer in self._listed else logging.DEBUG
        logger.log(level, "peer %s %s", peer_id_text(peer), event)

    @staticmethod
    def _describe(connection: GuardedConnection) -> str:
        direction = "inbound" if connection.is_inbound else "outbound"
        return f"{direction}, {_address_of(connection) or 'unknown address'}"


def _address_of(connection: GuardedConnection) -> str:
    remote = connection.muxed_conn.get_remote_address()
    if remote is None:
        return ""
    return str(PeerAddress("ip6" if ":" in remote[0] else "ip4", *remote))
