"""The rule sets of the official chain as eth_config shows them.

Owns: what genesis.json says about blobs, and the fork ids.
Specification: EIP-7910, EIP-7892 (rule sets that change the blob schedule alone), EIP-6122 (fork id).
"""

import zlib
from typing import Any, Final

from chain.types import Address, Hash32
from rpc.backend import ForkConfiguration
from vm.block import BEACON_ROOTS_ADDRESS, HISTORY_STORAGE_ADDRESS
from vm.forks import Fork

BLOB_RULES: Final = {
    "cancun": Fork.CANCUN,
    "prague": Fork.PRAGUE,
    "osaka": Fork.OSAKA,
    "bpo1": Fork.OSAKA,
    "bpo2": Fork.OSAKA,
}
"""Names in the blob schedule -> what executes."""


def official_fork_configurations(
    config: Any, genesis_hash: Hash32, request_contracts: dict[int, Address]
) -> tuple[ForkConfiguration, ...]:
    """Those with blobs, in order of activation."""
    contracts = {
        "BEACON_ROOTS_ADDRESS": BEACON_ROOTS_ADDRESS,
        "CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS": request_contracts[2],
        "DEPOSIT_CONTRACT_ADDRESS": Address(bytes.fromhex(config["depositContractAddress"][2:])),
        "HISTORY_STORAGE_ADDRESS": HISTORY_STORAGE_ADDRESS,
        "WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS": request_contracts[1],
    }
    return tuple(
        ForkConfiguration(
            fork=fork,
            activation_time=config[f"{name}Time"],
            blob_target=config["blobSchedule"][name]["target"],
            blob_max=config["blobSchedule"][name]["max"],
            blob_base_fee_update_fraction=config["blobSchedule"][name]["baseFeeUpdateFraction"],
            fork_id=_fork_id(config, genesis_hash, config[f"{name}Time"]),
            system_contracts=contracts
            if fork >= Fork.PRAGUE
            else {"BEACON_ROOTS_ADDRESS": BEACON_ROOTS_ADDRESS},
        )
        for name, fork in BLOB_RULES.items()
    )


def _fork_id(config: Any, genesis_hash: Hash32, until: int) -> bytes:
    """All block numbers, then all times up to `until`, each once."""
    numbers = {value for key, value in config.items() if key.endswith("Block") and value}
    times = {value for key, value in config.items() if key.endswith("Time") and value <= until}
    checksum = zlib.crc32(genesis_hash)
    for start in (*sorted(numbers), *sorted(times)):
        checksum = zlib.crc32(start.to_bytes(8, "big"), checksum)
    return checksum.to_bytes(4, "big")
