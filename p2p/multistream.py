"""Multistream-select: how two peers agree on a protocol, with bounded lines and in one round trip.

Owns: both sides of the negotiation on raw connections and on streams.
Never: reads beyond the negotiation, and never trusts a length: lines and proposals are bounded.
Specification: https://github.com/multiformats/multistream-select

The negotiation of libp2p 0.8.1 reads a line of any announced length, before the peer is even authenticated, and
raises UnicodeDecodeError on bytes that are not UTF-8. Here the dialler sends header, protocol and its first
payload together and then reads both answers, which other implementations accept (go-libp2p does the same).
"""

from collections.abc import Container
from typing import Protocol

HEADER = "/multistream/1.0.0"
_NOT_AVAILABLE = "na"

MAX_LINE_BYTES = 1024
"""As in go-multistream: protocol names are far shorter."""

MAX_PROPOSALS = 16
"""A dialler lists the versions of one protocol; more is a probe."""


class NegotiationFailed(Exception):
    """No agreement, or the peer does not speak multistream-select."""


class ProtocolUnavailable(NegotiationFailed):
    """The peer answered that it does not support the protocol."""


class ByteStream(Protocol):
    """What negotiation needs of a connection or stream."""

    async def read(self, n: int | None = None) -> bytes:
        """At most n bytes; empty at the end."""

    async def write(self, data: bytes) -> None:
        """All of data."""


def encode_line(text: str) -> bytes:
    """Length (unsigned varint), text, newline."""
    body = text.encode() + b"\n"
    length = len(body)
    if length < 0x80:
        return bytes((length,)) + body
    return bytes((length & 0x7F | 0x80, length >> 7)) + body


async def _read_exactly(stream: ByteStream, count: int) -> bytes:
    received = b""
    while len(received) < count:
        chunk = await stream.read(count - len(received))
        if not chunk:
            raise NegotiationFailed("the peer closed during negotiation")
        received += chunk
    return received


async def read_line(stream: ByteStream) -> str:
    """One line without its newline. Raises NegotiationFailed on anything else."""
    length = (await _read_exactly(stream, 1))[0]
    if length & 0x80:
        length = length & 0x7F | (await _read_exactly(stream, 1))[0] << 7
    if not 0 < length <= MAX_LINE_BYTES:
        raise NegotiationFailed(f"line of {length} bytes")
    line = await _read_exactly(stream, length)
    if line[-1:] != b"\n":
        raise NegotiationFailed("line without newline")
    try:
        return line[:-1].decode("ascii")
    except UnicodeDecodeError:
        raise NegotiationFailed("line is not ASCII") from None


async def propose(stream: ByteStream, protocol: str, payload: bytes = b"") -> None:
    """Dialler: ask for one protocol. `payload` is sent with the proposal. Raises NegotiationFailed."""
    await stream.write(encode_line(HEADER) + encode_line(protocol) + payload)
    header = await read_line(stream)
    if header != HEADER:
        raise NegotiationFailed(f"the peer speaks {header[:40]!r}")
    answer = await read_line(stream)
    if answer == _NOT_AVAILABLE:
        raise ProtocolUnavailable(protocol)
    if answer != protocol:
        raise NegotiationFailed(f"the peer answered {answer[:40]!r}")


async def respond(stream: ByteStream, supported: Container[str]) -> str:
    """Listener: accept the first proposal that is supported. Raises NegotiationFailed."""
    # Sent at once: a dialler that does not pipeline waits for it before it proposes.
    await stream.write(encode_line(HEADER))
    header = await read_line(stream)
    if header != HEADER:
        raise NegotiationFailed(f"the peer speaks {header[:40]!r}")
    for _ in range(MAX_PROPOSALS):
        proposal = await read_line(stream)
        if proposal in supported:
            await stream.write(encode_line(proposal))
            return proposal
        await stream.write(encode_line(_NOT_AVAILABLE))
    raise NegotiationFailed("too many proposals")
