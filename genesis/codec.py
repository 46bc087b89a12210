"""The genesis file: canonical JSON in, canonical JSON out.

Owns the form of the file, its reading and writing, and the identity that follows from it. A file may be formatted
in any way; `dump_genesis` gives the one canonical form (sorted keys, two spaces, checksummed addresses), whose
hash names the chain. Never builds a state: that is genesis.first_block.
"""

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

from chain.keccak import keccak256
from chain.types import Address, Hash32, InvalidAddress, checksum_address, parse_address
from genesis.errors import GenesisError
from genesis.json_node import MAX_DOCUMENT_BYTES, JsonNode, parse_document, parse_quantity
from genesis.model import Allocation, ConsensusParameters, Genesis, GenesisValidator
from genesis.predeploys import PREDEPLOYS
from vm.forks import EARLIEST_FOR_A_CHAIN, Fork, ForkSchedule, InvalidForkSchedule
from vm.system.staking.parameters import InvalidStaking, StakingParameters

FORMAT_VERSION: Final = 2
FORMAT_WITHOUT_STAKING: Final = 1

_ROOT_KEYS: Final = (
    "format",
    "chain_id",
    "name",
    "coin_symbol",
    "timestamp",
    "gas_limit",
    "base_fee_per_gas",
    "extra_data",
    "forks",
    "parameters",
    "validators",
    "allocations",
    "predeploys",
    "chain_contracts",
    "staking",
    "upgrade_authority",
    "upgrade_notice_blocks",
)
_VALIDATOR_KEYS: Final = ("name", "public_key", "power", "operator")
_ALLOCATION_KEYS: Final = ("balance", "nonce", "code", "storage")
_PARAMETER_KEYS: Final = tuple([parameter.name for parameter in fields(ConsensusParameters)])
_STAKING_KEYS: Final = tuple([parameter.name for parameter in fields(StakingParameters)])
_AMOUNT_SUFFIX: Final = "_wei"
"""Numbers whose names end so are strings in the file: they may be above what a JSON number holds."""

_FORK_NAMES: Final = {fork.name.lower(): fork for fork in Fork if fork >= EARLIEST_FOR_A_CHAIN}
_OLD_FORK_NAMES: Final = tuple([fork.name.lower() for fork in Fork if fork < EARLIEST_FOR_A_CHAIN])


