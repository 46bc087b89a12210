"""Recursive Length Prefix, the encoding of everything that is hashed or signed.

Owns the strict decoder (one encoding per value: no long form for a short item, no leading zero in a length,
no trailing bytes; bounded depth and size) and the encoders, written by hand because they run for every
transaction, receipt and trie node. Never knows what the items mean. Specification: Ethereum yellow paper,
appendix B.
"""

from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

from chain.errors import CallerError

RlpItem: TypeAlias = bytes | list["RlpItem"]
"""A decoded item."""

RlpEncodable: TypeAlias = bytes | Sequence["RlpEncodable"]
"""What `encode` accepts: bytes, or a list or tuple of such."""

MAX_DEPTH: Final = 16
"""Deepest nesting that is decoded. A block needs 6: block, list, transaction, access list, entry, keys."""

MAX_DECODE_BYTES: Final = 16 * 1024 * 1024
"""Longest input of `decode`. Above the largest block (10 MiB, EIP-7934); keeps a lying caller from
filling the memory with empty lists."""

EMPTY_LIST: Final = b"\xc0"
EMPTY_BYTES: Final = b"\x80"

_BYTES_HEADERS: Final = tuple(bytes((0x80 + length,)) for length in range(56))
_LIST_HEADERS: Final = tuple(bytes((0xC0 + length,)) for length in range(56))
_SINGLE_BYTES: Final = (EMPTY_BYTES, *(bytes((value,)) for value in range(1, 0x80)))


class RlpError(CallerError):
    """The bytes are not the canonical encoding of an item, or an item has the wrong shape."""


def uint(value: int) -> bytes:
    """Return the shortest big-endian bytes of a number; nothing for 0.

    Raises:
        RlpError: the number is negative.
    """
    if value < 0:
        raise RlpError("a negative number has no encoding")
    return value.to_bytes((value.bit_length() + 7) >> 3, "big")


def decode_uint(payload: bytes, *, max_bytes: int = 32) -> int:
    """Read a number of at most `max_bytes` bytes without leading zeros.

    Raises:
        RlpError: too long, or not in shortest form.
    """
    if len(payload) > max_bytes:
        raise RlpError(f"number of {len(payload)} bytes, at most {max_bytes} are allowed")
    if payload and payload[0] == 0:
        raise RlpError("number with a leading zero byte")
    return int.from_bytes(payload, "big")


def list_header(payload_length: int) -> bytes:
    """Return the prefix of a list whose items take `payload_length` bytes."""
    if payload_length < 56:
        return _LIST_HEADERS[payload_length]
    length = payload_length.to_bytes((payload_length.bit_length() + 7) >> 3, "big")
    return bytes((0xF7 + len(length),)) + length


def encode_list_payload(payload: bytes) -> bytes:
    """Return the list whose items, already encoded and joined, are `payload`."""
    return list_header(len(payload)) + payload


def encode_bytes(payload: bytes) -> bytes:
    """Encode a byte string."""
    length = len(payload)
    if length < 56:
        if length == 1 and payload[0] < 0x80:
            return payload
        return _BYTES_HEADERS[length] + payload
    prefix = length.to_bytes((length.bit_length() + 7) >> 3, "big")
    return bytes((0xB7 + len(prefix),)) + prefix + payload


def encode_uint(value: int) -> bytes:
    """Encode a number as a byte string in shortest form.

    Raises:
        RlpError: the number is negative.
    """
    if value < 0x80:
        if value < 0:
            raise RlpError("a negative number has no encoding")
        return _SINGLE_BYTES[value]
    length = (value.bit_length() + 7) >> 3
    if length < 56:
        return _BYTES_HEADERS[length] + value.to_bytes(length, "big")
    return encode_bytes(value.to_bytes(length, "big"))


def encode(item: RlpEncodable) -> bytes:
    """Encode bytes, or a list or tuple of encodable items.

    Raises:
        RlpError: an item is neither (numbers must be turned into bytes by `uint`).
    """
    if isinstance(item, bytes | bytearray):
        return encode_bytes(bytes(item))
    if isinstance(item, list | tuple):
        return encode_list_payload(b"".join([encode(part) for part in item]))
    raise RlpError(f"cannot encode a {type(item).__name__}")


