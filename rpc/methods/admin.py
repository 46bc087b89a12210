"""admin_*: what the operator of a node may do with it, on the unix socket only.

Owns nothing but the translation. On a listener without an AdminBackend none of these methods exists.
Specification: go-ethereum node/api.go for names that it has (nodeInfo, peers, addPeer, removePeer, datadir); peers are
libp2p addresses here.
"""

from __future__ import annotations

from typing import Final

from rpc.params.method import MalformedArgument, Method, Parameter
from rpc.services import Services


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise MalformedArgument("json: cannot unmarshal non-string into Go value of type string")
    return value


TEXT: Final = Parameter(_text)


def methods(services: Services) -> tuple[Method, ...]:
    """The methods of the operator, if this listener is the operator's."""
    admin = services.admin
    if admin is None:
        return ()
    return (
        Method("admin_nodeInfo", admin.node_info),
        Method("admin_peers", admin.peers),
        Method("admin_addPeer", admin.add_peer, (TEXT,)),
        Method("admin_removePeer", admin.remove_peer, (TEXT,)),
        Method("admin_datadir", admin.data_directory),
        Method("admin_proveConsensusKey", admin.prove_consensus_key, (TEXT,)),
        Method("admin_setLogLevel", admin.set_log_level, (TEXT,)),
        Method("admin_stop", admin.stop),
    )
