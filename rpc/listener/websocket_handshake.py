"""The opening handshake of a WebSocket: from an HTTP request to the reply that changes the protocol.

Owns the checks of the request's head and the reply. Never decides who may connect
(rpc/listener/access.py), never reads or
writes a socket. No extension and no subprotocol is ever agreed on: compression would let a client make the node
inflate and deflate for it.
Specification: RFC 6455 section 4.2.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Final

from rpc.listener.http_reply import status_line
from rpc.listener.http_request import HttpRequest

VERSION: Final = b"13"
KEY_BYTES: Final = 16

_ACCEPT_SUFFIX: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class HandshakeRefused(Exception):
    """The request asks for WebSocket in a way that RFC 6455 does not allow: HTTP status, reason, header lines."""

    def __init__(self, status: int, reason: str, lines: bytes = b"") -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.lines = lines


def handshake_reply(request: HttpRequest, lines: bytes) -> bytes:
    """The whole reply that accepts; `lines` are finished header lines.

    Raises HandshakeRefused for another version (426, names the right one) or a bad key (400).
    """
    if request.field(b"sec-websocket-version") != VERSION:
        supported = b"sec-websocket-version: %b\r\nupgrade: websocket\r\n" % VERSION
        raise HandshakeRefused(426, "only version 13 of WebSocket is spoken here", supported)
    key = request.field(b"sec-websocket-key")
    try:
        nonce = base64.b64decode(key, validate=True)
    except binascii.Error:
        nonce = b""
    if len(nonce) != KEY_BYTES:
        raise HandshakeRefused(400, "malformed Sec-WebSocket-Key")
    return b"%bupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: %b\r\n%b\r\n" % (
        status_line(101),
        _accept_token(key),
        lines,
    )


def _accept_token(key: bytes) -> bytes:
    digest = hashlib.sha1(key + _ACCEPT_SUFFIX, usedforsecurity=False).digest()  # the protocol's choice
    return base64.b64encode(digest)