def _long_span(raw: bytes, offset: int, end: int, length_bytes: int) -> tuple[int, int]:
    """Return (start, stop) of the payload of a long item whose prefix is at `offset`."""
    start = offset + 1 + length_bytes
    if start > end:
        raise RlpError("length prefix runs past the end")
    if raw[offset + 1] == 0:
        raise RlpError("length with a leading zero byte")
    length = int.from_bytes(raw[offset + 1 : start], "big")
    if length < 56:
        raise RlpError("long form for a short item")
    stop = start + length
    if stop > end:
        raise RlpError("item runs past the end")
    return start, stop


def decode_items(raw: bytes, offset: int, end: int, depth: int = 0) -> list[RlpItem]:
    """Decode the items that fill `raw[offset:end]` exactly, as the payload of a list at nesting `depth`.

    Raises:
        RlpError: not canonical, truncated, or nested deeper than MAX_DEPTH.
    """
    if depth >= MAX_DEPTH:
        raise RlpError(f"nested deeper than {MAX_DEPTH} lists")
    items: list[RlpItem] = []
    append = items.append
    while offset < end:
        prefix = raw[offset]
        if prefix < 0x80:
            start = offset
            offset += 1
            append(raw[start:offset])
        elif prefix < 0xB8:
            start = offset + 1
            offset += prefix - 0x7F
            if offset > end:
                raise RlpError("item runs past the end")
            if prefix == 0x81 and raw[start] < 0x80:
                raise RlpError("length prefix before a single byte")
            append(raw[start:offset])
        elif prefix < 0xC0:
            start, offset = _long_span(raw, offset, end, prefix - 0xB7)
            append(raw[start:offset])
        elif prefix < 0xF8:
            start = offset + 1
            offset += prefix - 0xBF
            if offset > end:
                raise RlpError("list runs past the end")
            append(decode_items(raw, start, offset, depth + 1))
        else:
            start, offset = _long_span(raw, offset, end, prefix - 0xF7)
            append(decode_items(raw, start, offset, depth + 1))
    return items


def decode(raw: bytes) -> RlpItem:
    """Decode exactly one item.

    Raises:
        RlpError: not canonical, truncated, trailing bytes, too deep, or longer than MAX_DECODE_BYTES.
    """
    if len(raw) > MAX_DECODE_BYTES:
        raise RlpError(f"input of {len(raw)} bytes, at most {MAX_DECODE_BYTES} are decoded")
    items = decode_items(raw, 0, len(raw), -1)
    if len(items) != 1:
        raise RlpError("empty input" if not items else "bytes after the end of the item")
    return items[0]


def item_span(raw: bytes, offset: int, end: int) -> tuple[bool, int, int]:
    """Return (is a list, payload start, payload stop) of the item at `offset`, without looking inside a list.

    Raises:
        RlpError: not canonical, or the item runs past `end`.
    """
    if offset >= end:
        raise RlpError("empty input")
    prefix = raw[offset]
    if prefix < 0x80:
        return False, offset, offset + 1
    is_list = prefix >= 0xC0
    short_form_base, long_form_base = (0xC0, 0xF7) if is_list else (0x80, 0xB7)
    if prefix > long_form_base:
        start, stop = _long_span(raw, offset, end, prefix - long_form_base)
        return is_list, start, stop
    start, stop = offset + 1, offset + 1 + prefix - short_form_base
    if stop > end:
        raise RlpError("item runs past the end")
    if prefix == 0x81 and raw[start] < 0x80:
        raise RlpError("length prefix before a single byte")
    return is_list, start, stop


def list_payload_span(raw: bytes) -> tuple[int, int]:
    """Return (start, stop) of the items of `raw`, which must be one list and nothing else.

    Raises:
        RlpError: not a list, not canonical, or trailing bytes.
    """
    is_list, start, stop = item_span(raw, 0, len(raw))
    if not is_list:
        raise RlpError("a list is expected")
    if stop != len(raw):
        raise RlpError("bytes after the end of the list")
    return start, stop


def iterate_encoded_items(raw: bytes, start: int, stop: int) -> Iterator[tuple[bool, bytes, bytes]]:
    """Yield (is a list, whole encoding, payload) of each item in `raw[start:stop]`, lists left undecoded.

    Lets a reader of a large list refuse at its first bad item, before the rest is touched.

    Raises:
        RlpError: not canonical, or an item runs past `stop`.
    """
    offset = start
    while offset < stop:
        is_list, payload_start, payload_stop = item_span(raw, offset, stop)
        yield is_list, raw[offset:payload_stop], raw[payload_start:payload_stop]
        offset = payload_stop
