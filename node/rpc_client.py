"""A small JSON-RPC client for the command line and the testnet tools: one request, one answer, over HTTP or
the unix socket of a node.

Owns the translation of network and server failures into clear errors. Never retries by itself.
"""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from chain.errors import CallerError, EnvironmentFault

DEFAULT_TIMEOUT_S = 10.0
MAX_REPLY_BYTES = 64 << 20


class NodeUnreachable(EnvironmentFault):
    """No node answers at the address."""


class InvalidUrl(CallerError):
    """What was given as the address of a node is none."""


class RpcCallFailed(CallerError):
    """The node answered with an error; `code` and `data` are JSON-RPC's."""

    def __init__(self, message: str, code: int, data: Any) -> None:
        super().__init__(message)
        self.code = code
        self.data = data


class RpcClient:
    """Talks to one node; `url` as in http://127.0.0.1:8545."""

    def __init__(self, url: str, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise InvalidUrl(
                f"not an address of a node: {error}; write it as http://127.0.0.1:8545"
            ) from error
        if parts.scheme not in ("http", "https") or not host:
            raise InvalidUrl("not an address of a node; write it as http://127.0.0.1:8545")
        if "@" in parts.netloc:
            raise InvalidUrl("an address with user name and password is not supported")
        self.url = f"{parts.scheme}://{parts.netloc}{parts.path}"  # shown in errors: without a query, it may be a key
        self._host = host
        self._port = port
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._timeout_s = timeout_s
        self._tls = parts.scheme == "https"

    def call(self, method: str, *params: Any) -> Any:
        """The result of one call. Raises NodeUnreachable, RpcCallFailed."""
        reply = self._post({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)})
        return _result_of(reply, self.url)

    def quantity(self, method: str, *params: Any) -> int:
        """The result of a call that answers with a hex number. Raises NodeUnreachable, RpcCallFailed."""
        result = self.call(method, *params)
        try:
            return int(result, 16)
        except (TypeError, ValueError) as error:
            raise NodeUnreachable(f"{self.url} answers {method} with {result!r}, not a number") from error

    def _post(self, document: Any) -> Any:
        kind = http.client.HTTPSConnection if self._tls else http.client.HTTPConnection
        connection = kind(self._host, self._port, timeout=self._timeout_s)
        try:
            connection.request("POST", self._path, json.dumps(document), {"Content-Type": "application/json"})
            response = connection.getresponse()
            body = response.read(MAX_REPLY_BYTES + 1)
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            raise NodeUnreachable(f"no node answers at {self.url}: {error}; is it running?") from error
        finally:
            connection.close()
        if len(body) > MAX_REPLY_BYTES:
            raise NodeUnreachable(f"{self.url} sent more than {MAX_REPLY_BYTES} bytes")
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            raise NodeUnreachable(f"{self.url} answers HTTP {response.status}, not JSON") from error


def call_socket(path: Path, method: str, *params: Any) -> Any:
    """The result of one call on the unix socket of a node of this user. Raises NodeUnreachable, RpcCallFailed."""
    document = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
        stream.settimeout(DEFAULT_TIMEOUT_S)
        try:
            stream.connect(str(path))
            stream.sendall(json.dumps(document).encode() + b"\n")
            with stream.makefile("rb") as lines:
                line = lines.readline(MAX_REPLY_BYTES)
        except (OSError, ValueError) as error:
            raise NodeUnreachable(f"no node answers at {path}: {error}") from error
    try:
        reply = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise NodeUnreachable(f"{path} does not answer in JSON") from error
    return _result_of(reply, str(path))


def _result_of(reply: Any, place: str) -> Any:
    if not isinstance(reply, dict):
        raise NodeUnreachable(f"{place} does not answer as a JSON-RPC server")
    error = reply.get("error")
    if isinstance(error, dict):
        code = error.get("code")
        raise RpcCallFailed(
            str(error.get("message")), code if isinstance(code, int) else 0, error.get("data")
        )
    if error is not None:
        raise RpcCallFailed(str(error), 0, None)
    return reply.get("result")
