"""Who is at the other end of a connection, as far as limits for each client go.

Owns the choice of what counts as one client. Never counts anything itself.

A client is an IPv4 address, or the first 64 bits of an IPv6 address: a subscriber of a network gets at least that many
addresses (RFC 6177). This machine itself is never one client: behind its loopback address there may be a reverse proxy
with everybody, or a suite of tests. So limits for each client have to be the proxy's where there is one: headers that
it adds (X-Forwarded-For) are not read, because anybody else may send them too.
"""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address
from typing import Final

LOCAL: Final = ""
"""This machine, and everybody behind its proxy."""

_HOST_BITS: Final = 64


def client_of(host: str) -> str:
    """The client at an address as the system writes it (`192.0.2.1`, `fe80::1%eth0`)."""
    address = ip_address(host)
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is None:
            network = IPv6Address(int(address) >> _HOST_BITS << _HOST_BITS)
            return LOCAL if address.is_loopback else f"{network}/{_HOST_BITS}"
        address = address.ipv4_mapped
    return LOCAL if address.is_loopback else str(address)
