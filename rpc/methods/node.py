"""Methods about the node itself: web3_, net_, node_, rpc_, and the constant answers of eth_.

Owns: nothing but the translation. Never reads blocks or state.
"""

from __future__ import annotations

from collections.abc import Iterable

from chain.keccak import keccak256
from rpc.backend import ChainBackend, Json, NodeBackend
from rpc.rendering import JsonObject, text


class NodeMethods:
    """Handlers over the running node."""

    def __init__(self, chain: ChainBackend, node: NodeBackend) -> None:
        self._chain = chain
        self._node = node

    def client_version(self) -> str:
        """web3_clientVersion."""
        return self._chain.client_version

    def sha3(self, message: bytes) -> str:
        """web3_sha3: keccak-256, as ever under this name."""
        return text(keccak256(message))

    def listening(self) -> bool:
        """net_listening."""
        return self._node.is_listening()

    def peer_count(self) -> str:
        """net_peerCount."""
        return hex(self._node.peer_count())

    def syncing(self) -> bool | JsonObject:
        """False at the head of the network, otherwise how far this node is."""
        status = self._chain.syncing()
        if status is None:
            return False
        return {
            "startingBlock": hex(status.starting_block),
            "currentBlock": hex(status.current_block),
            "highestBlock": hex(status.highest_block),
        }

    def coinbase(self) -> str:
        """The account that gets the fees of a block proposed here."""
        return text(self._chain.pending_environment().beneficiary)

    def accounts(self) -> list[str]:
        """Always none: this node holds no account keys."""
        return []

    def status(self) -> Json:
        """node_status."""
        return self._node.status()

    def validators(self) -> Json:
        """node_validators."""
        return self._node.validators()

    def peers(self) -> Json:
        """node_peers."""
        return self._node.peers()


def modules(method_names: Iterable[str]) -> dict[str, str]:
    """rpc_modules: the namespaces, each with the version that go-ethereum gives to all of them."""
    return dict.fromkeys(sorted({name.partition("_")[0] for name in method_names}), "1.0")
