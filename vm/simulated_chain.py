"""Which blocks a simulation has: what was asked for one after the other, the gaps filled, everything in order.

Owns: the request of a block, its overrides, withdrawals, the limits, and the errors about all these.
Never does: execute anything or look at the state.
Specification: ethereum/execution-apis eth_simulateV1, EIP-4895; limits, defaults and texts are go-ethereum 1.17's
(internal/ethapi/simulate.go).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from chain.errors import CallerError
from chain.rlp import encode_bytes, encode_list_payload, encode_uint
from chain.types import Address, Hash32
from vm.overrides import AccountOverride
from vm.simulation import CallRequest

MAX_BLOCKS: Final = 256
"""Blocks that one simulation adds to the chain, gaps included."""

MAX_CALLS_IN_BLOCK: Final = 5_000
MAX_CALLS: Final = 10_000
"""Of all blocks together; each takes 0.05 ms at least, whatever it does."""

SECONDS_BETWEEN_BLOCKS: Final = 12
"""When nothing else is asked for."""

_UINT64_LIMIT: Final = 1 << 64


class EmptySimulation(CallerError):
    """No block at all."""

    def __init__(self) -> None:
        super().__init__("empty input")


class SimulationTooLarge(CallerError):
    """More blocks or calls than one simulation may have."""


class BlockNumberOrder(CallerError):
    """A block does not come behind the one before it."""

    def __init__(self, number: int, previous: int) -> None:
        super().__init__(f"block numbers must be in order: {number} <= {previous}")


class BlockTimestampOrder(CallerError):
    """A block is not later than the one before it."""

    def __init__(self, timestamp: int, previous: int) -> None:
        super().__init__(f"block timestamps must be in order: {timestamp} <= {previous}")


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """EIP-4895; `amount_gwei` comes to `address` at the end of the block."""

    index: int
    validator_index: int
    address: Address
    amount_gwei: int

    def encode(self) -> bytes:
        """Canonical RLP."""
        return encode_list_payload(
            encode_uint(self.index)
            + encode_uint(self.validator_index)
            + encode_bytes(self.address)
            + encode_uint(self.amount_gwei)
        )


@dataclass(frozen=True, slots=True)
class BlockOverrides:
    """What to pretend about a block; None takes the default. Fees in wei, timestamp in seconds."""

    number: int | None = None
    timestamp: int | None = None
    gas_limit: int | None = None
    beneficiary: Address | None = None
    prev_randao: Hash32 | None = None
    base_fee_per_gas: int | None = None
    blob_base_fee: int | None = None
    parent_beacon_block_root: Hash32 | None = None
    withdrawals: tuple[Withdrawal, ...] = ()


@dataclass(frozen=True, slots=True)
class SimulatedBlockRequest:
    """A block to simulate: what is pretended about it and about the state before it, and its calls in order."""

    overrides: BlockOverrides = field(default_factory=BlockOverrides)
    accounts: Mapping[Address, AccountOverride] = field(default_factory=dict)
    calls: Sequence[CallRequest] = ()


@dataclass(frozen=True, slots=True)
class PlannedBlock:
    """A block with its place in the chain; `request` is an empty one in a gap."""

    number: int
    timestamp: int
    request: SimulatedBlockRequest


_NOTHING: Final = SimulatedBlockRequest()


def check_size(calls_in_blocks: Sequence[int]) -> None:
    """Whether there may be so many blocks with so many calls. Raises EmptySimulation or SimulationTooLarge."""
    if not calls_in_blocks:
        raise EmptySimulation
    if len(calls_in_blocks) > MAX_BLOCKS:
        raise SimulationTooLarge("too many blocks")
    calls = 0
    for in_block in calls_in_blocks:
        if in_block > MAX_CALLS_IN_BLOCK:
            raise SimulationTooLarge(f"too many calls in block: {in_block} > {MAX_CALLS_IN_BLOCK}")
        calls += in_block
        if calls > MAX_CALLS:
            raise SimulationTooLarge(f"too many calls: {calls} > {MAX_CALLS}")


def plan_chain(
    base_number: int, base_timestamp: int, requests: Sequence[SimulatedBlockRequest]
) -> list[PlannedBlock]:
    """The blocks on top of a base, without a gap.

    Raises BlockNumberOrder, BlockTimestampOrder, and what `check_size` raises.
    """
    check_size([len(request.calls) for request in requests])
    planned: list[PlannedBlock] = []
    number, timestamp = base_number, base_timestamp
    for request in requests:
        wanted = request.overrides.number
        if wanted is None:
            wanted = number + 1
        if wanted <= number:
            raise BlockNumberOrder(wanted, number)
        if wanted - base_number > MAX_BLOCKS:
            raise SimulationTooLarge("too many blocks")
        while number + 1 < wanted:
            number, timestamp = number + 1, _later(timestamp)
            planned.append(PlannedBlock(number, timestamp, _NOTHING))
        number = wanted
        asked = request.overrides.timestamp
        if asked is None:
            timestamp = _later(timestamp)
        elif asked <= timestamp:
            raise BlockTimestampOrder(asked, timestamp)
        else:
            timestamp = asked
        planned.append(PlannedBlock(number, timestamp, request))
    return planned


def _later(timestamp: int) -> int:
    later = timestamp + SECONDS_BETWEEN_BLOCKS
    if later >= _UINT64_LIMIT:  # a header has no room for it
        raise BlockTimestampOrder(later % _UINT64_LIMIT, timestamp)
    return later