def load_genesis(path: Path) -> Genesis:
    """Read a genesis file.

    Raises:
        GenesisError: the file cannot be read, or its contents are wrong; the error names the JSON path.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_DOCUMENT_BYTES + 1)
    except OSError as error:
        raise GenesisError("$", f"cannot read {path}: {error.strerror}") from None
    return parse_genesis(raw)


def parse_genesis(raw: bytes) -> Genesis:
    """Read the contents of a genesis file.

    Raises:
        GenesisError: not JSON, an unknown or missing key, a wrong value; the error names the JSON path.
    """
    document = parse_document(raw)
    _check_format(document)
    root = document.members(_ROOT_KEYS)
    parameters = root["parameters"].members(_PARAMETER_KEYS)
    return Genesis(
        chain_id=root["chain_id"].integer(),
        name=root["name"].text(),
        coin_symbol=root["coin_symbol"].text(),
        timestamp=root["timestamp"].integer(),
        gas_limit=root["gas_limit"].integer(),
        base_fee_per_gas=root["base_fee_per_gas"].quantity(),
        extra_data=root["extra_data"].hex_bytes(),
        forks=_parse_forks(root["forks"]),
        parameters=_parse_parameters(parameters),
        validators=tuple([_parse_validator(node) for node in root["validators"].elements()]),
        allocations=_parse_allocations(root["allocations"]),
        predeploys=_parse_predeploys(root["predeploys"]),
        chain_contracts={
            name: version.integer() for name, version in root["chain_contracts"].entries().items()
        },
        staking=_parse_staking(root["staking"]),
        upgrade_authority=_parse_address(root["upgrade_authority"].text(), root["upgrade_authority"]),
        upgrade_notice_blocks=root["upgrade_notice_blocks"].integer(),
    )


def dump_genesis(genesis: Genesis) -> bytes:
    """Return the canonical file of a genesis: `parse_genesis` gives an equal value back."""
    tree = {
        "format": FORMAT_VERSION,
        "chain_id": genesis.chain_id,
        "name": genesis.name,
        "coin_symbol": genesis.coin_symbol,
        "timestamp": genesis.timestamp,
        "gas_limit": genesis.gas_limit,
        "base_fee_per_gas": str(genesis.base_fee_per_gas),
        "extra_data": "0x" + genesis.extra_data.hex(),
        "forks": {fork.name.lower(): number for fork, number in genesis.forks.activations},
        "parameters": {name: getattr(genesis.parameters, name) for name in _PARAMETER_KEYS},
        "validators": [
            {
                "name": validator.name,
                "public_key": "0x" + validator.public_key.hex(),
                "power": validator.power,
                "operator": checksum_address(validator.operator),
            }
            for validator in genesis.validators
        ],
        "allocations": {
            checksum_address(address): _dump_allocation(allocation)
            for address, allocation in genesis.allocations.items()
        },
        "predeploys": {name: "0x" + PREDEPLOYS[name].code_hash.hex() for name in genesis.predeploys},
        "chain_contracts": dict(genesis.chain_contracts),
        "staking": _dump_staking(genesis.staking),
        "upgrade_authority": checksum_address(genesis.upgrade_authority),
        "upgrade_notice_blocks": genesis.upgrade_notice_blocks,
    }
    return (json.dumps(tree, indent=2, sort_keys=True, ensure_ascii=True) + "\n").encode("ascii")


def genesis_id(genesis: Genesis) -> Hash32:
    """Return the identity of the chain: keccak of the canonical file."""
    return keccak256(dump_genesis(genesis))


def _check_format(document: JsonNode) -> None:
    """First of all: another format has other keys, and each of them would be called a fault."""
    node = document.entries().get("format")
    if node is None:
        return
    version = node.integer()
    if version == FORMAT_WITHOUT_STAKING:
        raise node.error(
            f"format {version} is of chains without staking, this program reads format {FORMAT_VERSION}: "
            "the chain goes on with the version of the program that it was begun with, or begins anew"
        )
    if version != FORMAT_VERSION:
        raise node.error(f"this program reads format {FORMAT_VERSION}")


def _parse_forks(node: JsonNode) -> ForkSchedule:
    for name, entry in node.entries().items():
        if name in _OLD_FORK_NAMES:
            raise entry.error(f"a chain starts with {EARLIEST_FOR_A_CHAIN.name.lower()} or a later rule set")
    numbers = node.members((), _FORK_NAMES)
    activations = tuple(
        [(fork, numbers[name].integer()) for name, fork in _FORK_NAMES.items() if name in numbers]
    )
    for name, entry in numbers.items():
        if not 0 <= numbers[name].integer() < 2**63:
            raise entry.error("must be a block number")
    try:
        return ForkSchedule(activations)
    except InvalidForkSchedule as error:
        raise node.error(str(error)) from None


def _parse_parameters(nodes: Mapping[str, JsonNode]) -> ConsensusParameters:
    empty_block_interval = nodes["empty_block_interval_ms"]
    numbers = {name: node.integer() for name, node in nodes.items() if name != "empty_block_interval_ms"}
    return ConsensusParameters(
        empty_block_interval_ms=None
        if empty_block_interval.value is None
        else empty_block_interval.integer(),
        **numbers,
    )


def _parse_staking(node: JsonNode) -> StakingParameters:
    members = node.members(_STAKING_KEYS)
    numbers = {
        name: members[name].quantity() if name.endswith(_AMOUNT_SUFFIX) else members[name].integer()
        for name in _STAKING_KEYS
    }
    try:
        return StakingParameters(**numbers)
    except InvalidStaking as error:
        raise members[error.field].error(error.reason) from None


def _dump_staking(parameters: StakingParameters) -> dict[str, int | str]:
    values = {name: getattr(parameters, name) for name in _STAKING_KEYS}
    return {name: str(value) if name.endswith(_AMOUNT_SUFFIX) else value for name, value in values.items()}


def _parse_validator(node: JsonNode) -> GenesisValidator:
    members = node.members(_VALIDATOR_KEYS)
    return GenesisValidator(
        members["name"].text(),
        members["public_key"].hex_bytes(),
        members["power"].integer(),
        _parse_address(members["operator"].text(), members["operator"]),
    )


def _parse_allocations(node: JsonNode) -> dict[Address, Allocation]:
    allocations: dict[Address, Allocation] = {}
    for text, entry in node.entries().items():
        address = _parse_address(text, entry)
        if address in allocations:
            raise entry.error("the address stands here twice")
        allocations[address] = _parse_allocation(entry)
    return {address: allocations[address] for address in sorted(allocations)}


def _parse_allocation(node: JsonNode) -> Allocation:
    members = node.members((), _ALLOCATION_KEYS)
    return Allocation(
        balance=members["balance"].quantity() if "balance" in members else 0,
        nonce=members["nonce"].integer() if "nonce" in members else 0,
        code=members["code"].hex_bytes() if "code" in members else b"",
        storage=_parse_storage(members["storage"]) if "storage" in members else {},
    )


def _parse_storage(node: JsonNode) -> dict[int, int]:
    storage: dict[int, int] = {}
    for text, entry in node.entries().items():
        slot = parse_quantity(text, entry)
        if slot in storage:
            raise entry.error("the slot stands here twice")
        storage[slot] = entry.quantity()
    return {slot: storage[slot] for slot in sorted(storage)}


def _parse_predeploys(node: JsonNode) -> tuple[str, ...]:
    """The file pins the code that it means, so that a program with other code refuses it."""
    entries = node.members((), PREDEPLOYS)
    for name, entry in entries.items():
        expected = "0x" + PREDEPLOYS[name].code_hash.hex()
        if entry.text() != expected:
            raise entry.error(f"code hash differs from the one this program has: {expected}")
    return tuple(sorted(entries))


def _parse_address(text: str, place: JsonNode) -> Address:
    try:
        return parse_address(text)
    except InvalidAddress as error:
        raise place.error(str(error)) from None


def _dump_allocation(allocation: Allocation) -> dict[str, Any]:
    tree: dict[str, Any] = {"balance": str(allocation.balance)}
    if allocation.nonce:
        tree["nonce"] = allocation.nonce
    if allocation.code:
        tree["code"] = "0x" + allocation.code.hex()
    if allocation.storage:
        tree["storage"] = {f"{slot:#x}": f"{value:#x}" for slot, value in allocation.storage.items()}
    return tree
