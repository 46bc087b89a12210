"""What the operator may do with the running node, behind the admin_ methods of the unix socket.

Owns the translation of texts into peers and log levels. Never decides who is the operator: the mode of the socket does.
Implements rpc.admin_backend.AdminBackend.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping, Sequence

import structlog

from chain.errors import CallerError
from chain.types import Address, checksum_address
from chain.types import parse_address as parse_account
from node.home import NodeHome
from node.key_proof import KeyProof
from node.logging import log_level, set_log_level
from node.rpc_backend import NodeRpcBackend
from p2p.multiaddress import InvalidAddress, PeerAddress, parse_address, parse_peer_id, peer_id_text
from p2p.network import Network, PeerId
from rpc.backend import Json

log = structlog.get_logger(__name__)


class NodeAdmin:
    """The operator's view of one node. `stop` begins its end and returns at once; `prove_key` signs with the consensus
    key, None on a node without one."""

    def __init__(
        self,
        home: NodeHome,
        backend: NodeRpcBackend,
        network: Network | None,
        stop: Callable[[], None],
        prove_key: Callable[[Address], KeyProof] | None,
    ) -> None:
        self._home = home
        self._backend = backend
        self._network = network
        self._stop = stop
        self._prove_key = prove_key

    def node_info(self) -> Mapping[str, Json]:
        network, backend = self._network, self._backend
        head, genesis = backend.head(), backend.header(0)
        return {
            "name": backend.client_version,
            "id": peer_id_text(network.me) if network is not None else None,
            "listenAddresses": list(network.listen_addresses) if network is not None else [],
            "chainId": backend.chain_id,
            "genesis": "0x" + genesis.hash.hex() if genesis is not None else None,
            "head": {"number": head.number, "hash": "0x" + head.hash.hex()},
            "datadir": self.data_directory(),
            "logLevel": log_level(),
        }

    def peers(self) -> Sequence[Mapping[str, Json]]:
        return self._backend.peers()

    def add_peer(self, address: str) -> bool:
        wanted = _peer_address(address)
        was_added = self._needed_network().add_peer(wanted)
        log.info("peer_added", address=str(wanted), is_new=was_added)
        return was_added

    def remove_peer(self, peer: str) -> bool:
        unwanted = _peer_id(peer)
        was_removed = self._needed_network().remove_peer(unwanted)
        log.info("peer_removed", peer=peer_id_text(unwanted), was_known=was_removed)
        return was_removed

    def data_directory(self) -> str:
        return str(self._home.root.absolute())

    def prove_consensus_key(self, operator: str) -> Mapping[str, Json]:
        if self._prove_key is None:
            raise CallerError("this node has no consensus key")
        proof = self._prove_key(parse_account(operator))
        log.info("consensus_key_proved", operator=checksum_address(proof.operator))
        return proof.as_json()

    def set_log_level(self, level: str) -> bool:
        before = log_level()
        set_log_level(level)
        log.warning("log_level_changed", before=before, now=level)
        return True

    def stop(self) -> bool:
        log.warning("stop_requested", by="admin_stop")
        self._stop()
        return True

    def _needed_network(self) -> Network:
        if self._network is None:
            raise CallerError("this node has no network")
        return self._network


def stop_process() -> None:
    """What SIGTERM does."""
    signal.raise_signal(signal.SIGTERM)


def _peer_address(text: str) -> PeerAddress:
    try:
        return parse_address(text, needs_peer=True)
    except InvalidAddress as error:
        raise CallerError(str(error)) from None


def _peer_id(text: str) -> PeerId:
    """Of an address or of an id alone."""
    if not text.startswith("/"):
        try:
            return parse_peer_id(text)
        except InvalidAddress as error:
            raise CallerError(str(error)) from None
    peer = _peer_address(text).peer_id
    if peer is None:
        raise CallerError(f"{text} names no peer")
    return peer
