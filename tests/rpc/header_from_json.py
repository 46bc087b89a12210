"""The way back from the JSON of a header to its hash."""

from collections.abc import Callable
from typing import Any, Final

from chain.rlp import encode, uint

Codec = Callable[[str], bytes]


def _octets(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def _number(text: str) -> bytes:
    return uint(int(text, 16))


FIELDS: Final[tuple[tuple[str, Codec], ...]] = (
    ("parentHash", _octets),
    ("sha3Uncles", _octets),
    ("miner", _octets),
    ("stateRoot", _octets),
    ("transactionsRoot", _octets),
    ("receiptsRoot", _octets),
    ("logsBloom", _octets),
    ("difficulty", _number),
    ("number", _number),
    ("gasLimit", _number),
    ("gasUsed", _number),
    ("timestamp", _number),
    ("extraData", _octets),
    ("mixHash", _octets),
    ("nonce", _octets),
    ("baseFeePerGas", _number),
    ("withdrawalsRoot", _octets),
    ("blobGasUsed", _number),
    ("excessBlobGas", _number),
    ("parentBeaconBlockRoot", _octets),
    ("requestsHash", _octets),
)
"""In their order in a header; old forks lack the last ones."""


def header_from_json(block: dict[str, Any]) -> bytes:
    """The RLP of a header, made from its JSON alone."""
    return encode([read(block[name]) for name, read in FIELDS if name in block])
