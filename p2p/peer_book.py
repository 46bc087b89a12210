"""Addresses of peers that this node has met, kept over restarts.

Owns: the bounded table of addresses per peer and its file.
Never: dials, and never trusts the file: damage costs the addresses, not the start of the node.
"""

import json
import logging
import os
from collections import OrderedDict
from pathlib import Path
from typing import Any

from p2p.multiaddress import InvalidAddress, PeerAddress, parse_address
from p2p.network import PeerId

logger = logging.getLogger(__name__)

MAX_PEERS = 1024
MAX_ADDRESSES_PER_PEER = 4
"""A peer rarely has more than one IPv4, one IPv6, one name; the rest would be an attack on our dialler."""

_FILE_VERSION = 1
_MAX_FILE_BYTES = 1024 * 1024


class PeerBook:
    """Known addresses, most recently confirmed first; the least recently touched peer is forgotten first."""

    def __init__(self, path: Path | None, me: PeerId) -> None:
        self._path = path
        self._me = me
        self._addresses: OrderedDict[PeerId, list[PeerAddress]] = OrderedDict()
        self._is_dirty = False
        if path is not None:
            self._load(path)
        self._is_dirty = False

    def add(self, address: PeerAddress) -> None:
        """Remember an address (with its peer id) as the best one of that peer. Own addresses are ignored."""
        peer = address.peer_id
        if peer is None or peer == self._me:
            return
        known = self._addresses.setdefault(peer, [])
        self._addresses.move_to_end(peer)
        if known and known[0] == address:
            return
        self._addresses[peer] = [address, *(a for a in known if a != address)][:MAX_ADDRESSES_PER_PEER]
        if len(self._addresses) > MAX_PEERS:
            self._addresses.popitem(last=False)
        self._is_dirty = True

    def peers(self) -> list[PeerId]:
        """Known peers, the most recently touched first."""
        return list(reversed(self._addresses))

    def addresses(self, peer: PeerId) -> list[PeerAddress]:
        """Addresses of a peer, best first; empty when unknown."""
        return list(self._addresses.get(peer, ()))

    def changes(self) -> str | None:
        """The file's new content, or None when nothing changed since the last call."""
        if self._path is None or not self._is_dirty:
            return None
        self._is_dirty = False
        return json.dumps(
            {
                "version": _FILE_VERSION,
                "peers": [[str(address) for address in known] for known in self._addresses.values()],
            },
            indent=1,
        )

    def write(self, content: str) -> None:
        """Replace the file atomically; a failure is logged, because the node can do without. Any thread."""
        if self._path is None:
            return
        temporary = self._path.with_name(self._path.name + ".tmp")
        try:
            with temporary.open("w", encoding="ascii") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._path)
        except OSError as error:
            logger.warning("cannot save the peer book %s: %s", self._path, error.strerror)

    def _load(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                raw = file.read(_MAX_FILE_BYTES + 1)
        except FileNotFoundError:
            return
        except OSError as error:
            logger.warning("cannot read the peer book %s: %s", path, error.strerror)
            return
        try:
            self._take(json.loads(raw.decode("ascii")))
        except (ValueError, TypeError, KeyError, InvalidAddress, RecursionError) as error:
            self._addresses.clear()
            logger.warning("the peer book %s is damaged and starts empty: %s", path, error)

    def _take(self, content: Any) -> None:
        if content["version"] != _FILE_VERSION:
            raise ValueError(f"unknown version {content['version']!r}")
        for known in content["peers"][-MAX_PEERS:]:
            for text in reversed(known[:MAX_ADDRESSES_PER_PEER]):
                self.add(parse_address(text, needs_peer=True))
