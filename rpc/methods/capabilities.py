"""eth_capabilities and eth_config: what this node can answer, and the rules of its chain.

Owns: the shape of both answers and the names of the precompiles. Never decides what is kept or when rules change.
Specification: ethereum/execution-apis EthCapabilities and ConfigurationResponse, EIP-7910; go-ethereum
internal/ethapi/capabilities.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rpc.backend import ChainBackend, ForkConfiguration
from rpc.params.method import Method
from rpc.reading.rendering import JsonObject, text
from rpc.services import Services
from state.chain_store import STATE_VIEWS_KEPT
from vm.environment import BlockEnvironment
from vm.rules import rules_of

PRECOMPILE_NAMES: Final[Mapping[int, str]] = {
    0x01: "ECREC",
    0x02: "SHA256",
    0x03: "RIPEMD160",
    0x04: "ID",
    0x05: "MODEXP",
    0x06: "BN254_ADD",
    0x07: "BN254_MUL",
    0x08: "BN254_PAIRING",
    0x09: "BLAKE2F",
    0x0A: "KZG_POINT_EVALUATION",
    0x0B: "BLS12_G1ADD",
    0x0C: "BLS12_G1MSM",
    0x0D: "BLS12_G2ADD",
    0x0E: "BLS12_G2MSM",
    0x0F: "BLS12_PAIRING_CHECK",
    0x10: "BLS12_MAP_FP_TO_G1",
    0x11: "BLS12_MAP_FP2_TO_G2",
    0x100: "P256VERIFY",
}
"""EIP-7910."""


def methods(services: Services) -> tuple[Method, ...]:
    """What can be asked, and under which rules."""
    handlers = CapabilityMethods(services.chain)
    return (
        Method("eth_capabilities", handlers.capabilities),
        Method("eth_config", handlers.config),
    )


class CapabilityMethods:
    """Handlers over the chain."""

    def __init__(self, chain: ChainBackend) -> None:
        self._chain = chain

    def capabilities(self) -> JsonObject:
        """eth_capabilities: blocks of all ages, states of the last ones."""
        head = self._chain.head()
        states = {
            "disabled": False,
            "oldestBlock": hex(self._chain.oldest_state()),
            "deleteStrategy": {"type": "window", "retentionBlocks": hex(STATE_VIEWS_KEPT)},
        }
        blocks = {"disabled": False, "oldestBlock": "0x0"}
        return {
            "head": {"number": hex(head.number), "hash": text(head.hash)},
            "state": states,
            "tx": blocks,
            "logs": blocks,
            "receipts": blocks,
            "blocks": blocks,
            "stateproofs": states,
        }

    def config(self) -> JsonObject:
        """eth_config: the rule set of the head, and those that follow."""
        head = self._chain.environment_for(self._chain.head().number)
        configurations = self._chain.fork_configurations()
        # Rules that follow have a later rule set, or the same one with another blob schedule at a later time.
        begun = [item for item in configurations if item.fork <= head.fork and _has_begun(item, head)]
        following = configurations[len(begun) :]
        chain_id = self._chain.chain_id
        return {
            "current": _configuration_json(begun[-1], chain_id) if begun else None,
            "next": _configuration_json(following[0], chain_id) if following else None,
            "last": _configuration_json(following[-1], chain_id) if following else None,
        }


def _has_begun(configuration: ForkConfiguration, head: BlockEnvironment) -> bool:
    return configuration.activation_time <= head.timestamp


def _configuration_json(configuration: ForkConfiguration, chain_id: int) -> JsonObject:
    precompiles = rules_of(configuration.fork).precompiles
    names = {PRECOMPILE_NAMES[int.from_bytes(address, "big")]: text(address) for address in precompiles}
    return {
        "activationTime": configuration.activation_time,
        "blobSchedule": {
            "target": configuration.blob_target,
            "max": configuration.blob_max,
            "baseFeeUpdateFraction": configuration.blob_base_fee_update_fraction,
        },
        "chainId": hex(chain_id),
        "forkId": text(configuration.fork_id),
        "precompiles": dict(sorted(names.items())),
        "systemContracts": {
            name: text(address) for name, address in sorted(configuration.system_contracts.items())
        },
    }
