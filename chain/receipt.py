"""Receipts, logs and bloom filters.

Owns what a transaction leaves behind: its outcome, the gas used so far in the block, its logs, and the
2048-bit filter over their addresses and topics. Never stores the derived fields that RPC adds.
Specification: yellow paper section 4.4.1, EIP-658 (status), EIP-2718 (envelope).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from chain.errors import PeerError
from chain.header import BLOOM_BYTES
from chain.keccak import keccak256
from chain.rlp import RlpError, RlpItem, decode, encode_bytes, encode_list_payload, encode_uint
from chain.transaction import TransactionType
from chain.types import ADDRESS_BYTES, HASH_BYTES, Address, Hash32

EMPTY_BLOOM: Final = bytes(BLOOM_BYTES)

MAX_TOPICS: Final = 4
"""LOG4 is the largest log instruction."""

CACHED_BLOOM_ENTRIES: Final = 4096
"""Addresses and topics whose three bits are remembered (about 1.5 MB): tokens log the same few again and
again, and each entry otherwise costs a hash."""

_ENCODED_EMPTY_BLOOM: Final = encode_bytes(EMPTY_BLOOM)


class ReceiptError(PeerError):
    """The bytes are not the canonical encoding of a receipt."""


@dataclass(frozen=True, slots=True)
class Log:
    """An event of a contract: at most four topics of 32 bytes, and data."""

    address: Address
    topics: tuple[Hash32, ...]
    data: bytes

    def encode(self) -> bytes:
        """Return the canonical RLP."""
        topics = b"".join([encode_bytes(topic) for topic in self.topics])
        return encode_list_payload(
            encode_bytes(self.address) + encode_list_payload(topics) + encode_bytes(self.data)
        )


@dataclass(frozen=True, slots=True)
class Receipt:
    """The outcome of a transaction; `cumulative_gas_used` counts the block up to and with it."""

    type: TransactionType
    succeeded: bool
    cumulative_gas_used: int
    logs_bloom: bytes
    logs: tuple[Log, ...]

    def encode(self) -> bytes:
        """Return the canonical bytes, which the receipts trie holds: RLP, after the type byte if typed."""
        payload = (
            (b"\x01" if self.succeeded else b"\x80")
            + encode_uint(self.cumulative_gas_used)
            + (encode_bytes(self.logs_bloom) if self.logs else _ENCODED_EMPTY_BLOOM)
            + encode_list_payload(b"".join([log.encode() for log in self.logs]))
        )
        encoded = encode_list_payload(payload)
        return encoded if self.type is TransactionType.LEGACY else bytes((self.type,)) + encoded


def decode_logs(raw: bytes) -> tuple[Log, ...]:
    """Decode the RLP list of logs. Raises ReceiptError."""
    try:
        items = decode(raw)
    except RlpError as error:
        raise ReceiptError(f"malformed logs: {error}") from None
    if not isinstance(items, list):
        raise ReceiptError("malformed logs: not a list")
    return tuple([_decode_log(item) for item in items])


def decode_receipt(raw: bytes) -> Receipt:
    """Decode the canonical bytes of a receipt.

    Raises:
        ReceiptError: not canonical, unknown type, a field out of range, or a bloom that is not that of the
            logs.
    """
    kind = TransactionType.LEGACY
    if raw and raw[0] < 0xC0:
        try:
            kind = TransactionType(raw[0])
        except ValueError:
            raise ReceiptError(f"malformed receipt: unknown type 0x{raw[0]:02x}") from None
        if kind is TransactionType.LEGACY:
            raise ReceiptError("malformed receipt: a legacy receipt has no type byte")
        raw = raw[1:]
    try:
        fields = decode(raw)
    except RlpError as error:
        raise ReceiptError(f"malformed receipt: {error}") from None
    if not isinstance(fields, list) or len(fields) != 4:
        raise ReceiptError("malformed receipt: 4 fields are expected")
    status, gas, bloom, logs = fields
    if status not in (b"", b"\x01"):
        raise ReceiptError("malformed receipt: status is not 0 or 1")
    if not isinstance(gas, bytes) or len(gas) > 8 or (gas and gas[0] == 0):
        raise ReceiptError("malformed receipt: cumulative gas is not a number of at most 8 bytes")
    if not isinstance(logs, list):
        raise ReceiptError("malformed receipt: logs are not a list")
    decoded_logs = tuple([_decode_log(log) for log in logs])
    if bloom != logs_bloom(decoded_logs):
        raise ReceiptError("malformed receipt: the bloom is not that of the logs")
    return Receipt(kind, status == b"\x01", int.from_bytes(gas, "big"), bloom, decoded_logs)


def _decode_log(item: RlpItem) -> Log:
    if not isinstance(item, list) or len(item) != 3:
        raise ReceiptError("malformed log: 3 fields are expected")
    address, topics, payload = item
    if not isinstance(address, bytes) or len(address) != ADDRESS_BYTES:
        raise ReceiptError("malformed log: address is not 20 bytes")
    if not isinstance(topics, list) or len(topics) > MAX_TOPICS:
        raise ReceiptError(f"malformed log: topics are not a list of at most {MAX_TOPICS}")
    if not isinstance(payload, bytes):
        raise ReceiptError("malformed log: data is a list")
    return Log(Address(address), tuple([_decode_topic(topic) for topic in topics]), payload)


def _decode_topic(item: RlpItem) -> Hash32:
    if not isinstance(item, bytes) or len(item) != HASH_BYTES:
        raise ReceiptError("malformed log: topic is not 32 bytes")
    return Hash32(item)


@lru_cache(maxsize=CACHED_BLOOM_ENTRIES)
def _bloom_bits(entry: bytes) -> int:
    """The three bits of an address or topic, as a number of 2048 bits (yellow paper, equation 30)."""
    digest = keccak256(entry)
    bits = 0
    for index in (0, 2, 4):
        bits |= 1 << ((digest[index] << 8 | digest[index + 1]) & 2047)
    return bits


def logs_bloom(logs: Sequence[Log]) -> bytes:
    """Return the filter (256 bytes) over the addresses and topics of `logs`."""
    if not logs:
        return EMPTY_BLOOM
    bits = 0
    for log in logs:
        bits |= _bloom_bits(log.address)
        for topic in log.topics:
            bits |= _bloom_bits(topic)
    return bits.to_bytes(BLOOM_BYTES, "big")


def merge_blooms(blooms: Iterable[bytes]) -> bytes:
    """Return the union of filters: the bloom of a block from those of its receipts."""
    bits = 0
    for bloom in blooms:
        if bloom is not EMPTY_BLOOM:
            bits |= int.from_bytes(bloom, "big")
    return bits.to_bytes(BLOOM_BYTES, "big") if bits else EMPTY_BLOOM


def bloom_may_contain(bloom: bytes, address_or_topic: bytes) -> bool:
    """Tell whether logs behind `bloom` may name an address (20 bytes) or topic (32 bytes); False is sure."""
    bits = _bloom_bits(address_or_topic)
    return int.from_bytes(bloom, "big") & bits == bits
