"""Methods about the node itself: web3_, net_, node_, rpc_, and the constant answers of eth_.

Owns: nothing but the translation. Never reads blocks or state.
"""

from __future__ import annotations

import msgspec

from chain.keccak import keccak256
from rpc.backend import ChainBackend, Json, NodeBackend
from rpc.method import Method
from rpc.params import BYTES
from rpc.rendering import JsonObject, text
from rpc.services import Services


def methods(services: Services) -> tuple[Method, ...]:
    """web3_, net_ and node_, and what eth_ says of the node itself."""
    chain = services.chain
    handlers = NodeMethods(chain, services.node)
    # This node holds no account keys; a development chain does, see rpc/methods/dev_accounts.py.
    accounts = () if services.dev is not None else (_constant("eth_accounts", []),)
    return (
        *accounts,
        _constant("eth_chainId", hex(chain.chain_id)),
        _constant("net_version", str(chain.chain_id)),
        _constant("eth_protocolVersion", "0x44"),  # eth/68, the last that go-ethereum answered
        Method("web3_clientVersion", handlers.client_version),
        Method("web3_sha3", handlers.sha3, (BYTES,)),
        Method("net_listening", handlers.listening),
        Method("net_peerCount", handlers.peer_count),
        Method("eth_syncing", handlers.syncing),
        Method("eth_coinbase", handlers.coinbase),
        Method("node_status", handlers.status),
        Method("node_validators", handlers.validators),
        Method("node_peers", handlers.peers),
    )


def _constant(name: str, value: object) -> Method:
    """A method whose answer never changes: it is encoded once."""
    return Method(name, lambda: value, constant=msgspec.Raw(msgspec.json.encode(value)))


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

    def status(self) -> Json:
        """node_status."""
        return self._node.status()

    def validators(self) -> Json:
        """node_validators."""
        return self._node.validators()

    def peers(self) -> Json:
        """node_peers."""
        return self._node.peers()
