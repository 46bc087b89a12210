"""A small JSON-RPC client for the command line and the testnet tools: one request, one answer, over HTTP.

Owns the translation of network and server failures into clear errors. Never retries by itself.
"""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

from chain.errors import CallerError, EnvironmentFault

DEFAULT_TIMEOUT_S = 10.0
MAX_REPLY_BYTES = 64 << 20


class NodeUnreachable(EnvironmentFault):
    """No node answers at the address."""


class RpcCallFailed(CallerError):
    """The node answered with an error; `code` and `data` are JSON-RPC's."""

    def __init__(self, message: str, code: int, data: Any) -> None:
        super().__init__(message)
        self.code = code
        self.data = data


class RpcClient:
    """Talks to one node; `url` as in http://127.0.0.1:8545."""

    def __init__(self, url: str, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise CallerError(f"{url!r} is not an http:// or https:// address")
        self.url = url
        self._host = parts.hostname
        self._port = parts.port
        self._path = parts.path or "/"
        self._timeout_s = timeout_s
        self._tls = parts.scheme == "https"

    def call(self, method: str, *params: Any) -> Any:
        """The result of one call. Raises NodeUnreachable, RpcCallFailed."""
        reply = self._post({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)})
        if not isinstance(reply, dict):
            raise NodeUnreachable(f"{self.url} does not answer as a JSON-RPC server")
        error = reply.get("error")
        if error is not None:
            raise RpcCallFailed(str(error.get("message")), int(error.get("code", 0)), error.get("data"))
        return reply.get("result")

    def _post(self, document: Any) -> Any:
        kind = http.client.HTTPSConnection if self._tls else http.client.HTTPConnection
        connection = kind(self._host, self._port, timeout=self._timeout_s)
        try:
            connection.request("POST", self._path, json.dumps(document), {"Content-Type": "application/json"})
            response = connection.getresponse()
            body = response.read(MAX_REPLY_BYTES + 1)
        except (OSError, http.client.HTTPException) as error:
            raise NodeUnreachable(f"no node answers at {self.url}: {error}") from error
        finally:
            connection.close()
        if len(body) > MAX_REPLY_BYTES:
            raise NodeUnreachable(f"{self.url} sent more than {MAX_REPLY_BYTES} bytes")
        try:
            return json.loads(body)
        except ValueError as error:
            raise NodeUnreachable(f"{self.url} answers HTTP {response.status}, not JSON") from error
