"""Methods about the node itself: web3_, net_, node_, rpc_, and the constant answers of eth_.

Owns: nothing but the translation. Never reads blocks or state.
"""

from __future__ import annotations

from typing import Final

from chain.keccak import keccak256
from rpc.backend import Json, NodeBackend
from rpc.params.method import Method, constant, optional
from rpc.params.values import BLOCK, BYTES, BlockReference
from rpc.reading.chain_view import ChainView
from rpc.reading.rendering import JsonObject, text
from rpc.services import Services

OPTIONAL_BLOCK: Final = optional(BLOCK)


def methods(services: Services) -> tuple[Method, ...]:
    """web3_, net_ and node_, and what eth_ says of the node itself."""
    chain = services.chain
    handlers = NodeMethods(services.view, services.node)
    # This node holds no account keys; a development chain does, see rpc/methods/dev_accounts.py.
    accounts = () if services.dev is not None else (constant("eth_accounts", []),)
    return (
        *accounts,
        constant("eth_chainId", hex(chain.chain_id)),
        constant("net_version", str(chain.chain_id)),
        constant("eth_protocolVersion", "0x44"),  # eth/68, the last that go-ethereum answered
        Method("web3_clientVersion", handlers.client_version),
        Method("web3_sha3", handlers.sha3, (BYTES,)),
        Method("net_listening", handlers.listening),
        Method("net_peerCount", handlers.peer_count),
        Method("eth_syncing", handlers.syncing),
        Method("eth_coinbase", handlers.coinbase),
        Method("node_status", handlers.status),
        Method("node_validators", handlers.validators, (OPTIONAL_BLOCK,)),
        Method("node_finalityCertificate", handlers.finality_certificate, (BLOCK,)),
        Method("node_blockEvents", handlers.block_events, (BLOCK,)),
        Method("node_peers", handlers.peers),
    )


class NodeMethods:
    """Handlers over the running node."""

    def __init__(self, view: ChainView, node: NodeBackend) -> None:
        self._view = view
        self._chain = view.chain
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

    def validators(self, reference: BlockReference | None) -> object:
        """node_validators: those that decided a block, or the active ones; null for a block that nobody decided."""
        if reference is None:
            return self._node.validators()
        number = self._view.number(reference)
        return None if number is None else self._node.validators(number)

    def finality_certificate(self, reference: BlockReference) -> object:
        """node_finalityCertificate: the commit that made a block final; null for genesis and unknown blocks."""
        number = self._view.number(reference)
        return None if number is None else self._node.finality_certificate(number)

    def block_events(self, reference: BlockReference) -> object:
        """node_blockEvents: the logs of a block's own hooks, which no receipt has; null for an unknown block."""
        number = self._view.number(reference)
        return None if number is None else self._node.block_events(number)

    def peers(self) -> Json:
        """node_peers."""
        return self._node.peers()
