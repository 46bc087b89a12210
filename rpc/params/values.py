"""Codecs of JSON-RPC parameters: JSON values to the values of the protocol, with go-ethereum's error texts.

Owns hex numbers, byte strings, addresses, hashes, block parameters, storage keys and percentiles. Call objects
are in rpc/params/call_params.py, log filters in rpc/params/log_filter.py. Never reads the chain.
Specification: EIP-1474 (hex), EIP-1898 (block parameter objects), go-ethereum common/hexutil and rpc/types.go.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum
from typing import Final, TypeVar

from chain.types import ADDRESS_BYTES, HASH_BYTES, Address, Hash32
from rpc.errors import RpcFault
from rpc.params.method import MalformedArgument, Parameter

T = TypeVar("T")

UINT64_LIMIT: Final = 1 << 64
UINT256_LIMIT: Final = 1 << 256

MAX_BLOCK_NUMBER: Final = (1 << 63) - 1
"""Above it go-ethereum answers `block number larger than int64`."""

MAX_PERCENTILES: Final = 100
"""Percentiles of one eth_feeHistory call; go-ethereum's number."""

_HEX_DIGITS: Final = re.compile(r"[0-9a-fA-F]*", re.ASCII)


class BlockTag(Enum):
    """The named blocks. Finality is instant: latest, safe and finalized are one block, and pending is the
    state after it."""

    EARLIEST = "earliest"
    LATEST = "latest"
    SAFE = "safe"
    FINALIZED = "finalized"
    PENDING = "pending"


BlockReference = int | Hash32 | BlockTag
"""A block by number, by hash (bytes), or by tag."""

_TAGS: Final = {tag.value: tag for tag in BlockTag}


def _digits(value: object, go_type: str) -> str:
    """What stands after `0x`. `go_type` stands in the text of the error."""
    if not isinstance(value, str):
        raise MalformedArgument(f"json: cannot unmarshal non-string into Go value of type {go_type}")
    if value[:2] not in ("0x", "0X"):
        reason = "hex string without 0x prefix" if value else "empty hex string"
        raise MalformedArgument(f"json: cannot unmarshal {reason} into Go value of type {go_type}")
    return value[2:]


def _from_hex(digits: str, go_type: str) -> bytes:
    try:
        decoded = bytes.fromhex(digits)
    except ValueError:
        decoded = b""
    if 2 * len(decoded) != len(digits):  # fromhex skips white space
        raise MalformedArgument(f"json: cannot unmarshal invalid hex string into Go value of type {go_type}")
    return decoded


def byte_string(value: object, go_type: str = "hexutil.Bytes") -> bytes:
    """`0x` and an even number of digits."""
    digits = _digits(value, go_type)
    if len(digits) % 2:
        raise MalformedArgument(
            f"json: cannot unmarshal hex string of odd length into Go value of type {go_type}"
        )
    return _from_hex(digits, go_type)


def _fixed_bytes(value: object, size: int, go_type: str) -> bytes:
    if isinstance(value, str) and len(value) == 2 + 2 * size and value[:2] == "0x":
        try:  # the usual case, at half the price
            decoded = bytes.fromhex(value[2:])
        except ValueError:
            decoded = b""
        if len(decoded) == size:
            return decoded
    digits = _digits(value, go_type)
    if len(digits) != 2 * size:
        raise MalformedArgument(f"hex string has length {len(digits)}, want {2 * size} for {go_type}")
    return _from_hex(digits, go_type)


def address(value: object) -> Address:
    """An address in any case: go-ethereum does not check EIP-55 here, and some clients send upper case."""
    return Address(_fixed_bytes(value, ADDRESS_BYTES, "common.Address"))


def hash32(value: object) -> Hash32:
    """32 bytes."""
    return Hash32(_fixed_bytes(value, HASH_BYTES, "common.Hash"))


def quantity(value: object, limit: int = UINT256_LIMIT) -> int:
    """A number as `0x` and digits without leading zeros, below `limit`."""
    go_type = "hexutil.Uint64" if limit == UINT64_LIMIT else "*hexutil.Big"
    if isinstance(value, str):
        return _number_from_hex(value, limit, f" into Go value of type {go_type}")
    raise MalformedArgument(f"json: cannot unmarshal non-string into Go value of type {go_type}")


def uint64(value: object) -> int:
    """A number below 2**64."""
    return quantity(value, UINT64_LIMIT)


def _number_from_hex(text: str, limit: int, where: str) -> int:
    def malformed(reason: str) -> MalformedArgument:
        return MalformedArgument(f"json: cannot unmarshal {reason}{where}" if where else reason)

    if not text:
        raise malformed("empty hex string")
    if text[:2] not in ("0x", "0X"):
        raise malformed("hex string without 0x prefix")
    digits = text[2:]
    if not digits:
        raise malformed('hex string "0x"')
    if digits[0] == "0" and len(digits) > 1:
        raise malformed("hex number with leading zero digits")
    if _HEX_DIGITS.fullmatch(digits) is None:
        raise malformed("invalid hex string")
    if len(digits) > 64 or (number := int(digits, 16)) >= limit:
        raise malformed("hex number > 64 bits" if limit == UINT64_LIMIT else "hex number > 256 bits")
    return number


