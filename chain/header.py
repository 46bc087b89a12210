"""Block headers: the post-merge header of Ethereum, byte for byte.

Owns the encoding, the strict decoding and the hash. Never judges a header against its parent or its body.
Specification: yellow paper section 4.4, EIP-1559 (base fee), EIP-4895 (withdrawals), EIP-4844 (blob gas),
EIP-4788 (beacon root, which carries the consensus root of this chain), EIP-7685 (requests).
"""

from dataclasses import dataclass, field
from typing import Final

from chain.errors import PeerError
from chain.keccak import keccak256
from chain.rlp import RlpError, RlpItem, decode, encode_bytes, encode_list_payload, encode_uint
from chain.types import ADDRESS_BYTES, HASH_BYTES, Address, Hash32

BLOOM_BYTES: Final = 256
NONCE_BYTES: Final = 8
MAX_EXTRA_DATA_BYTES: Final = 32
"""Yellow paper, equation (58): a header carries at most 32 bytes of extra data."""

MAX_HEADER_BYTES: Final = 1024
"""Longest encoding that is looked at; a full header takes less than 800 bytes."""

_CANCUN_FIELDS: Final = 20
_PRAGUE_FIELDS: Final = 21


class HeaderError(PeerError):
    """The bytes are not the canonical encoding of a header."""


@dataclass(frozen=True, slots=True)
class Header:
    """A block header. `timestamp` in seconds, fees in wei, `parent_beacon_block_root` is the consensus root.

    `requests_hash` is None in a header shaped as before Prague. `hash` is computed: keccak of the encoding.
    """

    parent_hash: Hash32
    ommers_hash: Hash32
    beneficiary: Address
    state_root: Hash32
    transactions_root: Hash32
    receipts_root: Hash32
    logs_bloom: bytes
    difficulty: int
    number: int
    gas_limit: int
    gas_used: int
    timestamp: int
    extra_data: bytes
    prev_randao: Hash32
    nonce: bytes
    base_fee_per_gas: int
    withdrawals_root: Hash32
    blob_gas_used: int
    excess_blob_gas: int
    parent_beacon_block_root: Hash32
    requests_hash: Hash32 | None
    hash: Hash32 = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "hash", keccak256(self.encode()))

    def encode(self) -> bytes:
        """Return the canonical RLP."""
        parts = [
            encode_bytes(self.parent_hash),
            encode_bytes(self.ommers_hash),
            encode_bytes(self.beneficiary),
            encode_bytes(self.state_root),
            encode_bytes(self.transactions_root),
            encode_bytes(self.receipts_root),
            encode_bytes(self.logs_bloom),
            encode_uint(self.difficulty),
            encode_uint(self.number),
            encode_uint(self.gas_limit),
            encode_uint(self.gas_used),
            encode_uint(self.timestamp),
            encode_bytes(self.extra_data),
            encode_bytes(self.prev_randao),
            encode_bytes(self.nonce),
            encode_uint(self.base_fee_per_gas),
            encode_bytes(self.withdrawals_root),
            encode_uint(self.blob_gas_used),
            encode_uint(self.excess_blob_gas),
            encode_bytes(self.parent_beacon_block_root),
        ]
        if self.requests_hash is not None:
            parts.append(encode_bytes(self.requests_hash))
        return encode_list_payload(b"".join(parts))


def decode_header(raw: bytes) -> Header:
    """Decode the canonical RLP of a header.

    Raises:
        HeaderError: not canonical, trailing bytes, wrong number of fields, or a field out of range.
    """
    if len(raw) > MAX_HEADER_BYTES:
        raise HeaderError(f"header of {len(raw)} bytes, at most {MAX_HEADER_BYTES} are allowed")
    try:
        fields = decode(raw)
    except RlpError as error:
        raise HeaderError(f"malformed header: {error}") from None
    if not isinstance(fields, list) or len(fields) not in (_CANCUN_FIELDS, _PRAGUE_FIELDS):
        raise HeaderError(f"malformed header: {_CANCUN_FIELDS} or {_PRAGUE_FIELDS} fields are expected")
    return Header(
        parent_hash=_hash(fields[0], "parent hash"),
        ommers_hash=_hash(fields[1], "ommers hash"),
        beneficiary=Address(_fixed(fields[2], ADDRESS_BYTES, "beneficiary")),
        state_root=_hash(fields[3], "state root"),
        transactions_root=_hash(fields[4], "transactions root"),
        receipts_root=_hash(fields[5], "receipts root"),
        logs_bloom=_fixed(fields[6], BLOOM_BYTES, "logs bloom"),
        difficulty=_number(fields[7], 32, "difficulty"),
        number=_number(fields[8], 8, "number"),
        gas_limit=_number(fields[9], 8, "gas limit"),
        gas_used=_number(fields[10], 8, "gas used"),
        timestamp=_number(fields[11], 8, "timestamp"),
        extra_data=_extra_data(fields[12]),
        prev_randao=_hash(fields[13], "prev randao"),
        nonce=_fixed(fields[14], NONCE_BYTES, "nonce"),
        base_fee_per_gas=_number(fields[15], 32, "base fee per gas"),
        withdrawals_root=_hash(fields[16], "withdrawals root"),
        blob_gas_used=_number(fields[17], 8, "blob gas used"),
        excess_blob_gas=_number(fields[18], 8, "excess blob gas"),
        parent_beacon_block_root=_hash(fields[19], "parent beacon block root"),
        requests_hash=_hash(fields[20], "requests hash") if len(fields) == _PRAGUE_FIELDS else None,
    )


def _fixed(item: RlpItem, length: int, name: str) -> bytes:
    if not isinstance(item, bytes) or len(item) != length:
        raise HeaderError(f"malformed header: {name} is not {length} bytes")
    return item


def _hash(item: RlpItem, name: str) -> Hash32:
    return Hash32(_fixed(item, HASH_BYTES, name))


def _number(item: RlpItem, max_bytes: int, name: str) -> int:
    if not isinstance(item, bytes) or len(item) > max_bytes or (item and item[0] == 0):
        raise HeaderError(f"malformed header: {name} is not a number of at most {max_bytes} bytes")
    return int.from_bytes(item, "big")


def _extra_data(item: RlpItem) -> bytes:
    if not isinstance(item, bytes) or len(item) > MAX_EXTRA_DATA_BYTES:
        raise HeaderError(f"malformed header: extra data is longer than {MAX_EXTRA_DATA_BYTES} bytes")
    return item
