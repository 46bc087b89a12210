"""Which hosts and web pages this listener answers.

Owns the Host allow-list, which stops DNS rebinding (a web page that makes the browser reach 127.0.0.1 under
the page's own name), and CORS, which lets pages read the answers and open WebSockets. Never authenticates anybody.
Specification: WHATWG Fetch (CORS protocol), RFC 9110 section 7.2, RFC 6455 section 10.2; go-ethereum
node/rpcstack.go has the same rule for hosts.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final

from rpc.listener.http_request import HttpRequest

MAX_REMEMBERED_HOSTS: Final = 256
"""Host headers whose verdict is remembered; clients of one node use a few."""

PREFLIGHT_SECONDS: Final = 600
"""How long a browser may remember that a page is allowed."""

_REQUESTED_HEADERS: Final = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~, -]{1,512}")


class AccessRules:
    """The configured hosts and origins."""

    def __init__(self, allowed_hosts: tuple[str, ...], cors_origins: tuple[str, ...]) -> None:
        self._any_host = "*" in allowed_hosts
        self._hosts = frozenset(host.lower() for host in allowed_hosts)
        self._any_origin = "*" in cors_origins
        self._origins = frozenset(origin.encode() for origin in cors_origins)
        self._verdicts: dict[bytes, bool] = {}

    def host_is_allowed(self, host: bytes) -> bool:
        """`host` is a Host header; an absent one (HTTP/1.0) is allowed, since browsers always send it."""
        if self._any_host or not host:
            return True
        verdict = self._verdicts.get(host)
        if verdict is None:
            if len(self._verdicts) >= MAX_REMEMBERED_HOSTS:
                self._verdicts.clear()
            verdict = self._verdicts[host] = self._judge(host)
        return verdict

    def _judge(self, host: bytes) -> bool:
        try:
            name = host.decode("ascii").lower()
        except UnicodeDecodeError:
            return False
        if name.startswith("["):
            name = name[1:].partition("]")[0]
        else:
            name = name.partition(":")[0]
        if name in self._hosts:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def cors_headers(self, request: HttpRequest) -> bytes:
        """Header lines that let the page behind the request read the answer; none for other clients."""
        origin = request.fields.get(b"origin")
        if origin is None or not (self._any_origin or self._origins):
            return b""
        if self._any_origin:
            return b"access-control-allow-origin: *\r\n"
        if origin in self._origins:
            return b"access-control-allow-origin: %b\r\nvary: origin\r\n" % origin
        return b"vary: origin\r\n"

    def websocket_is_allowed(self, request: HttpRequest) -> bool:
        """Browsers let every page open a WebSocket, so the answer depends on the page: the same list as for CORS.

        Programs send no Origin; a browser always does.
        """
        origin = request.fields.get(b"origin")
        return origin is None or self._any_origin or origin in self._origins

    def preflight_headers(self, request: HttpRequest) -> bytes | None:
        """The answer to a CORS preflight as header lines, or None when the request is none."""
        if (
            request.method != b"OPTIONS"
            or b"origin" not in request.fields
            or b"access-control-request-method" not in request.fields
        ):
            return None
        lines = self.cors_headers(request)
        if not lines.startswith(b"access-control-allow-origin"):
            return lines
        lines += b"access-control-allow-methods: GET, HEAD, POST, OPTIONS\r\n"
        lines += b"access-control-max-age: %d\r\n" % PREFLIGHT_SECONDS
        wanted = request.field(b"access-control-request-headers")
        if _REQUESTED_HEADERS.fullmatch(wanted) is not None:
            lines += b"access-control-allow-headers: %b\r\n" % wanted
        if request.field(b"access-control-request-private-network") == b"true":
            lines += b"access-control-allow-private-network: true\r\n"
        return lines
