"""Codecs of the parameters that only a development chain has.

Owns the loose forms that Hardhat's and Foundry's tools send: numbers as JSON numbers, decimal text or hex with leading
zeros. Never touches the chain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from chain.types import HASH_BYTES
from rpc.errors import RpcFault
from rpc.params.method import MalformedArgument, Parameter, optional
from rpc.params.values import UINT256_LIMIT, byte_string, members

SMALLEST_INTERVAL_MS: Final = 1_000
"""Both tools mean intervals from a second to some minutes."""

MAX_NUMBER_CHARS: Final = 80  # 2**256 has 78 decimal digits


def number(value: object) -> int:
    """A whole number below 2**256 in any of the forms."""
    read: int | None = None
    if isinstance(value, int) and not isinstance(value, bool):
        read = value
    elif isinstance(value, float) and value.is_integer():
        read = int(value)
    elif isinstance(value, str) and len(value) <= MAX_NUMBER_CHARS and value.isascii():
        digits = value[2:] if value[:2] in ("0x", "0X") else value
        if digits.isalnum():
            try:
                read = int(digits, 16 if digits is not value else 10)
            except ValueError:
                read = None
    if read is None or not 0 <= read < UINT256_LIMIT:
        raise MalformedArgument("not a whole number from 0 to 2**256 - 1, as a number or in hex")
    return read


def slot_value(value: object) -> int:
    """32 bytes; shorter values are padded on the left, as anvil does."""
    raw = byte_string(value)
    if len(raw) > HASH_BYTES:
        raise MalformedArgument(f"storage value of {len(raw)} bytes, want {HASH_BYTES}")
    return int.from_bytes(raw, "big")


@dataclass(frozen=True, slots=True)
class MineRequest:
    """What evm_mine takes: how many blocks, and the time of the first."""

    blocks: int = 1
    timestamp: int | None = None


def mine_request(value: object) -> MineRequest:
    """A timestamp, or `{timestamp, blocks}` with either."""
    if not isinstance(value, dict):
        return MineRequest(timestamp=number(value))
    fields = members(value, "MineOptions")
    return MineRequest(
        blocks=number(fields.get("blocks", 1)),
        timestamp=number(fields["timestamp"]) if "timestamp" in fields else None,
    )


def without_fork(value: object) -> None:
    """The options of hardhat_reset and anvil_reset, which may ask for a fork of another chain. Refused."""
    fields = members(value, "Forking")
    if "forking" in fields:
        fields = members(fields["forking"], "Forking")
    if fields:
        raise RpcFault.DEV_NO_FORKING.error()


def interval_ms(value: object) -> int:
    """The interval of evm_setIntervalMining, which Hardhat's tools send in milliseconds and Foundry's in seconds: below
    SMALLEST_INTERVAL_MS it counts as seconds. Hardhat also takes a range `[low, high]` to draw from; here `high` holds.
    """
    if isinstance(value, list) and len(value) == 2:
        low, high = number(value[0]), number(value[1])
        if low > high:
            raise MalformedArgument("the range ends before it begins")
        return high
    interval = number(value)
    return interval if interval >= SMALLEST_INTERVAL_MS else interval * 1000


NUMBER: Final = Parameter(number)
OPTIONAL_NUMBER: Final = optional(NUMBER)
SLOT_VALUE: Final = Parameter(slot_value)
MINE: Final = optional(Parameter(mine_request), MineRequest())
NO_FORK: Final = optional(Parameter(without_fork))
INTERVAL_MS: Final = Parameter(interval_ms)
