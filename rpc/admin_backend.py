"""What the admin_ methods need from the node.

Owns the seam only. Whoever may call these methods may stop the node: only the unix socket, which the operating system
keeps for the node's own user, has such an object (rpc/listener/ipc.py), and on TCP none of these methods exists.
Everything is called on the event loop.

Errors: any method may raise CallerError for a wish that cannot be granted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from rpc.backend import Json


class AdminBackend(Protocol):
    """The node as its operator drives it."""

    def node_info(self) -> Mapping[str, Json]:
        """admin_nodeInfo: who this node is, where others reach it, and where its files are."""
        ...

    def peers(self) -> Sequence[Mapping[str, Json]]:
        """admin_peers: the connected nodes."""
        ...

    def add_peer(self, address: str) -> bool:
        """Keep a peer connected until the node stops, and admit it; False when it is this node."""
        ...

    def remove_peer(self, peer: str) -> bool:
        """Disconnect a peer, given by address or id, and dial it no more; False when nothing changed."""
        ...

    def data_directory(self) -> str:
        """The absolute path of the node's folder."""
        ...

    def prove_consensus_key(self, operator: str) -> Mapping[str, Json]:
        """What the node's consensus key signs so that this account may become the operator of a validator with it."""
        ...

    def set_log_level(self, level: str) -> bool:
        """Log what is at least as important, until the node stops."""
        ...

    def stop(self) -> bool:
        """Begin to stop, as SIGTERM does."""
        ...
