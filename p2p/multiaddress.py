"""Multiaddrs of TCP endpoints and the text form of peer ids.

Owns: parsing and formatting of `/ip4|ip6|dns|dns4|dns6/HOST/tcp/PORT[/p2p/PEER]` and of base58 peer ids.
Never: resolves names, and never accepts another transport: this node speaks TCP only.
Specification: https://github.com/multiformats/multiaddr, https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md
"""

import ipaddress
from dataclasses import dataclass

from chain.errors import EnvironmentFault
from p2p.network import PeerId

_BASE58_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BASE58_DIGIT = {character: value for value, character in enumerate(_BASE58_ALPHABET)}

MAX_ADDRESS_TEXT = 512
"""A DNS name has at most 253 characters and a peer id about 60; the rest is separators."""

_MAX_PEER_ID_TEXT = 128
_MAX_PORT = 65535
_MAX_DNS_NAME = 253
_HOST_KINDS = ("ip4", "ip6", "dns", "dns4", "dns6")


class InvalidAddress(EnvironmentFault):
    """A configured or stored address that cannot be used; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class PeerAddress:
    """Where a peer listens. `peer_id` is None for a listening address of this node."""

    host_kind: str
    host: str
    port: int
    peer_id: PeerId | None = None

    def __str__(self) -> str:
        suffix = "" if self.peer_id is None else f"/p2p/{peer_id_text(self.peer_id)}"
        return f"/{self.host_kind}/{self.host}/tcp/{self.port}{suffix}"

    def without_peer(self) -> "PeerAddress":
        """The endpoint alone."""
        return PeerAddress(self.host_kind, self.host, self.port)


def base58_encode(raw: bytes) -> str:
    """Bitcoin-alphabet base58; each leading zero byte becomes one `1`."""
    number = int.from_bytes(raw, "big")
    digits: list[str] = []
    while number:
        number, remainder = divmod(number, 58)
        digits.append(_BASE58_ALPHABET[remainder])
    zeros = len(raw) - len(raw.lstrip(b"\0"))
    return "1" * zeros + "".join(reversed(digits))


def base58_decode(text: str) -> bytes:
    """Inverse of `base58_encode`. Raises InvalidAddress on a foreign character."""
    number = 0
    for character in text:
        digit = _BASE58_DIGIT.get(character)
        if digit is None:
            raise InvalidAddress(f"{character!r} is not a base58 character")
        number = number * 58 + digit
    zeros = len(text) - len(text.lstrip("1"))
    return b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8, "big")


def peer_id_text(peer: PeerId) -> str:
    """The usual text of a peer id, e.g. `12D3KooW...`."""
    return base58_encode(peer)


def parse_peer_id(text: str) -> PeerId:
    """Parse the text of a peer id: a base58 multihash, identity (inlined key) or SHA2-256. Raises InvalidAddress."""
    if not text or len(text) > _MAX_PEER_ID_TEXT:
        raise InvalidAddress(f"a peer id has 1 to {_MAX_PEER_ID_TEXT} characters, this one {len(text)}")
    raw = base58_decode(text)
    is_inlined_key = len(raw) >= 2 and raw[0] == 0x00 and raw[1] == len(raw) - 2 and raw[1] <= 42
    is_sha256 = len(raw) == 34 and raw[:2] == b"\x12\x20"
    if not (is_inlined_key or is_sha256):
        raise InvalidAddress(f"{text} is not a peer id")
    return raw


def _check_host(kind: str, host: str, text: str) -> str:
    try:
        if kind == "ip4":
            return str(ipaddress.IPv4Address(host))
        if kind == "ip6":
            return str(ipaddress.IPv6Address(host))
    except ValueError as error:
        raise InvalidAddress(f"{text}: {error}") from error
    if not 0 < len(host) <= _MAX_DNS_NAME or any(c.isspace() or not c.isprintable() for c in host):
        raise InvalidAddress(f"{text}: {host!r} is not a host name")
    return host


def parse_address(text: str, *, needs_peer: bool = False) -> PeerAddress:
    """Parse one TCP multiaddr. Raises InvalidAddress; `needs_peer` demands the `/p2p/PEER` part."""
    if len(text) > MAX_ADDRESS_TEXT:
        raise InvalidAddress(f"an address has at most {MAX_ADDRESS_TEXT} characters")
    parts = text.strip().split("/")
    if len(parts) not in (5, 7) or parts[0] != "" or parts[3] != "tcp" or parts[1] not in _HOST_KINDS:
        raise InvalidAddress(f"{text!r} is not of the form /ip4/HOST/tcp/PORT/p2p/PEER")
    port_text = parts[4]
    if not (port_text.isascii() and port_text.isdecimal()) or int(port_text[:6]) > _MAX_PORT:
        raise InvalidAddress(f"{text}: {port_text!r} is not a port")
    peer: PeerId | None = None
    if len(parts) == 7:
        if parts[5] != "p2p":
            raise InvalidAddress(f"{text}: /{parts[5]} is not supported")
        peer = parse_peer_id(parts[6])
    elif needs_peer:
        raise InvalidAddress(f"{text}: the /p2p/PEER part is missing")
    return PeerAddress(parts[1], _check_host(parts[1], parts[2], text), int(port_text), peer)
