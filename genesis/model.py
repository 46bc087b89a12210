"""The genesis of a chain as a value: everything that all nodes must agree on before block 1.

Owns the fields and what must hold between them; a `Genesis` that exists is valid. Never reads a file and never
touches a store. Field names are those of the genesis file, so that errors name the place in it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from chain.hd import derive_accounts
from chain.header import MAX_EXTRA_DATA_BYTES
from chain.secp256k1 import PUBLIC_KEY_BYTES, InvalidPublicKey, address_of_public_key
from chain.types import ADDRESS_BYTES, ZERO_ADDRESS, Address
from genesis.chain_contracts import check_contracts, newest_contracts
from genesis.errors import GenesisError
from genesis.predeploys import PREDEPLOYS
from vm.forks import ForkSchedule
from vm.system.addresses import is_reserved
from vm.system.staking.parameters import WEI_PER_POWER, StakingParameters

DEV_MNEMONIC: Final = "test test test test test test test test test test test junk"
"""The public mnemonic of development chains (Hardhat, Anvil). Everybody has its keys."""

DEV_CHAIN_IDS: Final = (1337, 31337)
"""Chains on which the accounts of the public mnemonic may own something."""

DEV_ACCOUNT_COUNT: Final = 10
"""Accounts of the public mnemonic that own something on every development chain."""

DEV_KEY_COUNT: Final = 16
"""Keys of the public mnemonic in use: the further ones are operators of validators in local networks."""

MAX_CHAIN_ID: Final = 4_503_599_627_370_476
"""Largest chain id that wallets can compute v from in a JavaScript number (MetaMask's limit; EIP-2294 allows more)."""

MAX_GAS_LIMIT: Final = 2**63 - 1
"""EIP-1985: gas limits fit a signed 64-bit number."""

MIN_GAS_LIMIT: Final = 21_000
"""A block must have room for one transfer."""

MAX_TIMESTAMP: Final = 2**63 - 1
MAX_UINT256: Final = 2**256 - 1
MAX_NONCE: Final = 2**64 - 2
"""EIP-2681: an account whose nonce is 2**64 - 1 can never send again."""

MAX_CODE_BYTES: Final = 24_576
"""EIP-170."""

MAX_VALIDATORS: Final = 200
"""Largest first validator set; every vote is signed, sent and stored per validator."""

MAX_TOTAL_POWER: Final = 2**60 - 1
"""Sum of all powers. Proposer priorities reach a small multiple of it and must fit 64 bits."""

MAX_NOTICE_BLOCKS: Final = 10_000_000
"""Longest notice of an upgrade: some months of blocks. A longer one is a typing mistake that would forbid them."""

MAX_INTERVAL_MS: Final = 3_600_000
"""A timeout or interval above an hour is a typing mistake that would halt the chain."""

MIN_BLOCK_BYTES: Final = 1_024
MAX_BLOCK_BYTES: Final = 10 * 1024 * 1024
"""MAX_BLOCK_SIZE of EIP-7934; longer blocks are not decoded."""

LEAST_UNBONDING_BLOCKS: Final = 4
"""Stake that leaves in block h answers for votes up to height h + 1; the proof of two of them comes a block later."""

NAME_PATTERN: Final = re.compile(r"[ -~]{1,64}")
COIN_SYMBOL_PATTERN: Final = re.compile(r"[A-Z][A-Z0-9]{1,10}", re.ASCII)

DEFAULT_COIN_SYMBOL: Final = "AUR"
DEFAULT_GAS_LIMIT: Final = 30_000_000
DEFAULT_EXTRA_DATA: Final = b"aurigraph"
DEFAULT_STAKING: Final = StakingParameters()
DEFAULT_NOTICE_BLOCKS: Final = 3_600
"""An hour at a block a second."""


@dataclass(frozen=True, slots=True)
class ConsensusParameters:
    """Parameters of consensus at block 1; durations in milliseconds, sizes in bytes.

    `empty_block_interval_ms`: 0 makes empty blocks at the block interval, N at most every N ms, None never. Each
    timeout is base + delta x round, at most `timeout_cap_ms`.
    """

    block_interval_ms: int = 1_000
    empty_block_interval_ms: int | None = 0
    timeout_propose_ms: int = 1_000
    timeout_propose_delta_ms: int = 500
    timeout_prevote_ms: int = 400
    timeout_prevote_delta_ms: int = 250
    timeout_precommit_ms: int = 400
    timeout_precommit_delta_ms: int = 250
    timeout_cap_ms: int = 10_000
    max_block_bytes: int = 2 * 1024 * 1024
    max_gas: int = DEFAULT_GAS_LIMIT

    def __post_init__(self) -> None:
        for name, least, most in PARAMETER_BOUNDS:
            value = getattr(self, name)
            if value is None and name == "empty_block_interval_ms":
                continue
            _check_number(f"$.parameters.{name}", value, least, most)
        for name in ("timeout_propose_ms", "timeout_prevote_ms", "timeout_precommit_ms"):
            if getattr(self, name) > self.timeout_cap_ms:
                raise GenesisError(f"$.parameters.{name}", f"above timeout_cap_ms ({self.timeout_cap_ms})")


PARAMETER_BOUNDS: Final[tuple[tuple[str, int, int], ...]] = (
    ("block_interval_ms", 1, MAX_INTERVAL_MS),
    ("empty_block_interval_ms", 0, MAX_INTERVAL_MS),
    ("timeout_propose_ms", 1, MAX_INTERVAL_MS),
    ("timeout_propose_delta_ms", 0, MAX_INTERVAL_MS),
    ("timeout_prevote_ms", 1, MAX_INTERVAL_MS),
    ("timeout_prevote_delta_ms", 0, MAX_INTERVAL_MS),
    ("timeout_precommit_ms", 1, MAX_INTERVAL_MS),
    ("timeout_precommit_delta_ms", 0, MAX_INTERVAL_MS),
    ("timeout_cap_ms", 1, MAX_INTERVAL_MS),
    ("max_block_bytes", MIN_BLOCK_BYTES, MAX_BLOCK_BYTES),
    ("max_gas", MIN_GAS_LIMIT, MAX_GAS_LIMIT),
)
"""Every field of ConsensusParameters with its least and largest value."""


@dataclass(frozen=True, slots=True)
class GenesisValidator:
    """A validator of block 1: its consensus key (33 bytes), voting power, and the account that operates it.

    The operator has `power` coins staked with itself, which are in no allocation.
    """

    name: str
    public_key: bytes
    power: int
    operator: Address


@dataclass(frozen=True, slots=True)
class Allocation:
    """An account of the genesis state. `balance` in wei; `storage` maps slots to values that are not 0."""

    balance: int = 0
    nonce: int = 0
    code: bytes = b""
    storage: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Genesis:
    """A genesis. `timestamp` in seconds, `base_fee_per_gas` in wei, `predeploys` are names of PREDEPLOYS.

    `chain_contracts` are the system contracts at fixed addresses, each with the version of its class at block 0.
    `upgrade_authority` may give chain contracts a new version, `upgrade_notice_blocks` or more blocks ahead; the zero
    address for nobody.
    """

    chain_id: int
    name: str
    timestamp: int
    gas_limit: int
    base_fee_per_gas: int
    forks: ForkSchedule
    parameters: ConsensusParameters
    validators: tuple[GenesisValidator, ...]
    allocations: Mapping[Address, Allocation]
    upgrade_authority: Address
    upgrade_notice_blocks: int = DEFAULT_NOTICE_BLOCKS
    staking: StakingParameters = DEFAULT_STAKING
    chain_contracts: Mapping[str, int] = field(default_factory=newest_contracts)
    predeploys: tuple[str, ...] = tuple(PREDEPLOYS)
    coin_symbol: str = DEFAULT_COIN_SYMBOL
    extra_data: bytes = DEFAULT_EXTRA_DATA

    def __post_init__(self) -> None:
        """Check every rule.

        Raises:
            GenesisError: names the place in the genesis file.
        """
        _check_number("$.chain_id", self.chain_id, 1, MAX_CHAIN_ID)
        _check_pattern("$.name", self.name, NAME_PATTERN, "1 to 64 printable ASCII characters")
        _check_pattern(
            "$.coin_symbol", self.coin_symbol, COIN_SYMBOL_PATTERN, "2 to 11 capital letters or digits"
        )
        _check_number("$.timestamp", self.timestamp, 0, MAX_TIMESTAMP)
        _check_number("$.gas_limit", self.gas_limit, MIN_GAS_LIMIT, MAX_GAS_LIMIT)
        _check_number("$.base_fee_per_gas", self.base_fee_per_gas, 0, MAX_UINT256)
        if len(self.extra_data) > MAX_EXTRA_DATA_BYTES:
            raise GenesisError("$.extra_data", f"longer than {MAX_EXTRA_DATA_BYTES} bytes")
        if self.parameters.max_gas < self.gas_limit:
            raise GenesisError("$.parameters.max_gas", f"below gas_limit ({self.gas_limit})")
        if len(self.upgrade_authority) != ADDRESS_BYTES:
            raise GenesisError("$.upgrade_authority", f"must be {ADDRESS_BYTES} bytes")
        _check_number("$.upgrade_notice_blocks", self.upgrade_notice_blocks, 1, MAX_NOTICE_BLOCKS)
        least_ms = LEAST_UNBONDING_BLOCKS * self.parameters.block_interval_ms
        if self.staking.unbonding_time_s * 1000 < least_ms:
            raise GenesisError(
                "$.staking.unbonding_time_s", f"below {LEAST_UNBONDING_BLOCKS} block intervals"
            )
        _check_validators(self.validators, self.staking.max_validators)
        staked = sum([validator.power for validator in self.validators]) * WEI_PER_POWER
        _check_allocations(self.allocations, staked)
        check_contracts(self.chain_contracts)
        _check_predeploys(self.predeploys, self.allocations)
        if self.chain_id not in DEV_CHAIN_IDS:
            self._refuse_public_keys()

    def _refuse_public_keys(self) -> None:
        """Nothing of value may belong to the accounts whose keys everybody has."""
        reason = (
            f"belongs to the public development mnemonic, allowed on chain ids {_list(DEV_CHAIN_IDS)} only"
        )
        dev_accounts = _dev_addresses()
        for address in self.allocations:
            if address in dev_accounts:
                raise GenesisError(f"$.allocations.0x{address.hex()}", reason)
        if self.upgrade_authority in dev_accounts:
            raise GenesisError("$.upgrade_authority", reason)
        for index, validator in enumerate(self.validators):
            if validator.operator in dev_accounts:
                raise GenesisError(f"$.validators[{index}].operator", reason)
            if address_of_public_key(validator.public_key) in dev_accounts:
                raise GenesisError(f"$.validators[{index}].public_key", reason)


@cache
def _dev_addresses() -> tuple[Address, ...]:
    return tuple([key.address for key in derive_accounts(DEV_MNEMONIC, DEV_KEY_COUNT)])


def _list(values: Sequence[int]) -> str:
    return " and ".join([str(value) for value in values])


def _check_number(path: str, value: int, least: int, most: int) -> None:
    if type(value) is not int or not least <= value <= most:
        raise GenesisError(path, f"{value!r} is not a whole number from {least} to {most}")


def _check_pattern(path: str, text: str, pattern: re.Pattern[str], meaning: str) -> None:
    if pattern.fullmatch(text) is None:
        raise GenesisError(path, f"must be {meaning}")


def _check_validators(validators: Sequence[GenesisValidator], most: int) -> None:
    most = min(most, MAX_VALIDATORS)
    if not 1 <= len(validators) <= most:
        raise GenesisError("$.validators", f"{len(validators)} validators, must be 1 to {most}")
    seen: dict[str, dict[object, int]] = {"name": {}, "public_key": {}, "operator": {}}
    for index, validator in enumerate(validators):
        path = f"$.validators[{index}]"
        _check_pattern(f"{path}.name", validator.name, NAME_PATTERN, "1 to 64 printable ASCII characters")
        _check_number(f"{path}.power", validator.power, 1, MAX_TOTAL_POWER)
        if len(validator.public_key) != PUBLIC_KEY_BYTES:
            raise GenesisError(f"{path}.public_key", f"must be {PUBLIC_KEY_BYTES} bytes")
        try:
            address_of_public_key(validator.public_key)
        except InvalidPublicKey as error:
            raise GenesisError(f"{path}.public_key", str(error)) from None
        if len(validator.operator) != ADDRESS_BYTES:
            raise GenesisError(f"{path}.operator", f"must be {ADDRESS_BYTES} bytes")
        if validator.operator == ZERO_ADDRESS or is_reserved(validator.operator):
            raise GenesisError(f"{path}.operator", "nobody has the key of this address")
        for name, values in seen.items():
            first = values.setdefault(getattr(validator, name), index)
            if first != index:
                raise GenesisError(f"{path}.{name}", f"same as that of validators[{first}]")
    if sum([validator.power for validator in validators]) > MAX_TOTAL_POWER:
        raise GenesisError("$.validators", f"total power is above {MAX_TOTAL_POWER}")


def _check_allocations(allocations: Mapping[Address, Allocation], staked_wei: int) -> None:
    supply = staked_wei
    for address, allocation in allocations.items():
        path = f"$.allocations.0x{address.hex()}"
        if len(address) != ADDRESS_BYTES:
            raise GenesisError(path, f"an address has {ADDRESS_BYTES} bytes")
        if is_reserved(address):
            raise GenesisError(path, "reserved for a contract of the chain itself")
        _check_number(f"{path}.balance", allocation.balance, 0, MAX_UINT256)
        _check_number(f"{path}.nonce", allocation.nonce, 0, MAX_NONCE)
        if len(allocation.code) > MAX_CODE_BYTES:
            raise GenesisError(f"{path}.code", f"longer than {MAX_CODE_BYTES} bytes (EIP-170)")
        if not (allocation.balance or allocation.nonce or allocation.code):
            raise GenesisError(path, "an empty account cannot stand in the state (EIP-161)")
        for slot, value in allocation.storage.items():
            slot_path = f"{path}.storage.{slot:#x}"
            _check_number(slot_path, slot, 0, MAX_UINT256)
            _check_number(slot_path, value, 1, MAX_UINT256)
        supply += allocation.balance
    if supply > MAX_UINT256:
        raise GenesisError("$.allocations", "the balances and stakes together do not fit 256 bits")


def _check_predeploys(predeploys: Sequence[str], allocations: Mapping[Address, Allocation]) -> None:
    if list(predeploys) != sorted(set(predeploys)):
        raise GenesisError("$.predeploys", "names must be in ascending order, each once")
    for name in predeploys:
        contract = PREDEPLOYS.get(name)
        if contract is None:
            raise GenesisError(f"$.predeploys.{name}", f"unknown contract, known are {', '.join(PREDEPLOYS)}")
        if contract.address in allocations:
            raise GenesisError(f"$.allocations.0x{contract.address.hex()}", f"taken by the predeploy {name}")