def decimal_or_hex_uint64(value: object) -> int:
    """A count that clients send as hex, as decimal text or as a JSON number (eth_feeHistory)."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < UINT64_LIMIT:
        return value
    if isinstance(value, str):
        if value.isascii() and value.isdigit() and len(value) <= 20 and int(value) < UINT64_LIMIT:
            return int(value)
        if value[:2] in ("0x", "0X"):
            return _number_from_hex(value, UINT64_LIMIT, "")
    raise MalformedArgument(f"invalid hex or decimal integer {_json_like(value)}")


def block_number_or_tag(value: object) -> BlockReference:
    """A tag, or a number in hex."""
    if not isinstance(value, str):
        raise MalformedArgument("hex string without 0x prefix")
    tag = _TAGS.get(value)
    if tag is not None:
        return tag
    if not value:
        return BlockTag.LATEST  # go-ethereum takes an empty text for latest
    number = _number_from_hex(value, UINT64_LIMIT, "")
    if number > MAX_BLOCK_NUMBER:
        raise MalformedArgument("block number larger than int64")
    return number


def block_reference(value: object) -> BlockReference:
    """A tag, a number, a hash, or the object form of EIP-1898 (`requireCanonical` changes nothing: every block
    that this node knows is canonical)."""
    if isinstance(value, dict):
        block_hash, number = value.get("blockHash"), value.get("blockNumber")
        if block_hash is not None and number is not None:
            raise MalformedArgument("cannot specify both BlockHash and BlockNumber, choose one or the other")
        if block_hash is not None:
            return hash32(block_hash)
        if number is not None:
            return block_number_or_tag(number)
        raise MalformedArgument("invalid arguments; neither block nor hash specified")
    if isinstance(value, str) and len(value) == 2 + 2 * HASH_BYTES:
        return hash32(value)
    return block_number_or_tag(value)


def boolean(value: object) -> bool:
    """true or false."""
    if isinstance(value, bool):
        return value
    raise MalformedArgument(f"json: cannot unmarshal {_json_kind(value)} into Go value of type bool")


def storage_key(value: object) -> int:
    """A storage slot: hex of up to 32 bytes, with or without 0x, as go-ethereum takes it."""
    if not isinstance(value, str):
        raise MalformedArgument(f"json: cannot unmarshal {_json_kind(value)} into Go value of type string")
    digits = value[2:] if value[:2] in ("0x", "0X") else value
    if _HEX_DIGITS.fullmatch(digits) is None:
        raise RpcFault.INVALID_STORAGE_KEY.error(key=value)
    if len(digits) > 2 * HASH_BYTES:
        raise RpcFault.STORAGE_KEY_TOO_LONG.error(key=value)
    return int(digits, 16) if digits else 0


def percentiles(value: object) -> tuple[float, ...]:
    """Ascending numbers from 0 to 100 (eth_feeHistory)."""
    if not isinstance(value, list):
        raise MalformedArgument(f"json: cannot unmarshal {_json_kind(value)} into Go value of type []float64")
    if len(value) > MAX_PERCENTILES:
        raise RpcFault.TOO_MANY_PERCENTILES.error(limit=MAX_PERCENTILES)
    numbers: list[float] = []
    for position, item in enumerate(value):
        if not isinstance(item, int | float) or isinstance(item, bool):
            raise MalformedArgument(
                f"json: cannot unmarshal {_json_kind(item)} into Go value of type float64"
            )
        number = float(item) if abs(item) <= UINT64_LIMIT else -1.0
        if not 0 <= number <= 100:
            raise RpcFault.INVALID_PERCENTILE.error(detail=f"{number:f}")
        if numbers and number <= numbers[-1]:
            raise RpcFault.INVALID_PERCENTILE.error(
                detail=f"#{position - 1}:{numbers[-1]:f} >= #{position}:{number:f}"
            )
        numbers.append(number)
    return tuple(numbers)


def members(value: object, go_type: str) -> dict[str, object]:
    """The members of a JSON object that are not null."""
    if not isinstance(value, dict):
        raise MalformedArgument(f"json: cannot unmarshal {_json_kind(value)} into Go value of type {go_type}")
    return {name: member for name, member in value.items() if member is not None}


def elements(value: object, decode: Callable[[object], T], go_type: str) -> tuple[T, ...]:
    """The elements of a JSON array, each read by `decode`."""
    if not isinstance(value, list):
        raise MalformedArgument(f"json: cannot unmarshal {_json_kind(value)} into Go value of type {go_type}")
    return tuple(decode(item) for item in value)


def _json_kind(value: object) -> str:
    """The name that Go's JSON decoder gives to the kind of a value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def _json_like(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else _json_kind(value)


ADDRESS: Final = Parameter(address)
HASH: Final = Parameter(hash32)
BLOCK_NUMBER: Final = Parameter(block_number_or_tag)
BLOCK: Final = Parameter(block_reference)
BLOCK_OR_LATEST: Final = Parameter(block_reference, required=False, default=BlockTag.LATEST)
INDEX: Final = Parameter(uint64)
BYTES: Final = Parameter(byte_string)
STORAGE_KEY: Final = Parameter(storage_key)
FULL_TRANSACTIONS: Final = Parameter(boolean, required=False, default=False)
COUNT: Final = Parameter(decimal_or_hex_uint64)
PERCENTILES: Final = Parameter(percentiles, required=False, default=())
